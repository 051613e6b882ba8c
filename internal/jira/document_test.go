// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/clawea/clawea/receipt"
	"github.com/google/go-cmp/cmp"
)

const empty = `{"type":"doc","version":1,"content":[]}`

// TestRichEditLosses writes over what agents cannot see in an issue's text.
func TestRichEditLosses(t *testing.T) {
	both := `"drops":["mention:712020:x","image:1"]`
	tests := []struct{ name, args, want string }{
		{"the text as it was read", `"fields":{"description":"TEXT"}`, "would_lose"},
		{"another text", `"fields":{"description":"y"}`, "would_lose"},
		{"nothing", `"fields":{"description":null}`, "would_lose"},
		{"by name", `"fields":{"Description":"y"}`, "would_lose"},
		{"one of two named", `"fields":{"description":"y"},"drops":["image:1"]`, "would_lose"},
		{"in another field", `"fields":{"environment":"y","description":"y"},"drops":["image:1"]`, "would_lose"},
		{"what is not there", `"fields":{"description":"y"},"drops":["mention:712020:x","image:1","image:2"]`, "bad_argument"},
		{"of a field that is not rich", `"fields":{"summary":"y"},"drops":["image:1"]`, "bad_argument"},
		{"of a field that stays", `"fields":{"environment":"y"},"drops":["image:1"]`, "bad_argument"},
		{"with undoes", `"fields":{"summary":"y"},"undoes":"j/1","entry":"1",` + both, "bad_argument"},
		{"another field", `"fields":{"environment":"y"}`, ""},
		{"named", `"fields":{"description":"y"},` + both, ""},
		{"nothing, named", `"fields":{"description":null},` + both, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newWideHouse(t)
			h.edit("ENG-1", "", "description", rich)
			_, r := h.did(actionGet, `{"issue_key":"ENG-1"}`)
			text, err := json.Marshal(decoded[gotten](t, r.Body).Issue.Description)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(test.args, "undoes") {
				h.agent = receipt.Undoer
			}
			_, r, err = h.do(actionEdit, h.on("ENG-1", strings.Replace(test.args, `"TEXT"`, string(text), 1)), nil)
			if code(err) != test.want {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			lost := strings.Contains(test.args, `"description":`) && err == nil
			if got := string(h.issue("ENG-1").Document); (got == rich) == lost {
				t.Errorf("the description is %s", got)
			}
			if test.want == "would_lose" && !strings.Contains(err.Error(), "mention:712020:x") {
				t.Errorf("the refusal names nothing: %v", err)
			}
			if !lost {
				return
			}
			if r.Outcome.Code != "204" {
				t.Errorf("outcome %+v", r.Outcome)
			}
			for _, want := range []string{"description:", "dropped:", "mention:712020:x", "image:1"} {
				if !strings.Contains(h.change.Diff, want) {
					t.Errorf("the diff does not show %q: %s", want, h.change.Diff)
				}
			}
		})
	}
}

// TestRichDiff changes documents in what does not show in their words.
func TestRichDiff(t *testing.T) {
	paragraph := func(inside string) string {
		return `{"type":"doc","version":1,"content":[{"type":"paragraph","content":[` + inside + `]}]}`
	}
	tests := []struct{ name, was, is, shows string }{
		{"a mark", paragraph(`{"type":"text","text":"a"}`), paragraph(`{"type":"text","text":"a","marks":[{"type":"strike"}]}`), "strike"},
		{"a title of a link", paragraph(`{"type":"text","text":"a","marks":[{"type":"link","attrs":{"href":"https://a.example/"}}]}`),
			paragraph(`{"type":"text","text":"a","marks":[{"type":"link","attrs":{"href":"https://a.example/","title":"b"}}]}`), "title"},
		{"a panel", `{"type":"doc","version":1,"content":[{"type":"panel","attrs":{"panelType":"info"},"content":[{"type":"paragraph","content":[{"type":"text","text":"a"}]}]}]}`,
			`{"type":"doc","version":1,"content":[{"type":"panel","attrs":{"panelType":"error"},"content":[{"type":"paragraph","content":[{"type":"text","text":"a"}]}]}]}`, "error"},
		{"a span", `{"type":"doc","version":1,"content":[{"type":"table","content":[{"type":"tableRow","content":[{"type":"tableCell","content":[{"type":"paragraph"}]}]}]}]}`,
			`{"type":"doc","version":1,"content":[{"type":"table","content":[{"type":"tableRow","content":[{"type":"tableCell","attrs":{"colspan":3},"content":[{"type":"paragraph"}]}]}]}]}`, "colspan"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newWideHouse(t)
			h.edit("ENG-1", "", "description", test.was)
			_, r := h.did(actionEdit, h.on("ENG-1", `"fields":{"description":`+test.is+`}`))
			if !strings.Contains(h.change.Diff, test.shows) || r.Outcome.Code != "204" {
				t.Errorf("%+v, diff %s", r.Outcome, h.change.Diff)
			}
			// The read-back sees it, too, if Jira does not take it.
			h.edit("ENG-1", "", "description", test.was)
			h.once(http.MethodPut, "", func(w http.ResponseWriter, r *http.Request) {
				body := strings.Replace(bodyOf(t, r), test.shows, map[string]string{"strike": "strong", "title": "title", "error": "note", "colspan": "rowspan"}[test.shows], 1)
				body = strings.Replace(body, `"title":"b"`, `"title":"c"`, 1)
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
				h.site.ServeHTTP(w, r)
			})
			_, r, err := h.do(actionEdit, h.on("ENG-1", `"fields":{"description":`+test.is+`}`), nil)
			if err != nil || r.Outcome.Code != "differs" {
				t.Errorf("another document was kept: %v, %+v", err, r.Outcome)
			}
		})
	}
}

