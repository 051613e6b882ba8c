// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// clawea is the program, built once.
var clawea = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "clawea-browser-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "clawea")
	for _, args := range [][]string{{"generate", "./internal/pulse"}, {"build", "-o", path, "./cmd/clawea"}} {
		build := exec.Command("go", args...)
		build.Dir = "../.."
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return "", err
		}
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := clawea(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// run runs clawea with arguments in a folder.
func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	path, err := clawea()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(context.Background(), path, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("clawea %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// A proof that was sent as one file checks itself in the reader's browser, against
// the keys that the reader brings, and says nothing before.
func TestProofPage(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "demo", "-exit", "-dir", "demo")
	run(t, dir, "proof", "html", "-o", "proof.html", "demo/demo.proof")
	run(t, dir, "proof", "html", "-o", "tampered.html", "demo/tampered.proof")
	trust := filepath.Join(dir, "demo", "trust.json")
	check := func(b *browser, name string) {
		t.Helper()
		b.do(chromedp.Navigate("file://"+filepath.Join(dir, name)), chromedp.WaitVisible("#check"))
		if got := b.text("#standing"); !strings.Contains(got, "Nothing on this page has been checked yet") {
			t.Errorf("%s says before it has checked: %q", name, got)
		}
	}
	b := open(t)
	check(b, "proof.html")
	b.accessible("proof, before")
	b.shoot("proof-before")
	b.do(chromedp.SetUploadFiles("#trust-file", []string{trust}), chromedp.Click("#check"), chromedp.WaitVisible("#result h2"))
	if got := b.text("#standing"); !strings.Contains(strings.ToLower(got), "verified") || strings.Contains(strings.ToLower(got), "not verified") {
		t.Errorf("the demo's proof: %q", got)
	}
	for _, heading := range []string{"Integrity", "Signer trust", "Completeness"} {
		if got := b.text("#result"); !strings.Contains(got, heading) {
			t.Errorf("there is nothing about %s", heading)
		}
	}
	b.accessible("proof, verified")
	b.shoot("proof-verified")
	b.scheme("dark")
	b.shoot("proof-verified-dark")
	b.scheme("light")
	b.wide(320)
	if wider := get(b, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > 320`)); wider {
		t.Error("at 320 points the page scrolls sideways")
	}
	b.shoot("proof-narrow")

	b = open(t)
	check(b, "tampered.html")
	b.do(chromedp.SetUploadFiles("#trust-file", []string{trust}), chromedp.Click("#check"), chromedp.WaitVisible("#result h2"))
	if got := b.text("#standing"); !strings.Contains(strings.ToLower(got), "not verified") {
		t.Errorf("the proof with one bit changed: %q", got)
	}
	b.accessible("proof, tampered")
	b.shoot("proof-tampered")
}

// What an agent ran in is on the page, and what its program says of itself, but only by a
// launcher whom the reader trusts.
func TestAttestedPage(t *testing.T) {
	for name, tt := range map[string]struct {
		has, lacks []string
	}{
		"3.25-attested":             {[]string{"its tools run in a sandbox", "plugin clawea (sha256:", "security audit ended with 0", "It proves nothing", "its own tool exec: 1 ran, 0 were kept back"}, []string{"Not told"}},
		"3.25-redacted":             {[]string{"What the check said: security audit: redacted"}, []string{"Not told"}},
		"3.25-launcher-not-trusted": {[]string{"Not told: it is not signed by a launcher whom you trust", "attestation.signature"}, []string{"its tools run in a sandbox", "its own tool exec"}},
		"3.26-around-the-gate":      {[]string{"trace.unreceipted", "its own tool exec: 2 ran, 0 were kept back", "Not verified"}, nil},
	} {
		dir := t.TempDir()
		text, err := os.ReadFile("../../testdata/vectors/bundle-" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "-- trust.json --\n")
		trust, rest, _ := strings.Cut(rest, "-- bundle.json --\n")
		file, _, _ := strings.Cut(rest, "-- expect --\n")
		for name, text := range map[string]string{"trust.json": trust, "job.proof": file} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		run(t, dir, "proof", "html", "-o", "proof.html", "job.proof")
		b := open(t)
		b.do(chromedp.Navigate("file://"+filepath.Join(dir, "proof.html")), chromedp.WaitVisible("#check"))
		b.do(chromedp.SetUploadFiles("#trust-file", []string{filepath.Join(dir, "trust.json")}), chromedp.Click("#check"), chromedp.WaitVisible("#result h2"))
		get(b, chromedp.Evaluate[bool](`document.querySelectorAll("#result details").forEach((d) => { d.open = true; }) === undefined`))
		got := b.text("#result")
		for _, want := range tt.has {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the page lacks %q", name, want)
			}
		}
		for _, other := range tt.lacks {
			if strings.Contains(got, other) {
				t.Errorf("%s: the page says %q", name, other)
			}
		}
		b.accessible("proof, " + name)
	}
}
