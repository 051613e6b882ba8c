// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"strings"
	"testing"
)

// What servers that reach Confluence by themselves answer is held to what the house
// has read: other pages, people's names and rendered text are not in it.
func TestBoundConfluence(t *testing.T) {
	const (
		aPage    = `{"page":{"id":"7","title":"Deploy"},"body":"<p>a</p>"}`
		someHits = `{"results":[{"page":{"id":"7"},"excerpt":""}]}`
	)
	for _, c := range []struct{ file, tool, args, result, answer, want string }{
		{"sooperset", "confluence_get_page", `{"page_id":"7"}`, aPage,
			`{"metadata":{"id":"7","title":"Deploy","author":"Ann","content":{"value":"a","format":"markdown"},"ancestors":[{"id":"1","title":"Secret"}],"attachments":[]}}`,
			`{"item":{"content":{"format":"markdown","value":"a"},"id":"7","title":"Deploy"},"untrusted":true}`},
		{"sooperset", "confluence_get_page", `{"page_id":"7"}`, aPage, `{"metadata":{"id":"8","title":"Other"}}`, ""},
		{"sooperset", "confluence_get_page", `{"page_id":"7"}`, aPage, `{"error":"Failed to retrieve page by ID '7'"}`, ""},
		{"sooperset", "confluence_get_page", `{"page_id":"7"}`, aPage, `{"content":{"value":"of whatever page"}}`, ""},
		{"sooperset", "confluence_search", `{"query":"text ~ \"a\""}`, someHits, `[{"id":"7","title":"Deploy","content":{"value":"gone"},"author":"Ann"},{"id":"8","title":"Secret"}]`,
			`{"items":[{"id":"7","title":"Deploy"}],"untrusted":true}`},
		{"sooperset", "confluence_search", `{"query":"text ~ \"a\""}`, someHits, `{"id":"7"}`, ""},
		{"sooperset", "confluence_get_page_children", `{"parent_id":"6"}`, `{"pages":[{"id":"7"}],"more":false}`,
			`{"parent_id":"6","count":2,"results":[{"id":"7","title":"Deploy"},{"id":"8","title":"Secret"}]}`, `{"items":[{"id":"7","title":"Deploy"}],"untrusted":true}`},
		{"sooperset", "confluence_get_labels", `{"page_id":"7"}`, `{"labels":["runbook"]}`, `[{"id":"1","name":"runbook","prefix":"global"},{"id":"2","name":"mine","prefix":"my"}]`,
			`{"items":[{"name":"runbook","prefix":"global"}],"untrusted":true}`},
		{"sooperset", "confluence_get_page_history", `{"page_id":"7","version":2}`, aPage, `{"id":"7","title":"Deploy","version":2,"author":"Ann"}`,
			`{"item":{"id":"7","title":"Deploy","version":2},"untrusted":true}`},
		{"sooperset", "confluence_get_attachments", `{"content_id":"7"}`, `{"attachments":[{"id":"att1","name":"a.png"}]}`,
			`{"success":true,"attachments":[{"id":"att1","title":"a.png","download_url":"https://example.com/"},{"id":"att2","title":"b.png"}]}`,
			`{"items":[{"id":"att1","title":"a.png"}],"untrusted":true}`},
		{"rovo", "getConfluencePage", `{"pageId":"7","contentFormat":"adf"}`, aPage, `{"id":"7","title":"Deploy","authorId":"acc","body":{"type":"doc"}}`,
			`{"item":{"body":{"type":"doc"},"id":"7","title":"Deploy"},"untrusted":true}`},
		{"rovo", "searchConfluenceUsingCql", `{"cql":"text ~ \"a\""}`, someHits,
			`{"results":[{"content":{"id":"7","type":"page"},"title":"Deploy","excerpt":"gone"},{"content":{"id":"8"},"title":"Secret"}],"totalSize":2}`,
			`{"items":[{"id":"7","title":"Deploy"}],"untrusted":true}`},
		{"rovo", "searchConfluenceUsingCql", `{"cql":"text ~ \"a\""}`, someHits, `{"results":[{"space":{"id":"7"},"title":"a space"}]}`, `{"items":[],"untrusted":true}`},
		{"rovo", "getConfluencePageFooterComments", `{"pageId":"7","contentFormat":"adf"}`, `{"comments":[{"id":"9"}]}`,
			`{"results":[{"id":"9","body":{"type":"doc"}},{"id":"10","body":{"type":"doc"}}]}`, `{"items":[{"body":{"type":"doc"},"id":"9"}],"untrusted":true}`},
	} {
		var args map[string]json.RawMessage
		if err := json.Unmarshal([]byte(c.args), &args); err != nil {
			t.Fatal(err)
		}
		row, err := confluenceAdapter(t, c.file+"-confluence.hujson").Map(c.tool, args)
		if err != nil {
			t.Errorf("%s: %v", c.tool, err)
			continue
		}
		if row.Result == nil {
			t.Errorf("%s has no form", c.tool)
			continue
		}
		got, err := row.Result.bound([]byte(c.answer), shown([]byte(c.result)), nil)
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: of %s\n got %s %v\nwant %s", c.tool, c.answer, got, err, c.want)
		}
	}
}

func TestShapesAreChecked(t *testing.T) {
	for _, s := range []Shape{{}, {ID: "id", Items: "issues"}, {ID: "id", Items: "/a~1b"}, {ID: "id", Item: "x"}, {ID: "/a~0", Items: "/a"}, {ID: "id", Items: "/a", Item: "/b"}} {
		if s.check() == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

// Whatever a server answers, nothing comes through but items that the house has read.
func FuzzBoundItems(f *testing.F) {
	f.Add(`{"results":[{"id":"7","title":"a"},{"id":"8","title":"b"}]}`, "/results", "", "id")
	f.Add(`[{"name":"7","title":"a"}]`, "/", "", "name")
	f.Add(`{"metadata":{"id":7,"title":"a"}}`, "", "/metadata", "id")
	f.Add(`{"results":[{"content":{"id":"7"},"title":"a"}]}`, "/results", "", "/content/id")
	f.Fuzz(func(t *testing.T, text, items, item, id string) {
		s := &Shape{Items: items, Item: item, ID: id, Keep: []string{"title"}}
		if s.check() != nil {
			return
		}
		b, err := s.bound([]byte(text), map[string]bool{"7": true}, nil)
		if err != nil {
			return
		}
		var out struct {
			Items []map[string]json.RawMessage `json:"items"`
			Item  map[string]json.RawMessage   `json:"item"`
		}
		if err := json.Unmarshal(b, &out); err != nil {
			t.Fatal(err)
		}
		if out.Item != nil {
			out.Items = append(out.Items, out.Item)
		}
		for _, kept := range out.Items {
			member := id
			if strings.HasPrefix(id, "/") {
				member = "id"
			}
			if got := string(kept[member]); got != `"7"` && got != "7" || len(kept) > 2 {
				t.Errorf("%s let %v through", text, kept)
			}
		}
	})
}
