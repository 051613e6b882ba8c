// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// testKey is the key of a seed.
func testKey(t testing.TB, name string, seed byte) (seal.Signer, seal.Verifier, string) {
	t.Helper()
	k := housetest.NewKey(t, name, seed)
	return k.Signer, k.Verifier, k.Public
}

const (
	house = "https://clawea.example"
	wpc   = `{"wpc_version":"v1",
		"resources":{"spaces_allowlist":["ENG"]},
		"actions":{"read":{"allowed":true,"max_pages_per_job":9}},
		"allow":{"projects":["ENG"],"operations":["issue.get","issue.create"]},
		"model_route":{"allowed":["alpha"]},
		"tool_policy":{"allow":["confluence","jira","repo.*"]},
		"runtime":{"max_ttl_seconds":900}}`
)

var (
	catalog = []policy.Action{
		{Tool: "confluence", Name: "page.get", Class: policy.Read},
		{Tool: "confluence", Name: "page.update", Class: policy.Write},
		{Tool: "jira", Name: "issue.get", Class: policy.Read},
		{Tool: "model", Class: policy.Model},
	}
	issued = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
)

// boundPolicy is wpc, its names bound to ids that begin with prefix.
func boundPolicy(t testing.TB, src, prefix string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	b := &policy.Binding{Policy: p.Hash(), At: issued}
	for _, n := range p.Names() {
		b.Names = append(b.Names, policy.Bound{Name: n, Site: "https://example.atlassian.net", ID: prefix + n.Name})
	}
	if p, err = p.Bind(b); err != nil {
		t.Fatal(err)
	}
	return p
}

func newClaims() *Claims {
	return &Claims{
		Issuer: "issuer", Audience: house, Agent: "reviewer", ID: "cst-1", Job: "job-1",
		Issued: issued.Unix(), Expires: issued.Add(15 * time.Minute).Unix(),
	}
}

