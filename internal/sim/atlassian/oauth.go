// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Client is an application that is registered with the authorization server.
type Client struct {
	ID           string
	Secret       string
	Scopes       []string // all that it may ask for
	RedirectURIs []string // of an application that acts for people, by consent
	Account      string   // account id of the service account that it is, with client credentials
}

// authority is the authorization server: on real sites auth.atlassian.com, here beside the products.
type authority struct {
	clients map[string]*Client
	codes   map[string]*grant
	refresh map[string]*refreshToken
	person  *account // who sits at the browser
}

// grant is what somebody consented to.
type grant struct {
	client    *Client
	account   *account
	scopes    []string
	redirect  string
	challenge string // of PKCE; empty for none
	issued    time.Time
	revoked   bool
}

// refreshToken is good for one use.
type refreshToken struct {
	grant *grant
	used  time.Time // zero: not yet
}

// codeLife is how long an authorization code is good for.
const codeLife = 5 * time.Minute

func newAuthority() authority {
	return authority{clients: make(map[string]*Client), codes: make(map[string]*grant), refresh: make(map[string]*refreshToken)}
}

// AddClient registers an application. Its endpoints are /authorize, /oauth/token and /oauth/token/accessible-resources.
func (s *Site) AddClient(c Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Scopes, c.RedirectURIs = slices.Clone(c.Scopes), slices.Clone(c.RedirectURIs)
	s.oauth.clients[c.ID] = &c
}

// SignIn puts an account before the browser: it consents to all that /authorize asks for from now on. Nobody does for an
// empty id.
func (s *Site) SignIn(accountID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oauth.person = nil
	if accountID != "" {
		s.oauth.person = s.author(accountID)
	}
}

// Revoke withdraws what an account consented to: its access and refresh tokens for the application are good for nothing.
func (s *Site) Revoke(clientID, accountID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.oauth.refresh {
		if t.grant.client.ID == clientID && t.grant.account.id == accountID {
			t.grant.revoked = true
		}
	}
	for _, held := range s.credentials {
		if held.grant != nil && held.grant.client.ID == clientID && held.account.id == accountID {
			held.grant.revoked = true
		}
	}
}

// frontDoor answers what is not an operation of a product.
func (s *Site) frontDoor(r *http.Request, body []byte) (reply, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config.DataCenter {
		return reply{}, false
	}
	if r.URL.Path == "/_edge/tenant_info" && r.Method == http.MethodGet {
		return ok(object{"cloudId": s.cloudID}), true
	}
	var answer func(*http.Request, []byte) reply
	switch r.Method + " " + r.URL.Path {
	case "GET /authorize":
		answer = s.authorize
	case "POST /oauth/token":
		answer = s.token
	case "GET /oauth/token/accessible-resources":
		answer = s.resources
	default:
		return reply{}, false
	}
	s.log = append(s.log, Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query()})
	return answer(r, body), true
}

func oauthError(status int, code, description string) reply {
	return reply{status: status, body: object{"error": code, "error_description": description}}
}

// authorize sends the browser back with a code, or with what is wrong.
func (s *Site) authorize(r *http.Request, _ []byte) reply {
	q := r.URL.Query()
	client := s.oauth.clients[q.Get("client_id")]
	if client == nil || !slices.Contains(client.RedirectURIs, q.Get("redirect_uri")) {
		return oauthError(http.StatusBadRequest, "invalid_request", "The client_id or redirect_uri is not registered.")
	}
	back := url.Values{"state": {q.Get("state")}}
	scopes := strings.Fields(q.Get("scope"))
	switch {
	case q.Get("audience") != "api.atlassian.com" || q.Get("response_type") != "code" || len(scopes) == 0:
		back["error"] = []string{"invalid_request"}
	case q.Get("code_challenge") != "" && q.Get("code_challenge_method") != "S256":
		back["error"] = []string{"invalid_request"}
	case !client.mayAsk(scopes):
		back["error"] = []string{"invalid_scope"}
	case s.oauth.person == nil:
		back["error"] = []string{"access_denied"}
	default:
		code := rand.Text()
		s.oauth.codes[code] = &grant{client: client, account: s.oauth.person, scopes: scopes,
			redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), issued: s.now()}
		back["code"] = []string{code}
	}
	return reply{status: http.StatusFound, header: http.Header{"Location": {q.Get("redirect_uri") + "?" + back.Encode()}}}
}

func (c *Client) mayAsk(scopes []string) bool {
	return !slices.ContainsFunc(scopes, func(scope string) bool {
		return scope != "offline_access" && !slices.Contains(c.Scopes, scope)
	})
}

// tokenRequest is the body of a request to the token endpoint, in JSON or as a form.
type tokenRequest struct {
	GrantType    string `json:"grant_type"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Code         string `json:"code"`
	RedirectURI  string `json:"redirect_uri"`
	Verifier     string `json:"code_verifier"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
	Audience     string `json:"audience"`
}

