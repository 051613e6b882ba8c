// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Sentence is what some fields of a policy come to, in plain words.
type Sentence struct {
	Clauses []string `json:"clauses"` // JSON pointers of the fields that it speaks of
	Says    string   `json:"says"`
}

// Explain says in plain sentences what p lets agents do, for people who approve
// it. It is deterministic, follows the grammar's order, and speaks of every
// field that p sets, with all entries of every list; of booleans other than
// "allowed" and "cst_bearer_allowed", only what is true is set. It says what the fields come to each,
// not together: a call has to be permitted by all that speak of it.
func (p *Policy) Explain() []Sentence {
	d := &p.doc
	e := &explainer{}
	e.marks(d)
	e.reach(d)
	e.places(d.Resources)
	e.actions(d.Actions)
	e.auth(d.Auth)
	e.jira(d.Allow, d.Deny)
	e.tokens(d)
	for _, t := range d.toolPolicies() {
		e.toolPolicy(t)
	}
	e.surroundings(d)
	e.agent(d.AgentRuntime)
	e.models(d)
	e.hosts(d.Egress)
	for _, s := range d.approvalSections() {
		e.approvals(s)
	}
	e.approvers(d.Approvers)
	e.evidence(d)
	e.silence(d)
	return e.said
}

// ExplainClause returns the sentences of Explain that speak of a clause, or of
// what is in it, or else of what holds it.
func (p *Policy) ExplainClause(clause string) []Sentence {
	var near, around []Sentence
	for _, s := range p.Explain() {
		switch {
		case slices.ContainsFunc(s.Clauses, func(c string) bool { return strings.HasPrefix(c+"/", clause+"/") }):
			near = append(near, s)
		case slices.ContainsFunc(s.Clauses, func(c string) bool { return c != "" && strings.HasPrefix(clause, c+"/") }):
			around = append(around, s)
		}
	}
	if near == nil {
		return around
	}
	return near
}

// An explainer collects sentences.
type explainer struct{ said []Sentence }

// say adds a sentence about clauses, which are separated by spaces.
func (e *explainer) say(clauses, format string, args ...any) {
	e.said = append(e.said, Sentence{strings.Fields(clauses), fmt.Sprintf(format, args...)})
}

// sayIf adds a sentence about one clause, if something is so.
func (e *explainer) sayIf(is bool, clause, says string) {
	if is {
		e.said = append(e.said, Sentence{[]string{clause}, says})
	}
}

// and joins words as people do.
func and(words []string) string {
	n := len(words) - 1
	if n == 0 {
		return words[0]
	}
	return strings.Join(words[:n], ", ") + " and " + words[n]
}

// quoted quotes words that may hold spaces.
func quoted(words []string) []string {
	out := slices.Clone(words)
	for i, w := range out {
		out[i] = strconv.Quote(w)
	}
	return out
}

// marks says what a policy says about itself.
func (e *explainer) marks(d *document) {
	e.say("/wpc_version", "This is a work policy contract of version %s.", d.Version)
	if d.Name != "" {
		e.say("/policy_name", "Its name is %q.", d.Name)
	}
	if d.Purpose != "" {
		e.say("/purpose", "Its purpose, as its author says: %q.", d.Purpose)
	}
	if d.Environment != "" {
		e.say("/environment", "It is for the environment %s.", d.Environment)
	}
	if r := d.ChangeRecord; r != nil {
		clauses, says := "/change_record/id", fmt.Sprintf("It was made for the change %s", r.ID)
		if r.System != "" {
			clauses, says = clauses+" /change_record/system", fmt.Sprintf("%s of %q", says, r.System)
		}
		if r.URL != "" {
			clauses, says = clauses+" /change_record/url", fmt.Sprintf("%s, at %q", says, r.URL)
		}
		e.say(clauses, "%s.", says)
	}
	if b := d.BreakGlass; b != nil {
		e.say("/break_glass/reason /break_glass/expires_at",
			"It is for an emergency (%q): every receipt is marked, and from %s on everything is denied.", b.Reason, b.Expires.Format(time.RFC3339Nano))
	}
}

// reach says which tools there are and how they are reached.
func (e *explainer) reach(d *document) {
	if d.Tool != nil {
		e.list("/tool", append([]string{}, d.tools()...), "The only tools are %s.")
	}
	e.list(modeAt, d.ConnectionMode, "The only ways to reach a system are %s.")
	e.sayIf(slices.Contains(d.ConnectionMode, ServerMode), modeAt, "Of MCP servers, agents may use only the tools that were there when this was published, as long as they describe themselves as they did then.")
}

