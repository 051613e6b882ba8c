// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/seal"
)

// An aspect is a part of the language that hears inputs of its own. What Decide
// says of a call is the least that any aspect says of it (4.2, 4.4), and the
// inputs of one aspect say nothing of another's, but for those in head. So the
// aspects are compared one by one, and put together again exactly.
//
// What an aspect says is not written twice: keep carries an aspect's sections
// over to a policy that permits everything else, and Decide is asked.
type aspect struct {
	about   string // for lines about bounds: "pages per job"; "" for lines about calls
	heard   func(head) bool
	as      *head // judged as if it were this one, since the head plays no part
	keep    func(to, from *document)
	options func(w *comparison, h head, judged func(option) option) []option
	bound   func(d *document) string // of lines about bounds: what d says
	shownBy string                   // the tool whose calls show it best, if one does
}

func aspects() []aspect {
	anyCall := func(head) bool { return true }
	tools := func(h head) bool { return h.tool != "model" }
	models := func(h head) bool { return h.tool == "model" }
	hosts := func(h head) bool { return h.tool == EgressTool }
	reached := func(h head) bool { return h.reached }
	changes := func(h head) bool { return h.class.mutates() }
	jira := func(h head) bool { return h.tool == "jira" }
	confluence := func(h head) bool { return h.tool == "confluence" }
	return []aspect{
		{heard: models, keep: keepRoutes, options: routeOptions},
		{heard: models, keep: keepOffers, options: offerOptions},
		{heard: hosts, keep: keepHosts, options: hostOptions},
		{heard: confluence, keep: keepPlaces, options: placeOptions},
		{heard: confluence, keep: keepLabels, options: labelOptions},
		{heard: jira, keep: keepProjects, options: projectOptions},
		{heard: jira, keep: keepIssueTypes, options: issueTypeOptions},
		{heard: jira, keep: keepFields, options: fieldOptions},
		{heard: jira, keep: keepReads, options: readOptions},
		{heard: func(h head) bool { return h.class == Search && h.tool != "" }, keep: keepFilters, options: filterOptions},
		{heard: reached, keep: func(to, from *document) { to.ConnectionMode = from.ConnectionMode }, options: modeOptions},
		{heard: reached, keep: keepSeparation, options: credentialOptions},
		{heard: reached, keep: keepPrivilege, options: privilegeOptions},
		{heard: func(h head) bool { return tools(h) && changes(h) }, keep: keepTickets, options: ticketOptions},
		{heard: anyCall, as: &head{"model", Model, false}, keep: keepCategories, options: categoryOptions},
		{about: "sandbox", heard: tools, keep: keepSandbox, options: sandboxOptions, bound: sandboxBound},
		{about: "workspace access", heard: tools, keep: keepSandbox, options: workspaceOptions, bound: workspaceBound},
		{about: "elevated execution", heard: tools, keep: keepSandbox, options: elevationOptions, bound: elevationBound},
		{about: "attestation of the agent's runtime", heard: anyCall, keep: keepAgent, options: attestationOptions, bound: attestationBound},
		{about: "silence of the agent's runtime", heard: anyCall, keep: keepAgent, options: silenceOptions, bound: silenceBound},
		usesAspect("pages per job", pages, ""),
		{about: "writes per job", heard: changes, keep: keepLimits, options: writeOptions, bound: func(d *document) string { return limitBound(d, writes) }},
		usesAspect("tokens per job", tokens, "model"),
		usesAspect("cost per job", cost, "model"),
		usesAspect("output tokens per model call", outputTokens, "model"),
		{about: "end of the emergency", heard: anyCall, keep: func(to, from *document) { to.BreakGlass = from.BreakGlass }, options: endOptions, bound: endBound},
		{about: aboutConditions, heard: anyCall, keep: keepConditions, options: conditionOptions, bound: conditionBound},
	}
}

const aboutConditions = "condition"

// permissive permits every call that blank makes.
func permissive(fresh string) *document {
	yes := func() *actionRule { return &actionRule{Allowed: true} }
	return &document{
		Version:    "v1",
		Resources:  &resources{Spaces: []string{fresh}},
		Actions:    &actions{yes(), yes(), yes(), yes()},
		Allow:      &allow{Projects: []string{fresh}, Operations: []string{"*"}},
		ToolPolicy: &toolPolicy{Allow: []string{"*"}},
		ModelRoute: &modelRoute{},
		Egress:     &egress{Hosts: []string{blankHost}},
	}
}

