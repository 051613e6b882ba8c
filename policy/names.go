// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/seal"
)

// A Name is something that the policy calls by a name that people can change.
type Name struct {
	Tool string `json:"tool"` // "confluence", "jira", "model", "egress"
	Kind string `json:"kind"` // Space, PagePrefix, ...
	Name string `json:"name"` // "ENG", "ENG/Runbooks/"
}

// The kinds of names and bounds.
const (
	Space        = "space"              // a Confluence space, by key
	PagePrefix   = "page_prefix"        // a Confluence page and what lies under it, by space key and titles
	DeniedSpace  = "space_denied"       // one that nothing may be touched in
	DeniedPrefix = "page_prefix_denied" // one that nothing may be touched under
	Project      = "project"            // a Jira project, by key
	IssueType    = "issue_type"         // an issue type of one project, by key and name: "ENG/Task"
	Label        = "label"              // a page label, as it is
	ReadField    = "field_read"         // a field that may be shown, by id
	Host         = "host"               // a host that may be connected to, as policies list it: "*.example.com"
	HiddenField  = "field_hidden"       // a field that may not be shown, by id
)

// String is the name as grants write it: "confluence:ENG/Runbooks/".
func (n Name) String() string { return n.Tool + ":" + n.Name }

// Names lists what must be bound to ids before p can allow anything by it.
func (p *Policy) Names() []Name {
	var out []Name
	if r := p.doc.Resources; r != nil {
		out = named(out, "confluence", Space, r.Spaces)
		out = named(out, "confluence", PagePrefix, r.Prefixes)
		out = named(out, "confluence", DeniedSpace, r.DeniedSpaces)
		out = named(out, "confluence", DeniedPrefix, r.DeniedPrefixes)
	}
	if a := p.doc.Allow; a != nil {
		out = named(out, "jira", Project, a.Projects)
		out = named(out, "jira", IssueType, a.issueTypes())
	}
	return out
}

func named(out []Name, tool, kind string, names []string) []Name {
	for _, s := range names {
		out = append(out, Name{tool, kind, s})
	}
	return out
}

// issueTypes names each issue type with its project, since types belong to projects.
func (a *allow) issueTypes() []string {
	var out []string
	for _, s := range a.IssueTypes {
		if strings.Contains(s, "/") {
			out = append(out, s)
			continue
		}
		for _, p := range a.Projects {
			out = append(out, p+"/"+s)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// grantable lists the names that a token can be granted: those that permit.
func (p *Policy) grantable() []Name {
	names := slices.Concat(p.Names(), p.routes(), p.hostNames())
	return slices.DeleteFunc(names, Name.denies)
}

func (n Name) denies() bool { return n.Kind == DeniedSpace || n.Kind == DeniedPrefix }

// routes lists the model routes by name. They are names of the house's own
// configuration, so nothing needs to be bound.
func (p *Policy) routes() []Name {
	var out []Name
	if r := p.doc.ModelRoute; r != nil && r.Allowed != nil {
		for _, s := range r.Allowed {
			out = append(out, Name{"model", "route", s})
		}
		return out
	}
	if p.hasModels() {
		out = append(out, Name{"model", "route", "*"})
	}
	return out
}

func (p *Policy) hasModels() bool {
	c := p.doc.Constraints
	return p.doc.ModelRoute != nil || c != nil && c.ModelCalls != nil
}

// BindingType is the payload type of a signed binding.
const BindingType = "application/vnd.clawea.binding.v1+json"

// A Binding says what a policy's names led to when it was published, and how the
// MCP servers and the extensions were then that it lets agents use.
type Binding struct {
	Policy  seal.Hash `json:"policy"`
	At      time.Time `json:"at"`
	Names   []Bound   `json:"names"`
	Servers []Server  `json:"servers,omitempty"` // sorted by name, each once

	// Extensions are what the agent's runtime may load, sorted by kind and name, each once.
	Extensions []Extension `json:"extensions,omitempty"`
}

// Bound is a name and the immutable id that it stands for, on one site.
type Bound struct {
	Name
	Site string `json:"site"`
	ID   string `json:"id"`
}

// ParseBinding reads the canonical JSON of a binding.
func ParseBinding(b []byte) (*Binding, error) {
	out := new(Binding)
	if err := seal.Decode(b, out); err != nil {
		return nil, err
	}
	return out, nil
}

// ErrBinding is returned for a binding that is not one of the policy at hand.
var ErrBinding = errors.New("binding does not fit the policy")

// Bind returns p with its names replaced by ids, and with the tools of MCP servers
// that b pins. b must bind every name of p exactly once, and nothing else; pin
// servers, as spec/policy.md 3.5 has it, only if p.Upstream; and no extensions but those
// that p lists (3.7).
func (p *Policy) Bind(b *Binding) (*Policy, error) {
	canonical, err := seal.Marshal(b)
	if err != nil {
		return nil, err
	}
	want := map[Name]bool{}
	for _, n := range p.Names() {
		want[n] = true
	}
	if b.Policy != p.hash || len(b.Names) != len(want) {
		return nil, ErrBinding
	}
	for _, n := range b.Names {
		if !want[n.Name] || n.ID == "" || n.Site == "" {
			return nil, ErrBinding
		}
		delete(want, n.Name)
	}
	pins, ok := p.pinsOf(b.Servers)
	if !ok || !p.bindsExtensions(b.Extensions) {
		return nil, ErrBinding
	}
	q := *p
	q.pins, q.extensions = pins, slices.Clone(b.Extensions)
	q.bound = slices.Clone(b.Names)
	q.bindingHash = seal.Sum(canonical)
	q.ground = groundOf(q.bound)
	return &q, nil
}

// Bounds are what a connector may touch for tool under p: the bound names that
// permit, narrowed to the grant if there is one, the bound names that deny, and
// what p says of labels and of fields to be shown, whose ids are the words
// themselves and which are of no site.
func (p *Policy) Bounds(tool string) []Bound {
	var out []Bound
	for _, b := range p.bound {
		if b.Tool == tool && (b.denies() || p.granted(b.Name)) {
			out = append(out, b)
		}
	}
	words := func(of, kind string, list []string) {
		for _, n := range named(nil, of, kind, list) {
			if of == tool {
				out = append(out, Bound{Name: n, ID: n.Name})
			}
		}
	}
	if r := p.doc.Resources; r != nil {
		words("confluence", Label, r.Labels)
	}
	if a := p.doc.Allow; a != nil {
		words("jira", ReadField, a.Reads)
	}
	if d := p.doc.Deny; d != nil {
		words("jira", HiddenField, d.Reads)
	}
	return out
}
