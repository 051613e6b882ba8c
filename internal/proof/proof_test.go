// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

// story makes a job with a call of every end: two done, denied, asked, approved,
// refused, and one that lost its closing receipt.
func (h *house) story(job string) {
	h.t.Helper()
	first, second := h.mint(job), h.mint(job)
	must := func(want bool, err error) {
		h.t.Helper()
		if (err == nil) != want {
			h.t.Fatal(err)
		}
	}
	_, err := h.do(first.Raw, "read", "a page")
	must(true, err)
	_, err = h.do(first.Raw, "wipe", "all")
	must(false, err)
	asked, err := h.do(second.Raw, "post", "a letter")
	must(false, err)
	h.yes(asked.Asks)
	_, err = h.do(second.Raw, "post", "a letter")
	must(true, err)
	if _, err = h.do(second.Raw, "post", "another letter"); err == nil {
		h.t.Fatal("a yes is good twice")
	}
	_, err = h.db.Revoke(h.t.Context(), store.Revocation{Revocation: token.Revocation{Kind: token.RevokeToken, Target: string(second.Claims.ID)}, By: "olga"})
	must(true, err)
	_, err = h.do(second.Raw, "read", "a page")
	must(false, err)
	h.gate.Book = leakyBook{h.db}
	_, err = h.do(first.Raw, "read", "a lost page")
	h.gate.Book = h.db
	if !errors.Is(err, gate.ErrUnclosed) {
		h.t.Fatal(err)
	}
}

func TestStory(t *testing.T) {
	h := newHouse(t)
	h.story("job-1")
	file := h.export("job-1", false)
	r := h.wantVerified(file)
	if diff := cmp.Diff(verify.Calls{Allowed: 3, Denied: 1, Asked: 2, Refused: 1, Unclosed: 1}, r.Calls); diff != "" {
		t.Error(diff)
	}
	b, err := bundle.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Policies) != 1 || len(b.Tokens) != 2 || len(b.Receipts) != 9 || len(b.Answers) != 1 || len(b.Disclosures) != 0 || b.Standing == nil {
		t.Errorf("%d policies, %d tokens, %d receipts, %d answers, %d disclosures", len(b.Policies), len(b.Tokens), len(b.Receipts), len(b.Answers), len(b.Disclosures))
	}
	if b.Log == nil || len(b.Log.Proofs) != len(b.Receipts) {
		t.Error("no proof of inclusion for each receipt")
	}
	if again := h.export("job-1", false); len(again) == 0 || h.wantVerified(again).Receipts != 9 {
		t.Error("another export is another story")
	}
}

// Texts are disclosed when that is asked for, all of them and nobody else's.
func TestDisclose(t *testing.T) {
	h := newHouse(t)
	h.story("job-1")
	h.story("job-2")
	b, err := bundle.Read(h.export("job-1", true))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, d := range b.Disclosures {
		if !seal.Commit(d.Salt, d.Text).Equal(d.Commitment) {
			t.Errorf("%q is not what was committed to", d.Text)
		}
		got[string(d.Text)]++
	}
	want := map[string]int{"a page": 1, "result of a page": 1, "all": 1, "a letter": 1, "result of a letter": 1, "another letter": 1, "a lost page": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	file := h.export("job-1", true)
	h.wantVerified(file)
	full, err := bundle.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	redacted, err := full.Redact(func(seal.Hash) bool { return false }).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	h.wantVerified(redacted)
}

// What a model proposed is disclosed like any other text.
func TestDiscloseProposed(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1").Raw
	chat := policy.Action{Tool: "model", Name: "chat.completions", Class: policy.Model}
	g := &receipt.Generation{Provider: "openai", Proposed: []receipt.Proposed{{Name: "lookup"}}}
	req := &gate.Request{Action: chat, Text: []byte("a prompt"), Plan: func(context.Context, []policy.Bound) (*gate.Plan, error) {
		return &gate.Plan{Call: &policy.Call{Tool: chat.Tool, Action: chat.Name, Class: chat.Class, Resources: []policy.Resource{{Type: "route", ID: "main"}, {Type: "model", ID: "gpt-x"}}}, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
			return &gate.Result{Body: []byte("an answer"), Outcome: receipt.Outcome{Status: receipt.Done, Model: g}, Proposed: [][]byte{[]byte(`{"q":1}`)}}, nil
		}}, nil
	}}
	if _, _, err := h.gate.Do(t.Context(), &token.Presentation{Raw: raw}, req); err != nil {
		t.Fatal(err)
	}
	file := h.export("job-1", true)
	h.wantVerified(file)
	b, err := bundle.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range b.Disclosures {
		got = append(got, string(d.Text))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"a prompt", "an answer", `{"q":1}`}, got); diff != "" {
		t.Error(diff)
	}
}

// Every export verifies, whatever is being written meanwhile.
func TestWhileWriting(t *testing.T) {
	h := newHouse(t)
	m := h.mint("job-1")
	if _, err := h.do(m.Raw, "read", "first"); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for i := 0; !stop.Load() && i < 200; i++ {
				name := []string{"read", "wipe", "post"}[(w+i)%3]
				h.do(m.Raw, name, fmt.Sprintf("%d of writer %d", i, w)) // each end is fine
			}
		})
	}
	seen := 0
	for range 8 {
		r := h.wantVerified(h.export("job-1", true))
		if r.Receipts < seen {
			t.Errorf("%d receipts, and %d before", r.Receipts, seen)
		}
		seen = r.Receipts
	}
	stop.Store(true)
	writers.Wait()
	if seen < 2 {
		t.Error("nothing was written meanwhile")
	}
}

