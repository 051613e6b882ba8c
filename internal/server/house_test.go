// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/export"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/ledger"
	"github.com/clawea/clawea/internal/oauth"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/replay"
	"github.com/clawea/clawea/internal/revocation"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/undo"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

const (
	wpc    = `{"approvals":{"required_for":["external_send"]},"runtime":{"max_ttl_seconds":600},"tool_policy":{"allow":["desk.read","desk.post"]},"wpc_version":"v1"}`
	secret = "operator-secret-0123456789abcdef"
)

var (
	read    = policy.Action{Tool: "desk", Name: "read", Class: policy.Read}
	post    = policy.Action{Tool: "desk", Name: "post", Class: policy.Write}
	take    = policy.Action{Tool: "desk", Name: "take", Class: policy.Write}
	errDisk = errors.New("open /var/lib/clawea/house.db: disk on fire")
)

// clientSecret is that of the OAuth client ci.
const clientSecret = "client-0123456789abcdef0123456789"

// A house is a server over real parts.
type house struct {
	trust *verify.Trust
	*Server
	t          testing.TB
	url        string
	raw        *sql.DB // behind the store's back
	gate       *gate.Gate
	ada, alice seal.Signer
	log        *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newKey(t testing.TB, name string, seed byte) (seal.Signer, seal.Verifier, string) {
	t.Helper()
	private, public, err := seal.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 64)), name)
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
	return s, v, public
}

// saying is a handler that says which it is.
func saying(word string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, word)
	})
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, log: new(lockedBuffer)}
	log := slog.New(slog.NewTextHandler(h.log, nil))
	path := filepath.Join(t.TempDir(), "house.db")
	db, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + path, Key: bytes.Repeat([]byte{7}, 32), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if h.raw, err = sql.Open("sqlite", "file:"+path+"?_busy_timeout=5000"); err != nil {
		t.Fatal(err)
	}
	ada, adaKey, adaText := newKey(t, "ada@house.test", 1)
	reg, regKey, regText := newKey(t, "registry.test", 2)
	iss, issKey, issText := newKey(t, "issuer.test", 3)
	gat, gatKey, gatText := newKey(t, "gate.test", 4)
	logKey, _, logText := newKey(t, "log.test", 5)
	alice, aliceKey, aliceText := newKey(t, "alice@house.test", 6)
	h.ada, h.alice = ada, alice
	policies := &registry.Registry{DB: db, Authors: []seal.Verifier{adaKey}, Signer: reg, Self: regKey, Resolvers: map[string]registry.Resolver{}, Now: time.Now}
	tokens := &issuer.Issuer{
		DB: db, Policies: policies, Keys: func() *issuer.Keys {
			return &issuer.Keys{Signer: iss, Verifiers: []seal.Verifier{issKey}, Public: []string{issText}}
		},
		Nonces: &issuer.Nonces{Key: []byte("nonces"), Now: time.Now}, PlainBearer: true,
		URL: "https://house.test", House: "https://house.test", Catalog: []policy.Action{read, post, take}, Now: time.Now,
	}
	l := &ledger.Ledger{DB: db, Signer: logKey, Origin: "house.test/log", Log: log}
	people := []seal.Verifier{aliceKey}
	absences := &approval.Absences{DB: db, Now: time.Now}
	h.gate = &gate.Gate{Tokens: tokens, Policies: policies, Book: db, Revocations: calm{}, People: people, Absences: absences, Signer: gat, Salt: bytes.Repeat([]byte{9}, 32), PlainBearer: true, Log: log}
	h.trust = &verify.Trust{
		Format: verify.TrustFormat, House: "https://house.test", Origin: "house.test/log", Authors: []string{adaText}, Registries: []string{regText},
		Issuers: []string{issText}, Gates: []string{gatText}, Logs: []string{logText}, People: []string{aliceText},
	}
	h.Server = &Server{
		Replayer: &replay.Replayer{DB: db, Policies: policies, Gates: []seal.Verifier{gatKey}, Issuers: func() []seal.Verifier { return []seal.Verifier{issKey} }},
		Undo: &undo.Desk{
			DB: db, Connectors: map[string]undo.Connector{"desk": drawer{}}, Gates: []seal.Verifier{gatKey}, Over: time.Minute, Now: time.Now, Log: log,
		},
		Settler: &undo.Settler{
			DB: db, Book: db, Connectors: map[string]undo.Connector{"desk": drawer{}}, Signer: gat, Gates: []seal.Verifier{gatKey}, Now: time.Now, Log: log,
		},
		UndoTools: []string{"desk"},
		Registry:  policies, Drafts: &registry.Drafts{DB: db, Registry: policies, Log: log}, Issuer: tokens, Desk: &approval.Desk{DB: db, Policies: policies, People: people, Absences: absences, Now: time.Now},
		Traces:      &proof.Traces{DB: db},
		Proofs:      &proof.Exporter{DB: db, Policies: policies, Ledger: l, Signer: gat, Now: time.Now, Log: log},
		DB:          db,
		Revocations: &revocation.Desk{DB: db, Book: db, Signer: gat, Log: log},
		Trust:       func(context.Context) *verify.Trust { return h.trust },
		Receipts:    &export.Feed{DB: db, Log: log},
		Presses:     http.NotFoundHandler(),
		OAuth: &oauth.Server{URL: "https://house.test", House: "https://house.test", Issuer: tokens, Nonces: tokens.Nonces, Clients: []oauth.Client{
			{ID: "ci", Secret: func() (string, error) { return clientSecret, nil }, Agents: []string{"robot"}},
			{ID: "other", Secret: func() (string, error) { return clientSecret + "x", nil }, Agents: []string{"robot"}},
		}, Now: time.Now, Log: log},
		Gate:      h.gate,
		Door:      &gate.Door{URL: "https://house.test", Nonces: tokens.Nonces},
		Routes:    []api.Route{{Name: "sim", Dialect: "openai"}},
		Operators: []Operator{{Name: "eve", Token: func() (string, error) { return "another-secret", nil }}, {Name: "olga", Token: func() (string, error) { return secret, nil }}},
		Proxy:     saying("proxy"), MCP: saying("mcp"), Seam: sayingSeam{}, Local: sayingLocal{}, Tiles: l.Handler(), Log: log,
	}
	h.Pulse, h.Origin = newPulse(t, h.Server), "https://house.test"
	srv := httptest.NewServer(h.Handler())
	h.url = srv.URL
	running, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		l.Run(running, 20*time.Millisecond)
	}()
	t.Cleanup(func() {
		srv.Close()
		stop()
		<-stopped
		h.raw.Close()
		db.Close() // some tests have closed it
	})
	return h
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request, as an operator unless token says otherwise.
func (h *house) do(token, method, path, body string) *answer {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return &answer{res.StatusCode, res.Header, b}
}

