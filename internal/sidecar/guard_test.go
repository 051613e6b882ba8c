// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

// The program's own tools are asked about by whoever knows the plugin's secret, and the
// secret stays here.
func TestGuard(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Clawea-Receipt", "job-1/9")
		io.WriteString(w, "ok")
	}
	const guard = "the-plugins-secret"
	var told string
	s := h.start(func(c *Config) {
		c.Guard = guard
		c.Prepare = func(_ context.Context, url string) error {
			told = url
			return nil
		}
	})
	if told != s.URL() {
		t.Errorf("prepared for %q, is at %q", told, s.URL())
	}
	for _, path := range []string{"/v1/local", "/v1/local/alive", "/v1/local/job-1/9/close"} {
		if res, body := ask(t, "POST", s.URL()+path, "{}", GuardHeader, guard); res.StatusCode != 200 || body != "ok" {
			t.Errorf("%s: %d %q", path, res.StatusCode, body)
		}
		for name, headers := range map[string][]string{"no secret": nil, "another": {GuardHeader, "another"}, "empty": {GuardHeader, ""}} {
			if res, _ := ask(t, "POST", s.URL()+path, "{}", headers...); res.StatusCode != 404 {
				t.Errorf("%s with %s: %d", path, name, res.StatusCode)
			}
		}
		if res, _ := ask(t, "GET", s.URL()+path, "", GuardHeader, guard); res.StatusCode != 404 {
			t.Errorf("GET %s: %d", path, res.StatusCode)
		}
	}
	if res, _ := ask(t, "POST", s.URL()+"/v1/locality", "{}", GuardHeader, guard); res.StatusCode != 404 {
		t.Errorf("a path beside: %d", res.StatusCode)
	}
	for _, r := range h.seen {
		if strings.Contains(strings.Join(r.Header.Values(GuardHeader), ""), guard) {
			t.Error("the secret went to the house")
		}
	}
	if s.Cited() != 9 {
		t.Errorf("cited %d", s.Cited())
	}
}

// Without a secret nobody asks about the program's own tools, whatever they show.
func TestUnguarded(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	s := h.start()
	if res, _ := ask(t, "POST", s.URL()+"/v1/local/alive", "{}", GuardHeader, ""); res.StatusCode != 404 {
		t.Errorf("%d", res.StatusCode)
	}
}

// What cannot be prepared costs no token.
func TestUnprepared(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	why := errors.New("it drifts")
	c := &Config{House: h.srv.URL, Source: nil, Log: slog.New(slog.DiscardHandler), Prepare: func(context.Context, string) error { return why }} // a source would be asked
	if _, err := Start(t.Context(), c); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}
