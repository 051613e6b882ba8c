// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/seal"
)

var update = flag.Bool("update", false, "write the expectation of vectors that have none; never changes one")

// TestVectors decides every case of testdata/vectors/policy-*.txtar. A vector's
// name begins with the clause of spec/policy.md that it proves.
func TestVectors(t *testing.T) {
	paths, err := filepath.Glob("../testdata/vectors/policy-*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { testVector(t, path) })
	}
}

func testVector(t *testing.T, path string) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := vectorFiles(a)
	got := runVector(t, files)
	want, ok := files["expect"]
	if !ok && *update {
		a.Files = append(a.Files, txtar.File{Name: "expect", Data: []byte(got)})
		if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !ok {
		t.Fatal("the vector expects nothing: run with -update, and read what it wrote")
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func vectorFiles(a *txtar.Archive) map[string][]byte {
	files := map[string][]byte{}
	for _, f := range a.Files {
		files[f.Name] = f.Data
	}
	return files
}

// runVector does what the files of a vector ask for and says what came of it.
func runVector(t *testing.T, files map[string][]byte) string {
	t.Helper()
	p, err := Parse(files["policy.json"])
	if err != nil {
		return fmt.Sprintf("refused: %v\n", err)
	}
	out := fmt.Sprintf("policy: %v\n", p.Hash())
	if b, ok := files["binding.json"]; ok {
		parsed, err := ParseBinding([]byte(strings.TrimSpace(string(b))))
		if err != nil {
			t.Fatal(err)
		}
		if p, err = p.Bind(parsed); err != nil {
			return out + fmt.Sprintf("refused: %v\n", err)
		}
	}
	if b, ok := files["grant.json"]; ok {
		var g Grant
		decodeVector(t, b, &g)
		if p, err = p.Narrow(g, nil); err != nil {
			return out + fmt.Sprintf("refused: %v\n", err)
		}
	}
	if files["call.json"] == nil {
		return out
	}
	c, f := new(Call), new(Facts)
	decodeVector(t, files["call.json"], c)
	decodeVector(t, files["facts.json"], f)
	if content, ok := files["content"]; ok {
		f.Conditions = p.Conditions(c, f, bytes.TrimSuffix(content, []byte("\n")))
		for _, at := range slices.Sorted(maps.Keys(f.Conditions)) {
			out += fmt.Sprintf("condition %s: %t\n", at, f.Conditions[at])
		}
	}
	d := p.Decide(c, f)
	if want, ok := files["marks"]; ok {
		if diff := cmp.Diff(string(want), marks(p, d)); diff != "" {
			t.Errorf("marks: -want +got:\n%s", diff)
		}
	}
	if diff := cmp.Diff(d.Effect, p.Decide(p.Minimal(c), minimalFacts(p, c, f)).Effect); diff != "" {
		t.Errorf("the recorded call decides otherwise:\n%s", diff)
	}
	return out + describe(d)
}

// minimalFacts are f about the minimal c: its approvals are for the call that
// is recorded.
func minimalFacts(p *Policy, c *Call, f *Facts) *Facts {
	out := *f
	out.Approvals = nil
	for _, a := range f.Approvals {
		if a.Call == c.Digest() {
			a.Call = p.Minimal(c).Digest()
		}
		out.Approvals = append(out.Approvals, a)
	}
	return &out
}

func decodeVector(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := seal.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// marks are what a policy says about itself, and whether its decision is marked
// as one of an emergency.
func marks(p *Policy, d Decision) string {
	out := fmt.Sprintf("break_glass: %t\n", d.BreakGlass)
	if e := p.Environment(); e != "" {
		out += "environment: " + e + "\n"
	}
	if r := p.ChangeRecord(); r != nil {
		out += fmt.Sprintf("change: %s %s %s\n", r.System, r.ID, r.URL)
	}
	return out
}

func describe(d Decision) string {
	out := fmt.Sprintf("effect: %v\n", d.Effect)
	if d.Approval != "" {
		out += "approval: " + d.Approval + "\n"
	}
	for _, r := range d.Reasons {
		out += fmt.Sprintf("reason: %v\n", r)
	}
	return out
}
