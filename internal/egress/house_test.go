// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
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

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const audience = "https://house.example"

// A house is a real gate over small parts in memory, with the proxy before it. Its
// names lead where a test says.
type house struct {
	t      testing.TB
	log    *lockedBuffer
	proxy  *Proxy
	addr   string // of the proxy
	book   *book
	issuer seal.Signer
	gate   seal.Verifier

	policies policies
	policy   *policy.Policy
	cst      string

	mu     sync.Mutex
	names  map[string][]netip.Addr
	looked []string                  // names that were looked up
	dialed []netip.AddrPort          // addresses that were dialled
	cuts   []context.CancelCauseFunc // of the calls
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// newHouse opens a house under a policy. Hosts below local.test are on this machine.
func newHouse(t testing.TB, wpc string, limits Limits) *house {
	t.Helper()
	h := &house{t: t, log: new(lockedBuffer), book: &book{jobs: map[string]*receipt.State{}}, policies: policies{}, names: map[string][]netip.Addr{}}
	var gateKey seal.Signer
	gateKey, h.gate = newKey(t, "gate")
	issuer, issuerKey := newKey(t, "issuer")
	h.issuer = issuer
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g := &gate.Gate{
		Tokens: &tokens{issuerKey}, Policies: h.policies, Book: h.book, Revocations: h, Signer: gateKey, Salt: bytes.Repeat([]byte{7}, 32),
		PlainBearer: true, Log: log,
	}
	h.proxy = &Proxy{
		Gate: g, Nonces: &tokens{issuerKey}, URL: "http://egress.example", Limits: limits, Log: log, Lookup: h.lookup, Dial: h.dial,
		Private: map[string][]netip.Prefix{"local.test": loopback, "api.local.test": loopback, "front.local.test": loopback},
	}
	for name := range h.proxy.Private {
		h.names[name] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	}
	h.policy = h.publish(wpc)
	h.cst = h.mint(h.policy, "job-1")
	srv := httptest.NewServer(h.proxy)
	t.Cleanup(srv.Close)
	h.addr = srv.Listener.Addr().String()
	return h
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

func newKey(t testing.TB, name string) (seal.Signer, seal.Verifier) {
	t.Helper()
	private, public, err := seal.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := seal.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	v, err := seal.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

func (h *house) publish(wpc string) *policy.Policy {
	h.t.Helper()
	p, err := policy.Parse([]byte(wpc))
	if err != nil {
		h.t.Fatal(err)
	}
	if p, err = p.Bind(&policy.Binding{Policy: p.Hash(), At: time.Now(), Names: []policy.Bound{}}); err != nil {
		h.t.Fatal(err)
	}
	h.policies[p.Hash()] = p
	return p
}

func (h *house) mint(p *policy.Policy, job string) string {
	h.t.Helper()
	now := time.Now().Unix()
	catalog := []policy.Action{Connect}
	raw, _, err := token.Mint(h.issuer, p, catalog, p.Whole(catalog), &token.Claims{
		Issuer: audience, Audience: audience, Agent: "agent", ID: "cst-" + token.ID(job), Issued: now, Expires: now + 600, Job: job,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return raw
}

type tokens struct{ issuer seal.Verifier }

func (k *tokens) Check(_ context.Context, p *token.Presentation) (token.Shown, error) {
	c, err := token.Check(p.Raw, audience, time.Now(), k.issuer)
	if err == nil && len(p.Proofs) > 0 && p.URL != "http://egress.example/api.local.test:443" {
		err = token.ErrProofURL
	}
	return token.Shown{Claims: c}, err
}

// New is the one nonce of the house.
func (k *tokens) New() string { return "n1" }

// Watch lets a test cut off the calls that are under way.
func (h *house) Watch(ctx context.Context, _ *token.Claims, _ policy.Action) (context.Context, func(), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cuts = append(h.cuts, cancel)
	return ctx, func() { cancel(nil) }, nil
}

type policies map[seal.Hash]*policy.Policy

func (p policies) Policy(_ context.Context, h seal.Hash) (*policy.Policy, error) {
	if p := p[h]; p != nil {
		return p, nil
	}
	return nil, errors.New("no such policy")
}

// A book keeps receipts in memory. It cannot write those of the broken kind.
type book struct {
	mu     sync.Mutex
	jobs   map[string]*receipt.State
	lines  []*receipt.Line
	broken receipt.Kind
}

func (b *book) Spend(context.Context, string, receipt.Spent) error { return errBook }

var errBook = errors.New("disk full")

func (b *book) Write(_ context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := b.jobs[job]
	if st == nil {
		st = &receipt.State{Used: map[string]int{}, Pending: map[seal.Hash]string{}}
		b.jobs[job] = st
	}
	st.Now = time.Now().UTC()
	line, err := next(st)
	if err == nil {
		err = line.Sign()
	}
	if err != nil {
		return err
	}
	if line.Receipt.Kind == b.broken {
		return errBook
	}
	b.lines = append(b.lines, line)
	if r := line.Receipt; r.Asks != "" {
		st.Pending[r.Call.Digest()] = r.Asks
	}
	st.Head = receipt.Head{Seq: line.Receipt.Seq, Hash: line.Hash()}
	return nil
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lines)
}

// receipts waits for n receipts and returns them as an auditor reads them.
func (h *house) receipts(n int) []*receipt.Receipt {
	h.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); h.book.count() < n && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	h.book.mu.Lock()
	defer h.book.mu.Unlock()
	if len(h.book.lines) != n {
		h.t.Fatalf("%d receipts, want %d", len(h.book.lines), n)
	}
	var out []*receipt.Receipt
	for _, line := range h.book.lines {
		if _, err := line.Envelope.Open(receipt.Type, h.gate); err != nil {
			h.t.Fatal(err)
		}
		r, err := receipt.Parse(line.Envelope.Payload)
		if err != nil {
			h.t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
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

// A lockedBuffer is a log that goroutines share.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
