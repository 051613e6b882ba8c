// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/sandbox"
)

// Report is the tables with what must be known to read them.
func (b *ToolBench) Report(all ToolResults) (string, error) {
	flush, err := flushTime(b.Dir)
	if err != nil {
		return "", err
	}
	where := "processors are shared with the load, since they could not be divided"
	if b.Pin {
		where = "the house and the bare proxy have one core to themselves; the load and the server have another"
	}
	var list []*Round
	for _, targets := range all {
		for _, rounds := range targets {
			list = append(list, bare(rounds)...)
		}
	}
	out := fmt.Sprintf(`Calls of a tool that answers 300 bytes, at once or after a while, by sessions of the official Go SDK, each with its next call when
it has the answer to the last. The server is of the same SDK, over streamable HTTP: called directly, through a bare proxy (Go's
httputil.ReverseProxy), through a server of the SDK that passes calls on with a client of the SDK and does nothing else (MCP relay),
and through Clawea's own MCP server under a policy that pins it, with everything that belongs to a call: the
token (plain; or bound to a key, with a proof that is made for each call meanwhile), the policy, the tool's digest, two signed
receipts, each flushed to the disk; %d jobs. In brackets: how many times the bare proxy's. "Added" is the median latency less that of
direct calls. Medians of %d rounds of %v; %s.
%s, %s; flushing 4 KB to the disk takes %.0f µs; in half of the rounds, other processes had %.0f %% or more of the core.

%s`, toolJobs, b.Rounds, b.Round, where, processor(), runtime.Version(), micros(flush),
		100*spread(list, func(r *Round) float64 { return r.Others }).Median, b.table(all, false, Direct, BareProxy))
	if b.box != nil && slices.ContainsFunc(b.ToolCases, func(c ToolCase) bool { return c.Programs }) {
		out += fmt.Sprintf(`
The same server as a program that speaks on its standard input and output: started plainly by the load; by the load in Clawea's
sandbox (%s), without the house; and by the house for each job. In brackets: how many times the plain one's.

%s`, walls(b.Missing), b.table(all, true, PlainProgram, PlainProgram))
	}
	return out, nil
}

// walls says how whole the sandbox is.
func walls(missing []sandbox.Part) string {
	if len(missing) == 0 {
		return "all parts of it"
	}
	return fmt.Sprintf("without what this machine lacks: %v", missing)
}

// A measure is one of a case: a row of the table.
type measure struct {
	name string
	of   func(r, direct *ToolRound) float64
}

func toolMeasures() []measure {
	at := func(q float64) func(r, _ *ToolRound) float64 {
		return func(r, _ *ToolRound) float64 { return micros(r.At(q)) }
	}
	return []measure{
		{"calls a second", func(r, _ *ToolRound) float64 { return r.PerSecond() }},
		{"CPU µs", func(r, _ *ToolRound) float64 { return cpuMicros(r.Round) }},
		{"p50, µs", at(0.5)},
		{"p99, µs", at(0.99)},
		{"added, µs", func(r, direct *ToolRound) float64 { return micros(r.At(0.5) - direct.At(0.5)) }},
	}
}

// table writes the measures of the targets for programs, or of the others, side by
// side. What is added is added to direct.
func (b *ToolBench) table(all ToolResults, programs bool, direct, base string) string {
	targets := b.of(ToolCase{Programs: programs})
	var out strings.Builder
	out.WriteString("| |")
	for _, t := range targets {
		fmt.Fprintf(&out, " %s |", t.Name)
	}
	out.WriteString("\n|---|" + strings.Repeat("---:|", len(targets)) + "\n")
	for _, c := range b.ToolCases {
		if c.Programs != programs {
			continue
		}
		for _, m := range toolMeasures() {
			fmt.Fprintf(&out, "| %s, %s |", c.Name(), m.name)
			for _, t := range targets {
				fmt.Fprintf(&out, " %s |", m.cell(all[c], t, direct, base))
			}
			out.WriteString("\n")
		}
		if programs && c.Sessions == 1 && c.Wait == 0 {
			out.WriteString(startRow(all[c], targets))
		}
	}
	return out.String()
}

// cell is m of t, and how many times that of the base it is, round by round.
func (m measure) cell(rounds map[string][]*ToolRound, t *toolTarget, direct, base string) string {
	if m.name == "added, µs" && t.Name == direct || m.name == "CPU µs" && t.Process == nil {
		return none
	}
	var list, times []float64
	for i, r := range rounds[t.Name] {
		x := m.of(r, rounds[direct][i])
		list = append(list, x)
		if y := m.of(rounds[base][i], rounds[direct][i]); y > 0 { // less than nothing is added where the load is what is slow
			times = append(times, x/y)
		}
	}
	cell := number3(spreadOf(list).Median)
	if t.Name == direct || t.Name == base || len(times) == 0 {
		return cell
	}
	return fmt.Sprintf("%s (%.2f)", cell, spreadOf(times).Median)
}

// startRow is how long a session took that starts a program, to its first answer.
func startRow(rounds map[string][]*ToolRound, targets []*toolTarget) string {
	row := "| start to first answer, ms |"
	for _, t := range targets {
		var list []float64
		for _, r := range rounds[t.Name] {
			list = append(list, float64(r.Start)/float64(time.Millisecond))
		}
		cell := none // the house has it running already
		if t.program {
			cell = number3(spreadOf(list).Median)
		}
		row += " " + cell + " |"
	}
	return row + "\n"
}
