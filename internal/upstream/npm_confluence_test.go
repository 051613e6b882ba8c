// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/confluence"
	"github.com/clawea/clawea/internal/housetest"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/internal/upstream"
)

const confluencePolicy = `{
	"wpc_version": "1", "tool": "confluence", "connection_mode": ["official_api"],
	"resources": {"spaces_allowlist": ["ENG"], "page_prefix_allowlist": ["ENG/Runbooks/"]},
	"actions": {
		"read": {"allowed": true, "include": ["attachments", "comments"]}, "search": {"allowed": true},
		"write": {"allowed": true}, "admin": {"allowed": true}
	}
}`

// A wikiHouse is a simulated site, its connector, and a gate that decides by one
// policy and keeps no receipts.
type wikiHouse struct {
	npmHouse

	runbooks, deploy, rollback, salaries, secret string // pages
}

func newWikiHouse(t *testing.T) *wikiHouse {
	t.Helper()
	index := installed(t, "@aaronsb/confluence-cloud-mcp/build/index.js")
	h := &wikiHouse{npmHouse: npmHouse{t: t, site: sim.New(sim.Config{}), system: "confluence", prefix: "wiki_"}}
	h.site.AddAccount(sim.Account{Email: "r@example.com", Token: "r", Name: "Reader", Scopes: sim.ReaderScopes()})
	h.site.AddAccount(sim.Account{Email: "w@example.com", Token: "w", Name: "Writer", Scopes: append(sim.WriterScopes(), "read:page:confluence")})
	h.site.AddAccount(sim.Account{Email: "u@example.com", Token: "u", Name: "Undoer", Scopes: append(sim.RollbackScopes(), "write:page:confluence")})
	h.site.AddSpace("ENG", "Engineering")
	h.site.AddSpace("SEC", "Security")
	add := func(space, parent, title, body string) string {
		return h.site.AddPage(sim.PageSeed{Space: space, Parent: parent, Title: title, Body: body})
	}
	h.runbooks = add("ENG", "", "Runbooks", "<p>All runbooks.</p>")
	h.deploy = add("ENG", h.runbooks, "Deploy", `<p>How to <strong>deploy</strong> alpha.</p><ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link><ri:page ri:content-title="Salaries"/></ac:link></ac:parameter></ac:structured-macro>`)
	h.rollback = add("ENG", h.runbooks, "Rollback", "<p>How to roll back alpha.</p>")
	h.salaries = add("ENG", "", "Salaries", "<p>alpha earns a lot</p>")
	h.secret = add("SEC", "", "Incident", "<p>alpha incident</p>")
	server := httptest.NewServer(h.site)
	t.Cleanup(server.Close)
	h.open(server.URL, index)
	return h
}

func (h *wikiHouse) open(url, index string) {
	h.t.Helper()
	client := func(who, use string) *atlassian.Client {
		c, err := atlassian.New(atlassian.Config{
			BaseURL: url, Endpoints: atlassian.Endpoints(confluence.Operations(), use), Log: slog.New(slog.DiscardHandler),
			Credential: func(context.Context) (atlassian.Credential, error) {
				return atlassian.Basic(who+"@example.com", who), nil
			},
		})
		if err != nil {
			h.t.Fatal(err)
		}
		return c
	}
	c, err := confluence.New(confluence.Config{Site: url, Read: client("r", atlassian.ForReading), Write: client("w", atlassian.ForWriting), Undo: client("u", atlassian.ForUndoing)})
	if err != nil {
		h.t.Fatal(err)
	}
	h.policy = housetest.Resolved(h.t, confluencePolicy, c.Resolve)
	a, err := upstream.Shipped("aaronsb-confluence")
	if err != nil {
		h.t.Fatal(err)
	}
	h.npm = &npmServer{
		t: h.t, index: index, host: "CONFLUENCE_HOST", env: []string{"CONFLUENCE_EMAIL=nobody@localhost", "CONFLUENCE_API_TOKEN=none"},
		inner: func(next http.Handler) http.Handler { return next },
	}
	h.set = &upstream.Set{Servers: []*upstream.Server{{
		Name: "wiki", Adapter: a, System: c, Site: url, Dial: h.npm.dial, Timeout: time.Minute, Version: "test", Log: slog.New(slog.DiscardHandler),
	}}}
	if err := h.set.Check(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = h.set.Close() }) // it was killed
}

