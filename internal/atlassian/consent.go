// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/seal"
)

// A Consent is one person's way through Atlassian's consent screen (OAuth 2.0
// authorisation code with PKCE, RFC 6749 4.1 and RFC 7636). It is good for one
// answer.
type Consent struct {
	App      App
	API      string   // Atlassian's API host, "https://api.atlassian.com"
	CloudIDs []string // the sites that the person is to let the house work on
	Redirect string   // where the browser is sent with the answer, as registered for the app
	Scopes   []string // that are asked for, beside those for renewing and for saying who it is

	state, verifier string
}

// The scopes that every consent asks for: a refresh token, and whose consent it is.
const (
	scopeRenew = "offline_access"
	scopeWho   = "read:me"
)

// Begin returns the address that the person's browser must open.
func (c *Consent) Begin() string {
	c.state, c.verifier = rand.Text(), rand.Text()+rand.Text()
	challenge := sha256.Sum256([]byte(c.verifier))
	q := url.Values{
		"audience": {"api.atlassian.com"}, "client_id": {c.App.ID}, "scope": {strings.Join(c.scopes(), " ")},
		"redirect_uri": {c.Redirect}, "state": {c.state}, "response_type": {"code"}, "prompt": {"consent"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	return strings.TrimSuffix(c.App.endpoint(), "/oauth/token") + "/authorize?" + q.Encode()
}

func (c *Consent) scopes() []string {
	list := append(slices.Clone(c.Scopes), scopeRenew, scopeWho)
	slices.Sort(list)
	return slices.Compact(list)
}

// Ours reports whether an answer is the one to this consent, and not of another
// browser that somebody has sent here.
func (c *Consent) Ours(answer url.Values) bool {
	return c.state != "" && len(answer["state"]) == 1 && subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(c.state)) == 1
}

// Finish takes the query of the redirect, gets the tokens, and looks whose they
// are and what they are good for. It fails unless they can be renewed and have
// all scopes, for the site. Its errors are *AuthError, or those of App.Secret.
func (c *Consent) Finish(ctx context.Context, answer url.Values) (*Grant, error) {
	if !c.Ours(answer) {
		return nil, wrongGrant("the answer is not to this question", "begin again, and use the address that is shown")
	}
	verifier := c.verifier
	c.state, c.verifier = "", ""
	if answer.Has("error") || answer.Get("code") == "" {
		return nil, wrongGrant(fmt.Sprintf("no consent was given (%q)", Clean(answer.Get("error"), 40)), "begin again, and accept what the house asks for")
	}
	tokens, err := c.App.ask(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {c.Redirect}, "code_verifier": {verifier},
	})
	if err != nil {
		return nil, err
	}
	if tokens.Refresh == "" {
		return nil, wrongGrant("the consent cannot be renewed: it came without a refresh token", "let the app at Atlassian ask for "+scopeRenew)
	}
	granted := append(slices.Clone(tokens.Scopes), scopeRenew) // whose proof is the token itself
	for _, s := range c.scopes() {
		if tokens.Scopes != nil && !slices.Contains(granted, s) {
			return nil, wrongGrant("the consent lacks the scope "+s, "add it to the app's permissions at Atlassian, or take it out of the configuration; then begin again")
		}
	}
	now := time.Now().UTC()
	g := &Grant{Refresh: tokens.Refresh, Access: tokens.Access, Expires: tokens.Expires.UTC(), Scopes: tokens.Scopes, Given: now, Refreshed: now}
	return g, c.look(ctx, g)
}

// A site is one that a consent is for.
type site struct {
	ID string `json:"id"`
}

// look asks whose grant g is, and whether it is for the site.
func (c *Consent) look(ctx context.Context, g *Grant) error {
	var me struct {
		ID   string `json:"account_id"`
		Name string `json:"name"`
	}
	if err := c.read(ctx, g, "/me", &me); err != nil {
		return err
	}
	g.Account, g.Name = safe(me.ID), Clean(me.Name, 80)
	if g.Account == "" || g.Account != me.ID {
		return wrongGrant("Atlassian does not say whose consent it is", "begin again")
	}
	var sites []site
	if err := c.read(ctx, g, "/oauth/token/accessible-resources", &sites); err != nil {
		return err
	}
	for _, id := range c.CloudIDs {
		if !slices.ContainsFunc(sites, func(s site) bool { return s.ID == id }) {
			return wrongGrant("the consent is not for the configured site", "begin again, and choose the site that \"api\" in the configuration names")
		}
	}
	return nil
}

// read asks Atlassian's API host for something small.
func (c *Consent) read(ctx context.Context, g *Grant, path string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, authTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.API+path, nil)
	if err != nil {
		return wrongGrant("the address of Atlassian's API is none", "check \"api\" in the configuration")
	}
	req.Header.Set("Authorization", g.credential().header)
	status, body, _, err := exchange(req, c.App.Transport, new(connection))
	if err != nil || status != http.StatusOK || seal.Glance(body, v) != nil {
		return &AuthError{Code: AuthTrouble, Msg: fmt.Sprintf("Atlassian does not say what the consent is for (%s, status %d)", path, status), Hint: "begin again in a minute"}
	}
	return nil
}

func wrongGrant(msg, hint string) *AuthError {
	return &AuthError{Code: WrongGrant, Msg: msg, Hint: hint}
}
