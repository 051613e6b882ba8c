// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const secret = "a secret/of+the client: 0123456789abcdef%"

var (
	one = seal.Sum([]byte("one policy"))
	two = seal.Sum([]byte("another policy"))
)

// A house is a server over an issuer that believes all that it is told.
type house struct {
	*Server
	t      *testing.T
	issuer *mint
	spent  *spent
	ended  *ended
	log    *bytes.Buffer
	now    time.Time
	ed, ec crypto.Signer // of the clients signer and curved
}

// A mint is an Issuer without policies.
type mint struct {
	house  *house
	err    error // what Mint and Check fail with
	orders []issuer.Order
	minted map[string]*token.Claims
	wrong  map[string]error // by token
}

func (m *mint) Mint(_ context.Context, o issuer.Order) (*issuer.Minted, error) {
	m.orders = append(m.orders, o)
	if m.err != nil {
		return nil, m.err
	}
	if o.TTL == 0 {
		o.TTL = 10 * time.Minute
	}
	grant := policy.Grant{Actions: []string{"desk.read"}, Resources: []string{}, Limits: map[string]int{"max_total_steps": 5}}
	if o.Grant != nil {
		grant = *o.Grant
	}
	c := &token.Claims{
		Issuer: m.house.URL, Audience: m.house.House, Agent: o.Agent, ID: token.ID(fmt.Sprintf("id-%d", len(m.orders))), Job: o.Job, Policy: o.Policy,
		Issued: m.house.now.Unix(), Expires: m.house.now.Add(o.TTL).Unix(), Client: o.Client, Ticket: o.Ticket, Runtime: o.Runtime,
		Details: []token.Detail{{Type: detailType, Grant: grant}},
	}
	if o.Key != "" {
		c.Confirm = &token.Confirmation{Thumbprint: o.Key}
	}
	raw := "cst-" + string(c.ID)
	m.minted[raw] = c
	return &issuer.Minted{Raw: raw, Claims: c}, nil
}

func (m *mint) own(raw string) (*token.Claims, error) {
	c := m.minted[raw]
	switch {
	case m.err != nil:
		return nil, m.err
	case c == nil:
		return nil, token.ErrSignature
	}
	return c, nil
}

func (m *mint) Look(_ context.Context, raw string) (*token.Claims, error) {
	c, err := m.own(raw)
	if err == nil {
		err = m.wrong[raw]
	}
	return c, err
}

func (m *mint) Check(_ context.Context, p *token.Presentation) (token.Shown, error) {
	c, err := m.own(p.Raw)
	shown := token.Shown{Claims: c}
	if err == nil {
		shown.Proof, err = p.Proven(c, m.house.now, m.house.Nonces.Good)
	}
	if err == nil {
		err = m.wrong[p.Raw]
	}
	return shown, err
}

// A spent remembers what was spent.
type spent struct {
	mu  sync.Mutex
	all map[string]time.Time
	err error
}

func (s *spent) Spend(_ context.Context, scope, id string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if _, used := s.all[scope+" "+id]; used {
		return token.ErrReplayed
	}
	s.all[scope+" "+id] = until
	return nil
}

// An ended remembers what was revoked, and by whom.
type ended struct {
	all []string
	err error
}

func (e *ended) Revoke(_ context.Context, r token.Revocation, by, _ string) error {
	if e.err == nil {
		e.all = append(e.all, r.String()+" by "+by)
	}
	return e.err
}

const singleSecret = "single's secret, which is as long as it must be"

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, log: new(bytes.Buffer), now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	h.issuer = &mint{house: h, minted: map[string]*token.Claims{}, wrong: map[string]error{}}
	h.spent, h.ended = &spent{all: map[string]time.Time{}}, &ended{}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h.ed, h.ec = ed, ec
	now := func() time.Time { return h.now }
	said := func(s string) func() (string, error) { return func() (string, error) { return s, nil } }
	h.Server = &Server{
		URL: "https://house.test", House: "urn:house", Issuer: h.issuer, Nonces: &issuer.Nonces{Key: []byte("key"), Now: now},
		Spender: h.spent, Revoker: h.ended, Now: now, Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Clients: []Client{
			{ID: "desk", Secret: said(secret), Agents: []string{"clerk"}},
			{ID: "single", Secret: said(singleSecret), Agents: []string{"clerk"}, Policies: []seal.Hash{one}},
			{ID: "many", Secret: said("many's secret, which is as long as it must be"), Agents: []string{"clerk", "robot"}, Policies: []seal.Hash{one}},
			{ID: "signer", Key: ed.Public(), Agents: []string{"clerk"}},
			{ID: "curved", Key: ec.Public(), Agents: []string{"clerk"}},
			{ID: "short", Secret: said("too short"), Agents: []string{"clerk"}},
			{ID: "lost", Secret: func() (string, error) { return "", errors.New("its file is not there") }, Agents: []string{"clerk"}},
		},
	}
	t.Cleanup(func() { // whatever the test was about
		for _, word := range []string{secret, url.QueryEscape(secret), "too short", "cst-", "eyJ"} {
			if strings.Contains(h.log.String(), word) {
				t.Errorf("the log says %q", word)
			}
		}
	})
	return h
}

