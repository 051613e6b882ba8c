// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Table measures the languages beside each other and prints the table of the
// README: how many times the time of a WPC's decision each of the others takes.
//
//	go -C bench run ./cmd/table
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/clawea/clawea/bench"
)

// Rounds are short and take turns, and the best one counts, so that what else
// the machine does falls on nobody.
const (
	rounds = 40
	round  = 20 * time.Millisecond
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run() error {
	fmt.Print("| clauses |")
	languages := bench.Languages()
	for _, l := range languages {
		fmt.Printf(" %s |", l.Name)
	}
	fmt.Println("\n|---:|---:|---:|---:|---:|")
	for _, n := range bench.Sizes() {
		times, err := measure(languages, n)
		if err != nil {
			return err
		}
		fmt.Printf("| %d |", n)
		for _, t := range times {
			fmt.Printf(" %.1f |", float64(t)/float64(times[0]))
		}
		fmt.Println()
	}
	return nil
}

// measure returns the time of one decision by each language, in picoseconds.
func measure(languages []bench.Language, n int) ([]int64, error) {
	calls := make([][]func() bool, len(languages))
	for i, l := range languages {
		var err error
		if calls[i], err = l.Prepared(n); err != nil {
			return nil, err
		}
	}
	best := make([]int64, len(languages))
	for range rounds {
		for i := range languages {
			if t := decide(calls[i]); best[i] == 0 || t < best[i] {
				best[i] = t
			}
		}
	}
	return best, nil
}

// decide decides the calls in turn for a round.
func decide(calls []func() bool) int64 {
	decisions := int64(0)
	start := time.Now()
	for time.Since(start) < round {
		for _, call := range calls {
			call()
		}
		decisions += int64(len(calls))
	}
	return time.Since(start).Nanoseconds() * 1000 / decisions
}
