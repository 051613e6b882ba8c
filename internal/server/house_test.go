// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/export"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/gate/gatetest"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/oauth"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/replay"
	"github.com/clawea/clawea/internal/revocation"
	"github.com/clawea/clawea/internal/undo"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
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
	log        *housetest.Log
}

func newKey(t testing.TB, name string, seed byte) (seal.Signer, seal.Verifier, string) {
	t.Helper()
	k := housetest.NewKey(t, name, seed)
	return k.Signer, k.Verifier, k.Public
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
	h := &house{t: t, log: new(housetest.Log)}
	log := slog.New(slog.NewTextHandler(h.log, nil))
	g := gatetest.New(t, log, read, post, take)
	h.raw, h.gate, h.ada, h.alice, h.trust = g.Raw, g.Gate, g.Ada, g.Alice, g.Trust
	db, policies, tokens, gates := g.DB, g.Registry, g.Issuer, []seal.Verifier{g.GateKey.Verifier}
	absences := &approval.Absences{DB: db, Now: time.Now}
	h.gate.Absences = absences
	h.Server = &Server{
		Replayer: &replay.Replayer{DB: db, Policies: policies, Gates: gates, Issuers: func() []seal.Verifier { return []seal.Verifier{g.IssuerKey.Verifier} }},
		Undo: &undo.Desk{
			DB: db, Connectors: map[string]undo.Connector{"desk": drawer{}}, Gates: gates, Over: time.Minute, Now: time.Now, Log: log,
		},
		Settler: &undo.Settler{
			DB: db, Book: db, Connectors: map[string]undo.Connector{"desk": drawer{}}, Signer: g.GateKey, Gates: gates, Now: time.Now, Log: log,
		},
		UndoTools: []string{"desk"},
		Registry:  policies, Drafts: &registry.Drafts{DB: db, Registry: policies, Log: log}, Issuer: tokens, Desk: &approval.Desk{DB: db, Policies: policies, People: h.gate.People, Absences: absences, Now: time.Now},
		Traces:      &proof.Traces{DB: db},
		Proofs:      &proof.Exporter{DB: db, Policies: policies, Ledger: g.Ledger, Signer: g.GateKey, Now: time.Now, Log: log},
		DB:          db,
		Revocations: &revocation.Desk{DB: db, Book: db, Signer: g.GateKey, Log: log},
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
		Proxy:     saying("proxy"), MCP: saying("mcp"), Seam: sayingSeam{}, Local: sayingLocal{}, Tiles: g.Ledger.Handler(), Log: log,
	}
	h.Pulse, h.Origin = newPulse(t, h.Server), "https://house.test"
	srv := httptest.NewServer(h.Handler())
	h.url = srv.URL
	t.Cleanup(srv.Close)
	g.Log(t, 20*time.Millisecond)
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
	c := &policy.Call{Tool: a.Tool, Action: a.Name, Class: a.Class}
	if a == post {
		c.Categories = []string{"external_send"}
	}
	return gatetest.Do(h.t.Context(), h.gate, raw, text, c, "result")
}

func (h *house) exec(query string, args ...any) {
	h.t.Helper()
	if _, err := h.raw.ExecContext(h.t.Context(), query, args...); err != nil {
		h.t.Fatal(err)
	}
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
