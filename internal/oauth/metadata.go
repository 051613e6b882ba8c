// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net/http"
	"strings"

	"github.com/clawea/clawea/token"
)

// The grant types and token types that the endpoints know.
const (
	clientCredentials = "client_credentials"
	tokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange"

	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
	idTokenType     = "urn:ietf:params:oauth:token-type:id_token"
	jwtType         = "urn:ietf:params:oauth:token-type:jwt"
)

// documentation is where people read about it.
const documentation = "https://github.com/clawea/clawea/blob/main/spec/oauth.md"

var (
	clientMethods    = []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}
	assertionMethods = []string{"EdDSA", "Ed25519", "ES256"}
)

// A serverMetadata is RFC 8414 section 2, with RFC 9396 section 10 and RFC 9449
// section 5.1.
type serverMetadata struct {
	Issuer               string   `json:"issuer"`
	Authorize            string   `json:"authorization_endpoint"` // required by clients that never come there
	Token                string   `json:"token_endpoint"`
	Introspection        string   `json:"introspection_endpoint"`
	Revocation           string   `json:"revocation_endpoint"`
	JWKS                 string   `json:"jwks_uri"`
	ResponseTypes        []string `json:"response_types_supported"` // required, and none: nothing is authorized in a browser
	GrantTypes           []string `json:"grant_types_supported"`
	TokenAuth            []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgs        []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuth    []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAlgs    []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	RevocationAuth       []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAlgs       []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	AuthorizationDetails []string `json:"authorization_details_types_supported"`
	ProofAlgs            []string `json:"dpop_signing_alg_values_supported"`
	Documentation        string   `json:"service_documentation"`
}

// ServeMetadata answers GET /.well-known/oauth-authorization-server (RFC 8414).
func (s *Server) ServeMetadata(w http.ResponseWriter, r *http.Request) {
	grants, tokenAuth := []string{clientCredentials}, clientMethods
	if len(s.Identities) > 0 { // an exchange needs no client: its subject token says who asks
		grants, tokenAuth = append(grants, tokenExchange), append([]string{"none"}, clientMethods...)
	}
	s.write(w, r, http.StatusOK, serverMetadata{
		Issuer: s.URL, Authorize: s.URL + AuthorizePath, Token: s.URL + TokenPath, Introspection: s.URL + IntrospectPath, Revocation: s.URL + RevokePath,
		JWKS: s.jwks(), ResponseTypes: []string{}, GrantTypes: grants,
		TokenAuth: tokenAuth, TokenAuthAlgs: assertionMethods,
		IntrospectionAuth: clientMethods, IntrospectionAlgs: assertionMethods,
		RevocationAuth: clientMethods, RevocationAlgs: assertionMethods,
		AuthorizationDetails: []string{detailType}, ProofAlgs: token.ProofAlgorithms(), Documentation: documentation,
	})
}

// ServeAuthorization answers GET /oauth/authorize: nobody gets a token there. The
// metadata says so by its response types, and does not say that PKCE is known, so that a
// client that reads it does not come (RFC 6749 section 4.1.2.1). Nobody is sent back to
// where they say that they come from: the house knows no such places.
func (s *Server) ServeAuthorization(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, bad(noResponse, "nobody gets a token of this house in a browser: start the agent with clawea run, or order with client credentials"))
}

// A resourceMetadata is RFC 9728 section 2.
type resourceMetadata struct {
	Resource             string   `json:"resource"`
	Servers              []string `json:"authorization_servers"`
	JWKS                 string   `json:"jwks_uri"`
	Methods              []string `json:"bearer_methods_supported"`
	AuthorizationDetails []string `json:"authorization_details_types_supported"`
	ProofAlgs            []string `json:"dpop_signing_alg_values_supported"`
	Bound                bool     `json:"dpop_bound_access_tokens_required"`
	Name                 string   `json:"resource_name"`
	Documentation        string   `json:"resource_documentation"`
}

// ServeResource answers GET /.well-known/oauth-protected-resource and, for the
// MCP endpoint, GET /.well-known/oauth-protected-resource/mcp (RFC 9728).
func (s *Server) ServeResource(w http.ResponseWriter, r *http.Request) {
	resource := s.URL
	if strings.HasSuffix(r.URL.Path, "/mcp") {
		resource += "/mcp"
	}
	s.write(w, r, http.StatusOK, resourceMetadata{
		Resource: resource, Servers: []string{s.URL}, JWKS: s.jwks(), Methods: []string{"header"},
		AuthorizationDetails: []string{detailType}, ProofAlgs: token.ProofAlgorithms(), Bound: !s.PlainBearer,
		Name: "Clawea", Documentation: documentation,
	})
}

func (s *Server) jwks() string { return s.URL + "/.well-known/jwks.json" }
