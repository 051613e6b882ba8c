// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/change"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
)

// macros is a body as people make them, of which no byte may get lost.
const macros = `<p>How to&nbsp;restart <ac:link><ri:user ri:userkey="8a7f"></ri:user></ac:link>.</p><ac:structured-macro ac:name="toc" ac:schema-version="1" ac:macro-id="x"></ac:structured-macro><p>Then wait.</p>`

func (h *house) page(id string) sim.Page {
	h.t.Helper()
	p, ok := h.site.Page(id)
	if !ok {
		h.t.Fatalf("no page %s", id)
	}
	return p
}

// runbook adds a page with macros below the homepage.
func (h *house) runbook(title string) string {
	return h.site.AddPage(sim.PageSeed{Space: "ENG", Title: title, Body: macros})
}

func TestConfluenceReads(t *testing.T) {
	t.Parallel()
	h := newConfluence(t)
	id := h.runbook("Restart")
	child := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: id, Title: "Below", Body: "<p>below</p>"})
	secret := h.site.AddPage(sim.PageSeed{Space: "SEC", Title: "Secret", Body: "<p>restart</p>"})
	h.site.AddLabel(id, "global", "ops")
	h.site.CommentPage(id, "", "<p>hm</p>")
	h.site.AddAttachment(sim.AttachmentSeed{Page: id, Name: "a log.txt", MediaType: "text/plain", Data: []byte("all well")})
	d := h.did("page.get", `{"page_id":%q}`, id)
	if got := member(t, d.result.Body, "page.url"); !strings.HasSuffix(got, "/pages/viewpage.action?pageId="+id) || d.result.Outcome.Actor != "reader" {
		t.Errorf("%s: %+v", d.result.Body, d.result.Outcome)
	}
	for action, want := range map[string]string{
		"page.children": child, "page.labels": "ops", "page.comments": "hm", "page.attachments": "a log.txt", "page.versions": `"number":1`, "page.restrictions": "[]",
	} {
		if d := h.did(action, `{"page_id":%q}`, id); !strings.Contains(string(d.result.Body), want) {
			t.Errorf("%s: %s", action, d.result.Body)
		}
	}
	att, _, _ := strings.Cut(strings.SplitN(string(h.did("page.attachments", `{"page_id":%q}`, id).result.Body), `"id":"`, 2)[1], `"`)
	if d := h.did("attachment.get", `{"page_id":%q,"attachment_id":%q}`, id, att); !strings.Contains(string(d.result.Body), "all well") {
		t.Errorf("attachment %s", d.result.Body)
	}
	h.site.EditPage(id, "", "<p>new</p>")
	if d := h.did("page.version", `{"page_id":%q,"version":1}`, id); !strings.Contains(string(d.result.Body), "Then wait.") {
		t.Errorf("version 1: %s", d.result.Body)
	}
	if d := h.did("page.search", `{"cql":"text ~ \"restart\" or title ~ \"restart\" or text ~ \"new\""}`); strings.Contains(string(d.result.Body), secret) || !strings.Contains(string(d.result.Body), id) {
		t.Errorf("hits %s", d.result.Body)
	}
	if d := h.do("page.get", `{"page_id":%q}`, secret); d.err == nil {
		t.Error("a page of another space was read")
	}
}

// A page below a restricted one is as restricted as that.
func TestConfluenceRestricted(t *testing.T) {
	t.Parallel()
	h := newConfluence(t)
	id := h.runbook("Restart")
	child := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: id, Title: "Below"})
	h.did("page.get", `{"page_id":%q}`, child)
	h.site.RestrictRead(id, h.ids["reader"])
	if d := h.do("page.get", `{"page_id":%q}`, child); d.code() != "restricted" {
		t.Errorf("got %v", d.err)
	}
}

func TestConfluenceEditAndUndo(t *testing.T) {
	t.Parallel()
	h := newConfluence(t)
	id := h.runbook("Restart")
	d := h.did("page.update", `{"page_id":%q,"based_on_version":1,"message":"shorter","title":"Restart it","body_storage":"<p>Then wait.</p>","drops":["mention:8a7f","macro:toc:x"]}`, id)
	if p := h.page(id); p.Body != "<p>Then wait.</p>" || p.Title != "Restart it" || p.Versions[1].Message != "shorter (clawea j/1)" {
		t.Errorf("the page is %+v", p)
	}
	if d.change.Request.Mark != "/version/message" {
		t.Errorf("the mark goes to %q", d.change.Request.Mark)
	}
	back := h.undo(d)
	if p := h.page(id); p.Body != macros || p.Title != "Restart" || len(p.Versions) != 3 || p.Versions[2].Message != "taken back (clawea j/2)" {
		t.Errorf("taken back, it is %+v", p)
	}
	if back.change.Request.Method != "PUT" || back.change.Request.Mark != "/version/message" || back.result.Outcome.Actor != "undoer" {
		t.Errorf("%+v, %+v", back.change.Request, back.result.Outcome)
	}
	if d := h.do("page.update", `{"page_id":%q,"based_on_version":1,"message":"x","body_storage":"<p>x</p>"}`, id); d.code() != "conflict" {
		t.Errorf("on an old version: %v", d.err)
	}
}

