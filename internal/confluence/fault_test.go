// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/receipt"
)

// changes are calls of every operation that changes something, each with what its request is like. They are made on
// fresh houses.
func changes() map[string]func(h *house, between ...func()) *end {
	return map[string]func(h *house, between ...func()) *end{
		"page.create": func(h *house, between ...func()) *end { return h.create(h.deploy, "New", between...) },
		"page.update": func(h *house, between ...func()) *end { return h.update(h.deploy, 1, "<p>ours</p>", between...) },
		"page.edit": func(h *house, between ...func()) *end {
			return h.edit(h.deploy, 1, `[{"op":"append","content":"<p>ours</p>"}]`, between...)
		},
		"page.label.add": func(h *house, between ...func()) *end {
			return h.do("page.label.add", args(`{"page_id":%q,"label":"ours"}`, h.deploy), between...)
		},
		"page.label.remove": func(h *house, between ...func()) *end {
			h.site.AddLabel(h.deploy, "global", "ours")
			return h.do("page.label.remove", args(`{"page_id":%q,"label":"ours"}`, h.deploy), between...)
		},
		"page.comment.create": func(h *house, between ...func()) *end { return h.comment(h.deploy, "<p>ours</p>", between...) },
		"page.move":           func(h *house, between ...func()) *end { return h.move(h.deploy, h.hr, 1, between...) },
		"page.restore": func(h *house, between ...func()) *end {
			h.site.EditPage(h.deploy, "", "<p>two</p>")
			return h.do("page.restore", args(`{"page_id":%q,"version":1,"based_on_version":2,"message":"back"}`, h.deploy), between...)
		},
		"page.trash": func(h *house, between ...func()) *end { return h.trash(h.deploy, 1, between...) },
		"page.untrash": func(h *house, between ...func()) *end {
			h.site.TrashPage(h.deploy)
			return h.do("page.untrash", args(`{"page_id":%q,"based_on_version":1,"message":"back"}`, h.deploy), between...)
		},
		"comment.delete": func(h *house, between ...func()) *end {
			id := h.site.CommentPage(h.deploy, "", "<p>x</p>")
			return h.do("comment.delete", args(`{"comment_id":%q,"message":"why"}`, id), between...)
		},
	}
}

// TestEveryChangeIsTested holds the list above to the table.
func TestEveryChangeIsTested(t *testing.T) {
	all := changes()
	for _, o := range slices.Concat(writings(), undoings()) {
		if all[o.Name] == nil {
			t.Errorf("%s is not tested", o.Name)
		}
	}
}

// first lets a test say what becomes of the first write of a house.
func (h *house) first(at sim.Stage, fault sim.Fault) *int {
	writes := 0
	h.site.Intercept(func(stage sim.Stage, r sim.Request) sim.Fault {
		if r.Method == http.MethodGet {
			return sim.Fault{}
		}
		if stage == sim.Received {
			writes++
		}
		if stage == at && writes == 1 {
			return fault
		}
		return sim.Fault{}
	})
	return &writes
}

// TestAnswerLost drops the connection after the change was made: the act finds it, and says that it is done.
func TestAnswerLost(t *testing.T) {
	for action, do := range changes() {
		t.Run(action, func(t *testing.T) {
			h := newHouse(t, fullPolicy, nil)
			writes := h.first(sim.Applied, sim.Fault{Drop: true})
			e := do(h)
			h.want(e, "done")
			if e.result == nil {
				return
			}
			if out := e.result.Outcome; out.Code != seen || out.Target == nil || e.result.Body == nil {
				t.Errorf("outcome %+v", out)
			}
			want := 1
			if action == "page.create" { // and its mark
				want = 2
			}
			if *writes != want {
				t.Errorf("%d writes were sent, want %d", *writes, want)
			}
			found, err := h.c.Find(t.Context(), h.opened, h.change)
			if err != nil || found == nil || found.ID != e.result.Outcome.Target.ID || found.Version != e.result.Outcome.Target.Version {
				t.Errorf("found %+v, %v; want %+v", found, err, e.result.Outcome.Target)
			}
		})
	}
}

// TestRequestLost drops the connection before anything is done: nothing is found, and it is not known.
func TestRequestLost(t *testing.T) {
	for action, do := range changes() {
		t.Run(action, func(t *testing.T) {
			h := newHouse(t, fullPolicy, nil)
			writes := h.first(sim.Received, sim.Fault{Drop: true})
			e := do(h)
			h.want(e, "uncertain")
			if e.result == nil {
				return
			}
			if out := e.result.Outcome; out.Status != receipt.Unknown || *writes != 1 {
				t.Errorf("outcome %+v after %d writes", out, *writes)
			}
			if found, err := h.c.Find(t.Context(), h.opened, h.change); err != nil || found != nil {
				t.Errorf("found %+v, %v", found, err)
			}
		})
	}
}

// TestRequestLostAndSomebodyFirst says: a version that somebody else wrote cannot become ours any more.
func TestRequestLostAndSomebodyFirst(t *testing.T) {
	for _, action := range []string{"page.update", "page.edit"} {
		h := newHouse(t, fullPolicy, nil)
		h.site.Intercept(func(stage sim.Stage, r sim.Request) sim.Fault {
			if r.Method == http.MethodGet || stage != sim.Received {
				return sim.Fault{}
			}
			h.site.EditPage(h.deploy, h.reader, "<p>theirs</p>")
			return sim.Fault{Drop: true}
		})
		e := changes()[action](h)
		if h.want(e, "conflict"); e.result.Outcome.Status != receipt.Failed {
			t.Errorf("%s: outcome %+v", action, e.result.Outcome)
		}
	}
}

