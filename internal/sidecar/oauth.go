// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const (
	assertionLife = time.Minute
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523 section 2.2
	detailType    = "clawea_wpc"
	accessDenied  = "access_denied" // what the order stands on is revoked
	useNonce      = "use_dpop_nonce"
)

// A Detail is what a client orders a token for: the one entry of
// authorization_details (RFC 9396).
type Detail struct {
	Type          string          `json:"type"` // Token sets it
	Policy        seal.Hash       `json:"policy_hash"`
	Job           string          `json:"job,omitempty"`
	Agent         string          `json:"agent,omitempty"` // "": the only one that the client may order for
	*policy.Grant                 // nil: all that the policy holds
	TTL           int             `json:"ttl_seconds,omitzero"`
	Ticket        string          `json:"ticket,omitempty"`
	Runtime       *policy.Runtime `json:"runtime,omitzero"`

	Attestation *seal.Envelope `json:"attestation,omitzero"` // a launcher's signed word, in place of Runtime
}

// An OAuth is a source: the house's token endpoint, asked by one of its
// configured clients (RFC 6749 section 4.4) with a proof of possession (RFC
// 9449 section 5). Of Key and Secret, one is set.
type OAuth struct {
	House  string
	ID     string                 // client_id
	Key    seal.Signer            // signs assertions (RFC 7523)
	Secret func() (string, error) // fetched for each order
	Order  Detail
	HTTP   http.RoundTripper // nil: as of Config

	once  sync.Once
	house *house
	fault error
	nonce string
}

// An OrderError is the house's refusal of a request that concerns the token.
type OrderError struct {
	Status int
	Code   string // an error of OAuth's, or the code of a refused token; may be ""
	Says   string // in the house's words; may be ""
	About  string // what was refused
}

// Error is what was refused and why and, on a second line, what mends it.
func (e *OrderError) Error() string {
	s := e.About
	if why := cmp.Or(e.Says, e.Code); why != "" {
		s += ": " + why
	} else {
		s += fmt.Sprintf(": status %d", e.Status)
	}
	if e.Says != "" && e.Code != "" {
		s += " (" + e.Code + ")"
	}
	return s + "\n" + e.hint()
}

func (e *OrderError) hint() string {
	switch e.Code {
	case "invalid_client":
		return `compare -client, and its -key or -secret, with "clients" in the daemon's configuration`
	case "invalid_authorization_details", "invalid_dpop_proof":
		return "ask for what the policy holds: clawea wpc show HASH"
	case token.Code(token.ErrProofURL):
		return "name the daemon by the address that it calls itself, \"url\" in its configuration"
	case token.Code(token.ErrProofTime):
		return "compare this machine's clock with the daemon's"
	case "":
		return "is this the address of a Clawea daemon, of this version?"
	}
	if ends(e.Code) || e.Code == accessDenied {
		return "ask an operator why; what it was for can go on as another job"
	}
	return "look into the daemon's log"
}

// oauthCode reads the error of an answer of OAuth's, or returns "".
func oauthCode(b []byte) string {
	code, _ := oauthError(b)
	return code
}

func oauthError(b []byte) (code, says string) {
	var e struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if seal.Glance(b, &e) != nil {
		return "", ""
	}
	return word(e.Error), strings.ToValidUTF8(strings.ReplaceAll(e.Description[:min(len(e.Description), 500)], "\n", " "), "?")
}

func (o *OAuth) open() error {
	o.once.Do(func() { o.house, o.fault = newHouse(o.House, o.HTTP) })
	return o.fault
}

// Token orders a token that is bound to key.
func (o *OAuth) Token(ctx context.Context, key *token.ProofKey) (*Grant, error) {
	if err := o.open(); err != nil {
		return nil, err
	}
	p := &prover{key: key, nonce: o.nonce}
	for again := false; ; again = true {
		used := p.nonce
		res, b, err := o.order(ctx, p)
		if err != nil {
			return nil, err
		}
		fresh := p.learn(res.Header, used)
		o.nonce = p.nonce
		if res.StatusCode == http.StatusOK {
			return granted(b)
		}
		code, says := oauthError(b)
		if again || !fresh || code != useNonce { // RFC 9449 section 8
			return nil, &OrderError{Status: res.StatusCode, Code: cmp.Or(refusal(res.Header), code), Says: says, About: "the house refuses the order"}
		}
	}
}

