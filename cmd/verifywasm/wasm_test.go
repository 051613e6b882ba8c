// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/internal/npmtest"
	"github.com/clawea/clawea/internal/story"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// A question is one to the verifier in Node, and its answer.
type question struct {
	Bundle []byte `json:"bundle"`
	Trust  []byte `json:"trust"`
	Now    int64  `json:"now"`

	name string
}

type answer struct{ Error, Claims, Report, Story string }

// ask builds the verifier and asks it in Node. It is skipped where there is no
// Node, unless CI=true is set, where that is a failure.
func ask(t *testing.T, qs []question) []answer {
	t.Helper()
	node := npmtest.Node(t)
	wasm := filepath.Join(t.TempDir(), "verify.wasm")
	build := exec.Command("go", "build", "-o", wasm, ".")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=-buildvcs=false", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, q := range qs {
		if err := enc.Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), node, "testdata/driver.cjs", filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"), wasm)
	run.Stdin, run.Stderr = &in, os.Stderr
	out, err := run.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	var answers []answer
	for line := range bytes.Lines(out) {
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("%v: %.200s", err, line)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(qs) {
		t.Fatalf("%d answers to %d questions", len(answers), len(qs))
	}
	return answers
}

// vectors are all bundles of testdata/vectors, with the auditor's trust.
func vectors(t *testing.T) (out []question) {
	t.Helper()
	paths, err := filepath.Glob("../../testdata/vectors/bundle-*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		q := question{name: filepath.Base(path)}
		for _, f := range a.Files {
			switch f.Name {
			case "bundle.json":
				q.Bundle = f.Data
			case "trust.json":
				q.Trust = f.Data
			}
		}
		out = append(out, q)
	}
	return out
}

// TestSameInWasm says: built for browsers, the verifier finds what it finds
// elsewhere, to the bit, in bundles that are right, wrong and broken.
func TestSameInWasm(t *testing.T) {
	qs := vectors(t)
	for i, q := range vectors(t)[:8] { // the same, with a bit flipped, and at a time
		q.name += ", a bit flipped"
		q.Bundle[len(q.Bundle)*(i+1)/10] ^= 1
		qs = append(qs, q)
	}
	at := vectors(t)[0]
	at.name, at.Now = "at a time", time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	qs = append(qs, at)
	qs = append(qs, demo(t)...)

	verified, told := 0, 0
	for i, got := range ask(t, qs) {
		q := qs[i]
		trust, err := verify.ParseTrust(q.Trust)
		if err != nil {
			t.Fatal(err)
		}
		var expect verify.Expect
		if q.Now != 0 {
			expect.Now = time.UnixMilli(q.Now)
		}
		r := verify.Bundle(q.Bundle, trust, expect)
		var want strings.Builder
		if err := verify.WriteJSON(&want, r); err != nil {
			t.Fatal(err)
		}
		if got.Error != "" || got.Report != want.String() {
			t.Errorf("%s: got\n%s%s\nwant\n%s", q.name, got.Error, got.Report, &want)
		}
		if wantStory := storyOf(t, q.Bundle, trust, r); got.Story != wantStory {
			t.Errorf("%s: got\n%s\nwant\n%s", q.name, got.Story, wantStory)
		}
		if r.Verified() {
			verified++
		}
		if got.Story != "" {
			told++
		}
	}
	if verified < 10 || told < verified || verified == len(qs) {
		t.Errorf("of %d bundles %d verify and %d have a story: these vectors show nothing", len(qs), verified, told)
	}
}

// demo are the bundle of the demo's job and the one that it tampers with.
func demo(t *testing.T) (out []question) {
	t.Helper()
	if testing.Short() {
		return nil
	}
	dir := filepath.Join(t.TempDir(), "d")
	if out, err := exec.Command("go", "run", "../clawea", "demo", "-exit", "-dir", dir).CombinedOutput(); err != nil {
		t.Fatalf("demo: %v\n%s", err, out)
	}
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, name := range []string{"demo.proof", "tampered.proof"} {
		out = append(out, question{Bundle: read(name), Trust: read("trust.json"), name: name})
	}
	return out
}

func storyOf(t *testing.T, file []byte, trust *verify.Trust, r *verify.Report) string {
	t.Helper()
	s, err := story.Tell(file, trust, r)
	if err != nil {
		return "" // no bundle
	}
	b, err := seal.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What is no file, no trust or no bundle is an error in words.
func TestRefusals(t *testing.T) {
	good := vectors(t)[0]
	qs := []question{
		{Bundle: good.Bundle, name: "claims"},
		{Bundle: []byte("{}"), name: "claims of no bundle"},
		{Bundle: nil, Trust: good.Trust, name: "no bytes"},
		{Bundle: good.Bundle, Trust: []byte("{}"), name: "no trust"},
		{Bundle: good.Bundle, Trust: bytes.Repeat([]byte(" "), 1<<20+1), name: "a trust too large"},
	}
	want := []string{"", "clawea.bundle.v1", "no Uint8Array", "trust file is malformed", "at most 1048576 fit"}
	for i, got := range ask(t, qs) {
		if want[i] == "" && (got.Error != "" || !strings.Contains(got.Claims, `"gates"`)) || !strings.Contains(got.Error, want[i]) || got.Report != "" {
			t.Errorf("%s: %+v", qs[i].name, got)
		}
	}
}
