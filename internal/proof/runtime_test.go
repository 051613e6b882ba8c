// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// However much a job's programs say of themselves, its proof can be had, with all texts that
// are not theirs.
func TestProgramsSayTooMuch(t *testing.T) {
	const runs, each = 5, 11 << 20 // more than a bundle holds
	h := newHouse(t)
	m := h.mint("job-1")
	if _, err := h.do(m.Raw, "read", "x"); err != nil {
		t.Fatal(err)
	}
	launcher := newKey(t, "launcher", 7)
	h.trust.Launchers = []string{launcher.public}
	traces := &proof.Traces{DB: h.db, Launchers: []seal.Verifier{launcher.verifier}}
	for i := range runs {
		text := receipt.Text{Salt: seal.Salt{byte(i)}, Bytes: bytes.Repeat([]byte{byte('a' + i)}, each)}
		text.Commitment = seal.Commit(text.Salt, text.Bytes)
		x := &receipt.Trace{Job: "job-1", Agent: "robot", Launcher: "launcher", At: time.Now().UTC().Truncate(time.Second), Program: "openclaw", Version: "1", Export: text.Commitment}
		e, err := x.Sign(launcher)
		if err != nil {
			t.Fatal(err)
		}
		if err := traces.Keep(t.Context(), "job-1", e, []receipt.Text{text}); err != nil {
			t.Fatal(err)
		}
	}
	file := h.export("job-1", true)
	h.wantVerified(file)
	b, err := bundle.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	said, own := 0, 0
	for _, d := range b.Disclosures {
		if len(d.Text) == each {
			said++
		} else {
			own++
		}
	}
	if len(b.Traces) != runs || said != 1 || own != 2 {
		t.Errorf("%d traces, %d texts of theirs, %d of the call's", len(b.Traces), said, own)
	}
}
