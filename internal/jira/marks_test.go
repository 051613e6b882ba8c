// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/change"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/receipt"
)

// person is somebody who may do everything, with a client of their own.
func (h *house) person(email, token string) (account string, do func(method, path, body string)) {
	h.t.Helper()
	scopes := slices.Concat(sim.ReaderScopes(), sim.WriterScopes(), sim.RollbackScopes(), []string{
		"delete:comment.property:jira", "write:comment.property:jira", "delete:issue.property:jira", "delete:issue:jira",
	})
	account = h.site.AddAccount(sim.Account{Email: email, Token: token, Name: "Ann", Scopes: scopes})
	client, err := atlassian.New(atlassian.Config{BaseURL: h.c.site, Credential: func(context.Context) (atlassian.Credential, error) {
		return atlassian.Basic(email, token), nil
	}})
	if err != nil {
		h.t.Fatal(err)
	}
	return account, func(method, path, body string) {
		h.t.Helper()
		r := &atlassian.Request{Method: method, Path: api + path}
		if body != "" {
			r.Body = []byte(body)
		}
		if _, err := client.Do(h.t.Context(), r); err != nil {
			h.t.Fatal(err)
		}
	}
}

// known says whose the write credential is.
func (h *house) known() {
	h.t.Helper()
	h.c.write = h.clientBy(h.c.site, atlassian.Basic("writer@example.com", "w").For(h.writer), atlassian.ForWriting)
}

const ofTheirs = `{"body":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"mended"}]}]}}`

// TestCommentMarkTakenOff has somebody take our mark off a comment, or put another on:
// nobody says any more that it is not there, and nobody says so for what others wrote.
func TestCommentMarkTakenOff(t *testing.T) {
	const mark = "/properties/" + propertyKey
	tests := map[string]struct {
		then func(h *house, do func(method, path, body string), id string)
		want string // "" it is not there, "one", "error"
	}{
		"as it was": {func(*house, func(string, string, string), string) {}, "one"},
		"taken off": {func(_ *house, do func(string, string, string), id string) { do("DELETE", "/comment/"+id+mark, "") }, "error"},
		"another": {func(_ *house, do func(string, string, string), id string) {
			do("PUT", "/comment/"+id+mark, `{"receipt":"other/7"}`)
		}, "error"},
		"taken off, and edited": {func(_ *house, do func(string, string, string), id string) {
			do("PUT", "/issue/ENG-1/comment/"+id, ofTheirs)
			do("DELETE", "/comment/"+id+mark, "")
		}, "error"},
		"edited": {func(_ *house, do func(string, string, string), id string) {
			do("PUT", "/issue/ENG-1/comment/"+id, ofTheirs)
		}, "one"},
		"gone": {func(_ *house, do func(string, string, string), id string) {
			do("DELETE", "/issue/ENG-1/comment/"+id, "")
		}, ""},
		"gone, and others say the same": {func(h *house, do func(string, string, string), id string) {
			do("DELETE", "/issue/ENG-1/comment/"+id, "")
			h.site.AddComment("ENG-1", sim.CommentSeed{Body: "ours", Author: h.reader})
		}, ""},
		"gone, and we say something else": {func(h *house, do func(string, string, string), id string) {
			do("DELETE", "/issue/ENG-1/comment/"+id, "")
			h.site.AddComment("ENG-1", sim.CommentSeed{Body: "something else", Author: h.writer})
		}, ""},
	}
	for name, test := range tests {
		h := newWideHouse(t)
		h.known()
		_, do := h.person("ann@example.com", "a")
		_, result := h.did(actionComment, `{"issue_key":"ENG-1","body":"ours"}`)
		id := result.Outcome.Target.ID
		test.then(h, do, id)
		found, err := h.c.Find(t.Context(), h.opened, h.change)
		got := ""
		switch {
		case err != nil:
			got = "error"
		case found != nil:
			got = "one"
		}
		if got != test.want || found != nil && found.ID != id {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
		later := *h.opened // a call of another time, for which this is no candidate
		later.Seq, later.At = 99, h.opened.At.Add(2*findMargin)
		if found, err := h.c.Find(t.Context(), &later, h.change); found != nil || err != nil {
			t.Errorf("%s, long after: %+v, %v", name, found, err)
		}
	}
}

// TestCommentByAnybody says: where it is not known who acts, an equal comment by anybody may be ours.
func TestCommentByAnybody(t *testing.T) {
	h := newWideHouse(t)
	p, opened := h.planned(1, actionComment, `{"issue_key":"ENG-1","body":"ours"}`)
	if found, err := h.c.Find(t.Context(), opened, p.Change); found != nil || err != nil {
		t.Errorf("nothing: %+v, %v", found, err)
	}
	h.site.AddComment("ENG-1", sim.CommentSeed{Body: "ours", Author: h.reader})
	if found, err := h.c.Find(t.Context(), opened, p.Change); found != nil || err == nil {
		t.Errorf("an equal one: %+v, %v", found, err)
	}
}

// TestIssueMarkTakenOff does so with a created issue.
func TestIssueMarkTakenOff(t *testing.T) {
	const mark = "/properties/" + propertyKey
	tests := map[string]struct {
		then func(h *house, do func(method, path, body string), key string)
		want string
	}{
		"as it was": {func(*house, func(string, string, string), string) {}, "one"},
		"covered by a later change": {func(h *house, _ func(string, string, string), key string) {
			h.did(actionEdit, h.on(key, `"labels_add":["x"]`))
		}, "one"},
		"taken off": {func(_ *house, do func(string, string, string), key string) { do("DELETE", "/issue/"+key+mark, "") }, "error"},
		"taken off, and rewritten": {func(h *house, do func(string, string, string), key string) {
			h.edit(key, h.reader, "summary", `"theirs"`)
			h.edit(key, h.reader, "issuetype", `{"name":"Bug"}`)
			do("DELETE", "/issue/"+key+mark, "")
		}, "error"},
		"taken off, of another summary": {func(h *house, do func(string, string, string), key string) {
			do("DELETE", "/issue/"+key, "")
			h.create(do, mark, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"else"}}`)
		}, ""},
		"taken off, of another type": {func(h *house, do func(string, string, string), key string) {
			do("DELETE", "/issue/"+key, "")
			h.create(do, mark, `{"project_key":"ENG","issue_type":"Bug","fields":{"summary":"ours"}}`)
		}, ""},
		"taken off, in another project": {func(h *house, do func(string, string, string), key string) {
			do("DELETE", "/issue/"+key, "")
			h.create(do, mark, `{"project_key":"PLAT","issue_type":"Task","fields":{"summary":"ours"}}`)
		}, ""},
		"gone, and others made the same": {func(h *house, do func(string, string, string), key string) {
			do("DELETE", "/issue/"+key, "")
			h.site.AddIssue(sim.IssueSeed{Project: "ENG", Summary: "ours"})
		}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newWideHouse(t)
			h.t = t
			h.known()
			_, do := h.person("ann@example.com", "a")
			d := h.deed(actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"ours"}}`)
			at, err := h.c.locate(t.Context(), d.after.ID)
			if err != nil {
				t.Fatal(err)
			}
			test.then(h, do, at.Key)
			found, err := h.c.Find(t.Context(), d.opened, d.change)
			got := ""
			switch {
			case err != nil:
				got = "error"
			case found != nil:
				got = "one"
			}
			if got != test.want || found != nil && found.ID != d.after.ID {
				t.Errorf("%+v, %v", found, err)
			}
		})
	}
}

