// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"errors"
	"slices"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// Papers that are not signed by the right keys are not read any further: their
// text is anybody's.

// A published is a policy, bound to ids.
type published struct {
	policy  *policy.Policy
	binding seal.Hash
	used    bool // it was in force for some receipt
	beside  bool // it ran in shadow for some
	decided int  // calls
}

func (a *auditor) readPolicies() {
	for i := range a.bundle.Policies {
		p := a.readPolicy(i)
		if p == nil {
			continue
		}
		if slices.ContainsFunc(a.policies, func(o *published) bool { return o.policy.Hash() == p.policy.Hash() && o.binding == p.binding }) {
			a.find(bundleDuplicate, 0, "policy %d, %s: it is there twice with the same binding", i+1, p.policy.Hash())
			continue
		}
		a.policies = append(a.policies, p)
		if !slices.Contains(a.report.Policies, p.policy.Hash()) {
			a.report.Policies = append(a.report.Policies, p.policy.Hash())
		}
	}
}

// readPolicy opens a policy and its binding, and binds it; nil if it cannot.
func (a *auditor) readPolicy(i int) *published {
	e := &a.bundle.Policies[i]
	signers, perr := e.Policy.Open(policy.Type, a.keys.publishers.Keys()...)
	if perr != nil {
		a.find(policySignature, 0, "policy %d: %v", i+1, perr)
	}
	_, berr := e.Binding.Open(policy.BindingType, a.keys.registries...)
	if berr != nil {
		a.find(bindingSignature, 0, "binding of policy %d: %v", i+1, berr)
	}
	if perr != nil || berr != nil {
		return nil
	}
	bound, at, err := bind(e.Policy.Payload, e.Binding.Payload)
	switch {
	case errors.Is(err, policy.ErrBinding):
		a.find(policyBinding, 0, "policy %d: %v", i+1, err)
		return nil
	case err != nil:
		a.find(policyMalformed, 0, "policy %d: %v", i+1, err)
		return nil
	}
	if !a.approved(i, bound, signers, at) {
		return nil
	}
	return &published{policy: bound, binding: e.Binding.Hash()}
}

// bind binds a policy, and returns when the registry says it was published.
func bind(policyJSON, bindingJSON []byte) (*policy.Policy, time.Time, error) {
	p, err := policy.Parse(policyJSON)
	if err != nil {
		return nil, time.Time{}, err
	}
	if p.Hash() != seal.Sum(policyJSON) {
		return nil, time.Time{}, seal.ErrNotCanonical
	}
	b, err := policy.ParseBinding(bindingJSON)
	if err != nil {
		return nil, time.Time{}, err
	}
	bound, err := p.Bind(b)
	return bound, b.At, err
}

// A held is a token's record, and what it comes to under each policy.
type held struct {
	claims   *token.Claims
	used     bool
	accepted bool // by some receipt; refused ones prove nothing about it
	grounded bool // it stands on an attestation that is in the bundle, and fits
	fits     map[*published]fit
}

type fit struct {
	narrowed *policy.Policy
	err      error
}

// fit is what the token comes to under p.
func (h *held) fit(p *published) fit {
	f, ok := h.fits[p]
	if !ok {
		f.narrowed, f.err = h.claims.Fit(p.policy)
		h.fits[p] = f
	}
	return f
}

func (a *auditor) readTokens() {
	for i := range a.bundle.Tokens {
		c := a.readToken(i, &a.bundle.Tokens[i])
		if c == nil {
			continue
		}
		if a.tokens[c.ID] != nil {
			a.find(bundleDuplicate, 0, "token %q: it is there twice", c.ID)
			continue
		}
		h := &held{claims: c, fits: map[*published]fit{}}
		a.held = append(a.held, h)
		a.tokens[c.ID] = h
		a.report.Tokens = append(a.report.Tokens, c.ID)
		if c.Job != a.bundle.Job {
			a.find(tokenJob, 0, "token %q: it is for job %q", c.ID, c.Job)
		}
	}
}

func (a *auditor) readToken(i int, e *seal.Envelope) *token.Claims {
	if _, err := e.Open(token.RecordType, a.keys.issuers...); err != nil {
		a.find(tokenSignature, 0, "token %d: %v", i+1, err)
		return nil
	}
	c := new(token.Claims)
	if err := seal.Decode(e.Payload, c); err != nil {
		a.find(tokenMalformed, 0, "token %d: %v", i+1, err)
		return nil
	}
	if err := token.CheckClaims(c); err != nil {
		a.find(tokenMalformed, 0, "token %d: %v", i+1, err)
		return nil
	}
	return c
}

// An answer is a person's, and whether some decision saw it.
type answer struct {
	*receipt.Answer
	seen bool
}

func (a *auditor) readAnswers() {
	type by struct {
		voice
		at int64
	}
	there := map[by]bool{}
	for i := range a.bundle.Answers {
		n, err := receipt.OpenAnswer(&a.bundle.Answers[i], a.keys.people...)
		switch {
		case err != nil && unsigned(err):
			a.find(answerSignature, 0, "answer %d: %v", i+1, err)
			continue
		case err != nil:
			a.find(answerMalformed, 0, "answer %d: %v", i+1, err)
			continue
		}
		a.checkKeys(n, &a.bundle.Answers[i])
		once := by{voice{n.Approval, n.By}, n.At.UnixNano()}
		if there[once] {
			a.find(bundleDuplicate, 0, "answer %d: %q has answered %q at that time already", i+1, n.By, n.Approval)
			continue
		}
		there[once] = true
		if n.Job != a.bundle.Job {
			a.find(bundleJob, 0, "the answer of %q to %q is about job %q", n.By, n.Approval, n.Job)
		}
		x := &answer{Answer: n}
		a.answers = append(a.answers, x)
		a.about[n.Call] = append(a.about[n.Call], x)
	}
}

// checkKeys checks that n was given before the keys that signed it were revoked.
func (a *auditor) checkKeys(n *receipt.Answer, e *seal.Envelope) {
	for _, s := range e.Signatures {
		if until, ok := a.trust.Until[s.KeyID]; ok && n.At.After(until) {
			a.find(answerRevoked, 0, "the answer of %q to %q is of %s, and their key %s was revoked at %s", n.By, n.Approval, stamp(n.At), s.KeyID, stamp(until))
		}
	}
}
