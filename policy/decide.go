// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// Decide answers c. It is total, pure and deterministic: the same policy, call
// and facts always give the same decision. Every section that has something to
// say about the call is heard, and all of them must permit it; one denial
// denies, whatever the others say; a call that no section permits is denied;
// where a section asks for a person, a person's yes to this exact call allows
// it (spec/policy.md section 4).
func (p *Policy) Decide(c *Call, f *Facts) Decision {
	var t tally
	if p.hash.IsZero() {
		t.deny("", "there is no policy")
	}
	if c.Unresolved != "" {
		t.deny("", "the call could not be resolved: "+c.Unresolved)
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
	case EgressTool:
		p.judgeTool(c, &t)
		p.judgeHosts(c, &t)
	default:
		p.judgeTool(c, &t)
	}
	if c.Tool != "model" {
		judgeToolsOwn(c, &t)
		p.judgeSandbox(f, &t)
	}
	p.judgeAgent(f, &t)
	p.judgeDenied(c, &t)
	p.judgeBreakGlass(f, &t)
	p.judgeTicket(c, f, &t)
	p.judgeLimits(c, f, &t)
	p.judgeApprovals(c, f, &t)
	judgeRepeats(c, f, &t)
	p.judgeGrant(c, &t)
	p.judgeReached(c, &t)
	p.judgeServer(c, &t)
	judgeCarrier(c, &t)
	return p.settle(&t, c, f)
}

// A tally collects what the sections say against a call.
type tally struct {
	denied, asked []Reason
}

func (t *tally) deny(clause, says string) { t.denied = append(t.denied, Reason{clause, says}) }

func (t *tally) ask(r Reason) { t.asked = append(t.asked, r) }

func (p *Policy) settle(t *tally, c *Call, f *Facts) Decision {
	d := Decision{Policy: p.hash, Binding: p.bindingHash, BreakGlass: p.doc.BreakGlass != nil}
	switch {
	case len(t.denied) > 0:
		d.Reasons = t.denied
	case !p.permits(c): // a person's yes is no substitute for a section's
		d.Reasons = []Reason{{"", "no section permits it"}}
	case len(t.asked) > 0:
		d.Effect, d.Reasons = Ask, t.asked
		p.answered(&d, c, f)
	default:
		d.Effect, d.Reasons = Allow, p.permissions(c)
	}
	return d
}

// permits reports whether some section permits c, which none denies: those
// about Confluence, Jira, models and hosts either deny or permit, and so do lists of
// tools.
func (p *Policy) permits(c *Call) bool {
	switch c.Tool {
	case "model", "confluence", "jira", EgressTool:
		return true
	}
	return slices.ContainsFunc(p.rules.toolLists, func(l toolLists) bool { return l.limits })
}

// permissions are what the sections say that permit c. Only calls that are
// allowed want to know.
func (p *Policy) permissions(c *Call) []Reason {
	out := make([]Reason, 0, 2)
	switch c.Tool {
	case "model":
		return append(out, p.permitsModel())
	case EgressTool:
		return append(out, permitsHost(c))
	case "confluence":
		out = append(out, p.rules.rule(c.Class).permits)
		if word := includedBy(c); word != "" {
			out = append(out, Reason{includeAt, "reading " + word + " is included"})
		}
		return out
	case "jira":
		if p.doc.Actions != nil {
			out = append(out, p.rules.rule(c.Class).permits)
		}
		return append(out, Reason{"/allow/operations", p.rules.operations.permitsOperation(c)})
	}
	for i := range p.rules.toolLists {
		if l := &p.rules.toolLists[i]; l.limits {
			out = append(out, Reason{l.allowAt, l.allow.permitsTool(c)})
		}
	}
	return out
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
	if !p.grants(c) {
		t.deny("grant:/actions", c.Name()+" is not granted to the token")
	}
	if c.Tool == "model" && !p.grantsRoute(c) {
		t.deny("grant:/resources", "this route is not granted to the token")
	}
	if c.Tool == EgressTool && !p.grantsHost(c) {
		t.deny("grant:/resources", "this host is not granted to the token")
	}
}

// grants reports whether the grant, if there is one, has c's action. Grants are
// sorted and mostly of full names; a token is new too often to index its own.
func (p *Policy) grants(c *Call) bool {
	if p.grant == nil {
		return true
	}
	if _, ok := slices.BinarySearch(p.grant.Actions, c.Name()); ok {
		return true
	}
	return slices.ContainsFunc(p.grant.Actions, func(s string) bool { return match(s, c) })
}
