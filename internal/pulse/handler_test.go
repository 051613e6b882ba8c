// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/pulse"
)

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

func TestHandler(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	file := vector(t, "3.20-changes")
	id, err := h.Publish(ctx, file, "ada", pulse.Keep{})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := h.Share(ctx, id, "ada", "for Eve", h.clock().Add(time.Hour), pulse.Disclosure{})
	if err != nil {
		t.Fatal(err)
	}
	yes := func(*http.Request) bool { return true }
	in := h.Handler(pulse.Doors{Allowed: yes, Texts: yes, Verifier: verifier()})
	bare := h.Handler(pulse.Doors{Allowed: yes, Verifier: verifier()})
	out := h.Handler(pulse.Doors{Allowed: func(*http.Request) bool { return false }, Verifier: verifier()})
	closed := h.Handler(pulse.Doors{})
	hex := strings.TrimPrefix(id.String(), "sha256:")
	for _, c := range []struct {
		name string
		door http.Handler
		path string
		want int
	}{
		{"a page", in, "/pulse/" + id.String(), 200},
		{"by its digits", in, "/pulse/" + hex, 200},
		{"its bundle", in, "/pulse/" + hex + "/bundle", 200},
		{"another", in, "/pulse/" + strings.Repeat("0", 63) + "1", 404},
		{"no hash", in, "/pulse/nonsense", 404},
		{"no right", out, "/pulse/" + hex, 403},
		{"no right to the bundle", out, "/pulse/" + hex + "/bundle", 403},
		{"no right to what is not there", out, "/pulse/nonsense", 403},
		{"a link", out, "/share/" + secret, 200},
		{"a link's bundle", out, "/share/" + secret + "/bundle", 200},
		{"a wrong link", out, "/share/" + strings.Repeat("A", 43), 404},
		{"an odd link", out, "/share/%00", 404},
		{"zero doors", closed, "/pulse/" + hex, 403},
		{"no verifier", closed, "/share/" + secret, 501},
		{"no verifier, the bundle", closed, "/share/" + secret + "/bundle", 200},
		{"no asset", in, "/assets/pulse/page.js", 404},
	} {
		w := get(c.door, c.path)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d: %.100s", c.name, w.Code, c.want, w.Body)
		}
		if strings.HasPrefix(c.path, "/assets/") {
			continue
		}
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"} {
			if w.Header().Get(name) == "" {
				t.Errorf("%s: no %s", c.name, name)
			}
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: it may be kept", c.name)
		}
	}
	if got := get(in, "/pulse/"+hex+"/bundle").Body.Bytes(); !bytes.Equal(got, file) {
		t.Error("another bundle")
	}
	lacks(t, get(bare, "/pulse/"+hex+"/bundle").Body.Bytes(), "Merge a")
	shared := get(out, "/share/"+secret+"/bundle").Body.Bytes()
	lacks(t, shared, "Merge a")
}

// A page refers to its bundle below its own address, and to files that are there.
func TestLinkedPage(t *testing.T) {
	h := newHouse(t)
	id, err := h.Publish(t.Context(), vector(t, "3.7-approved"), "ada", pulse.Keep{})
	if err != nil {
		t.Fatal(err)
	}
	in := h.Handler(pulse.Doors{Allowed: func(*http.Request) bool { return true }, Verifier: verifier()})
	w := get(in, "/pulse/"+id.String())
	page := w.Body.String()
	if !strings.Contains(page, `data-bundle="/pulse/`+id.String()+`/bundle"`) {
		t.Errorf("no bundle: %s", page)
	}
	links := regexp.MustCompile(`"(/assets/pulse/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(links) != 4 {
		t.Fatalf("links %q", links)
	}
	for _, l := range links {
		if a := get(in, l[1]); a.Code != 200 || a.Body.Len() == 0 || !strings.Contains(a.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d", l[1], a.Code)
		}
	}
	if csp := w.Header().Get("Content-Security-Policy"); strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, "'unsafe-eval'") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("policy %s", csp)
	}
	if regexp.MustCompile(`(?i)<script>|<style>|\son[a-z]+=|style=|https?:`).MatchString(page) {
		t.Errorf("the page has something inline, or of elsewhere: %s", page)
	}
	if strings.Contains(page, "job-small") || strings.Contains(page, "Verified") {
		t.Error("the page says something before it was checked")
	}
}