// TestAaronsbConfluence runs the server from npm, under a policy for one tree of pages.
// What it asks for besides is decided by the same policy.
func TestAaronsbConfluence(t *testing.T) {
	h := newWikiHouse(t)
	page := func(operation, id string, more ...string) string {
		return `{"operation":"` + operation + `","pageId":"` + id + `"` + strings.Join(more, "") + `}`
	}
	const manage, navigate, search = "manage_confluence_page", "navigate_confluence", "search_confluence"
	for _, test := range []struct{ name, tool, args, calls, has, hasnt, code string }{
		{"get", manage, page("get", h.deploy, `,"expand":["body"]`), "page.get", "How to **deploy** alpha.", "earns", ""},
		{"get elsewhere", manage, page("get", h.salaries), "", "", "", "denied"},
		{"get in another space", manage, page("get", h.secret), "", "", "", "denied"},
		{"search", search, `{"operation":"cql","cql":"text ~ \"alpha\""}`, "page.search", "Rollback", "Salaries", ""},
		{"search by words", search, `{"operation":"fulltext","query":"alpha","spaceKey":"ENG"}`, "page.search", "Deploy", "Incident", ""},
		{"search elsewhere", search, `{"operation":"recent","spaceKey":"SEC"}`, "", "", "", "bad_query"},
		{"add label", manage, page("add_labels", h.deploy, `,"labels":["runbook"]`), "page.label.add", "Added 1 label", "", ""},
		{"search by label", search, `{"operation":"by_label","labels":["runbook"]}`, "page.search", "Deploy", "", ""},
		{"labels", manage, page("get_labels", h.deploy), "page.labels", "runbook", "", ""},
		{"related", navigate, page("related", h.deploy), "page.labels page.search", "No related", "", ""},
		{"remove label", manage, page("remove_label", h.deploy, `,"label":"runbook"`), "page.label.remove", "Removed label", "", ""},
		{"comment", manage, page("add_comment", h.deploy, `,"body":"It is *old*."`), "page.comment.create", "Comment added", "", ""},
		{"comments", manage, page("get_comments", h.deploy), "page.comments", "It is *old*.", "", ""},
		{"comments, and what is not shown", manage, page("get_comments", h.deploy), "page.comments", "\n\nReplies to comments are not shown.", "", ""},
		{"attachments", "manage_confluence_media", page("list", h.deploy), "page.attachments", "No attachments", "", ""},
		{"tree", navigate, page("tree", h.runbooks), "page.children page.get page.children page.children", "Rollback", "Salaries", ""},
		{"ancestors", navigate, page("ancestors", h.deploy), "page.get page.get", "Runbooks", "", ""},
		{"backlinks", navigate, page("backlinks", h.deploy), "page.get page.search", "No pages link", "", ""},
		{"move elsewhere", manage, page("move", h.deploy, `,"parentId":"`+h.salaries+`"`), "", "", "", "denied"},
		{"move", manage, page("move", h.deploy, `,"parentId":"`+h.rollback+`"`), "page.move", "Moved page", "", ""},
		{"update", manage, page("update", h.deploy, `,"title":"x"`), "", "", "", "unmapped"},
		{"archive", manage, page("archive", h.deploy), "", "", "", "unmapped"},
		{"queue", "queue_confluence_operations", `{"operations":[{"tool":"manage_confluence_page","args":{"operation":"delete","pageId":"1"}}]}`, "", "", "", "unmapped"},
		{"delete", manage, page("delete", h.deploy), "page.trash", "Deleted page", "", ""},
		{"delete again", manage, page("delete", h.deploy), "", "", "", "not_found"},
	} {
		got, err := h.ask(test.tool, test.args)
		calls := strings.Join(h.calls, " ")
		if code(err) != test.code || !strings.Contains(got, test.has) || test.hasnt != "" && strings.Contains(got, test.hasnt) || calls != test.calls {
			t.Errorf("%s: %s\n%v, after %s", test.name, got, err, calls)
		}
	}
	if got, err := h.ask(manage, page("get_comments", h.rollback)); err != nil || strings.Contains(got, "Replies") {
		t.Errorf("without comments there are no replies to speak of: %s %v", got, err)
	}
}
