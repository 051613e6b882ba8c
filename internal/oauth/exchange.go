// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/seal"
)

const maxSubject = 32 << 10 // bytes of a subject token

// subjectAlgorithms are those that subject tokens may be signed with: none that
// shares its secret.
var subjectAlgorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// An invalid subject token is an invalid request (RFC 8693 section 2.2.2). Who
// holds one is not told which claims would do.
var errSubject = bad(invalidRequest, "the subject token is not one of an identity that may order here, or does not hold")

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
	iss := issuerOf(raw)
	var candidates []*Identity
	for i := range s.Identities {
		if id := &s.Identities[i]; id.Issuer == iss && (name == "" || id.Name == name) {
			candidates = append(candidates, id)
		}
	}
	if len(candidates) == 0 {
		return nil, errSubject // without asking anyone
	}
	t, err := s.verify(r.Context(), iss, raw)
	if err != nil {
		return nil, err
	}
	for _, id := range candidates {
		if slices.Contains(t.Audience, id.Audience) && id.matches(t) {
			return id, nil
		}
	}
	s.Log.WarnContext(r.Context(), "subject token is of no identity", "issuer", iss, "subject", t.Subject, "audience", t.Audience)
	return nil, errSubject
}

// verify checks that a subject token is signed by its issuer and good now.
func (s *Server) verify(ctx context.Context, issuer, raw string) (*oidc.IDToken, error) {
	var algorithms []string
	for _, a := range subjectAlgorithms {
		algorithms = append(algorithms, string(a))
	}
	keys := &hearing{KeySet: s.sources.of(issuer, s.Now)}
	v := oidc.NewVerifier(issuer, keys, &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: algorithms, Now: s.Now})
	t, err := v.Verify(ctx, raw)
	if trouble := (*silent)(nil); errors.As(keys.err, &trouble) {
		s.Log.ErrorContext(ctx, "issuer of identities does not answer", "issuer", issuer, "err", keys.err)
		return nil, &fault{status: http.StatusServiceUnavailable, code: unavailable, says: "the issuer of the subject token does not answer"}
	}
	if err != nil {
		s.Log.WarnContext(ctx, "subject token does not hold", "issuer", issuer, "err", err)
		return nil, errSubject
	}
	return t, nil
}

// A hearing keeps the error of a key set, of which oidc keeps only the text.
type hearing struct {
	oidc.KeySet
	err error
}

// VerifySignature is the key set's.
func (h *hearing) VerifySignature(ctx context.Context, raw string) (payload []byte, err error) {
	payload, h.err = h.KeySet.VerifySignature(ctx, raw)
	return payload, h.err
}

// issuerOf returns who a subject token says it is from, or "".
func issuerOf(raw string) string {
	if len(raw) > maxSubject {
		return ""
	}
	jws, err := jose.ParseSignedCompact(raw, subjectAlgorithms)
	if err != nil {
		return ""
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := seal.Glance(jws.UnsafePayloadWithoutVerification(), &claims); err != nil {
		return ""
	}
	return claims.Issuer
}

// matches reports whether a token says all that id wants it to.
func (id *Identity) matches(t *oidc.IDToken) bool {
	var payload json.RawMessage
	if err := t.Claims(&payload); err != nil {
		return false
	}
	var claims map[string]jsontext.Value
	if err := seal.Glance(payload, &claims); err != nil {
		return false
	}
	for name, want := range id.Match {
		if !says(claims[name], want) {
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
