// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math"
	"strconv"
)

// The counters that policies bound.
const (
	pages        = "pages"         // pages read or found
	writes       = "writes"        // calls that were allowed to change something
	tokens       = "tokens"        // tokens of model calls, in and out
	cost         = "cost"          // money for model calls, in millionths of the house's currency
	outputTokens = "output_tokens" // tokens of one model call's answers; bounded in each call
)

// modelCounters are those that a model call has to name where they are bounded.
var modelCounters = [...]string{tokens, cost, outputTokens}

// Limits are the counted bounds under p, by counter. They are a job's, but for
// "output_tokens", which is each call's; "cost" is in millionths of the house's
// currency.
func (p *Policy) Limits() map[string]int {
	limits := map[string]int{}
	put := func(counter string, n *int) {
		if n != nil {
			limits[counter] = *n
		}
	}
	if a := p.doc.Actions; a != nil && a.Read != nil {
		put(pages, a.Read.Pages)
	}
	if a := p.doc.Actions; a != nil && a.Write != nil {
		put(writes, a.Write.Writes)
	}
	if r := p.doc.ModelRoute; r != nil {
		put(tokens, r.MaxTokens)
		put(outputTokens, r.MaxOutput)
		if r.MaxCost != nil {
			limits[cost], _ = millionths(*r.MaxCost) // check has seen to it
		}
	}
	return limits
}

// limitClause is where a policy bounds a counter.
func limitClause(counter string) string {
	switch counter {
	case writes:
		return "/actions/write/max_writes_per_job"
	case tokens:
		return "/model_route/max_tokens_per_job"
	case cost:
		return "/model_route/max_cost_per_job"
	case outputTokens:
		return "/model_route/max_output_tokens"
	}
	return "/actions/read/max_pages_per_job"
}

// maxCost is the highest bound of money, in units of the house's currency. Up to
// it every millionth has a number of its own.
const maxCost = 1e9

// millionths reads an amount of money. It reports false unless the amount is a
// whole number of millionths, from one to maxCost's. Two spellings of the same
// number are the same amount.
func millionths(amount float64) (n int, ok bool) {
	if !(amount > 0 && amount <= maxCost) {
		return 0, false
	}
	m := math.Round(amount * 1e6)
	return int(m), m >= 1 && m/1e6 == amount
}

// money is n millionths as people write them.
func money(n int) string { return strconv.FormatFloat(float64(n)/1e6, 'f', -1, 64) }

// amount is n of a counter as people write it.
func amount(counter string, n int) string {
	if counter == cost {
		return money(n)
	}
	return strconv.Itoa(n)
}

// judgeLimits holds the counters: what was used and what this call can use.
func (p *Policy) judgeLimits(c *Call, f *Facts, t *tally) {
	if p.usesTooMuch(c, f) {
		for _, k := range sortedKeys(c.Uses) { // for reasons in an order
			p.judgeUse(k, c.Uses[k], f, t)
		}
	}
	if c.Mutates() {
		p.judgeLimit(writes, f.Used[writeCounter]+f.Used[adminCounter], 1, t)
	}
	if c.Tool == "model" {
		p.judgeUnknown(c, t)
	}
}

// usesTooMuch reports whether judgeUse denies one of c's uses.
func (p *Policy) usesTooMuch(c *Call, f *Facts) bool {
	for k, n := range c.Uses {
		used := f.usedOf(k)
		if n < 0 || k != writes && (exceeds(p.rules.limits, k, used, n) || exceeds(p.grantedLimits(), k, used, n)) {
			return true
		}
	}
	return false
}

func (p *Policy) judgeUse(counter string, n int, f *Facts, t *tally) {
	if n < 0 {
		t.deny("", "a call cannot use less than nothing of "+counter)
	} else if counter != writes { // which are counted by class, whatever a call says
		p.judgeLimit(counter, f.usedOf(counter), n, t)
	}
}

// usedOf is what counts as used before the call. What is bounded in each call
// begins anew with it.
func (f *Facts) usedOf(counter string) int {
	if counter == outputTokens {
		return 0
	}
	return f.Used[counter]
}

// judgeUnknown denies a model call that does not say how much it can use of what
// is bounded: whoever put it in policy terms did not know.
func (p *Policy) judgeUnknown(c *Call, t *tally) {
	const says = "the most that the call can use is not known"
	for _, k := range modelCounters {
		if _, ok := c.Uses[k]; ok {
			continue
		}
		if _, ok := p.rules.limits[k]; ok {
			t.deny(limitClause(k), says)
		}
		if _, ok := p.grantedLimits()[k]; ok {
			t.deny("grant:/limits/"+k, says)
		}
	}
}

// judgeLimit denies n more of counter, of which used are used.
func (p *Policy) judgeLimit(counter string, used, n int, t *tally) {
	if own := p.rules.limits; exceeds(own, counter, used, n) {
		t.deny(limitClause(counter), overLimit(counter, used, own[counter], n))
	}
	if granted := p.grantedLimits(); exceeds(granted, counter, used, n) {
		t.deny("grant:/limits/"+counter, overLimit(counter, used, granted[counter], n))
	}
}

// overLimit says that n more of counter are too many.
func overLimit(counter string, used, max, n int) string {
	switch counter {
	case cost:
		return fmt.Sprintf("%s of %s are spent and this needs up to %s", money(used), money(max), money(n))
	case outputTokens:
		return fmt.Sprintf("an answer may have %d tokens and this can have %d", max, n)
	}
	return fmt.Sprintf("%d of %d %s are used and this needs up to %d", used, max, counter, n)
}

func (p *Policy) grantedLimits() map[string]int {
	if p.grant == nil {
		return nil
	}
	return p.grant.Limits
}

func exceeds(limits map[string]int, counter string, used, n int) bool {
	max, ok := limits[counter]
	return ok && n > max-used
}
