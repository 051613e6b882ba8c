// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

func FuzzForm(f *testing.F) {
	f.Add(order().params.Encode())
	f.Add("a=1&a=2")
	f.Add("resource=a&resource=b&audience=c&audience=")
	f.Add("a=%zz;b=%00&c=%ff")
	f.Fuzz(func(t *testing.T, body string) {
		got, err := parseForm(body)
		if err != nil {
			if fault := (*fault)(nil); !errors.As(err, &fault) || fault.code != invalidRequest {
				t.Errorf("got %v", err)
			}
			return
		}
		for name, list := range got {
			if len(list) > 1 && name != "resource" && name != "audience" {
				t.Errorf("%q is there %d times", name, len(list))
			}
			for _, v := range list {
				if v == "" || !utf8.ValidString(v) || strings.Contains(v, "\x00") {
					t.Errorf("%q is %q", name, v)
				}
			}
		}
	})
}

// Whatever is read as an order says what it is for, and is read the same again.
func FuzzDetail(f *testing.F) {
	f.Add(detailOf(`"job":"job-1"`))
	f.Add(detailOf(`"agent":"clerk","actions":["desk.read"],"resources":[],"limits":{"max_total_steps":3},"ttl_seconds":90,"ticket":"OPS-1","runtime":{"sandboxed":true}`))
	f.Add(`[{"type":"clawea_wpc"},{"type":"clawea_wpc"}]`)
	f.Add(`[{"type":"clawea_wpc","policy_hash":null}]`)
	who := &orderer{"desk", []bound{{[]string{"clerk"}, nil}}}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := readDetail(text)
		if err != nil {
			if fault := (*fault)(nil); !errors.As(err, &fault) || fault.code != invalidDetails {
				t.Errorf("got %v", err)
			}
			return
		}
		if d.Type != detailType || d.Policy.IsZero() {
			t.Errorf("read %+v", d)
		}
		if o, err := who.order(d); err == nil && (o.Agent != "clerk" || o.Job == "" || o.Client != "desk" || o.Key != "" || o.TTL < 0 || o.TTL > maxTTL*time.Second) {
			t.Errorf("ordered %+v", o)
		}
		b, err := seal.Marshal([]detail{*d})
		if err != nil {
			t.Fatal(err)
		}
		again, err := readDetail(string(b))
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if c, err := seal.Marshal([]detail{*again}); err != nil || string(c) != string(b) {
			t.Errorf("%s is read again as %s, %v", b, c, err)
		}
	})
}

// Nobody is believed to be a client whose key they do not have.
func FuzzAssertion(f *testing.F) {
	key := ed25519.NewKeyFromSeed([]byte("the seed of a client's own key!!"))
	client := &Client{ID: "signer", Key: key.Public()}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	claims := []byte(`{"aud":"https://house.test","exp":1795262460,"iss":"signer","jti":"1","sub":"signer"}`)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, nil)
	if err != nil {
		f.Fatal(err)
	}
	jws, err := signer.Sign(claims)
	if err != nil {
		f.Fatal(err)
	}
	good, err := jws.CompactSerialize()
	if err != nil {
		f.Fatal(err)
	}
	a, err := readAssertion(good)
	if err != nil || a.check(client, now, []string{"https://house.test"}) != nil {
		f.Fatalf("%+v, %v", a, err)
	}
	f.Add(good)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := readAssertion(raw)
		if err != nil {
			if !errors.Is(err, errAssertion) {
				t.Errorf("got %v", err)
			}
			return
		}
		err = a.check(client, now, []string{"https://house.test"})
		if fault := (*fault)(nil); err != nil && (!errors.As(err, &fault) || fault.status != http.StatusUnauthorized) {
			t.Errorf("got %v", err)
		}
		if err == nil && (a.Subject != "signer" || string(a.jws.UnsafePayloadWithoutVerification()) != string(claims)) {
			t.Errorf("believed %q", raw)
		}
		if a.check(nil, now, []string{"https://house.test"}) == nil {
			t.Errorf("nobody is believed: %q", raw)
		}
	})
}

// A subject token's issuer is read before anything is verified, and an
// issuer's keys before anything is known of them.
func FuzzSubject(f *testing.F) {
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUifQ.AA")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	b64 := base64.RawURLEncoding.EncodeToString
	for _, claims := range []string{
		`{"aud":["house","other"],"azp":"house","exp":1795262700,"iss":"https://id.example","nbf":1795262430}`,
		`{"AUD":"house","aud":"other","events":{},"exp":1e300,"iss":"https://id.example"}`,
		`{"aud":null,"exp":"1","iss":7}`,
	} {
		f.Add(b64([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + b64([]byte(claims)) + "." + b64(make([]byte, 64)))
	}
	f.Add(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik"},{"kty":"oct","k":"AA"},{"kty":"?"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := readStatement(text); err == nil {
			if strings.Count(text, ".") != 2 || len(text) > maxSubject {
				t.Errorf("%q is from %q", text, s.Issuer)
			}
			if err := s.check(time.Unix(1795262400, 0)); err == nil && (s.Expires <= 1795262400 || s.NotBefore > 1795262430) {
				t.Errorf("%q is good", text)
			}
			id := &Identity{Audience: "house"}
			if s.isFor(id) && !slices.Contains(s.audience(), "house") {
				t.Errorf("%q is for the house", text)
			}
		} else if !errors.Is(err, errSubject) {
			t.Errorf("got %v", err)
		}
		keys, err := readKeys([]byte(text))
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			if !k.IsPublic() {
				t.Errorf("a secret key in %q", text)
			}
		}
	})
}

// What the house tells of an error is in the characters that OAuth has for it.
func FuzzDescribe(f *testing.F) {
	f.Add("a \"quoted\"\nline\\")
	f.Add(token.ErrReplayed.Error())
	f.Fuzz(func(t *testing.T, s string) {
		got := describe(s)
		if len(got) > maxDescription || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
			t.Errorf("%q", got)
		}
	})
}