func readTokenRequest(r *http.Request, body []byte) (in tokenRequest, valid bool) {
	if isJSON(r) {
		return in, json.Unmarshal(body, &in) == nil
	}
	form, err := url.ParseQuery(string(body))
	in = tokenRequest{form.Get("grant_type"), form.Get("client_id"), form.Get("client_secret"), form.Get("code"),
		form.Get("redirect_uri"), form.Get("code_verifier"), form.Get("refresh_token"), form.Get("scope"), form.Get("audience")}
	if id, secret, basic := r.BasicAuth(); basic {
		in.ClientID, in.ClientSecret = id, secret
	}
	return in, err == nil
}

func (s *Site) token(r *http.Request, body []byte) reply {
	in, valid := readTokenRequest(r, body)
	if !valid {
		return oauthError(http.StatusBadRequest, "invalid_request", "The request cannot be read.")
	}
	client := s.oauth.clients[in.ClientID]
	if client == nil || subtle.ConstantTimeCompare([]byte(client.Secret), []byte(in.ClientSecret)) != 1 {
		return oauthError(http.StatusUnauthorized, "access_denied", "Unauthorized")
	}
	switch in.GrantType {
	case "client_credentials":
		return s.serve(client, in)
	case "authorization_code":
		return s.redeem(client, in)
	case "refresh_token":
		return s.renew(client, in)
	}
	return oauthError(http.StatusBadRequest, "unsupported_grant_type", "The grant type '"+in.GrantType+"' is not supported.")
}

// serve answers a service account. It has no refresh token: it can ask again.
func (s *Site) serve(client *Client, in tokenRequest) reply {
	acct := s.accounts[client.Account]
	if acct == nil {
		return oauthError(http.StatusForbidden, "unauthorized_client", "The client is not a service account.")
	}
	scopes := strings.Fields(in.Scope)
	if len(scopes) == 0 {
		scopes = client.Scopes
	}
	if !client.mayAsk(scopes) {
		return oauthError(http.StatusBadRequest, "invalid_scope", "The client may not ask for these scopes.")
	}
	return s.hand(&grant{client: client, account: acct, scopes: scopes}, false)
}

func (s *Site) redeem(client *Client, in tokenRequest) reply {
	g := s.oauth.codes[in.Code]
	delete(s.oauth.codes, in.Code)
	sum := sha256.Sum256([]byte(in.Verifier))
	switch {
	case g == nil, g.client != client, g.redirect != in.RedirectURI, s.now().Sub(g.issued) > codeLife:
		return oauthError(http.StatusForbidden, "invalid_grant", "Invalid authorization code")
	case g.challenge != "" && g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]):
		return oauthError(http.StatusForbidden, "invalid_grant", "Failed to verify code verifier")
	}
	return s.hand(g, slices.Contains(g.scopes, "offline_access"))
}

// renew takes a refresh token and gives another. One that comes again revokes all that came of the consent, except
// within the leeway.
func (s *Site) renew(client *Client, in tokenRequest) reply {
	t := s.oauth.refresh[in.RefreshToken]
	if t != nil && !t.used.IsZero() && s.now().Sub(t.used) >= s.config.RefreshLeeway {
		t.grant.revoked = true
	}
	if t == nil || t.grant.client != client || t.grant.revoked {
		return oauthError(http.StatusForbidden, "invalid_grant", "Unknown or invalid refresh token.")
	}
	if t.used.IsZero() {
		t.used = s.now()
	}
	return s.hand(t.grant, true)
}

// hand answers with an access token and, if wanted, a refresh token.
func (s *Site) hand(g *grant, refreshable bool) reply {
	life := s.config.TokenLife
	if life == 0 {
		life = time.Hour
	}
	scopes := slices.DeleteFunc(slices.Clone(g.scopes), func(scope string) bool { return scope == "offline_access" })
	held := &credential{account: g.account, token: rand.Text() + rand.Text(), scopes: scopes, bearer: true, expires: s.now().Add(life), grant: g}
	s.credentials = append(s.credentials, held)
	o := object{
		"access_token": held.token, "expires_in": int(life / time.Second), "token_type": "Bearer", "scope": strings.Join(g.scopes, " "),
	}
	if refreshable {
		next := rand.Text() + rand.Text()
		s.oauth.refresh[next] = &refreshToken{grant: g}
		o["refresh_token"] = next
	}
	return reply{status: http.StatusOK, body: o, header: http.Header{"Cache-Control": {"no-store"}}}
}

// resources answers with the products that an access token is good for.
func (s *Site) resources(r *http.Request, _ []byte) reply {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	for _, held := range s.credentials {
		if !held.bearer || subtle.ConstantTimeCompare([]byte(held.token), []byte(token)) != 1 {
			continue
		}
		if _, refusal := held.live(s.now()); refusal != nil {
			return *refusal
		}
		list := []object{}
		for _, product := range []string{"jira", "confluence"} {
			scopes := slices.DeleteFunc(slices.Clone(held.scopes), func(scope string) bool { return !strings.Contains(scope, product) })
			if len(scopes) > 0 {
				list = append(list, object{"id": s.cloudID, "name": "example", "url": s.base(r), "scopes": scopes,
					"avatarUrl": s.base(r) + "/avatars/240/site.png"})
			}
		}
		return ok(list)
	}
	return gatewayError(http.StatusUnauthorized, "Unauthorized")
}
