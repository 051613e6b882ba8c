// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/change"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
)

func (h *house) version(key string) string {
	h.t.Helper()
	return member(h.t, h.did("issue.get", `{"issue_key":%q}`, key).result.Body, "issue.version")
}

// on are the arguments of a change of an issue as it is now.
func (h *house) on(key, more string) string {
	return `{"issue_key":"` + key + `","based_on":"` + h.version(key) + `","message":"because",` + more + `}`
}

func (h *house) description(key string) string {
	h.t.Helper()
	i, ok := h.site.Issue(key)
	if !ok {
		h.t.Fatalf("no issue %s", key)
	}
	var wiki string
	if err := json.Unmarshal(i.Document, &wiki); err != nil {
		h.t.Fatalf("%s: %v", i.Document, err)
	}
	return wiki
}

func TestJiraReads(t *testing.T) {
	t.Parallel()
	h := newJira(t)
	h.site.AddComment("ENG-1", sim.CommentSeed{Author: "", Body: "_seen_"})
	d := h.did("issue.get", `{"issue_key":"ENG-1"}`)
	if got := member(t, d.result.Body, "issue.description"); got != "It is *stuck*.\r\n{code}x{code} [~ann]" {
		t.Errorf("description %q", got)
	}
	if d.result.Outcome.Actor != "reader" || !strings.Contains(string(d.result.Body), "_seen_") {
		t.Errorf("%+v: %s", d.result.Outcome, d.result.Body)
	}
	d = h.did("issue.search", `{"jql":"text ~ \"stuck\" ORDER BY created"}`)
	if got := string(d.result.Body); !strings.Contains(got, "ENG-1") || strings.Contains(got, "SEC-1") {
		t.Errorf("hits %s", got)
	}
	for action, args := range map[string]string{
		"issue.comments": `{"issue_key":"ENG-1"}`, "issue.changelog": `{"issue_key":"ENG-1"}`, "issue.transitions": `{"issue_key":"ENG-1"}`,
		"issue.createmeta": `{"project_key":"ENG","issue_type":"Task"}`, "issue.editmeta": `{"issue_key":"ENG-1"}`,
		"issue.links": `{"issue_key":"ENG-1"}`, "issue.attachments": `{"issue_key":"ENG-1"}`,
	} {
		h.did(action, args)
	}
	if d := h.do("issue.get", `{"issue_key":"SEC-1"}`); d.err == nil {
		t.Error("an issue of another project was read")
	}
}

// TestJiraSearchesCustomFields asks by name and by id, of the list that the site's own interface has.
func TestJiraSearchesCustomFields(t *testing.T) {
	t.Parallel()
	h := newJira(t)
	points := h.site.AddField("Story Points", sim.NumberField)
	h.site.EditIssue("ENG-2", "", map[string]json.RawMessage{points: json.RawMessage("5")})
	h.site.EditIssue("SEC-1", "", map[string]json.RawMessage{points: json.RawMessage("8")})
	for _, jql := range []string{`\"Story Points\" > 3`, points + ` in (5, 8)`, `cf[` + strings.TrimPrefix(points, "customfield_") + `] is not EMPTY`} {
		body := string(h.did("issue.search", `{"jql":"`+jql+`"}`).result.Body)
		if !strings.Contains(body, "ENG-2") || strings.Contains(body, "ENG-1") || strings.Contains(body, "SEC-1") {
			t.Errorf("%s: hits %s", jql, body)
		}
	}
	h.site.AddField("Sprints", sim.NumberField)
	h.site.AddField("sprints", sim.NumberField)
	if d := h.do("issue.search", `{"jql":"sprints > 3"}`); d.err == nil || !strings.Contains(d.err.Error(), "cf[") {
		t.Errorf("a name of two fields: %v", d.err)
	}
}