// create makes an issue and takes its mark off.
func (h *house) create(do func(method, path, body string), mark, args string) {
	h.t.Helper()
	do("DELETE", "/issue/"+h.deed(actionCreate, args).after.ID+mark, "")
}

// TestApprovalHolds says: what others do around an issue leaves the change that a
// comment or a link is, and the call, as they were when a person was asked.
func TestApprovalHolds(t *testing.T) {
	for action, args := range map[string]string{
		actionComment: `{"issue_key":"ENG-1","body":"x"}`,
		actionLink:    `{"issue_key":"ENG-1","phrase":"blocks","other_key":"PLAT-1","message":"m"}`,
	} {
		h := newWideHouse(t)
		was, _ := h.planned(1, action, args)
		h.site.AddComment("ENG-1", sim.CommentSeed{Body: "theirs", Author: h.reader})
		h.site.AddComment("PLAT-1", sim.CommentSeed{Body: "x", Author: h.reader})
		h.did(actionLink, `{"issue_key":"ENG-1","phrase":"blocks","other_key":"ENG-2","message":"m"}`)
		is, _ := h.planned(2, action, args)
		a, errA := was.Change.Marshal()
		b, errB := is.Change.Marshal()
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: the change was\n%s, %v\nand is\n%s, %v", action, a, errA, b, errB)
		}
		if was.Call.Digest() != is.Call.Digest() {
			t.Errorf("%s: the call was\n%+v\nand is\n%+v", action, was.Call, is.Call)
		}
	}
}

