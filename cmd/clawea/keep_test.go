// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
)

// a front is before the house, and answers for it when a job's receipts are asked for.
func (p *daemonProcess) front(receipts http.HandlerFunc) *api.Client {
	p.t.Helper()
	house, err := url.Parse(p.url)
	if err != nil {
		p.t.Fatal(err)
	}
	behind := httputil.NewSingleHostReverseProxy(house)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/receipts") {
			receipts(w, r)
			return
		}
		// else a request's body is closed when its answer begins, and an answer that came early breaks off
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			p.t.Error(err)
		}
		behind.ServeHTTP(w, r)
	}))
	p.t.Cleanup(srv.Close)
	cl := p.dial()
	cl.URL = srv.URL
	return cl
}

// dial is an operator's client of the house.
func (p *daemonProcess) dial() *api.Client {
	p.t.Helper()
	cl, err := newCall(&env{getenv: p.getenv}, &command{}, nil).client()()
	if err != nil {
		p.t.Fatal(err)
	}
	return cl
}

// A call that does not end, or receipts that cannot be read, are said; the
// proof is kept and verified all the same.
func runUnsettled(t *testing.T, p *daemonProcess, hash string) {
	dir := t.TempDir()
	if code, _, errs := p.runs(dir, "run", "-wpc", hash, "-job", "unsettled", "-agent", "robot", "--", "worker", "work"); code != 0 {
		t.Fatalf("%d\n%s", code, errs)
	}
	list, err := p.dial().Receipts(t.Context(), "unsettled")
	if err != nil {
		t.Fatal(err)
	}
	list.Receipts = list.Receipts[:1] // a call that was begun
	begun, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		receipts                   http.HandlerFunc
		warning, stopped, mistaken string
	}{
		"under way": {
			func(w http.ResponseWriter, _ *http.Request) { w.Write(begun) },
			"warning: 1 call is still under way after 50ms", "stopped    not all: 1 call is still under way", "error: 1 call is still under way",
		},
		"unknown": {
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
			"warning: it is not known whether calls are still under way: ", "stopped    not known", "error: ",
		},
	} {
		cl := p.front(test.receipts)
		var out, errs bytes.Buffer
		e := &env{stdout: &out, stderr: &errs, getenv: p.getenv}
		c := newCall(e, &command{}, nil)
		k := &keeping{job: "unsettled", out: filepath.Join(dir, name+".proof"), trust: p.path("trust.json"), patience: 50 * time.Millisecond}
		if err := c.preserve(t.Context(), cl, k, time.Now()); err != nil || !strings.Contains(errs.String(), test.warning) || !strings.Contains(errs.String(), "proof "+k.out+" verified") {
			t.Errorf("%s: after a run: %v\n%s", name, err, errs.String())
		}
		errs.Reset()
		k.out = filepath.Join(dir, name+"-stopped.proof")
		err := c.contain(t.Context(), cl, k, "")
		if code := report(e, err); code != exitError || !strings.Contains(errs.String(), test.mistaken) {
			t.Errorf("%s: exit code %d\n%s", name, code, errs.String())
		}
		if got := out.String(); !strings.Contains(got, test.stopped) || !strings.Contains(got, "kept       "+k.out) || !strings.Contains(got, ": verified") || strings.Contains(got, "contained") {
			t.Errorf("%s: stopping says\n%s", name, got)
		}
		p.clawea("proof", "verify", "-trust", p.path("trust.json"), "-expect-job", "unsettled", k.out)
		// With no proof either, both are said.
		errs.Reset()
		k.out = filepath.Join(dir, "no", "dir")
		err = c.contain(t.Context(), cl, k, "")
		if err == nil || errors.Is(err, errFalse) || !strings.Contains(err.Error(), "the proof of job unsettled is not kept") || !strings.Contains(errs.String(), test.warning) {
			t.Errorf("%s: kept nowhere: %v\n%s", name, err, errs.String())
		}
	}
}
