// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// risks finds what a policy that parses had better not be.
func (l *linter) risks(p *Policy) {
	d := &p.doc
	l.marks(d)
	l.emergency(d)
	l.lives(p)
	l.gates(d)
	l.approvers(d)
	l.budgets(d)
	l.places(d)
	l.toolLists(d)
	l.jiraLists(d)
	l.names(d)
	l.includes(d)
	l.surroundings(d)
	l.models(d.ModelRoute)
	l.hosts(d)
	l.idle(d)
	d.eachCondition(l.constant)
}

var doubtful = regexp.MustCompile(`(?i)\b(no|not|none|off|plan|planned|can|could|may|might|todo|to do|tbd|later|future|draft|optional|proposed|pending|soon|will|wish)\b`)

// marks looks at what a policy says about itself.
func (l *linter) marks(d *document) {
	if d.Name == "" {
		l.add("", "name-missing", "say policy_name: people and the history of a policy go by it", "the policy has no name")
	}
	if d.Purpose == "" {
		l.add("", "purpose-missing", "say purpose: who approves the policy will hold it to that", "the policy does not say what it is for")
	}
	if d.ChangeRecord == nil {
		l.add("", "change-missing", "say change_record with the id of the change", "the policy names no change that it was made for")
	}
	for _, s := range d.approvalSections() {
		if s.A != nil && doubtful.MatchString(s.A.Status) {
			l.add(s.at+"/status", "status-doubtful", "say what is so, or leave it out", "this sounds as if approvals were not in force; they are")
		}
	}
	for _, at := range l.falses {
		if !strings.HasSuffix(at, "/allowed") && at != bearerAt {
			l.add(at, "false-idle", "leave it out; what the house always does it does all the same", "false does nothing here")
		}
	}
}

// longEmergency is how long an emergency should last at most.
const longEmergency = 24 * time.Hour

func (l *linter) emergency(d *document) {
	b := d.BreakGlass
	if b == nil || l.now.IsZero() {
		return
	}
	const at = "/break_glass/expires_at"
	switch left := b.Expires.Sub(l.now); {
	case left <= 0:
		l.add(at, "emergency-over", "say a time to come, if there is still an emergency", "the emergency is over: the policy denies everything")
	case left > longEmergency:
		l.add(at, "emergency-long", "say a time within a day; an emergency that lasts is worth a policy of its own", "the emergency lasts for %s more", left.Round(time.Hour))
	}
}

const bearerAt = "/runtime/cst_bearer_allowed"

// lives looks at how long tokens live, and at who may use them.
func (l *linter) lives(p *Policy) {
	if allowed, _ := p.Bearer(); allowed {
		l.add(bearerAt, "bearer-allowed", "leave it out or say false, and have clients prove their key with each call", "anyone who sees a token can use it")
	}
	if len(p.maxTTLs()) == 0 {
		l.add("", "ttl-missing", "say runtime.max_ttl_seconds", "no section bounds a token's life, so it is %s", DefaultTTL)
		return
	}
	if p.MaxTTL() <= DefaultTTL {
		return
	}
	at := "/token_requirements/cst_ttl_seconds_max"
	if p.doc.Runtime != nil && p.doc.Runtime.MaxTTL != nil {
		at = "/runtime/max_ttl_seconds"
	}
	l.add(at, "ttl-long", fmt.Sprintf("say at most %d, and have tokens renewed", int(DefaultTTL/time.Second)), "a token lives for %s: whoever finds one has it that long", p.MaxTTL())
}

// gates looks at what is done without a person.
func (l *linter) gates(d *document) {
	if a := d.Actions; a != nil {
		l.gate(d, a.Write, "/actions/write", Write, "write-ungated")
		l.gate(d, a.Admin, "/actions/admin", Admin, "admin-ungated")
		return
	}
	if a := d.Allow; a != nil {
		for i, s := range a.Operations {
			l.gateEntry(d, fmt.Sprintf("/allow/operations/%d", i), ClassOf("jira", s), "jira."+strings.TrimPrefix(s, "jira."), s)
		}
	}
	for _, t := range d.toolPolicies() {
		for i, s := range t.Allow {
			l.gateEntry(d, fmt.Sprintf("%s/allow/%d", t.at, i), Class(s), s, s)
		}
	}
}

func (l *linter) gate(d *document, r *actionRule, at string, class Class, code string) {
	if r != nil && r.Allowed && r.Gate != "required" && !d.asks(class, "") {
		l.add(at+"/allowed", code, `say "approval_gate": "required"`, "%s needs no person", class.doing())
	}
}

