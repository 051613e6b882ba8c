// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/change"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/google/go-cmp/cmp"
)

// A deed is a change that was made.
type deed struct {
	opened *receipt.Receipt
	change *receipt.Change
	after  *policy.Resource
}

func (h *house) deed(action, args string) deed {
	h.t.Helper()
	_, result := h.did(action, args)
	return deed{h.opened, h.change, result.Outcome.Target}
}

func (h *house) step(d deed) *change.Step {
	h.t.Helper()
	s, err := h.c.Revert(h.t.Context(), d.opened, d.change, d.after)
	if err != nil {
		h.t.Fatal(err)
	}
	again, err := h.c.Revert(h.t.Context(), d.opened, d.change, d.after)
	if diff := cmp.Diff(s, again); diff != "" || err != nil {
		h.t.Errorf("asked twice: %s, %v", diff, err)
	}
	return s
}

// undo takes a change back, as the house's own command does.
func (h *house) undo(d deed) (*change.Step, deed) {
	h.t.Helper()
	s := h.step(d)
	if s.Action == "" {
		h.t.Fatalf("blocked: %s", s.Blocked)
	}
	before := len(h.site.Requests())
	h.agent = receipt.Undoer
	undone := h.deed(s.Action, string(s.Args))
	h.agent = ""
	if undone.change.Undoes != d.opened.Name() {
		h.t.Errorf("the change undoes %q", undone.change.Undoes)
	}
	for _, r := range h.site.Requests()[before:] {
		if r.Method != http.MethodGet && r.Account != h.undoer {
			h.t.Errorf("%s %s by %s", r.Method, r.Path, r.Account)
		}
	}
	return s, undone
}

// rich is a document with what agents may not write.
const rich = `{"content":[{"content":[{"text":"Ask ","type":"text"},{"attrs":{"id":"712020:x","text":"@Ann"},"type":"mention"},{"attrs":{"color":"red"},"marks":[],"text":"now","type":"text"}],"type":"paragraph"},{"attrs":{"layout":"center"},"content":[{"attrs":{"collection":"","id":"1","type":"file"},"type":"media"}],"type":"mediaSingle"}],"type":"doc","version":1}`

func TestUndoEdit(t *testing.T) {
	h := newWideHouse(t)
	h.edit("ENG-1", "", "description", rich)
	was := h.issue("ENG-1")
	d := h.deed(actionEdit, h.on("ENG-1", `"fields":{"summary":"x","description":"y","priority":{"name":"Low"},"components":[]},"labels_add":["new"],"labels_remove":["ops"],"drops":["mention:712020:x","image:1"]`))
	h.edit("ENG-1", h.reader, "environment", `{"type":"doc","version":1,"content":[]}`) // another field: no matter
	h.edit("ENG-1", h.reader, "labels", `["new","theirs"]`)
	s, undone := h.undo(d)
	is := h.issue("ENG-1")
	if is.Summary != was.Summary || is.Priority != was.Priority || !cmp.Equal(is.Components, was.Components) || !cmp.Equal(is.Labels, []string{"ops", "theirs"}) {
		t.Errorf("the issue is %+v", is)
	}
	if diff := cmp.Diff(rich, string(is.Document)); diff != "" {
		t.Errorf("the description is not as it was: %s", diff)
	}
	if !strings.Contains(s.Says, "ENG-1") || !slices.Contains(undone.opened.Call.Categories, "external_send") || undone.opened.Call.Credential != "write" {
		t.Errorf("step %+v, call %+v", s, undone.opened.Call)
	}
	if s := h.step(d); s.Blocked == "" {
		t.Errorf("taken back twice: %+v", s)
	}
	// And the other way round.
	h.undo(undone)
	if is := h.issue("ENG-1"); is.Summary != "x" || is.Description != "y" || !cmp.Equal(is.Labels, []string{"new", "theirs"}) {
		t.Errorf("the issue is %+v", is)
	}
}

