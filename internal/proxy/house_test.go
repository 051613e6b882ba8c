// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const (
	key      = "sk-provider-hush"
	audience = "https://house.example"
)

// A house is a real gate over small parts in memory, with a proxy before it.
type house struct {
	t      testing.TB
	url    string
	log    *lockedBuffer
	proxy  *Proxy
	book   *book
	issuer seal.Signer
	gate   seal.Verifier

	tokens   *tokens
	policies policies
	policy   *policy.Policy
	cst      string
	cut      atomic.Pointer[context.CancelCauseFunc] // of the last call
}

// newHouse opens a house under a policy whose models are those of wpc.
func newHouse(t testing.TB, wpc string, routes ...Route) *house {
	t.Helper()
	h := &house{t: t, log: new(lockedBuffer), book: &book{jobs: map[string]*receipt.State{}}, policies: policies{}}
	var gateKey seal.Signer
	gateKey, h.gate = newKey(t, "gate")
	issuer, issuerKey := newKey(t, "issuer")
	h.issuer, h.tokens = issuer, &tokens{issuerKey}
	log := slog.New(slog.NewTextHandler(h.log, nil))
	g := &gate.Gate{
		Tokens: h.tokens, Policies: h.policies, Book: h.book, Revocations: h, Signer: gateKey, Salt: bytes.Repeat([]byte{7}, 32),
		PlainBearer: true, Log: log,
	}
	h.proxy = &Proxy{Gate: g, Door: &gate.Door{URL: audience, Nonces: h.tokens}, Routes: routes, Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	h.policy = h.publish(wpc)
	h.cst = h.mint(h.policy, "job-1")
	srv := httptest.NewUnstartedServer(h.proxy)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(h.log, nil), slog.LevelError)
	srv.Start()
	t.Cleanup(srv.Close)
	h.url = srv.URL
	return h
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
	raw, _, err := token.Mint(h.issuer, p, Actions(), p.Whole(Actions()), &token.Claims{
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
	return token.Shown{Claims: c}, err
}

// New is the one nonce of the house.
func (k *tokens) New() string { return "n1" }

// Watch lets a test cut off the calls that are under way.
func (h *house) Watch(ctx context.Context, _ *token.Claims, _ policy.Action) (context.Context, func(), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	h.cut.Store(&cancel)
	return ctx, func() { cancel(nil) }, nil
}

type policies map[seal.Hash]*policy.Policy

func (p policies) Policy(_ context.Context, h seal.Hash) (*policy.Policy, error) {
	if p := p[h]; p != nil {
		return p, nil
	}
	return nil, errors.New("no such policy in table hush")
}

// A book keeps receipts in memory. It cannot write those of the broken kind.
type book struct {
	mu     sync.Mutex
	jobs   map[string]*receipt.State
	lines  []*receipt.Line
	broken receipt.Kind
}

// Spend is never asked: no proxy admits a caller for several calls.
func (b *book) Spend(context.Context, string, receipt.Spent) error { return errBook }

var errBook = errors.New("disk full at hush.db")

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

// receipts waits for n receipts, verifies their signatures and chains, and
// returns them as an auditor reads them.
func (h *house) receipts(n int) []*receipt.Receipt {
	h.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); h.book.count() < n && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	h.book.mu.Lock()
	defer h.book.mu.Unlock()
	if len(h.book.lines) != n {
		h.t.Fatalf("%d receipts, want %d", len(h.book.lines), n)
	}
	var out []*receipt.Receipt
	prev := map[string]seal.Hash{}
	for _, line := range h.book.lines {
		if _, err := line.Envelope.Open(receipt.Type, h.gate); err != nil {
			h.t.Fatal(err)
		}
		r, err := receipt.Parse(line.Envelope.Payload)
		if err != nil {
			h.t.Fatal(err)
		}
		if r.Prev != prev[r.Job] {
			h.t.Fatalf("receipt %s/%d is out of its chain", r.Job, r.Seq)
		}
		prev[r.Job] = line.Hash()
		out = append(out, r)
	}
	return out
}

// committed fails unless commitment covers exactly want, under the salt that is
// stored for it.
func (h *house) committed(commitment seal.Hash, want []byte) {
	h.t.Helper()
	h.book.mu.Lock()
	defer h.book.mu.Unlock()
	for _, line := range h.book.lines {
		for _, text := range line.Texts {
			if text.Commitment == commitment {
				if got := seal.Commit(text.Salt, want); got != commitment || !bytes.Equal(text.Bytes, want) {
					h.t.Errorf("committed to %d bytes, want these %d", len(text.Bytes), len(want))
				}
				return
			}
		}
	}
	h.t.Errorf("nothing stored for commitment %s", commitment)
}

// ends checks the last of n receipts: closed, with this outcome, committing to
// body and answering a call whose request was sent.
func (h *house) ends(n int, status receipt.Status, code string, request, body []byte) *receipt.Receipt {
	h.t.Helper()
	rs := h.receipts(n)
	opened, closed := rs[n-2], rs[n-1]
	if closed.Kind != receipt.Closed || closed.Opened != opened.Seq || closed.Outcome.Status != status || closed.Outcome.Code != code {
		h.t.Errorf("last receipt: %s of %d, outcome %+v, want %s %q", closed.Kind, closed.Opened, closed.Outcome, status, code)
	}
	if closed.Outcome == nil {
		h.t.FailNow()
	}
	if closed.Outcome.Size != int64(len(body)) {
		h.t.Errorf("receipt says %d bytes, the agent got %d", closed.Outcome.Size, len(body))
	}
	h.committed(opened.Call.Args, request)
	h.committed(closed.Outcome.Result, body)
	return closed
}

// post sends a request with the house's CST, and more headers in pairs.
func (h *house) post(path string, body []byte, headers ...string) *http.Response {
	h.t.Helper()
	resp, err := h.try(h.t.Context(), path, body, headers...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// plain is a client that changes nothing on the way.
var plain = &http.Client{Transport: &http.Transport{DisableCompression: true}}

func (h *house) try(ctx context.Context, path string, body []byte, headers ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.cst)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	return plain.Do(req)
}

func body(t *testing.T, resp *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// kinds are the error types of OpenAI's and Anthropic's dialects, by status.
var kinds = map[int]string{
	400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error", 408: "invalid_request_error",
	413: "request_too_large", 429: "rate_limit_error", 502: "api_error", 503: "api_error",
}

// complains checks that an answer is an error in the dialect's shape, in two lines.
func complains(t *testing.T, resp *http.Response, b []byte, dialect string, status int, says string) {
	t.Helper()
	var got struct {
		Type  string
		Error struct {
			Type, Message, Status string
			Code                  any
		}
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if resp.StatusCode != status || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("status %d, %s", resp.StatusCode, b)
	}
	var ok bool
	switch code, isText := got.Error.Code.(string); dialect {
	case "openai", "fal":
		ok = isText && code != "" && got.Type == "" && got.Error.Type == kinds[status]
	case "anthropic":
		ok = got.Error.Code == nil && got.Type == "error" && got.Error.Type == kinds[status]
	case "gemini":
		ok = got.Error.Code == float64(status) && got.Type == "" && got.Error.Status != ""
	}
	if !ok {
		t.Errorf("not in the shape of %s: %s", dialect, b)
	}
	what, mend, two := strings.Cut(got.Error.Message, "\n")
	if !two || mend == "" || strings.Contains(mend, "\n") || !strings.Contains(what, says) {
		t.Errorf("message %q, want two lines of which the first says %q", got.Error.Message, says)
	}
}

// upstream serves handler as a provider and returns a route to it.
func upstream(t testing.TB, name, dialect string, handler http.HandlerFunc) Route {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	base := map[string]string{"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta", "fal": "/openrouter/router/openai/v1"}[dialect]
	return Route{Name: name, Dialect: dialect, BaseURL: srv.URL + base, Key: func() (string, error) { return key, nil }}
}

// A lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
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
