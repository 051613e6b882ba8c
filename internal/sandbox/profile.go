// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"slices"

	"github.com/clawea/clawea/seal"
)

// A Profile is what a sandbox promises of one program, as a receipt says it. It
// has one form in JSON. The digest of the filter is of what its rules say, which
// is the same on every machine.
type Profile struct {
	Version    int       `json:"v"` // 1
	Parts      []Part    `json:"parts"`
	Exceptions []Part    `json:"exceptions,omitzero"` // what the operator lets be missing
	Missing    []Part    `json:"missing,omitzero"`    // what of that is missing here
	Filter     string    `json:"filter"`              // the name of the seccomp filter
	Rules      seal.Hash `json:"filter_rules"`        // and the hash of its rules
	Readable   []string  `json:"readable"`            // what it can read, beside its temporary folder
	Listen     []uint16  `json:"listen,omitzero"`     // what it can connect to
	Limits     Limits    `json:"limits"`
}

// Canonical returns the one form of p in JSON.
func (p *Profile) Canonical() ([]byte, error) { return seal.Marshal(p) }

// Digest is the hash of p in its one form: the profile of this machine, for a
// receipt.
func (p *Profile) Digest() (seal.Hash, error) {
	b, err := p.Canonical()
	if err != nil {
		return seal.Hash{}, err
	}
	return seal.Sum(b), nil
}

// Asked is p as it was asked for: with the exceptions, whatever of them is missing
// here. It is the same on every machine that would start the program, so that a
// policy can pin its digest.
func (p *Profile) Asked() *Profile {
	asked := *p
	asked.Parts, asked.Missing = Parts(), nil
	asked.Filter, asked.Rules = filterOf(asked.Parts)
	return &asked
}

// Profile is what Start promises of c here.
func (s *Sandbox) Profile(c *Command) (*Profile, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	p := &Profile{
		Version: 1, Parts: s.parts(), Exceptions: slices.Clone(s.except), Missing: slices.Clone(s.missing),
		Readable: sorted(c.Readable), Listen: sorted(c.Listen), Limits: c.Limits.orDefault(),
	}
	p.Filter, p.Rules = filterOf(p.Parts)
	return p, nil
}
