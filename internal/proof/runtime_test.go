// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// told has a launcher find what the job's program says: the calls that it made, and a text.
func (h *house) told(text receipt.Text, calls ...string) {
	h.t.Helper()
	launcher := housetest.NewKey(h.t, "launcher", 7)
	h.trust.Launchers = []string{launcher.Public}
	traces := &proof.Traces{DB: h.db, Launchers: []seal.Verifier{launcher.Verifier}}
	x := &receipt.Trace{Job: "job-1", Agent: "robot", Launcher: "launcher", At: time.Now().UTC().Truncate(time.Second), Program: "openclaw", Version: "1", Export: text.Commitment}
	for _, name := range calls {
		x.Calls = append(x.Calls, receipt.TracedCall{Kind: receipt.TracedRemote, Name: name, Status: receipt.TracedRan, At: x.At})
	}
	e, err := x.Sign(launcher)
	if err != nil {
		h.t.Fatal(err)
	}
	var texts []receipt.Text
	if text.Bytes != nil {
		texts = append(texts, text)
	}
	if err := traces.Keep(h.t.Context(), "job-1", e, texts); err != nil {
		h.t.Fatal(err)
	}
}

// What a program tells of has its receipts in a proof that is made while the program ends.
func TestTraceWhileItIsExported(t *testing.T) {
	h := newHouse(t)
	m := h.mint("job-1")
	read := func() {
		t.Helper()
		if _, err := h.do(m.Raw, "read", "x"); err != nil {
			t.Fatal(err)
		}
	}
	read()
	noisy := &noisyDB{DB: h.db}
	h.Exporter.DB = noisy
	for traces, then := range []func(){func() { read(); h.told(receipt.Text{}, "desk_read", "desk_read") }, nil} {
		noisy.then = then
		file := h.export("job-1", false)
		h.wantVerified(file)
		if b, err := bundle.Read(file); err != nil || len(b.Traces) != traces {
			t.Fatalf("%d traces, %v, want %d", len(b.Traces), err, traces)
		}
	}
}

// However much a job's programs say of themselves, its proof can be had, with all texts that
// are not theirs.
func TestProgramsSayTooMuch(t *testing.T) {
	const runs, each = 5, 11 << 20 // more than a bundle holds
	h := newHouse(t)
	m := h.mint("job-1")
	if _, err := h.do(m.Raw, "read", "x"); err != nil {
		t.Fatal(err)
	}
	for i := range runs {
		text := receipt.Text{Salt: seal.Salt{byte(i)}, Bytes: bytes.Repeat([]byte{byte('a' + i)}, each)}
		text.Commitment = seal.Commit(text.Salt, text.Bytes)
		h.told(text)
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
