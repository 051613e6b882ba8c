// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"testing"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

func TestAttestations(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.job(t, "job-1")
		h.job(t, "job-2")
		paper := func(says string) (*seal.Envelope, []byte) {
			e, err := seal.Sign(h.gate, receipt.AttestationType, []byte(says))
			if err != nil {
				t.Fatal(err)
			}
			b, err := e.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			return e, b
		}
		one, onePaper := paper(`{"n":1}`)
		_, other := paper(`{"n":2}`)
		hash := seal.Sum(one.Payload)
		for _, b := range [][]byte{onePaper, other} { // the first one stays
			if err := h.PutAttestation(t.Context(), Attestation{"job-1", hash, b}); err != nil {
				t.Fatal(err)
			}
		}
		if e, err := h.Attestation(t.Context(), "job-1", hash); err != nil || !e.Hash().Equal(one.Hash()) {
			t.Errorf("%v, %v", e, err)
		}
		for _, x := range []Attestation{{Job: "job-2", Hash: hash}, {Job: "job-1", Hash: seal.Sum(nil)}} {
			if _, err := h.Attestation(t.Context(), x.Job, x.Hash); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s %s: got %v, want ErrNotFound", x.Job, x.Hash, err)
			}
		}
		if err := h.PutAttestation(t.Context(), Attestation{"nobody", hash, onePaper}); err == nil {
			t.Error("kept for a job that is not there")
		}
	})
}
