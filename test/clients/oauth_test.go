// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/clawea/clawea/internal/npmtest"
	"github.com/clawea/clawea/policy"
)

// An authority is a house that OAuth clients order their tokens from, with a
// model behind it and an issuer of identities beside it.
type authority struct {
	house
	bound, plain string // hashes of policies: the second takes plain bearer tokens
	secret       string // of the client desk
	mcp          string // of the client mcp
	ed           ed25519.PrivateKey
	ec           *ecdsa.PrivateKey
	issuer       *httptest.Server
	issuerKey    *ecdsa.PrivateKey
}

const boundPolicy = `{"wpc_version":"v1","policy_name":"asker","purpose":"Ask a model","model_route":{"require_clawproxy":true,"allowed":["sim"]},` +
	`"runtime":{"require_cst":true,"cst_policy_hash_pin":true,"max_ttl_seconds":600%s}}`

// plainBearer is what a policy says that takes tokens that are bound to no key.
const plainBearer = `,"cst_bearer_allowed":true`

// openAuthority starts clawea serve with a configuration of its own.
func openAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{house: house{dir: t.TempDir()}, secret: rand.Text() + rand.Text() + "/+ %", mcp: rand.Text() + rand.Text()}
	a.newIssuer(t)
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"id":"1","object":"chat.completion","created":1,"model":"sim","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"A friend."}}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`)
	}))
	t.Cleanup(model.Close)
	for name, text := range map[string]string{"operator": rand.Text() + rand.Text(), "desk": a.secret, "mcp": a.mcp, "model": "sk-model"} {
		a.write(t, filepath.Join("secrets", name), text)
	}
	for _, name := range []string{"ada", "signer"} {
		a.clawea(t, "key", "new", "-name", name, a.path(name+".key"))
	}
	a.ed = privateKey(t, a.path("signer.key"))
	var err error
	if a.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	listen := freeAddress(t)
	a.url = "http://" + listen
	public, err := json.Marshal(jose.JSONWebKey{Key: a.ec.Public()})
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, "clawea.hujson", fmt.Sprintf(`{
		"listen": %q, "authors": [%q], "operators": [{"name": "ops", "token": "file:secrets/operator"}],
		"providers": [{"name": "sim", "dialect": "openai", "base_url": "%s/v1", "key": "file:secrets/model"}],
		"clients": [
			{"id": "desk", "secret": "file:secrets/desk", "agents": ["clerk"]},
			{"id": "signer", "key": %q, "agents": ["clerk"]},
			{"id": "curved", "jwk": %s, "agents": ["clerk"]},
			{"id": "mcp", "secret": "file:secrets/mcp", "agents": ["clerk"], "policies": [%q]},
			{"id": "mcp-key", "jwk": %[5]s, "agents": ["clerk"], "policies": [%[6]q]},
		],
		"identities": [{"name": "ci", "issuer": %[7]q, "audience": %[8]q, "match": {"repository": "house-test/site"}, "agent": "builder"}],
	}`, listen, a.read(t, "ada.key.pub"), model.URL, a.read(t, "signer.key.pub"), public, hashOf(t, plainBearer), a.issuer.URL, a.url))
	a.serve(t)
	a.bound, a.plain = a.publish(t, ""), a.publish(t, plainBearer)
	return a
}

func (a *authority) write(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(a.path(name)), 0o700), os.WriteFile(a.path(name), []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func (a *authority) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(a.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// privateKey reads a key that clawea key new has written: a name, a hash, and
// an algorithm's byte before the seed, in base64.
func privateKey(t *testing.T, path string) ed25519.PrivateKey {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(strings.TrimSpace(string(b)), "+", 5)
	seed, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		t.Fatalf("the key at %s is of another form: %v", path, err)
	}
	return ed25519.NewKeyFromSeed(seed[1:])
}

// freeAddress is an address of this machine at which nobody listens. Its port is below
// those that the system gives to whoever asks for any, so that nobody has it meanwhile.
func freeAddress(t *testing.T) string {
	t.Helper()
	for tries := 0; ; tries++ {
		ln, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20000+mathrand.IntN(12000)))
		if err == nil {
			ln.Close()
			return ln.Addr().String()
		}
		if tries == 100 {
			t.Fatal(err)
		}
	}
}

