// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/npmtest"
	"github.com/clawea/clawea/policy"
)

// onlyHere keeps a server from asking anybody but the facade, as its sandbox does.
const onlyHere = `const real = globalThis.fetch;
globalThis.fetch = (url, options) => String(url).startsWith(process.env.CONFLUENCE_HOST + "/") ? real(url, options) : Promise.reject(new Error("there is no network"));
`

// A served is somebody else's server that runs before a facade.
type served struct {
	t       *testing.T
	session *mcp.ClientSession
	mu      sync.Mutex
	stage   http.Handler
	asked   []string
}

func (s *served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	stage := s.stage
	s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI())
	s.mu.Unlock()
	stage.ServeHTTP(w, r)
}

// serve starts @aaronsb/confluence-cloud-mcp.
func serve(t *testing.T) *served {
	t.Helper()
	node := npmtest.Node(t)
	script, err := filepath.Abs(filepath.Join("..", "..", "test", "mcp", "node_modules", "@aaronsb", "confluence-cloud-mcp", "build", "index.js"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(script); err != nil {
		npmtest.Absent(t, "the server is not installed: run npm ci --prefix test/mcp --ignore-scripts")
	}
	s := &served{t: t}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	guard := filepath.Join(dir, "guard.mjs")
	if err := os.WriteFile(guard, []byte(onlyHere), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "--import", guard, script)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "CONFLUENCE_HOST=" + srv.URL, "CONFLUENCE_EMAIL=nobody@localhost", "CONFLUENCE_API_TOKEN=none"}
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	if s.session, err = client.Connect(t.Context(), &mcp.CommandTransport{Command: cmd}, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.session.Close() })
	return s
}

// call has the server carry out a call of ours, and returns what it says.
func (s *served) call(th *theatre, tool string, args map[string]any) (string, bool) {
	s.t.Helper()
	s.mu.Lock()
	s.stage, s.asked = th.stage, nil
	s.mu.Unlock()
	result, err := s.session.CallTool(s.t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		s.t.Fatal(err)
	}
	var out strings.Builder
	for _, c := range result.Content {
		if text, ok := c.(*mcp.TextContent); ok {
			out.WriteString(text.Text)
		}
	}
	return out.String(), result.IsError
}

