// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A Price is what a model costs, and how much of it there can be in one call.
// Money is in millionths of the house's currency for a million tokens.
type Price struct {
	Route  string // the route's name
	Models string // pattern of models' names as policies say them; * stands for any run of characters

	Input, Output        int // at most MaxPrice each
	CacheRead, CacheMade int // of the input that a provider's cache has, and that it is given

	Context   int // tokens of input that the model takes at most; 0: not known
	MaxOutput int // tokens that it answers at most; 0: not known
}

// Bounds of what is reckoned with. Within them nothing overflows, and sums of
// such numbers still have one form in JSON.
const (
	MaxPrice = 1_000_000_000_000 // of a million tokens: one of the house's currency for each
	maxCount = 1 << 40           // tokens of a call
	maxCost  = 1 << 50           // millionths of the house's currency for a call: a billion of it
)

const million = 1_000_000

// price returns what a model on a route costs, by the first price that matches,
// or nil if the house does not know.
func (p *Proxy) price(route, model string) *Price {
	for i := range p.Prices {
		if at := &p.Prices[i]; at.Route == route && policy.Glob(at.Models, model) {
			return at
		}
	}
	return nil
}

// cost is what u comes to, rounded up.
func (p *Price) cost(u *receipt.Usage) int {
	input := bounded(u.Input)
	read := min(bounded(u.CacheRead), input)
	made := min(bounded(u.CacheMade), input-read)
	var s sum
	s.add(input-read-made, p.Input)
	s.add(read, p.CacheRead)
	s.add(made, p.CacheMade)
	s.add(bounded(u.Output), p.Output)
	return min(s.total(), maxCost)
}

// most is what so many tokens cost at the worst: all of the input at its highest price.
func (p *Price) most(input, output int) int {
	var s sum
	s.add(input, max(p.Input, p.CacheRead, p.CacheMade))
	s.add(output, p.Output)
	return s.total()
}

func bounded(count int) int { return min(max(count, 0), maxCount) }

// A sum is money in two parts, so that no product of a count and a price
// overflows: it is rounded once, at its end.
type sum struct {
	whole int // millionths
	rest  int // millionths of those
}

// add adds what tokens cost at a price for a million of them.
func (s *sum) add(tokens, price int) {
	s.whole += tokens / million * price
	s.rest += tokens % million * price
}

func (s *sum) total() int { return s.whole + (s.rest+million-1)/million }