func TestJiraEditAndUndo(t *testing.T) {
	t.Parallel()
	h := newJira(t)
	was := h.description("ENG-1")
	d := h.did("issue.edit", "%s", h.on("ENG-1", `"fields":{"summary":"New - it","description":"Day {html} - night\n\n[~ann] !x.png!"},"labels_add":["new"],"labels_remove":["ops"]`))
	if got := h.description("ENG-1"); got != "Day \\{html\\} \\- night\n\n\\[\\~ann\\] \\!x.png\\!" {
		t.Errorf("written %q", got)
	}
	if d.result.Outcome.Actor != "writer" {
		t.Errorf("acted %q", d.result.Outcome.Actor)
	}
	h.undo(d)
	is, _ := h.site.Issue("ENG-1")
	if is.Description != was || is.Summary != "Queue stuck" || strings.Join(is.Labels, " ") != "ops" {
		t.Errorf("taken back, it is %q, %q, %v", is.Summary, is.Description, is.Labels)
	}
	rich := `"fields":{"description":{"type":"doc","version":1,"content":[{"type":"heading","attrs":{"level":2},"content":[{"type":"text","text":"Plan"}]},{"type":"bulletList","content":[{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"one","marks":[{"type":"strong"}]}]}]}]}]}}`
	h.did("issue.edit", "%s", h.on("ENG-1", rich))
	if got := h.description("ENG-1"); got != "h2. Plan\n\n* *one*" {
		t.Errorf("written %q", got)
	}
}

func TestJiraCreateCommentAssign(t *testing.T) {
	t.Parallel()
	h := newJira(t)
	d := h.did("issue.create", `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"New","description":"h1. Not one\n* nor this"}}`)
	key := member(t, d.result.Body, "issue.key")
	if got := h.description(key); got != "h1&#46; Not one\n\\* nor this" {
		t.Errorf("written %q", got)
	}
	h.undo(d)
	if is, _ := h.site.Issue(key); len(is.Labels) != 1 {
		t.Errorf("not in quarantine: %v", is.Labels)
	}
	d = h.did("issue.assign", "%s", h.on("ENG-1", `"account_id":"ann"`))
	if is, _ := h.site.Issue("ENG-1"); is.AssigneeID == "" {
		t.Error("not assigned")
	}
	h.undo(d)
	if is, _ := h.site.Issue("ENG-1"); is.AssigneeID != "" {
		t.Errorf("assigned to %q", is.AssigneeID)
	}
	d = h.did("issue.comment.create", `{"issue_key":"ENG-1","body":"[~ann] look - {html}"}`)
	if b, err := json.Marshal(h.site.Comments("ENG-1")); err != nil || !strings.Contains(string(b), `\\[\\~ann\\] look \\- \\{html\\}`) {
		t.Errorf("comments %s, %v", b, err)
	}
	h.undo(d)
	d = h.did("issue.link.create", `{"issue_key":"ENG-1","phrase":"blocks","other_key":"ENG-2","message":"because"}`)
	h.undo(d)
	var can struct{ Transitions []struct{ ID, Name string } }
	if err := json.Unmarshal(h.did("issue.transitions", `{"issue_key":"ENG-1"}`).result.Body, &can); err != nil || len(can.Transitions) == 0 {
		t.Fatalf("transitions %+v, %v", can, err)
	}
	d = h.did("issue.transition", "%s", h.on("ENG-1", `"transition_id":"`+can.Transitions[len(can.Transitions)-1].ID+`"`))
	h.undo(d)
	if is, _ := h.site.Issue("ENG-1"); is.Status != "To Do" {
		t.Errorf("the status is %s", is.Status)
	}
}

// An answer that is lost is made up for by looking, also in another site's words.
func TestJiraLostAnswers(t *testing.T) {
	t.Parallel()
	h := newJira(t)
	h.found("issue.edit", "%s", h.on("ENG-1", `"fields":{"description":"x"}`))
	h.found("issue.create", `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"New"}}`)
	c := h.found("issue.comment.create", `{"issue_key":"ENG-1","body":"x"}`)
	l := h.found("issue.link.create", `{"issue_key":"ENG-1","phrase":"blocks","other_key":"ENG-2","message":"because"}`)
	for _, d := range []*deed{c, l} {
		s, err := h.c.Revert(t.Context(), d.opened, d.change, d.result.Outcome.Target)
		if err != nil {
			t.Fatal(err)
		}
		h.found(s.Action, "%s", s.Args)
	}
	events, err := h.c.History(t.Context(), change.Window{Accounts: []string{"writer"}, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)})
	if err != nil || len(events) < 2 {
		t.Errorf("history %+v, %v", events, err)
	}
}
