// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/internal/vectors"
)

// TestVectors reads every testdata/vectors/seal-*.txtar: papers to be brought
// into canonical form, and envelopes to be opened by keys.
func TestVectors(t *testing.T) { vectors.Run(t, "seal", runVector) }

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
		files := vectors.Files(a)
		if b, ok := files["envelope.json"]; ok {
			out = append(out, []byte(strings.TrimSuffix(string(b), "\n")))
		} else {
			out = append(out, vectorInput(f, files))
		}
	}
	return out
}
