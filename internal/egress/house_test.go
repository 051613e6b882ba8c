// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate/gatetest"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// A house is a real gate over small parts in memory, with the proxy before it. Its
// names lead where a test says.
type house struct {
	t      testing.TB
	log    *housetest.Log
	proxy  *Proxy
	addr   string // of the proxy
	book   *gatetest.Memory
	policy *policy.Policy
	cst    string

	mu     sync.Mutex
	names  map[string][]netip.Addr
	looked []string         // names that were looked up
	dialed []netip.AddrPort // addresses that were dialled
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// newHouse opens a house under a policy. Hosts below local.test are on this machine.
func newHouse(t testing.TB, wpc string, limits Limits) *house {
	t.Helper()
	h := &house{t: t, log: new(housetest.Log), names: map[string][]netip.Addr{}}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.book = gatetest.NewMemory(t, log)
	h.book.Gate.Tokens = tokens{h.book}
	h.proxy = &Proxy{
		Gate: h.book.Gate, Nonces: h.book, URL: "http://egress.example", Limits: limits, Log: log, Lookup: h.lookup, Dial: h.dial,
		Private: map[string][]netip.Prefix{"local.test": loopback, "api.local.test": loopback, "front.local.test": loopback},
	}
	for name := range h.proxy.Private {
		h.names[name] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	}
	h.policy = h.book.Publish(t, wpc)
	h.cst = h.mint(h.policy, "job-1")
	srv := httptest.NewServer(h.proxy)
	t.Cleanup(srv.Close)
	h.addr = srv.Listener.Addr().String()
	return h
}

func (h *house) mint(p *policy.Policy, job string) string {
	h.t.Helper()
	return h.book.Mint(h.t, p, []policy.Action{Connect}, job)
}

// tokens are good with a proof for one address.
type tokens struct{ *gatetest.Memory }

func (k tokens) Check(ctx context.Context, p *token.Presentation) (token.Shown, error) {
	shown, err := k.Memory.Check(ctx, p)
	if err == nil && len(p.Proofs) > 0 && p.URL != "http://egress.example/api.local.test:443" {
		err = token.ErrProofURL
	}
	return shown, err
}

func (h *house) lookup(_ context.Context, name string) ([]netip.Addr, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looked = append(h.looked, name)
	if a := h.names[name]; a != nil {
		return a, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// dial reaches addresses of this machine only.
func (h *house) dial(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
	h.mu.Lock()
	h.dialed = append(h.dialed, a)
	h.mu.Unlock()
	if !a.Addr().IsLoopback() {
		return nil, errors.New("no route to host")
	}
	return dial(ctx, a)
}

// receipts waits for n receipts and returns them as an auditor reads them.
func (h *house) receipts(n int) []*receipt.Receipt {
	h.t.Helper()
	return h.book.Receipts(h.t, n)
}

// opened waits until n connections are open.
func (h *house) opened(n int) {
	h.t.Helper()
	open := func() int {
		h.proxy.open.mu.Lock()
		defer h.proxy.open.mu.Unlock()
		return h.proxy.open.all
	}
	for deadline := time.Now().Add(time.Minute); open() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("%d connections are open, want %d", open(), n)
		}
	}
}

// ends checks the last of n receipts: closed, with this outcome.
func (h *house) ends(n int, status receipt.Status, code string) *receipt.Connection {
	h.t.Helper()
	r := h.receipts(n)[n-1]
	if r.Kind != receipt.Closed || r.Outcome.Status != status || r.Outcome.Code != code || r.Outcome.Connection == nil {
		h.t.Fatalf("the last receipt is %s, %+v; want %s %s", r.Kind, r.Outcome, status, code)
	}
	return r.Outcome.Connection
}

// client is one that goes through the proxy, and trusts srv.
func (h *house) client(srv *httptest.Server) *http.Client {
	tr := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: h.addr, User: url.UserPassword("cst", h.cst)})}
	if srv != nil {
		tr.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		tr.TLSClientConfig.ServerName = ""
		tr.TLSClientConfig.InsecureSkipVerify = true
	}
	h.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// ask sends a CONNECT by hand, with more header lines, and returns the answer and
// the connection.
func (h *house) ask(target string, lines ...string) (*http.Response, net.Conn, *bufio.Reader) {
	h.t.Helper()
	if lines == nil {
		lines = []string{"Proxy-Authorization: Bearer " + h.cst}
	}
	return h.send("CONNECT "+target+" HTTP/1.1\r\nHost: "+target+"\r\n"+strings.Join(append(lines, "", ""), "\r\n"), http.MethodConnect)
}

func (h *house) send(text, method string) (*http.Response, net.Conn, *bufio.Reader) {
	h.t.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		h.t.Fatal(err)
	}
	br := bufio.NewReader(c)
	res, err := http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		h.t.Fatal(err)
	}
	return res, c, br
}

// says checks that an answer is one of two lines.
func says(t testing.TB, res *http.Response, status int, code, want string) {
	t.Helper()
	b, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status || res.Header.Get(refusedHeader) != code || strings.Count(string(b), "\n") != 2 || !strings.Contains(string(b), want) {
		t.Errorf("%s, refused %q: %s; want %d %q and %q", res.Status, res.Header.Get(refusedHeader), b, status, code, want)
	}
}
