// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A Verdict is what a candidate says of a call that another policy decides. It
// has no effect. Either Decision or Unknown is set.
type Verdict struct {
	Policy     seal.Hash        `json:"policy,omitzero"`      // the candidate; missing if it is not even known which there are
	Conditions map[string]bool  `json:"conditions,omitempty"` // the candidate's, by clause
	Decision   *policy.Decision `json:"decision,omitempty"`   //
	Unknown    string           `json:"unknown,omitempty"`    // why there is no decision: a code like "plan"
}

// Why a candidate's verdict is not known.
const (
	UnknownPlan       = "plan"       // under the candidate, the request would have been put in policy terms otherwise
	UnknownNames      = "names"      // the call does not tell the names or labels that the candidate asks for
	UnknownGrant      = "grant"      // the token's grant is not one of the policy in force
	UnknownCandidates = "candidates" // the gate could not read which candidates there are
	UnknownPolicy     = "policy"     // a policy is gone, or does not verify
	UnknownFailed     = "failed"     // deciding by the candidate broke down
)

// whole reports whether v is one that a receipt may hold.
func (v *Verdict) whole() bool {
	if v.Unknown != "" {
		return v.Decision == nil && v.Conditions == nil
	}
	return v.Decision != nil && !v.Policy.IsZero() && v.Decision.Policy.Equal(v.Policy)
}

// A Shadow is a candidate beside the policy in force. Both are bound to ids,
// neither is narrowed.
type Shadow struct {
	Force     *policy.Policy
	Candidate *policy.Policy
	Grant     policy.Grant // what the token may use of Force
	Recorded  bool         // calls are recorded ones: they keep only what Force says
}

// Decide is the candidate's verdict on c, which was put in policy terms under
// the policy in force, in the light of f. conditions are the candidate's own.
// People's answers about the call count under the candidate as well. It is pure,
// and never guesses: what c cannot tell makes the verdict unknown
// (spec/receipt.md section 7).
func (s *Shadow) Decide(c *policy.Call, f *policy.Facts, conditions map[string]bool) Verdict {
	v := Verdict{Policy: s.Candidate.Hash()}
	force, err := s.Force.Narrow(s.Grant, nil)
	candidate, unfit := s.fit(c)
	switch {
	case err != nil || unfit != nil:
		v.Unknown = UnknownGrant
		return v
	case !candidate.CanEver(action(c)): // whatever else c says
		c = &policy.Call{Tool: c.Tool, Action: c.Action, Class: c.Class, Args: c.Args}
	case !planned(force, candidate, c):
		v.Unknown = UnknownPlan
		return v
	case !s.told(c), len(f.Approvals) > 0 && !s.grouped():
		v.Unknown = UnknownNames
		return v
	}
	facts := *f
	facts.Conditions, facts.Approvals = conditions, slices.Clone(f.Approvals)
	for i := range facts.Approvals {
		facts.Approvals[i].Call = c.Digest()
	}
	d := candidate.Decide(c, &facts)
	v.Decision, v.Conditions = &d, conditions
	return v
}

func action(c *policy.Call) policy.Action {
	return policy.Action{Tool: c.Tool, Name: c.Action, Class: c.Class}
}

// fit narrows the candidate as the grant narrows the policy in force: what the
// grant keeps back of the one, it keeps back of the other. Of what only the
// candidate has, the grant could not speak.
func (s *Shadow) fit(c *policy.Call) (*policy.Policy, error) {
	old, all := s.Force.Whole(nil), s.Candidate.Whole(nil)
	g := policy.Grant{Actions: slices.Clone(s.Grant.Actions), Limits: all.Limits}
	if !s.Force.CanEver(action(c)) {
		g.Actions = append(g.Actions, c.Name())
	}
	for _, r := range all.Resources {
		if slices.Contains(s.Grant.Resources, r) || !slices.Contains(old.Resources, r) {
			g.Resources = append(g.Resources, r)
		}
	}
	for k, max := range all.Limits {
		if n, ok := s.Grant.Limits[k]; ok && n < old.Limits[k] {
			g.Limits[k] = min(n, max)
		}
	}
	return s.Candidate.Narrow(g, nil)
}

