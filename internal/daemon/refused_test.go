// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A thief has tokens of a house, one way or another, and tries them.
type thief struct {
	*house
	key    *token.ProofKey
	policy seal.Hash
	good   *api.Issued
	set    *keys.Set // the house's own keys: this thief is thorough
	nonce  string
}

func newThief(t *testing.T, h *house) *thief {
	t.Helper()
	x := &thief{house: h, policy: h.publish()}
	var err error
	if x.key, err = token.NewProofKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if x.set, err = keys.Open(h.dir+"/keys", "clawea.local"); err != nil {
		t.Fatal(err)
	}
	x.good = x.order("job-1", 0)
	// The first answer tells the nonce.
	res := x.send(x.good.Token, nil)
	x.nonce = res.Header.Get("DPoP-Nonce")
	if code := res.Header.Get("Clawea-Refused"); code != "dpop.nonce" || x.nonce == "" {
		t.Fatalf("without a nonce: %s, %v", code, res.Header)
	}
	return x
}

func (x *thief) order(job string, ttl int) *api.Issued {
	x.t.Helper()
	i, err := x.client.Issue(x.t.Context(), &api.Order{Agent: "robot", Job: job, Policy: x.policy, TTL: ttl, Key: x.key.Thumbprint()})
	if err != nil {
		x.t.Fatal(err)
	}
	return i
}

const askingPath = "/proxy/sim-openai/v1/chat/completions"

