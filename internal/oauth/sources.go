// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// sourceFresh is how long an issuer's keys are believed in without its being
	// asked anew: a key that it has withdrawn is not good for longer.
	sourceFresh = time.Hour
	// sourcePause is how often an issuer is asked for a key that it has not shown
	// yet. Anyone can make a token that names one.
	sourcePause = 10 * time.Second
	// sourcePatience is how long an issuer may take to answer.
	sourcePatience = 10 * time.Second
	maxSource      = 1 << 20 // bytes of an answer
)

var errNoKey = errors.New("its issuer has no such key, or the signature does not hold")

// sources are the issuers of identities, with the keys that they have now. The
// zero value is ready.
type sources struct {
	mu     sync.Mutex
	client *http.Client
	all    map[string]*keySet
}

// of returns the keys of an issuer, which must be a configured one.
func (s *sources) of(issuer string, now func() time.Time) *keySet {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.client, s.all = newClient(), map[string]*keySet{}
	}
	if s.all[issuer] == nil {
		s.all[issuer] = &keySet{issuer: issuer, client: s.client, now: now, asking: make(chan struct{}, 1)}
	}
	return s.all[issuer]
}

// A keySet is an issuer's public keys.
type keySet struct {
	issuer string
	client *http.Client
	now    func() time.Time

	asking chan struct{} // holds one while the issuer is asked, so that many ask once
	asked  time.Time     // when that was over

	mu   sync.Mutex
	keys []jose.JSONWebKey
	have time.Time // when they came
}

// verify says whether one of the keys has signed jws. Which algorithms are good
// its caller has seen to. Tokens by keys that are at hand do not wait for the
// issuer, and no token waits for longer than ctx. It fails with errNoKey or a
// *silent.
func (k *keySet) verify(ctx context.Context, jws *jose.JSONWebSignature) error {
	err := k.atHand(jws)
	if err == nil {
		return nil
	}
	select {
	case k.asking <- struct{}{}:
		defer func() { <-k.asking }()
	case <-ctx.Done():
		return &silent{fmt.Errorf("while another request asks it: %w", context.Cause(ctx))}
	}
	if err = k.atHand(jws); err == nil { // someone else has asked
		return nil
	}
	if k.now().Before(k.asked.Add(sourcePause)) {
		return err
	}
	err = k.ask(ctx)
	k.asked = k.now()
	if err != nil {
		return &silent{err}
	}
	return k.atHand(jws)
}

// atHand is verify by the keys that are at hand and fresh.
func (k *keySet) atHand(jws *jose.JSONWebSignature) error {
	k.mu.Lock()
	keys, have := k.keys, k.have
	k.mu.Unlock()
	if !k.now().Before(have.Add(sourceFresh)) {
		return &silent{errors.New("it did not answer a moment ago")}
	}
	id := jws.Signatures[0].Protected.KeyID
	for i := range keys {
		if id == "" || keys[i].KeyID == id {
			if _, err := jws.Verify(&keys[i]); err == nil {
				return nil
			}
		}
	}
	return errNoKey
}

// A silent is the trouble of an issuer that does not answer as it should. It
// says nothing of the token.
type silent struct{ err error }

func (e *silent) Error() string { return e.err.Error() }

// ask fetches the keys from where the issuer says that they are (OpenID Connect
// Discovery 1.0).
func (k *keySet) ask(ctx context.Context) error {
	// Others wait for the answer as well: who asked first cannot call it off.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sourcePatience)
	defer cancel()
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, k.client), k.issuer)
	if err != nil {
		return err
	}
	var metadata struct {
		JWKS string `json:"jwks_uri"`
	}
	if err := p.Claims(&metadata); err != nil {
		return err
	}
	keys, err := fetchKeys(ctx, k.client, metadata.JWKS)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys, k.have = keys, k.now()
	return nil
}

func fetchKeys(ctx context.Context, client *http.Client, url string) ([]jose.JSONWebKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("jwks_uri answers %s", res.Status)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	return readKeys(b)
}

// readKeys reads a JWK set and passes over keys of kinds that it does not know
// (RFC 7517 section 5), and those that are not for signatures.
func readKeys(b []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	var keys []jose.JSONWebKey
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(text); err == nil && key.IsPublic() && key.Use != "enc" {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no keys")
	}
	return keys, nil
}

// newClient asks issuers: over TLS unless they are on this machine, where they
// say and nowhere else, and reads no more than it should.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       sourcePatience,
		Transport:     &careful{http.DefaultTransport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it answers with a redirect") },
	}
}

type careful struct{ http.RoundTripper }

// RoundTrip sends r, if it may go where it is to go.
func (c *careful) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !(r.URL.Scheme == "http" && local(r.URL.Hostname())) {
		return nil, fmt.Errorf("%s is not reached by https", r.URL.Redacted())
	}
	res, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &bounded{io.LimitReader(res.Body, maxSource), res.Body}
	return res, nil
}

// local reports whether host is this machine.
func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// A bounded body ends early rather than late.
type bounded struct {
	io.Reader
	io.Closer
}
