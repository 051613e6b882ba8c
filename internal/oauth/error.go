// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/token"
)

// The errors that clients are told, and where they are defined.
const (
	invalidRequest   = "invalid_request"               // RFC 6749 section 5.2
	invalidClient    = "invalid_client"                // RFC 6749 section 5.2
	invalidGrant     = "invalid_grant"                 // RFC 6749 section 5.2
	invalidScope     = "invalid_scope"                 // RFC 6749 section 5.2
	unsupportedGrant = "unsupported_grant_type"        // RFC 6749 section 5.2
	noResponse       = "unsupported_response_type"     // RFC 6749 section 4.1.2.1
	accessDenied     = "access_denied"                 // RFC 6749 section 4.1.2.1; at the token endpoint RFC 8628 section 3.5
	unavailable      = "temporarily_unavailable"       // RFC 6749 section 4.1.2.1
	invalidTarget    = "invalid_target"                // RFC 8707 section 2, RFC 8693 section 2.2.2
	invalidDetails   = "invalid_authorization_details" // RFC 9396 section 5
	invalidProof     = "invalid_dpop_proof"            // RFC 9449 section 5
	useNonce         = "use_dpop_nonce"                // RFC 9449 section 8
)

// A fault is an error that the client is told.
type fault struct {
	status int
	code   string
	says   string
	dpop   bool // whether the sender is to prove something to be let in, rather than authenticate as a client
}

func (f *fault) Error() string { return f.code + ": " + f.says }

func bad(code, says string) *fault {
	return &fault{status: http.StatusBadRequest, code: code, says: says}
}

// errClient says the same for a client that is not known and a secret that is
// wrong.
var errClient = &fault{status: http.StatusUnauthorized, code: invalidClient, says: "the client is not known, or has not proved to be itself"}

var errTooOften = &fault{status: http.StatusTooManyRequests, code: unavailable, says: "too many failed attempts; wait a minute"}

// A failure is the answer to a request that failed (RFC 6749 section 5.2).
type failure struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// fail tells the client what it may know of err, and the log the rest.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := &fault{}
	switch {
	case !errors.As(err, &f):
		s.Log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "err", err)
		f = &fault{status: http.StatusServiceUnavailable, code: unavailable, says: "the house is in trouble; its log says why"}
	case f.code != useNonce: // which is a step of the protocol
		s.Log.InfoContext(r.Context(), "request refused", "path", r.URL.Path, "from", source(r), "error", f.code, "says", f.says)
	}
	switch {
	case f.status == http.StatusUnauthorized && f.dpop: // RFC 9449 section 7.1
		w.Header().Set("WWW-Authenticate", `DPoP algs="`+strings.Join(token.ProofAlgorithms(), " ")+`", error="`+f.code+`"`)
	case f.status == http.StatusUnauthorized: // RFC 6749 section 5.2
		w.Header().Set("WWW-Authenticate", `Basic realm="clawea"`)
	case f.status == http.StatusTooManyRequests || f.status == http.StatusServiceUnavailable: // RFC 7009 section 2.2.1
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	s.write(w, r, f.status, failure{f.code, describe(f.says)})
}

const retryAfter = 60 // seconds

const maxDescription = 400 // bytes

// describe puts s into the characters that RFC 6749 section 5.2 lets a
// description have, on one line.
func describe(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r == '\n':
			return ' '
		case r < ' ' || r > '~' || r == '\\':
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), maxDescription)]
}

// refused puts the issuer's errors into those of OAuth. What is not here is the
// house's trouble, and not told.
func refused(err error) error {
	switch {
	case errors.Is(err, token.ErrBearer):
		// RFC 9449 names no error for a proof that is not there but has to be; this
		// is the one for a request whose proof is not what is wanted.
		return bad(invalidProof, "the policy and this house take no plain bearer tokens: send a DPoP proof with the request")
	case errors.Is(err, issuer.ErrAttestation):
		return bad(invalidDetails, strings.ReplaceAll(err.Error(), "\n", "; "))
	case stopped(err):
		return bad(accessDenied, err.Error())
	case errors.Is(err, issuer.ErrOrder):
		return bad(invalidDetails, err.Error())
	case errors.Is(err, store.ErrNotFound):
		return bad(invalidDetails, "policy_hash: there is no such policy here")
	case errors.Is(err, registry.ErrUnusable):
		return bad(invalidDetails, "policy_hash: the stored policy does not verify; nothing is allowed by it")
	}
	return err
}

// stopped reports whether err says that something is revoked.
func stopped(err error) bool {
	for _, e := range []error{token.ErrRevoked, token.ErrJobRevoked, token.ErrAgentRevoked, token.ErrPolicyRevoked, token.ErrAllRevoked} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
