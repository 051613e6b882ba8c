// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/change"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

func (h *house) page(id string) sim.Page {
	h.t.Helper()
	p, ok := h.site.Page(id)
	if !ok {
		h.t.Fatalf("there is no page %s", id)
	}
	return p
}

func (h *house) label(action, id, label string) *end {
	h.t.Helper()
	return h.do("page.label."+action, args(`{"page_id":%q,"label":%q}`, id, label))
}

func (h *house) move(id, target string, version int, between ...func()) *end {
	h.t.Helper()
	return h.do("page.move", args(`{"page_id":%q,"target_id":%q,"based_on_version":%d,"message":"why"}`, id, target, version), between...)
}

func (h *house) trash(id string, version int, between ...func()) *end {
	h.t.Helper()
	return h.do("page.trash", args(`{"page_id":%q,"based_on_version":%d,"message":"why"}`, id, version), between...)
}

func (h *house) comment(id, text string, between ...func()) *end {
	h.t.Helper()
	return h.do("page.comment.create", args(`{"page_id":%q,"body_storage":%q}`, id, text), between...)
}

// TestUndoAndUndoAgain takes every kind of change back, and that back in turn, where it can be.
func TestUndoAndUndoAgain(t *testing.T) {
	t.Run("update with a title", func(t *testing.T) {
		h := newHouse(t, fullPolicy, nil)
		before := h.page(h.deploy)
		h.want(h.do("page.update", args(`{"page_id":%q,"based_on_version":1,"title":"Deployment","body_storage":"<p>x</p>","message":"why"}`, h.deploy)), "done")
		h.undoes("page.restore")
		page := h.page(h.deploy)
		if last := page.Versions[2]; page.Title != before.Title || page.Body != before.Body || last.AuthorID != h.undoer || !strings.HasPrefix(last.Message, "undone by a person (clawea job-1/") {
			t.Errorf("got %+v", page)
		}
		h.undoes("page.restore")
		if page := h.page(h.deploy); page.Title != "Deployment" || page.Body != "<p>x</p>" {
			t.Errorf("got %+v", page)
		}
	})
	t.Run("create", func(t *testing.T) {
		h := newHouse(t, fullPolicy, nil)
		h.want(h.create(h.deploy, "New"), "done")
		id := h.end.result.Outcome.Target.ID
		h.undoes("page.trash")
		if p := h.page(id); p.Status != "trashed" {
			t.Errorf("got %+v", p)
		}
		h.undoes("page.untrash")
		if p := h.page(id); p.Status != "current" || p.ParentID != h.deploy || p.Body != "<p>new</p>" {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("label", func(t *testing.T) {
		h := newHouse(t, fullPolicy, nil)
		h.site.AddLabel(h.deploy, "global", "theirs")
		h.want(h.label("add", h.deploy, "ours"), "done")
		h.site.AddLabel(h.deploy, "global", "later")
		h.undoes("page.label.remove")
		if p := h.page(h.deploy); !slices.Equal(p.Labels, []string{"later", "theirs"}) {
			t.Errorf("labels %v", p.Labels)
		}
		h.undoes("page.label.add")
		if p := h.page(h.deploy); !slices.Equal(p.Labels, []string{"later", "ours", "theirs"}) {
			t.Errorf("labels %v", p.Labels)
		}
		h.want(h.label("remove", h.deploy, "theirs"), "done")
		h.undoes("page.label.add")
	})
	t.Run("comment", func(t *testing.T) {
		h := newHouse(t, fullPolicy, nil)
		h.site.CommentPage(h.deploy, "", "<p>theirs</p>")
		h.want(h.comment(h.deploy, "<p>ours</p>"), "done")
		h.undoes("comment.delete")
		if p := h.page(h.deploy); len(p.Comments) != 1 || p.Comments[0].Body != "<p>theirs</p>" {
			t.Errorf("comments %+v", p.Comments)
		}
		if why := h.stuck(); !strings.Contains(why, "does not come back") {
			t.Errorf("blocked: %s", why)
		}
	})
	t.Run("move", func(t *testing.T) {
		h := newHouse(t, fullPolicy, nil)
		h.want(h.move(h.deploy, h.hr, 1), "done")
		if p := h.page(h.deploy); p.ParentID != h.hr {
			t.Errorf("got %+v", p)
		}
		h.undoes("page.move")
		if p := h.page(h.deploy); p.ParentID != h.runbooks {
			t.Errorf("got %+v", p)
		}
		for _, r := range h.site.Requests() {
			if r.Method == "PUT" && strings.Contains(r.Path, "/move/") && !strings.Contains(r.Path, "/move/append/") {
				t.Errorf("sent %s", r.Path)
			}
		}
	})
	t.Run("several changes of one page, backwards", func(t *testing.T) {
		h := newHouse(t, fullPolicy, nil)
		before := h.page(h.deploy).Body
		type made struct {
			opened *receipt.Receipt
			change *receipt.Change
			end    *end
		}
		var list []made
		for n := range 3 {
			h.want(h.edit(h.deploy, n+1, `[{"op":"append","content":"<p>more</p>"}]`), "done")
			list = append(list, made{h.opened, h.change, h.end})
		}
		for _, m := range slices.Backward(list) {
			h.opened, h.change, h.end = m.opened, m.change, m.end
			h.undoes("page.restore")
		}
		if p := h.page(h.deploy); p.Body != before || len(p.Versions) != 7 {
			t.Errorf("got %+v", p)
		}
	})
}

// TestUndoIsBlocked says: where somebody has gone on, nothing is taken back, and it is said who and when.
func TestUndoIsBlocked(t *testing.T) {
	tests := []struct {
		name   string
		change func(h *house)
		then   func(h *house)
		says   func(h *house) []string
	}{
		{"edited since", func(h *house) { h.update(h.deploy, 1, "<p>ours</p>") },
			func(h *house) { h.site.EditPage(h.deploy, h.reader, "<p>theirs</p>") },
			func(h *house) []string {
				return []string{h.reader, "version 3", h.page(h.deploy).Versions[2].At.UTC().Format("2006-01-02T15:04:05")}
			}},
		{"renamed since", func(h *house) { h.update(h.deploy, 1, "<p>ours</p>") },
			func(h *house) { h.site.RenamePage(h.deploy, "Other") }, func(*house) []string { return []string{"version 3"} }},
		{"trashed since", func(h *house) { h.update(h.deploy, 1, "<p>ours</p>") },
			func(h *house) { h.site.TrashPage(h.deploy) }, func(h *house) []string { return []string{h.deploy, "not there"} }},
		{"children", func(h *house) { h.create(h.deploy, "New") },
			func(h *house) {
				h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.end.result.Outcome.Target.ID, Title: "Below"})
			},
			func(*house) []string { return []string{"lies below"} }},
		{"foreign comment", func(h *house) { h.create(h.deploy, "New") },
			func(h *house) { h.site.CommentPage(h.end.result.Outcome.Target.ID, h.reader, "<p>hm</p>") },
			func(h *house) []string { return []string{h.reader, "commented"} }},
		{"made page edited", func(h *house) { h.create(h.deploy, "New") },
			func(h *house) { h.site.EditPage(h.end.result.Outcome.Target.ID, h.reader, "<p>theirs</p>") },
			func(h *house) []string { return []string{h.reader, "version 2"} }},
		{"label gone", func(h *house) { h.label("add", h.deploy, "ours") },
			func(h *house) { h.site.RemoveLabel(h.deploy, "ours") }, func(*house) []string { return []string{"not on page"} }},
		{"label back", func(h *house) { h.site.AddLabel(h.deploy, "global", "x"); h.label("remove", h.deploy, "x") },
			func(h *house) { h.site.AddLabel(h.deploy, "global", "x") }, func(*house) []string { return []string{"again"} }},
		{"moved on", func(h *house) { h.move(h.deploy, h.hr, 1) },
			func(h *house) { h.site.MovePage(h.deploy, h.runbooks2) }, func(h *house) []string { return []string{"moved since", h.runbooks2} }},
		{"out of a folder", func(h *house) { h.move(h.rollback, h.hr, 1) },
			func(*house) {}, func(*house) []string { return []string{"folder"} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t, fullPolicy, nil)
			test.change(h)
			h.want(h.end, "done")
			test.then(h)
			mark := len(h.site.Requests())
			why := h.stuck()
			for _, says := range test.says(h) {
				if !strings.Contains(why, says) {
					t.Errorf("blocked: %q does not say %q", why, says)
				}
			}
			h.quiet(mark)
		})
	}
}

