// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
)

// Decide answers c. It is total, pure and deterministic: the same policy, call
// and facts always give the same decision. Every section that has something to
// say about the call is heard, and all of them must permit it; one denial
// denies, whatever the others say; a call that no section permits is denied;
// where a section asks for a person, a person's yes to this exact call allows
// it (spec/policy.md section 4).
func (p *Policy) Decide(c *Call, f *Facts) Decision {
	t := tally{}
	if p.hash.IsZero() {
		t.deny("", "there is no policy")
	}
	if c.Unresolved != "" {
		t.deny("", "the call could not be resolved: %s", c.Unresolved)
	}
	if !c.classed() {
		t.deny("", "the call is of no class that its tool has")
	}
	switch c.Tool {
	case "model":
		p.judgeModel(c, &t)
	case "confluence":
		p.judgeTool(c, &t)
		p.judgeActions(c, &t, true)
		p.judgeSpaces(c, &t)
		p.judgeDeniedPlaces(c, &t)
		p.judgeLabels(c, &t)
	case "jira":
		p.judgeTool(c, &t)
		p.judgeActions(c, &t, false)
		p.judgeJira(c, &t)
		p.judgeIssueTypes(c, &t)
		p.judgeReads(c, &t)
	default:
		p.judgeTool(c, &t)
		p.judgeOwnTool(c, &t)
	}
	if c.Tool != "model" {
		p.judgeSandbox(f, &t)
	}
	p.judgeDenied(c, &t)
	p.judgeBreakGlass(f, &t)
	p.judgeTicket(c, f, &t)
	p.judgeLimits(c, f, &t)
	p.judgeApprovals(c, f, &t)
	p.judgeGrant(c, &t)
	p.judgeReached(c, &t)
	return p.settle(&t, c, f)
}

// A tally collects what the sections say.
type tally struct {
	denied, asked, permitted []Reason
}

func (t *tally) deny(clause, format string, args ...any) {
	t.denied = append(t.denied, Reason{clause, fmt.Sprintf(format, args...)})
}

func (t *tally) ask(clause, format string, args ...any) {
	t.asked = append(t.asked, Reason{clause, fmt.Sprintf(format, args...)})
}

func (t *tally) permit(clause, says string) {
	t.permitted = append(t.permitted, Reason{clause, says})
}

func (p *Policy) settle(t *tally, c *Call, f *Facts) Decision {
	d := Decision{Policy: p.hash, Binding: p.bindingHash, BreakGlass: p.doc.BreakGlass != nil}
	switch {
	case len(t.denied) > 0:
		d.Reasons = t.denied
	case len(t.permitted) == 0: // a person's yes is no substitute for a section's
		d.Reasons = []Reason{{"", "no section permits it"}}
	case len(t.asked) > 0:
		answered(&d, t.asked, c, f)
	default:
		d.Effect, d.Reasons = Allow, t.permitted
	}
	return d
}

// answered looks for a person's answer to this exact call. A no outweighs a yes.
func answered(d *Decision, asked []Reason, c *Call, f *Facts) {
	digest := c.Digest()
	d.Effect, d.Reasons = Ask, asked
	if digest.IsZero() { // the call has no name, so nothing can be an answer to it
		return
	}
	for _, a := range f.Approvals {
		if !a.Call.Equal(digest) || a.At.After(f.Now) || !f.Now.Before(a.Expires) {
			continue
		}
		d.Approval = a.ID
		if !a.Yes {
			d.Effect, d.Reasons = Deny, []Reason{{asked[0].Clause, "a person said no"}}
			return
		}
		d.Effect, d.Reasons = Allow, []Reason{{asked[0].Clause, "a person said yes"}}
	}
}

// judgeBreakGlass ends a policy for an emergency when its time is over.
func (p *Policy) judgeBreakGlass(f *Facts, t *tally) {
	if b := p.doc.BreakGlass; b != nil && !f.Now.Before(b.Expires) {
		t.deny("/break_glass/expires_at", "the emergency is over")
	}
}

// judgeGrant holds the call to what the token was granted.
func (p *Policy) judgeGrant(c *Call, t *tally) {
	if p.grant == nil {
		return
	}
	if !slices.ContainsFunc(p.grant.Actions, func(s string) bool { return match(s, c) }) {
		t.deny("grant:/actions", "%s is not granted to the token", c.Name())
	}
	if c.Tool != "model" {
		return
	}
	if !slices.ContainsFunc(p.routes(), func(n Name) bool { return p.granted(n) && routeHolds(n.Name, c) }) {
		t.deny("grant:/resources", "this route is not granted to the token")
	}
}