// TestRestoredDiff writes documents back by undoes, of which nobody here can tell
// whether they are the former ones: all that differs must be in the diff.
func TestRestoredDiff(t *testing.T) {
	for _, is := range []string{
		strings.Replace(rich, "712020:x", "712020:victim", 1),
		strings.Replace(rich, `"color":"red"`, `"color":"blue"`, 1),
		strings.Replace(rich, `"collection":""`, `"collection":"victim"`, 1),
		empty,
	} {
		h := newWideHouse(t)
		h.agent = receipt.Undoer
		h.edit("ENG-1", h.writer, "description", rich)
		changes := h.issue("ENG-1").Changes
		_, _, err := h.do(actionEdit, h.on("ENG-1", `"undoes":"x/1","entry":"`+changes[len(changes)-1].ID+`","fields":{"description":`+is+`}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"victim", "blue", "712020:x"} {
			if h.change == nil || strings.Contains(is+rich, want) && strings.Contains(is, want) != strings.Contains(rich, want) && !strings.Contains(h.change.Diff, want) {
				t.Errorf("%q is not shown of %s: %s", want, is, h.change.Diff)
			}
		}
		if !strings.Contains(h.change.Diff, "as it is sent") {
			t.Errorf("the diff is %s", h.change.Diff)
		}
	}
}

func TestSameDocument(t *testing.T) {
	in := func(inside string) string { return `{"type":"doc","version":1,"content":[` + inside + `]}` }
	tests := []struct {
		name, sent, shown string
		want              bool
	}{
		{"itself", rich, rich, true},
		{"nothing", `null`, empty, true},
		{"nothing of something", `null`, rich, false},
		{"ids", in(`{"type":"paragraph","content":[{"type":"text","text":"a"}]}`), in(`{"type":"paragraph","attrs":{"localId":"x"},"content":[{"type":"text","text":"a","marks":[]}]}`), true},
		{"defaults", in(`{"type":"orderedList","content":[]}`), in(`{"type":"orderedList","attrs":{"order":1}}`), true},
		{"no default", in(`{"type":"orderedList"}`), in(`{"type":"orderedList","attrs":{"order":2}}`), false},
		{"joined", in(`{"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"text","text":"c","marks":[{"type":"em"}]}`), in(`{"type":"text","text":"ab"},{"type":"text","text":"c","marks":[{"type":"em"}]}`), true},
		{"joined otherwise", in(`{"type":"text","text":"a"},{"type":"text","text":"b","marks":[{"type":"em"}]}`), in(`{"type":"text","text":"ab"}`), false},
		{"across a break", in(`{"type":"text","text":"a"},{"type":"hardBreak"},{"type":"text","text":"b"}`), in(`{"type":"text","text":"ab"},{"type":"hardBreak"}`), false},
		{"order of marks", in(`{"type":"text","text":"a","marks":[{"type":"em"},{"type":"strong"}]}`), in(`{"type":"text","text":"a","marks":[{"type":"strong"},{"type":"em"}]}`), true},
		{"a mark", in(`{"type":"text","text":"a"}`), in(`{"type":"text","text":"a","marks":[{"type":"strong"}]}`), false},
		{"an attribute", rich, strings.Replace(rich, "712020:x", "712020:y", 1), false},
		{"a strange member", in(`{"type":"paragraph"}`), in(`{"type":"paragraph","strange":1}`), false},
		{"order of nodes", in(`{"type":"rule"},{"type":"paragraph"}`), in(`{"type":"paragraph"},{"type":"rule"}`), false},
		{"a text", `"a"`, `"a"`, false},
		{"too deep", strings.Repeat(`{"type":"x","content":[`, 80) + strings.Repeat(`]}`, 80), empty, false},
	}
	for _, test := range tests {
		if got := sameDocument(json.RawMessage(test.sent), json.RawMessage(test.shown)); got != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
}

// A call that takes a link away says which, and not who made it, which nobody knows.
func TestUnlinkSays(t *testing.T) {
	h := newWideHouse(t)
	id := h.deed(actionLink, `{"issue_key":"ENG-1","phrase":"blocks","other_key":"ENG-2","message":"m"}`).after.ID
	h.agent = receipt.Undoer
	h.did(actionUnlink, fmt.Sprintf(`{"issue_key":"ENG-1","link_id":%q,"message":"why","undoes":"somebody-else/999"}`, id))
	if diff := cmp.Diff("Delete the link "+id+" between ENG-1 and ENG-2: why", h.change.Summary); diff != "" {
		t.Error(diff)
	}
}

// FuzzDocuments holds comparing to what it is for: a document is always the same as
// itself, and as itself once settled.
func FuzzDocuments(f *testing.F) {
	for _, s := range []string{rich, empty, `null`, `{"type":"doc","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := settled(b)
		if err != nil {
			return
		}
		if twice, err := settled(once); err != nil || string(twice) != string(once) {
			t.Fatalf("%s settles as %s and then %s, %v", b, once, twice, err)
		}
		if !sameDocument(b, once) {
			t.Fatalf("%s is not %s", b, once)
		}
	})
}
