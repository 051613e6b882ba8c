// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"testing"

	confluence "github.com/ctreminiom/go-atlassian/v2/confluence/v2"
	jira "github.com/ctreminiom/go-atlassian/v2/jira/v3"
	"github.com/ctreminiom/go-atlassian/v2/pkg/infra/models"

	"github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/internal/sim/specs"
)

// A tolerance is a way in which go-atlassian itself breaks the published
// specification, so that the simulated site need not forgive it.
type tolerance struct {
	reason string
	fault  *regexp.Regexp // what the validator says of it
	seen   bool
}

// A lenient test takes faults of the client that it knows of, and fails for
// all others.
type lenient struct {
	testing.TB
	mu    sync.Mutex
	known []*tolerance
}

// Errorf fails the test, unless this fault is known.
func (l *lenient) Errorf(format string, args ...any) {
	l.Helper()
	fault := fmt.Sprintf(format, args...)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.known {
		if k.fault.MatchString(fault) {
			k.seen = true
			return
		}
	}
	l.TB.Errorf("%s", fault)
}

// finish fails the test for a tolerance that nothing needs any more.
func (l *lenient) finish() {
	for _, k := range l.known {
		if !k.seen {
			l.TB.Errorf("nothing needs this tolerance: %s", k.reason)
		}
	}
}

// A site is a simulated one behind HTTP, every exchange with which is held
// against the published specifications, and an account that may do all that
// these tests do.
type site struct {
	*atlassian.Site
	url     string
	account string // id
}

const (
	siteEmail = "bot@example.com"
	siteToken = "a-token-of-the-bot"
)

func openSite(t *testing.T, known ...*tolerance) *site {
	t.Helper()
	return openSiteWith(t, atlassian.Config{}, known...)
}

func openSiteWith(t *testing.T, config atlassian.Config, known ...*tolerance) *site {
	t.Helper()
	s := &site{Site: atlassian.New(config)}
	scopes := append(atlassian.ReaderScopes(), atlassian.WriterScopes()...)
	s.account = s.AddAccount(atlassian.Account{Email: siteEmail, Token: siteToken, Name: "Bot", Scopes: append(scopes, "delete:page:confluence")})
	var handler http.Handler = s.Site
	if specs.Present() && !config.DataCenter {
		judge := &lenient{TB: t, known: known}
		handler = specs.Validator(judge, s.Site)
		t.Cleanup(judge.finish)
	} else if !config.DataCenter {
		t.Log("the published specifications are absent; the exchanges are not held against them")
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *site) jira(t *testing.T, token string) *jira.Client {
	t.Helper()
	c, err := jira.New(nil, s.url)
	if err != nil {
		t.Fatal(err)
	}
	c.Auth.SetBasicAuth(siteEmail, token)
	return c
}

func (s *site) confluence(t *testing.T, token string) *confluence.Client {
	t.Helper()
	c, err := confluence.New(nil, s.url)
	if err != nil {
		t.Fatal(err)
	}
	c.Auth.SetBasicAuth(siteEmail, token)
	return c
}

// serviceToken registers a service account's client for the account, and asks
// for an access token with these scopes.
func (s *site) serviceToken(t *testing.T, account string, scopes ...string) string {
	t.Helper()
	id := "client-" + strconv.Itoa(len(s.Requests()))
	s.AddClient(atlassian.Client{ID: id, Secret: "hush", Scopes: scopes, Account: account})
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {"hush"}}
	resp, err := http.PostForm(s.url+"/oauth/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var token struct {
		Access string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil || token.Access == "" {
		t.Fatalf("status %d, no token: %v", resp.StatusCode, err)
	}
	return token.Access
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantStatus fails the test unless the site answered with status, and the
// client took it for an error.
func wantStatus(t *testing.T, resp *models.ResponseScheme, err error, status int) {
	t.Helper()
	if resp == nil || err == nil {
		t.Fatalf("got response %v, error %v; want status %d", resp, err, status)
	}
	if resp.Code != status {
		t.Errorf("got status %d %s, want %d", resp.Code, resp.Bytes.String(), status)
	}
}

// number is an id as go-atlassian has it.
func number(t *testing.T, id string) int {
	t.Helper()
	n, err := strconv.Atoi(id)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