// What the server makes of each call that the adapter maps: it finds what it needs,
// shows what our action shows, and has our change made.
func TestServed(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	s := serve(t)
	h.want(h.do("page.update", args(`{"page_id":%q,"based_on_version":1,"message":"why","body_storage":%q}`, h.deploy,
		`<h2>Steps</h2><p>How to <strong>deploy</strong> alpha, see <a href="https://example.atlassian.net/wiki/spaces/ENG/pages/42/Other">other</a>.</p><ul><li>one</li><li>two</li></ul>`)), "done")
	based := func(action string) string {
		b, err := h.c.Current(t.Context(), action, []byte(args(`{"page_id":%q}`, h.deploy)))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	page := args(`{"page_id":%q}`, h.deploy)
	of := func(operation string, more ...any) map[string]any {
		m := map[string]any{"operation": operation, "pageId": h.deploy}
		for i := 0; i < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return m
	}
	const manage, search, navigate = "manage_confluence_page", "search_confluence", "navigate_confluence"
	for _, c := range []struct {
		tool   string
		args   map[string]any
		action string
		ours   string
		says   []string
	}{
		{manage, of("get"), "page.get", page, []string{"Deploy", "id:" + h.deploy, "v2"}},
		{manage, of("get", "expand", []string{"body"}), "page.get", page, []string{"## Steps", "How to **deploy** alpha", "- one\n- two"}},
		{manage, of("get_versions"), "page.get", page, []string{"Current version: 2"}},
		{manage, of("add_labels", "labels", []string{"runbook"}), "page.label.add", args(`{"page_id":%q,"label":"runbook"}`, h.deploy), []string{"Added 1 label"}},
		{manage, of("get_labels"), "page.labels", page, []string{"runbook"}},
		{manage, of("remove_label", "label", "runbook"), "page.label.remove", args(`{"page_id":%q,"label":"runbook"}`, h.deploy), []string{"Removed label"}},
		{manage, of("add_comment", "body", "Is *this* so?"), "page.comment.create", args(`{"page_id":%q,"body_storage":"<p>Is <em>this</em> so?</p>"}`, h.deploy), []string{"Comment added"}},
		{manage, of("get_comments"), "page.comments", page, []string{"1 footer", "Is *this* so?"}},
		{search, of("cql", "cql", "text ~ alpha"), "page.search", `{"cql":"text ~ \"alpha\"","limit":25}`, []string{"Deploy", "Rollback", "ENG"}},
		{search, of("recent"), "page.search", `{"cql":"type = page ORDER BY lastmodified DESC"}`, []string{"Deploy"}},
		{"manage_confluence_media", of("list"), "page.attachments", page, []string{"No attachments"}},
		{navigate, map[string]any{"operation": "children", "pageId": h.runbooks}, "page.children", args(`{"page_id":%q,"limit":25}`, h.runbooks), []string{"Deploy", "v2"}},
		{navigate, map[string]any{"operation": "tree", "pageId": h.runbooks}, "page.children", args(`{"page_id":%q,"limit":25}`, h.runbooks), []string{"Runbooks", "├── 📄 Deploy"}},
		{navigate, of("ancestors"), "page.get", page, []string{"→ Runbooks"}},
		{navigate, of("siblings"), "page.get", page, []string{"Siblings of"}},
		{navigate, of("links"), "page.get", page, []string{"page:42"}},
		{navigate, of("backlinks"), "page.get", page, []string{"No pages link"}},
		{navigate, of("related"), "page.labels", page, []string{"No related pages"}},
		{manage, of("move", "parentId", h.runbooks2), "page.move", args(`{"page_id":%q,"target_id":%q,"message":"why","based_on_version":%s}`, h.deploy, h.runbooks2, based("page.move")), []string{"Moved page", "Deploy"}},
		{manage, of("delete"), "page.trash", args(`{"page_id":%q,"message":"why","based_on_version":BASED}`, h.deploy), []string{"Deleted page"}},
	} {
		ours := c.ours
		if c.action == "page.trash" {
			ours = strings.Replace(ours, "BASED", based(c.action), 1)
		}
		th := h.call(c.action, ours)
		text, failed := s.call(th, c.tool, c.args)
		t.Logf("%s %v is %s, and asks: %s", c.tool, c.args["operation"], c.action, strings.Join(s.asked, ", "))
		if failed || th.stage.Refused() > 0 {
			t.Errorf("%s %v: %d requests refused: %s", c.tool, c.args, th.stage.Refused(), text)
		}
		for _, want := range c.says {
			if !strings.Contains(text, want) {
				t.Errorf("%s %v: without %q:\n%s", c.tool, c.args, want, text)
			}
		}
		o, _ := operation(c.action)
		if changes := o.Class != policy.Read && o.Class != policy.Search; th.stage.Performed() != changes || changes && th.did.String() != "done" {
			t.Errorf("%s %v: the change came to %v", c.tool, c.args, th.did)
		}
	}
}

// A server that is run for another call than it believes gets nowhere: the update
// that empties a page, for one.
func TestServedElsewhere(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	s := serve(t)
	mark := len(h.site.Requests())
	for _, c := range []struct {
		tool string
		args map[string]any
	}{
		{"manage_confluence_page", map[string]any{"operation": "update", "pageId": h.deploy, "title": "x"}},
		{"manage_confluence_page", map[string]any{"operation": "delete", "pageId": h.deploy}},
		{"manage_confluence_page", map[string]any{"operation": "archive", "pageId": h.deploy}},
		{"manage_confluence_page", map[string]any{"operation": "set_property", "pageId": h.deploy, "propertyKey": "k", "propertyValue": map[string]any{"a": 1}}},
		{"manage_confluence_page", map[string]any{"operation": "get", "pageId": h.secret}},
		{"manage_confluence_space", map[string]any{"operation": "list"}},
	} {
		th := h.call("page.get", args(`{"page_id":%q}`, h.deploy))
		text, failed := s.call(th, c.tool, c.args)
		if !failed || th.stage.Performed() || strings.Contains(text, "Incident") || strings.Contains(text, "alpha incident") {
			t.Errorf("%v: %s", c.args, text)
		}
	}
	h.quiet(mark)
}

// The lists that people read before they publish a policy are the server's own.
func TestServedTools(t *testing.T) {
	s := serve(t)
	s.stage = http.NotFoundHandler()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "mcp-tools", "aaronsb-confluence-cloud-mcp-0.6.0.json"))
	if err != nil {
		t.Skipf("%v; put the lists of tools there to run this test", err)
	}
	var listed struct {
		Tools []struct{ Name string } `json:"tools"`
	}
	if err := json.Unmarshal(b, &listed); err != nil {
		t.Fatal(err)
	}
	tools, err := s.session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, tool := range tools.Tools {
		got = append(got, tool.Name)
	}
	for _, tool := range listed.Tools {
		want = append(want, tool.Name)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the server has %v, and the list %v", got, want)
	}
}
