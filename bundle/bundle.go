// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package bundle reads and writes the one file that proves a job (users say
// proof bundle): its policies, its tokens' records, its receipts, the answers
// of people, what is disclosed of the texts behind, and where the ledger has
// it all. It holds everything that an auditor needs except the keys to trust.
//
// A bundle has one spelling: what reads as a bundle is, to the bit, what
// Marshal writes. Whether what it says is true is package verify's matter.
// spec/bundle.md is the definition.
package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/seal"
)

// Format is the first word of every bundle of this version.
const Format = "clawea.bundle.v1"

const (
	// MaxSize bounds a bundle's file, in bytes.
	MaxSize = 64 << 20
	// MaxItems bounds each list in a bundle.
	MaxItems = 100_000
)

// ErrFormat is returned for a file that is not a bundle of this version.
var ErrFormat = errors.New("not a " + Format + " file")

// A Bundle is the proof of one job. Lists are in the order of their making;
// receipts are the job's whole chain, from the first on.
type Bundle struct {
	Format      string          `json:"format"`            // Format; Marshal writes it
	Job         string          `json:"job"`               //
	Policies    []Policy        `json:"policies"`          // each pair that decided something, once
	Tokens      []seal.Envelope `json:"tokens"`            // token.RecordType: claims, never the token
	Receipts    []seal.Envelope `json:"receipts"`          // receipt.Type, the first has number 1
	Answers     []seal.Envelope `json:"answers"`           // receipt.AnswerType, by the people themselves
	Disclosures []Disclosure    `json:"disclosures"`       // any of them may be left out
	Standing    *seal.Envelope  `json:"standing,omitzero"` // receipt.StandingType: where the chain ended
	Log         *Log            `json:"log,omitzero"`      // where the ledger has the receipts

	// Delegations are receipt.DelegationType: those under which somebody answered in
	// another's stead, by the absent people themselves, and what took them back.
	Delegations []seal.Envelope `json:"delegations,omitempty"`

	// Attestations are receipt.AttestationType: those on which the job's tokens stand, by
	// the launchers themselves. Traces are receipt.TraceType: what programs say of themselves.
	Attestations []seal.Envelope `json:"attestations,omitempty"`
	Traces       []seal.Envelope `json:"traces,omitempty"`
}

// A Policy is a policy as it was published: signed by its author and approvers,
// with its names bound to ids by a registry.
type Policy struct {
	Policy  seal.Envelope `json:"policy"`  // policy.Type
	Binding seal.Envelope `json:"binding"` // policy.BindingType
}

// A Disclosure is a text that a receipt only commits to (spec/receipt.md 5.1).
type Disclosure struct {
	Commitment seal.Hash `json:"commitment"`
	Salt       seal.Salt `json:"salt"`
	Text       []byte    `json:"text"`
}

// A Log says where the ledger has the receipts.
type Log struct {
	Checkpoint string  `json:"checkpoint"` // the signed note (spec/ledger.md section 3), the log's own signatures only
	Proofs     []Proof `json:"proofs"`     // at most one for each receipt
}

// A Proof is the inclusion proof (RFC 6962) of one receipt's entry.
type Proof struct {
	Seq    uint64           `json:"seq"`    // the receipt's number
	Index  int64            `json:"index"`  // the entry's, from 0
	Hashes tlog.RecordProof `json:"hashes"` // from the leaf up, base64
}

// Read reads a bundle. It refuses what Marshal would not write: what is longer
// than MaxSize, another format (ErrFormat), unknown or repeated names, lists
// longer than MaxItems, and any other spelling of the same bundle
// (seal.ErrNotCanonical).
func Read(file []byte) (*Bundle, error) {
	b := new(Bundle)
	if err := seal.UnmarshalUpTo(file, b, MaxSize); err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	if b.Format != Format {
		return nil, fmt.Errorf("read bundle: %w", ErrFormat)
	}
	again, err := b.Marshal()
	if err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	if !bytes.Equal(again, file) {
		return nil, fmt.Errorf("read bundle: %w", seal.ErrNotCanonical)
	}
	return b, nil
}

// Marshal writes the file: canonical JSON (RFC 8785) and a newline. It fails if
// Read would refuse the file for its size.
func (b *Bundle) Marshal() ([]byte, error) {
	if err := b.checkSize(); err != nil {
		return nil, err
	}
	out := *b
	out.Format = Format
	file, err := seal.MarshalUpTo(&out, MaxSize-1)
	if err != nil {
		return nil, fmt.Errorf("write bundle: %w", err)
	}
	return append(file, '\n'), nil
}

func (b *Bundle) checkSize() error {
	n := max(len(b.Policies), len(b.Tokens), len(b.Receipts), len(b.Answers), len(b.Disclosures), len(b.Delegations), len(b.Attestations), len(b.Traces))
	if b.Log != nil {
		n = max(n, len(b.Log.Proofs))
	}
	if n > MaxItems {
		return fmt.Errorf("write bundle: a list of %d; at most %d fit", n, MaxItems)
	}
	return nil
}

// Redact returns the bundle with the disclosures that keep holds, and no
// others. What verified still verifies: receipts hold commitments only. b is
// not changed.
func (b *Bundle) Redact(keep func(commitment seal.Hash) bool) *Bundle {
	out := *b
	out.Disclosures = slices.DeleteFunc(slices.Clone(b.Disclosures), func(d Disclosure) bool { return !keep(d.Commitment) })
	return &out
}

// LogEntry is what the ledger holds of a receipt: a short text of the job, the
// receipt's number and the hash of its envelope's canonical bytes, signature
// included (spec/ledger.md section 2).
func LogEntry(job string, seq uint64, envelope seal.Hash) []byte {
	return fmt.Appendf(nil, "clawea receipt v1\n%s\n%d\n%s\n", job, seq, envelope)
}
