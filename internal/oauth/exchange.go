// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/seal"
)

// exchange returns who orders by a subject token (RFC 8693). client is who sends
// it, or nil: the subject token is proof enough. If there is one, the order is
// in its name, and within its bounds as well.
func (s *Server) exchange(r *http.Request, f form, client *Client) (*orderer, error) {
	if err := checkExchange(f); err != nil {
		return nil, err
	}
	name := ""
	if client == nil {
		if name = f.get("client_id"); name != "" && !slices.ContainsFunc(s.Identities, func(i Identity) bool { return i.Name == name }) {
			return nil, errClient // of that name there is nobody, or a client that has not proved it
		}
	}
	id, err := s.identify(r, f.get("subject_token"), name)
	if err != nil {
		return nil, err
	}
	who := &orderer{id.Name, []bound{{[]string{id.Agent}, id.Policies}}}
	if client != nil {
		who.name, who.bounds = client.ID, append(who.bounds, bound{client.Agents, client.Policies})
	}
	s.Log.InfoContext(r.Context(), "identity vouched for", "identity", id.Name, "issuer", id.Issuer, "client", who.name, "from", source(r))
	return who, nil
}

func checkExchange(f form) error {
	switch {
	case f.get("subject_token") == "" || f.get("subject_token_type") == "":
		return bad(invalidRequest, "subject_token or subject_token_type is missing")
	case !slices.Contains([]string{idTokenType, jwtType, accessTokenType}, f.get("subject_token_type")):
		return bad(invalidRequest, "subject_token_type must be "+idTokenType+", or that of a JWT")
	case f.get("requested_token_type") != "" && f.get("requested_token_type") != accessTokenType:
		return bad(invalidRequest, "requested_token_type must be "+accessTokenType+", or left out")
	case f.get("actor_token") != "" || f.get("actor_token_type") != "":
		return bad(invalidRequest, "there is no delegation here: leave actor_token out")
	}
	return nil
}

// identify verifies a subject token and returns the first identity that it is
// of: of that name, unless name is "".
func (s *Server) identify(r *http.Request, raw, name string) (*Identity, error) {
	t, err := readStatement(raw)
	if err != nil {
		return nil, err
	}
	var candidates []*Identity
	for i := range s.Identities {
		if id := &s.Identities[i]; id.Issuer == t.Issuer && (name == "" || id.Name == name) {
			candidates = append(candidates, id)
		}
	}
	if len(candidates) == 0 {
		return nil, errSubject // without asking anyone
	}
	if err := s.verify(r.Context(), t); err != nil {
		return nil, err
	}
	for _, id := range candidates {
		if t.isFor(id) && id.matches(t) {
			return id, nil
		}
	}
	s.Log.WarnContext(r.Context(), "subject token is of no identity", "issuer", t.Issuer, "subject", t.Subject, "audience", t.audience())
	return nil, errSubject
}

// verify checks that t is signed by its issuer, which must be a configured one,
// and good now.
func (s *Server) verify(ctx context.Context, t *statement) error {
	err := s.sources.of(t.Issuer, s.Now).verify(ctx, t.jws)
	if trouble := (*silent)(nil); errors.As(err, &trouble) {
		s.Log.ErrorContext(ctx, "issuer of identities does not answer", "issuer", t.Issuer, "err", err)
		return &fault{status: http.StatusServiceUnavailable, code: unavailable, says: "the issuer of the subject token does not answer"}
	}
	if err == nil {
		err = t.check(s.Now())
	}
	if err != nil {
		s.Log.WarnContext(ctx, "subject token does not hold", "issuer", t.Issuer, "err", err)
		return errSubject
	}
	return nil
}

// matches reports whether a token says all that id wants it to.
func (id *Identity) matches(t *statement) bool {
	for name, want := range id.Match {
		if !says(t.claims[name], want) {
			return false
		}
	}
	return len(id.Match) > 0
}

// says reports whether a claim is want, or a list of texts that holds it.
func says(claim, want jsontext.Value) bool {
	w, err := seal.Canonical(want)
	if err != nil || len(claim) == 0 {
		return false
	}
	if claim.Kind() != '[' {
		c, err := seal.Canonical(claim)
		return err == nil && string(c) == string(w)
	}
	var list []string
	if err := seal.Unmarshal(claim, &list); err != nil {
		return false
	}
	var text string
	err = seal.Unmarshal(w, &text)
	return err == nil && slices.Contains(list, text)
}
