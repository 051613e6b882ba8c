// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// proofKey is the key of a seed.
func proofKey(t testing.TB, seed byte) *ProofKey {
	t.Helper()
	k, err := NewProofKey(bytes.NewReader(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const endpoint = house + "/mcp"

// newProof is a proof of a request to endpoint, with the token "cst".
func newProof() *Proof {
	return &Proof{ID: "p-1", Method: "POST", URL: endpoint, Issued: issued.Unix(), Token: HashToken("cst"), Nonce: "n1"}
}

// wanted is what newProof is good for.
func wanted(key string) *ProofWant {
	return &ProofWant{Method: "POST", URL: endpoint, Token: "cst", Key: key, Now: issued, Nonce: func(s string) bool { return s == "n1" }}
}

func prove(t testing.TB, k *ProofKey, p *Proof) string {
	t.Helper()
	raw, err := k.Prove(p)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestProve(t *testing.T) {
	k := proofKey(t, 1)
	p := newProof()
	raw := prove(t, k, p)
	got, err := CheckProof(raw, wanted(k.Thumbprint()))
	if err != nil {
		t.Fatal(err)
	}
	want := *p
	want.Key = k.Thumbprint()
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	if err := CheckThumbprint(k.Thumbprint()); err != nil {
		t.Error(err)
	}
	if until := got.Until(); !until.Equal(issued.Add(ProofAge)) {
		t.Errorf("good until %v", until)
	}
	head := b64([]byte(`{"alg":"EdDSA","jwk":` + publicJWK(t, k) + `,"typ":"dpop+jwt"}`))
	if !strings.HasPrefix(raw, head+".") {
		t.Errorf("the header is %s", raw)
	}
	if got := ProofAlgorithms(); !slices.Equal(got, []string{"ES256", "EdDSA", "Ed25519"}) {
		t.Errorf("proofs are signed by %v", got)
	}
	if k.Thumbprint() == proofKey(t, 2).Thumbprint() {
		t.Error("two keys have one thumbprint")
	}
}

// TestProofKeyKeepsItsSecret prints a key in every way that fmt knows.
func TestProofKeyKeepsItsSecret(t *testing.T) {
	k := proofKey(t, 7)
	secret := fmt.Sprint(bytes.Repeat([]byte{7}, 8))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		s := fmt.Sprintf(verb, k)
		if strings.Contains(s, secret[1:len(secret)-1]) || strings.Contains(s, "0707070707") || strings.Contains(s, `\a\a\a`) {
			t.Errorf("%s writes the key: %s", verb, s)
		}
	}
	if _, err := NewProofKey(bytes.NewReader(nil)); err == nil {
		t.Error("a key is made of nothing")
	}
	if raw, err := k.Prove(&Proof{ID: "\xff"}); err == nil || raw != "" {
		t.Errorf("text that is not UTF-8 is signed: %s, %v", raw, err)
	}
}

func publicJWK(t testing.TB, k *ProofKey) string {
	t.Helper()
	b, err := k.jwk.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestProofIsFor has a good proof come with every request but its own.
func TestProofIsFor(t *testing.T) {
	k := proofKey(t, 1)
	at := func(d time.Duration) func(*Proof, *ProofWant) {
		return func(_ *Proof, w *ProofWant) { w.Now = issued.Add(d) }
	}
	for name, tt := range map[string]struct {
		change func(*Proof, *ProofWant)
		want   error
	}{
		"itself":                   {func(*Proof, *ProofWant) {}, nil},
		"another method":           {func(p *Proof, _ *ProofWant) { p.Method = "GET" }, ErrProofMethod},
		"a method in small":        {func(p *Proof, _ *ProofWant) { p.Method = "post" }, ErrProofMethod},
		"no method":                {func(p *Proof, _ *ProofWant) { p.Method = "" }, ErrProofMethod},
		"another URL":              {func(p *Proof, _ *ProofWant) { p.URL += "/x" }, ErrProofURL},
		"no URL":                   {func(p *Proof, _ *ProofWant) { p.URL = "" }, ErrProofURL},
		"at the last moment":       {at(ProofAge - time.Nanosecond), nil},
		"too late":                 {at(ProofAge), ErrProofTime},
		"years later":              {at(1000 * time.Hour), ErrProofTime},
		"a clock a minute ahead":   {at(-time.Minute), nil},
		"a clock too far ahead":    {at(-time.Minute - time.Nanosecond), ErrProofTime},
		"the end of time":          {func(p *Proof, _ *ProofWant) { p.Issued = maxTime }, ErrProofTime},
		"after the end of time":    {func(p *Proof, _ *ProofWant) { p.Issued = maxTime + 1 }, ErrProofMalformed},
		"the first second":         {func(p *Proof, _ *ProofWant) { p.Issued = 1 }, ErrProofTime},
		"no time":                  {func(p *Proof, _ *ProofWant) { p.Issued = 0 }, ErrProofMalformed},
		"before time":              {func(p *Proof, _ *ProofWant) { p.Issued = -issued.Unix() }, ErrProofMalformed},
		"another token":            {func(_ *Proof, w *ProofWant) { w.Token = "another" }, ErrProofToken},
		"no token's hash":          {func(p *Proof, _ *ProofWant) { p.Token = "" }, ErrProofToken},
		"the token itself":         {func(p *Proof, _ *ProofWant) { p.Token = "cst" }, ErrProofToken},
		"a token, and none wanted": {func(_ *Proof, w *ProofWant) { w.Token = "" }, ErrProofToken},
		"no token, and none asked": {func(p *Proof, w *ProofWant) { p.Token, w.Token = "", "" }, nil},
		"the hash of no token":     {func(p *Proof, w *ProofWant) { p.Token, w.Token = HashToken(""), "" }, ErrProofToken},
		"another key":              {func(_ *Proof, w *ProofWant) { w.Key = proofKey(t, 2).Thumbprint() }, ErrProofKey},
		"any key":                  {func(_ *Proof, w *ProofWant) { w.Key = "" }, nil},
		"another nonce":            {func(p *Proof, _ *ProofWant) { p.Nonce = "n2" }, ErrProofNonce},
		"no nonce":                 {func(p *Proof, _ *ProofWant) { p.Nonce = "" }, ErrProofNonce},
		"no nonce, and none asked": {func(p *Proof, w *ProofWant) { p.Nonce, w.Nonce = "", nil }, nil},
		"a nonce, and none asked":  {func(_ *Proof, w *ProofWant) { w.Nonce = nil }, nil},
		"no id":                    {func(p *Proof, _ *ProofWant) { p.ID = "" }, ErrProofMalformed},
		"the longest id":           {func(p *Proof, _ *ProofWant) { p.ID = strings.Repeat("x", 256) }, nil},
		"an id too long":           {func(p *Proof, _ *ProofWant) { p.ID = strings.Repeat("x", 257) }, ErrProofMalformed},
	} {
		p, w := newProof(), wanted(k.Thumbprint())
		tt.change(p, w)
		got, err := CheckProof(prove(t, k, p), w)
		if !errors.Is(err, tt.want) || (err == nil) != (got != nil) {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, tt.want)
		}
	}
}

// TestProofURL compares the URL of a proof with that of a request.
func TestProofURL(t *testing.T) {
	for _, tt := range []struct {
		proof, request string
		same           bool
	}{
		{"https://h.example/mcp", "https://h.example/mcp", true},
		{"https://h.example/mcp?x=1", "https://h.example/mcp", true},
		{"https://h.example/mcp#x", "https://h.example/mcp", true},
		{"https://h.example/mcp", "https://h.example/mcp?x=1#y", true},
		{"HTTPS://H.Example/mcp", "https://h.example/mcp", true},
		{"https://h.example:443/mcp", "https://h.example/mcp", true},
		{"http://h.example:80/mcp", "http://h.example/mcp", true},
		{"https://h.example", "https://h.example/", true},
		{"https://h.example?x", "https://h.example/", true},
		{"https://[::1]:443/", "https://[::1]/", true},
		{"https://h.example:443", "http://h.example:443", false},
		{"https://h.example:80/mcp", "https://h.example/mcp", false},
		{"http://h.example/mcp", "https://h.example/mcp", false},
		{"https://h.example:8443/mcp", "https://h.example/mcp", false},
		{"https://h.example./mcp", "https://h.example/mcp", false},
		{"https://h.example.evil/mcp", "https://h.example/mcp", false},
		{"https://[::1:443]/", "https://[::1]/", false},
		{"https://h.example/MCP", "https://h.example/mcp", false},
		{"https://h.example/mcp/", "https://h.example/mcp", false},
		{"https://h.example//mcp", "https://h.example/mcp", false},
		{"https://h.example/x/../mcp", "https://h.example/mcp", false},
		{"https://h.example/./mcp", "https://h.example/mcp", false},
		{"https://h.example/%6dcp", "https://h.example/mcp", false},
		{"https://h.example/a%2fb", "https://h.example/a/b", false},
		{"https://h.example/a%2fb", "https://h.example/a%2Fb", false},
		{"https://h.example/mcp%3fx", "https://h.example/mcp", false},
		{"https://ann@h.example/mcp", "https://h.example/mcp", false},
		{"https://h.example@evil.example/mcp", "https://h.example/mcp", false},
		{"https://h.example\\@evil.example/mcp", "https://h.example/mcp", false},
		{"https:h.example/mcp", "https://h.example/mcp", false},
		{"//h.example/mcp", "https://h.example/mcp", false},
		{"/mcp", "https://h.example/mcp", false},
		{"", "https://h.example/", false},
		{"", "", false},
		{"ftp://h.example/mcp", "ftp://h.example/mcp", false},
		{"https:///mcp", "https:///mcp", false},
		{"https://h.example/%zz", "https://h.example/%zz", false},
		{" https://h.example/mcp", "https://h.example/mcp", false},
		{"https://h.example/mcp\n", "https://h.example/mcp", false},
	} {
		if got := sameURL(tt.proof, tt.request); got != tt.same {
			t.Errorf("%q and %q are the same: %t", tt.proof, tt.request, got)
		}
		if got := sameURL(tt.request, tt.proof); got != tt.same {
			t.Errorf("%q and %q are the same, the other way round: %t", tt.request, tt.proof, got)
		}
	}
}

// signES256 signs as ES256 says, but with a key of any curve.
func signES256(t testing.TB, key *ecdsa.PrivateKey, header, payload string) string {
	t.Helper()
	head := b64([]byte(header)) + "." + b64([]byte(payload))
	sum := sha256.Sum256([]byte(head))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	size := (key.Params().BitSize + 7) / 8
	return head + "." + b64(append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...))
}

// signEd signs any header and payload with a proof key.
func signEd(k *ProofKey, header, payload string) string {
	head := b64([]byte(header)) + "." + b64([]byte(payload))
	return head + "." + b64(ed25519.Sign(k.key, []byte(head)))
}

func jwkOf(t testing.TB, key any) string {
	t.Helper()
	b, err := (&jose.JSONWebKey{Key: key}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func newECDSA(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestProofByES256(t *testing.T) {
	key := newECDSA(t, elliptic.P256())
	header := `{"typ":"dpop+jwt","alg":"ES256","jwk":` + jwkOf(t, key.Public()) + `}`
	raw := signES256(t, key, header, canonical(t, newProof()))
	p, err := CheckProof(raw, wanted(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckThumbprint(p.Key); err != nil {
		t.Error(err)
	}
	// RFC 7638 section 3.2, written out.
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + b64(point[1:33]) + `","y":"` + b64(point[33:]) + `"}`))
	if want := b64(sum[:]); p.Key != want {
		t.Errorf("thumbprint %s, want %s", p.Key, want)
	}
}

// TestProofByNewName says that Ed25519 is EdDSA, with the right kind of key.
func TestProofByNewName(t *testing.T) {
	k, payload := proofKey(t, 1), canonical(t, newProof())
	head := func(jwk string) string { return `{"typ":"dpop+jwt","alg":"Ed25519","jwk":` + jwk + `}` }
	p, err := CheckProof(signEd(k, head(publicJWK(t, k)), payload), wanted(k.Thumbprint()))
	if err != nil || p.Key != k.Thumbprint() {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := CheckProof(signEd(proofKey(t, 2), head(publicJWK(t, k)), payload), wanted("")); !errors.Is(err, ErrProofSignature) {
		t.Errorf("by another key: %v", err)
	}
	if _, err := CheckProof(signEd(k, head(jwkOf(t, newECDSA(t, elliptic.P256()).Public())), payload), wanted("")); !errors.Is(err, ErrProofSignature) {
		t.Errorf("with another kind of key: %v", err)
	}
}

// TestProofForgeries are the ways in which proofs have been forged, or might be.
func TestProofForgeries(t *testing.T) {
	k, eve := proofKey(t, 1), proofKey(t, 9)
	p256, p384 := newECDSA(t, elliptic.P256()), newECDSA(t, elliptic.P384())
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	payload := canonical(t, newProof())
	head := func(alg, jwk, more string) string {
		return `{"alg":"` + alg + `","jwk":` + jwk + more + `,"typ":"dpop+jwt"}`
	}
	own := publicJWK(t, k)
	good := head("EdDSA", own, "")
	raw := prove(t, k, newProof())
	if got := signEd(k, good, payload); got != raw {
		t.Fatalf("the forger does not write what Prove writes:\n%s\n%s", got, raw)
	}
	parts := strings.Split(raw, ".")
	hs256 := func(key []byte, jwk string) string {
		signed := b64([]byte(head("HS256", jwk, ""))) + "." + parts[1]
		m := hmac.New(sha256.New, key)
		m.Write([]byte(signed))
		return signed + "." + b64(m.Sum(nil))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: rsaKey}, (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", jose.JSONWebKey{Key: rsaKey.Public()}))
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	rs256, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	public := k.key.Public().(ed25519.PublicKey)
	private := `{"crv":"Ed25519","d":"` + b64(k.key.Seed()) + `","kty":"OKP","x":"` + b64(public) + `"}`
	edited := func(old, new string) string { return signEd(k, good, strings.Replace(payload, old, new, 1)) }
	titled := func(old, new string) string { return signEd(k, strings.Replace(good, old, new, 1), payload) }
	unencoded := b64([]byte(head("EdDSA", own, `,"b64":false,"crit":["b64"]`)))
	for name, tt := range map[string]struct {
		raw  string
		want error
	}{
		"nothing":               {"", ErrProofMalformed},
		"no algorithm":          {b64([]byte(head("none", own, ""))) + "." + parts[1] + ".", ErrProofMalformed},
		"no signature":          {parts[0] + "." + parts[1] + ".", ErrProofSignature},
		"HMAC by public key":    {hs256(public, own), ErrProofMalformed},
		"HMAC by own key":       {hs256([]byte("secret"), `{"k":"`+b64([]byte("secret"))+`","kty":"oct"}`), ErrProofMalformed},
		"RSA":                   {rs256, ErrProofMalformed},
		"ES384's curve":         {signES256(t, p384, head("ES256", jwkOf(t, p384.Public()), ""), payload), ErrProofSignature},
		"EdDSA by P-256":        {signES256(t, p256, head("EdDSA", jwkOf(t, p256.Public()), ""), payload), ErrProofSignature},
		"ES256 by Ed25519":      {signEd(k, head("ES256", own, ""), payload), ErrProofSignature},
		"P-256 point elsewhere": {signES256(t, p256, head("ES256", `{"crv":"P-256","kty":"EC","x":"`+b64(make([]byte, 32))+`","y":"`+b64(make([]byte, 32))+`"}`, ""), payload), ErrProofMalformed},
		"the private key":       {signEd(k, head("EdDSA", private, ""), payload), ErrProofMalformed},
		"a shared secret":       {signEd(k, head("EdDSA", `{"k":"c2VjcmV0","kty":"oct"}`, ""), payload), ErrProofMalformed},
		"no key":                {signEd(k, `{"alg":"EdDSA","typ":"dpop+jwt"}`, payload), ErrProofMalformed},
		"null for a key":        {signEd(k, head("EdDSA", "null", ""), payload), ErrProofMalformed},
		"a key by its id":       {signEd(k, `{"alg":"EdDSA","kid":"`+k.Thumbprint()+`","typ":"dpop+jwt"}`, payload), ErrProofMalformed},
		"a key elsewhere":       {signEd(k, `{"alg":"EdDSA","jku":"https://evil.example/keys","typ":"dpop+jwt"}`, payload), ErrProofMalformed},
		"a certificate":         {signEd(k, `{"alg":"EdDSA","typ":"dpop+jwt","x5u":"https://evil.example/cert"}`, payload), ErrProofMalformed},
		"another's key":         {signEd(eve, good, payload), ErrProofSignature},
		"another's own":         {prove(t, eve, newProof()), ErrProofKey},
		"another payload":       {parts[0] + "." + b64([]byte(strings.Replace(payload, "p-1", "p-2", 1))) + "." + parts[2], ErrProofSignature},
		"another header":        {b64([]byte(head("EdDSA", own, `,"x":1`))) + "." + parts[1] + "." + parts[2], ErrProofSignature},
		"unknown critical":      {signEd(k, head("EdDSA", own, `,"crit":["x"],"x":1`), payload), ErrProofSignature},
		"unencoded payload":     {unencoded + "." + parts[1] + "." + b64(ed25519.Sign(k.key, []byte(unencoded+"."+payload))), ErrProofMalformed},
		"no type":               {titled(`,"typ":"dpop+jwt"`, ``), ErrProofMalformed},
		"type in capitals":      {titled("dpop+jwt", "DPoP+JWT"), ErrProofMalformed},
		"a longer type":         {titled("dpop+jwt", "application/dpop+jwt"), ErrProofMalformed},
		"a token's type":        {titled("dpop+jwt", "at+jwt"), ErrProofMalformed},
		"type twice":            {titled(`"typ"`, `"typ":"at+jwt","typ"`), ErrProofMalformed},
		"algorithm twice":       {titled(`"alg"`, `"alg":"ES256","alg"`), ErrProofMalformed},
		"a type as a number":    {titled(`"dpop+jwt"`, `1`), ErrProofMalformed},
		"a fourth part":         {raw + ".", ErrProofMalformed},
		"five parts":            {raw + ".a.b", ErrProofMalformed},
		"two parts":             {parts[0] + "." + parts[1], ErrProofMalformed},
		"detached payload":      {parts[0] + ".." + parts[2], ErrProofSignature},
		"space around":          {" " + raw, ErrProofMalformed},
		"line end":              {raw + "\n", ErrProofMalformed},
		"line break within":     {parts[0] + "." + parts[1][:8] + "\r\n" + parts[1][8:] + "." + parts[2], ErrProofMalformed},
		"padding":               {raw + "==", ErrProofMalformed},
		"stray bits":            {raw[:len(raw)-1] + stray(raw[len(raw)-1]), ErrProofMalformed},
		"two proofs":            {raw + "," + raw, ErrProofMalformed},
		"JSON serialization":    {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, ErrProofMalformed},
		"many signatures":       {`{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`, ErrProofMalformed},
		"a proof in a proof":    {signEd(k, good, raw), ErrProofMalformed},
		"too long":              {strings.Repeat("a", MaxProof+1), ErrProofMalformed},
		"too long, and good":    {signEd(k, good, strings.Replace(payload, "{", `{"x":"`+strings.Repeat("x", MaxProof)+`",`, 1)), ErrProofMalformed},
		"a payload of text":     {signEd(k, good, "x"), ErrProofMalformed},
		"null":                  {signEd(k, good, "null"), ErrProofMalformed},
		"a list":                {signEd(k, good, "["+payload+"]"), ErrProofMalformed},
		"trailing data":         {signEd(k, good, payload+"{}"), ErrProofMalformed},
		"method twice":          {edited(`"htm"`, `"htm":"GET","htm"`), ErrProofMalformed},
		"id twice":              {edited(`"jti"`, `"jti":"p-0","jti"`), ErrProofMalformed},
		"id by an escape":       {edited(`"jti"`, `"jti":"p-0","j\u0074i"`), ErrProofMalformed},
		"id in capitals":        {edited(`"jti"`, `"JTI"`), ErrProofMalformed},
		"id as a number":        {edited(`"p-1"`, `1`), ErrProofMalformed},
		"methods in a list":     {edited(`"POST"`, `["POST"]`), ErrProofMalformed},
		"half a second":         {edited(`"iat":`, `"iat":0.5`), ErrProofMalformed},
		"time as text":          {edited(fmt.Sprint(issued.Unix()), fmt.Sprintf("%q", fmt.Sprint(issued.Unix()))), ErrProofMalformed},
		"time beyond numbers":   {edited(fmt.Sprint(issued.Unix()), "99999999999999999999"), ErrProofMalformed},
		"time of 2^63":          {edited(fmt.Sprint(issued.Unix()), "9223372036854775807"), ErrProofMalformed},
		"no time":               {edited(fmt.Sprint(issued.Unix()), "null"), ErrProofMalformed},
	} {
		got, err := CheckProof(tt.raw, wanted(k.Thumbprint()))
		if got != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, tt.want)
		}
	}
	for name, raw := range map[string]string{
		"other claims":       edited(`{`, `{"aud":"x","exp":1,`),
		"a key id as well":   titled(`"typ"`, `"kid":"another","typ"`),
		"a link as well":     titled(`"typ"`, `"jku":"https://evil.example","typ"`),
		"spaces in the text": signEd(k, good, " "+payload+" "),
	} {
		if p, err := CheckProof(raw, wanted(k.Thumbprint())); err != nil || p.Key != k.Thumbprint() {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

// stray is another last letter of base64url for the same bytes, of 64-byte
// signatures: their last letter has four bits to spare.
func stray(last byte) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(letters[strings.IndexByte(letters, last)|1])
}

func TestCheckThumbprint(t *testing.T) {
	good := proofKey(t, 1).Thumbprint()
	for s, ok := range map[string]bool{
		good: true, strings.Repeat("A", 43): true,
		"": false, good[:42]: false, good + "A": false, good + "=": false, good[:42] + " ": false, strings.Repeat("A", 42) + "B": false,
		strings.Repeat("+", 43): false, good[:20] + "\n" + good[20:]: false,
	} {
		if err := CheckThumbprint(s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// TestProofs says: what is proved is read back as it was, by its key, for its
// request; and a proof with any one bit changed is none.
func TestProofs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), ed25519.SeedSize, ed25519.SeedSize).Draw(t, "seed")
		k, err := NewProofKey(bytes.NewReader(seed))
		if err != nil {
			t.Fatal(err)
		}
		tok := rapid.String().Draw(t, "token")
		p := &Proof{
			ID: rapid.StringN(1, 60, 200).Draw(t, "id"), Method: rapid.StringMatching(`[A-Z]{1,7}`).Draw(t, "method"),
			URL:    "https://h.example/" + rapid.StringMatching(`[a-z0-9/._~-]{0,9}`).Draw(t, "path"),
			Issued: rapid.Int64Range(1, maxTime).Draw(t, "at"), Nonce: rapid.String().Draw(t, "nonce"),
		}
		if tok != "" {
			p.Token = HashToken(tok)
		}
		age := rapid.Int64Range(-60, int64(ProofAge/time.Second)-1).Draw(t, "age")
		want := &ProofWant{Method: p.Method, URL: p.URL, Token: tok, Key: k.Thumbprint(), Now: time.Unix(p.Issued+age, 0), Nonce: func(s string) bool { return s == p.Nonce }}
		raw, err := k.Prove(p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := CheckProof(raw, want)
		if err != nil {
			t.Fatal(err)
		}
		p.Key = k.Thumbprint()
		if diff := cmp.Diff(p, got); diff != "" {
			t.Fatal(diff)
		}
		b := []byte(raw)
		i := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
		b[i/8] ^= 1 << (i % 8)
		if p, err := CheckProof(string(b), want); err == nil || p != nil || Code(err) == CodeUnknown {
			t.Fatalf("bit %d is changed: %+v, %v", i, p, err)
		}
	})
}