func TestUndoOthers(t *testing.T) {
	t.Run("transition", func(t *testing.T) {
		h := newWideHouse(t)
		d := h.deed(actionTransition, h.on("ENG-1", `"transition_id":"11"`))
		if s, _ := h.undo(d); h.issue("ENG-1").Status != "To Do" || !strings.Contains(string(s.Args), `"transition_id":"21"`) {
			t.Errorf("step %s", s.Args)
		}
	})
	t.Run("assign", func(t *testing.T) {
		h := newWideHouse(t)
		h.edit("ENG-1", "", "assignee", `{"accountId":"`+h.reader+`"}`)
		d := h.deed(actionAssign, h.on("ENG-1", `"account_id":null`))
		if h.undo(d); h.issue("ENG-1").AssigneeID != h.reader {
			t.Error("the former assignee is not")
		}
	})
	t.Run("link", func(t *testing.T) {
		h := newWideHouse(t)
		d := h.deed(actionLink, `{"issue_key":"ENG-1","phrase":"blocks","other_key":"ENG-2","message":"m"}`)
		_, undone := h.undo(d)
		if len(h.issue("ENG-1").Links) != 0 {
			t.Error("the link is there")
		}
		if s := h.step(undone); s.Action != "" || !strings.Contains(s.Blocked, "linked anew") || !strings.Contains(string(undone.change.Before), "Blocks") {
			t.Errorf("step %+v, before %s", s, undone.change.Before)
		}
		if s := h.step(d); s.Blocked == "" {
			t.Errorf("taken back twice: %+v", s)
		}
	})
	t.Run("comment", func(t *testing.T) {
		h := newWideHouse(t)
		h.site.AddComment("ENG-1", sim.CommentSeed{Body: "theirs"})
		d := h.deed(actionComment, `{"issue_key":"ENG-1","body":"ours"}`)
		_, undone := h.undo(d)
		if left := h.site.Comments("ENG-1"); len(left) != 1 || left[0].Body != "theirs" {
			t.Errorf("left are %+v", left)
		}
		if s := h.step(undone); s.Action != "" || !strings.Contains(s.Blocked, "does not keep") || !strings.Contains(string(undone.change.Before), "ours") {
			t.Errorf("step %+v, before %s", s, undone.change.Before)
		}
		if found, err := h.c.Find(t.Context(), undone.opened, undone.change); err != nil || found == nil {
			t.Errorf("found %+v, %v", found, err)
		}
	})
	t.Run("create", func(t *testing.T) {
		h := newWideHouse(t)
		d := h.deed(actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`)
		s, undone := h.undo(d)
		key := decoded[based](t, s.Args).IssueKey
		if is := h.issue(key); !slices.Contains(is.Labels, quarantineLabel) || !strings.Contains(s.Says, "no trash") {
			t.Errorf("the issue is %+v, the step %+v", is, s)
		}
		if h.undo(undone); len(h.issue(key).Labels) != 0 {
			t.Error("the label is there")
		}
	})
}

// TestUndoSaysWhatStays wants to hear in the plan what does not come back, and only that.
func TestUndoSaysWhatStays(t *testing.T) {
	for action, sent := range map[string]bool{actionCreate: true, actionComment: true, actionTransition: true, actionEdit: false, actionAssign: false, actionLink: false} {
		h := newWideHouse(t)
		args := map[string]string{
			actionCreate:     `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`,
			actionComment:    `{"issue_key":"ENG-1","body":"ours"}`,
			actionTransition: h.on("ENG-1", `"transition_id":"11"`),
			actionEdit:       h.on("ENG-1", `"labels_add":["new"]`),
			actionAssign:     h.on("ENG-1", `"account_id":"`+h.reader+`"`),
			actionLink:       `{"issue_key":"ENG-1","phrase":"blocks","other_key":"ENG-2","message":"m"}`,
		}[action]
		if s := h.step(h.deed(action, args)); strings.Contains(s.Says, "by mail; that is not undone") != sent || !strings.Contains(s.Says, "rules in Jira") {
			t.Errorf("%s: %s", action, s.Says)
		}
	}
}

// Several changes of one field are taken back in turn, unless somebody else came in
// between.
func TestUndoInTurn(t *testing.T) {
	h := newWideHouse(t)
	was := h.issue("ENG-1").Summary
	first := h.deed(actionEdit, h.on("ENG-1", `"fields":{"summary":"one"}`))
	second := h.deed(actionEdit, h.on("ENG-1", `"fields":{"summary":"two"}`))
	if s := h.step(first); s.Action != "" {
		t.Errorf("the first is taken back before the second: %+v", s)
	}
	h.undo(second)
	h.undo(first)
	if got := h.issue("ENG-1").Summary; got != was {
		t.Errorf("the summary is %q, and was %q", got, was)
	}
	first = h.deed(actionEdit, h.on("ENG-1", `"fields":{"summary":"three"}`))
	h.edit("ENG-1", h.reader, "summary", `"mine"`)
	h.edit("ENG-1", h.reader, "summary", `"three"`)
	if s := h.step(first); !strings.Contains(s.Blocked, "was changed by") {
		t.Errorf("somebody has put the same there: %+v", s)
	}
}

// TestUndoInTurnAfterRestart says: what this house did and took back before it was
// started, or by another process, is its own, where it is known whose accounts act.
func TestUndoInTurnAfterRestart(t *testing.T) {
	tests := map[string]struct {
		of   func(h *house, c *Config)
		want bool
	}{
		"configured": {func(h *house, c *Config) { c.Accounts = []string{h.writer, h.undoer} }, true},
		"by the credentials": {func(h *house, c *Config) {
			c.Write = h.clientBy(c.Site, atlassian.Basic("writer@example.com", "w").For(h.writer), atlassian.ForWriting)
			c.Undo = h.clientBy(c.Site, atlassian.Basic("undoer@example.com", "u").For(h.undoer), atlassian.ForUndoing)
		}, true},
		"one of them":    {func(h *house, c *Config) { c.Accounts = []string{h.writer} }, false},
		"not known":      {func(*house, *Config) {}, false},
		"without a name": {func(_ *house, c *Config) { c.Accounts = []string{""} }, false},
	}
	for name, test := range tests {
		h := newWideHouse(t)
		first := h.deed(actionEdit, h.on("ENG-1", `"fields":{"summary":"one"}`))
		second := h.deed(actionEdit, h.on("ENG-1", `"fields":{"summary":"two"}`))
		h.undo(second)
		conf := Config{
			Site: h.c.site, Log: testLog(t), Read: h.c.read,
			Write: h.clientBy(h.c.site, atlassian.Basic("writer@example.com", "w"), atlassian.ForWriting),
			Undo:  h.clientBy(h.c.site, atlassian.Basic("undoer@example.com", "u"), atlassian.ForUndoing),
		}
		test.of(h, &conf)
		h.c = New(conf)
		if s := h.step(first); (s.Action == actionEdit) != test.want {
			t.Errorf("%s: %+v", name, s)
		}
		h.edit("ENG-1", h.reader, "summary", `"theirs"`)
		h.edit("ENG-1", h.reader, "summary", `"one"`)
		if s := h.step(first); !strings.Contains(s.Blocked, "was changed by") {
			t.Errorf("%s, somebody has put the same there: %+v", name, s)
		}
	}
}

// TestUndoBlocked lets people come in between, and wants to hear who and when.
func TestUndoBlocked(t *testing.T) {
	tests := []struct {
		name, action, args string
		between            func(h *house, d deed)
		says               string
	}{
		{"field edited since", actionEdit, `"fields":{"summary":"x"}`, func(h *house, _ deed) { h.edit("ENG-1", h.reader, "summary", `"mine"`) }, "Reader"},
		{"edited to the same", actionEdit, `"fields":{"summary":"x"}`, func(h *house, _ deed) {
			h.edit("ENG-1", h.reader, "summary", `"mine"`)
			h.edit("ENG-1", h.reader, "summary", `"x"`)
		}, "Reader"},
		{"labels gone since", actionEdit, `"labels_add":["new"]`, func(h *house, _ deed) { h.edit("ENG-1", h.reader, "labels", `["ops"]`) }, "as they were before"},
		{"transitioned since", actionTransition, `"transition_id":"11"`, func(h *house, _ deed) {
			h.policy = h.publish(widePolicy)
			h.did(actionTransition, h.on("ENG-1", `"transition_id":"31"`))
		}, "Writer"},
		{"no way back", actionTransition, `"transition_id":"31"`, nil, "no transition"},
		{"assigned since", actionAssign, `"account_id":"READER"`, func(h *house, _ deed) { h.edit("ENG-1", h.reader, "assignee", `{"accountId":"`+h.writer+`"}`) }, "Reader"},
		{"issue gone", actionEdit, `"fields":{"summary":"x"}`, func(h *house, _ deed) { h.site.RestrictProject("ENG") }, "not there"},
		{"a comment is edited", actionComment, `{"issue_key":"ENG-1","body":"x"}`, func(h *house, d deed) {
			h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/comment/"+d.after.ID) {
					return false
				}
				reply(200, `{"id":"`+d.after.ID+`","created":"2026-03-01T12:00:00.000+0000","updated":"2026-03-01T13:00:00.000+0000","updateAuthor":{"accountId":"a:1","displayName":"Ann","self":"http://x","active":true},"body":{"type":"doc","version":1,"content":[]}}`)(w, r)
				return true
			})
		}, "Ann (a:1)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newWideHouse(t)
			if test.name == "no way back" {
				h.did(actionTransition, h.on("ENG-1", `"transition_id":"11"`))
			}
			args := strings.ReplaceAll(test.args, "READER", h.reader)
			if !strings.HasPrefix(args, "{") {
				args = h.on("ENG-1", args)
			}
			d := h.deed(test.action, args)
			if test.between != nil {
				test.between(h, d)
			}
			if s := h.step(d); s.Action != "" || !strings.Contains(s.Blocked, test.says) {
				t.Errorf("got %+v, want %q", s, test.says)
			}
		})
	}
}

// TestUndoMeanwhile lets people come in between the step and its call.
func TestUndoMeanwhile(t *testing.T) {
	h := newWideHouse(t)
	d := h.deed(actionEdit, h.on("ENG-1", `"fields":{"summary":"x"}`))
	s := h.step(d)
	h.edit("ENG-1", h.reader, "summary", `"mine"`)
	h.agent = receipt.Undoer
	if _, _, err := h.do(s.Action, string(s.Args), nil); code(err) != "conflict" || !strings.Contains(err.Error(), "Reader") {
		t.Errorf("got %v", err)
	}
	// Whoever writes the new version into it is held by the field's history.
	b := decoded[editArgs](t, s.Args)
	b.BasedOn = h.version("ENG-1")
	args, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(`,"labels_add":null`, "", `,"labels_remove":null`, "").Replace(string(args))
	if _, _, err := h.do(s.Action, text, nil); code(err) != "conflict" || !strings.Contains(err.Error(), "Reader") {
		t.Errorf("got %v for %s", err, text)
	}
	if h.issue("ENG-1").Summary != "mine" {
		t.Error("a person's edit is gone")
	}
}

// TestTakeBackRefusals tries to take back what was not made by the call that is named.
func TestTakeBackRefusals(t *testing.T) {
	h := newWideHouse(t)
	h.site.AddComment("ENG-1", sim.CommentSeed{Body: "theirs"})
	theirs := h.site.Comments("ENG-1")[0].ID
	ours := h.deed(actionComment, `{"issue_key":"ENG-1","body":"ours"}`).after.ID
	secret := h.deed(actionLink, `{"issue_key":"ENG-1","phrase":"blocks","other_key":"ENG-2","message":"m"}`).after.ID
	created := h.deed(actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`)
	is, err := h.c.locate(t.Context(), created.after.ID)
	if err != nil {
		t.Fatal(err)
	}
	made := is.Key
	edited := h.deed(actionEdit, h.on(made, `"fields":{"summary":"b"}`))
	h.agent = receipt.Undoer
	tests := []struct{ name, action, args, want string }{
		{"theirs", actionUncomment, `{"issue_key":"ENG-1","comment_id":"` + theirs + `","message":"m","undoes":"j/1"}`, "conflict"},
		{"ours, another call's", actionUncomment, `{"issue_key":"ENG-1","comment_id":"` + ours + `","message":"m","undoes":"j/9"}`, "conflict"},
		{"another issue's", actionUncomment, `{"issue_key":"ENG-2","comment_id":"` + ours + `","message":"m","undoes":"j/1"}`, "not_found"},
		{"without saying what it undoes", actionUncomment, `{"issue_key":"ENG-1","comment_id":"` + ours + `","message":"m"}`, "bad_argument"},
		{"no comment's id", actionUncomment, `{"issue_key":"ENG-1","comment_id":"../1","message":"m","undoes":"j/1"}`, "bad_argument"},
		{"a link's id, too", actionUncomment, `{"issue_key":"ENG-1","comment_id":"1","link_id":"1","message":"m","undoes":"j/1"}`, "bad_argument"},
		{"another issue's link", actionUnlink, `{"issue_key":"PLAT-1","link_id":"` + secret + `","message":"m","undoes":"j/2"}`, "bad_argument"},
		{"no such link", actionUnlink, `{"issue_key":"ENG-1","link_id":"1","message":"m","undoes":"j/2"}`, "not_found"},
		{"not made here", actionQuarantine, `{"issue_key":"PLAT-1","based_on":"` + h.version("PLAT-1") + `","message":"m","undoes":"j/1"}`, "conflict"},
		{"created by another call", actionQuarantine, `{"issue_key":"` + made + `","based_on":"` + h.version(made) + `","message":"m","undoes":"j/9"}`, "conflict"},
		{"edited by this call", actionQuarantine, `{"issue_key":"` + made + `","based_on":"` + h.version(made) + `","message":"m","undoes":"` + edited.opened.Name() + `"}`, "conflict"},
		{"quarantine of nothing", actionQuarantine, `{"issue_key":"PLAT-1","based_on":"` + h.version("PLAT-1") + `","message":"m"}`, "bad_argument"},
	}
	for _, test := range tests {
		if _, _, err := h.do(test.action, test.args, nil); code(err) != test.want {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
	// Who created an issue stays on it through later changes.
	h.undo(edited)
	h.undo(created)
	if got := h.issue(made).Labels; !slices.Contains(got, quarantineLabel) {
		t.Errorf("labels %v", got)
	}
	h.site.MoveIssue("ENG-2", "SECRET")
	h.agent = receipt.Undoer
	if _, _, err := h.do(actionUnlink, `{"issue_key":"ENG-1","link_id":"`+secret+`","message":"m","undoes":"j/2"}`, nil); code(err) != "denied" {
		t.Errorf("a link to another project: %v", err)
	}
	h.c.undo, h.agent = nil, receipt.Undoer
	for _, call := range [][2]string{
		{actionUncomment, `{"issue_key":"ENG-1","comment_id":"` + ours + `","message":"m","undoes":"j/1"}`},
		{actionEdit, h.on("ENG-1", `"fields":{"summary":"x"},"undoes":"j/1","entry":"1"`)},
	} {
		if _, _, err := h.do(call[0], call[1], nil); code(err) != "undo_disabled" {
			t.Errorf("%s without a credential: %v", call[0], err)
		}
	}
}

func TestHistory(t *testing.T) {
	h := newWideHouse(t)
	h.c.pause = 0
	from := time.Now().Add(-time.Hour)
	h.edit("ENG-2", h.reader, "summary", `"somebody else's"`)
	deeds := []deed{
		h.deed(actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`),
		h.deed(actionEdit, h.on("ENG-1", `"fields":{"summary":"x"}`)),
		h.deed(actionComment, `{"issue_key":"ENG-1","body":"ours"}`),
		h.deed(actionTransition, h.on("ENG-1", `"transition_id":"11"`)),
		h.deed(actionAssign, h.on("ENG-1", `"account_id":"`+h.reader+`"`)),
		h.deed(actionLink, `{"issue_key":"ENG-1","phrase":"blocks","other_key":"PLAT-1","message":"m"}`),
	}
	h.edit("PLAT-1", h.writer, "summary", `"with our account, around the house"`)
	events, err := h.c.History(t.Context(), change.Window{Accounts: []string{h.writer}, From: from, To: from.Add(24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != len(deeds)+1 {
		t.Fatalf("got %+v", events)
	}
	for i, d := range deeds {
		e := events[i]
		if e.Resource.ID != d.after.ID || e.Resource.Type != d.after.Type || e.Resource.Version != d.after.Version || e.By != h.writer ||
			!strings.HasPrefix(e.What, d.opened.Call.Action) || e.Mark != "" && e.Mark != d.opened.Name() {
			t.Errorf("got %+v for %+v of %s", e, d.after, d.opened.Call.Action)
		}
	}
	if events[0].Mark != "j/1" || events[2].Mark != "j/3" {
		t.Errorf("marks of the new issue and the comment are %q and %q", events[0].Mark, events[2].Mark)
	}
	if last := events[len(deeds)]; last.Resource.ID != h.issue("PLAT-1").ID || last.Mark != "" {
		t.Errorf("the strange one is %+v", last)
	}
	none, err := h.c.History(t.Context(), change.Window{Accounts: []string{h.writer}, From: from.Add(-time.Hour), To: from})
	if err != nil || len(none) != 0 {
		t.Errorf("before: %+v, %v", none, err)
	}
}
