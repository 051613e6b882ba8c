// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

// rules are the document as Decide wants it: what would be searched is indexed,
// and what would be said is written. Parse makes them, once. Whether something
// is on a list is looked up here; only where it matters which entry it was,
// and in which order, the list itself is walked.
type rules struct {
	read, search, write, admin *classRule

	tools       set           // of /tool
	toolLists   []toolLists   // of /tool_policy and /constraints/tool_policy
	operations  nameList      // of /allow/operations
	deniedOps   nameList      // of /deny/operations
	categories  []approvalSet // of /approvals and /constraints/approvals
	quorums     []quorum      // of /approvers
	groups      []string      // that these name
	labels      set           // of /resources/page_labels_allowlist
	writable    set           // of /allow/fields_write_allowlist
	readable    set           // of /allow/fields_read_allowlist
	notWritable foldedSet     // of /deny/fields_write_denylist
	notReadable foldedSet     // of /deny/fields_read_denylist
	routes      routes        // of /model_route/allowed
	offers      offers        // of /model_route/tools_allowlist and tools_denylist
	block, mask nameList      // of /model_route/screening
	hosts       hosts         // of /egress/hosts_allowlist
	deniedHosts hosts         // of /egress/hosts_denylist
	limits      map[string]int
	grantable   set // what a grant may name
}

func rulesOf(p *Policy) rules {
	d := &p.doc
	r := rules{tools: setOf(d.tools()), limits: p.Limits(), grantable: set{}, quorums: quorumsOf(d.Approvers), groups: groupsOf(d.Approvers)}
	for _, n := range p.grantable() {
		r.grantable[n.String()] = struct{}{}
	}
	for _, s := range d.toolPolicies() {
		r.toolLists = append(r.toolLists, toolLists{nameListOf(s.Allow), nameListOf(s.Deny), s.Allow != nil, s.at + "/allow", s.at + "/deny"})
	}
	for _, s := range d.approvalSections() {
		if s.A != nil {
			r.categories = append(r.categories, approvalSetOf(s.at+"/required_for", s.A.RequiredFor))
		}
	}
	if a := d.Actions; a != nil {
		r.read, r.search = a.Read.spoken(Read), a.Search.spoken(Search)
		r.write, r.admin = a.Write.spoken(Write), a.Admin.spoken(Admin)
	}
	if a := d.Allow; a != nil {
		r.operations, r.writable, r.readable = nameListOf(a.Operations), setOf(a.Fields), setOf(a.Reads)
	}
	if n := d.Deny; n != nil {
		r.deniedOps, r.notWritable, r.notReadable = nameListOf(n.Operations), foldedSetOf(n.Fields), foldedSetOf(n.Reads)
	}
	if s := d.Resources; s != nil {
		r.labels = setOf(s.Labels)
	}
	if m := d.ModelRoute; m != nil {
		r.routes, r.offers = routesOf(m.Allowed), offersOf(m)
		if s := m.Screening; s != nil {
			r.block, r.mask = nameListOf(s.Block), nameListOf(s.Mask)
		}
	}
	if e := d.Egress; e != nil {
		r.hosts, r.deniedHosts = hostsOf(e.Hosts, plainPort), hostsOf(e.Denied, "")
	}
	return r
}

// A classRule is a rule of /actions with the words that it speaks.
type classRule struct {
	*actionRule
	at           string
	permits, ask Reason
}

func (r *actionRule) spoken(c Class) *classRule {
	if r == nil {
		return nil
	}
	s := &classRule{actionRule: r, at: "/actions/" + string(c)}
	s.permits = Reason{s.at, string(c) + " is permitted"}
	s.ask = Reason{s.at + "/approval_gate", "a person must approve it"}
	if r.Gate == "required" {
		s.permits.Says += " with a person's approval"
	}
	return s
}

// rule returns the rule for a class, or nil.
func (r *rules) rule(c Class) *classRule {
	switch c {
	case Read:
		return r.read
	case Search:
		return r.search
	case Write:
		return r.write
	case Admin:
		return r.admin
	}
	return nil
}

// toolLists are a section's lists of tools, and where they are.
type toolLists struct {
	allow, deny     nameList
	limits          bool // there is an allow list
	allowAt, denyAt string
}
