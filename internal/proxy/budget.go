// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"

	"github.com/clawea/clawea/internal/dialect"
	"github.com/clawea/clawea/receipt"
)

// worst returns the most that a call can use of what is counted: what it
// reserves. size is the length of its body in bytes, none of which is more than a
// token. A counter whose worst case is not known is left out, and where the
// policy limits it the call is denied.
func (p *Proxy) worst(route *Route, a *dialect.Asked, size int) map[string]int {
	price := p.price(route.Name, a.Model)
	if price == nil {
		return new(Price).worst(a, size)
	}
	out := price.worst(a, size)
	if tokens, ok := out[receipt.Tokens]; ok {
		output := out[receipt.OutputTokens]
		if most := price.most(tokens-output, output); most <= maxCost {
			out[receipt.Cost] = most
		}
	}
	return out
}

// worst returns the most tokens that a call can use, as far as that is known.
func (p *Price) worst(a *dialect.Asked, size int) map[string]int {
	out := map[string]int{}
	output, known := p.output(a)
	if !known {
		return out
	}
	out[receipt.OutputTokens] = output
	if input, known := p.input(a, size); known {
		out[receipt.Tokens] = input + output
	}
	return out
}

func (p *Price) output(a *dialect.Asked) (tokens int, known bool) {
	switch {
	case a.MaxOutput > 0:
		return a.MaxOutput, a.MaxOutput <= maxCount
	case p.MaxOutput <= 0 || a.Choices > maxCount/p.MaxOutput:
		return 0, false
	}
	return p.MaxOutput * max(a.Choices, 1), true
}

func (p *Price) input(a *dialect.Asked, size int) (tokens int, known bool) {
	switch {
	case p.Context > 0 && (a.Refers || size > p.Context):
		return p.Context, true
	case a.Refers:
		return 0, false
	}
	return size, true
}

// settle says in out, which is complete otherwise, what the call cost and what it
// used of what it reserved. Nothing beyond that is counted: a cap holds whatever
// a provider says, and that it said more is for the operator to see.
func (p *Proxy) settle(ctx context.Context, route *Route, a *dialect.Asked, reserved map[string]int, out *receipt.Outcome) {
	if g := out.Model; g != nil && g.Usage != nil {
		if price := p.price(route.Name, a.Model); price != nil {
			g.Cost = price.cost(g.Usage)
		}
	}
	out.Used = receipt.Settled(reserved, out)
	for name, counted := range counted(out) {
		if most, ok := reserved[name]; ok && counted > most {
			p.Log.WarnContext(ctx, "the provider counts more than was reserved", "route", route.Name, "model", a.Model, "counter", name, "reserved", most, "counted", counted)
		}
	}
}

// counted is what the provider counted, if that is what out was settled by.
func counted(out *receipt.Outcome) map[string]int {
	if out.Model == nil || out.Model.Usage == nil || len(out.Used) == 0 {
		return nil
	}
	u := out.Model.Usage
	return map[string]int{receipt.Tokens: u.Input + u.Output, receipt.OutputTokens: u.Output, receipt.Cost: out.Model.Cost}
}