// TestFindAfterwards says: what happened is found by its receipt, and not by another, whatever people did since.
func TestFindAfterwards(t *testing.T) {
	for action, do := range changes() {
		h := newHouse(t, fullPolicy, nil)
		e := do(h)
		h.want(e, "done")
		found, err := h.c.Find(t.Context(), h.opened, h.change)
		if err != nil || found == nil || found.Type != e.result.Outcome.Target.Type || found.ID != e.result.Outcome.Target.ID || found.Version != e.result.Outcome.Target.Version {
			t.Errorf("%s: found %+v, %v; want %+v", action, found, err, e.result.Outcome.Target)
		}
		other := *h.opened
		other.Job = "job-2"
		switch action {
		case "page.create", "page.update", "page.edit", "page.restore", "page.untrash":
			if found, err := h.c.Find(t.Context(), &other, h.change); err != nil || found != nil {
				t.Errorf("%s: found %+v, %v by the receipt of another job", action, found, err)
			}
			for range 60 {
				h.site.EditPage(e.result.Outcome.Target.ID, "", "<p>theirs (clawea job-1/1)</p>")
			}
			if found, err := h.c.Find(t.Context(), h.opened, h.change); err != nil || found == nil || found.Version != e.result.Outcome.Target.Version {
				t.Errorf("%s: found %+v, %v under many versions", action, found, err)
			}
		}
	}
}

// TestPageWithoutItsMark has the second request of a creation fail: the page is there, is called done, and is found.
func TestPageWithoutItsMark(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	h.site.Intercept(func(stage sim.Stage, r sim.Request) sim.Fault {
		if strings.HasSuffix(r.Path, "/properties") && r.Method == http.MethodPost && stage == sim.Received {
			return sim.Fault{Drop: true}
		}
		return sim.Fault{}
	})
	e := h.create(h.deploy, "New")
	h.want(e, "done")
	if e.result.Outcome.Code != "unmarked" {
		t.Errorf("outcome %+v", e.result.Outcome)
	}
	if found, err := h.c.Find(t.Context(), h.opened, h.change); err != nil || found == nil || found.ID != e.result.Outcome.Target.ID {
		t.Errorf("found %+v, %v", found, err)
	}
	marked := newHouse(t, fullPolicy, nil)
	marked.want(marked.create(marked.deploy, "New"), "done")
	marked.site.RenamePage(marked.end.result.Outcome.Target.ID, "Renamed")
	if found, err := marked.c.Find(t.Context(), marked.opened, marked.change); err != nil || found == nil || found.ID != marked.end.result.Outcome.Target.ID {
		t.Errorf("renamed: found %+v, %v", found, err)
	}
	late := *h.opened
	late.At = late.At.Add(10 * skew)
	if found, err := h.c.Find(t.Context(), &late, h.change); err != nil || found != nil {
		t.Errorf("an older page was taken for it: %+v, %v", found, err)
	}
}

// TestMeanwhile has people do things between plan and act, for every change: it is refused, and nothing is sent.
func TestMeanwhile(t *testing.T) {
	disturbances := map[string]func(h *house){
		"moved":            func(h *house) { h.site.MovePage(h.deploy, h.runbooks2) },
		"tree moved":       func(h *house) { h.site.MovePage(h.runbooks, h.runbooks2) },
		"restricted":       func(h *house) { h.site.RestrictRead(h.deploy, h.reader, h.writer, h.undoer) },
		"restricted above": func(h *house) { h.site.RestrictRead(h.runbooks, h.reader, h.writer, h.undoer) },
		"edited":           func(h *house) { h.site.EditPage(h.deploy, h.reader, "<p>theirs</p>") },
		"renamed":          func(h *house) { h.site.RenamePage(h.deploy, "Renamed") },
		"trashed":          func(h *house) { h.site.TrashPage(h.deploy) },
	}
	for action, do := range changes() {
		for name, disturb := range disturbances {
			if action == "page.untrash" && (name == "trashed" || name == "restricted") {
				continue // it is in the trash; what restricts it comes back with it
			}
			if action == "comment.delete" && (name == "edited" || name == "renamed") {
				continue // a comment is none of the page's versions
			}
			h := newHouse(t, fullPolicy, nil)
			mark := len(h.site.Requests())
			e := do(h, func() { disturb(h) })
			if e.String() == "done" || e.result == nil || e.result.Outcome.Status != receipt.Failed {
				t.Errorf("%s, %s: got %s (%s)", action, name, e, e.why)
			}
			h.quiet(mark)
		}
	}
}

// TestNowhereElse tries every change on what the policy does not let be touched.
func TestNowhereElse(t *testing.T) {
	places := map[string]struct {
		prepare func(h *house)
		want    []string
	}{
		"another space": {func(h *house) { h.deploy = h.secret }, []string{"denied"}},
		"restricted":    {func(h *house) { h.site.RestrictRead(h.runbooks, h.reader, h.writer, h.undoer) }, []string{"restricted"}},
		"archived": {func(h *house) {
			h.deploy = h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Old", Status: "archived"})
		}, []string{"not_current"}},
		"draft": {func(h *house) {
			h.deploy = h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Draft", Status: "draft", Author: h.reader})
		}, []string{"not_found", "not_current"}},
	}
	for action, do := range changes() {
		for name, place := range places {
			h := newHouse(t, fullPolicy, nil)
			place.prepare(h)
			if action == "page.untrash" && name != "another space" && name != "restricted" {
				continue
			}
			mark := len(h.site.Requests())
			if e := do(h); !slices.Contains(place.want, e.String()) {
				t.Errorf("%s, %s: got %s (%s), want %v", action, name, e, e.why, place.want)
			} else if e.call != nil && h.change != nil {
				t.Errorf("%s, %s: it is denied, and a change is kept", action, name)
			}
			h.quiet(mark)
		}
	}
}
