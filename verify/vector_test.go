// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

var update = flag.Bool("update", false, "write vectors that are missing; those that are there stay as they are")

const vectorDir = "../testdata/vectors"

// verdict is what a vector expects: the verdict, and every finding but the good.
func verdict(r *verify.Report) string {
	s := "NOT VERIFIED\n"
	if r.Verified() {
		s = "VERIFIED\n"
	}
	for _, l := range []verify.Level{verify.Fail, verify.Warn} {
		for _, c := range codes(r, l) {
			s += l.String() + " " + c + "\n"
		}
	}
	return s
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	paths, err := filepath.Glob(filepath.Join(vectorDir, "bundle-*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		trust, err := verify.ParseTrust(part(a, "trust.json"))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		r := verify.Bundle(part(a, "bundle.json"), trust, verify.Expect{})
		if got, want := verdict(r), string(part(a, "expect")); got != want {
			t.Errorf("%s: got\n%swant\n%s%v", path, got, want, r.Findings)
		}
	}
}

func part(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func vectorBundles(t testing.TB) [][]byte {
	paths, err := filepath.Glob(filepath.Join(vectorDir, "bundle-*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, part(a, "bundle.json"))
	}
	return out
}

// writeVectors writes the vectors that are missing. What a vector expects is
// never rewritten: whoever changes a promise deletes its file by hand.
func writeVectors(t *testing.T) {
	for _, v := range slices.Concat(vectors, governing, shadowing, ordering, bearing, generating, changing, grouping, approving, standingIn, ending, carrying, serving, attesting, tracing, beating) {
		path := filepath.Join(vectorDir, "bundle-"+v.name+".txtar")
		if _, err := os.Stat(path); err == nil {
			continue
		}
		h, b := v.make(t)
		file := string(must(b.Marshal()))
		if v.spell != nil {
			file = v.spell(file)
		}
		a := &txtar.Archive{Comment: []byte(v.says + "\n"), Files: []txtar.File{
			{Name: "trust.json", Data: append(must(h.trust().Marshal()), '\n')},
			{Name: "bundle.json", Data: []byte(file)},
			{Name: "expect", Data: []byte(verdict(verify.Bundle([]byte(file), h.trust(), verify.Expect{})))},
		}}
		if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

type vector struct {
	name, says string
	make       func(t testing.TB) (*house, *bundle.Bundle)
	spell      func(file string) string
}

// vectors are named after the clauses of spec/bundle.md.
var vectors = []vector{
	{"2.1-good", "A whole bundle of one call verifies.", small(nil), nil},
	{"2.1-whitespace", "A bundle has one spelling: a space too many is another file.", small(nil), func(s string) string { return strings.Replace(s, ":", ": ", 1) }},
	{"2.1-unknown-name", "A name that this version does not know is refused.", small(nil), func(s string) string { return strings.Replace(s, `"job"`, `"approved":true,"job"`, 1) }},
	{"2.1-name-twice", "A name that is there twice is refused.", small(nil), func(s string) string { return strings.Replace(s, `"job"`, `"job":"x","job"`, 1) }},
	{"2.6-redacted", "A bundle verifies without its disclosures.", small(func(h *house, b *bundle.Bundle) { *b = *b.Redact(nothing) }), nil},
	{"3.1-policy-by-stranger", "A policy that is signed by nobody trusted decides nothing.", small(func(h *house, b *bundle.Bundle) {
		b.Policies[0].Policy = signed(h.stranger, policy.Type, string(b.Policies[0].Policy.Payload))
	}), nil},
	{"3.1-signature-too-many", "A signature that nobody can check is a reason to stop.", small(func(h *house, b *bundle.Bundle) { b.Policies[0].Policy.Add(h.stranger) }), nil},
	{"3.3-twice", "Nothing is in a bundle twice.", small(func(h *house, b *bundle.Bundle) { b.Tokens = append(b.Tokens, b.Tokens[0]) }), nil},
	{"3.4-scope-hash", "The scope hash is recomputed from policy, binding and grant.", small(func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[0], func(c *token.Claims) { c.Scope = seal.Sum(nil) })
	}), nil},
	{"3.5-last-missing", "A receipt missing from the end shows against the standing.", small(func(h *house, b *bundle.Bundle) {
		b.Receipts, b.Log.Proofs, b.Disclosures = b.Receipts[:1], b.Log.Proofs[:1], b.Disclosures[:1]
	}), nil},
	{"3.5-first-missing", "A receipt missing from the beginning breaks the chain.", small(func(h *house, b *bundle.Bundle) { *b = *withoutFirst(h, b) }), nil},
	{"3.6-gate-lies", "A decision is made again: a gate that allows what the policy denies is found out, though all its signatures hold.", small(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(1, func(r *receipt.Receipt) { r.Call.Action = "merge" }))
	}), nil},
	{"3.6-counter", "A counter that the receipts do not add up to is found.", small(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(1, func(r *receipt.Receipt) { r.Facts.Used = map[string]int{"pages": 1} }))
	}), nil},
	{"3.6-condition-turned", "A condition that is recorded otherwise than the disclosed text has it is found.", conditional(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(1, func(r *receipt.Receipt) { r.Facts.Conditions["/approvals/0"] = true }))
	}), nil},
	{"3.7-approved", "A call that a person approved verifies with the answer that the person signed.", approved(nil), nil},
	{"3.7-answer-missing", "An approval without the person's signed answer counts for nothing.", approved(func(h *house, b *bundle.Bundle) { b.Answers = nil }), nil},
	{"3.7-answer-by-gate", "A gate cannot answer for a person.", approved(func(h *house, b *bundle.Bundle) {
		b.Answers[0] = signed(h.gateKey, receipt.AnswerType, string(b.Answers[0].Payload))
	}), nil},
	{"3.7-another-call", "An approval holds for one exact call: a changed target is another call.", approved(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(2, func(r *receipt.Receipt) { r.Call.Resources[0].ID = "12" }))
	}), nil},
	{"3.8-unclosed", "An allowed call without a closing receipt may have happened: a warning.", small(func(h *house, b *bundle.Bundle) { *b = *h.export(smallJob, 1) }), nil},
	{"3.8-closed-twice", "A call is closed once.", small(func(h *house, b *bundle.Bundle) {
		b.Receipts = append(b.Receipts, b.Receipts[1])
		n := uint64(0)
		h.rewrite(b, func(r *receipt.Receipt) { n++; r.Seq = n })
	}), nil},
	{"3.9-text-edited", "A disclosed text is the one committed to.", small(func(h *house, b *bundle.Bundle) { b.Disclosures[0].Text = []byte("e") }), nil},
	{"3.10-no-standing", "Without a standing nobody knows where the chain ended.", small(func(h *house, b *bundle.Bundle) { b.Standing = nil }), nil},
	{"3.11-no-log", "Without the ledger's proofs there is a warning.", small(func(h *house, b *bundle.Bundle) { b.Log = nil }), nil},
	{"3.11-proof-elsewhere", "An inclusion proof is of one entry at one index.", small(func(h *house, b *bundle.Bundle) { b.Log.Proofs[0].Index++ }), nil},
	{"3.11-other-log", "A checkpoint is of the log that the auditor trusts.", small(func(h *house, b *bundle.Bundle) {
		b.Log.Checkpoint = h.note(strings.Replace(checkpointText(b), origin, "other.example", 1), h.log)
	}), nil},
}