// A request is one to an endpoint, and how it differs from the usual.
type request struct {
	path   string
	params url.Values
	header http.Header
	query  string
	from   string
}

// order is a good request for a token.
func order() *request {
	return &request{path: TokenPath, header: http.Header{}, from: "192.0.2.1:999", params: url.Values{
		"grant_type": {clientCredentials}, "client_id": {"desk"}, "client_secret": {secret}, "authorization_details": {detailOf(`"job":"job-1"`)},
	}}
}

func detailOf(members string) string {
	return `[{"type":"clawea_wpc","policy_hash":"` + one.String() + `",` + members + `}]`
}

func (q *request) set(name, value string) *request {
	q.params[name] = []string{value}
	return q
}

func (q *request) unset(names ...string) *request {
	for _, n := range names {
		delete(q.params, n)
	}
	return q
}

func (q *request) head(name, value string) *request {
	q.header.Add(name, value)
	return q
}

func (q *request) basic(id, secret string) *request {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return q.unset("client_id", "client_secret").head("Authorization", r.Header.Get("Authorization"))
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

// send sends q to the handler of its path.
func (h *house) send(q *request) *answer {
	h.t.Helper()
	target := q.path
	if q.query != "" {
		target += "?" + q.query
	}
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodPost, target, strings.NewReader(q.params.Encode()))
	r.RemoteAddr = q.from
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, list := range q.header {
		r.Header[name] = list
	}
	w := httptest.NewRecorder()
	switch q.path {
	case TokenPath:
		h.ServeToken(w, r)
	case IntrospectPath:
		h.ServeIntrospection(w, r)
	case RevokePath:
		h.ServeRevocation(w, r)
	}
	return h.read(w)
}

func (h *house) read(w *httptest.ResponseRecorder) *answer {
	h.t.Helper()
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		h.t.Fatal(err)
	}
	a := &answer{w.Code, w.Result().Header, map[string]any{}}
	if err := json.Unmarshal(b, &a.body); err != nil {
		h.t.Fatalf("%d %s: %v", a.status, b, err)
	}
	if a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
		h.t.Errorf("headers %v", a.header)
	}
	return a
}

// wantError fails the test unless a is that error, told as RFC 6749 section 5.2 wants it.
func (h *house) wantError(a *answer, status int, code string) {
	h.t.Helper()
	if a.status != status || a.body["error"] != code {
		h.t.Errorf("got %d %v, want %d %s", a.status, a.body, status, code)
	}
	says, _ := a.body["error_description"].(string)
	if says == "" || strings.ContainsFunc(says, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		h.t.Errorf("description %q", says)
	}
	if (a.status == http.StatusUnauthorized) != (a.header.Get("WWW-Authenticate") != "") {
		h.t.Errorf("%d with the challenge %q", a.status, a.header.Get("WWW-Authenticate"))
	}
	if a.body["access_token"] != nil {
		h.t.Errorf("an error with a token: %v", a.body)
	}
}

// wantToken fails the test unless a holds a token, and returns it.
func (h *house) wantToken(a *answer) string {
	h.t.Helper()
	raw, _ := a.body["access_token"].(string)
	if a.status != http.StatusOK || raw == "" {
		h.t.Fatalf("got %d %v", a.status, a.body)
	}
	return raw
}

func newKey(t *testing.T) *token.ProofKey {
	t.Helper()
	k, err := token.NewProofKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// prove makes a proof for a path, by default a good one.
func (h *house) prove(k *token.ProofKey, path, raw string, change func(p *token.Proof)) string {
	h.t.Helper()
	p := &token.Proof{ID: rand.Text(), Method: "POST", URL: h.URL + path, Issued: h.now.Unix(), Nonce: h.Nonces.New()}
	if raw != "" {
		p.Token = token.HashToken(raw)
	}
	if change != nil {
		change(p)
	}
	text, err := k.Prove(p)
	if err != nil {
		h.t.Fatal(err)
	}
	return text
}

// sign signs claims as a JWT.
func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, typ string, claims map[string]any) string {
	t.Helper()
	opts := &jose.SignerOptions{}
	if typ != "" {
		opts = opts.WithType(jose.ContentType(typ))
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(b)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// vouch returns the claims of a good assertion of a client.
func (h *house) vouch(id string) map[string]any {
	return map[string]any{"iss": id, "sub": id, "aud": h.URL, "exp": h.now.Add(time.Minute).Unix(), "iat": h.now.Unix(), "jti": rand.Text()}
}

// asserted changes q to authenticate by an assertion.
func (q *request) asserted(jwt string) *request {
	return q.unset("client_id", "client_secret").set("client_assertion_type", assertionType).set("client_assertion", jwt)
}