// TestQuarantine says: a page that others have worked on goes there, if there is one, and not into the trash.
func TestQuarantine(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	h.c.quarantine = h.site.AddPage(sim.PageSeed{Space: "ENG", Title: "Quarantine"})
	h.want(h.create(h.deploy, "New"), "done")
	id := h.end.result.Outcome.Target.ID
	h.site.CommentPage(id, h.reader, "<p>hm</p>")
	opened, ch, e := h.opened, h.change, h.end
	h.undoes("page.move")
	if p := h.page(id); p.ParentID != h.c.quarantine || p.Status != "current" || len(p.Comments) != 1 {
		t.Errorf("got %+v", p)
	}
	h.opened, h.change, h.end = opened, ch, e
	if why := h.stuck(); !strings.Contains(why, "in quarantine") {
		t.Errorf("blocked: %s", why)
	}
}

// TestUndoHoldsItsGround has people write between the step and the call that takes it.
func TestUndoHoldsItsGround(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	h.want(h.update(h.deploy, 1, "<p>ours</p>"), "done")
	step, err := h.c.Revert(t.Context(), h.opened, h.change, h.end.result.Outcome.Target)
	if err != nil {
		t.Fatal(err)
	}
	h.site.EditPage(h.deploy, h.reader, "<p>theirs</p>")
	e := h.undoing(step.Action, strings.Replace(string(step.Args), "{", `{"message":"back",`, 1))
	if h.want(e, "conflict"); !strings.Contains(e.why, h.reader) || h.page(h.deploy).Body != "<p>theirs</p>" {
		t.Errorf("got %s", e.why)
	}
	// Confluence does not compare when it restores: what came at the very moment is said.
	h.site.OnWrite(nil, func(sim.Request) { h.site.EditPage(h.deploy, h.reader, "<p>at the moment</p>") })
	e = h.do("page.restore", args(`{"page_id":%q,"version":1,"based_on_version":3,"message":"back"}`, h.deploy))
	if h.want(e, "conflict"); e.result.Outcome.Status != receipt.Done || e.result.Outcome.Target.Version != "5" || !strings.Contains(e.why, "same moment") {
		t.Errorf("got %s, %+v", e.why, e.result.Outcome)
	}
}