// keepNames keeps what speaks of names and classes.
func keepNames(to, from *document) {
	to.Tool, to.ToolPolicy = from.Tool, from.ToolPolicy
	to.Constraints = &constraints{}
	keepCategories(to, from)
	if from.Constraints != nil {
		to.Constraints.ToolPolicy = from.Constraints.ToolPolicy
	}
	if to.Actions = nil; from.Actions != nil {
		rule := func(r *actionRule) *actionRule {
			if r == nil {
				return nil
			}
			return &actionRule{Allowed: r.Allowed, Gate: r.Gate, Include: r.Include}
		}
		a := from.Actions
		to.Actions = &actions{rule(a.Read), rule(a.Search), rule(a.Write), rule(a.Admin)}
	}
	if from.Allow == nil {
		to.Allow = nil
	} else {
		to.Allow.Operations = from.Allow.Operations
	}
	if from.Deny != nil {
		to.Deny = &deny{Operations: from.Deny.Operations}
	}
}

func keepCategories(to, from *document) {
	only := func(a *approvals) *approvals {
		if a == nil || a.A == nil {
			return nil
		}
		return &approvals{A: &approvalCategories{RequiredFor: a.A.RequiredFor}}
	}
	to.Approvals = only(from.Approvals)
	if from.Constraints != nil {
		if to.Constraints == nil {
			to.Constraints = &constraints{}
		}
		to.Constraints.Approvals = only(from.Constraints.Approvals)
	}
}

// categoryOptions are no category, and each. A category that is asked for is
// asked for whatever the others are.
func categoryOptions(w *comparison, _ head, judged func(option) option) []option {
	out := []option{judged(option{set: func(*Example) {}})}
	for _, s := range w.both((*document).categories) {
		if strings.ContainsAny(s, ".*") || isClass(s) {
			continue // it means names, or a class
		}
		out = append(out, judged(option{says: "of category " + s, set: func(e *Example) { e.Call.Categories = []string{s} }}))
	}
	return out
}

func keepRoutes(to, from *document) {
	if to.ModelRoute = nil; from.ModelRoute != nil {
		to.ModelRoute = &modelRoute{Allowed: from.ModelRoute.Allowed}
	}
	if from.Constraints != nil {
		to.Constraints = &constraints{ModelCalls: from.Constraints.ModelCalls}
	}
}

func keepSeparation(to, from *document) {
	if from.Auth != nil {
		to.Auth = &auth{Separation: from.Auth.Separation}
	}
}

func keepPrivilege(to, from *document) {
	if from.Auth != nil {
		to.Auth = &auth{LeastPrivilege: from.Auth.LeastPrivilege}
	}
}

func modeOptions(w *comparison, h head, judged func(option) option) []option {
	var out []option
	add := func(mode, says string) {
		out = append(out, judged(option{says: says, set: func(e *Example) { e.Call.Mode = mode }}))
	}
	add("official_api", "by official_api")
	out = append(out, judged(option{says: "by mcp_server", set: throughServer}))
	add("other", "by another connection mode")
	if h.tool != "" { // an agent's own tool without a mode is no system at all
		add("", "without a connection mode")
	}
	return out
}

// throughServer has the example's call go through a server that every policy pins
// which lists the mode, since servers are no matter of policies.
func throughServer(e *Example) {
	s := exampleServer()
	e.Call.Mode, e.Call.Server, e.Call.Definition = ServerMode, s.Identity, s.Tools[0].Definition
}

func exampleServer() Server {
	return Server{Name: "server", Identity: seal.Sum([]byte("server")), Tools: []PinnedTool{{"tool", seal.Sum([]byte("tool"))}}}
}

func credentialOptions(_ *comparison, h head, judged func(option) option) []option {
	var out []option
	usual, other := "write", "read"
	if h.class == Read || h.class == Search {
		usual, other = other, usual
	}
	for _, s := range []string{usual, other, "shared", ""} {
		says := "with the credential " + s
		if s == "" {
			says = "without saying by which credential"
		}
		out = append(out, judged(option{says: says, set: func(e *Example) { e.Call.Credential = s }}))
	}
	return out
}

func privilegeOptions(_ *comparison, _ head, judged func(option) option) []option {
	return []option{
		judged(option{says: "with a credential of least privilege", set: func(e *Example) { e.Call.Privilege = "least" }}),
		judged(option{says: "with a credential that is not declared to be of least privilege", set: func(e *Example) { e.Call.Privilege = "" }}),
	}
}

func keepTickets(to, from *document) {
	if from.Actions == nil {
		return
	}
	if r := from.Actions.Write; r != nil {
		to.Actions.Write.Ticket = r.Ticket
	}
	if r := from.Actions.Admin; r != nil {
		to.Actions.Admin.Ticket = r.Ticket
	}
}

