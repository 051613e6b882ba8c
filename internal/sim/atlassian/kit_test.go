// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/sim/specs"
)

// clock is a time that only moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// client calls a site as one account.
type client struct {
	t       *testing.T
	handler http.Handler
	email   string
	token   string
	bearer  string // in the place of email and token
	id      string
}

// answer is a response, its body decoded.
type answer struct {
	status int
	header http.Header
	body   any
	text   string
}

func (c *client) do(method, target, body string) answer {
	c.t.Helper()
	r := httptest.NewRequestWithContext(c.t.Context(), method, "https://example.atlassian.net"+target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	switch {
	case c.bearer != "":
		r.Header.Set("Authorization", "Bearer "+c.bearer)
	case c.email != "":
		r.SetBasicAuth(c.email, c.token)
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), text: w.Body.String()}
	if a.text != "" {
		if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
			c.t.Fatalf("%s %s: response is not JSON: %v: %s", method, target, err, a.text)
		}
	}
	return a
}

func (c *client) get(target string) answer {
	c.t.Helper()
	return c.do("GET", target, "")
}

// want fails the test unless the answer has the status.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("got status %d %s, want %d", a.status, a.text, status)
	}
	return a
}

// at returns what the body has at a path such as results.0.id, as text; "" if there is nothing. The last step may be #,
// for the length.
func (a answer) at(path string) string {
	v := a.body
	for step := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[step]
		case []any:
			if step == "#" {
				return strconv.Itoa(len(x))
			}
			n, err := strconv.Atoi(step)
			if err != nil || n >= len(x) {
				return ""
			}
			v = x[n]
		default:
			return ""
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// column returns one member of all objects of a list, joined with spaces.
func (a answer) column(list, member string) string {
	var found []string
	n, _ := strconv.Atoi(a.at(list + ".#"))
	for i := range n {
		found = append(found, a.at(list+"."+strconv.Itoa(i)+"."+member))
	}
	return strings.Join(found, " ")
}

// world is a site with something in it, and clients whose requests and responses are checked against the specifications.
type world struct {
	*Site
	t        *testing.T
	clock    *clock
	checked  http.Handler
	reader   *client
	writer   *client
	rollback *client
	all      *client // has every scope there is
	raw      *client // the same account, unchecked

	eng, home, runbooks, restart, folder string // Confluence
	project, bug                         string // Jira; the bug is ENG-1
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}}
	w.Site = New(Config{Now: w.clock.Now, BaseURL: "https://example.atlassian.net"})
	w.checked = specs.Validator(t, w.Site)
	w.reader = w.client("reader", ReaderScopes(), false)
	w.writer = w.client("writer", append(WriterScopes(), "read:page:confluence", "read:issue-meta:jira"), false)
	w.rollback = w.client("rollback", append(RollbackScopes(), ReaderScopes()...), false)
	w.all = w.client("all", everyScope(), true)
	w.raw = &client{t: t, handler: w.Site, email: w.all.email, token: w.all.token, id: w.all.id}

	w.eng = w.AddSpace("ENG", "Engineering")
	w.home = w.HomepageID("ENG")
	w.runbooks = w.AddPage(PageSeed{Space: "ENG", Title: "Runbooks", Body: "<p>All runbooks</p>"})
	w.restart = w.AddPage(PageSeed{Space: "ENG", Parent: w.runbooks, Title: "Restart payments", Labels: []string{"ops"},
		Body: "<h1>Restart</h1><p>Restart the <b>payments</b> queue &amp; wait.</p>"})
	w.folder = w.AddFolder(FolderSeed{Space: "ENG", Parent: w.runbooks, Title: "Archive"})
	w.project = w.AddProject("ENG", "Engineering")
	w.bug = w.AddIssue(IssueSeed{Project: "ENG", Type: "Bug", Summary: "Queue stuck", Description: "The payments queue is stuck.",
		Labels: []string{"payments"}})
	return w
}

// client adds an account and returns a client for it.
func (w *world) client(name string, scopes []string, admin bool) *client {
	c := &client{t: w.t, handler: w.checked, email: name + "@example.com", token: "token-of-" + name}
	c.id = w.AddAccount(Account{Email: c.email, Token: c.token, Name: name, Scopes: scopes, Admin: admin})
	return c
}

func everyScope() []string {
	var all []string
	for _, op := range operations(Config{}) {
		all = append(all, op.scopes...)
	}
	return all
}
