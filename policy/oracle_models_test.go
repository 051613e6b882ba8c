// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"regexp"
	"slices"
	"strings"
)

var (
	oracleToolName = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,128}$`)
	oracleRuleName = regexp.MustCompile(`^[A-Za-z0-9.-]{1,128}$`)
)

// judgeOffers hears the lists of tools that models are offered (4.29).
func (p oracle) judgeOffers(c *Call, t *oracleTally) {
	r := p.doc.ModelRoute
	if r == nil || r.Tools == nil && len(r.DeniedTools) == 0 {
		return
	}
	odd := !slices.IsSorted(c.Offers) || len(slices.Compact(slices.Clone(c.Offers))) != len(c.Offers)
	var denied, unlisted []string
	for _, name := range c.Offers {
		odd = odd || !oracleToolName.MatchString(name) || strings.Contains(name, "\n")
		meant := func(e string) bool { return oracleGlob(e, name) }
		if slices.ContainsFunc(r.DeniedTools, meant) {
			denied = append(denied, name)
		}
		if r.Tools != nil && !slices.ContainsFunc(r.Tools, meant) {
			unlisted = append(unlisted, name)
		}
	}
	switch {
	case odd:
		t.deny("", "the tools that it offers are not names, sorted, each once")
		return
	case len(denied) > 0:
		t.deny("/model_route/tools_denylist", "it offers what is denied: %s", firstFew(denied))
	}
	if len(unlisted) > 0 {
		t.deny("/model_route/tools_allowlist", "it offers what is not on the list: %s", firstFew(unlisted))
	}
}

// judgeFound hears what screening found (4.30).
func (p oracle) judgeFound(c *Call, t *oracleTally) {
	s := &screening{}
	if r := p.doc.ModelRoute; r != nil && r.Screening != nil {
		s = r.Screening
	}
	var blocked, unlisted []string
	for _, rule := range sortedKeys(c.Found) {
		meant := func(e string) bool { return oracleGlob(e, rule) }
		shown := rule
		if !oracleRuleName.MatchString(rule) {
			shown = "a rule without a name"
		}
		if slices.ContainsFunc(s.Block, meant) {
			blocked = append(blocked, shown)
		} else if !slices.ContainsFunc(s.Mask, meant) {
			unlisted = append(unlisted, shown)
		}
	}
	if len(blocked) > 0 {
		slices.Sort(blocked)
		t.deny("/model_route/screening/block", "screening found what is blocked: %s", firstFew(slices.Compact(blocked)))
	}
	if len(unlisted) > 0 {
		slices.Sort(unlisted)
		t.deny("/model_route/screening", "screening found what is on neither list: %s", firstFew(slices.Compact(unlisted)))
	}
}

// judgeUnknown hears the bounds whose use a model call does not name (4.31).
func (p oracle) judgeUnknown(c *Call, t *oracleTally) {
	for _, k := range []string{"tokens", "cost", "output_tokens"} {
		if _, ok := c.Uses[k]; ok {
			continue
		}
		if _, ok := p.Limits()[k]; ok {
			t.deny(limitClause(k), "the most that the call can use is not known")
		}
		if p.grant == nil {
			continue
		}
		if _, ok := p.grant.Limits[k]; ok {
			t.deny("grant:/limits/"+k, "the most that the call can use is not known")
		}
	}
}
