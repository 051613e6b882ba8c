// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package browser drives the pages that people use in a real browser: headless
// Chromium, with an authenticator of its own for passkeys, and axe-core for who
// cannot see or cannot use a mouse.
package browser

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// A browser is a tab of Chromium's that a test drives. What the page's scripts
// complain of fails the test.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// open starts Chromium. Where there is none, the test is skipped, and fails in CI.
func open(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil && path == "" {
			path = p
		}
	}
	if path == "" {
		absent(t, "Chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1280, 900), chromedp.Flag("disable-dev-shm-usage", true))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to sandbox root's pages
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(alloc)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	b := &browser{t, ctx}
	var reading sync.WaitGroup
	messages := chromedp.Console(ctx)
	reading.Go(func() {
		for m, err := range messages {
			if err == nil {
				b.heard(&m)
			}
		}
	})
	t.Cleanup(func() { cancel(); reading.Wait(); end(); stop() })
	b.do()
	return b
}

// heard fails the test for what a page's scripts throw, or the browser refuses: what
// breaks the page's own content security policy, or is not there.
func (b *browser) heard(m *chromedp.ConsoleMessage) {
	if m.Type == chromedp.ConsoleException || m.Type == chromedp.ConsoleError {
		b.t.Errorf("the console says: %s: %s (%s:%d)", m.Type, m.Text, m.URL, m.Line)
	}
}

// absent skips the test for want of what it needs, or fails it in CI.
func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", what)
	}
	t.Skipf("SKIPPED: %s is not installed", what)
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.shoot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
		b.t.Fatal(err)
	}
}

// get returns what an action comes to.
func get[T any](b *browser, a chromedp.Action[T]) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.shoot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
		b.t.Fatal(err)
	}
	return v
}

// text is what a reader sees of what matches a selector.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return get(b, chromedp.Text(selector))
}

// says waits until what matches a selector says something.
func (b *browser) says(selector, want string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		got, err := chromedp.Run(b.ctx, chromedp.Text(selector))
		if err == nil && strings.Contains(got, want) {
			return
		}
		if time.Now().After(end) {
			b.shoot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
			b.t.Fatalf("the page does not say %q: %q, %v", want, got, err)
		}
	}
}

// scheme asks pages for their "dark" or their "light" scheme.
func (b *browser) scheme(name string) {
	b.t.Helper()
	b.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
		return err
	})
}

func (b *browser) call(f func(context.Context) error) {
	b.t.Helper()
	if err := f(b.ctx); err != nil {
		b.t.Fatal(err)
	}
}

// wide makes the window so many points wide: 320 is a small telephone's.
func (b *browser) wide(width int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 900))
}

// authenticator adds an authenticator of passkeys, whose person is there and verified.
func (b *browser) authenticator() webauthn.AuthenticatorID {
	b.t.Helper()
	var id webauthn.AuthenticatorID
	b.call(func(ctx context.Context) error {
		if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		added, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}})
		id = added.AuthenticatorID
		return err
	})
	return id
}

// shoot keeps a picture of the whole page in the folder $CLAWEA_SCREENSHOTS, if that
// is set.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("CLAWEA_SCREENSHOTS")
	if dir == "" {
		return
	}
	// What a page leaves out while nobody looks is in the picture.
	get(b, chromedp.Evaluate[bool](`(s => { s.replaceSync("* { content-visibility: visible !important }"); document.adoptedStyleSheets.push(s); return true })(new CSSStyleSheet())`))
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Logf("no picture of %s: %v", name, err)
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// A violation is a rule of axe-core's that a page breaks.
type violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// accessible fails the test for what axe-core finds serious or critical in the page,
// in the light and the dark scheme.
func (b *browser) accessible(name string) {
	b.t.Helper()
	for _, scheme := range []string{"dark", "light"} {
		b.scheme(scheme)
		for _, v := range b.violations() {
			b.t.Errorf("%s, %s: %s (%s): %s: %s", name, scheme, v.Help, v.ID, v.Nodes[0].HTML, v.Nodes[0].Summary)
		}
	}
}

// violations are what axe-core finds serious or critical in the page as it is.
func (b *browser) violations() []violation {
	b.t.Helper()
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		absent(b.t, "axe-core (npm ci --prefix test/browser)")
	}
	get(b, chromedp.Evaluate[bool](string(axe)+"; true"))
	ran := get(b, chromedp.Evaluate[string](`axe.run({resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`, chromedp.EvalAwaitPromise))
	var found []violation
	if err := json.Unmarshal([]byte(ran), &found); err != nil {
		b.t.Fatal(err)
	}
	return slices.DeleteFunc(found, func(v violation) bool { return v.Impact != "serious" && v.Impact != "critical" })
}
