// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/confluence"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/query"
)

// confluenceAdapter reads an adapter for Confluence, and holds it to what the
// connector carries out.
func confluenceAdapter(t *testing.T, file string) *Adapter {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("adapters", file))
	if err != nil {
		t.Fatal(err)
	}
	a, err := ParseAdapter(b)
	if err == nil {
		err = a.Hold(new(confluence.Connector).Tools())
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return a
}

// A listedTool is a tool of a server's, as far as its list says.
type listedTool struct {
	name   string
	args   []string
	values map[string][]string // of arguments that are one of a list
}

// listed reads a list of tools out of ../shared, which not every machine has.
func listedConfluence(t *testing.T, file string, each func(json.RawMessage) listedTool) []listedTool {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "mcp-tools", file))
	if err != nil {
		t.Skipf("%v; put the lists of tools there to run this test", err)
	}
	var list struct {
		Tools []json.RawMessage `json:"tools"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	var out []listedTool
	for _, raw := range list.Tools {
		if tool := each(raw); tool.name != "" {
			out = append(out, tool)
		}
	}
	return out
}

// byInputSchema reads a tool that says its schema.
func byInputSchema(raw json.RawMessage) listedTool {
	var d struct {
		Name   string `json:"name"`
		Schema struct {
			Properties map[string]struct {
				Enum []string `json:"enum"`
			} `json:"properties"`
		} `json:"inputSchema"`
	}
	if json.Unmarshal(raw, &d) != nil {
		return listedTool{}
	}
	out := listedTool{name: d.Name, values: map[string][]string{}}
	for name, p := range d.Schema.Properties {
		out.args, out.values[name] = append(out.args, name), p.Enum
	}
	return out
}

// byParams reads a tool of sooperset's Confluence ones.
func byParams(raw json.RawMessage) listedTool {
	var d struct {
		Name   string            `json:"name"`
		Params map[string]string `json:"params"`
	}
	if json.Unmarshal(raw, &d) != nil || !strings.HasPrefix(d.Name, "confluence_") {
		return listedTool{}
	}
	out := listedTool{name: d.Name}
	for name := range d.Params {
		out.args = append(out.args, name)
	}
	return out
}

// Every tool of the servers, and everything that each does, is mapped or denied by
// its name; and no row has an argument that the tool has not.
func TestConfluenceAdaptersAreWhole(t *testing.T) {
	for _, c := range []struct {
		file, list string
		each       func(json.RawMessage) listedTool
	}{
		{"aaronsb-confluence.hujson", "aaronsb-confluence-cloud-mcp-0.6.0.json", byInputSchema},
		{"sooperset-confluence.hujson", "sooperset-mcp-atlassian-436b37e-static.json", byParams},
	} {
		a := confluenceAdapter(t, c.file)
		tools := listedConfluence(t, c.list, c.each)
		if len(tools) != len(a.Tools) {
			t.Errorf("%s: the server has %d tools, and the adapter %d", c.file, len(tools), len(a.Tools))
		}
		for _, listed := range tools {
			tool := a.tool(listed.name)
			if tool == nil {
				t.Errorf("%s: %s is neither mapped nor denied", c.file, listed.name)
				continue
			}
			var named []string
			for _, r := range tool.Rows {
				named = append(named, r.Is...)
				for name := range r.known {
					if !slices.Contains(listed.args, name) {
						t.Errorf("%s: %s has no argument %q", c.file, tool.Name, name)
					}
				}
			}
			for _, value := range listed.values[tool.By] {
				if tool.Denied == "" && !slices.Contains(named, value) {
					t.Errorf("%s: %s %s is neither mapped nor denied", c.file, tool.Name, value)
				}
			}
			for _, value := range named {
				if of := listed.values[tool.By]; of != nil && !slices.Contains(of, value) {
					t.Errorf("%s: %s does not do %q", c.file, tool.Name, value)
				}
			}
		}
	}
}

// A mapped call says what it comes to; "" is one that is denied, and why says so.
type mappedConfluence struct{ file, tool, args, action, want, why string }

var mappedConfluenceCalls = []mappedConfluence{
	{"aaronsb", "manage_confluence_page", `{"operation":"get","pageId":"7","expand":["body"]}`, "page.get", `{"page_id":"7"}`, ""},
	{"aaronsb", "manage_confluence_page", `{"operation":"get_versions","pageId":"7"}`, "page.get", `{"page_id":"7"}`, ""},
	{"aaronsb", "manage_confluence_page", `{"operation":"get_comments","pageId":"7"}`, "page.comments", `{"limit":25,"page_id":"7"}`, ""},
	{"aaronsb", "manage_confluence_page", `{"operation":"get_labels","pageId":"7"}`, "page.labels", `{"page_id":"7"}`, ""},
	{"aaronsb", "manage_confluence_page", `{"operation":"add_comment","pageId":"7","body":"a < b"}`, "page.comment.create", `{"body_storage":"<p>a &lt; b</p>","page_id":"7"}`, ""},
	{"aaronsb", "manage_confluence_page", `{"operation":"add_comment","pageId":"7","body":"a","parentCommentId":"8"}`, "", "", "replies"},
	{"aaronsb", "manage_confluence_page", `{"operation":"add_labels","pageId":"7","labels":["runbook"]}`, "page.label.add", `{"label":"runbook","page_id":"7"}`, ""},
	{"aaronsb", "manage_confluence_page", `{"operation":"add_labels","pageId":"7","labels":["a","b"]}`, "", "", "one item"},
	{"aaronsb", "manage_confluence_page", `{"operation":"remove_label","pageId":"7","label":"runbook"}`, "page.label.remove", `{"label":"runbook","page_id":"7"}`, ""},
	{"aaronsb", "manage_confluence_page", `{"operation":"move","pageId":"7","parentId":"8"}`, "page.move",
		`{"based_on_version":3,"message":"Moved by manage_confluence_page.","page_id":"7","target_id":"8"}`, ""},
	{"aaronsb", "manage_confluence_page", `{"operation":"delete","pageId":"7"}`, "page.trash",
		`{"based_on_version":3,"message":"Put into the trash by manage_confluence_page.","page_id":"7"}`, ""},
	{"aaronsb", "manage_confluence_page", `{"operation":"update","pageId":"7","title":"x"}`, "", "", "empty the page"},
	{"aaronsb", "manage_confluence_page", `{"operation":"create","spaceId":"1","title":"x"}`, "", "", "confluence.page.create"},
	{"aaronsb", "manage_confluence_page", `{"operation":"pull_for_editing","pageId":"7"}`, "", "", "confluence.page.edit"},
	{"aaronsb", "manage_confluence_page", `{"operation":"purge","pageId":"7"}`, "", "", "not mapped"},
	{"aaronsb", "manage_confluence_page", `{"operation":["get"],"pageId":"7"}`, "", "", "one word"},
	{"aaronsb", "manage_confluence_page", `{"pageId":"7"}`, "", "", "not mapped"},
	{"aaronsb", "manage_confluence_page", `{"operation":"get","pageId":"7","status":"draft"}`, "", "", `"status" is not mapped`},
	{"aaronsb", "edit_confluence_content", `{"operation":"submit","scratchpadId":"1"}`, "", "", "confluence.page.edit"},
	{"aaronsb", "queue_confluence_operations", `{"operations":[]}`, "", "", "one by one"},
	{"aaronsb", "manage_confluence_space", `{"operation":"list"}`, "", "", "search_confluence"},
	{"aaronsb", "search_confluence", `{"operation":"cql","cql":"text ~ \"a\"","limit":5}`, "page.search", `{"cql":"text ~ \"a\"","limit":5}`, ""},
	{"aaronsb", "search_confluence", `{"operation":"cql","cql":"text ~ \"a\"","cursor":"x"}`, "", "", `"cursor" is not mapped`},
	{"aaronsb", "search_confluence", `{"operation":"fulltext","query":"how to \"roll\" \\ back"}`, "page.search", `{"cql":"type = page AND text ~ \"how to \\\"roll\\\" \\\\ back\""}`, ""},
	{"aaronsb", "search_confluence", `{"operation":"fulltext","query":"a","spaceKey":"X\" OR space = \"Y"}`, "page.search",
		`{"cql":"type = page AND text ~ \"a\" AND space = \"X\\\" OR space = \\\"Y\""}`, ""},
	{"aaronsb", "search_confluence", `{"operation":"by_label","labels":["a","b"],"spaceKey":"ENG"}`, "page.search", `{"cql":"type = page AND label IN (\"a\", \"b\") AND space = \"ENG\""}`, ""},
	{"aaronsb", "search_confluence", `{"operation":"by_label","labels":[]}`, "", "", "texts"},
	{"aaronsb", "search_confluence", `{"operation":"fulltext"}`, "", "", "needs the argument query"},
	{"aaronsb", "search_confluence", `{"operation":"recent"}`, "page.search", `{"cql":"type = page ORDER BY lastmodified DESC"}`, ""},
	{"aaronsb", "search_confluence", `{"operation":"recent","spaceKey":"ENG"}`, "page.search", `{"cql":"type = page AND space = \"ENG\" ORDER BY lastmodified DESC"}`, ""},
	{"aaronsb", "manage_confluence_media", `{"operation":"list","pageId":"7"}`, "page.attachments", `{"limit":25,"page_id":"7"}`, ""},
	{"aaronsb", "manage_confluence_media", `{"operation":"download","attachmentId":"att7"}`, "", "", "confluence.attachment.get"},
	{"aaronsb", "navigate_confluence", `{"operation":"tree","pageId":"7","depth":3}`, "page.children", `{"limit":25,"page_id":"7"}`, ""},
	{"aaronsb", "navigate_confluence", `{"operation":"backlinks","pageId":"7"}`, "page.get", `{"page_id":"7"}`, ""},
	{"aaronsb", "navigate_confluence", `{"operation":"related","pageId":"7"}`, "page.labels", `{"page_id":"7"}`, ""},
	{"aaronsb", "raw_request", `{}`, "", "", "not mapped"},

	{"sooperset", "confluence_search", `{"query":"text ~ \"a\""}`, "page.search", `{"cql":"text ~ \"a\""}`, ""},
	{"sooperset", "confluence_search", `{"query":"text ~ \"a\"","spaces_filter":""}`, "", "", `"spaces_filter" is not mapped`},
	{"sooperset", "confluence_get_page", `{"page_id":7,"convert_to_markdown":true}`, "page.get", `{"page_id":"7"}`, ""},
	{"sooperset", "confluence_get_page", `{"title":"x","space_key":"ENG"}`, "", "", "needs the argument page_id"},
	{"sooperset", "confluence_get_page_children", `{"parent_id":"7","limit":5,"include_content":true}`, "", "", `"include_content" is not mapped`},
	{"sooperset", "confluence_get_comments", `{"page_id":"7"}`, "page.comments", `{"limit":25,"page_id":"7"}`, ""},
	{"sooperset", "confluence_get_page_restrictions", `{"page_id":"7"}`, "page.restrictions", `{"page_id":"7"}`, ""},
	{"sooperset", "confluence_create_page", `{"space_key":"ENG","title":"x","content":"a","parent_id":7}`, "page.create", `{"body_storage":"<p>a</p>","parent_id":"7","title":"x"}`, ""},
	{"sooperset", "confluence_create_page", `{"space_key":"ENG","title":"x","content":"<p>a</p>","parent_id":"7","content_format":"storage"}`, "page.create", `{"body_storage":"<p>a</p>","parent_id":"7","title":"x"}`, ""},
	{"sooperset", "confluence_create_page", `{"space_key":"ENG","title":"x","content":"h1. a","parent_id":"7","content_format":"wiki"}`, "", "", "wiki markup"},
	{"sooperset", "confluence_create_page", `{"space_key":"ENG","title":"x","content":"a"}`, "", "", "needs the argument parent_id"},
	{"sooperset", "confluence_create_page", `{"space_key":"ENG","title":"x","content":"a","parent_id":"7","content_file":"/etc/passwd"}`, "", "", `"content_file" is not mapped`},
	{"sooperset", "confluence_update_page", `{"page_id":"7","title":"x","content":"a"}`, "page.update",
		`{"based_on_version":3,"body_storage":"<p>a</p>","message":"Written by confluence_update_page.","page_id":"7","title":"x"}`, ""},
	{"sooperset", "confluence_update_page", `{"page_id":"7","title":"x","content":"<p>a</p>","content_format":"xhtml","version_comment":"why"}`, "page.update",
		`{"based_on_version":3,"body_storage":"<p>a</p>","message":"why","page_id":"7","title":"x"}`, ""},
	{"sooperset", "confluence_update_page", `{"page_id":"7","title":"x","content":"a","parent_id":"9"}`, "", "", `"parent_id" is not mapped`},
	{"sooperset", "confluence_move_page", `{"page_id":"7","target_parent_id":"8"}`, "page.move",
		`{"based_on_version":3,"message":"Moved by confluence_move_page.","page_id":"7","target_id":"8"}`, ""},
	{"sooperset", "confluence_move_page", `{"page_id":"7","target_parent_id":"8","position":"above"}`, "", "", "append"},
	{"sooperset", "confluence_move_page", `{"page_id":"7","target_space_key":"SEC"}`, "", "", "needs the argument target_parent_id"},
	{"sooperset", "confluence_get_page_history", `{"page_id":"7","version":2}`, "page.version", `{"page_id":"7","version":2}`, ""},
	{"sooperset", "confluence_get_attachments", `{"content_id":"7","limit":5}`, "page.attachments", `{"limit":5,"page_id":"7"}`, ""},

	{"rovo", "getConfluencePage", `{"cloudId":"c","pageId":"7","contentFormat":"adf"}`, "page.get", `{"page_id":"7"}`, ""},
	{"rovo", "getConfluencePage", `{"cloudId":"c","pageId":"7"}`, "page.get", `{"page_id":"7"}`, ""},
	{"rovo", "getConfluencePageFooterComments", `{"cloudId":"c","pageId":"7","contentFormat":"adf","limit":3}`, "page.comments", `{"limit":3,"page_id":"7"}`, ""},
	{"rovo", "searchConfluenceUsingCql", `{"cloudId":"c","cql":"text ~ \"a\"","limit":5}`, "page.search", `{"cql":"text ~ \"a\"","limit":5}`, ""},
	{"rovo", "getConfluencePageDescendants", `{"cloudId":"c","pageId":"7","depth":2}`, "page.search", `{"cql":"type = page AND ancestor = \"7\""}`, ""},
	{"rovo", "createConfluencePage", `{"cloudId":"c","spaceId":"1","parentId":"7","title":"x","body":"a","contentFormat":"markdown"}`, "page.create", `{"body_storage":"<p>a</p>","parent_id":"7","title":"x"}`, ""},
	{"rovo", "createConfluencePage", `{"cloudId":"c","spaceId":"1","title":"x","body":"a","contentFormat":"markdown"}`, "", "", "needs the argument parentId"},
	{"rovo", "createConfluencePage", `{"cloudId":"c","spaceId":"1","parentId":"7","title":"x","body":"a"}`, "", "", "Markdown"},
	{"rovo", "createConfluencePage", `{"cloudId":"c","spaceId":"1","parentId":"7","title":"x","body":"a","contentFormat":"markdown","isPrivate":true}`, "", "", `"isPrivate" is not mapped`},
	{"rovo", "updateConfluencePage", `{"cloudId":"c","pageId":"7","body":"a","contentFormat":"markdown","versionMessage":"why"}`, "page.update",
		`{"based_on_version":3,"body_storage":"<p>a</p>","message":"why","page_id":"7"}`, ""},
	{"rovo", "updateConfluencePage", `{"cloudId":"c","pageId":"7","body":"a","contentFormat":"markdown","parentId":"8"}`, "", "", `"parentId" is not mapped`},
	{"rovo", "createConfluenceFooterComment", `{"cloudId":"c","pageId":"7","body":"a","contentFormat":"markdown"}`, "page.comment.create", `{"body_storage":"<p>a</p>","page_id":"7"}`, ""},
	{"rovo", "createConfluenceFooterComment", `{"cloudId":"c","pageId":"7","body":"a","parentCommentId":"8","contentFormat":"markdown"}`, "", "", "replies"},
	{"rovo", "search", `{"query":"a"}`, "", "", "searchConfluenceUsingCql"},
	{"rovo", "getJiraIssue", `{"cloudId":"c","issueIdOrKey":"ENG-1"}`, "", "", "not mapped"},
}

func TestConfluenceAdapters(t *testing.T) {
	adapters := map[string]*Adapter{}
	for _, name := range []string{"aaronsb", "sooperset", "rovo"} {
		adapters[name] = confluenceAdapter(t, name+"-confluence.hujson")
	}
	for _, c := range mappedConfluenceCalls {
		var args map[string]json.RawMessage
		if err := json.Unmarshal([]byte(c.args), &args); err != nil {
			t.Fatal(err)
		}
		row, err := adapters[c.file].Map(c.tool, args)
		f := (*gate.Fault)(nil)
		if err != nil && (!errors.As(err, &f) || f.Code != Unmapped) {
			t.Errorf("%s %s: %v is no fault of a call that is not mapped", c.tool, c.args, err)
		}
		var got json.RawMessage
		if err == nil {
			got, err = row.asked(args)
		}
		if err == nil {
			got, err = row.template.complete(got, map[string]json.RawMessage{"version": json.RawMessage("3")})
		}
		switch {
		case c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%s %s: got %s %v, want a refusal with %q", c.tool, c.args, got, err, c.why)
		case c.why == "" && (err != nil || row.Action != c.action || string(got) != c.want):
			t.Errorf("%s %s: got %s %v, want %s", c.tool, c.args, got, err, c.want)
		case c.action == "page.search":
			wantQuery(t, got)
		}
	}
}

// wantQuery holds a query to those that the connector reads.
func wantQuery(t *testing.T, args json.RawMessage) {
	t.Helper()
	var a struct {
		CQL string `json:"cql"`
	}
	err := json.Unmarshal(args, &a)
	if err == nil {
		_, err = query.Parse(query.CQL(), a.CQL)
	}
	if err != nil {
		t.Errorf("%s: %v", a.CQL, err)
	}
}

// A server that reaches several sites is let reach the house's alone.
func TestAdapterAt(t *testing.T) {
	rovo, aaronsb := confluenceAdapter(t, "rovo-confluence.hujson"), confluenceAdapter(t, "aaronsb-confluence.hujson")
	sites := []string{"https://example.atlassian.net", "", "11111111-2222-3333-4444-555555555555"}
	for at, want := range map[string]bool{
		`"https://example.atlassian.net"`: true, `"https://Example.atlassian.net/"`: true, `"example.atlassian.net"`: true,
		`"11111111-2222-3333-4444-555555555555"`: true, `"https://other.atlassian.net"`: false, `"https://example.atlassian.net.evil.example"`: false,
		`""`: false, `null`: false, `["https://example.atlassian.net"]`: false, `"http://example.atlassian.net"`: false,
	} {
		if err := rovo.At(map[string]json.RawMessage{"cloudId": json.RawMessage(at)}, sites); (err == nil) != want {
			t.Errorf("cloudId %s: got %v", at, err)
		}
	}
	if rovo.At(nil, sites) == nil || aaronsb.At(nil, nil) != nil {
		t.Error("a missing cloudId is taken, or one is wanted of a server that has none")
	}
}
