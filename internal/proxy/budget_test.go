// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/internal/dialect"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/receipt"
)

// prices have one of every kind, on the route r.
var prices = []Price{
	{Route: "r", Models: "whole", Input: 2_000_000, Output: 10_000_000, CacheRead: 200_000, CacheMade: 4_000_000, Context: 1000, MaxOutput: 500},
	{Route: "r", Models: "bare", Input: 2_000_000, Output: 10_000_000, CacheRead: 2_000_000, CacheMade: 2_000_000},
	{Route: "r", Models: "free", Context: 1000, MaxOutput: 500},
	{Route: "r", Models: "dear", Input: MaxPrice, Output: MaxPrice},
}

func TestWorst(t *testing.T) {
	p, route := &Proxy{Prices: prices}, &Route{Name: "r"}
	all := func(tokens, output, cost int) map[string]int {
		return map[string]int{receipt.Tokens: tokens, receipt.OutputTokens: output, receipt.Cost: cost}
	}
	for _, c := range []struct {
		name  string
		asked dialect.Asked
		size  int
		want  map[string]int
	}{
		{"a short request", dialect.Asked{Model: "whole", MaxOutput: 100, Choices: 1}, 300, all(400, 100, 4*300+10*100)},
		{"a long request", dialect.Asked{Model: "whole", MaxOutput: 100, Choices: 1}, 5000, all(1100, 100, 4*1000+10*100)},
		{"what it refers to", dialect.Asked{Model: "whole", MaxOutput: 100, Choices: 1, Refers: true}, 10, all(1100, 100, 4*1000+10*100)},
		{"output unsaid", dialect.Asked{Model: "whole", Choices: 1}, 300, all(800, 500, 4*300+10*500)},
		{"three answers", dialect.Asked{Model: "whole", Choices: 3}, 300, all(1800, 1500, 4*300+10*1500)},
		{"three answers, bounded", dialect.Asked{Model: "whole", MaxOutput: 60, Choices: 3}, 300, all(360, 60, 4*300+10*60)},
		{"more answers than can be", dialect.Asked{Model: "whole", Choices: 1 << 60}, 300, map[string]int{}},
		{"more output than can be", dialect.Asked{Model: "whole", MaxOutput: maxCount + 1, Choices: 1}, 300, map[string]int{}},
		{"free", dialect.Asked{Model: "free", MaxOutput: 100, Choices: 1}, 300, all(400, 100, 0)},
		{"no bounds, but in the request", dialect.Asked{Model: "bare", MaxOutput: 100, Choices: 1}, 300, all(400, 100, 2*300+10*100)},
		{"no bound of output", dialect.Asked{Model: "bare", Choices: 1}, 300, map[string]int{}},
		{"no bound of input", dialect.Asked{Model: "bare", MaxOutput: 100, Choices: 1, Refers: true}, 300, map[string]int{receipt.OutputTokens: 100}},
		{"no price", dialect.Asked{Model: "new", MaxOutput: 100, Choices: 1}, 300, map[string]int{receipt.Tokens: 400, receipt.OutputTokens: 100}},
		{"no price, and it refers", dialect.Asked{Model: "new", MaxOutput: 100, Choices: 1, Refers: true}, 300, map[string]int{receipt.OutputTokens: 100}},
		{"no price, no bound", dialect.Asked{Model: "new", Choices: 1}, 300, map[string]int{}},
		{"a cost beyond counting", dialect.Asked{Model: "dear", MaxOutput: maxCount, Choices: 1}, 300, map[string]int{receipt.Tokens: maxCount + 300, receipt.OutputTokens: maxCount}},
	} {
		if diff := cmp.Diff(c.want, p.worst(route, &c.asked, c.size)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if diff := cmp.Diff(map[string]int{receipt.Tokens: 400, receipt.OutputTokens: 100}, p.worst(&Route{Name: "s"}, &dialect.Asked{Model: "whole", MaxOutput: 100, Choices: 1}, 300)); diff != "" {
		t.Errorf("on another route: %s", diff)
	}
}

func TestSettle(t *testing.T) {
	reserved := map[string]int{receipt.Tokens: 400, receipt.OutputTokens: 100, receipt.Cost: 2200}
	for _, c := range []struct {
		name   string
		status receipt.Status
		usage  *receipt.Usage
		cost   int
		used   map[string]int // nil: all
		logged string
	}{
		{"usage", receipt.Done, &receipt.Usage{Input: 50, Output: 20}, 300, map[string]int{receipt.Tokens: 70, receipt.OutputTokens: 20, receipt.Cost: 300}, ""},
		{"cached", receipt.Done, &receipt.Usage{Input: 50, Output: 20, CacheRead: 10, CacheMade: 5}, 292, map[string]int{receipt.Tokens: 70, receipt.OutputTokens: 20, receipt.Cost: 292}, ""},
		{"usage, cut off", receipt.Aborted, &receipt.Usage{Input: 50, Output: 20}, 300, map[string]int{receipt.Tokens: 70, receipt.OutputTokens: 20, receipt.Cost: 300}, ""},
		{"usage, and it failed", receipt.Failed, &receipt.Usage{Input: 50, Output: 20}, 300, map[string]int{receipt.Tokens: 70, receipt.OutputTokens: 20, receipt.Cost: 300}, ""},
		{"nothing used", receipt.Done, &receipt.Usage{}, 0, map[string]int{receipt.Tokens: 0, receipt.OutputTokens: 0, receipt.Cost: 0}, ""},
		{"usage beyond", receipt.Done, &receipt.Usage{Input: 900, Output: 120}, 3000, reserved, "counter=output_tokens reserved=100 counted=120"},
		{"odd usage", receipt.Done, &receipt.Usage{Input: -1, Output: 20}, 200, nil, ""},
		{"no usage", receipt.Done, nil, 0, nil, ""},
		{"no usage, cut off", receipt.Aborted, nil, 0, nil, ""},
		{"no usage, unknown", receipt.Unknown, nil, 0, nil, ""},
		{"refused", receipt.Failed, nil, 0, map[string]int{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log housetest.Log
			p := &Proxy{Prices: []Price{{Route: "r", Models: "m", Input: 2_000_000, Output: 10_000_000, CacheRead: 200_000, CacheMade: 4_000_000}}, Log: slog.New(slog.NewTextHandler(&log, nil))}
			out := &receipt.Outcome{Status: c.status, Model: &receipt.Generation{Provider: "openai", Usage: c.usage}}
			p.settle(t.Context(), &Route{Name: "r"}, &dialect.Asked{Model: "m"}, reserved, out)
			if out.Model.Cost != c.cost {
				t.Errorf("cost %d, want %d", out.Model.Cost, c.cost)
			}
			if diff := cmp.Diff(c.used, out.Used); diff != "" {
				t.Errorf("used: %s", diff)
			}
			if logged := log.String(); !strings.Contains(logged, c.logged) || c.logged == "" && logged != "" {
				t.Errorf("logged %q, want %q", logged, c.logged)
			}
		})
	}
}

// A call without an answer is settled as well, and one that reserved nothing has
// nothing to settle.
func TestSettleWithoutAnAnswer(t *testing.T) {
	p, reserved := &Proxy{Log: slog.New(slog.DiscardHandler)}, map[string]int{receipt.Tokens: 400}
	for status, want := range map[receipt.Status]map[string]int{receipt.Failed: {}, receipt.Unknown: nil, receipt.Aborted: nil} {
		out := &receipt.Outcome{Status: status}
		p.settle(t.Context(), &Route{}, &dialect.Asked{}, reserved, out)
		if diff := cmp.Diff(want, out.Used); diff != "" {
			t.Errorf("%s: %s", status, diff)
		}
	}
	out := &receipt.Outcome{Status: receipt.Failed}
	p.settle(t.Context(), &Route{}, &dialect.Asked{}, nil, out)
	if out.Used != nil {
		t.Errorf("used %v of nothing", out.Used)
	}
}

// However a call ends, it uses no more than it reserved, and nothing that it did
// not reserve.
func TestSettleWithinWhatWasReserved(t *testing.T) {
	p := &Proxy{Prices: prices, Log: slog.New(slog.DiscardHandler)}
	rapid.Check(t, func(t *rapid.T) {
		a := &dialect.Asked{
			Model: rapid.SampledFrom([]string{"whole", "bare", "free", "dear", "new"}).Draw(t, "model"), Choices: rapid.IntRange(1, 8).Draw(t, "choices"),
			MaxOutput: rapid.IntRange(0, 2000).Draw(t, "max"), Refers: rapid.Bool().Draw(t, "refers"),
		}
		reserved := p.worst(&Route{Name: "r"}, a, rapid.IntRange(2, 4000).Draw(t, "size"))
		out := &receipt.Outcome{Status: rapid.SampledFrom([]receipt.Status{receipt.Done, receipt.Failed, receipt.Aborted, receipt.Unknown}).Draw(t, "status")}
		if rapid.Bool().Draw(t, "answered") {
			count := rapid.IntRange(-10, 5000)
			out.Model = &receipt.Generation{Usage: &receipt.Usage{Input: count.Draw(t, "in"), Output: count.Draw(t, "out"), CacheRead: count.Draw(t, "read"), CacheMade: count.Draw(t, "made")}}
		}
		p.settle(t.Context(), &Route{Name: "r"}, a, reserved, out)
		for name, used := range out.Used {
			if most, ok := reserved[name]; !ok || used < 0 || used > most {
				t.Errorf("%s: used %d of %d, %v", name, used, most, ok)
			}
		}
	})
}
