// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// Server is how OpenClaw's configuration names the house's MCP server. Its tools
// have names that begin with ServerTools: "clawea__jira_issue_get".
const (
	Server      = "clawea"
	ServerTools = Server + "__"
)

// Provider is how OpenClaw's configuration names the house's model gateway.
const Provider = "clawproxy"

// Guard is the id of Clawea's plugin in OpenClaw.
const Guard = "clawea"

// Plan returns the configuration under which OpenClaw has what p can let it do, and
// no more. Of OpenClaw's own tools it has those that Decide would not deny under the
// most favourable facts, so that it cannot drift from the gate; without Clawea's plugin,
// which asks the house about each call, those that Decide would allow whatever the call
// is. It fails for options that make no configuration, and for a policy that is none.
func Plan(p *policy.Policy, o *Options) (*Config, error) {
	if err := o.check(p); err != nil {
		return nil, err
	}
	own, err := Own()
	if err != nil {
		return nil, err
	}
	b := &builder{o: o, allowed: map[string]bool{}, config: Config{Policy: p.Hash()}}
	b.pick(p, own)
	b.sandbox(p)
	b.elevated = allowsElevated(p)
	b.build()
	return &b.config, nil
}

// A builder gathers a configuration.
type builder struct {
	o           *Options
	allow, deny []string        // OpenClaw's own tools
	allowed     map[string]bool // allow, to look up
	sandboxed   bool
	workspace   string
	elevated    bool
	config      Config
}

// pick parts OpenClaw's tools into those that p can let it use and all others. A
// tool of a bundled plugin that is not on the list of extensions is not there.
func (b *builder) pick(p *policy.Policy, own *Catalogue) {
	missing, asking := map[string]bool{}, []string{}
	for _, t := range own.Tools {
		ever, always := permits(p, t)
		switch {
		case !ever || !offers(p, t.Name):
			b.deny = append(b.deny, t.Name)
		case !always && b.o.Plugin == nil:
			asking = append(asking, t.Name)
			b.deny = append(b.deny, t.Name)
		case t.Plugin != "" && !b.o.has(policy.Plugin, t.Plugin):
			missing[t.Plugin] = true
			b.deny = append(b.deny, t.Name)
		default:
			b.allow, b.allowed[t.Name] = append(b.allow, t.Name), true
		}
	}
	if len(asking) > 0 {
		b.note("the policy wants the house, or people, asked about single calls of these tools, which Clawea's plugin does under \"clawea run -- openclaw\" only, so they stay off: " + strings.Join(asking, ", "))
	}
	if len(missing) > 0 {
		b.note("the policy permits tools of bundled plugins that are not on the list of extensions, so they stay off: " + strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
}

func (b *builder) note(says string) { b.config.Notes = append(b.config.Notes, says) }

// permits reports whether p ever allows a call of t, or asks for a person, under the most
// favourable facts: all is attested, no limit is used up, and of every condition it
// is known whether it holds. And whether it always allows one, without a plugin that is
// heard of, however much the job has done, and whatever the call is.
func permits(p *policy.Policy, t Tool) (ever, always bool) {
	c := &policy.Call{Tool: t.Name, Class: t.Class}
	f := favourable()
	f.Silence, f.Used = nil, c.Counters()
	for k := range f.Used {
		f.Used[k] = math.MaxInt32 // limits are far below
	}
	always = p.Decide(c, f).Effect == policy.Allow
	f = favourable()
	d := p.Decide(c, f)
	for _, r := range d.Reasons {
		if isCondition(r.Clause) {
			f.Conditions[r.Clause] = true
		}
	}
	if len(f.Conditions) > 0 {
		d = p.Decide(c, f)
	}
	return d.Effect != policy.Deny, always
}

// favourable are facts under which no call is denied for want of them.
func favourable() *policy.Facts {
	return &policy.Facts{
		Runtime:    &policy.Runtime{Sandboxed: true, Workspace: "none", Unelevated: true, Attestation: seal.Sum(nil)},
		Silence:    new(int),
		Conditions: map[string]bool{},
		Ticket:     "TICKET-1",
	}
}

// isCondition reports whether a clause is an entry of a list of conditions. Decide
// denies by such a clause only where nobody knows whether it holds.
func isCondition(clause string) bool {
	rest := strings.TrimPrefix(clause, "/constraints")
	n, ok := strings.CutPrefix(rest, "/approvals/")
	return ok && n != "" && strings.Trim(n, "0123456789") == ""
}

// offers reports whether p lets a model be offered a tool of that name.
func offers(p *policy.Policy, name string) bool {
	d := p.Decide(&policy.Call{Tool: "model", Class: policy.Model, Offers: []string{name}}, favourable())
	return !slices.ContainsFunc(d.Reasons, func(r policy.Reason) bool {
		return r.Clause == "/model_route/tools_allowlist" || r.Clause == "/model_route/tools_denylist"
	})
}

// sandbox finds what p expects of the sandbox: whether there must be one, and the
// widest access to the workspace with which no tool call is denied for it. Without a
// sandbox OpenClaw does not bound that access, so a narrow one wants a sandbox.
func (b *builder) sandbox(p *policy.Policy) {
	b.workspace = "none"
	for _, access := range []string{"rw", "ro"} {
		if !wants(p, policy.Runtime{Sandboxed: true, Workspace: access, Unelevated: true}) {
			b.workspace = access
			break
		}
	}
	b.sandboxed = b.workspace != "rw" || wants(p, policy.Runtime{Workspace: "none", Unelevated: true})
	if b.sandboxed {
		b.note("tools run in a sandbox: OpenClaw needs a backend for it (Docker, if you configure no other), and does nothing without")
	}
}

// wants reports whether p denies tool calls for want of more than r attests.
func wants(p *policy.Policy, r policy.Runtime) bool {
	d := p.Decide(&policy.Call{Tool: "read", Class: policy.Read}, &policy.Facts{Runtime: &r})
	return slices.ContainsFunc(d.Reasons, func(r policy.Reason) bool {
		return strings.HasPrefix(r.Clause, "/sandbox_expectations/") || strings.HasPrefix(r.Clause, "/constraints/sandbox/")
	})
}

const elevatedAt = "/constraints/sandbox/elevated_exec"

// allowsElevated reports whether p says that elevated execution is nobody's concern.
// What it does not speak of is off.
func allowsElevated(p *policy.Policy) bool {
	said := slices.ContainsFunc(p.ExplainClause(elevatedAt), func(s policy.Sentence) bool { return slices.Contains(s.Clauses, elevatedAt) })
	return said && !wants(p, policy.Runtime{Sandboxed: true, Workspace: "none"})
}