// places says where in Confluence agents may act.
func (e *explainer) places(r *resources) {
	if r == nil {
		return
	}
	e.list("/resources/spaces_allowlist", r.Spaces, "In Confluence, agents may touch only what is in the spaces %s.")
	e.list("/resources/page_prefix_allowlist", quoted(r.Prefixes), "In Confluence, agents may touch only pages under %s.")
	e.list("/resources/page_labels_allowlist", r.Labels, "In Confluence, agents may touch only pages with one of the labels %s.")
	e.list("/resources/spaces_denylist", r.DeniedSpaces, "In Confluence, agents must touch nothing in the spaces %s.")
	e.list("/resources/page_prefix_denylist", quoted(r.DeniedPrefixes), "In Confluence, agents must touch nothing under %s.")
}

// actions says what may be done, by class.
func (e *explainer) actions(a *actions) {
	if a == nil {
		return
	}
	var silent []string
	for _, r := range []struct {
		class Class
		verb  string
		rule  *actionRule
	}{{Read, "read", a.Read}, {Search, "search", a.Search}, {Write, "write", a.Write}, {Admin, "administer", a.Admin}} {
		if r.rule == nil {
			silent = append(silent, r.class.doing())
			continue
		}
		e.rule("/actions/"+string(r.class), r.verb, r.rule)
	}
	if silent != nil {
		e.say("/actions", "Nothing is said of %s, so it is denied.", and(silent))
	}
}

func (e *explainer) rule(at, verb string, r *actionRule) {
	gate := ""
	if r.Gate != "" {
		gate = " " + at + "/approval_gate"
	}
	switch {
	case r.Gate == "required":
		e.say(at+"/allowed"+gate, "Agents may %s only with a person's yes to each call.", verb)
	case r.Allowed:
		e.say(at+"/allowed"+gate, "Agents may %s.", verb)
	default:
		e.say(at+"/allowed"+gate, "Agents may not %s.", verb)
	}
	e.list(at+"/include", r.Include, "In Confluence, reading includes %s.")
	if r.Pages != nil {
		e.say(at+"/max_pages_per_job", "A job may read or find at most %d pages.", *r.Pages)
	}
	if r.Writes != nil {
		e.say(at+"/max_writes_per_job", "A job may change something at most %d times.", *r.Writes)
	}
	e.sayIf(r.Ticket, at+"/ticket_required", fmt.Sprintf("Agents may %s only in a job that has a ticket.", verb))
	e.list(at+"/query_filters_required", r.Filters, "Every query must be bounded by these, Confluence's by space and Jira's by project: %s.")
}

// auth says by which credentials calls are made.
func (e *explainer) auth(a *auth) {
	if a == nil {
		return
	}
	const at = "/auth/credential_separation"
	e.sayIf(a.LeastPrivilege, "/auth/least_privilege_scopes", "Calls are made only with credentials that are declared to have no more scopes than they need.")
	s := a.Separation
	if s == nil {
		return
	}
	e.say(at, "Reading and writing are done with credentials of their own.")
	e.sayIf(s.Read != "", at+"/read_credential", "Reading needs the credential for reading ("+s.Read+").")
	switch s.Write {
	case "separate":
		e.say(at+"/write_credential", "Writing needs the credential for writing (separate).")
	case "separate_and_disabled_by_default":
		e.say(at+"/write_credential", "The credential for writing is disabled (separate_and_disabled_by_default): a person enables it for one call.")
	}
}

// jira says what may be done in Jira.
func (e *explainer) jira(a *allow, d *deny) {
	if a != nil {
		e.list("/allow/projects", a.Projects, "In Jira, agents may touch only the projects %s.")
		e.list("/allow/issue_types", quoted(a.IssueTypes), "In Jira, agents may touch only issues of the types %s.")
		e.list("/allow/operations", a.Operations, "In Jira, agents may do only %s.")
		e.list("/allow/fields_write_allowlist", a.Fields, "In Jira, agents may write only the fields %s.")
		e.list("/allow/fields_read_allowlist", a.Reads, "In Jira, agents may be shown only the fields %s.")
	}
	if d != nil {
		e.list("/deny/operations", d.Operations, "Denied for every tool, whatever else is said: %s.")
		e.list("/deny/fields_write_denylist", d.Fields, "In Jira, agents must not write the fields %s.")
		e.list("/deny/fields_read_denylist", d.Reads, "In Jira, agents must not be shown the fields %s.")
	}
}

// list says a list that is there.
func (e *explainer) list(clause string, words []string, format string) {
	switch {
	case len(words) > 0:
		e.say(clause, format, and(words))
	case words != nil:
		e.say(clause, "The list %s is empty.", clause)
	}
}