func ticketOptions(_ *comparison, _ head, judged func(option) option) []option {
	return []option{
		judged(option{says: "in a job without a ticket", set: func(e *Example) { e.Facts.Ticket = "" }}),
		judged(option{says: "in a job with a ticket", set: func(e *Example) { e.Facts.Ticket = "T-1" }}),
	}
}

func keepSandbox(to, from *document) {
	to.SandboxExpectations = from.SandboxExpectations
	if from.Constraints != nil {
		to.Constraints = &constraints{Sandbox: from.Constraints.Sandbox}
	}
}

// The three ways to look at a sandbox attest all else that can be asked for.

func sandboxOptions(_ *comparison, _ head, judged func(option) option) []option {
	return runtimeOptions(judged, func(r *Runtime) { r.Sandboxed = false }, func(r *Runtime) { r.Sandboxed = true })
}

func elevationOptions(_ *comparison, _ head, judged func(option) option) []option {
	return runtimeOptions(judged, func(r *Runtime) { r.Unelevated = false }, func(r *Runtime) { r.Unelevated = true })
}

func workspaceOptions(_ *comparison, _ head, judged func(option) option) []option {
	var ways []func(*Runtime)
	for _, s := range []string{"", "rw", "ro", "none"} {
		ways = append(ways, func(r *Runtime) { r.Workspace = s })
	}
	return runtimeOptions(judged, ways...)
}

// runtimeOptions judges each change to a whole attestation, and sets only what it changes.
func runtimeOptions(judged func(option) option, ways ...func(*Runtime)) []option {
	var out []option
	for _, way := range ways {
		o := judged(option{set: func(e *Example) {
			e.Facts.Runtime = &Runtime{Sandboxed: true, Workspace: "none", Unelevated: true}
			way(e.Facts.Runtime)
		}})
		o.set = func(e *Example) {
			if e.Facts.Runtime == nil {
				e.Facts.Runtime = &Runtime{}
			}
			way(e.Facts.Runtime)
		}
		out = append(out, o)
	}
	return out
}

// endOptions are a time before all ends of emergencies, and each end.
func endOptions(w *comparison, _ head, judged func(option) option) []option {
	var ends []time.Time
	for _, d := range []*document{&w.a, &w.b} {
		if d.BreakGlass != nil {
			ends = append(ends, d.BreakGlass.Expires)
		}
	}
	slices.SortFunc(ends, time.Time.Compare)
	before := exampleTime
	if len(ends) > 0 {
		before = ends[0].Add(-time.Second)
	}
	var out []option
	for _, t := range append([]time.Time{before}, ends...) {
		out = append(out, judged(option{set: func(e *Example) { e.Facts.Now = t }}))
	}
	return out
}

func keepConditions(to, from *document) {
	only := func(a *approvals) *approvals {
		if a == nil || a.B == nil {
			return nil
		}
		return a
	}
	to.Approvals = only(from.Approvals)
	if from.Constraints != nil {
		to.Constraints = &constraints{Approvals: only(from.Constraints.Approvals)}
	}
}

// conditionOptions are no condition holding, and each holding or without a
// value. What conditions say of each other is not looked into.
func conditionOptions(w *comparison, _ head, judged func(option) option) []option {
	texts := append(w.a.texts(), w.b.texts()...)
	silent := func(e *Example) {
		e.Conditions = map[string]bool{}
		for _, s := range texts {
			e.Conditions[s] = false
		}
	}
	out := []option{judged(option{set: silent})}
	for _, s := range texts {
		out = append(out,
			judged(option{set: func(e *Example) { silent(e); e.Conditions[s] = true }}),
			judged(option{set: func(e *Example) { silent(e); delete(e.Conditions, s) }}))
	}
	return out
}

// project is the policy of nothing but what keep keeps of d, with its names
// bound to themselves. ok is false if that is no policy.
func (w *comparison) project(d *document, keep func(to, from *document)) (p *Policy, ok bool) {
	to := permissive(w.fresh)
	keep(to, d)
	b, err := seal.Marshal(to)
	if err == nil {
		p, err = Parse(b)
	}
	if err != nil { // it is too long: sections that permit everything have been added
		return new(Policy), false
	}
	return p.bindToThemselves(), true
}

// bindToThemselves binds each name to an id that is the name.
func (p *Policy) bindToThemselves() *Policy {
	q := *p
	q.grant = nil
	b := &Binding{Policy: p.hash, At: exampleTime}
	for _, n := range p.Names() {
		b.Names = append(b.Names, Bound{Name: n, Site: exampleSite, ID: trimmed(n.Name)})
	}
	if p.Upstream() {
		b.Servers = []Server{exampleServer()}
	}
	bound, _ := q.Bind(b) // it binds every name once
	return cmp.Or(bound, &q)
}
