// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/clawea/clawea/token"
)

// minSecret is the least length of a client's secret, in bytes. A shorter one
// lets nobody in.
const minSecret = 32

// ErrClient is returned, with what is wrong, for a request that is not shown to
// be a client's.
var ErrClient = errors.New("no client")

// ErrTooOften is returned together with ErrClient where there were too many such
// requests of late, in that client's name and from that address.
var ErrTooOften = errors.New(errTooOften.says)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523 section 2.2

// credentials are how a request says whose it is: by a secret or an assertion.
type credentials struct {
	id        string // for an assertion, what it says of itself
	secret    string
	assertion *assertion
}

// Client returns the id of the client that r is shown to be from: by HTTP Basic
// with its secret, or by an assertion as a bearer token, whose audience is the
// house's URL. It fails with ErrClient, and with ErrTooOften as well if that has
// happened too often of late; other errors are the house's trouble.
func (s *Server) Client(r *http.Request) (id string, err error) {
	c, err := headerCredentials(r)
	var client *Client
	if err == nil {
		client, err = s.authenticate(r, c, s.URL)
	}
	if errors.Is(err, errTooOften) {
		return "", fmt.Errorf("%w: %w", ErrClient, ErrTooOften)
	}
	if f := (*fault)(nil); errors.As(err, &f) {
		return "", fmt.Errorf("%w: %s", ErrClient, f.says)
	}
	if err != nil {
		return "", err
	}
	return client.ID, nil
}

func headerCredentials(r *http.Request) (*credentials, error) {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return nil, errClient
	}
	scheme, raw, _ := strings.Cut(given[0], " ")
	if strings.EqualFold(scheme, token.SchemeBearer) {
		a, err := readAssertion(strings.TrimSpace(raw))
		if err != nil {
			return nil, err
		}
		return &credentials{id: a.Subject, assertion: a}, nil
	}
	return basic(r)
}

// basic reads HTTP Basic as RFC 6749 section 2.3.1 wants it: name and secret
// are encoded as in a form.
func basic(r *http.Request) (*credentials, error) {
	user, password, ok := r.BasicAuth()
	if !ok {
		return nil, errClient
	}
	id, err := url.QueryUnescape(user)
	if err != nil {
		return nil, errClient
	}
	secret, err := url.QueryUnescape(password)
	if err != nil || secret == "" {
		return nil, errClient
	}
	return &credentials{id: id, secret: secret}, nil
}

// client authenticates the client of a request to an endpoint. It is nil for a
// request that names none of the methods; it fails for one that uses two
// (RFC 6749 section 2.3).
func (s *Server) client(r *http.Request, f form) (*Client, error) {
	given := r.Header.Values("Authorization")
	n := len(given)
	for _, name := range []string{"client_secret", "client_assertion"} {
		n += len(f[name])
	}
	switch {
	case n > 1:
		return nil, bad(invalidRequest, "the client authenticates in more than one way")
	case n == 0 && f.get("client_assertion_type") != "":
		return nil, bad(invalidRequest, "client_assertion is missing")
	case n == 0:
		return nil, nil
	}
	c, err := formCredentials(r, f)
	if err != nil {
		return nil, err
	}
	if id := f.get("client_id"); id != "" && id != c.id {
		return nil, errClient
	}
	return s.authenticate(r, c, s.URL, s.URL+TokenPath)
}

func formCredentials(r *http.Request, f form) (*credentials, error) {
	switch {
	case f.get("client_secret") != "":
		return &credentials{id: f.get("client_id"), secret: f.get("client_secret")}, nil
	case f.get("client_assertion") == "":
		return basic(r)
	case f.get("client_assertion_type") != assertionType:
		return nil, bad(invalidRequest, "client_assertion_type must be "+assertionType)
	}
	a, err := readAssertion(f.get("client_assertion"))
	if err != nil {
		return nil, err
	}
	return &credentials{id: a.Subject, assertion: a}, nil
}

// authenticate returns the client that c proves. audiences are what an
// assertion may call this house. Failures are bounded, and nothing else: what is
// right is let in whatever others have tried from the same address.
func (s *Server) authenticate(r *http.Request, c *credentials, audiences ...string) (*Client, error) {
	client, err := s.prove(r.Context(), c, audiences)
	f := (*fault)(nil)
	if !errors.As(err, &f) {
		return client, err
	}
	from := source(r)
	// By the name that is claimed: the bound does not tell either which there are.
	if s.failures.tooMany(c.id, from, s.Now()) {
		return nil, errTooOften
	}
	known := ""
	if s.named(c.id) != nil {
		known = c.id
	}
	s.Log.WarnContext(r.Context(), "client not authenticated", "client", known, "from", from, "path", r.URL.Path, "says", f.says)
	return nil, err
}

func (s *Server) prove(ctx context.Context, c *credentials, audiences []string) (*Client, error) {
	if c.assertion == nil {
		return s.bySecret(ctx, c)
	}
	client := s.named(c.id)
	if err := c.assertion.check(client, s.Now(), audiences); err != nil {
		return nil, err
	}
	err := s.Spender.Spend(ctx, scope, "client "+client.ID+" "+token.HashToken(c.assertion.ID), c.assertion.until())
	if errors.Is(err, token.ErrReplayed) {
		return nil, &fault{status: http.StatusUnauthorized, code: invalidClient, says: "the client assertion has been used: sign a fresh one, with a jti of its own"}
	}
	if err != nil {
		return nil, fmt.Errorf("use up a client assertion: %w", err)
	}
	return client, nil
}

// bySecret compares the secrets of all clients, so that the time tells neither
// which there are nor how much of one was right.
func (s *Server) bySecret(ctx context.Context, c *credentials) (*Client, error) {
	var found *Client
	given := digest(c.id, c.secret)
	for i := range s.Clients {
		client := &s.Clients[i]
		if client.Secret == nil {
			continue
		}
		secret, err := client.Secret()
		if err != nil || len(secret) < minSecret {
			s.Log.ErrorContext(ctx, "client's secret is shorter than 32 characters or cannot be read", "client", client.ID, "err", err)
			continue
		}
		want := digest(client.ID, secret)
		if subtle.ConstantTimeCompare(given[:], want[:]) == 1 {
			found = client
		}
	}
	if found == nil {
		return nil, errClient
	}
	return found, nil
}

// digest is of one length for all names and secrets. No name holds a zero.
func digest(id, secret string) [sha256.Size]byte { return sha256.Sum256([]byte(id + "\x00" + secret)) }

func (s *Server) named(id string) *Client {
	for i := range s.Clients {
		if s.Clients[i].ID == id {
			return &s.Clients[i]
		}
	}
	return nil
}
