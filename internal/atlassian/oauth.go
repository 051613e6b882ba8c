// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/clawea/clawea/seal"
)

// TokenURL is where Atlassian gives out access tokens.
const TokenURL = "https://auth.atlassian.com/oauth/token"

const (
	authTimeout = 20 * time.Second // of one request for a token
	maxTokens   = 64 << 10         // bytes of its answer
	early       = time.Minute      // how long before their end tokens are renewed
)

// An App is an OAuth 2.0 client as Atlassian knows it: the credential of a
// service account, or an app that people let act for them.
type App struct {
	ID        string                 // client_id
	Secret    func() (string, error) // client_secret, fetched when it is used
	TokenURL  string                 // https, or this machine; if "", TokenURL
	Transport http.RoundTripper      // if nil, one of its own for each request
}

// Tokens are what the token endpoint gives out. They show themselves nowhere.
type Tokens struct {
	Access  string
	Refresh string // good once; "" if there is none
	Expires time.Time
	Scopes  []string // as granted; nil if the endpoint does not say
}

// String returns "[secret]".
func (Tokens) String() string { return secret }

// GoString returns "[secret]".
func (Tokens) GoString() string { return secret }

// LogValue returns "[secret]".
func (Tokens) LogValue() slog.Value { return slog.StringValue(secret) }

// An AuthError is why there is no credential, in two lines: what is wrong, and
// what mends it. It holds no secret.
type AuthError struct {
	Code string // one of this package's codes of authorisation
	Msg  string
	Hint string

	sent bool // the endpoint may have used up what it was sent
}

// The codes of authorisation.
const (
	NoGrant     = "no_grant"     // the person has not let the house act for them
	GrantEnded  = "grant_ended"  // the person's consent does not hold any more
	AppRefused  = "app_refused"  // Atlassian does not take the app's own id and secret
	AuthTrouble = "auth_trouble" // Atlassian gives out no tokens just now
	NoActAs     = "no_act_as"    // nobody is named whom the agent acts as
	WrongGrant  = "wrong_grant"  // the consent is not what was asked for
)

// Error returns the two lines.
func (e *AuthError) Error() string { return e.Msg + "\n" + e.Hint }

// ask sends a form to the token endpoint.
func (a *App) ask(ctx context.Context, form url.Values) (*Tokens, error) {
	id, err := a.Secret()
	if err != nil {
		return nil, err
	}
	form.Set("client_id", a.ID)
	form.Set("client_secret", id)
	begun := time.Now()
	status, body, sent, err := post(ctx, a.Transport, a.endpoint(), form)
	if err != nil {
		return nil, &AuthError{AuthTrouble, "Atlassian's token endpoint does not answer", "try again in a minute; if it stays so, look whether this machine reaches it", sent}
	}
	if status != http.StatusOK {
		return nil, refusedBy(a.ID, status, body)
	}
	var t struct {
		Access  string `json:"access_token"`
		Type    string `json:"token_type"`
		Refresh string `json:"refresh_token"`
		Expires int64  `json:"expires_in"`
		Scope   string `json:"scope"`
	}
	if seal.Glance(body, &t) != nil || !Bearer(t.Access).usable() || t.Type != "" && !strings.EqualFold(t.Type, "bearer") {
		return nil, &AuthError{AuthTrouble, "Atlassian's token endpoint answers with something else than a token", "check token_url in the configuration", true}
	}
	out := &Tokens{Access: t.Access, Refresh: t.Refresh, Scopes: strings.Fields(t.Scope)}
	out.Expires = begun.Add(time.Duration(min(max(t.Expires, 0), 24*3600)) * time.Second) // without expires_in: good for now
	return out, nil
}

func (a *App) endpoint() string {
	if a.TokenURL == "" {
		return TokenURL
	}
	return a.TokenURL
}

// refresh trades a refresh token, which is used up by it, for new tokens.
func (a *App) refresh(ctx context.Context, token string) (*Tokens, error) {
	return a.ask(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// refusedBy says why the endpoint gave out nothing. What it says is told by its
// code alone: its words are not ours.
func refusedBy(id string, status int, body []byte) *AuthError {
	var said struct {
		Error string `json:"error"`
		Text  string `json:"error_description"`
	}
	if seal.Glance(body, &said) != nil {
		said.Error, said.Text = "", ""
	}
	of := fmt.Sprintf("(status %d, %q)", status, Clean(said.Error, 40))
	switch {
	case said.Error == "invalid_grant", said.Error == "unauthorized_client" && strings.Contains(said.Text, "refresh_token"):
		return &AuthError{GrantEnded, "Atlassian does not take this grant any more " + of, "have it given anew", true}
	case status >= 500, status == http.StatusTooManyRequests, status >= 300 && status < 400, status < 300:
		return &AuthError{AuthTrouble, "Atlassian's token endpoint is in trouble " + of, "try again in a minute", status >= 500 || status < 400}
	}
	return &AuthError{AppRefused, fmt.Sprintf("Atlassian does not take the OAuth client %s %s", Clean(id, 80), of), "check client_id, client_secret and the scopes of the credential at Atlassian", false}
}

// post sends a form and reads the answer. sent is whether it may have arrived,
// where there is none.
func post(ctx context.Context, t http.RoundTripper, target string, form url.Values) (status int, body []byte, sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, authTimeout)
	defer cancel()
	var conn connection
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, conn.trace()), http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, false, errors.New("not an address")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return exchange(req, t, &conn)
}

// exchange sends a request for secrets: no redirect is followed, and little is read.
func exchange(req *http.Request, t http.RoundTripper, conn *connection) (status int, body []byte, sent bool, err error) {
	if u := req.URL; u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return 0, nil, false, errors.New("secrets would travel in the open")
	}
	if t == nil {
		own := newTransport()
		defer own.CloseIdleConnections()
		t = own
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "clawea")
	answer, err := t.RoundTrip(req)
	if err != nil {
		return 0, nil, conn.had(), errors.New("no answer")
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxTokens+1))
	if err != nil || len(body) > maxTokens {
		return 0, nil, true, errors.New("no whole answer")
	}
	return answer.StatusCode, body, true, nil
}
