// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/google/go-cmp/cmp"
)

// widePolicy permits all that the connector does, in two projects.
const widePolicy = `{
	"wpc_version": "v1", "tool": "jira", "connection_mode": ["official_api"],
	"allow": {
		"projects": ["ENG", "PLAT"], "operations": ["issue.*"],
		"fields_write_allowlist": ["summary", "description", "labels", "components", "priority", "environment", "status", "assignee", "issuelinks"]
	},
	"deny": {"fields_write_denylist": ["security", "reporter", "duedate"]}
}`

func newWideHouse(t *testing.T) *house {
	h := newHouse(t)
	h.policy = h.publish(widePolicy)
	return h
}

// on are the arguments of a change of an issue as it is now, with more of them.
func (h *house) on(key, more string) string {
	return fmt.Sprintf(`{"issue_key":%q,"based_on":%q,"message":"because",%s}`, key, h.version(key), more)
}

// did carries a call through that must go well.
func (h *house) did(action, args string) (*policy.Call, *gate.Result) {
	h.t.Helper()
	call, result, err := h.do(action, args, nil)
	if err != nil {
		h.t.Fatalf("%s %s: %v", action, args, err)
	}
	return call, result
}

func (h *house) issue(key string) sim.Issue {
	h.t.Helper()
	i, ok := h.site.Issue(key)
	if !ok {
		h.t.Fatalf("no issue %s", key)
	}
	return i
}

// markOn is the receipt that an issue's property names.
func (h *house) markOn(key string) string { return readMark(h.issue(key).Properties[propertyKey]) }

func (h *house) edit(key, by, field, value string) {
	h.site.EditIssue(key, by, map[string]json.RawMessage{field: json.RawMessage(value)})
}

func TestEdit(t *testing.T) {
	h := newWideHouse(t)
	was := h.issue("ENG-1")
	args := h.on("eng-1", `"fields":{"Summary":"Pager is silent","description":"New.\n\nText.","priority":{"name":"High"},"components":null},"labels_add":["quiet","ops"],"labels_remove":["gone"]`)
	call, result := h.did(actionEdit, args)
	want := &policy.Call{
		Tool: "jira", Action: "issue.edit", Class: policy.Write, Mode: "official_api", Credential: "write", Site: h.c.site,
		Resources: []policy.Resource{{
			Type: "issue", ID: was.ID, Version: was.Updated.UTC().Format("2006-01-02T15:04:05.000-0700"), Path: []policy.Place{{ID: h.eng, Name: "ENG"}},
		}, h.typeIn(h.eng, "ENG", "Task")},
		Fields: []string{"components", "description", "labels", "priority", "summary"},
	}
	if diff := cmp.Diff(want, call); diff != "" {
		t.Error(diff)
	}
	is := h.issue("ENG-1")
	if is.Summary != "Pager is silent" || !strings.Contains(is.Description, "Text.") || is.Priority != "High" || len(is.Components) != 0 ||
		!cmp.Equal(is.Labels, []string{"ops", "quiet"}) {
		t.Errorf("the issue is %+v", is)
	}
	last := is.Changes[len(is.Changes)-1]
	o := result.Outcome
	if o.Status != receipt.Done || o.Code != "204" || o.Actor != h.writer || o.Target.ID != is.ID || o.Target.Version != last.ID || len(o.Target.Path[0].Name) != 0 {
		t.Errorf("outcome %+v, target %+v, want the entry %s", o, o.Target, last.ID)
	}
	got := decoded[changed](t, result.Body)
	if got.Version != h.version("ENG-1") || got.Differs != nil || got.Issue.Key != "ENG-1" {
		t.Errorf("got %+v", got)
	}
	if h.markOn("ENG-1") != "j/1" || !strings.Contains(string(is.Properties[propertyKey]), "because") {
		t.Errorf("the issue bears %s", is.Properties[propertyKey])
	}
}

