// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import "slices"

// networks are the numbers that payment cards begin with (ISO/IEC 7812), and how
// many digits they have.
var networks = []struct {
	first, last string
	least, most int
}{
	{"2200", "2205", 16, 19},
	{"2221", "2720", 16, 16},
	{"300", "305", 14, 19},
	{"3095", "3095", 14, 19},
	{"34", "34", 15, 15},
	{"3528", "3589", 16, 19},
	{"36", "36", 14, 19},
	{"37", "37", 15, 15},
	{"38", "39", 14, 19},
	{"4", "4", 13, 19},
	{"50", "50", 12, 19},
	{"51", "55", 16, 16},
	{"56", "69", 12, 19},
	{"81", "82", 16, 19},
}

const (
	leastCard = 12
	mostCard  = 19
)

// cards finds the numbers of payment cards that the check digit of ISO/IEC 7812-1
// holds for, in one piece or in the groups that are printed.
func cards(text []byte, found func(from, to int)) {
	for i := 0; i < len(text); i++ {
		if !digit(text[i]) || i > 0 && digit(text[i-1]) {
			continue
		}
		if to := card(text[i:]) + i; to > i && !beside(text, i, to) && !fraction(text, i, to) {
			found(i, to)
			i = to - 1
		}
	}
}

// card returns where the longest card's number ends that b begins with, 0 if
// there is none.
func card(b []byte) (end int) {
	digits, groups := make([]byte, 0, mostCard), make([]int, 0, mostCard)
	for i := 0; ; i++ {
		from := i
		for i < len(b) && digit(b[i]) && len(digits) < mostCard {
			digits = append(digits, b[i])
			i++
		}
		if groups = append(groups, i-from); i == from || i < len(b) && digit(b[i]) {
			return end
		}
		if len(digits) >= leastCard && printed(groups) && issued(digits) && luhn(digits) {
			end = i
		}
		if i == len(b) || b[i] != ' ' && b[i] != '-' || len(groups) > 1 && b[i] != b[groups[0]] {
			return end
		}
	}
}

// printed reports whether groups are those of a card: one, fours with a rest, or
// four, six and a rest.
func printed(groups []int) bool {
	switch len(groups) {
	case 1:
		return true
	case 3:
		return groups[0] == 4 && groups[1] == 6
	case 4, 5:
		return groups[0] == 4 && groups[1] == 4 && groups[2] == 4
	}
	return false
}

// issued reports whether a network has numbers that begin as digits do and are as long.
func issued(digits []byte) bool {
	for _, n := range networks {
		if head := string(digits[:len(n.first)]); n.first <= head && head <= n.last && n.least <= len(digits) && len(digits) <= n.most {
			return true
		}
	}
	return false
}

func luhn(digits []byte) bool {
	sum := 0
	for i, c := range slices.Backward(digits) {
		n := int(c - '0')
		if (len(digits)-i)%2 == 0 {
			n *= 2
		}
		sum += n/10 + n%10
	}
	return sum%10 == 0
}

// fraction reports whether text[from:to] is one side of a decimal point.
func fraction(text []byte, from, to int) bool {
	return from > 1 && text[from-1] == '.' && digit(text[from-2]) ||
		to+1 < len(text) && text[to] == '.' && digit(text[to+1])
}