// gateEntry looks at an entry of an allow list that means calls of a class.
func (l *linter) gateEntry(d *document, at string, class Class, name, entry string) {
	code := map[Class]string{Write: "write-ungated", Admin: "admin-ungated"}[class]
	if code != "" && !d.asks(class, name) {
		l.add(at, code, "name it under approvals.required_for", "%s needs no person", entry)
	}
}

// asks reports whether d may ask a person about calls of a class, or about those
// of a name.
func (d *document) asks(class Class, name string) bool {
	if a := d.Auth; a != nil && a.Separation != nil && a.Separation.Write == "separate_and_disabled_by_default" {
		return true
	}
	for _, s := range d.approvalSections() {
		if s.A == nil {
			return len(*s.B) > 0
		}
		if slices.ContainsFunc(s.A.RequiredFor, func(e string) bool { return e == string(class) || coversTool(e, name) }) {
			return true
		}
	}
	return false
}

// doing says a class of tool calls as something that is done.
func (c Class) doing() string {
	switch c {
	case Read:
		return "reading"
	case Search:
		return "searching"
	case Write:
		return "writing"
	}
	return "administering"
}

// open reports whether r permits its class, with or without a person.
func (r *actionRule) open() bool { return r != nil && (r.Allowed || r.Gate == "required") }

// budgets looks at what is not counted or not bounded.
func (l *linter) budgets(d *document) {
	a := d.Actions
	if a == nil {
		return
	}
	if a.Write.open() && a.Write.Writes == nil {
		l.add("/actions/write", "writes-unbounded", "say max_writes_per_job", "a job may write without end")
	}
	if (a.Read.open() || a.Search.open()) && (a.Read == nil || a.Read.Pages == nil) {
		l.add("/actions/read", "pages-unbounded", "say max_pages_per_job under actions.read; searching counts there too", "a job may read without end")
	}
	if !a.Search.open() {
		return
	}
	if d.Resources != nil && !slices.Contains(a.Search.Filters, "space") {
		l.add("/actions/search", "search-unbounded", `say "query_filters_required": ["space"]`, "a search of Confluence need not say where")
	}
	if d.Allow != nil && !slices.Contains(a.Search.Filters, "project") {
		l.add("/actions/search", "search-unbounded", `say "query_filters_required": ["project"]`, "a search of Jira need not say where")
	}
}

// surroundings looks at models and sandboxes.
func (l *linter) surroundings(d *document) {
	const open = "every route of the house and every model may be used"
	k := d.Constraints
	switch {
	case d.ModelRoute != nil && d.ModelRoute.Allowed == nil:
		l.add("/model_route", "routes-open", "list the routes under model_route.allowed", open)
	case d.ModelRoute == nil && k != nil && k.ModelCalls != nil:
		l.add("/constraints/model_calls", "routes-open", "list the routes under model_route.allowed", open)
	}
	if s := d.SandboxExpectations; s != nil && s.Workspace == "rw" {
		l.add("/sandbox_expectations/workspace_access", "workspace-wide", "say ro or none, if that is enough", "agents may write to the workspace")
	}
	if k == nil || k.Sandbox == nil {
		return
	}
	if k.Sandbox.Workspace == "rw" {
		l.add("/constraints/sandbox/workspaceAccess", "workspace-wide", "say ro or none, if that is enough", "agents may write to the workspace")
	}
	if k.Sandbox.Elevated == "allow" {
		l.add("/constraints/sandbox/elevated_exec", "elevated-allowed", "say deny", "elevated execution need not be off")
	}
}

// idle looks at sections that do nothing.
func (l *linter) idle(d *document) {
	tools := d.tools()
	if d.Tool != nil && d.Allow != nil && !slices.Contains(tools, "jira") {
		l.add("/allow", "section-idle", "add jira to tool, or leave the section out", "this section speaks of jira, which tool leaves out")
	}
	if d.Tool != nil && d.Resources != nil && !slices.Contains(tools, "confluence") {
		l.add("/resources", "section-idle", "add confluence to tool, or leave the section out", "this section speaks of confluence, which tool leaves out")
	}
	own := slices.ContainsFunc(d.toolPolicies(), func(t placedToolPolicy) bool { return len(t.Allow) > 0 })
	if !own && !d.opensConfluence() && !d.opensJira() && !d.opensHosts() && !(&Policy{doc: *d}).hasModels() {
		l.add("", "nothing-permitted", "spec/policy.md 4.3 says what permits", "no section permits anything, so every call is denied")
	}
}

func (d *document) opensConfluence() bool {
	r, a := d.Resources, d.Actions
	return r != nil && a != nil && len(r.Spaces)+len(r.Prefixes) > 0 &&
		(a.Read.open() || a.Search.open() || a.Write.open() || a.Admin.open())
}

func (d *document) opensJira() bool {
	return d.Allow != nil && len(d.Allow.Projects) > 0 && len(d.Allow.Operations) > 0
}