func TestConfluenceTree(t *testing.T) {
	t.Parallel()
	h := newConfluence(t)
	home := h.site.HomepageID("ENG")
	id := h.runbook("Restart")
	d := h.did("page.create", `{"parent_id":%q,"title":"New","body_storage":"<p>1</p>"}`, id)
	made := member(t, d.result.Body, "page.id")
	if p := h.page(made); p.ParentID != id || p.Body != "<p>1</p>" || string(p.Properties["clawea"]) != `{"receipt":"j/1"}` {
		t.Errorf("the page is %+v", p)
	}
	m := h.did("page.move", `{"page_id":%q,"target_id":%q,"based_on_version":1,"message":"x"}`, made, home)
	if p := h.page(made); p.ParentID != home || m.result.Outcome.Target.Version != "2" || p.Body != "<p>1</p>" {
		t.Errorf("moved, it is %+v, %+v", p, m.result.Outcome.Target)
	}
	h.undo(m)
	if p := h.page(made); p.ParentID != id {
		t.Errorf("moved back, it is %+v", p)
	}
	trashed := h.undo(d)
	if p := h.page(made); p.Status != "trashed" {
		t.Errorf("it is %s", p.Status)
	}
	h.undo(trashed)
	if p := h.page(made); p.Status != "current" || p.Body != "<p>1</p>" {
		t.Errorf("it is %+v", p)
	}
}

func TestConfluenceLabelsAndComments(t *testing.T) {
	t.Parallel()
	h := newConfluence(t)
	id := h.runbook("Restart")
	d := h.did("page.label.add", `{"page_id":%q,"label":"ops"}`, id)
	if p := h.page(id); !slices.Equal(p.Labels, []string{"ops"}) {
		t.Errorf("labels %v", p.Labels)
	}
	h.undo(d)
	if p := h.page(id); len(p.Labels) != 0 {
		t.Errorf("labels %v", p.Labels)
	}
	d = h.did("page.comment.create", `{"page_id":%q,"body_storage":"<p>seen</p>"}`, id)
	if p := h.page(id); len(p.Comments) != 1 || p.Comments[0].Body != "<p>seen</p>" {
		t.Errorf("comments %+v", p.Comments)
	}
	h.undo(d)
	if p := h.page(id); len(p.Comments) != 0 || p.Status != "current" {
		t.Errorf("comments %+v", p.Comments)
	}
	if d := h.do("comment.delete", `{"comment_id":%q,"message":"x"}`, id); d.code() != "not_found" {
		t.Errorf("a page deleted as a comment: %v", d.err)
	}
}

func TestConfluenceLostAnswers(t *testing.T) {
	t.Parallel()
	h := newConfluence(t)
	home, id := h.site.HomepageID("ENG"), h.runbook("Restart")
	d := h.found("page.create", `{"parent_id":%q,"title":"New","body_storage":"<p>1</p>"}`, id)
	made := d.result.Outcome.Target.ID
	h.found("page.update", `{"page_id":%q,"based_on_version":1,"message":"x","body_storage":"<p>2</p>"}`, made)
	h.found("page.restore", `{"page_id":%q,"version":1,"based_on_version":2,"message":"x"}`, made)
	h.found("page.move", `{"page_id":%q,"target_id":%q,"based_on_version":3,"message":"x"}`, made, home)
	h.found("page.label.add", `{"page_id":%q,"label":"ops"}`, made)
	c := h.found("page.comment.create", `{"page_id":%q,"body_storage":"<p>seen</p>"}`, made)
	h.found("comment.delete", `{"comment_id":%q,"message":"x"}`, c.result.Outcome.Target.ID)
	h.found("page.trash", `{"page_id":%q,"based_on_version":4,"message":"x"}`, made)
	events, err := h.c.History(t.Context(), change.Window{Accounts: []string{"writer", "undoer"}, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)})
	if err != nil {
		t.Errorf("history %+v, %v", events, err)
	}
}
