// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/clawea/clawea/token"
)

// A Door is where agents' requests come in over HTTP, whatever they are for:
// how they show their token, and how those that do not are told to. Both fields
// must be set.
type Door struct {
	URL    string // where others reach the house, without a path
	Nonces Nonces
}

// Nonces are the house's own, for proofs. internal/issuer fills it.
type Nonces interface {
	// New returns the one to use now.
	New() string
}

// Present reads how r shows its token: as Authorization with DPoP or Bearer, or
// as X-Api-Key or X-Goog-Api-Key, as the clients of model providers do. It is
// false if there is none, or more than one. The answer tells who uses proofs the
// nonce to use next.
func (d *Door) Present(w http.ResponseWriter, r *http.Request) (*token.Presentation, bool) {
	p := &token.Presentation{
		Scheme: token.SchemeBearer, Proofs: r.Header.Values("DPoP"), Method: r.Method, URL: d.URL + r.URL.EscapedPath(),
		Job: r.Header.Get("Clawea-Job"), Policy: r.Header.Get("Clawea-Policy"),
	}
	if len(p.Proofs) > 0 {
		w.Header().Set("DPoP-Nonce", d.Nonces.New())
	}
	given, key := r.Header.Values("Authorization"), slices.Concat(r.Header.Values("X-Api-Key"), r.Header.Values("X-Goog-Api-Key"))
	if len(given)+len(key) != 1 {
		return nil, false
	}
	if len(key) == 1 {
		p.Raw = strings.TrimSpace(key[0])
		return p, p.Raw != ""
	}
	scheme, raw, _ := strings.Cut(strings.TrimSpace(given[0]), " ")
	p.Raw = strings.TrimSpace(raw)
	switch {
	case strings.EqualFold(scheme, token.SchemeDPoP):
		p.Scheme = token.SchemeDPoP
	case !strings.EqualFold(scheme, token.SchemeBearer):
		return nil, false
	}
	return p, p.Raw != ""
}

// Challenge tells who was refused with code, or came without a token (code ""),
// how to come again: RFC 6750 section 3, RFC 9449 section 7.1, RFC 9728 section
// 5.1. resource is the path of what was asked for, "" or "/mcp".
func (d *Door) Challenge(h http.Header, code, resource string) {
	metadata := fmt.Sprintf("resource_metadata=%q", d.URL+"/.well-known/oauth-protected-resource"+resource)
	bearer, dpop := `Bearer realm="clawea", `+metadata, `DPoP realm="clawea", algs="`+strings.Join(token.ProofAlgorithms(), " ")+`", `+metadata
	switch {
	case code == token.Code(token.ErrActionRevoked): // nothing is wrong with the token
		h.Set("Clawea-Refused", code)
		return
	case code == token.Code(token.ErrProofNonce):
		dpop += `, error="use_dpop_nonce"`
		h.Set("DPoP-Nonce", d.Nonces.New())
	case strings.HasPrefix(code, "dpop."):
		dpop += `, error="invalid_dpop_proof"`
		h.Set("DPoP-Nonce", d.Nonces.New())
	case code != "":
		bearer += `, error="invalid_token"`
		dpop += `, error="invalid_token"`
	}
	h["Www-Authenticate"] = []string{bearer, dpop} // in this order: some clients read the first only
	if code != "" {
		h.Set("Clawea-Refused", code)
	}
}
