// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// readTexts checks disclosed texts against their commitments.
func (a *auditor) readTexts() {
	for i := range a.bundle.Disclosures {
		d := &a.bundle.Disclosures[i]
		if a.texts[d.Commitment] != nil {
			a.find(bundleDuplicate, 0, "disclosure %d: %s is disclosed already", i+1, d.Commitment)
			continue
		}
		if !seal.Commit(d.Salt, d.Text).Equal(d.Commitment) {
			a.find(disclosureCommitment, 0, "disclosure %d: the text is not what %s commits to", i+1, d.Commitment)
			continue
		}
		a.texts[d.Commitment] = d
	}
}

// commitments notes what r commits to, and compares the length of a disclosed
// result with what r says.
func (a *auditor) commitments(r *receipt.Receipt) {
	if r.Call != nil {
		a.committed[r.Call.Args] = true
		a.committed[r.Call.Attempt] = true
		a.committed[r.Call.Change] = true
	}
	if r.Outcome == nil {
		return
	}
	a.committed[r.Outcome.Result] = true
	if g := r.Outcome.Model; g != nil {
		for _, p := range g.Proposed {
			a.committed[p.Args] = true
		}
	}
	d := a.texts[r.Outcome.Result]
	if d != nil && int64(len(d.Text)) != r.Outcome.Size {
		a.find(disclosureSize, r.Seq, "the result has %d bytes; the receipt says %d", len(d.Text), r.Outcome.Size)
	}
}

// strays finds disclosed texts that no paper commits to.
func (a *auditor) strays() {
	for i := range a.bundle.Disclosures {
		if c := a.bundle.Disclosures[i].Commitment; !a.committed[c] {
			a.find(disclosureUnknown, 0, "disclosure %d: no receipt, attestation or trace has %s", i+1, c)
		}
	}
}
