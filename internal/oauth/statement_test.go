// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What a subject token says of itself, and whether it is good.
func TestStatement(t *testing.T) {
	h, v := newExchange(t)
	logout := map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	both := []string{"https://elsewhere.test", h.URL}
	ahead, past := h.now.Add(4*time.Minute).Unix(), h.now.Add(-4*time.Minute).Unix()
	for _, test := range []struct {
		clause string
		typ    string
		change map[string]any
		good   bool
	}{
		{"RFC 7519 4.1.4: about to expire", "JWT", map[string]any{"exp": h.now.Unix() + 1}, true},
		{"RFC 7519 4.1.4: expires now", "JWT", map[string]any{"exp": h.now.Unix()}, false},
		{"RFC 7519 4.1.4: no number", "JWT", map[string]any{"exp": "tomorrow"}, false},
		{"RFC 7519 4.1.4: beyond time", "JWT", map[string]any{"exp": 1e300}, false},
		{"RFC 7519 4.1.5: without nbf", "JWT", map[string]any{"nbf": nil}, true},
		{"RFC 7519 4.1.5: a clock that is ahead", "JWT", map[string]any{"nbf": h.now.Unix() + 30}, true},
		{"RFC 7519 4.1.5: a clock that is further ahead", "JWT", map[string]any{"nbf": h.now.Unix() + 31}, false},
		{"RFC 7519 4.1.5: not yet", "JWT", map[string]any{"nbf": ahead}, false},
		{"RFC 7519 4.1.5: a fraction too early", "JWT", map[string]any{"nbf": float64(h.now.Unix()) + 31.5}, false},
		{"RFC 7519 4.1.5: beyond time", "JWT", map[string]any{"nbf": 1e300}, false},
		{"RFC 7519 4: EXP is not exp", "JWT", map[string]any{"exp": past, "EXP": ahead}, false},
		{"RFC 7519 4: AUD is not aud", "JWT", map[string]any{"aud": "https://elsewhere.test", "AUD": h.URL}, false},
		{"RFC 7519 4: NBF is not nbf", "JWT", map[string]any{"nbf": ahead, "NBF": past}, false},
		{"RFC 7519 4.1.3: one audience, as a list", "JWT", map[string]any{"aud": []string{h.URL}}, true},
		{"RFC 7519 4.1.3: an empty list", "JWT", map[string]any{"aud": []string{}}, false},
		{"RFC 7519 4.1.3: an object", "JWT", map[string]any{"aud": map[string]string{"aud": h.URL}}, false},
		{"OpenID Connect Core 2: several audiences, issued to us", "JWT", map[string]any{"aud": both, "azp": h.URL}, true},
		{"OpenID Connect Core 2: several audiences, issued to another", "JWT", map[string]any{"aud": both, "azp": "https://elsewhere.test"}, false},
		{"OpenID Connect Core 2: several audiences, issued to nobody in particular", "JWT", map[string]any{"aud": both}, false},
		{"OpenID Connect Core 2: several audiences, issued to a list", "JWT", map[string]any{"aud": both, "azp": []string{h.URL}}, false},
		{"OpenID Connect Core 2: several audiences, AZP is not azp", "JWT", map[string]any{"aud": both, "AZP": h.URL}, false},
		{"OpenID Connect Core 2: one audience, issued to another", "JWT", map[string]any{"azp": "https://elsewhere.test"}, true},
		{"Back-Channel Logout 2.4: events", "JWT", map[string]any{"events": logout}, false},
		{"RFC 8417 2.2: any events", "JWT", map[string]any{"events": map[string]any{}}, false},
		{"RFC 8417 2.2: events that are null", "JWT", map[string]any{"events": (*int)(nil)}, false},
		{"Back-Channel Logout 2.4: typ", "logout+jwt", nil, false},
		{"RFC 8725 3.11: typ in full", "application/Logout+JWT", nil, false},
		{"RFC 8417 2.3: typ", "secevent+jwt", nil, false},
		{"RFC 9068 2.1: typ", "at+jwt", nil, true},
		{"RFC 7519 5.1: no typ", "", nil, true},
	} {
		t.Run(test.clause, func(t *testing.T) {
			claims := v.claims(h.now, test.change)
			if events, has := test.change["events"]; has {
				claims["events"] = events
			}
			a := h.send(swap(v.signAs(t, "k1", test.typ, claims)))
			if test.good {
				h.wantToken(a)
			} else {
				h.wantError(a, 400, invalidRequest)
			}
		})
	}
}

// An identity may say itself to whom the tokens must be issued.
func TestAuthorizedParty(t *testing.T) {
	h, v := newExchange(t)
	h.Identities[2].Match = match(`"repository":"acme/site","azp":"runner"`)
	both := []string{"https://elsewhere.test", h.URL}
	h.wantToken(h.send(swap(v.subject(t, h.now, map[string]any{"aud": both, "azp": "runner"}))))
	h.wantError(h.send(swap(v.subject(t, h.now, map[string]any{"aud": both, "azp": h.URL}))), 400, invalidRequest)
	h.wantError(h.send(swap(v.subject(t, h.now, map[string]any{"aud": both}))), 400, invalidRequest)
}

// A subject token is a bearer token: it is not used up, so that a job can go on.
func TestSubjectOrdersAgain(t *testing.T) {
	h, v := newExchange(t)
	raw := v.subject(t, h.now, nil)
	h.wantToken(h.send(swap(raw)))
	h.wantToken(h.send(swap(raw)))
	h.now = h.now.Add(5 * time.Minute)
	h.wantError(h.send(swap(raw)), 400, invalidRequest)
}

// A stuck transport answers nothing until it is let go.
type stuck struct{ let chan struct{} }

func (s *stuck) RoundTrip(*http.Request) (*http.Response, error) {
	<-s.let
	return &http.Response{StatusCode: http.StatusInternalServerError, Status: "500", Body: io.NopCloser(strings.NewReader(""))}, nil
}

// While one request asks an issuer that does not answer, others wait for it as
// long as they have time, and no longer.
func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := &stuck{make(chan struct{})}
		var s sources
		k := s.of("https://id.test", time.Now)
		k.client = &http.Client{Transport: issuer}
		raw := sign(t, jose.RS256, rsaKey(t), "", map[string]any{"iss": "https://id.test"})
		r, err := readStatement(raw)
		if err != nil {
			t.Fatal(err)
		}
		first := make(chan error)
		go func() { first <- k.verify(t.Context(), r.jws) }()
		synctest.Wait()

		before := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = k.verify(ctx, r.jws)
		if trouble := (*silent)(nil); !errors.As(err, &trouble) || !errors.Is(trouble.err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(before); d != time.Second {
			t.Errorf("it took %v", d)
		}
		second := make(chan error)
		go func() { second <- k.verify(t.Context(), r.jws) }()
		synctest.Wait()
		close(issuer.let)
		for _, c := range []chan error{first, second} {
			if err, trouble := <-c, (*silent)(nil); !errors.As(err, &trouble) {
				t.Errorf("got %v", err)
			}
		}
		if err := k.verify(t.Context(), r.jws); err == nil { // the lock is free again
			t.Error("it holds")
		}
	})
}

// A claim that is there twice says neither.
func TestStatementTwice(t *testing.T) {
	h, v := newExchange(t)
	b, err := json.Marshal(v.claims(h.now, nil))
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: v.keys["k1"], KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign([]byte(strings.Replace(string(b), "{", `{"aud":"https://elsewhere.test",`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	h.wantError(h.send(swap(raw)), 400, invalidRequest)
}
