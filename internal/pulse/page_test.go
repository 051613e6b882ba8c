// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/seal"
)

// The one file holds the bundle, to the bit, and a policy that lets nothing run
// but what is in it, and nothing be fetched.
func TestOneFile(t *testing.T) {
	file := vector(t, "3.7-approved")
	var out bytes.Buffer
	if err := verifier().Write(&out, file); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	inside := regexp.MustCompile(`<script id="bundle" type="text/plain">([^<]*)</script>`).FindStringSubmatch(page)
	if b, err := base64.StdEncoding.DecodeString(inside[1]); err != nil || !bytes.Equal(b, file) {
		t.Errorf("another bundle: %v", err)
	}
	csp := html.UnescapeString(regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)[1])
	if !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, "'self'") || strings.Contains(csp, "http") {
		t.Errorf("policy %s", csp)
	}
	run := regexp.MustCompile(`(?s)<(script|style)>(.*?)</(script|style)>`).FindAllStringSubmatch(page, -1)
	if len(run) != 3 {
		t.Fatalf("%d scripts and styles", len(run))
	}
	for _, s := range run {
		h := sha256.Sum256([]byte(s[2]))
		if !strings.Contains(csp, "'sha256-"+base64.StdEncoding.EncodeToString(h[:])+"'") {
			t.Errorf("the policy forbids the page's own %s", s[1])
		}
	}
	if strings.Index(page, "Content-Security-Policy") > strings.Index(page, "<style>") {
		t.Error("the policy comes too late")
	}
	bare := regexp.MustCompile(`(?s)<(script|style).*?</(script|style)>`).ReplaceAllString(page, "")
	if regexp.MustCompile(`(?i)\son[a-z]+=|style=|https?:|src=|<link`).MatchString(bare) {
		t.Errorf("the page has something inline, or of elsewhere: %s", bare)
	}
	if err := verifier().Write(io.Discard, []byte("{}")); !errors.Is(err, bundle.ErrFormat) {
		t.Errorf("no bundle: got %v, want ErrFormat", err)
	}
}

// A page of a redacted bundle holds no more than that.
func TestRedactedFile(t *testing.T) {
	b, err := bundle.Read(vector(t, "3.20-changes"))
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for _, d := range b.Disclosures {
		if bytes.Contains(d.Text, []byte("Merge a")) {
			secrets = append(secrets, "Merge a", string(d.Text))
		}
	}
	if len(secrets) == 0 {
		t.Fatal("the vector discloses nothing")
	}
	file, err := b.Redact(func(seal.Hash) bool { return false }).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := verifier().Write(&out, file); err != nil {
		t.Fatal(err)
	}
	inside := regexp.MustCompile(`<script id="bundle" type="text/plain">([^<]*)</script>`).FindSubmatch(out.Bytes())
	embedded, err := base64.StdEncoding.DecodeString(string(inside[1]))
	if err != nil {
		t.Fatal(err)
	}
	lacks(t, out.Bytes(), secrets...)
	lacks(t, embedded, secrets...)
}

func TestReadVerifier(t *testing.T) {
	whole := fstest.MapFS{"verify.wasm.gz": {Data: []byte("w")}, "wasm_exec.js": {Data: []byte("e")}, "LICENSE": {Data: []byte("l")}}
	if v, err := pulse.ReadVerifier(whole); err != nil || string(v.Wasm) != "w" || v.Name() != seal.Sum([]byte("w")) {
		t.Errorf("%+v %v", v, err)
	}
	for name := range whole {
		part := fstest.MapFS{}
		for other, f := range whole {
			if other != name {
				part[other] = f
			}
		}
		if _, err := pulse.ReadVerifier(part); !errors.Is(err, pulse.ErrNoVerifier) {
			t.Errorf("without %s: got %v, want ErrNoVerifier", name, err)
		}
	}
	whole["wasm_exec.js"] = &fstest.MapFile{Data: []byte("x</SCRIPT >")}
	if _, err := pulse.ReadVerifier(whole); err == nil {
		t.Error("a script that ends its element: no error")
	}
}

// TestGenerated builds the verifier as go generate does: twice the same. With
// CI=true one has to be there as well, and the same; else it is said if it is not.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped, it builds the verifier for browsers twice: run without -short")
	}
	build := func(cache string) fs.FS {
		t.Helper()
		dir := t.TempDir()
		cmd := exec.Command("go", "run", "generate.go", "-o", dir)
		cmd.Env = os.Environ()
		if cache != "" {
			cmd.Env = append(cmd.Env, "TMPDIR="+cache)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return os.DirFS(dir)
	}
	one, err := pulse.ReadVerifier(build(""))
	if err != nil {
		t.Fatal(err)
	}
	two, err := pulse.ReadVerifier(build(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Wasm, two.Wasm) || !bytes.Equal(one.Exec, two.Exec) {
		t.Error("built twice, it differs")
	}
	v, err := pulse.ReadVerifier(os.DirFS(filepath.Join(".", "generated")))
	switch {
	case err == nil && bytes.Equal(v.Wasm, one.Wasm) && bytes.Equal(v.Exec, one.Exec):
	case os.Getenv("CI") == "true":
		t.Errorf("what was generated is not of this source and this Go (%v): go generate ./internal/pulse", err)
	default:
		t.Logf("what was generated is not of this source and this Go (%v): go generate ./internal/pulse", err)
	}
}