// newIssuer starts an OpenID provider.
func (a *authority) newIssuer(t *testing.T) {
	t.Helper()
	var err error
	if a.issuerKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"%[1]s/keys"}`, a.issuer.URL)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: a.issuerKey.Public(), KeyID: "k1"}}}
		if err := json.NewEncoder(w).Encode(set); err != nil {
			t.Error(err)
		}
	})
	a.issuer = httptest.NewServer(mux)
	t.Cleanup(a.issuer.Close)
}

// vouch returns a token of the issuer's for a workload.
func (a *authority) vouch(t *testing.T) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: a.issuerKey, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims := fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"repo:house-test/site","repository":"house-test/site","exp":%d}`, a.issuer.URL, a.url, time.Now().Add(5*time.Minute).Unix())
	jws, err := s.Sign([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// serve starts the daemon and waits until it answers.
func (a *authority) serve(t *testing.T) {
	t.Helper()
	cmd := exec.Command(binary, "serve", "-config", a.path("clawea.hujson"))
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := errors.Join(cmd.Process.Signal(os.Interrupt), cmd.Wait()); err != nil {
			t.Errorf("the daemon, interrupted: %v", err)
		}
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", log.String())
		}
		for _, secret := range []string{a.secret, url.QueryEscape(a.secret), a.mcp, "eyJ"} {
			if secret != "" && strings.Contains(log.String(), secret) {
				t.Error("the daemon's log has a secret")
			}
		}
	})
	for range 1200 {
		if resp, err := http.Get(a.url + "/healthz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the daemon does not answer")
}

// publish signs and publishes a policy and returns its hash.
func (a *authority) publish(t *testing.T, extra string) string {
	t.Helper()
	return a.publishText(t, fmt.Sprintf(boundPolicy, extra))
}

// hashOf is what publish will return.
func hashOf(t *testing.T, extra string) string {
	t.Helper()
	p, err := policy.Parse(fmt.Appendf(nil, boundPolicy, extra))
	if err != nil {
		t.Fatal(err)
	}
	return p.Hash().String()
}

func (a *authority) publishText(t *testing.T, text string) string {
	t.Helper()
	a.write(t, "policy.json", text)
	signed := filepath.Join(t.TempDir(), "signed.json")
	a.clawea(t, "wpc", "sign", "-key", a.path("ada.key"), "-o", signed, a.path("policy.json"))
	for _, word := range strings.Fields(a.clawea(t, "wpc", "publish", signed)) {
		if strings.HasPrefix(word, "sha256:") && len(word) == 71 {
			return word
		}
	}
	t.Fatal("no hash was published")
	return ""
}

// order is what a client asks for, beside who it is.
func order(policy, job string) url.Values {
	return url.Values{"authorization_details": {fmt.Sprintf(`[{"type":"clawea_wpc","policy_hash":%q,"job":%q}]`, policy, job)}}
}

