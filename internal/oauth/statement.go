// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"errors"
	"slices"
	"time"

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

// subjectLead is how far the clock of a subject token's issuer may be ahead of
// ours.
const subjectLead = 30 * time.Second

// A statement is what a subject token says. It is read as strictly as our own
// papers: a claim that differs from one of these only in case is another claim.
type statement struct {
	Issuer    string                         `json:"iss"`
	Subject   string                         `json:"sub"`
	Audience  *seal.Either[string, []string] `json:"aud"`
	Party     string                         `json:"azp"` // to whom it was issued
	Expires   float64                        `json:"exp"` // Unix seconds, as the other
	NotBefore float64                        `json:"nbf"`

	claims map[string]jsontext.Value // all
	jws    *jose.JSONWebSignature
}

// readStatement reads a subject token without believing it.
func readStatement(raw string) (*statement, error) {
	if len(raw) > maxSubject {
		return nil, errSubject
	}
	jws, err := jose.ParseSignedCompact(raw, subjectAlgorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, errSubject
	}
	t := &statement{jws: jws}
	payload := jws.UnsafePayloadWithoutVerification()
	if err := seal.Glance(payload, t); err != nil {
		return nil, errSubject
	}
	if err := seal.Glance(payload, &t.claims); err != nil {
		return nil, errSubject
	}
	return t, nil
}

// check says why t is not good now, if it is its issuer's.
func (t *statement) check(now time.Time) error {
	_, events := t.claims["events"]
	switch k := kind(t.jws.Signatures[0].Protected); {
	case events || k == "logout+jwt" || k == "secevent+jwt": // OpenID Connect Back-Channel Logout 1.0 section 2.4, RFC 8417
		return errors.New("it says what has happened, such as a logout, and not who someone is")
	case !timely(t.Expires) || !now.Before(time.Unix(int64(t.Expires), 0)):
		return errors.New("it has expired, or has no exp")
	case early(t.NotBefore, now.Add(subjectLead)):
		return errors.New("it is not valid yet")
	}
	return nil
}

func (t *statement) audience() []string {
	switch {
	case t.Audience == nil:
		return nil
	case t.Audience.A != nil:
		return []string{*t.Audience.A}
	}
	return *t.Audience.B
}

// isFor reports whether t is for id's audience. One that is for several was also
// issued to it (OpenID Connect Core 1.0 section 2, azp), or to whom id.Match
// says: otherwise any of the others could have got it for itself and order here.
func (t *statement) isFor(id *Identity) bool {
	all := t.audience()
	if !slices.Contains(all, id.Audience) {
		return false
	}
	_, named := id.Match["azp"]
	return len(all) == 1 || named || t.Party == id.Audience
}