func (h *house) get(path string) *answer        { return h.do("Bearer "+secret, "GET", path, "") }
func (h *house) post(path, body string) *answer { return h.do("Bearer "+secret, "POST", path, body) }

// wantProblem checks that a is a whole problem with this status and code.
func (h *house) wantProblem(a *answer, status int, code string) *api.Problem {
	h.t.Helper()
	p := new(api.Problem)
	if err := json.Unmarshal(a.body, p); err != nil {
		h.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	if a.status != status || p.Status != status || p.Code != code || a.header.Get("Content-Type") != "application/problem+json" {
		h.t.Errorf("got %d %s, want %d %s", a.status, a.body, status, code)
	}
	if p.Title == "" || p.Hint == "" || p.Type != "urn:clawea:problem:"+code {
		h.t.Errorf("a problem that lacks a part: %s", a.body)
	}
	return p
}

// into reads an answer of status 200.
func into[T any](t testing.TB, a *answer) *T {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	v := new(T)
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return v
}

func (h *house) signed(payload string, s seal.Signer) string {
	h.t.Helper()
	e, err := seal.Sign(s, policy.Type, []byte(payload))
	if err != nil {
		h.t.Fatal(err)
	}
	return h.paper(e)
}

func (h *house) paper(e *seal.Envelope) string {
	h.t.Helper()
	b, err := e.Marshal()
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// open publishes the policy and issues a token for job-1.
func (h *house) open() (*api.Policy, *api.Issued) {
	h.t.Helper()
	p := into[api.Policy](h.t, h.post("/v1/wpc", h.signed(wpc, h.ada)))
	return p, into[api.Issued](h.t, h.post("/v1/cst", `{"agent":"robot","job":"job-1","policy":"`+p.Hash.String()+`"}`))
}

// call carries a call through the gate.
func (h *house) call(raw string, a policy.Action, text string) (*receipt.Receipt, error) {
	r, _, err := h.gate.Do(h.t.Context(), &token.Presentation{Raw: raw}, &gate.Request{Action: a, Text: []byte(text), Plan: func(context.Context, []policy.Bound) (*gate.Plan, error) {
		c := &policy.Call{Tool: a.Tool, Action: a.Name, Class: a.Class}
		if a == post {
			c.Categories = []string{"external_send"}
		}
		return &gate.Plan{Call: c, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
			return &gate.Result{Body: []byte("result"), Outcome: receipt.Outcome{Status: receipt.Done}}, nil
		}}, nil
	}})
	return r, err
}

func (h *house) exec(query string, args ...any) {
	h.t.Helper()
	if _, err := h.raw.ExecContext(h.t.Context(), query, args...); err != nil {
		h.t.Fatal(err)
	}
}

// calm cuts no call off.
type calm struct{}

// Watch returns ctx.
func (calm) Watch(ctx context.Context, _ *token.Claims, _ policy.Action) (context.Context, func(), error) {
	return ctx, func() {}, nil
}

// sayingSeam says which of its doors was passed.
type sayingSeam struct{}

func (sayingSeam) ServeAuthorize(w http.ResponseWriter, r *http.Request) {
	saying("authorize").ServeHTTP(w, r)
}
func (sayingSeam) ServeClose(w http.ResponseWriter, r *http.Request) { saying("close").ServeHTTP(w, r) }
func (sayingSeam) ServeExtAuthz(w http.ResponseWriter, r *http.Request) {
	saying("ext_authz").ServeHTTP(w, r)
}

// sayingLocal says which of its doors was passed.
type sayingLocal struct{}

func (sayingLocal) ServeAsk(w http.ResponseWriter, r *http.Request) { saying("local").ServeHTTP(w, r) }
func (sayingLocal) ServeAlive(w http.ResponseWriter, r *http.Request) {
	saying("alive").ServeHTTP(w, r)
}
func (sayingLocal) ServeReport(w http.ResponseWriter, r *http.Request) {
	saying("report").ServeHTTP(w, r)
}
