// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// job is the demo's.
const job = "runbook-review-1"

// told waits until the demo has told its story, and writes the trust file that an
// auditor would have got elsewhere.
func (h *house) told() (trust string) {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(h.dir, "demo", "undo.signed.json")); err == nil {
			break
		}
		if time.Now().After(end) {
			h.t.Fatal("the demo does not come to its end")
		}
	}
	h.run("proof", "trust", "-o", "trust.json")
	return filepath.Join(h.dir, "trust.json")
}

// check gives a bundle's page the trust file, and returns what it says then.
func (b *browser) check(trust string) (story string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible("#check"))
	if got := b.text("#standing"); !strings.Contains(got, "Nothing on this page has been checked yet") {
		b.t.Errorf("the page says before it has checked: %q", got)
	}
	b.do(chromedp.SetUploadFiles("#trust-file", []string{trust}), chromedp.WaitEnabled("#check"), chromedp.Click("#check"))
	b.says("#status", "Checked.")
	if got := strings.ToLower(b.text("#standing")); !strings.Contains(got, "verified") || strings.Contains(got, "not verified") {
		b.t.Errorf("the proof: %q", got)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(d => d.open = true)`))
	return get(b, chromedp.Evaluate[string](`document.querySelector("main").textContent`))
}

// An administrator publishes a job's proof from the job's page and reads it; a stranger
// with a link reads what it discloses, and no more. Each checks it against keys of their
// own.
func TestPublishedProof(t *testing.T) {
	h, b := openHouse(t), open(t)
	trust := h.told()
	b.authenticator()
	b.do(chromedp.Navigate(h.link), chromedp.WaitVisible("form[data-passkey=register]"))
	b.do(chromedp.SendKeys("input[name=label]", "this laptop"), chromedp.Click("form[data-passkey=register] button"), chromedp.WaitVisible("table"))

	b.do(chromedp.Navigate(h.url+"/pulse"), chromedp.WaitVisible("h1"))
	b.accessible("no proofs")
	b.do(chromedp.Navigate(h.url+"/jobs/"+job), chromedp.WaitVisible("h1"), chromedp.Click("details.deed summary"), chromedp.WaitVisible("form.deed button"))
	b.accessible("a job, publishing its proof")
	b.shoot("proofs-publish")
	b.do(chromedp.Click("form.deed input[value=all]"), chromedp.Click("form.deed button"), chromedp.WaitVisible("#h-events"))
	about := get(b, chromedp.Evaluate[string](`location.pathname`))
	if got := b.text("main"); !strings.Contains(got, "for ever") || !strings.Contains(got, "admin@local") {
		t.Errorf("the published proof: %q", got)
	}
	b.accessible("a published proof")

	b.do(chromedp.Click("details.deed summary"), chromedp.SendKeys("form.deed input[name=note]", "Eve of Audit Ltd"), chromedp.Click("form.deed input[value=some]"),
		chromedp.SendKeys("form.deed input[name=receipts]", "8,9"))
	b.shoot("proofs-share")
	b.do(chromedp.Click("form.deed button"), chromedp.WaitVisible("#fresh"))
	link := b.text("#fresh")
	if !strings.HasPrefix(link, h.url+"/share/") {
		t.Fatalf("the link is %q", link)
	}
	b.accessible("a new link")
	b.shoot("proofs-shared")
	b.scheme("dark")
	b.shoot("proofs-shared-dark")
	b.scheme("light")

	b.do(chromedp.SendKeys("form[action$=hold] input[name=note]", "case 7"), chromedp.Click("form[action$=hold] button"), chromedp.WaitVisible("form[action$=release]"))
	if got := b.text("main"); strings.Contains(got, link) || !strings.Contains(got, "It cannot be deleted while it is held") {
		t.Errorf("held: %q", got)
	}
	b.accessible("a held proof")
	b.shoot("proofs-held")
	b.do(chromedp.Navigate(h.url+"/pulse"), chromedp.WaitVisible("table"))
	b.accessible("proofs")
	b.shoot("proofs")

	b.do(chromedp.Navigate(h.url + strings.TrimSuffix(about, "/about")))
	b.accessible("a published page, before")
	whole := b.check(trust)
	const secret = "drop_all.sh" // of a text that the agent had read
	if !strings.Contains(whole, secret) {
		t.Errorf("the administrator is not shown the texts: %s", whole)
	}
	b.accessible("a published page, verified")
	b.shoot("proofs-page")

	b.wide(320)
	for _, path := range []string{"/pulse", about, "/jobs/" + job} {
		b.do(chromedp.Navigate(h.url+path), chromedp.WaitVisible("h1"))
		if get(b, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > 320`)) {
			t.Errorf("%s scrolls sideways at 320 points", path)
		}
		b.shoot("proofs-narrow" + strings.ReplaceAll(strings.TrimSuffix(path, about), "/", "-"))
	}

	stranger := open(t)
	stranger.do(chromedp.Navigate(h.url + strings.TrimSuffix(about, "/about")))
	if got := stranger.text("main"); !strings.Contains(got, "Log in") {
		t.Errorf("a stranger is not asked to log in: %q", got)
	}
	stranger.do(chromedp.Navigate(link))
	stranger.accessible("a shared page, before")
	shared := stranger.check(trust)
	if strings.Contains(shared, secret) || !strings.Contains(shared, "redacted") || !strings.Contains(shared, "Promote the replica with pg_ctl") {
		t.Errorf("the stranger is shown other texts than those of receipts 8 and 9: %s", shared)
	}
	stranger.accessible("a shared page, verified")
	stranger.shoot("proofs-stranger")

	b.wide(1280)
	b.do(chromedp.Navigate(h.url+about), chromedp.WaitVisible("form[action$=end] button"), chromedp.Click("form[action$=end] button"))
	b.says("main", "unshared")
}
