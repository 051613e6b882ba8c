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
	"fmt"
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
	rules rules // doc, as Decide wants it
	conds []condition

	bound       []Bound   // from Bind: the names as ids
	bindingHash seal.Hash //
	grant       *Grant    // from Narrow: what a token may use of it
	ground      ground    // bound, as Decide wants it

	pins       map[pin]pinNames // from Bind: the tools of MCP servers that may be called
	extensions []Extension      // from Bind: what the agent's runtime may load
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
	p.rules = rulesOf(p)
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

// Bearer reports what p says of tokens that are bound to no key: whether they
// may be used under p, and whether p says so or not. Where it does not, the
// house's configuration does.
func (p *Policy) Bearer() (allowed, said bool) {
	r := p.doc.Runtime
	if r == nil || r.Bearer == nil {
		return false, false
	}
	return *r.Bearer, true
}

// RequiresReceipts reports whether a job under p is only valid with a receipt for every call.
func (p *Policy) RequiresReceipts() bool {
	d := &p.doc
	return d.Attestation != nil && d.Attestation.Receipts ||
		d.Audit != nil && d.Audit.Receipts ||
		d.Constraints != nil && d.Constraints.ModelCalls != nil && d.Constraints.ModelCalls.Receipts
}

// Environment is where p is for ("dev", "prod"), or "".
func (p *Policy) Environment() string { return p.doc.Environment }

// ChangeRecord is the change that p was made for, or nil.
func (p *Policy) ChangeRecord() *ChangeRecord { return p.doc.ChangeRecord }

// BreakGlass says why p is a policy for an emergency and until when, or nil.
func (p *Policy) BreakGlass() *BreakGlass { return p.doc.BreakGlass }
