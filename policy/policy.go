// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package policy reads work policy contracts (users say WPC) and decides calls
// by them. A policy is a small closed language: finite sets, globs, prefixes,
// bounds and conditions. Deciding is a pure function of policy, call and facts,
// so that an auditor can decide again, offline, what a gate decided.
//
// Start with Parse, then Bind to immutable ids, Narrow to a token's grant, and
// Decide. spec/policy.md is the language's definition.
package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/clawea/clawea/seal"
)

// Type is the payload type of a signed policy: the canonical JSON of a WPC.
const Type = "application/vnd.clawea.wpc.v1+json"

const (
	// DefaultTTL bounds a token's life, where the policy does not.
	DefaultTTL = time.Hour
	// MaxLength bounds a WPC's text, in bytes.
	MaxLength = 256 << 10
)

// A Policy is a parsed, checked policy. Only Parse makes one; it is immutable
// and safe for concurrent use. The zero value allows nothing.
type Policy struct {
	hash  seal.Hash
	doc   document
	conds []condition

	bound       []Bound   // from Bind: the names as ids
	bindingHash seal.Hash //
	grant       *Grant    // from Narrow: what a token may use of it
}

// Parse reads a WPC. Errors are *seal.SyntaxError and name line and column:
// for what is not JSON, for unknown fields, for values that mean nothing.
func Parse(b []byte) (*Policy, error) {
	if len(b) > MaxLength {
		return nil, &seal.SyntaxError{Line: 1, Column: 1, Msg: fmt.Sprintf("longer than %d bytes", MaxLength)}
	}
	canonical, err := seal.Canonical(b)
	if err != nil {
		return nil, err
	}
	p := &Policy{hash: seal.Sum(canonical)}
	if err := seal.Unmarshal(b, &p.doc); err != nil {
		return nil, err
	}
	if err := p.doc.check(b); err != nil {
		return nil, err
	}
	if p.conds, err = compile(b, &p.doc); err != nil {
		return nil, err
	}
	return p, nil
}

// Hash names the policy: SHA-256 of its canonical JSON.
func (p *Policy) Hash() seal.Hash { return p.hash }

// Name is the name that its author gave it, or "".
func (p *Policy) Name() string { return p.doc.Name }

// Purpose is what its author says it is for, or "".
func (p *Policy) Purpose() string { return p.doc.Purpose }

// MaxTTL is the longest life of a token under p: the smallest that any section says.
func (p *Policy) MaxTTL() time.Duration {
	ttl := DefaultTTL
	said := false
	for _, s := range p.maxTTLs() {
		if d := time.Duration(*s) * time.Second; !said || d < ttl {
			ttl, said = d, true
		}
	}
	return ttl
}

func (p *Policy) maxTTLs() []*int {
	var out []*int
	if r := p.doc.Runtime; r != nil && r.MaxTTL != nil {
		out = append(out, r.MaxTTL)
	}
	if r := p.doc.TokenRequirements; r != nil && r.MaxTTL != nil {
		out = append(out, r.MaxTTL)
	}
	return out
}

// RequiresReceipts reports whether a job under p is only valid with a receipt for every call.
func (p *Policy) RequiresReceipts() bool {
	d := &p.doc
	return d.Attestation != nil && d.Attestation.Receipts ||
		d.Audit != nil && d.Audit.Receipts ||
		d.Constraints != nil && d.Constraints.ModelCalls != nil && d.Constraints.ModelCalls.Receipts
}

// Limits are the counted bounds of a job under p, by counter.
func (p *Policy) Limits() map[string]int {
	limits := map[string]int{}
	if a := p.doc.Actions; a != nil && a.Read != nil && a.Read.Pages != nil {
		limits["pages"] = *a.Read.Pages
	}
	return limits
}

// A Name is something that the policy calls by a name that people can change.
type Name struct {
	Tool string `json:"tool"` // "confluence", "jira", "model"
	Kind string `json:"kind"` // "space", "page_prefix", "project", "route"
	Name string `json:"name"` // "ENG", "ENG/Runbooks/"
}

// String is the name as grants write it: "confluence:ENG/Runbooks/".
func (n Name) String() string { return n.Tool + ":" + n.Name }

// Names lists what must be bound to ids before p can allow anything by it.
func (p *Policy) Names() []Name {
	var out []Name
	if r := p.doc.Resources; r != nil {
		for _, s := range r.Spaces {
			out = append(out, Name{"confluence", "space", s})
		}
		for _, s := range r.Prefixes {
			out = append(out, Name{"confluence", "page_prefix", s})
		}
	}
	if a := p.doc.Allow; a != nil {
		for _, s := range a.Projects {
			out = append(out, Name{"jira", "project", s})
		}
	}
	return out
}

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

// A Binding says what a policy's names led to when it was published.
type Binding struct {
	Policy seal.Hash `json:"policy"`
	At     time.Time `json:"at"`
	Names  []Bound   `json:"names"`
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

// Bind returns p with its names replaced by ids. b must bind every name of p
// exactly once, and nothing else.
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
	q := *p
	q.bound = slices.Clone(b.Names)
	q.bindingHash = seal.Sum(canonical)
	return &q, nil
}

