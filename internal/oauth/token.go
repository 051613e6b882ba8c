// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/clawea/clawea/token"
)

// An issued is the answer to an order (RFC 6749 section 5.1, RFC 8693 section
// 2.2.1, RFC 9396 section 7).
type issued struct {
	Token   string   `json:"access_token"`
	Kind    string   `json:"issued_token_type,omitempty"` // of an exchange
	Type    string   `json:"token_type"`
	Expires int64    `json:"expires_in"` // seconds
	Details []detail `json:"authorization_details"`
}

// ServeToken answers POST /oauth/token (RFC 6749 section 3.2). Every answer has
// the nonce to use next.
func (s *Server) ServeToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("DPoP-Nonce", s.Nonces.New()) // RFC 9449 section 8.2
	w.Header().Set("Pragma", "no-cache")         // RFC 6749 section 5.1
	answer, err := s.issue(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.write(w, r, http.StatusOK, answer)
}

// issue checks a request in the order of what it costs, and of what it uses up:
// a client that lacks a nonce has not yet spent its assertion.
func (s *Server) issue(w http.ResponseWriter, r *http.Request) (*issued, error) {
	f, err := readForm(w, r)
	if err != nil {
		return nil, err
	}
	proof, err := s.proof(r, TokenPath)
	if err != nil {
		return nil, err
	}
	who, err := s.who(r, f)
	if err != nil {
		return nil, err
	}
	if f.get("scope") != "" {
		return nil, bad(invalidScope, "there are no scopes here: say in authorization_details what the token is for")
	}
	if err := f.only(s.URL, s.URL+"/mcp", s.House); err != nil {
		return nil, err
	}
	d, err := who.detail(f.get("authorization_details"))
	if err != nil {
		return nil, err
	}
	order, err := who.order(d)
	if err != nil {
		return nil, err
	}
	if proof != nil {
		err := s.spend(r.Context(), proof)
		if errors.Is(err, token.ErrReplayed) {
			return nil, bad(invalidProof, token.ErrReplayed.Error())
		}
		if err != nil {
			return nil, err
		}
		order.Key = proof.Key
	}
	m, err := s.Issuer.Mint(r.Context(), *order)
	if err != nil {
		return nil, refused(err)
	}
	s.Log.InfoContext(r.Context(), "token issued", "client", who.name, "from", source(r), "token", string(m.Claims.ID), "job", m.Claims.Job,
		"agent", m.Claims.Agent, "policy", m.Claims.Policy.Short(), "bound", proof != nil)
	out := &issued{Token: m.Raw, Type: schemeOf(m.Claims), Expires: m.Claims.Expires - m.Claims.Issued, Details: granted(m.Claims)}
	if f.get("grant_type") == tokenExchange {
		out.Kind = accessTokenType
	}
	return out, nil
}

// who returns who orders, by the grant that it comes with.
func (s *Server) who(r *http.Request, f form) (*orderer, error) {
	grant := f.get("grant_type")
	switch grant {
	case clientCredentials, tokenExchange:
	case "":
		return nil, bad(invalidRequest, "grant_type is missing")
	default:
		return nil, bad(unsupportedGrant, "grant_type must be "+clientCredentials+" or "+tokenExchange)
	}
	client, err := s.client(r, f)
	if err != nil {
		return nil, err
	}
	if grant == tokenExchange {
		return s.exchange(r, f, client)
	}
	if client == nil {
		return nil, errClient
	}
	return &orderer{client.ID, []bound{{client.Agents, client.Policies}}}, nil
}

func schemeOf(c *token.Claims) string {
	if c.Bound() != "" {
		return token.SchemeDPoP
	}
	return token.SchemeBearer
}

// proof returns the proof that r comes with, or nil if it comes with none. It
// is for the endpoint at path.
func (s *Server) proof(r *http.Request, path string) (*token.Proof, error) {
	given := r.Header.Values("DPoP")
	switch len(given) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, bad(invalidProof, "there is more than one DPoP header")
	}
	p, err := token.CheckProof(given[0], &token.ProofWant{Method: r.Method, URL: s.URL + path, Now: s.Now(), Nonce: s.Nonces.Good})
	if errors.Is(err, token.ErrProofNonce) {
		return nil, bad(useNonce, "use the nonce of the header DPoP-Nonce")
	}
	if err != nil {
		return nil, bad(invalidProof, err.Error())
	}
	return p, nil
}

// spend uses up a proof: it is good once, whatever replica it comes to. It
// fails with token.ErrReplayed.
func (s *Server) spend(ctx context.Context, p *token.Proof) error {
	if err := s.Spender.Spend(ctx, scope, p.Key+" "+token.HashToken(p.ID), p.Until()); err != nil {
		return fmt.Errorf("use up a proof: %w", err)
	}
	return nil
}
