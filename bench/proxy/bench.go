// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package proxy measures model calls through Clawea beside others: the same
// requests straight to the model, through a bare reverse proxy, and through
// gateways that other people make; and calls of an MCP server's tool in the same
// manner.
//
// Everything runs on loopback addresses, each part in its own process. What is
// measured has a processor of its own; the load and the model share the other.
// A gateway's time is what the kernel says that its process has spent. Every
// answer is compared with what the model is known to answer, and every request
// through Clawea must have left its receipts.
package proxy

import (
	"fmt"
	"io"
	"time"
)

// Options say what to measure. Rounds and Round must be set.
type Options struct {
	Dir     string // where databases and logs go: on a disk, or there is nothing to wait for
	Clawea  string // the program to measure; "": the one of this repository
	Cases   []Case
	Rounds  int
	Round   time.Duration
	Holds   []Hold // each a house more, whose flushes take longer
	Portkey bool   // measure @portkey-ai/gateway, which must be installed
	Pin     bool   // give what is measured a processor of its own
	Log     io.Writer
}

// A Case is a load that all targets come under.
type Case struct {
	Name string
	Load
	Held bool // by the houses with slower disks, too
}

// Cases are all of them. They are short enough to be run in turn, many times.
func Cases() []Case {
	const kilobyte = 1000
	plain := func(conns int, held bool) Case {
		return Case{fmt.Sprintf("plain, %d", conns), Load{Kind{Size: kilobyte}, conns, 0}, held}
	}
	stream := func(conns int) Case {
		return Case{fmt.Sprintf("stream of 12, %d", conns), Load{Kind{Chunks: 12, Size: kilobyte}, conns, 0}, false}
	}
	open := func(rate int) Case {
		return Case{fmt.Sprintf("plain, %d a second", rate), Load{Kind{Size: kilobyte}, 64, rate}, false}
	}
	paced := func(chunks, rate int) Case {
		return Case{fmt.Sprintf("stream of %d, paced", chunks), Load{Kind{Chunks: chunks, Pause: 4 * time.Millisecond, Size: kilobyte}, 64, rate}, false}
	}
	return []Case{
		plain(1, true), plain(16, true), plain(64, true), plain(256, true),
		stream(1), stream(16), stream(64), stream(256),
		open(500), open(1000), open(3000),
		paced(shortStream, 100), paced(longStream, 100),
		{"plain of 112 KB, 16", Load{Kind{Size: 112 * kilobyte}, 16, 0}, false},
	}
}

// The lengths of the paced streams: what the long one takes more is what its
// chunks take.
const (
	shortStream = 5
	longStream  = 105
)

// Results are rounds by case and target, in the order they were run in.
type Results map[string]map[string][]*Round

// Run puts every target under every load: in each round of a case, each target
// has its turn, and another one begins, so that what else the machine does
// falls on all alike.
func (b *Bench) Run() (Results, error) {
	all := Results{}
	for _, c := range b.Cases {
		all[c.Name] = map[string][]*Round{}
		var targets []*Target
		for _, t := range b.Targets {
			if c.Held || !b.held[t] {
				targets = append(targets, t)
			}
		}
		expect, err := b.warm(c, targets)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		for i := range b.Rounds {
			for j := range targets {
				t := targets[(i+j)%len(targets)]
				r, err := b.round(c, t, b.Round, expect[t])
				if err != nil {
					return nil, fmt.Errorf("%s: %w", c.Name, err)
				}
				all[c.Name][t.Name] = append(all[c.Name][t.Name], r)
			}
		}
		b.say(c, targets, all[c.Name])
	}
	for _, h := range b.Houses {
		if err := h.Check(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// round runs one round. Clawea must answer everything; another gateway that
// breaks off an answer once may try again, and the log says so.
func (b *Bench) round(c Case, t *Target, d time.Duration, expect int) (*Round, error) {
	r, err := c.Run(t, d, expect)
	if err != nil && !t.receipts && t.Process != nil {
		fmt.Fprintf(b.Log, "%s: a round again, because of: %v\n", c.Name, err)
		r, err = c.Run(t, d, expect)
	}
	return r, err
}

// warm runs a short round on every target, and returns how many requests to
// expect of a long one.
func (b *Bench) warm(c Case, targets []*Target) (map[*Target]int, error) {
	expect := map[*Target]int{}
	short := min(b.Round, 300*time.Millisecond)
	for _, t := range targets {
		r, err := b.round(c, t, short, 0)
		if err != nil {
			return nil, err
		}
		rate := r.PerSecond()
		if t.Tokens != nil && t.Tokens[0].Prove != nil && c.Rate == 0 {
			rate *= 2 // it made proofs meanwhile
		}
		expect[t] = int(rate * b.Round.Seconds() * 1.2)
	}
	return expect, nil
}

// say logs what came out of one case.
func (b *Bench) say(c Case, targets []*Target, rounds map[string][]*Round) {
	fmt.Fprintf(b.Log, "\n%s\n", c.Name)
	for _, t := range targets {
		fmt.Fprintf(b.Log, "  %-30s %s\n", t.Name, summary(rounds[t.Name]))
	}
}