// send asks a model with raw and a good proof, after change.
func (x *thief) send(raw string, change func(*http.Request, *token.Proof)) *http.Response {
	x.t.Helper()
	req, err := http.NewRequestWithContext(x.t.Context(), "POST", x.url+askingPath, strings.NewReader(`{"model":"sim-small","messages":[{"role":"user","content":"x"}]}`))
	if err != nil {
		x.t.Fatal(err)
	}
	p := &token.Proof{ID: rand.Text(), Method: "POST", URL: x.url + askingPath, Issued: time.Now().Unix(), Token: token.HashToken(raw), Nonce: x.nonce}
	req.Header.Set("Authorization", "DPoP "+raw)
	if change != nil {
		change(req, p)
	}
	if req.Header.Get("DPoP") == "" {
		proof, err := x.key.Prove(p)
		if err != nil {
			x.t.Fatal(err)
		}
		req.Header.Set("DPoP", proof)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		x.t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return res
}

// forged is a token that the house's own key has signed and the house has not
// minted: the claims of the good one, after change.
func (x *thief) forged(change func(*token.Claims)) string {
	x.t.Helper()
	c := *x.good.Claims
	change(&c)
	return x.signed(`{"alg":"EdDSA","kid":"`+seal.KeyID(x.set.Issuer)+`","typ":"at+jwt"}`, &c, x.set.Issuer.Sign)
}

// signed writes a JWT.
func (x *thief) signed(header string, claims any, sign func([]byte) ([]byte, error)) string {
	x.t.Helper()
	payload, err := seal.Marshal(claims)
	if err != nil {
		x.t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	sig, err := sign([]byte(text))
	if err != nil {
		x.t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func none([]byte) ([]byte, error) { return nil, nil }

// Whatever a thief presents is refused with a code of its own and leaves a
// receipt: in the token's job where its signature says which that is, and in
// the house's journal otherwise. All of it verifies.
func TestRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, store string) {
		h := newWorld(t, store).start()
		x := newThief(t, h)
		kid := seal.KeyID(x.set.Issuer)
		public, err := seal.PublicKey(x.set.Issuer.Public)
		if err != nil {
			t.Fatal(err)
		}
		_, stranger, _ := ed25519.GenerateKey(rand.Reader)
		raw := x.good.Token
		replay := ""
		if res := x.send(raw, func(r *http.Request, p *token.Proof) {
			replay, _ = x.key.Prove(p)
			r.Header.Set("DPoP", replay)
		}); res.StatusCode != http.StatusOK {
			t.Fatalf("the owner: %d %v", res.StatusCode, res.Header)
		}
		old := x.order("job-1", 1)
		other := x.order("job-2", 0)
		time.Sleep(1100 * time.Millisecond)
		header := func(s string) func(*http.Request, *token.Proof) {
			return func(r *http.Request, _ *token.Proof) {
				name, value, _ := strings.Cut(s, ": ")
				r.Header.Set(name, value)
			}
		}
		for _, c := range []struct {
			name, raw string
			change    func(*http.Request, *token.Proof)
			code, job string
		}{
			{"a replayed proof", raw, header("DPoP: " + replay), "dpop.replayed", "job-1"},
			{"a proof for another URL", raw, func(_ *http.Request, p *token.Proof) { p.URL = x.url + "/mcp" }, "dpop.url", "job-1"},
			{"a proof for another method", raw, func(_ *http.Request, p *token.Proof) { p.Method = "GET" }, "dpop.method", "job-1"},
			{"a proof for another token", raw, func(_ *http.Request, p *token.Proof) { p.Token = token.HashToken(other.Token) }, "dpop.token", "job-1"},
			{"a proof of yesterday", raw, func(_ *http.Request, p *token.Proof) { p.Issued -= 86400 }, "dpop.time", "job-1"},
			{"no proof", raw, header("Authorization: Bearer " + raw), "dpop.missing", "job-1"},
			{"no proof that is one", raw, header("DPoP: x.y.z"), "dpop.malformed", "job-1"},
			{"expired", old.Token, nil, "token.expired", "job-1"},
			{"of the future", x.forged(func(c *token.Claims) { c.Issued += 3600; c.Expires += 3600 }), nil, "token.not-yet", receipt.Journal},
			{"for another house", x.forged(func(c *token.Claims) { c.Audience = "https://elsewhere.test" }), nil, "token.audience", receipt.Journal},
			{"alg none", x.signed(`{"alg":"none","typ":"at+jwt"}`, x.good.Claims, none), nil, "token.malformed", receipt.Journal},
			{"alg HS256 with the public key", x.signed(`{"alg":"HS256","kid":"`+kid+`","typ":"at+jwt"}`, x.good.Claims, func(b []byte) ([]byte, error) {
				m := hmac.New(sha256.New, public)
				m.Write(b)
				return m.Sum(nil), nil
			}), nil, "token.malformed", receipt.Journal},
			{"signed by a stranger", x.signed(`{"alg":"EdDSA","kid":"`+kid+`","typ":"at+jwt"}`, x.good.Claims, func(b []byte) ([]byte, error) {
				return ed25519.Sign(stranger, b), nil
			}), nil, "token.signature", receipt.Journal},
			{"signed by the house, never minted", x.forged(func(c *token.Claims) { c.ID = "forged" }), nil, "token.revoked", receipt.Journal},
			{"a minted one, bound to the thief's key", x.forged(func(c *token.Claims) { c.Confirm = nil }), nil, "token.revoked", receipt.Journal},
			{"cross-job, by its id", x.forged(func(c *token.Claims) { c.Job = "job-2" }), nil, "token.job", receipt.Journal},
			{"cross-job, by its sender", raw, header("Clawea-Job: job-2"), "token.job", "job-1"},
			{"cross-policy, by its sender", raw, header("Clawea-Policy: " + seal.Sum(nil).String()), "token.policy", "job-1"},
			{"cross-policy, by its pin", x.forged(func(c *token.Claims) { c.Policy = seal.Sum([]byte("another")) }), nil, "token.revoked", receipt.Journal},
		} {
			before := h.chain(c.job)
			res := x.send(c.raw, c.change)
			if got := res.Header.Get("Clawea-Refused"); got != c.code || res.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s: %d %s, want %s", c.name, res.StatusCode, got, c.code)
			}
			after := h.chain(c.job)
			if len(after) != len(before)+1 {
				t.Errorf("%s: %d receipts more in %s", c.name, len(after)-len(before), c.job)
				continue
			}
			last := after[len(after)-1]
			if last.Refused != c.code || res.Header.Get("Clawea-Receipt") != fmt.Sprintf("%s/%d", c.job, last.Seq) {
				t.Errorf("%s: the receipt says %q, the answer names %s", c.name, last.Refused, res.Header.Get("Clawea-Receipt"))
			}
		}
		for _, job := range []string{"job-1", receipt.Journal} {
			h.verified(job, seal.Hash{})
		}
	})
}

// chain is a job's receipts.
func (h *house) chain(job string) []*receipt.Receipt {
	h.t.Helper()
	list, err := h.client.Receipts(h.t.Context(), job)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []*receipt.Receipt
	for _, e := range list.Receipts {
		r, err := receipt.Parse(e.Payload)
		if err != nil {
			h.t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}
