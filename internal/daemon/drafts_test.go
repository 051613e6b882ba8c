// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/login"
	"github.com/clawea/clawea/internal/sim/authenticator"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A visitor is somebody with a browser and a passkey at a house's pages.
type visitor struct {
	t       *testing.T
	h       *house
	origin  string
	browser *http.Client
	passkey *authenticator.Authenticator // Ed25519
	csrf    string
}

// visit opens a browser that finds localhost where the house listens.
func (h *house) visit(passkey *authenticator.Authenticator) *visitor {
	h.t.Helper()
	u, err := url.Parse(h.url)
	if err != nil {
		h.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, u.Host)
	}
	v := &visitor{t: h.t, h: h, origin: "http://localhost:" + u.Port(), passkey: passkey}
	v.browser = &http.Client{Jar: jar, Transport: &http.Transport{DialContext: dial}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	passkey.Origin = v.origin
	h.t.Cleanup(v.browser.CloseIdleConnections)
	return v
}

// do sends a request from the house's pages, and returns the status, where it leads and
// the text.
func (v *visitor) do(method, path, kind, body string) (status int, to, text string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.origin+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Origin", v.origin)
	req.Header.Set("Content-Type", kind)
	req.Header.Set("X-CSRF-Token", v.csrf)
	res, err := v.browser.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Location"), html.UnescapeString(string(b))
}

func (v *visitor) get(path string) string {
	v.t.Helper()
	status, _, text := v.do("GET", path, "", "")
	if status != 200 {
		v.t.Fatalf("%s: %d %s", path, status, text)
	}
	return text
}

// fill sends a form.
func (v *visitor) fill(path string, fields url.Values) (status int, to, text string) {
	v.t.Helper()
	return v.do("POST", path, "application/x-www-form-urlencoded", fields.Encode())
}

// script sends JSON as the pages' script does, and reads the answer.
func (v *visitor) script(path string, body, answer any) {
	v.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		v.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(v.t.Context(), "POST", v.origin+path, bytes.NewReader(b))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Origin", v.origin)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-CSRF-Token", v.csrf)
	res, err := v.browser.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		v.t.Fatalf("%s: %d %s %v", path, res.StatusCode, text, err)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		v.t.Fatal(err)
	}
}

// token notes the session's token, which changes with each login.
func (v *visitor) token() {
	v.t.Helper()
	m := regexp.MustCompile(`data-csrf="([^"]+)"`).FindStringSubmatch(v.get("/account"))
	if m == nil {
		v.t.Fatal("the account's page has no token")
	}
	v.csrf = m[1]
}

const credential = "0123456789abcdef" // its id

// enrol comes in by a one-time link and registers the passkey (WebAuthn Level 3, 6.5.1).
func (v *visitor) enrol(link string) {
	v.t.Helper()
	if status, to, text := v.do("GET", strings.TrimPrefix(link, v.origin), "", ""); status != 303 || to != "/account" {
		v.t.Fatalf("the link %s: %d %s", link, status, text)
	}
	v.token()
	var c login.Creation
	v.script("/passkeys/begin", struct{}{}, &c)
	client, err := json.Marshal(map[string]any{"type": "webauthn.create", "challenge": c.Challenge, "origin": v.origin, "crossOrigin": false})
	if err != nil {
		v.t.Fatal(err)
	}
	der, err := seal.KeyBytes(v.passkey.Public)
	if err != nil {
		v.t.Fatal(err)
	}
	site := sha256.Sum256([]byte("localhost"))
	data := append(site[:], 0x45, 0, 0, 0, 0) // somebody was there and was verified; a credential follows
	data = append(data, make([]byte, 16)...)
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(credential))), credential...)
	data = append(data, 0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20) // an Ed25519 key
	data = append(data, der[len(der)-32:]...)
	object := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), byte(len(data)))
	a := login.Created{ID: base64.RawURLEncoding.EncodeToString([]byte(credential)), Type: "public-key", Label: "key ring"}
	a.Response.ClientData = base64.RawURLEncoding.EncodeToString(client)
	a.Response.Attestation = base64.RawURLEncoding.EncodeToString(append(object, data...))
	v.script("/passkeys/finish", a, new(any))
	v.token()
}

