// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// An introspection is RFC 7662 section 2.2, with RFC 9396 section 9.2 and
// RFC 9449 section 6.2. Of a token that is not good now it says nothing else.
type introspection struct {
	Active   bool                `json:"active"`
	Client   string              `json:"client_id,omitempty"`
	Agent    string              `json:"sub,omitempty"`
	Audience string              `json:"aud,omitempty"`
	Issuer   string              `json:"iss,omitempty"`
	Expires  int64               `json:"exp,omitzero"`
	Issued   int64               `json:"iat,omitzero"`
	ID       token.ID            `json:"jti,omitempty"`
	Type     string              `json:"token_type,omitempty"`
	Confirm  *token.Confirmation `json:"cnf,omitzero"`
	Details  []token.Detail      `json:"authorization_details,omitempty"`
	Job      string              `json:"job,omitempty"`
	Policy   seal.Hash           `json:"policy_hash,omitzero"`
}

// ServeIntrospection answers POST /oauth/introspect (RFC 7662): to the client
// that ordered the token, and to whoever presents the token itself as one does
// to use it.
func (s *Server) ServeIntrospection(w http.ResponseWriter, r *http.Request) {
	t, err := s.subject(w, r, IntrospectPath)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if !t.ours || t.err != nil {
		s.write(w, r, http.StatusOK, introspection{})
		return
	}
	c := t.claims
	s.write(w, r, http.StatusOK, introspection{
		Active: true, Client: c.Client, Agent: c.Agent, Audience: c.Audience, Issuer: c.Issuer, Expires: c.Expires, Issued: c.Issued,
		ID: c.ID, Type: schemeOf(c), Confirm: c.Confirm, Details: c.Details, Job: c.Job, Policy: c.Policy,
	})
}

// empty is an answer that says nothing but that all is well.
type empty struct{}

// ServeRevocation answers POST /oauth/revoke (RFC 7009): to the client that
// ordered the token, and to whoever presents the token itself.
func (s *Server) ServeRevocation(w http.ResponseWriter, r *http.Request) {
	if err := s.revoke(w, r); err != nil {
		s.fail(w, r, err)
		return
	}
	s.write(w, r, http.StatusOK, empty{})
}

func (s *Server) revoke(w http.ResponseWriter, r *http.Request) error {
	t, err := s.subject(w, r, RevokePath)
	if err != nil {
		return err
	}
	switch {
	case over(t.err):
		return nil // RFC 7009 section 2.2: what is not good any more need not be revoked
	case t.claims == nil && stopped(t.err):
		return bad(accessDenied, t.err.Error()) // it could be good again; its client can end it all the same
	case t.claims == nil:
		return nil
	case !t.ours:
		return bad(invalidGrant, "the token was issued to another client")
	}
	c := t.claims
	if err := s.Revoker.Revoke(r.Context(), token.Revocation{Kind: token.RevokeToken, Target: string(c.ID)}, t.by, "revoked over OAuth"); err != nil {
		return err
	}
	s.Log.InfoContext(r.Context(), "token revoked", "by", t.by, "from", source(r), "token", string(c.ID), "job", c.Job)
	return nil
}

// over reports whether err says that a token will not be good again, whatever
// is lifted.
func over(err error) bool {
	return errors.Is(err, token.ErrExpired) || errors.Is(err, token.ErrRevoked) || errors.Is(err, token.ErrAudience) || errors.Is(err, token.ErrJobRevoked)
}

// A subject is the token that a request is about.
type subject struct {
	claims *token.Claims // nil if its signature does not hold, or nothing is known of it
	err    error         // why it is not good now, but for the proof that its use would take
	ours   bool          // whether who asks has ordered it, or holds it
	by     string        // who asks
}

// subject authenticates who asks and looks the token up. What it finds wrong
// with the token is in the answer; errors are about the request.
func (s *Server) subject(w http.ResponseWriter, r *http.Request, path string) (*subject, error) {
	f, err := readForm(w, r)
	if err != nil {
		return nil, err
	}
	raw := f.get("token")
	if raw == "" {
		return nil, bad(invalidRequest, "token is missing")
	}
	if given := r.Header.Values("Authorization"); len(given) == 1 && !isBasic(given[0]) {
		return s.holder(w, r, f, path)
	}
	client, err := s.client(r, f)
	if err != nil {
		return nil, err
	}
	if client == nil {
		return nil, errClient
	}
	c, err := s.Issuer.Look(r.Context(), raw)
	if err != nil && token.Code(err) == token.CodeUnknown {
		return nil, err
	}
	return &subject{claims: c, err: err, ours: c != nil && c.Client == client.ID, by: client.ID}, nil
}

func isBasic(header string) bool {
	scheme, _, _ := strings.Cut(header, " ")
	return strings.EqualFold(scheme, "Basic")
}

// holder is subject for a token that speaks for itself: it is sent as it would
// be to use it, with a proof for this endpoint if it is bound to a key.
func (s *Server) holder(w http.ResponseWriter, r *http.Request, f form, path string) (*subject, error) {
	scheme, raw, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	raw = strings.TrimSpace(raw)
	p := &token.Presentation{Raw: raw, Scheme: token.SchemeBearer, Proofs: r.Header.Values("DPoP"), Method: r.Method, URL: s.URL + path}
	if strings.EqualFold(scheme, token.SchemeDPoP) {
		p.Scheme = token.SchemeDPoP
		w.Header().Set("DPoP-Nonce", s.Nonces.New())
	} else if !strings.EqualFold(scheme, token.SchemeBearer) {
		return nil, errClient
	}
	if subtle.ConstantTimeCompare([]byte(raw), []byte(f.get("token"))) != 1 || f.get("client_secret") != "" || f.get("client_assertion") != "" {
		return nil, errClient // a token speaks for itself and no other
	}
	shown, err := s.Issuer.Check(r.Context(), p)
	c := shown.Claims
	if shown.Proof != nil {
		if spent := s.spend(r.Context(), shown.Proof); spent != nil {
			err = spent
		}
	}
	switch code := token.Code(err); {
	case errors.Is(err, token.ErrProofNonce):
		return nil, &fault{status: http.StatusUnauthorized, code: useNonce, says: "use the nonce of the header DPoP-Nonce", dpop: true}
	case err != nil && strings.HasPrefix(code, "dpop."):
		return nil, &fault{status: http.StatusUnauthorized, code: invalidProof, says: err.Error(), dpop: true}
	case err != nil && code == token.CodeUnknown:
		return nil, err
	case err != nil:
		w.Header().Set("Clawea-Refused", code) // as everywhere where a token is refused
		return &subject{err: err}, nil         // who asks learns nothing else, and ends nothing
	}
	return &subject{claims: c, ours: true, by: c.Client}, nil
}