// TestHistoryEdited says: of a comment that was edited since, history has who wrote
// it and who edited it.
func TestHistoryEdited(t *testing.T) {
	h := newWideHouse(t)
	ann, do := h.person("ann@example.com", "a")
	ours := h.deed(actionComment, `{"issue_key":"ENG-1","body":"ours"}`)
	do("PUT", "/issue/ENG-1/comment/"+ours.after.ID, ofTheirs)
	theirs := h.site.AddComment("ENG-1", sim.CommentSeed{Body: "theirs", Author: h.reader})
	body := strings.Replace(ofTheirs, "mended", "with our account, around the house", 1)
	r := &atlassian.Request{Method: "PUT", Path: api + "/issue/ENG-1/comment/" + theirs, Body: []byte(body)}
	around, err := atlassian.New(atlassian.Config{BaseURL: h.c.site, Credential: func(context.Context) (atlassian.Credential, error) {
		return atlassian.Basic("writer@example.com", "w"), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := around.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	from := time.Now().Add(-time.Hour)
	events, err := h.c.History(t.Context(), change.Window{Accounts: []string{h.writer}, From: from, To: from.Add(24 * time.Hour)})
	if err != nil || len(events) != 2 {
		t.Fatalf("%+v, %v", events, err)
	}
	e := events[0]
	if e.Resource.ID != ours.after.ID || e.Resource.Version != ours.after.Version || e.By != h.writer || e.Mark != ours.opened.Name() ||
		e.Edited == nil || e.Edited.By != ann || !e.Edited.At.After(e.At) {
		t.Errorf("ours: %+v, edited %+v", e, e.Edited)
	}
	if e := events[1]; e.Resource.ID != theirs || e.What != "issue.comment.update" || e.By != h.writer || e.Edited != nil || e.Mark != "" {
		t.Errorf("theirs: %+v", e)
	}
}

// TestRevertInAnyOrder says: how a change is taken back does not hang on the order in
// which Jira happens to list labels and transitions.
func TestRevertInAnyOrder(t *testing.T) {
	h := newWideHouse(t)
	h.edit("ENG-1", "", "labels", `["a","b","c","ops"]`)
	labels := h.deed(actionEdit, h.on("ENG-1", `"labels_add":["z","y","x"],"labels_remove":["c","a"]`))
	steps := func(d deed) []string {
		var out []string
		for _, first := range []bool{true, false} {
			h.shuffle(first)
			s := h.step(d)
			h.before.Store(nil)
			out = append(out, s.Action+" "+string(s.Args)+" "+s.Says)
		}
		return out
	}
	if s := steps(labels); s[0] != s[1] || !strings.Contains(s[0], `"labels_add":["a","c"],"labels_remove":["x","y","z"]`) {
		t.Errorf("labels: %q", s)
	}
	status := h.deed(actionTransition, h.on("ENG-1", `"transition_id":"11"`))
	if s := steps(status); s[0] != s[1] || !strings.Contains(s[0], `"transition_id":"21"`) {
		t.Errorf("transition: %q", s)
	}
}

// shuffle has Jira list labels and transitions the other way round, and every
// transition twice, under a second id that comes first or last.
func (h *house) shuffle(first bool) {
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "GET" {
			return false
		}
		rec := httptest.NewRecorder()
		h.site.ServeHTTP(rec, r)
		var answer map[string]any
		if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
			h.t.Error(err)
		}
		if list, ok := answer["transitions"].([]any); ok {
			for _, t := range slices.Clone(list) {
				second := map[string]any{}
				for k, v := range t.(map[string]any) {
					second[k] = v
				}
				second["id"] = fmt.Sprint("1", second["id"])
				list = append(list, second)
			}
			answer["transitions"] = list
			if first {
				slices.Reverse(list)
			}
		}
		if fields, ok := answer["fields"].(map[string]any); ok && first {
			if list, ok := fields["labels"].([]any); ok {
				slices.Reverse(list)
			}
		}
		b, err := json.Marshal(answer)
		if err != nil {
			h.t.Error(err)
		}
		reply(rec.Code, string(b))(w, r)
		return true
	})
}

// TestUndoneIsAsKept says: what a step writes back is what the change keeps of it.
func TestUndoneIsAsKept(t *testing.T) {
	h := newWideHouse(t)
	h.edit("ENG-1", "", "description", rich)
	d := h.deed(actionEdit, h.on("ENG-1", `"fields":{"summary":"x","description":"y"},"drops":["mention:712020:x","image:1"]`))
	kept, step := decoded[editArgs](t, d.change.Undo.Args), decoded[editArgs](t, h.step(d).Args)
	if diff := cmp.Diff(kept.Fields, step.Fields); diff != "" || string(kept.Fields["description"]) != rich {
		t.Errorf("%s: %s", diff, kept.Fields["description"])
	}
}

// A link's making and its taking away are told once each, also when the link is
// not there any more to say which of the ends' entries belong together.
func TestHistoryOfLinks(t *testing.T) {
	h := newWideHouse(t)
	h.c.pause = 0
	link := func(other string) string {
		return h.deed(actionLink, `{"issue_key":"ENG-1","phrase":"blocks","other_key":"`+other+`","message":"m"}`).after.ID
	}
	from := time.Now().Add(-time.Hour)
	gone := link("ENG-2")
	link("PLAT-1")
	ordinary := h.agent
	h.agent = receipt.Undoer
	h.did(actionUnlink, `{"issue_key":"ENG-1","link_id":"`+gone+`","message":"why","undoes":"j/1"}`)
	h.agent = ordinary
	stays := link("ENG-2")
	events, err := h.c.History(t.Context(), change.Window{Accounts: []string{h.writer, h.undoer}, From: from, To: from.Add(24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		says := e.What + " " + e.Resource.Type + " " + e.By
		if e.Resource.Type == "link" && e.Resource.ID == stays {
			says += ", which stays"
		}
		got = append(got, says)
	}
	want := []string{
		actionLink + " issue " + h.writer, actionLink + " link " + h.writer, actionUnlink + " issue " + h.undoer, actionLink + " link " + h.writer + ", which stays",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
