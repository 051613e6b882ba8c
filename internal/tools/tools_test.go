// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/tools"
	"github.com/clawea/clawea/policy"
)

// An agent is told of the tools that its token can ever use, and of no others.
func TestList(t *testing.T) {
	h := newHouse(t)
	for _, test := range []struct {
		job   string
		grant []string
		want  []string
	}{
		{"all", nil, []string{"desk_break", "desk_lose", "desk_post", "desk_read", "desk_slow_read"}}, // not desk.wipe, nor desk.burn
		{"narrow", []string{"desk.read"}, []string{"desk_read"}},
	} {
		list, err := h.connect(h.mint(test.job, test.grant...).Raw).ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tool := range list.Tools {
			got = append(got, tool.Name)
			schema, err := json.Marshal(tool.InputSchema)
			if err != nil || !strings.Contains(string(schema), `"additionalProperties":false`) || tool.Description == "" {
				t.Errorf("%s: schema %s, description %q", tool.Name, schema, tool.Description)
			}
			reads := tool.Name == "desk_read" || tool.Name == "desk_slow_read"
			if a := tool.Annotations; a.ReadOnlyHint != reads || *a.DestructiveHint == reads {
				t.Errorf("%s: annotations %+v", tool.Name, a)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.job, diff)
		}
		h.wantBook(test.job, "") // looking is not acting
	}
}

// Two agents at once each see their own list.
func TestListsApart(t *testing.T) {
	h := newHouse(t)
	all, narrow := h.connect(h.mint("all").Raw), h.connect(h.mint("narrow", "desk.read").Raw)
	for range 10 {
		for s, want := range map[*mcp.ClientSession]int{all: 5, narrow: 1} {
			list, err := s.ListTools(t.Context(), nil)
			if err != nil || len(list.Tools) != want {
				t.Fatalf("%d tools, %v; want %d", len(list.Tools), err, want)
			}
		}
	}
}

func TestDone(t *testing.T) {
	for _, name := range []string{"desk.read", "desk_read"} {
		h := newHouse(t)
		text, f, at := call(t, h.connect(h.mint("job-1").Raw), name, `{"text":"hello"}`)
		if f != nil || text != "you said hello" || at != "job-1/2" {
			t.Errorf("%s: %s, receipt %s", name, text, at)
		}
		h.wantBook("job-1", "opened desk.read allow, closed done")
	}
}

