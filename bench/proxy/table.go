// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A Spread is what came out of several rounds. Without any it is not a number.
type Spread struct{ Min, Median, Max float64 }

// spread returns that of f over rounds.
func spread(rounds []*Round, f func(*Round) float64) Spread {
	var list []float64
	for _, r := range rounds {
		list = append(list, f(r))
	}
	return spreadOf(list)
}

func spreadOf(list []float64) Spread {
	if len(list) == 0 {
		return Spread{math.NaN(), math.NaN(), math.NaN()}
	}
	list = slices.Sorted(slices.Values(list))
	return Spread{list[0], list[len(list)/2], list[len(list)-1]}
}

// pairs returns the spread of f in rounds and in others, round by round.
func pairs(rounds, others []*Round, f func(a, b *Round) float64) Spread {
	var list []float64
	for i := range min(len(rounds), len(others)) {
		list = append(list, f(rounds[i], others[i]))
	}
	return spreadOf(list)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func latency(q float64) func(*Round) float64 {
	return func(r *Round) float64 { return micros(r.At(q)) }
}

func cpuMicros(r *Round) float64 { return r.CPUPerRequest() * 1e6 }

// summary is one line about rounds.
func summary(rounds []*Round) string {
	rate := spread(rounds, (*Round).PerSecond)
	line := fmt.Sprintf("%7.0f/s (%.0f-%.0f)  cpu %6.1f us  p50 %7.0f  p90 %7.0f  p99 %7.0f us", rate.Median, rate.Min, rate.Max,
		spread(rounds, cpuMicros).Median, spread(rounds, latency(0.5)).Median, spread(rounds, latency(0.9)).Median, spread(rounds, latency(0.99)).Median)
	unready, requests := 0, 0
	for _, r := range rounds {
		unready, requests = unready+r.Unready, requests+r.Requests
	}
	if unready > 0 {
		line += fmt.Sprintf("  (%d of %d proofs made meanwhile)", unready, requests)
	}
	if others := spread(rounds, func(r *Round) float64 { return r.Others }).Median; others > 0.1 {
		line += fmt.Sprintf("  (other processes had %.0f %% of the core)", 100*others)
	}
	if behind(rounds) {
		line += "  behind"
	}
	return line
}

// behind reports whether the target fell behind the rate in most rounds.
func behind(rounds []*Round) bool {
	n := 0
	for _, r := range rounds {
		if r.Behind {
			n++
		}
	}
	return 2*n > len(rounds)
}

// A row is one measure of every target.
type row struct {
	name string
	cell func(target string) string
}

// Table writes the measures side by side, in Markdown.
func (b *Bench) Table(all Results) string {
	var out strings.Builder
	out.WriteString("| |")
	for _, t := range b.Targets {
		fmt.Fprintf(&out, " %s |", t.Name)
	}
	out.WriteString("\n|---|" + strings.Repeat("---:|", len(b.Targets)) + "\n")
	for _, r := range b.rows(all) {
		fmt.Fprintf(&out, "| %s |", r.name)
		for _, t := range b.Targets {
			fmt.Fprintf(&out, " %s |", r.cell(t.Name))
		}
		out.WriteString("\n")
	}
	return out.String()
}

func (b *Bench) rows(all Results) []row {
	var rows []row
	for _, c := range b.Cases {
		rounds := all[c.Name]
		switch {
		case c.Chunks == shortStream: // what the long stream is compared with
		case c.Chunks == longStream:
			rows = append(rows, perChunk(rounds, all))
		case c.Rate > 0:
			rows = append(rows, timed(c.Name+", p50", rounds, 0.5), timed(c.Name+", p99", rounds, 0.99))
		default:
			rows = append(rows, share(c.Name, rounds), work(c.Name, rounds), timed(c.Name+", p50", rounds, 0.5), timed(c.Name+", p99", rounds, 0.99))
		}
	}
	return append(rows, b.life("idle, MiB", func(l *Life) []float64 { return l.Idle }), b.life("start to first answer, ms", func(l *Life) []float64 { return l.Start }))
}

const none = "–"

// share is how many requests a second there were: of the bare proxy in
// absolute numbers, of others as a share of that.
func share(name string, rounds map[string][]*Round) row {
	return row{name + ", requests", func(t string) string {
		if t == BareProxy || t == Direct {
			return number3(spread(rounds[t], (*Round).PerSecond).Median) + "/s"
		}
		return percent(pairs(rounds[t], rounds[BareProxy], func(a, b *Round) float64 { return a.PerSecond() / b.PerSecond() }))
	}}
}

// work is the processor's time that a request took in the gateway, and as how
// many requests that is for each of the bare proxy's: what else the machine does
// makes it slower, but hardly makes it take more.
func work(name string, rounds map[string][]*Round) row {
	return row{name + ", CPU µs", func(t string) string {
		switch s := spread(rounds[t], cpuMicros); {
		case t == Direct || math.IsNaN(s.Median):
			return none
		case t == BareProxy:
			return number3(s.Median)
		default:
			per := pairs(rounds[t], rounds[BareProxy], func(a, b *Round) float64 { return b.CPUPerRequest() / a.CPUPerRequest() })
			return fmt.Sprintf("%s (%.1f %%)", number3(s.Median), 100*per.Median)
		}
	}}
}

// timed is a latency: direct and the bare proxy's in absolute numbers, others'
// as what they add to that of the bare proxy.
func timed(name string, rounds map[string][]*Round, q float64) row {
	at := latency(q)
	return row{name + ", µs", func(t string) string {
		switch {
		case behind(rounds[t]):
			return "behind"
		case len(rounds[t]) == 0:
			return none
		case t == Direct || t == BareProxy:
			return number3(spread(rounds[t], at).Median)
		}
		return signed(pairs(rounds[t], rounds[BareProxy], func(a, b *Round) float64 { return at(a) - at(b) }).Median)
	}}
}

// perChunk is the processor's time that one chunk of a stream took in the
// gateway: what a long stream took more than a short one.
func perChunk(long map[string][]*Round, all Results) row {
	short := map[string][]*Round{}
	for name, rounds := range all {
		if strings.HasPrefix(name, fmt.Sprintf("stream of %d,", shortStream)) {
			short = rounds
		}
	}
	return row{"a chunk of a stream, CPU µs", func(t string) string {
		if t == Direct {
			return none
		}
		return number3(pairs(long[t], short[t], func(a, b *Round) float64 { return (cpuMicros(a) - cpuMicros(b)) / (longStream - shortStream) }).Median)
	}}
}

func (b *Bench) life(name string, of func(*Life) []float64) row {
	return row{name, func(t string) string {
		if b.Lives[t] == nil {
			return none
		}
		return number3(spreadOf(of(b.Lives[t])).Median)
	}}
}

// number3 writes x with about three digits.
func number3(x float64) string {
	switch {
	case math.IsNaN(x):
		return none
	case math.Abs(x) >= 100:
		return fmt.Sprintf("%.0f", x)
	case math.Abs(x) >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

func signed(x float64) string {
	if x >= 0 {
		return "+" + number3(x)
	}
	return number3(x)
}

func percent(s Spread) string {
	if math.IsNaN(s.Median) {
		return none
	}
	return fmt.Sprintf("%.1f %% (%.1f–%.1f)", 100*s.Median, 100*s.Min, 100*s.Max)
}
