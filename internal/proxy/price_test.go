// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"math/big"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"*", "a/b", true}, {"a", "a", true}, {"a", "ab", false}, {"a*", "ab", true}, {"*b", "ab", true},
		{"a*b", "ab", true}, {"a*b", "a", false}, {"a*a", "a", false}, {"a*b*c", "aXbYc", true}, {"a*b*c", "aXcYb", false}, {"**", "x", true}, {"a**", "a", true},
	} {
		if got := policy.Glob(c.pattern, c.s); got != c.want {
			t.Errorf("%q, %q: got %v", c.pattern, c.s, got)
		}
	}
}

func TestMatchesAsAnExpressionDoes(t *testing.T) {
	short := rapid.StringMatching(`[ab*]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		pattern, s := short.Draw(t, "pattern"), strings.ReplaceAll(short.Draw(t, "s"), "*", "c")
		want := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$").MatchString(s)
		if got := policy.Glob(pattern, s); got != want {
			t.Errorf("%q, %q: got %v", pattern, s, got)
		}
	})
}

func TestTheFirstPriceCounts(t *testing.T) {
	p := &Proxy{Prices: []Price{{Route: "r", Models: "m-small*", Input: 1}, {Route: "r", Models: "m-*", Input: 2}, {Route: "s", Models: "*", Input: 3}}}
	for _, c := range []struct {
		route, model string
		want         int
	}{{"r", "m-small-2", 1}, {"r", "m-large", 2}, {"s", "m-small", 3}} {
		if got := p.price(c.route, c.model); got == nil || got.Input != c.want {
			t.Errorf("%s/%s: got %+v", c.route, c.model, got)
		}
	}
	if got := p.price("r", "x"); got != nil {
		t.Errorf("a model without a price: %+v", got)
	}
}

func TestCost(t *testing.T) {
	p := &Price{Input: 3_000_000, Output: 15_000_000, CacheRead: 300_000, CacheMade: 3_750_000} // 3, 15, 0.30 and 3.75 for a million
	for _, c := range []struct {
		name  string
		usage receipt.Usage
		want  int
	}{
		{"nothing", receipt.Usage{}, 0},
		{"a million each", receipt.Usage{Input: million, Output: million}, 18_000_000},
		{"all kinds", receipt.Usage{Input: 1000, Output: 100, CacheRead: 600, CacheMade: 300}, 300 + 180 + 1125 + 1500},
		{"rounded up, once", receipt.Usage{Input: 2, CacheRead: 1, CacheMade: 1}, 5},                       // 0.3 + 3.75
		{"thinking is output", receipt.Usage{Output: 10, Reasoning: 9}, 150},                               //
		{"more cached than there is", receipt.Usage{Input: 10, CacheRead: 20, CacheMade: 20}, 3},           // as if all of it were read
		{"a negative count", receipt.Usage{Input: -5, Output: -5}, 0},                                      // no receipt takes it
		{"counts beyond belief", receipt.Usage{Input: 1 << 62, Output: 1 << 62}, 3*maxCount + 15*maxCount}, // as the largest that is believed
	} {
		if got := p.cost(&c.usage); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

// What anything costs is exact, rounded up, and never more than the worst case
// of as many tokens.
func TestCostIsExact(t *testing.T) {
	prices, counts := rapid.IntRange(0, MaxPrice), rapid.IntRange(0, maxCount)
	rapid.Check(t, func(t *rapid.T) {
		p := &Price{Input: prices.Draw(t, "input"), Output: prices.Draw(t, "output"), CacheRead: prices.Draw(t, "read"), CacheMade: prices.Draw(t, "made")}
		u := &receipt.Usage{Input: counts.Draw(t, "in"), Output: counts.Draw(t, "out")}
		u.CacheRead = rapid.IntRange(0, u.Input).Draw(t, "cached")
		u.CacheMade = rapid.IntRange(0, u.Input-u.CacheRead).Draw(t, "put")
		exact := new(big.Int)
		for _, x := range [][2]int{{u.Input - u.CacheRead - u.CacheMade, p.Input}, {u.CacheRead, p.CacheRead}, {u.CacheMade, p.CacheMade}, {u.Output, p.Output}} {
			exact.Add(exact, new(big.Int).Mul(big.NewInt(int64(x[0])), big.NewInt(int64(x[1]))))
		}
		exact.Add(exact, big.NewInt(million-1)).Div(exact, big.NewInt(million))
		want := int64(maxCost)
		if exact.IsInt64() {
			want = min(exact.Int64(), maxCost)
		}
		if got := p.cost(u); int64(got) != want {
			t.Errorf("got %d, want %d", got, want)
		}
		if most := p.most(u.Input, u.Output); p.cost(u) > most {
			t.Errorf("cost %d, at most %d", p.cost(u), most)
		}
	})
}
