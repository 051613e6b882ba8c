// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"maps"
	"slices"

	"github.com/clawea/clawea/seal"
)

// A Grant is what a token may use of its policy: a subset. The zero value
// grants nothing.
type Grant struct {
	Actions   []string       `json:"actions"`   // full names; or a pattern that is an entry of the policy's tool list
	Resources []string       `json:"resources"` // names of the policy: "confluence:ENG", "jira:SEC", "model:ROUTE", "egress:api.example.com"
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
	for _, n := range p.grantable() {
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
	for _, r := range g.Resources {
		if !p.rules.grantable.has(r) {
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
func (p *Policy) granted(n Name) bool { return p.grantsName(n.String()) }

func (p *Policy) grantsName(name string) bool {
	if p.grant == nil {
		return true
	}
	_, ok := slices.BinarySearch(p.grant.Resources, name) // they are normal, and so sorted
	return ok
}

// A Scope is what a narrowed policy comes to, with names resolved to ids. Its
// hash is the scope hash that a token carries (spec/token.md section 3).
type Scope struct {
	Actions   []string       `json:"actions"`
	Denied    []Bound        `json:"denied,omitempty"`
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
		if b.denies() {
			s.Denied = append(s.Denied, b)
		} else if p.granted(b.Name) {
			s.Resources = append(s.Resources, b)
		}
	}
	for _, n := range append(p.routes(), p.hostNames()...) {
		if p.granted(n) {
			s.Resources = append(s.Resources, Bound{Name: n})
		}
	}
	slices.SortFunc(s.Denied, compareBound)
	slices.SortFunc(s.Resources, compareBound)
	return s
}

func compareBound(a, b Bound) int {
	return slices.Compare([]string{a.Tool, a.Kind, a.Name.Name, a.ID}, []string{b.Tool, b.Kind, b.Name.Name, b.ID})
}

// Hash is SHA-256 of the scope's canonical JSON.
func (s Scope) Hash() (seal.Hash, error) {
	b, err := seal.Marshal(s)
	if err != nil {
		return seal.Hash{}, err
	}
	return seal.Sum(b), nil
}
