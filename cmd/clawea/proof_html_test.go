// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/bundle"
)

// TestProofHTMLRedacts says: a page holds the texts of the receipts that were
// named and no others, wherever one looks.
func TestProofHTMLRedacts(t *testing.T) {
	a, err := txtar.ParseFile("../../testdata/vectors/bundle-3.20-changes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]string{"verify.wasm.gz": "wasm", "wasm_exec.js": "exec();\n", "LICENSE": "Licence.\n"}
	for _, f := range a.Files {
		if f.Name == "bundle.json" {
			files["job.proof"] = string(f.Data)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The job asks to merge a in receipt 1, and b in receipt 7.
	const a1, b7 = `Merge a","target"`, `Merge b","target"`
	b, err := bundle.Read([]byte(files["job.proof"]))
	if err != nil {
		t.Fatal(err)
	}
	for only, want := range map[string][]string{"": {a1, b7}, "none": nil, "1": {a1}, " 1": {a1}} {
		var out bytes.Buffer
		e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: io.Discard, getenv: func(string) string { return "" }}
		if err := run(t.Context(), e, []string{"proof", "html", "-verifier", dir, "-only", only, filepath.Join(dir, "job.proof")}); err != nil {
			t.Fatal(err)
		}
		embedded := regexp.MustCompile(`<script id="bundle" type="text/plain">([^<]*)</script>`).FindSubmatch(out.Bytes())
		file, err := base64.StdEncoding.DecodeString(string(embedded[1]))
		if err != nil {
			t.Fatal(err)
		}
		got, err := bundle.Read(file)
		if err != nil || len(got.Receipts) != len(b.Receipts) {
			t.Fatalf("-only %q: %v", only, err)
		}
		var texts []byte
		for _, d := range got.Disclosures {
			texts = append(texts, d.Text...)
		}
		for _, text := range []string{a1, b7} {
			is := bytes.Contains(texts, []byte(text))
			if is != slices.Contains(want, text) {
				t.Errorf("-only %q: %q is disclosed: %t", only, text, is)
			}
			if !is && (heldIn(out.Bytes(), text) || heldIn(file, text)) {
				t.Errorf("-only %q: %q is in the page", only, text)
			}
		}
	}
}

// heldIn reports whether b holds s as it is, or in base64, or in base64 of
// base64, wherever in a group of three bytes it begins.
func heldIn(b []byte, s string) bool {
	holds := []string{s}
	for range 2 {
		var next []string
		for _, s := range holds {
			for i := range 3 {
				enc := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", i) + s))
				next = append(next, enc[(i*8+5)/6:(i+len(s))*8/6])
			}
		}
		for _, s := range append(holds, next...) {
			if len(s) > 4 && bytes.Contains(b, []byte(s)) {
				return true
			}
		}
		holds = next
	}
	return false
}