// Every call that is not carried out, or not well, says so in words, and stands
// in the book.
func TestFailures(t *testing.T) {
	for _, test := range []struct {
		name, tool, args string
		grant            []string
		want             tools.Failure // status, code and receipt
		says             string
		book             string
		acts             int32
	}{
		{name: "denied", tool: "desk.wipe", args: `{}`, want: tools.Failure{Status: "denied", Receipt: "job-1/1"}, book: "opened desk.wipe deny"},
		{
			name: "outside the grant", tool: "desk.break", args: `{}`, grant: []string{"desk.read"},
			want: tools.Failure{Status: "denied", Receipt: "job-1/1"}, book: "opened desk.break deny",
		},
		{name: "waiting", tool: "desk.post", args: `{"text":"x"}`, want: tools.Failure{Status: "waiting", Receipt: "job-1/1", Approval: "job-1.1"}, book: "opened desk.post ask"},
		{
			name: "failed", tool: "desk.break", args: `{}`, says: "somebody else wrote",
			want: tools.Failure{Status: "failed", Code: "conflict", Receipt: "job-1/2"}, book: "opened desk.break allow, closed failed", acts: 1,
		},
		{
			name: "bad arguments", tool: "desk.read", args: `{"txt":"x"}`, says: "the text is missing",
			want: tools.Failure{Status: "denied", Code: "bad_argument", Receipt: "job-1/1"}, book: "opened desk.read deny",
		},
		{
			name: "arguments with a name twice", tool: "desk.read", args: `{"text":"a","text":"b"}`, says: "duplicate",
			want: tools.Failure{Status: "denied", Code: "bad_argument", Receipt: "job-1/1"}, book: "opened desk.read deny",
		},
		{
			name: "arguments that are a list", tool: "desk.read", args: `["text"]`,
			want: tools.Failure{Status: "denied", Code: "bad_argument", Receipt: "job-1/1"}, book: "opened desk.read deny",
		},
		{
			name: "named and not offered", tool: "desk.burn", args: `{}`, says: "not burnt here",
			want: tools.Failure{Status: "denied", Code: "not_offered", Receipt: "job-1/1"}, book: "opened desk.burn deny",
		},
		{name: "unknown tool", tool: "shell.exec", args: `{"cmd":"rm"}`, want: tools.Failure{Status: "denied", Code: "unknown_tool", Receipt: "job-1/1"}, book: "opened mcp.unknown deny"},
		{name: "another spelling's case", tool: "Desk.read", args: `{}`, want: tools.Failure{Status: "denied", Code: "unknown_tool", Receipt: "job-1/1"}, book: "opened mcp.unknown deny"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			text, f, _ := call(t, h.connect(h.mint("job-1", test.grant...).Raw), test.tool, test.args)
			if f == nil {
				t.Fatalf("it went through: %s", text)
			}
			got := tools.Failure{Status: f.Status, Code: f.Code, Receipt: f.Receipt, Approval: f.Approval}
			if diff := cmp.Diff(test.want, got); diff != "" || !strings.Contains(f.Message, test.says) {
				t.Errorf("%s\n%s", diff, text)
			}
			if (f.Status == "denied" || f.Status == "waiting") && len(f.Reasons) == 0 {
				t.Error("no reasons")
			}
			h.wantBook("job-1", test.book)
			if got := h.acts.Load(); got != test.acts {
				t.Errorf("%d acts, want %d", got, test.acts)
			}
		})
	}
}

// An error that no connector made for agents stays in the house, and is not
// taken for a call that was never carried.
func TestStrangeError(t *testing.T) {
	h := newHouse(t)
	text, f, _ := call(t, h.connect(h.mint("job-1").Raw), "desk.lose", `{}`)
	if f == nil || strings.Contains(text, "10.0.0.7") || strings.Contains(text, "secret") {
		t.Fatalf("the agent reads %s", text)
	}
	if f.Status != "failed" || !strings.Contains(f.Message, "may have taken effect") || f.Receipt != "job-1/2" {
		t.Errorf("what may have happened is told as %s", text)
	}
	if !strings.Contains(h.log.String(), "10.0.0.7") {
		t.Error("the log does not say why")
	}
	h.wantBook("job-1", "opened desk.lose allow, closed unknown")
}

// A yes by a person lets the same call through, once.
func TestApproved(t *testing.T) {
	h := newHouse(t)
	s := h.connect(h.mint("job-1").Raw)
	_, f, _ := call(t, s, "desk.post", `{"text":"x"}`)
	asked := f.Approval
	h.reply(asked, true)
	if _, f, _ := call(t, s, "desk.post", `{"text":"y"}`); f == nil || f.Approval == asked {
		t.Error("a yes let another text through")
	}
	if text, f, _ := call(t, s, "desk.post", ` { "text" : "\u0078" } `); f != nil || text != "you said x" { // the same call, spelled otherwise
		t.Errorf("after a yes: %s", text)
	}
	if _, f, _ := call(t, s, "desk.post", `{"text":"x"}`); f == nil || f.Status != "waiting" {
		t.Error("a yes is good twice")
	}
	h.wantBook("job-1", "opened desk.post ask, opened desk.post ask, opened desk.post allow, closed done, opened desk.post ask")
}

func TestCatalog(t *testing.T) {
	d := new(desk)
	got := map[policy.Action]bool{}
	for _, a := range tools.Catalog([]tools.Connector{d}) {
		got[a] = true
	}
	if len(got) != 7 || !got[policy.Action{Tool: "desk", Name: "wipe", Class: policy.Admin}] {
		t.Errorf("catalog: %v", got)
	}
}
