// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const clientSecret = "a client's+secret/0123456789 abcdef"

// tokenEndpoint makes h answer orders as the house does, with its own nonce for
// proofs, and returns what the forms were.
func (h *fakeHouse) tokenEndpoint() *[]url.Values {
	var forms []url.Values
	used := map[string]bool{}
	h.order = func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		w.Header().Set("DPoP-Nonce", "orders-1")
		w.Header().Set("Content-Type", "application/json")
		if id, secret, ok := r.BasicAuth(); ok {
			id, _ = url.QueryUnescape(id)
			secret, _ = url.QueryUnescape(secret)
			r.Form["basic"] = []string{id, secret}
		}
		forms = append(forms, r.PostForm, r.Form)
		if a := r.Form.Get("client_assertion"); a != "" {
			if used[a] {
				h.t.Error("an assertion is used twice")
			}
			used[a] = true
		}
		p, err := token.CheckProof(r.Header.Get("DPoP"), &token.ProofWant{
			Method: "POST", URL: h.srv.URL + "/oauth/token", Now: time.Now(), Nonce: func(s string) bool { return s == "orders-1" },
		})
		switch {
		case errors.Is(err, token.ErrProofNonce):
			w.WriteHeader(400)
			io.WriteString(w, `{"error":"use_dpop_nonce","error_description":"put it in"}`)
		case err != nil:
			h.t.Error(err)
			w.WriteHeader(400)
		default:
			fmt.Fprintf(w, `{"access_token":%q,"token_type":"DPoP","expires_in":600}`, h.mint(p.Key).Raw)
		}
	}
	return &forms
}

// A client with a key orders by assertions, each good once, and its tokens are
// bound to the sidecar's key.
func TestOAuthKey(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	h.serve = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }
	forms := h.tokenEndpoint()
	key := housetest.FreshKey(t, "builder")
	limits := map[string]int{"pages": 3}
	o := &OAuth{House: h.srv.URL + "/", ID: "ci", Key: key, Order: Detail{
		Policy: seal.Sum([]byte("policy")), Job: "job-1", Agent: "robot", TTL: 600, Ticket: "ENG-1", Runtime: &policy.Runtime{Sandboxed: true},
		Grant: &policy.Grant{Actions: []string{"jira.issue.get"}, Resources: []string{"jira:ENG"}, Limits: limits},
	}}
	s := h.start(func(c *Config) { c.Source = o })
	if res, _ := ask(t, "POST", s.URL()+"/mcp", "{}"); res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
	if len(*forms) != 4 { // two attempts, of which each is kept twice
		t.Fatalf("%d attempts", len(*forms)/2)
	}
	f := (*forms)[2]
	want := `[{"actions":["jira.issue.get"],"agent":"robot","job":"job-1","limits":{"pages":3},"policy_hash":"` + o.Order.Policy.String() +
		`","resources":["jira:ENG"],"runtime":{"sandboxed":true,"unelevated":false},"ticket":"ENG-1","ttl_seconds":600,"type":"clawea_wpc"}]`
	if f.Get("grant_type") != "client_credentials" || f.Get("client_assertion_type") != assertionType || f.Get("authorization_details") != want {
		t.Errorf("got %v\nwant %s", f, want)
	}
	checkAssertion(t, f.Get("client_assertion"), h.srv.URL, key.Public)
	c, err := o.API()
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Token()
	if err != nil || again == f.Get("client_assertion") {
		t.Errorf("for /v1: %v", err)
	}
	checkAssertion(t, again, h.srv.URL, key.Public)
}

// checkAssertion verifies an assertion by another's hand.
func checkAssertion(t *testing.T, raw, audience, public string) {
	t.Helper()
	key, err := seal.PublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jws.Verify(key)
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Iss, Sub, Aud, Jti string
		Iat, Exp           int64
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatal(err)
	}
	if c.Iss != "ci" || c.Sub != "ci" || c.Aud != audience || len(c.Jti) < 20 || c.Exp-c.Iat != 60 || time.Since(time.Unix(c.Iat, 0)).Abs() > time.Minute {
		t.Errorf("%s", payload)
	}
}

