// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the expectation of vectors that have none; never changes one")

// TestVectors reads every testdata/vectors/seal-*.txtar: papers to be brought
// into canonical form, and envelopes to be opened by keys.
func TestVectors(t *testing.T) {
	paths, err := filepath.Glob("../testdata/vectors/seal-*.txtar")
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

func runVector(t *testing.T, files map[string][]byte) string {
	t.Helper()
	if b, ok := files["envelope.json"]; ok {
		return openVector(t, []byte(strings.TrimSuffix(string(b), "\n")), files)
	}
	c, err := Canonical(vectorInput(t, files))
	if err != nil {
		return fmt.Sprintf("refused: %v\n", err)
	}
	return fmt.Sprintf("%s\n%v\n", c, Sum(c))
}

func vectorInput(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	if in, ok := files["in.json"]; ok {
		return in
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(files["in.hex"])))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openVector(t *testing.T, b []byte, files map[string][]byte) string {
	t.Helper()
	var vs []Verifier
	for line := range strings.Lines(string(files["keys"])) {
		v, err := NewVerifier(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		vs = append(vs, v)
	}
	e, err := ParseEnvelope(b)
	if err != nil {
		return fmt.Sprintf("refused: %v\n", err)
	}
	signers, err := e.Open(strings.TrimSpace(string(files["type"])), vs...)
	if err != nil {
		return fmt.Sprintf("refused: %v\n", err)
	}
	out := fmt.Sprintf("paper: %v\n", e.Hash())
	for _, s := range signers {
		out += "signed by: " + KeyID(s) + "\n"
	}
	return out
}

// vectorInputs are the papers of the vectors, as seeds.
func vectorInputs(f *testing.F) [][]byte {
	f.Helper()
	paths, err := filepath.Glob("../testdata/vectors/seal-*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	var out [][]byte
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		files := vectorFiles(a)
		if b, ok := files["envelope.json"]; ok {
			out = append(out, []byte(strings.TrimSuffix(string(b), "\n")))
		} else {
			out = append(out, vectorInput(f, files))
		}
	}
	return out
}