// Bounds are what a connector may touch for tool under p: the bound names,
// narrowed to the grant if there is one.
func (p *Policy) Bounds(tool string) []Bound {
	var out []Bound
	for _, b := range p.bound {
		if b.Tool == tool && p.granted(b.Name) {
			out = append(out, b)
		}
	}
	return out
}

// A Grant is what a token may use of its policy: a subset. The zero value
// grants nothing.
type Grant struct {
	Actions   []string       `json:"actions"`   // full names; or a pattern that is an entry of the policy's tool list
	Resources []string       `json:"resources"` // names of the policy: "confluence:ENG", "jira:SEC", "model:ROUTE"
	Limits    map[string]int `json:"limits"`    // counted bounds, none above the policy's
}

// ErrGrant is returned for a grant that is not a subset of its policy.
var ErrGrant = errors.New("grant is wider than the policy")

// A GrantError says which entry of a grant its policy does not hold. It is ErrGrant.
type GrantError struct{ Clause, Entry string }

func (e *GrantError) Error() string {
	return ErrGrant.Error() + ": " + e.Clause + " has " + e.Entry
}

// Is makes a GrantError an ErrGrant.
func (e *GrantError) Is(err error) bool { return err == ErrGrant }

var errNarrowed = errors.New("narrow policy: it is narrowed to a grant already")

// Whole is the widest grant under p, given all that the house's tools can do.
func (p *Policy) Whole(catalog []Action) Grant {
	g := Grant{Actions: []string{}, Resources: []string{}, Limits: p.Limits()}
	for _, a := range catalog {
		if p.CanEver(a) {
			g.Actions = append(g.Actions, a.String())
		}
	}
	g.Actions = append(g.Actions, p.toolEntries()...)
	for _, n := range append(p.Names(), p.routes()...) {
		g.Resources = append(g.Resources, n.String())
	}
	return g.normal()
}

// Narrow returns p bounded by g as well: nothing is allowed that either does
// not allow. It fails with a *GrantError if g names what p does not hold, and
// if p is narrowed already. catalog may be nil where g has been checked before,
// as in a signed token.
func (p *Policy) Narrow(g Grant, catalog []Action) (*Policy, error) {
	if p.grant != nil {
		return nil, errNarrowed
	}
	for _, a := range g.Actions {
		if catalog != nil && !p.holdsAction(a, catalog) {
			return nil, &GrantError{"actions", a}
		}
	}
	names := append(p.Names(), p.routes()...)
	for _, r := range g.Resources {
		if !slices.ContainsFunc(names, func(n Name) bool { return n.String() == r }) {
			return nil, &GrantError{"resources", r}
		}
	}
	limits := p.Limits()
	for k, v := range g.Limits {
		if max, ok := limits[k]; !ok || v > max || v < 0 {
			return nil, &GrantError{"limits", k}
		}
	}
	q := *p
	g = g.normal()
	q.grant = &g
	return &q, nil
}

func (p *Policy) holdsAction(name string, catalog []Action) bool {
	i := slices.IndexFunc(catalog, func(a Action) bool { return a.String() == name })
	return i >= 0 && p.CanEver(catalog[i]) || slices.Contains(p.toolEntries(), name)
}

func (g Grant) normal() Grant {
	sorted := func(s []string) []string {
		s = slices.Clone(s)
		slices.Sort(s)
		return append([]string{}, slices.Compact(s)...)
	}
	limits := maps.Clone(g.Limits)
	if limits == nil {
		limits = map[string]int{}
	}
	return Grant{sorted(g.Actions), sorted(g.Resources), limits}
}

// granted reports whether the grant, if there is one, holds the name.
func (p *Policy) granted(n Name) bool {
	return p.grant == nil || slices.Contains(p.grant.Resources, n.String())
}

// A Scope is what a narrowed policy comes to, with names resolved to ids. Its
// hash is the scope hash that a token carries (spec/token.md section 3).
type Scope struct {
	Actions   []string       `json:"actions"`
	Limits    map[string]int `json:"limits"`
	Resources []Bound        `json:"resources"`
}

// Scope returns the scope of a narrowed policy. Without a grant it is empty.
func (p *Policy) Scope() Scope {
	s := Scope{Actions: []string{}, Resources: []Bound{}, Limits: p.Limits()}
	if p.grant == nil {
		return s
	}
	s.Actions = slices.Clone(p.grant.Actions)
	maps.Copy(s.Limits, p.grant.Limits)
	for _, b := range p.bound {
		if p.granted(b.Name) {
			s.Resources = append(s.Resources, b)
		}
	}
	for _, n := range p.routes() {
		if p.granted(n) {
			s.Resources = append(s.Resources, Bound{Name: n})
		}
	}
	slices.SortFunc(s.Resources, func(a, b Bound) int {
		return slices.Compare([]string{a.Tool, a.Kind, a.Name.Name, a.ID}, []string{b.Tool, b.Kind, b.Name.Name, b.ID})
	})
	return s
}

// Hash is SHA-256 of the scope's canonical JSON.
func (s Scope) Hash() (seal.Hash, error) {
	b, err := seal.Marshal(s)
	if err != nil {
		return seal.Hash{}, err
	}
	return seal.Sum(b), nil
}