// What comes after the chain was read stays out: an answer without its question
// would be a finding.
func TestAnsweredMeanwhile(t *testing.T) {
	h := newHouse(t)
	m := h.mint("job-1")
	if _, err := h.do(m.Raw, "read", "first"); err != nil {
		t.Fatal(err)
	}
	db := &noisyDB{DB: h.db}
	db.then = func() {
		asked, err := h.do(m.Raw, "post", "a letter")
		if err == nil {
			t.Error("not asked")
			return
		}
		h.yes(asked.Asks)
		h.do(m.Raw, "post", "a letter")
	}
	h.Exporter.DB = db
	file := h.export("job-1", true)
	if r := h.wantVerified(file); r.Receipts != 2 {
		t.Errorf("%d receipts", r.Receipts)
	}
	b, err := bundle.Read(file)
	if err != nil || len(b.Answers) != 0 || len(b.Disclosures) != 2 {
		t.Errorf("%d answers, %d disclosures, %v", len(b.Answers), len(b.Disclosures), err)
	}
	h.Exporter.DB = h.db
	if r := h.wantVerified(h.export("job-1", true)); r.Receipts != 5 {
		t.Errorf("%d receipts afterwards", r.Receipts)
	}
}

// A log stands still, fails or proves nothing.
type brokenLedger struct{ wait, prove error }

func (l brokenLedger) Wait(ctx context.Context, _ string, _ uint64) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("an export would wait for ever")
	}
	return l.wait
}

func (l brokenLedger) Prove(context.Context, string, ...uint64) (*bundle.Log, error) {
	return nil, l.prove
}

// A ledger in trouble keeps no job's proof back; the verifier warns.
func TestLedgerInTrouble(t *testing.T) {
	h := newHouse(t)
	h.story("job-1")
	for name, l := range map[string]brokenLedger{
		"stands still": {wait: context.DeadlineExceeded}, "fails": {prove: errDisk},
	} {
		h.Ledger = l
		file := h.export("job-1", false)
		r := h.wantVerified(file)
		if b, err := bundle.Read(file); err != nil || b.Log != nil {
			t.Errorf("%s: log %v, %v", name, b.Log, err)
		}
		if got := codes(r, verify.Warn); len(got) < 2 { // the unclosed call is one
			t.Errorf("%s: warned of %v", name, got)
		}
	}
}

// Damage in the database is exported as it is, without what no longer verifies,
// and the verifier names it.
func TestDamage(t *testing.T) {
	for _, test := range []struct {
		name, sql string
		want      verify.Code
	}{
		{"policy", `UPDATE policy SET envelope = X'7b7d'`, "receipt.policy"},
		{"binding", `UPDATE policy SET binding = X''`, "receipt.policy"},
		{"policy gone", `DELETE FROM policy`, "receipt.policy"},
		{"token's record", `UPDATE token SET record = X'00'`, "receipt.token"},
		{"token gone", `DELETE FROM token`, "receipt.token"},
		{"answer gone", `DELETE FROM answer`, "receipt.approval"},
		{"end of the chain gone", `DELETE FROM receipt WHERE seq > 5`, "standing.missing"},
		{"middle of the chain gone", `DELETE FROM receipt WHERE seq = 2`, "receipt.chain"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			h.story("job-1")
			if _, err := h.raw.ExecContext(t.Context(), test.sql); err != nil {
				t.Fatal(err)
			}
			file, err := h.Export(t.Context(), "job-1", proof.Everything)
			if err != nil {
				t.Fatal(err)
			}
			r := h.verify(file)
			if r.Verified() || !codes(r, verify.Fail)[test.want] {
				t.Errorf("found %v, want %s", codes(r, verify.Fail), test.want)
			}
		})
	}
}

// What cannot be read just now is an error, not a bundle that fails.
func TestDatabaseInTrouble(t *testing.T) {
	h := newHouse(t)
	h.story("job-1")
	h.Policies = brokenPolicies{}
	if _, err := h.Export(t.Context(), "job-1", proof.Nothing); !errors.Is(err, errDisk) {
		t.Errorf("policies: %v", err)
	}
	h.Policies = h.registry
	h.DB = brokenDB{h.db}
	if _, err := h.Export(t.Context(), "job-1", proof.Nothing); !errors.Is(err, errDisk) {
		t.Errorf("tokens: %v", err)
	}
}

// A job whose receipts are all gone is not one that never had any.
func TestAllGone(t *testing.T) {
	h := newHouse(t)
	h.story("job-1")
	if _, err := h.raw.ExecContext(t.Context(), `DELETE FROM receipt`); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Export(t.Context(), "job-1", proof.Nothing); err == nil || errors.Is(err, proof.ErrEmpty) {
		t.Errorf("got %v", err)
	}
}

func TestNothingToProve(t *testing.T) {
	h := newHouse(t)
	h.mint("job-1")
	if _, err := h.Export(t.Context(), "job-1", proof.Nothing); !errors.Is(err, proof.ErrEmpty) {
		t.Errorf("no receipts: %v", err)
	}
	if _, err := h.Export(t.Context(), "job-2", proof.Nothing); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such job: %v", err)
	}
}

// A clock that went back does not make the standing older than its chain.
func TestClockWentBack(t *testing.T) {
	h := newHouse(t)
	h.story("job-1")
	h.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	h.wantVerified(h.export("job-1", false))
}