// sign signs a draft with the passkey.
func (v *visitor) sign(draft string) {
	v.t.Helper()
	var o struct {
		Request login.Request `json:"request"`
	}
	v.script(draft+"/offer", struct{}{}, &o)
	challenge, err := base64.RawURLEncoding.DecodeString(o.Request.Challenge)
	if err != nil {
		v.t.Fatal(err)
	}
	sig, err := v.passkey.Assert(challenge)
	if err != nil {
		v.t.Fatal(err)
	}
	a := login.Asserted{ID: base64.RawURLEncoding.EncodeToString([]byte(credential)), Type: "public-key"}
	a.Response.ClientData = base64.RawURLEncoding.EncodeToString(sig.ClientData)
	a.Response.AuthenticatorData = base64.RawURLEncoding.EncodeToString(sig.AuthenticatorData)
	a.Response.Signature = base64.RawURLEncoding.EncodeToString(sig.Signature)
	v.script(draft+"/sign", map[string]any{"answer": a}, new(any))
}

// A policy is written with a passkey in the console and approved with a key file over the
// API; the console publishes it when nobody is missing, and revokes it.
func TestDraftsOfPeople(t *testing.T) {
	w := newWorld(t, "sqlite:"+t.TempDir()+"/house.db")
	passkey, err := authenticator.New(rand.Reader, "admin@local", "localhost", seal.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	w.more = `"environments": {"prod": {"approvers": ["` + w.ada.Public + `"], "required": 1}},`
	h := w.startFrom(func(text string) string {
		return strings.Replace(text, `"authors": ["`+w.ada.Public, `"authors": ["`+passkey.Public, 1)
	})
	link, err := h.FirstLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v := h.visit(passkey)
	v.enrol(link)
	if text := v.get("/account"); !strings.Contains(text, passkey.Public) {
		t.Error("the account's page does not show the passkey's text")
	}

	const wpc = `{"environment":"prod","policy_name":"reader","tool_policy":{"allow":["confluence.page.get"]},"wpc_version":"v1"}`
	status, draft, text := v.fill("/policies/drafts", url.Values{"text": {wpc}})
	if status != 303 || draft != "/policies/drafts/"+seal.Sum([]byte(wpc)).String() {
		t.Fatalf("proposed: %d %s %s", status, draft, text)
	}
	if text := v.get(draft); !strings.Contains(text, "counts as that of an author") {
		t.Errorf("the draft's page does not offer to sign:\n%s", text)
	}
	v.sign(draft)
	if status, _, text := v.fill(draft+"/publish", nil); status != 409 || !strings.Contains(text, "1 more approver of prod has to sign: ada@house.test") {
		t.Errorf("published too early: %d %s", status, text)
	}
	list, err := h.client.Drafts(t.Context())
	if err != nil || len(list.Drafts) != 1 || list.Drafts[0].By != "admin@local" || len(list.Drafts[0].Signers) != 1 || list.Drafts[0].Signers[0].Role != policy.RoleAuthor {
		t.Fatalf("drafts: %+v, %v", list, err)
	}
	e, err := seal.Sign(w.ada, policy.Type, []byte(wpc))
	if err != nil {
		t.Fatal(err)
	}
	if d, err := h.client.Propose(t.Context(), e); err != nil || len(d.Lacks) != 0 || len(d.Signers) != 2 {
		t.Fatalf("ada's signature: %+v, %v", d, err)
	}
	status, published, text := v.fill(draft+"/publish", nil)
	if status != 303 || published != "/policies/"+seal.Sum([]byte(wpc)).String() {
		t.Fatalf("published: %d %s %s", status, published, text)
	}
	text = v.get(published)
	for _, want := range []string{"Written by</dt><dd><ul class=\"plain\"><li>" + seal.KeyID(passkey), "Approved by</dt><dd><ul class=\"plain\"><li>" + seal.KeyID(w.ada)} {
		if !strings.Contains(text, want) {
			t.Errorf("the policy's page does not say %q:\n%s", want, text)
		}
	}
	entry, err := h.client.Policy(t.Context(), seal.Sum([]byte(wpc)))
	if err != nil || len(entry.Signers) != 2 {
		t.Errorf("the policy: %+v, %v", entry, err)
	}

	order := url.Values{"kind": {"policy"}, "target": {entry.Hash.String()}, "reason": {"it reads too much"}}
	if status, _, text := v.fill("/revocations/check", order); status != 200 || !strings.Contains(text, "policy:"+entry.Hash.String()) {
		t.Errorf("to be confirmed: %d %s", status, text)
	}
	if status, _, text := v.fill("/revocations", order); status != 303 {
		t.Errorf("revoked: %d %s", status, text)
	}
	orders, err := h.client.Revocations(t.Context(), false)
	if err != nil || len(orders.Revocations) != 1 || orders.Revocations[0].By != "admin@local" || orders.Revocations[0].Target != entry.Hash.String() {
		t.Errorf("orders: %+v, %v", orders, err)
	}
}