func nothing(seal.Hash) bool { return false }

func edited(make func(testing.TB) (*house, *bundle.Bundle), edit func(*house, *bundle.Bundle)) func(testing.TB) (*house, *bundle.Bundle) {
	return func(t testing.TB) (*house, *bundle.Bundle) {
		h, b := make(t)
		if edit != nil {
			edit(h, b)
		}
		return h, b
	}
}

func small(edit func(*house, *bundle.Bundle)) func(testing.TB) (*house, *bundle.Bundle) {
	return edited(smallStory, edit)
}

// conditional is a story under a policy with a condition.
func conditional(edit func(*house, *bundle.Bundle)) func(testing.TB) (*house, *bundle.Bundle) {
	return edited(func(t testing.TB) (*house, *bundle.Bundle) {
		h := newHouse(t)
		p := h.publish(`{"approvals": [{"require": "human_approval", "when": "content.contains('SECURITY:')"}], "tool_policy": {"allow": ["repo.diff"]}, "wpc_version": "v1"}`)
		h.do(h.mint(p, smallJob, "t1", time.Minute, nil), request(diff, "d", policy.Call{}, done("r", nil), nil), nil)
		return h, h.export(smallJob, 2)
	}, edit)
}

// approved is a story of a page's change that a person approved.
func approved(edit func(*house, *bundle.Bundle)) func(testing.TB) (*house, *bundle.Bundle) {
	return edited(approvedStory, edit)
}

func withoutFirst(h *house, b *bundle.Bundle) *bundle.Bundle {
	out := clone(b)
	out.Receipts, out.Disclosures = out.Receipts[1:], out.Disclosures[1:]
	h.stand(out)
	h.prove(out)
	return out
}

// TestSpecAndVectorsAgree says: a vector's clause is in the spec.
func TestSpecAndVectorsAgree(t *testing.T) {
	spec, err := os.ReadFile("../spec/bundle.md")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(vectorDir, "bundle-*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		if clause := strings.Split(filepath.Base(path), "-")[1]; !strings.Contains(string(spec), "\n"+clause+" ") {
			t.Errorf("%s proves clause %s, which the spec does not have", path, clause)
		}
	}
}
