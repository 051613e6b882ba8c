// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
)

// The tools themselves: a page that is fine, one that axe-core faults, and a passkey.
func TestTools(t *testing.T) {
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, `<!doctype html><html lang="en"><head><title>A page</title><link rel="icon" href="data:,"></head><body><main><h1>A page</h1>`)
		if r.URL.Path == "/bad" {
			io.WriteString(w, `<button></button>`)
		}
	}))
	defer pages.Close()
	b := open(t)
	b.do(chromedp.Navigate(pages.URL))
	if got := b.text("h1"); got != "A page" {
		t.Errorf("got %q", got)
	}
	b.accessible("a page")
	b.do(chromedp.Navigate(pages.URL + "/bad"))
	if list := b.violations(); len(list) != 1 || list[0].ID != "button-name" {
		t.Errorf("of a button without a name axe-core says %+v", list)
	}
	b.authenticator()
	made := get(b, chromedp.Evaluate[string](`navigator.credentials.create({publicKey: {
		challenge: new Uint8Array(32), rp: {name: "test", id: location.hostname}, user: {id: new Uint8Array(8), name: "kim", displayName: "Kim"},
		pubKeyCredParams: [{type: "public-key", alg: -7}], authenticatorSelection: {userVerification: "required"},
	}}).then(c => c.type, e => e.name)`, chromedp.EvalAwaitPromise))
	if made != "public-key" && made != "SecurityError" { // 127.0.0.1 is no domain
		t.Errorf("a passkey: %s", made)
	}
}
