// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/token"
)

// A fakeEgress is the house's egress proxy: it checks proofs as that does, wants a
// nonce, and is itself the host that everything is connected to.
type fakeEgress struct {
	*fakeHouse
	srv    *httptest.Server
	answer func(w http.ResponseWriter, r *http.Request) bool // instead of connecting; false: as usual

	seen []*http.Request
	open sync.WaitGroup
}

func newFakeEgress(t *testing.T) *fakeEgress {
	e := &fakeEgress{fakeHouse: newFakeHouse(t)}
	e.srv = httptest.NewServer(e)
	t.Cleanup(func() { e.srv.Close(); e.open.Wait() })
	return e
}

func (e *fakeEgress) start() *Sidecar {
	e.t.Helper()
	car, err := Start(e.t.Context(), &Config{House: e.fakeHouse.srv.URL, Source: e.fakeHouse, Egress: e.srv.URL, Log: slog.New(slog.NewTextHandler(e.log, nil))})
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { car.Close() })
	return car
}

// ServeHTTP echoes what comes through a tunnel.
func (e *fakeEgress) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.open.Add(1)
	defer e.open.Done()
	raw, _ := strings.CutPrefix(r.Header.Get("Proxy-Authorization"), "DPoP ")
	e.mu.Lock()
	e.seen = append(e.seen, r)
	want := &token.ProofWant{Method: "CONNECT", URL: e.srv.URL + "/" + r.RequestURI, Token: raw, Key: e.keys[raw], Now: time.Now(), Nonce: func(s string) bool { return s == "egress-1" }}
	e.mu.Unlock()
	w.Header().Set("DPoP-Nonce", "egress-1")
	proof, err := token.CheckProof(r.Header.Get("DPoP"), want)
	if err == nil && e.used[proof.ID] {
		err = token.ErrReplayed
	}
	if err != nil {
		if errors.Is(err, token.ErrProofNonce) {
			w.Header().Set("Proxy-Authenticate", `DPoP realm="clawea", error="use_dpop_nonce"`)
		}
		w.WriteHeader(http.StatusProxyAuthRequired)
		fmt.Fprintf(w, "%v\nmend it\n", err)
		return
	}
	e.used[proof.ID] = true
	if e.answer != nil && e.answer(w, r) {
		return
	}
	c, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		e.t.Error(err)
		return
	}
	defer c.Close()
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nClawea-Receipt: job-1/7\r\n\r\n")
	_, _ = io.Copy(c, buf)
	_ = c.(*net.TCPConn).CloseWrite()
}

// through asks the sidecar for a connection, with credentials or the run's own.
func through(t *testing.T, car *Sidecar, method, target, credentials string) (*http.Response, net.Conn, *bufio.Reader) {
	t.Helper()
	u, err := url.Parse(car.EgressURL())
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if credentials == "" {
		secret, _ := u.User.Password()
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth(u.User.Username(), secret)
		credentials = r.Header.Get("Authorization")
	}
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: x\r\nProxy-Authorization: %s\r\nCookie: hush\r\n\r\n", method, target, credentials)
	br := bufio.NewReader(c)
	res, err := http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return res, c, br
}

func TestPassage(t *testing.T) {
	e := newFakeEgress(t)
	car := e.start()
	for i := range 3 {
		res, c, br := through(t, car, "CONNECT", "API.example.com:443", "")
		if res.StatusCode != 200 || res.Header.Get("Clawea-Receipt") != "job-1/7" {
			t.Fatalf("%s %v", res.Status, res.Header)
		}
		_, _ = io.WriteString(c, "hello")
		_ = c.(*net.TCPConn).CloseWrite()
		if b, err := io.ReadAll(br); string(b) != "hello" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		if want := i + 2; len(e.seen) != want { // the first came twice, for the nonce
			t.Errorf("%d requests, want %d", len(e.seen), want)
		}
	}
	if car.Cited() != 7 {
		t.Errorf("cited %d", car.Cited())
	}
	for _, r := range e.seen {
		if r.RequestURI != "api.example.com:443" || r.Header.Get("Cookie") != "" || r.Header.Get("Clawea-Job") != "job-1" {
			t.Errorf("%s %v", r.RequestURI, r.Header)
		}
	}
}

func TestPassageRefuses(t *testing.T) {
	e := newFakeEgress(t)
	car := e.start()
	if plain, err := url.Parse(car.EgressURL()); err != nil || plain.Hostname() != "127.0.0.1" || strings.Contains(car.String(), car.secret) {
		t.Errorf("%v, %v", plain, err)
	}
	for _, x := range []struct {
		method, target, credentials string
		status                      int
	}{
		{"CONNECT", "api.example.com:443", "Basic eDp5", 407}, {"CONNECT", "api.example.com:443", "Bearer " + car.secret, 407},
		{"GET", "http://api.example.com/", "", 405}, {"CONNECT", "api.example.com", "", 400}, {"CONNECT", "127.1:443", "", 400},
	} {
		if res, _, _ := through(t, car, x.method, x.target, x.credentials); res.StatusCode != x.status {
			t.Errorf("%s %s: %s", x.method, x.target, res.Status)
		}
	}
	if len(e.seen) != 0 {
		t.Errorf("the house heard of %d", len(e.seen))
	}
	e.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Clawea-Refused", "policy")
		w.Header().Set("Clawea-Receipt", "job-1/9")
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "it is not on the list\nask for it\n")
		return true
	}
	res, _, _ := through(t, car, "CONNECT", "evil.test:443", "")
	b, _ := io.ReadAll(res.Body)
	if res.StatusCode != 403 || string(b) != "it is not on the list\nask for it\n" || res.Header.Get("Clawea-Refused") != "policy" || res.Header.Get("Clawea-Receipt") != "job-1/9" || res.Header.Get("Proxy-Authenticate") != "" {
		t.Errorf("%s %v %s", res.Status, res.Header, b)
	}
	if car.Cited() != 9 || car.Err() != nil {
		t.Errorf("cited %d, %v", car.Cited(), car.Err())
	}
}

// TestPassageEnds says that a revocation that the egress proxy tells of ends the run,
// and that closing the sidecar ends tunnels.
func TestPassageEnds(t *testing.T) {
	e := newFakeEgress(t)
	car := e.start()
	_, _, br := through(t, car, "CONNECT", "api.example.com:443", "")
	e.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Clawea-Refused", "job.revoked")
		w.WriteHeader(http.StatusProxyAuthRequired)
		return true
	}
	if res, _, _ := through(t, car, "CONNECT", "api.example.com:443", ""); res.StatusCode != 403 {
		t.Error(res.Status)
	}
	<-car.Done()
	if r := (*Revoked)(nil); !errors.As(car.Err(), &r) || r.Code != "job.revoked" {
		t.Error(car.Err())
	}
	if _, err := br.ReadByte(); err == nil {
		t.Error("the tunnel lives on")
	}
	if res, _, _ := through(t, car, "CONNECT", "api.example.com:443", ""); res.StatusCode != 403 {
		t.Error(res.Status)
	}
	if err := car.Close(); err != nil {
		t.Error(err)
	}
}

// TestPassageAddress says that tokens go to https or to this machine only.
func TestPassageAddress(t *testing.T) {
	h := newFakeHouse(t)
	for _, address := range []string{"http://egress.example.com", "https://a:b@egress.example.com", "https://egress.example.com/x", "egress.example.com:1"} {
		car, err := Start(t.Context(), &Config{House: h.srv.URL, Source: h, Egress: address, Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			car.Close()
			t.Errorf("%s is taken", address)
		}
	}
}
