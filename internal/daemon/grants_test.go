// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/examples"
	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/config"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
)

// A gateway is Atlassian's, before a simulated site: it takes the access tokens
// that it has given out, and none else.
type gateway struct {
	mu     sync.Mutex
	url    string
	n      int
	access map[string]string // whose an access token is
	owner  map[string]string // and a refresh token, good once
	tokens map[string]string // of whom, at the site
}

func newGateway(t *testing.T, w *world) *gateway {
	g := &gateway{access: map[string]string{}, owner: map[string]string{}, tokens: map[string]string{
		"svc": "reader@house.test:" + secrets["reader"], "alice": "alice@house.test:alice-0123456789abcdef",
	}}
	w.site.AddAccount(sim.Account{Email: "alice@house.test", Token: "alice-0123456789abcdef", Name: "Alice", Scopes: sim.ReaderScopes()})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", g.token)
	mux.HandleFunc("/ex/{product}/cloud-1/", func(rw http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		who, ok := g.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		g.mu.Unlock()
		if !ok {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		email, secret, _ := strings.Cut(g.tokens[who], ":")
		r.SetBasicAuth(email, secret)
		http.StripPrefix("/ex/"+r.PathValue("product")+"/cloud-1", w.site).ServeHTTP(rw, r)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	g.url = srv.URL
	return g
}

func (g *gateway) token(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	who := r.PostFormValue("client_id")
	if r.PostFormValue("client_secret") != secrets["operator"] {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
		return
	}
	refresh := ""
	if r.PostFormValue("grant_type") == "refresh_token" {
		if who = g.owner[r.PostFormValue("refresh_token")]; who == "" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
		delete(g.owner, r.PostFormValue("refresh_token"))
		refresh = fmt.Sprintf(`"refresh_token":"refresh-%d",`, g.n+1)
		g.owner[fmt.Sprintf("refresh-%d", g.n+1)] = who
	}
	g.n++
	g.access[fmt.Sprintf("access-%d", g.n)] = who
	fmt.Fprintf(w, `{"access_token":"access-%d",%s"expires_in":3600}`, g.n, refresh)
}

// forget ends all access tokens, and the grants too if all is true.
func (g *gateway) forget(all bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.access)
	if all {
		clear(g.owner)
	}
}

// startWith starts a house whose Confluence site is behind g, with this account
// that reads.
func (w *world) startWith(t *testing.T, g *gateway, read string) *house {
	t.Helper()
	plain := fmt.Sprintf(`{"site": %q, "read": {"email": "reader@house.test", "token": "file:reader", "scopes": ["read:page:confluence"]}`, w.siteURL)
	h := w.startFrom(func(text string) string {
		if !strings.Contains(text, `"confluence": `+plain) {
			t.Fatal("the configuration of houses has changed")
		}
		return strings.Replace(text, plain, fmt.Sprintf(`{"site": %q, "api": "%s/ex/confluence/cloud-1", "read": %s`, w.siteURL, g.url, strings.ReplaceAll(read, "GATEWAY", g.url)), 1)
	})
	return h
}

const (
	svcAccount = `{"client_id": "svc", "client_secret": "file:operator", "token_url": "GATEWAY/oauth/token", "scopes": ["read:page:confluence"]}`
	appAccount = `{"client_id": "app", "client_secret": "file:operator", "token_url": "GATEWAY/oauth/token", "per_user": true, "scopes": ["read:page:confluence"]}, "act_as": `
)

// read has the agent read a page, and returns what it is told.
func (h *house) read(s *mcp.ClientSession) string {
	h.t.Helper()
	res, err := s.CallTool(h.t.Context(), &mcp.CallToolParams{Name: "confluence.page.get", Arguments: map[string]string{"page_id": h.world.page}})
	if err != nil {
		h.t.Fatal(err)
	}
	return res.Content[0].(*mcp.TextContent).Text
}

func TestServiceAccount(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	g := newGateway(t, w)
	h := w.startWith(t, g, svcAccount)
	s := h.agent(h.issue(h.publish(), "job-1").Token)
	if got := h.read(s); !strings.Contains(got, "Promote the replica") || g.n != 1 {
		t.Errorf("got %s with %d access tokens", got, g.n)
	}
	w.write("operator", "another-0123456789abcdefghijklmnop\n") // and the app's secret with it
	g.forget(false)
	if got := h.read(s); strings.Contains(got, "Promote") || strings.Contains(got, "client") {
		t.Errorf("with a token that is not good any more: got %s", got)
	}
}

func TestActsAsPerson(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	g := newGateway(t, w)
	alice := accountOf(t, w)
	h := w.startWith(t, g, appAccount+`{"robot": "alice", "*": "alice"}`)
	c, err := config.Load(filepath.Join(h.dir, "clawea.hujson"))
	if err != nil {
		t.Fatal(err)
	}
	grants, err := OpenGrants(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer grants.Close()
	give := func(account string) {
		g.mu.Lock()
		g.owner["refresh-0"] = "alice"
		g.mu.Unlock()
		if err := grants.Keep(t.Context(), "app", "alice", &atlassian.Grant{Refresh: "refresh-0", Account: account, Name: "Alice", Given: time.Now().UTC()}); err != nil {
			t.Fatal(err)
		}
	}
	give(alice)
	token := h.issue(h.publish(), "job-1").Token
	s := h.agent(token)
	if got := h.read(s); !strings.Contains(got, "Promote the replica") || g.n != 1 {
		t.Errorf("as alice: got %s with %d access tokens", got, g.n)
	}
	for _, r := range w.site.Requests() {
		if strings.HasPrefix(r.Path, "/wiki/") && r.Account != alice {
			t.Errorf("%s %s was sent by %q", r.Method, r.Path, r.Account)
		}
	}
	if err := grants.Drop(t.Context(), "app", "alice"); err != nil {
		t.Fatal(err)
	}
	if got := h.read(s); !strings.Contains(got, "no_grant") || !strings.Contains(got, "clawea connect atlassian") {
		t.Errorf("without a grant: got %s", got)
	}
	give(alice)
	g.forget(true)
	if got := h.read(s); !strings.Contains(got, "grant_ended") || !strings.Contains(got, "consent again") {
		t.Errorf("revoked: got %s", got)
	}
	give("712020:somebody-else")
	if got := h.read(s); strings.Contains(got, "Promote") || !strings.Contains(h.log.String(), "incident: another account acted") {
		t.Errorf("another account: got %s", got)
	}
	if log := h.log.String(); strings.Contains(log, "access-") || strings.Contains(log, "refresh-") {
		t.Error("a token is in the log")
	}
}

// accountOf is alice's account id at the site.
func accountOf(t *testing.T, w *world) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", w.siteURL+"/wiki/api/v2/spaces", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("alice@house.test", "alice-0123456789abcdef")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	id := res.Header.Get("X-AAccountId")
	if id == "" {
		t.Fatal("the site does not know alice")
	}
	return id
}

// An agent that is nobody reaches nothing, and neither does the house itself.
func TestNobodyToActAs(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	h := w.startWith(t, newGateway(t, w), appAccount+`{"another": "alice"}`)
	b, err := examples.Policies.ReadFile("policies/runbook-agent.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.client.Publish(t.Context(), h.signed(string(b))); err == nil {
		t.Error("names were resolved by nobody")
	} else if !strings.Contains(h.log.String()+err.Error(), "act_as") {
		t.Errorf("got %v and the log %s", err, h.log)
	}
}

func TestApps(t *testing.T) {
	site := func(product string) *config.Site {
		return &config.Site{
			API:   "https://api.atlassian.com/ex/" + product + "/cloud-1",
			Read:  &config.Account{ClientID: "one", PerUser: true, Scopes: []string{"read:" + product}},
			Write: &config.Account{ClientID: "two", PerUser: true, Scopes: []string{"write:" + product}},
			Undo:  &config.Account{ClientID: "svc", Scopes: []string{"delete:" + product}},
			ActAs: map[string]string{"a": "alice", "*": "bob"},
		}
	}
	var got []string
	for _, x := range Apps(&config.Config{Confluence: site("confluence"), Jira: site("jira")}) {
		got = append(got, fmt.Sprintln(x.ID, x.Uses, x.Scopes, x.API, x.CloudIDs, x.Users))
		u, err := url.Parse(x.Consent("http://127.0.0.1:1/callback").Begin())
		if err != nil || u.Host != "auth.atlassian.com" || u.Path != "/authorize" || !slices.Contains(strings.Fields(u.Query().Get("scope")), "offline_access") {
			t.Errorf("%s asks at %s: %v", x.ID, u, err)
		}
	}
	want := []string{
		"one [confluence.read jira.read] [read:confluence read:jira] https://api.atlassian.com [cloud-1] [alice bob]\n",
		"two [confluence.write jira.write] [write:confluence write:jira] https://api.atlassian.com [cloud-1] [alice bob]\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if apps := Apps(&config.Config{}); apps != nil {
		t.Errorf("apps of nothing: %v", apps)
	}
}
