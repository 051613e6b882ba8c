// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package oauth is the house as an OAuth 2.0 authorization server: programs
// order the tokens of their jobs with the client library that they have, and
// look them up and revoke them. spec/oauth.md is its definition.
//
// It decides who asks. What a token may hold is the issuer's affair.
package oauth

import (
	"context"
	"crypto"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// The paths of the endpoints, below Server.URL.
const (
	AuthorizePath  = "/oauth/authorize"
	TokenPath      = "/oauth/token"
	IntrospectPath = "/oauth/introspect"
	RevokePath     = "/oauth/revoke"
)

// An Issuer mints tokens and checks them. internal/issuer fills it.
type Issuer interface {
	// Mint fails with issuer.ErrOrder for an order beyond its policy.
	Mint(ctx context.Context, o issuer.Order) (*issuer.Minted, error)
	// Check verifies a token that is being used, its proof, and what it stands on.
	// Claims that can be believed come back even with an error.
	Check(ctx context.Context, p *token.Presentation) (token.Shown, error)
	// Look is Check for a token that is only asked about: without a proof.
	Look(ctx context.Context, raw string) (*token.Claims, error)
}

// Nonces are the house's own, for proofs. internal/issuer fills it.
type Nonces interface {
	New() string        // the one to use now
	Good(s string) bool // whether s is one that was given lately
}

// A Spender uses up what is good once, for all replicas.
type Spender interface {
	// Spend fails with token.ErrReplayed if id has been spent in scope. It need not
	// be remembered after until.
	Spend(ctx context.Context, scope, id string, until time.Time) error
}

// A Revoker revokes, durably when it returns.
type Revoker interface {
	Revoke(ctx context.Context, r token.Revocation, by, reason string) error
}

// A Client is a program that orders tokens and proves that it is itself. It has
// a Secret or a Key.
type Client struct {
	ID       string
	Secret   func() (string, error) // fetched for every request, so that it can be changed under a running daemon
	Key      crypto.PublicKey       // ed25519.PublicKey, or *ecdsa.PublicKey on P-256
	Agents   []string               // whom it may order for
	Policies []seal.Hash            // under which it may order; nil: any that is published
}

// An Identity is who another issuer vouches for.
type Identity struct {
	Name     string
	Issuer   string                    // "iss" of its tokens, and where its keys are found
	Audience string                    // one of "aud"
	Match    map[string]jsontext.Value // what its tokens must say: texts, whole numbers, true or false
	Agent    string                    // whom it may order for
	Policies []seal.Hash               // under which it may order; nil: any that is published
}

// A Server answers at the endpoints. All fields must be set, but for Clients,
// Identities and PlainBearer; without clients and identities, nobody orders.
// The names of both, and of operators, are all different: they are what a token
// calls who ordered it.
type Server struct {
	URL         string // where others reach the house, without a path: the issuer's name
	House       string // whom tokens are for
	Issuer      Issuer
	Nonces      Nonces
	Spender     Spender
	Revoker     Revoker
	Clients     []Client
	Identities  []Identity
	PlainBearer bool // for metadata: whether some tokens are good without proof
	Now         func() time.Time
	Log         *slog.Logger

	failures failures
	sources  sources
}

// scope is where this package's proofs and assertions are spent.
const scope = "oauth"

func (s *Server) write(w http.ResponseWriter, r *http.Request, status int, v any) {
	b, err := seal.Marshal(v)
	if err != nil {
		s.Log.ErrorContext(r.Context(), "answer cannot be written", "path", r.URL.Path, "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store") // RFC 6749 section 5.1
	w.WriteHeader(status)
	if _, err := w.Write(b); err != nil {
		s.Log.DebugContext(r.Context(), "client gone", "err", err)
	}
}