// planned reports whether the house would have put the request in the same
// policy terms under the candidate: connectors plan within a policy's bounds.
func planned(force, candidate *policy.Policy, c *policy.Call) bool {
	if !force.CanEver(action(c)) {
		return false // nobody planned it
	}
	old, now := force.Bounds(c.Tool), candidate.Bounds(c.Tool)
	if c.Unresolved != "" || c.Class == policy.Search {
		return same(old, now)
	}
	labels := func(b []policy.Bound) bool { return len(of(b, policy.Label)) > 0 }
	return (labels(old) || !labels(now)) && same(of(old, policy.ReadField, policy.HiddenField), of(now, policy.ReadField, policy.HiddenField))
}

// of returns the bounds of some kinds.
func of(bounds []policy.Bound, kinds ...string) []policy.Bound {
	return slices.DeleteFunc(slices.Clone(bounds), func(b policy.Bound) bool { return !slices.Contains(kinds, b.Kind) })
}

// same reports whether a and b hold the same bounds.
func same(a, b []policy.Bound) bool {
	within := func(x, y []policy.Bound) bool {
		return !slices.ContainsFunc(x, func(b policy.Bound) bool { return !slices.Contains(y, b) })
	}
	return within(a, b) && within(b, a)
}

// told reports whether c tells all names and labels that the candidate's
// decision depends on. A plan keeps back the names of what lies outside the
// bounds of the policy in force, and a record those that it does not say.
func (s *Shadow) told(c *policy.Call) bool {
	bounds := s.Candidate.Bounds(c.Tool)
	for i := range c.Resources {
		for _, b := range bounds {
			if b.Site != "" && b.Site == c.Site && hidden(c.Resources[i].Path, b) {
				return false
			}
		}
	}
	return !s.Recorded || c.Class == policy.Search || s.labelled(c, of(bounds, policy.Label))
}

// grouped reports whether facts say of people who answered all the groups that the
// candidate names: they say those that the policy in force does.
func (s *Shadow) grouped() bool {
	return !slices.ContainsFunc(s.Candidate.Groups(), func(g string) bool { return !slices.Contains(s.Force.Groups(), g) })
}

// hidden reports whether the missing names of path decide whether it leads
// through b.
func hidden(path []policy.Place, b policy.Bound) bool {
	name, known := "", 0
	for ; known < len(path) && path[known].Name != ""; known++ {
		name += path[known].Name + "/"
	}
	want := strings.TrimSuffix(b.Name.Name, "/") + "/"
	if known == len(path) || want == name || !strings.HasPrefix(want, name) {
		return false
	}
	through := func(path []policy.Place) bool {
		return slices.ContainsFunc(path, func(p policy.Place) bool { return p.ID == b.ID })
	}
	if b.Kind == policy.DeniedSpace || b.Kind == policy.DeniedPrefix {
		return !through(path) // an id alone denies, and so does a name
	}
	return through(path[known:]) // a place permits by id and name together
}

// labelled reports whether the labels that a record of c keeps tell all that
// the candidate's list of labels asks: those that the policy in force says.
func (s *Shadow) labelled(c *policy.Call, want []policy.Bound) bool {
	kept := of(s.Force.Bounds(c.Tool), policy.Label)
	if !slices.ContainsFunc(want, func(b policy.Bound) bool { return !slices.Contains(kept, b) }) {
		return true
	}
	return !slices.ContainsFunc(c.Resources, func(r policy.Resource) bool {
		return !slices.ContainsFunc(want, func(b policy.Bound) bool { return slices.Contains(r.Labels, b.ID) })
	})
}