func (o *OAuth) order(ctx context.Context, p *prover) (*http.Response, []byte, error) {
	detail := o.Order
	detail.Type = detailType
	details, err := seal.Marshal([]Detail{detail})
	if err != nil {
		return nil, nil, err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "authorization_details": {string(details)}}
	if o.Key != nil {
		assertion, err := o.Assertion()
		if err != nil {
			return nil, nil, err
		}
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
	}
	address := o.house.url + "/oauth/token"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, nil, err
	}
	r.GetBody = nil // a transport that sent it twice would use proof and assertion twice
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if err := o.basic(r); err != nil {
		return nil, nil, err
	}
	proof, _, err := p.prove(r.Method, address, "")
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("DPoP", proof)
	res, err := o.house.transport.RoundTrip(r)
	if err != nil {
		return nil, nil, unreachable(err)
	}
	defer res.Body.Close()
	b, err := readAnswer(res)
	return res, b, err
}

// basic authenticates r by the client's secret, if that is what it has: RFC
// 6749 section 2.3.1.
func (o *OAuth) basic(r *http.Request) error {
	if o.Secret == nil {
		return nil
	}
	secret, err := o.Secret()
	if err != nil {
		return err
	}
	r.SetBasicAuth(url.QueryEscape(o.ID), url.QueryEscape(secret))
	return nil
}

// Assertion returns a fresh JWT by which the client is known to the house (RFC
// 7523 section 3), good once and for a minute.
func (o *OAuth) Assertion() (string, error) {
	now := time.Now()
	head, err := seal.Marshal(&struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
		Key       string `json:"kid"`
	}{"EdDSA", "JWT", seal.KeyID(o.Key)})
	if err != nil {
		return "", err
	}
	claims, err := seal.Marshal(&struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
		ID       string `json:"jti"`
		Issued   int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}{o.ID, o.ID, strings.TrimSuffix(o.House, "/"), rand.Text(), now.Unix(), now.Add(assertionLife).Unix()})
	if err != nil {
		return "", err
	}
	signed := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sig, err := o.Key.Sign([]byte(signed))
	if err != nil {
		return "", fmt.Errorf("sign assertion: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

// API returns a client of /v1 that is known to the house as this one, for the
// jobs that it ordered.
func (o *OAuth) API() (*api.Client, error) {
	if err := o.open(); err != nil {
		return nil, err
	}
	c := &api.Client{URL: o.house.url}
	if o.Key != nil {
		c.Token = o.Assertion
		return c, nil
	}
	c.HTTP = &http.Client{
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			if err := o.basic(r); err != nil {
				return nil, err
			}
			return o.house.transport.RoundTrip(r)
		}),
	}
	return c, nil
}

// granted reads a successful answer of the token endpoint (RFC 6749 section 5.1).
func granted(b []byte) (*Grant, error) {
	var a struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}
	if err := seal.Glance(b, &a); err != nil || !strings.EqualFold(a.Type, token.SchemeDPoP) {
		return nil, errUnbound
	}
	c, err := claims(a.Token)
	if err != nil {
		return nil, err
	}
	return &Grant{Raw: a.Token, Claims: c}, nil
}

// claims reads what a token says, without verifying it: it came from the house,
// and the house verifies it. What the sidecar does by it, it does for itself.
func claims(raw string) (*token.Claims, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || len(raw) > token.MaxLength {
		return nil, errUnbound
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, errUnbound
	}
	c := new(token.Claims)
	if err := seal.Glance(payload, c); err != nil {
		return nil, errUnbound
	}
	return c, nil
}