func mint(t testing.TB, s seal.Signer, p *policy.Policy) (string, *Claims) {
	t.Helper()
	c := newClaims()
	raw, _, err := Mint(s, p, catalog, p.Whole(catalog), c)
	if err != nil {
		t.Fatal(err)
	}
	return raw, c
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// forge writes a JWT of any header and payload, signed as JWS says.
func forge(t testing.TB, s seal.Signer, header, payload string) string {
	t.Helper()
	head := b64([]byte(header)) + "." + b64([]byte(payload))
	sig, err := s.Sign([]byte(head))
	if err != nil {
		t.Fatal(err)
	}
	return head + "." + b64(sig)
}

func canonical(t testing.TB, v any) string {
	t.Helper()
	b, err := seal.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// header is the one header of a token by s; more comes before its kid.
func header(s seal.Signer, more string) string {
	return `{"alg":"EdDSA",` + more + `"kid":"` + seal.KeyID(s) + `","typ":"at+jwt"}`
}

func TestMintAndCheck(t *testing.T) {
	s, v, _ := testKey(t, "issuer", 1)
	p := boundPolicy(t, wpc, "id-")
	c := newClaims()
	raw, record, err := Mint(s, p, catalog, p.Whole(catalog), c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Check(raw, house, issued, v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(p.Whole(catalog), got.Grant()); diff != "" {
		t.Error(diff)
	}
	if got.Policy != p.Hash() || got.Scope.IsZero() {
		t.Errorf("pin %v, scope %v", got.Policy, got.Scope)
	}
	narrowed, err := got.Fit(p)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := narrowed.Scope().Hash(); err != nil || h != c.Scope {
		t.Errorf("scope hash %v, %v, want %v", h, err, c.Scope)
	}
	if _, err := record.Open(RecordType, v); err != nil || string(record.Payload) != canonical(t, c) {
		t.Errorf("record: %v, %s", err, record.Payload)
	}
	if strings.Contains(string(record.Payload), raw) {
		t.Error("the record holds the token")
	}
}

func TestMintRefuses(t *testing.T) {
	s, _, _ := testKey(t, "issuer", 1)
	p := boundPolicy(t, wpc, "id-")
	whole := p.Whole(catalog)
	for name, tt := range map[string]struct {
		claims func(*Claims)
		grant  policy.Grant
		want   error // nil: any
	}{
		"longer than the policy": {func(c *Claims) { c.Expires++ }, whole, ErrTTL},
		"centuries":              {func(c *Claims) { c.Expires = c.Issued + 18446744074 }, whole, ErrTTL},
		"no life":                {func(c *Claims) { c.Expires = c.Issued }, whole, ErrTTL},
		"backwards":              {func(c *Claims) { c.Expires = c.Issued - 1 }, whole, ErrTTL},
		"denied action":          {nil, policy.Grant{Actions: []string{"confluence.page.update"}}, policy.ErrGrant},
		"unknown action":         {nil, policy.Grant{Actions: []string{"jira.issue.fly"}}, policy.ErrGrant},
		"glob":                   {nil, policy.Grant{Actions: []string{"*"}}, policy.ErrGrant},
		"other project":          {nil, policy.Grant{Resources: []string{"jira:OPS"}}, policy.ErrGrant},
		"higher limit":           {nil, policy.Grant{Limits: map[string]int{"pages": 10}}, policy.ErrGrant},
		"no id":                  {func(c *Claims) { c.ID = "" }, whole, nil},
		"no audience":            {func(c *Claims) { c.Audience = "" }, whole, nil},
		"job name":               {func(c *Claims) { c.Job = "../job" }, whole, nil},
		"agent name":             {func(c *Claims) { c.Agent = "" }, whole, nil},
		"too long":               {func(c *Claims) { c.ID = ID(strings.Repeat("x", MaxLength)) }, whole, nil},
	} {
		c := newClaims()
		if tt.claims != nil {
			tt.claims(c)
		}
		raw, record, err := Mint(s, p, catalog, tt.grant, c)
		if err == nil || raw != "" || record != nil && name != "too long" {
			t.Errorf("%s: %q, %v, %v", name, raw, record, err)
		}
		if tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: error = %v, want %v", name, err, tt.want)
		}
	}
	if _, _, err := Mint(s, p, nil, policy.Grant{Actions: []string{"jira.issue.get"}}, newClaims()); !errors.Is(err, policy.ErrGrant) {
		t.Errorf("a house without tools grants one: %v", err)
	}
}

type brokenSigner struct{ seal.Signer }

func (brokenSigner) Sign([]byte) ([]byte, error) { return nil, errors.New("no hardware") }

func TestMintWithBrokenKey(t *testing.T) {
	s, _, _ := testKey(t, "issuer", 1)
	p := boundPolicy(t, wpc, "id-")
	if raw, record, err := Mint(brokenSigner{s}, p, catalog, p.Whole(catalog), newClaims()); err == nil || raw != "" || record != nil {
		t.Errorf("%q, %v, %v", raw, record, err)
	}
	if raw, err := compact(brokenSigner{s}, []byte("{}")); err == nil || raw != "" {
		t.Errorf("%q, %v", raw, err)
	}
}

// TestForgeries are the ways in which others' JWT checks have been fooled.
func TestForgeries(t *testing.T) {
	s, v, public := testKey(t, "issuer", 1)
	eve, _, _ := testKey(t, "eve", 9)
	namesake, _, _ := testKey(t, "issuer", 9)
	p := boundPolicy(t, wpc, "id-")
	raw, c := mint(t, s, p)
	payload := canonical(t, c)
	parts := strings.Split(raw, ".")
	if got := forge(t, s, header(s, ""), payload); got != raw {
		t.Fatalf("the forger does not write what Mint writes:\n%s\n%s", got, raw)
	}
	hs256 := func(key []byte) string {
		head := b64([]byte(`{"alg":"HS256","kid":"`+seal.KeyID(s)+`","typ":"at+jwt"}`)) + "." + parts[1]
		m := hmac.New(sha256.New, key)
		m.Write([]byte(head))
		return head + "." + b64(m.Sum(nil))
	}
	ed, err := seal.PublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	other := *c
	other.Job = "job-2"
	edited := func(f func(string) string) string { return forge(t, s, header(s, ""), f(payload)) }
	for name, tt := range map[string]struct {
		raw  string
		want error
	}{
		"empty":               {"", ErrMalformed},
		"no algorithm":        {b64([]byte(`{"alg":"none","kid":"`+seal.KeyID(s)+`","typ":"at+jwt"}`)) + "." + parts[1] + ".", ErrMalformed},
		"no signature":        {parts[0] + "." + parts[1] + ".", ErrSignature},
		"HMAC by public text": {hs256([]byte(public)), ErrMalformed},
		"HMAC by public key":  {hs256(ed), ErrMalformed},
		"another algorithm":   {forge(t, s, strings.Replace(header(s, ""), "EdDSA", "ES256", 1), payload), ErrMalformed},
		"another type":        {forge(t, s, strings.Replace(header(s, ""), "at+jwt", "JWT", 1), payload), ErrMalformed},
		"type in other case":  {forge(t, s, strings.Replace(header(s, ""), "at+jwt", "AT+JWT", 1), payload), ErrMalformed},
		"no type":             {forge(t, s, `{"alg":"EdDSA","kid":"`+seal.KeyID(s)+`"}`, payload), ErrMalformed},
		"unknown critical":    {forge(t, s, header(s, `"crit":["x"],"x":1,`), payload), ErrSignature},
		"unencoded payload":   {forge(t, s, header(s, `"b64":false,"crit":["b64"],`), payload), ErrSignature},
		"another key":         {forge(t, eve, header(eve, ""), payload), ErrSignature},
		"another key's name":  {forge(t, eve, header(s, ""), payload), ErrSignature},
		"key of one name":     {forge(t, namesake, header(namesake, ""), payload), ErrSignature},
		"no key id":           {forge(t, s, `{"alg":"EdDSA","typ":"at+jwt"}`, payload), ErrSignature},
		"embedded key": {forge(t, eve, `{"alg":"EdDSA","jwk":{"crv":"Ed25519","kty":"OKP","x":"`+
			b64(ed)+`"},"kid":"`+seal.KeyID(s)+`","typ":"at+jwt"}`, payload), ErrSignature},
		"another payload":     {parts[0] + "." + b64([]byte(canonical(t, other))) + "." + parts[2], ErrSignature},
		"a fourth part":       {raw + ".", ErrMalformed},
		"five parts":          {raw + ".a.b", ErrMalformed},
		"two parts":           {parts[0] + "." + parts[1], ErrMalformed},
		"space around":        {" " + raw, ErrMalformed},
		"line end":            {raw + "\n", ErrMalformed},
		"line break within":   {parts[0] + "." + parts[1][:8] + "\r\n" + parts[1][8:] + "." + parts[2], ErrMalformed},
		"padding":             {raw + "==", ErrMalformed},
		"standard base64":     {parts[0] + "." + parts[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(parts[2]) + "+", ErrMalformed},
		"JSON serialization":  {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, ErrMalformed},
		"too long":            {strings.Repeat("a", MaxLength+1), ErrMalformed},
		"payload not JSON":    {edited(func(string) string { return "x" }), ErrMalformed},
		"payload with spaces": {edited(func(p string) string { return p + " " }), ErrMalformed},
		"claim twice":         {edited(func(p string) string { return strings.Replace(p, `{"aud"`, `{"aud":"x","aud"`, 1) }), ErrMalformed},
		"claim in other case": {edited(func(p string) string { return strings.Replace(p, `{"aud"`, `{"AUD":"x","aud"`, 1) }), ErrMalformed},
		"unknown claim":       {edited(func(p string) string { return strings.Replace(p, `,"sub"`, `,"scp":"all","sub"`, 1) }), ErrMalformed},
		"many audiences":      {edited(func(p string) string { return strings.Replace(p, `"`+house+`"`, `["`+house+`"]`, 1) }), ErrMalformed},
		"float time":          {edited(func(p string) string { return strings.Replace(p, `"exp":`, `"exp":0.5`, 1) }), ErrMalformed},
		"job as a path":       {edited(func(p string) string { return strings.Replace(p, `"job-1"`, `"../job"`, 1) }), ErrMalformed},
		"no id":               {edited(func(p string) string { return strings.Replace(p, `"cst-1"`, `""`, 1) }), ErrMalformed},
	} {
		got, err := Check(tt.raw, house, issued, v)
		if got != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, tt.want)
		}
	}
	if _, err := Check(raw, house, issued); !errors.Is(err, ErrSignature) {
		t.Errorf("nobody is trusted: error = %v", err)
	}
}

func TestCheckTimeAndAudience(t *testing.T) {
	s, v, _ := testKey(t, "issuer", 1)
	raw, c := mint(t, s, boundPolicy(t, wpc, "id-"))
	for _, tt := range []struct {
		name, audience string
		after          time.Duration
		want           error
	}{
		{"at once", house, 0, nil},
		{"clock behind", house, -Leeway, nil},
		{"clock too far behind", house, -Leeway - time.Nanosecond, ErrNotYet},
		{"last moment", house, 15*time.Minute - time.Nanosecond, nil},
		{"over", house, 15 * time.Minute, ErrExpired},
		{"long over", house, 1000 * time.Hour, ErrExpired},
		{"another house", house + "/", 0, ErrAudience},
		{"no house", "", 0, ErrAudience},
	} {
		got, err := Check(raw, tt.audience, issued.Add(tt.after), v)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: error = %v, want %v", tt.name, err, tt.want)
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Errorf("%s: a token whose signature holds has no claims: %s", tt.name, diff)
		}
	}
}

func TestFitRefuses(t *testing.T) {
	s, _, _ := testKey(t, "issuer", 1)
	p := boundPolicy(t, wpc, "id-")
	for name, tt := range map[string]struct {
		policy *policy.Policy
		change func(*Claims)
		want   error
	}{
		"other policy":     {boundPolicy(t, strings.Replace(wpc, "900", "901", 1), "id-"), nil, ErrPolicy},
		"no policy":        {new(policy.Policy), nil, ErrPolicy},
		"rebound":          {boundPolicy(t, wpc, "other-"), nil, ErrScope},
		"too long":         {p, func(c *Claims) { c.Expires++ }, ErrTTL},
		"centuries":        {p, func(c *Claims) { c.Expires = c.Issued + 18446744074 }, ErrTTL},
		"no life":          {p, func(c *Claims) { c.Expires = c.Issued }, ErrTTL},
		"action added":     {p, func(c *Claims) { c.Details[0].Actions = append(c.Details[0].Actions, "jira.*") }, ErrScope},
		"resource dropped": {p, func(c *Claims) { c.Details[0].Resources = c.Details[0].Resources[1:] }, ErrScope},
		"resource added":   {p, func(c *Claims) { c.Details[0].Resources = append(c.Details[0].Resources, "jira:OPS") }, policy.ErrGrant},
		"limit lowered":    {p, func(c *Claims) { c.Details[0].Limits["pages"] = 1 }, ErrScope},
		"limit raised":     {p, func(c *Claims) { c.Details[0].Limits["pages"] = 10 }, policy.ErrGrant},
		"scope hash":       {p, func(c *Claims) { c.Scope[0] ^= 1 }, ErrScope},
		"no details":       {p, func(c *Claims) { c.Details = nil }, ErrScope},
		"two details":      {p, func(c *Claims) { c.Details = append(c.Details, c.Details[0]) }, ErrScope},
		"other details":    {p, func(c *Claims) { c.Details[0].Type = "payment" }, ErrScope},
	} {
		_, c := mint(t, s, p)
		if tt.change != nil {
			tt.change(c)
		}
		if q, err := c.Fit(tt.policy); !errors.Is(err, tt.want) || q != nil {
			t.Errorf("%s: %v, %v, want %v", name, q, err, tt.want)
		}
	}
}

func TestCode(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range codes {
		if got := Code(fmt.Errorf("check: %w", c.err)); got != c.code || seen[got] || !strings.Contains(got, ".") {
			t.Errorf("%v: %s", c.err, got)
		}
		seen[c.code] = true
	}
	if got := Code(errors.New("disk full")); got != CodeUnknown {
		t.Errorf("a foreign error has code %s", got)
	}
	if got := Code(&policy.GrantError{Clause: "actions", Entry: "x"}); got != "token.grant" {
		t.Errorf("a grant's error has code %s", got)
	}
}

func TestCheckName(t *testing.T) {
	for s, ok := range map[string]bool{
		"a": true, "job-1.retry_2": true, "9": true, strings.Repeat("a", 64): true,
		"": false, "-a": false, ".": false, "A": false, "a/b": false, "a b": false, "é": false, "a\n": false, strings.Repeat("a", 65): false,
	} {
		if err := CheckName("job", s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestOneBit(t *testing.T) {
	s, v, _ := testKey(t, "issuer", 1)
	raw, _ := mint(t, s, boundPolicy(t, wpc, "id-"))
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(raw)
		i := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
		b[i/8] ^= 1 << (i % 8)
		if c, err := Check(string(b), house, issued, v); err == nil || c != nil {
			t.Fatalf("bit %d is changed, and the token holds", i)
		}
	})
}

// TestMinted says: what Mint signs, Check and Fit accept while it lives.
func TestMinted(t *testing.T) {
	s, v, _ := testKey(t, "issuer", 1)
	p := boundPolicy(t, wpc, "id-")
	whole := p.Whole(catalog)
	some := func(t *rapid.T, all []string) []string {
		out := []string{}
		for _, s := range all {
			if rapid.Bool().Draw(t, s) {
				out = append(out, s)
			}
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		c := newClaims()
		life := rapid.Int64Range(1, 1000).Draw(t, "life")
		c.Expires = c.Issued + life
		c.Job = rapid.StringMatching(`[a-zA-Z0-9._/-]{0,5}`).Draw(t, "job")
		g := policy.Grant{Actions: some(t, whole.Actions), Resources: some(t, whole.Resources)}
		raw, _, err := Mint(s, p, catalog, g, c)
		if err != nil {
			if life <= 900 && CheckName("job", c.Job) == nil {
				t.Fatal(err)
			}
			return
		}
		got, err := Check(raw, house, issued.Add(time.Duration(rapid.Int64Range(0, life-1).Draw(t, "age"))*time.Second), v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := got.Fit(p); err != nil {
			t.Fatal(err)
		}
	})
}
