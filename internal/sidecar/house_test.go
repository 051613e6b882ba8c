// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A fakeHouse checks proofs as the real one does, and serves what a test says.
type fakeHouse struct {
	t   *testing.T
	srv *httptest.Server
	log *bytes.Buffer // of the sidecar; read it after Close

	serve http.HandlerFunc                             // what is behind the gate
	look  func(w http.ResponseWriter, raw string) bool // answers introspection; false: as usual
	order func(w http.ResponseWriter, r *http.Request) // answers the token endpoint

	mu      sync.Mutex
	nonce   string
	used    map[string]bool
	keys    map[string]string // by token: the thumbprint that it is bound to
	revoked string            // a code, for all tokens
	seen    []*http.Request   // behind the gate
	bodies  []string
	refused []string // codes of proofs
	orders  int
	fail    error // of the source
}

func newFakeHouse(t *testing.T) *fakeHouse {
	h := &fakeHouse{t: t, nonce: "nonce-1", used: map[string]bool{}, keys: map[string]string{}, log: new(bytes.Buffer)}
	h.srv = httptest.NewServer(h)
	t.Cleanup(h.srv.Close)
	return h
}

// jwt is a token in form: nobody in these tests verifies it but the house, by
// knowing it.
func jwt(claims *token.Claims) string {
	payload, err := seal.Marshal(claims)
	if err != nil {
		panic(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"EdDSA","typ":"at+jwt"}`)) + "." + enc(payload) + "." + enc([]byte(rand.Text()+rand.Text()))
}

// mint makes a token that is bound to a key.
func (h *fakeHouse) mint(jkt string) *Grant {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now().Unix()
	c := &token.Claims{
		Issuer: h.srv.URL, Audience: "house", Agent: "robot", ID: token.ID(rand.Text()), Issued: now, Expires: now + 600,
		Job: "job-1", Policy: seal.Sum([]byte("policy")), Confirm: &token.Confirmation{Thumbprint: jkt},
	}
	raw := jwt(c)
	h.keys[raw] = jkt
	h.orders++
	return &Grant{raw, c}
}

// Token makes the house a source, as an operator's login is.
func (h *fakeHouse) Token(_ context.Context, key *token.ProofKey) (*Grant, error) {
	h.mu.Lock()
	err := h.fail
	h.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return h.mint(key.Thumbprint()), nil
}

func (h *fakeHouse) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth/token" && h.order != nil {
		h.order(w, r)
		return
	}
	raw, code := h.check(r)
	h.mu.Lock()
	nonce, revoked := h.nonce, h.revoked
	h.mu.Unlock()
	w.Header().Set("DPoP-Nonce", nonce)
	if code != "" {
		h.refuse(w, code)
		return
	}
	if r.URL.Path == "/oauth/introspect" {
		r.ParseForm()
		if h.look != nil && h.look(w, r.Form.Get("token")) {
			return
		}
		fmt.Fprintf(w, `{"active":%t}`, r.Form.Get("token") == raw && revoked == "")
		return
	}
	if revoked != "" {
		h.refuse(w, revoked)
		return
	}
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	h.seen = append(h.seen, r)
	h.bodies = append(h.bodies, string(body))
	h.mu.Unlock()
	h.serve(w, r)
}

func (h *fakeHouse) refuse(w http.ResponseWriter, code string) {
	h.mu.Lock()
	h.refused = append(h.refused, code)
	h.mu.Unlock()
	what := "invalid_token"
	if code == "dpop.nonce" {
		what = "use_dpop_nonce"
	}
	w.Header()["Www-Authenticate"] = []string{`Bearer realm="clawea"`, `DPoP realm="clawea", error="` + what + `"`}
	w.Header().Set("Clawea-Refused", code)
	w.WriteHeader(401)
	io.WriteString(w, `{"error":{"message":"refused"}}`)
}

// check does what the gate does: the token is known, and the proof is for it,
// for this request, by its key, and new.
func (h *fakeHouse) check(r *http.Request) (raw, code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "DPoP ")
	jkt, known := h.keys[raw]
	if !ok || !known || len(r.Header.Values("DPoP")) != 1 {
		return "", "token.signature"
	}
	nonce := h.nonce
	p, err := token.CheckProof(r.Header.Get("DPoP"), &token.ProofWant{
		Method: r.Method, URL: h.srv.URL + r.URL.EscapedPath(), Token: raw, Key: jkt, Now: time.Now(),
		Nonce: func(s string) bool { return s == nonce },
	})
	if err != nil {
		return "", token.Code(err)
	}
	if h.used[p.ID] {
		return "", token.Code(token.ErrReplayed)
	}
	h.used[p.ID] = true
	return raw, ""
}

func (h *fakeHouse) revoke(code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.revoked = code
}

// start starts a sidecar before the house.
func (h *fakeHouse) start(change ...func(*Config)) *Sidecar {
	h.t.Helper()
	c := &Config{House: h.srv.URL, Source: h, every: testEvery, Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, f := range change {
		f(c)
	}
	s, err := Start(h.t.Context(), c)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		s.Close()
		h.scan(h.log.String())
	})
	return s
}

// scan checks that a text holds no secret.
func (h *fakeHouse) scan(text string) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for raw := range h.keys {
		if strings.Contains(text, raw) {
			h.t.Errorf("a token is in %.300q", text)
		}
	}
	if strings.Contains(text, "eyJ") {
		h.t.Errorf("what looks like a token is in %.300q", text)
	}
}

// ask sends a request to the sidecar and returns the answer with its body read.
func ask(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Add(header[i], header[i+1])
	}
	res, err := noRedirects.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// testEvery is how often tests look.
const testEvery = 100 * time.Millisecond

// wait waits until a sidecar is done, and returns why.
func wait(t *testing.T, s *Sidecar) error {
	t.Helper()
	select {
	case <-s.Done():
		return s.Err()
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
		return nil
	}
}