// A client with a secret sends it in the one way that is always there, and only
// to the house.
func TestOAuthSecret(t *testing.T) {
	t.Parallel()
	h := newFakeHouse(t)
	forms := h.tokenEndpoint()
	o := &OAuth{House: h.srv.URL, ID: "ci: a", Secret: func() (string, error) { return clientSecret, nil }, Order: Detail{Policy: seal.Sum([]byte("policy"))}}
	h.start(func(c *Config) { c.Source = o })
	f := (*forms)[3]
	if got := f["basic"]; len(got) != 2 || got[0] != "ci: a" || got[1] != clientSecret {
		t.Errorf("authenticated as %q", got)
	}
	if want := `[{"policy_hash":"` + o.Order.Policy.String() + `","type":"clawea_wpc"}]`; f.Get("authorization_details") != want {
		t.Errorf("got %s, want %s", f.Get("authorization_details"), want)
	}
	if strings.Contains(f.Encode(), "client_assertion") {
		t.Error("it has both")
	}
	c, err := o.API()
	if err != nil {
		t.Fatal(err)
	}
	basic := ""
	h.srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		basic = r.Header.Get("Authorization")
		io.WriteString(w, `{"id":"job-1"}`)
	})
	if _, err := c.Job(t.Context(), "job-1"); err != nil || !strings.HasPrefix(basic, "Basic ") {
		t.Errorf("%q, %v", basic, err)
	}
}

// What the house refuses is told in its words; what is no answer is told so.
func TestOAuthRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		header []string
		says   string
	}{
		"client":      {401, `{"error":"invalid_client","error_description":"the client is not known"}`, nil, "the client is not known (invalid_client)\ncompare -client"},
		"details":     {400, `{"error":"invalid_authorization_details","error_description":"grant is wider than the policy"}`, nil, "wider than the policy"},
		"revoked":     {400, `{"error":"access_denied","error_description":"the job is stopped"}`, []string{"Clawea-Refused", "job.revoked"}, "(job.revoked)\nask an operator"},
		"nonce again": {400, `{"error":"use_dpop_nonce"}`, []string{"DPoP-Nonce", "x"}, "use_dpop_nonce"},
		"page":        {404, `<h1>Not found</h1>`, nil, "status 404\nis this the address"},
		"bearer":      {200, `{"access_token":"eyJ.e30.x","token_type":"Bearer"}`, nil, "not bound to our key"},
		"no JWT":      {200, `{"access_token":"opaque","token_type":"DPoP"}`, nil, "not bound to our key"},
		"odd JWT":     {200, `{"access_token":"e30.!.x","token_type":"DPoP"}`, nil, "not bound to our key"},
		"odd claims":  {200, `{"access_token":"e30.bnVsbCE.x","token_type":"DPoP"}`, nil, "not bound to our key"},
		"no JSON":     {200, `ok`, nil, "not bound to our key"},
	} {
		h := newFakeHouse(t)
		h.order = func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i < len(test.header); i += 2 {
				w.Header().Set(test.header[i], test.header[i+1])
			}
			w.WriteHeader(test.status)
			io.WriteString(w, test.body)
		}
		o := &OAuth{House: h.srv.URL, ID: "ci", Secret: func() (string, error) { return clientSecret, nil }, Order: Detail{Policy: seal.Sum([]byte("p"))}}
		_, err := o.Token(t.Context(), newKey(t))
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), clientSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func newKey(t *testing.T) *token.ProofKey {
	t.Helper()
	key, err := token.NewProofKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestOAuthUnusable(t *testing.T) {
	missing := errors.New("no such file")
	o := &OAuth{House: "http://127.0.0.1:1", Secret: func() (string, error) { return "", missing }}
	if _, err := o.Token(t.Context(), newKey(t)); !errors.Is(err, missing) {
		t.Errorf("no secret: %v", err)
	}
	key := housetest.FreshKey(t, "builder")
	o = &OAuth{House: "http://127.0.0.1:1", Key: key}
	if _, err := o.Token(t.Context(), newKey(t)); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("no house: %v", err)
	}
	o = &OAuth{House: "http://clawea.example.com", Key: key}
	if _, err := o.Token(t.Context(), newKey(t)); !errors.Is(err, errHouse) {
		t.Errorf("unprotected: %v", err)
	}
	if _, err := o.API(); !errors.Is(err, errHouse) {
		t.Errorf("unprotected: %v", err)
	}
}

// FuzzAnswers reads whatever a house may answer with.
func FuzzAnswers(f *testing.F) {
	enc := base64.RawURLEncoding.EncodeToString
	f.Add([]byte(`{"access_token":"e30.` + enc([]byte(`{"job":"j","exp":1}`)) + `.x","token_type":"dpop"}`))
	f.Add([]byte(`{"error":"use_dpop_nonce","error_description":"x\ny"}`))
	f.Add([]byte(`{"error":1}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		code, says := oauthError(b)
		if word(code) != code || strings.Contains(says, "\n") || len(says) > 2000 {
			t.Errorf("%q, %q", code, says)
		}
		g, err := granted(b)
		if (g == nil) == (err == nil) || g != nil && (g.Raw == "" || g.Claims == nil) {
			t.Errorf("%v, %v", g, err)
		}
	})
}