// Go's own OAuth client, which has no proofs, gets plain bearer tokens where the
// policy takes them, and uses them like any other.
func TestOAuthClientCredentials(t *testing.T) {
	t.Parallel()
	a := openAuthority(t)
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
		job := fmt.Sprintf("go-%d", style)
		c := &clientcredentials.Config{ClientID: "desk", ClientSecret: a.secret, TokenURL: a.url + "/oauth/token", AuthStyle: style, EndpointParams: order(a.plain, job)}
		token, err := c.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if token.Type() != "Bearer" || time.Until(token.Expiry) > 10*time.Minute || token.Extra("authorization_details") == nil {
			t.Errorf("got %s until %v, for %v", token.Type(), token.Expiry, token.Extra("authorization_details"))
		}
		resp, err := c.Client(t.Context()).Post(a.url+"/proxy/sim/v1/chat/completions", "application/json", strings.NewReader(`{"model":"sim","messages":[{"role":"user","content":"Who goes there?"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Clawea-Receipt") != job+"/1" {
			t.Errorf("got %s, receipt %q", resp.Status, resp.Header.Get("Clawea-Receipt"))
		}
	}

	refused := func(name, want string, change func(c *clientcredentials.Config)) {
		t.Helper()
		c := &clientcredentials.Config{ClientID: "desk", ClientSecret: a.secret, TokenURL: a.url + "/oauth/token", AuthStyle: oauth2.AuthStyleInHeader, EndpointParams: order(a.plain, "refused")}
		change(c)
		_, err := c.Token(t.Context())
		if fault := (*oauth2.RetrieveError)(nil); !errors.As(err, &fault) || fault.ErrorCode != want || fault.ErrorDescription == "" {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	refused("a policy that wants proofs", "invalid_dpop_proof", func(c *clientcredentials.Config) { c.EndpointParams = order(a.bound, "refused") })
	refused("a wrong secret", "invalid_client", func(c *clientcredentials.Config) { c.ClientSecret += "x" })
	refused("an unknown client", "invalid_client", func(c *clientcredentials.Config) { c.ClientID = "disk" })
	refused("scopes", "invalid_scope", func(c *clientcredentials.Config) { c.Scopes = []string{"all"} })
	refused("a policy that is not there", "invalid_authorization_details", func(c *clientcredentials.Config) {
		c.EndpointParams = order("sha256:"+strings.Repeat("0", 64), "refused")
	})
	refused("the house's own job", "invalid_authorization_details", func(c *clientcredentials.Config) { c.EndpointParams = order(a.plain, "house") })
}

// A resource server that trusts the house's metadata and keys can verify its
// tokens with a generic library.
func TestOAuthKeys(t *testing.T) {
	t.Parallel()
	a := openAuthority(t)
	resp, err := http.Get(a.url + "/.well-known/oauth-authorization-server")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var metadata struct {
		Issuer string `json:"issuer"`
		Token  string `json:"token_endpoint"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&metadata); err != nil {
		t.Fatal(err)
	}
	c := &clientcredentials.Config{ClientID: "desk", ClientSecret: a.secret, TokenURL: metadata.Token, EndpointParams: order(a.plain, "keys")}
	token, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	provider := (&oidc.ProviderConfig{IssuerURL: metadata.Issuer, JWKSURL: metadata.JWKS, Algorithms: []string{oidc.EdDSA}}).NewProvider(context.Background())
	verified, err := provider.Verifier(&oidc.Config{ClientID: a.url}).Verify(t.Context(), token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Client string `json:"client_id"`
		Job    string `json:"job"`
	}
	if err := verified.Claims(&claims); err != nil || claims.Client != "desk" || claims.Job != "keys" || verified.Subject != "clerk" {
		t.Errorf("got %+v of %s, %v", claims, verified.Subject, err)
	}
}

// A stock client of another language does all that generic clients do:
// discovery, both grants, proofs with nonces, assertions, introspection and
// revocation.
func TestOAuthStockClient(t *testing.T) {
	t.Parallel()
	node := npmtest.Install(t, stockDir)
	a := openAuthority(t)
	input, err := json.Marshal(map[string]any{
		"house": a.url, "policy": a.bound, "subjectToken": a.vouch(t), "identity": "ci",
		"secretClient": map[string]any{"id": "desk", "secret": a.secret},
		"edClient":     map[string]any{"id": "signer", "jwk": jose.JSONWebKey{Key: a.ed}},
		"ecClient":     map[string]any{"id": "curved", "jwk": jose.JSONWebKey{Key: a.ec}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "client.mjs")
	cmd.Dir, cmd.Stdin = stockDir, bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the stock client: %v", err)
	}
	if n := strings.Count(string(out), "ok "); n != 12 {
		t.Errorf("%d things held, want 12", n)
	}
}

var stockDir = filepath.Join("..", "oauth")
