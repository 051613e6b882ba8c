// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import "slices"

// maxSteps bounds how many lines the search looks at, whatever the distance.
const maxSteps = 10_000_000

// maxDistance bounds how many lines may differ before two texts count as
// different altogether. The search takes its square in time and space.
const maxDistance = 600

// editScript returns how to make b of a: Myers' shortest edit script, with lines
// that go before those that come. It adds to work how many lines it looked at.
// What takes too long to search counts as different altogether.
func editScript(a, b []line, work *int) []step {
	head := 0
	for head < min(len(a), len(b)) && a[head].same(&b[head]) {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail].same(&b[len(b)-1-tail]) {
		tail++
	}
	steps := addSteps(make([]step, 0, len(a)+len(b)), ' ', b[:head])
	steps = append(steps, shortest(a[head:len(a)-tail], b[head:len(b)-tail], work)...)
	return addSteps(steps, ' ', b[len(b)-tail:])
}

// addSteps adds a step for each line.
func addSteps(steps []step, op byte, lines []line) []step {
	for i := range lines {
		steps = append(steps, step{op, &lines[i]})
	}
	return steps
}

func (l *line) same(o *line) bool { return l.text == o.text && l.sum == o.sum }

func shortest(a, b []line, work *int) []step {
	names := map[[2]string]int{}
	trace := search(number(a, names), number(b, names), work)
	if trace == nil {
		return replaceAll(a, b)
	}
	var steps []step
	x, y := len(a), len(b)
	for d := len(trace) - 1; d >= 0; d-- {
		v := trace[d]
		at := func(k int) int { return v[k+d+1] }
		k := x - y
		prev := k - 1
		if k == -d || k != d && at(k-1) < at(k+1) {
			prev = k + 1
		}
		fromX := at(prev)
		fromY := fromX - prev
		if d == 0 {
			fromX, fromY = 0, 0
		}
		for x > fromX && y > fromY && x > 0 && y > 0 && a[x-1].same(&b[y-1]) {
			x, y = x-1, y-1
			steps = append(steps, step{' ', &b[y]})
		}
		switch {
		case d == 0:
		case prev == k+1:
			y--
			steps = append(steps, step{'+', &b[y]})
		default:
			x--
			steps = append(steps, step{'-', &a[x]})
		}
	}
	slices.Reverse(steps)
	return steps
}

// search returns, for each number of differences, how far each diagonal came
// before it; nil if there are more than maxDistance. Entry d has diagonals -d-1
// to d+1.
func search(a, b []int, work *int) [][]int {
	end := *work + maxSteps
	limit := min(len(a)+len(b), maxDistance)
	v := make([]int, 2*limit+3)
	zero := limit + 1
	var trace [][]int
	for d := 0; d <= limit; d++ {
		trace = append(trace, slices.Clone(v[zero-d-1:zero+d+2]))
		for k := -d; k <= d; k += 2 {
			x := v[zero+k-1] + 1
			if k == -d || k != d && v[zero+k-1] < v[zero+k+1] {
				x = v[zero+k+1]
			}
			for x < len(a) && x-k < len(b) && x-k >= 0 && a[x] == b[x-k] {
				x++
				*work++
			}
			if *work++; *work > end {
				return nil
			}
			v[zero+k] = x
			if x >= len(a) && x-k >= len(b) {
				return trace
			}
		}
	}
	return nil
}

// number gives lines that are the same the same number.
func number(lines []line, names map[[2]string]int) []int {
	list := make([]int, len(lines))
	for i, l := range lines {
		key := [2]string{l.text, l.sum}
		n, ok := names[key]
		if !ok {
			n = len(names)
			names[key] = n
		}
		list[i] = n
	}
	return list
}

func replaceAll(a, b []line) []step {
	return addSteps(addSteps(make([]step, 0, len(a)+len(b)), '-', a), '+', b)
}