// TestChangeOfEdit looks at what is kept of an edit before it is made.
func TestChangeOfEdit(t *testing.T) {
	h := newWideHouse(t)
	args := []byte(h.on("ENG-1", `"fields":{"summary":"Pager is\u202e silent","labels":["quiet"]}`))
	if _, err := h.c.Plan(t.Context(), actionEdit, args, h.policy.Bounds(tool)); code(err) != "bad_argument" {
		t.Fatalf("a text that reads backwards: %v", err)
	}
	var texts []string
	args = []byte(h.on("ENG-1", `"fields":{"summary":"Pager is silent","labels":["quiet"]}`))
	var change *receipt.Change
	for range 2 {
		p, err := h.c.Plan(t.Context(), actionEdit, args, h.policy.Bounds(tool))
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Change.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		texts, change = append(texts, string(b)), h.sealed(p.Change)
	}
	if texts[0] != texts[1] {
		t.Errorf("two attempts differ: %s", cmp.Diff(texts[0], texts[1]))
	}
	id := h.issue("ENG-1").ID
	if r := change.Request; r.Method != "PUT" || r.Path != api+"/issue/"+id+"?notifyUsers=false" || r.Mark != markAt {
		t.Errorf("request %+v", r)
	}
	const body = `{"fields":{"summary":"Pager is silent"},"properties":[{"key":"clawea","value":{"message":"because","receipt":""}}],"update":{"labels":[{"add":"quiet"},{"remove":"ops"}]}}`
	if diff := cmp.Diff(body, string(change.Request.Body)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(`{"fields":{"labels":["ops"],"summary":"Pager is loud"}}`, string(change.Before)); diff != "" {
		t.Error(diff)
	}
	undo := receipt.Undo{Action: "issue.edit", Args: json.RawMessage(`{"fields":{"summary":"Pager is loud"},"labels_add":["ops"],"labels_remove":["quiet"]}`)}
	if diff := cmp.Diff(undo, change.Undo); diff != "" {
		t.Error(diff)
	}
	for _, line := range []string{"Pager is loud", "Pager is silent", "quiet", "ops"} {
		if !strings.Contains(change.Diff, line) {
			t.Errorf("%q is not in the diff:\n%s", line, change.Diff)
		}
	}
}

// TestSent compares what goes out with what was said and approved, byte for byte.
func TestSent(t *testing.T) {
	calls := []struct{ action, args string }{
		{actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a","labels":["b"]}}`},
		{actionComment, `{"issue_key":"ENG-1","body":"x"}`},
		{actionEdit, `"labels_add":["x"],"fields":{"summary":"y"}`},
		{actionTransition, `"transition_id":"11"`},
		{actionAssign, `"account_id":"READER"`},
		{actionLink, `{"issue_key":"ENG-1","phrase":"blocks","other_key":"PLAT-1","message":"m"}`},
	}
	for _, call := range calls {
		t.Run(call.action, func(t *testing.T) {
			h := newWideHouse(t)
			var sent []string
			h.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/search/jql") {
					sent = append(sent, r.Method+" "+r.URL.RequestURI()+" "+bodyOf(t, r))
				}
				return false
			})
			args := strings.ReplaceAll(call.args, "READER", h.reader)
			if !strings.HasPrefix(args, "{") {
				args = h.on("ENG-1", args)
			}
			h.did(call.action, args)
			r := h.change.Request
			want := r.Method + " " + r.Path + " " + strings.Replace(string(r.Body), `"receipt":""`, `"receipt":"j/1"`, 1)
			if diff := cmp.Diff([]string{want}, sent); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestEditCarriers tries every way in which a change can travel in an edit.
func TestEditCarriers(t *testing.T) {
	h := newWideHouse(t)
	points := h.site.AddField("Story Points", sim.NumberField)
	h.site.AddField("Team", sim.TextField)
	h.site.AddField("Team", sim.TextField)
	h.policy = h.publish(strings.Replace(widePolicy, `"summary",`, `"summary", "`+points+`", "parent", "project", "issuetype", "duedate",`, 1))
	number := strings.TrimPrefix(points, "customfield_")
	is, err := h.c.detail(t.Context(), "ENG-1", []string{"priority"})
	if err != nil {
		t.Fatal(err)
	}
	priority := decoded[thing](t, is.Fields["priority"]).ID
	tests := []struct{ name, more, want string }{
		{"on the list", `"fields":{"summary":"b"}`, ""},
		{"custom by id", `"fields":{"` + points + `":3}`, ""},
		{"custom by name", `"fields":{"story points":4}`, ""},
		{"custom by JQL name", `"fields":{"cf[` + number + `]":5}`, ""},
		{"emptied", `"fields":{"` + points + `":null}`, ""},
		{"twice", `"fields":{"` + points + `":3,"Story Points":4}`, "bad_argument"},
		{"ambiguous", `"fields":{"Team":"x"}`, "bad_argument"},
		{"deny wins", `"fields":{"duedate":"2026-05-01"}`, "denied"},
		{"denied by JQL name", `"fields":{"due":"2026-05-01"}`, "denied"},
		{"denied by name", `"fields":{"Reporter":{"accountId":"` + h.reader + `"}}`, "denied"},
		{"denied, emptied", `"fields":{"reporter":null}`, "denied"},
		{"project", `"fields":{"project":{"key":"PLAT"}}`, "bad_argument"},
		{"project by name", `"fields":{"Project":{"key":"PLAT"}}`, "bad_argument"},
		{"type", `"fields":{"issuetype":{"name":"Bug"}}`, "bad_argument"},
		{"parent", `"fields":{"parent":{"key":"ENG-2"}}`, "bad_argument"},
		{"status", `"fields":{"status":{"name":"Done"}}`, "bad_argument"},
		{"assignee", `"fields":{"assignee":null}`, "bad_argument"},
		{"links", `"fields":{"issuelinks":[]}`, "bad_argument"},
		{"comment", `"fields":{"comment":"x"}`, "bad_argument"},
		{"update", `"update":{"summary":[{"set":"x"}]}`, "bad_argument"},
		{"transition", `"transition":{"id":"11"}`, "bad_argument"},
		{"properties", `"properties":[{"key":"clawea","value":{"receipt":"other/1"}}]`, "bad_argument"},
		{"history", `"historyMetadata":{"type":"x"}`, "bad_argument"},
		{"notices", `"notifyUsers":true`, "bad_argument"},
		{"operation in a field", `"fields":{"labels":[{"add":"x"}]}`, "bad_argument"},
		{"label with a blank", `"labels_add":["a b"]`, "bad_argument"},
		{"labels both ways", `"fields":{"labels":["a"]},"labels_add":["b"]`, "bad_argument"},
		{"label added and removed", `"labels_add":["a"],"labels_remove":["a"]`, "bad_argument"},
		{"nothing", `"fields":{}`, "bad_argument"},
		{"labels that are there", `"labels_add":["ops"],"labels_remove":["none"]`, "no_change"},
		{"a text that is there", `"fields":{"environment":null}`, "no_change"},
		{"a choice that is there", `"fields":{"priority":{"id":"PRIORITY"}}`, "no_change"},
		{"a choice in two ways", `"fields":{"priority":{"id":"1","name":"High"}}`, "bad_argument"},
		{"a choice in three ways", `"fields":{"priority":{"name":"Medium","value":"3","id":"1"}}`, "bad_argument"},
		{"a choice in a list in two ways", `"fields":{"components":[{"id":"1","name":"api"}]}`, "bad_argument"},
		{"a person in two ways", `"fields":{"priority":{"name":"Reader","accountId":"` + h.reader + `"}}`, "bad_argument"},
		{"half a choice in two ways", `"fields":{"priority":{"id":"1","child":{"id":"2","value":"x"}}}`, "bad_argument"},
		{"the house's own label", `"labels_add":["clawea-quarantine"]`, "bad_argument"},
		{"undoes of a job that takes nothing back", `"fields":{"summary":"x"},"undoes":"j/1","entry":"1"`, "not_undoing"},
		{"mention", `"fields":{"description":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"mention","attrs":{"id":"x"}}]}]}}`, "bad_argument"},
		{"entry without undoes", `"fields":{"summary":"x"},"entry":"1"`, "bad_argument"},
		{"undoes no receipt", `"fields":{"summary":"x"},"undoes":"j","entry":"1"`, "bad_argument"},
		{"undoes without entry", `"fields":{"summary":"x"},"undoes":"j/1"`, "bad_argument"},
		{"undoes an entry that is not", `"fields":{"summary":"x"},"undoes":"j/1","entry":"1"`, "conflict"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if h.agent = ""; strings.HasPrefix(test.name, "undoes") && test.want != "not_undoing" {
				h.agent = receipt.Undoer
			}
			before := h.writes()
			_, result, err := h.do(actionEdit, h.on("ENG-1", strings.ReplaceAll(test.more, "PRIORITY", priority)), nil)
			if code(err) != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if sent := h.writes() - before; sent != 0 && result == nil {
				t.Errorf("%d writes were sent for a call that did not come to an act", sent)
			}
		})
	}
}

func TestChangeRefusals(t *testing.T) {
	edit := func(h *house) string { return h.on("ENG-1", `"fields":{"summary":"x"}`) }
	tests := []struct {
		name, action string
		args         func(*house) string
		before       func(*house)
		between      func(*house)
		want         string
	}{
		{name: "other project", action: actionEdit, args: func(h *house) string { return h.on("SECRET-1", `"fields":{"summary":"x"}`) }, want: "denied"},
		{name: "not there", action: actionEdit, want: "not_found", args: func(*house) string {
			return `{"issue_key":"ENG-99","based_on":"x","message":"m","fields":{"summary":"x"}}`
		}},
		{name: "not to be seen", action: actionEdit, want: "not_found", args: func(h *house) string {
			args := edit(h)
			h.site.RestrictProject("ENG")
			return args
		}},
		{name: "no version", action: actionEdit, want: "bad_argument", args: func(*house) string {
			return `{"issue_key":"ENG-1","message":"m","fields":{"summary":"x"}}`
		}},
		{name: "no message", action: actionEdit, want: "bad_argument", args: func(h *house) string {
			return `{"issue_key":"ENG-1","based_on":"` + h.version("ENG-1") + `","message":" ","fields":{"summary":"x"}}`
		}},
		{name: "two lines of message", action: actionEdit, want: "bad_argument", args: func(h *house) string {
			return `{"issue_key":"ENG-1","based_on":"` + h.version("ENG-1") + `","message":"a\nb","fields":{"summary":"x"}}`
		}},
		{name: "old version", action: actionEdit, want: "conflict", args: func(h *house) string {
			args := edit(h)
			h.edit("ENG-1", h.reader, "summary", `"between"`)
			return args
		}},
		{name: "edited meanwhile", action: actionEdit, args: edit, want: "conflict", between: func(h *house) { h.edit("ENG-1", h.reader, "labels", `["z"]`) }},
		{name: "commented meanwhile", action: actionEdit, args: edit, want: "conflict", between: func(h *house) {
			h.site.AddComment("ENG-1", sim.CommentSeed{Body: "wait"})
		}},
		{name: "moved meanwhile", action: actionEdit, args: edit, want: "outside", between: func(h *house) { h.site.MoveIssue("ENG-1", "PLAT") }},
		{name: "of another type meanwhile", action: actionEdit, args: edit, want: "outside", between: func(h *house) {
			h.edit("ENG-1", "", "issuetype", `{"name":"Bug"}`)
		}},
		{name: "gone meanwhile", action: actionEdit, args: edit, want: "not_found", between: func(h *house) { h.site.RestrictProject("ENG") }},
		{name: "no such transition", action: actionTransition, args: func(h *house) string { return h.on("ENG-1", `"transition_id":"41"`) }, want: "conflict"},
		{name: "a transition's name", action: actionTransition, args: func(h *house) string { return h.on("ENG-1", `"transition_id":"Start work"`) }, want: "bad_argument"},
		{name: "fields with a transition", action: actionTransition, want: "bad_argument", args: func(h *house) string {
			return h.on("ENG-1", `"transition_id":"11","fields":{"summary":"x"}`)
		}},
		{name: "nobody known", action: actionAssign, args: func(h *house) string { return h.on("ENG-1", `"account_id":"712020:nobody"`) }, want: "bad_argument"},
		{name: "no account", action: actionAssign, args: func(h *house) string { return h.on("ENG-1", `"account_id":{"accountId":"x"}`) }, want: "bad_argument"},
		{name: "no account at all", action: actionAssign, args: func(h *house) string { return h.on("ENG-1", `"entry":""`) }, want: "bad_argument"},
		{name: "linked to another project", action: actionLink, want: "denied", args: func(*house) string {
			return `{"issue_key":"ENG-1","phrase":"blocks","other_key":"SECRET-1","message":"m"}`
		}},
		{name: "linked to itself", action: actionLink, want: "bad_argument", args: func(*house) string {
			return `{"issue_key":"ENG-1","phrase":"blocks","other_key":"ENG-1","message":"m"}`
		}},
		{name: "no such link", action: actionLink, want: "bad_argument", args: func(*house) string {
			return `{"issue_key":"ENG-1","phrase":"marries","other_key":"ENG-2","message":"m"}`
		}},
		{name: "other end moved meanwhile", action: actionLink, want: "outside", args: func(*house) string {
			return `{"issue_key":"ENG-1","phrase":"blocks","other_key":"ENG-2","message":"m"}`
		}, between: func(h *house) { h.site.MoveIssue("ENG-2", "SECRET") }},
		{name: "linked already", action: actionLink, want: "bad_argument", args: func(*house) string {
			return `{"issue_key":"ENG-2","phrase":"is blocked by","other_key":"ENG-1","message":"m"}`
		}, before: func(h *house) {
			h.did(actionLink, `{"issue_key":"ENG-1","phrase":"blocks","other_key":"ENG-2","message":"m"}`)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newWideHouse(t)
			if test.before != nil {
				test.before(h)
			}
			args := test.args(h)
			before := h.writes()
			_, result, err := h.do(test.action, args, func() {
				if test.between != nil {
					test.between(h)
				}
			})
			if code(err) != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if sent := h.writes() - before; sent != 0 && test.name != "nobody known" {
				t.Errorf("%d writes were sent", sent)
			}
			if result != nil && result.Outcome.Status != receipt.Failed {
				t.Errorf("outcome %+v", result.Outcome)
			}
		})
	}
}

func TestTransition(t *testing.T) {
	h := newWideHouse(t)
	call, result := h.did(actionTransition, h.on("ENG-1", `"transition_id":"11"`))
	is := h.issue("ENG-1")
	if is.Status != "In Progress" || h.markOn("ENG-1") != "j/1" || !cmp.Equal(call.Fields, []string{"status"}) {
		t.Errorf("the issue is %+v, the call %+v", is, call)
	}
	if o := result.Outcome; o.Status != receipt.Done || o.Target.Version != is.Changes[len(is.Changes)-1].ID {
		t.Errorf("outcome %+v", o)
	}
	if c := h.change; !strings.Contains(c.Summary, `"To Do" to "In Progress"`) || c.Undo.Action != actionTransition {
		t.Errorf("change %+v", c)
	}
}

func TestAssign(t *testing.T) {
	h := newWideHouse(t)
	call, _ := h.did(actionAssign, h.on("ENG-1", `"account_id":"`+h.reader+`"`))
	if is := h.issue("ENG-1"); is.AssigneeID != h.reader || h.markOn("ENG-1") != "j/1" || !cmp.Equal(call.Fields, []string{"assignee"}) {
		t.Errorf("the issue is %+v, the call %+v", is, call)
	}
	if got := string(h.change.Undo.Args); got != `{"account_id":null}` {
		t.Errorf("the undo is %s", got)
	}
	h.did(actionAssign, h.on("ENG-1", `"account_id":null`))
	if is := h.issue("ENG-1"); is.AssigneeID != "" || string(h.change.Undo.Args) != `{"account_id":"`+h.reader+`"}` {
		t.Errorf("the issue is %+v, the undo %s", is, h.change.Undo.Args)
	}
}

func TestLink(t *testing.T) {
	for phrase, first := range map[string]string{"Blocks": "ENG-1", "is blocked by": "PLAT-1", "relates to": "ENG-1"} {
		t.Run(phrase, func(t *testing.T) {
			h := newWideHouse(t)
			call, result := h.did(actionLink, `{"issue_key":"ENG-1","phrase":"`+phrase+`","other_key":"PLAT-1","message":"m"}`)
			links := h.issue(first).Links
			if len(links) != 1 || links[0].ID != result.Outcome.Target.ID || result.Outcome.Target.Type != "link" || len(call.Resources) != 4 {
				t.Fatalf("the site has %+v, the target is %+v, the call %+v", links, result.Outcome.Target, call)
			}
			if diff := cmp.Diff([]string{"issuelinks"}, call.Fields); diff != "" {
				t.Error(diff)
			}
		})
	}
}