func TestUndoNeedsItsCredential(t *testing.T) {
	h := newHouse(t, fullPolicy, func(c *Config) { c.Undo = nil })
	h.site.AddLabel(h.deploy, "global", "x")
	mark := len(h.site.Requests())
	for action, given := range map[string]string{
		"page.restore":      args(`{"page_id":%q,"version":1,"based_on_version":2,"message":"m"}`, h.deploy),
		"page.trash":        args(`{"page_id":%q,"based_on_version":1,"message":"m"}`, h.deploy),
		"page.untrash":      args(`{"page_id":%q,"based_on_version":1,"message":"m"}`, h.deploy),
		"comment.delete":    `{"comment_id":"7","message":"m"}`,
		"page.label.add":    args(`{"page_id":%q,"label":"y","undoes":"job-1/1"}`, h.deploy),
		"page.label.remove": args(`{"page_id":%q,"label":"x","undoes":"job-1/1"}`, h.deploy),
		"page.move":         args(`{"page_id":%q,"target_id":%q,"based_on_version":1,"message":"m","undoes":"job-1/1"}`, h.deploy, h.hr),
	} {
		if e := h.undoing(action, given); e.code != "undo_disabled" {
			t.Errorf("%s: got %s (%s)", action, e, e.why)
		}
	}
	if len(h.site.Requests()) != mark {
		t.Error("the site was asked")
	}
}

// TestOnlyUndoingUndoes refuses an ordinary job what is for the house's own undoing, before anything is read.
func TestOnlyUndoingUndoes(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	mark := len(h.site.Requests())
	for action, given := range map[string]string{
		"page.restore":      args(`{"page_id":%q,"version":1,"based_on_version":2,"message":"m","undoes":"job-1/1"}`, h.deploy),
		"page.trash":        args(`{"page_id":%q,"based_on_version":1,"message":"m","undoes":"job-1/1"}`, h.deploy),
		"page.untrash":      args(`{"page_id":%q,"based_on_version":1,"message":"m","undoes":"job-1/1"}`, h.deploy),
		"comment.delete":    `{"comment_id":"7","message":"m","undoes":"job-1/1"}`,
		"page.label.add":    args(`{"page_id":%q,"label":"y","undoes":"job-1/1"}`, h.deploy),
		"page.label.remove": args(`{"page_id":%q,"label":"x","undoes":"job-1/1"}`, h.deploy),
		"page.move":         args(`{"page_id":%q,"target_id":%q,"based_on_version":1,"message":"m","undoes":"job-1/1"}`, h.deploy, h.hr),
	} {
		for _, agent := range []string{"", "nightly", receipt.Undoer + " "} {
			h.agent = agent
			if e := h.do(action, given); e.code != "not_undoing" {
				t.Errorf("%s by %q: got %s (%s)", action, agent, e, e.why)
			}
		}
	}
	if len(h.site.Requests()) != mark {
		t.Error("the site was asked")
	}
	h.want(h.do("page.move", `{"undoes":7}`), "bad_argument")
}

// TestUndoSaysWhatStays has the plan name the mail that watchers may have had.
func TestUndoSaysWhatStays(t *testing.T) {
	for name, change := range map[string]func(h *house) *end{
		"update":  func(h *house) *end { return h.update(h.deploy, 1, "<p>ours</p>") },
		"create":  func(h *house) *end { return h.create(h.deploy, "New") },
		"comment": func(h *house) *end { return h.comment(h.deploy, "<p>ours</p>") },
		"trash":   func(h *house) *end { return h.trash(h.deploy, 1) },
		"label":   func(h *house) *end { return h.label("add", h.deploy, "ours") },
		"move":    func(h *house) *end { return h.move(h.deploy, h.hr, 1) },
	} {
		h := newHouse(t, fullPolicy, nil)
		h.want(change(h), "done")
		step, err := h.c.Revert(t.Context(), h.opened, h.change, h.end.result.Outcome.Target)
		if err != nil {
			t.Fatal(err)
		}
		if says := strings.Contains(step.Says, "mail of it; that is not undone"); says != (name != "label" && name != "move") {
			t.Errorf("%s: %q", name, step.Says)
		}
	}
}

// TestRestoringMentions says: what agents may not write, and a restored version brings back, reaches people.
func TestRestoringMentions(t *testing.T) {
	mention := `<p><ac:link><ri:user ri:account-id="1"/></ac:link></p>`
	image := `<p><ac:image><ri:url ri:value="https://elsewhere.example/x.png"/></ac:image></p>`
	for _, test := range []struct {
		then, now string
		external  bool
	}{
		{mention, "<p>x</p>", true},
		{image, "<p>x</p>", true},
		{mention, mention + "<p>x</p>", false},
		{"<p>y</p>", "<p>x</p>", false},
	} {
		h := newHouse(t, fullPolicy, nil)
		h.site.EditPage(h.deploy, h.reader, test.then)
		h.site.EditPage(h.deploy, h.reader, test.now)
		e := h.do("page.restore", args(`{"page_id":%q,"version":2,"based_on_version":3,"message":"m"}`, h.deploy))
		h.want(e, "done")
		if got := slices.Contains(e.call.Categories, "external_send"); got != test.external {
			t.Errorf("%s after %s: categories %q", test.now, test.then, e.call.Categories)
		}
	}
}

func TestHistory(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	from := time.Now().Add(-time.Second)
	h.want(h.create(h.deploy, "New"), "done")
	made := h.end.result.Outcome.Target.ID
	h.want(h.update(h.deploy, 1, "<p>ours</p>"), "done")
	h.site.EditPage(h.deploy, h.reader, "<p>theirs</p>")
	h.site.EditPage(h.deploy, h.writer, "<p>without a receipt</p>")
	h.want(h.comment(h.deploy, "<p>hm</p>"), "done")
	said := h.end.result.Outcome.Target.ID
	h.site.CommentPage(h.deploy, h.reader, "<p>theirs</p>")

	got, err := h.c.History(t.Context(), change.Window{Accounts: []string{h.writer}, From: from, To: time.Now().Add(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	want := []change.Event{
		{Resource: policy.Resource{Type: "page", ID: made, Version: "1"}, What: "page.create", By: h.writer, Mark: "job-1/1"},
		{Resource: policy.Resource{Type: "page", ID: h.deploy, Version: "2"}, What: "page.update", By: h.writer, Mark: "job-1/2"},
		{Resource: policy.Resource{Type: "page", ID: h.deploy, Version: "4"}, What: "page.update", By: h.writer},
		{Resource: policy.Resource{Type: "comment", ID: said, Version: "1"}, What: "page.comment.create", By: h.writer},
	}
	for i := range got {
		got[i].At = time.Time{}
	}
	for _, list := range [][]change.Event{got, want} { // several happen in one millisecond
		slices.SortFunc(list, func(a, b change.Event) int {
			return strings.Compare(a.Resource.ID+" "+a.Resource.Version, b.Resource.ID+" "+b.Resource.Version)
		})
	}
	if !slices.EqualFunc(got, want, func(a, b change.Event) bool {
		return a.Resource.Type == b.Resource.Type && a.Resource.ID == b.Resource.ID && a.Resource.Version == b.Resource.Version &&
			a.What == b.What && a.By == b.By && a.Mark == b.Mark
	}) {
		t.Errorf("got %+v,\nwant %+v", got, want)
	}
	for _, w := range []change.Window{
		{From: from, To: time.Now()},
		{Accounts: []string{h.writer}, From: from.Add(-time.Hour), To: from},
		{Accounts: []string{"712020:nobody"}, From: from, To: time.Now()},
	} {
		if got, err := h.c.History(t.Context(), w); err != nil || len(got) != 0 {
			t.Errorf("%+v: got %+v, %v", w, got, err)
		}
	}
}
