// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/gate"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/receipt"
)

// decided is a call that was decided upon and not carried out yet, by the name of a
// receipt that was given out before.
func (h *house) decided(action, args string, before *receipt.Receipt) (*gate.Plan, *receipt.Receipt) {
	h.t.Helper()
	p, err := h.c.Plan(h.t.Context(), action, []byte(args), h.policy.Bounds("confluence"))
	if err != nil {
		h.t.Fatal(err)
	}
	return p, &receipt.Receipt{Kind: receipt.Opened, Job: before.Job, Seq: before.Seq, At: time.Now(), Call: p.Call}
}

// finds looks for a change and fails the test if that does not come to want: "one" (of
// the id, if given), "" for nothing, or the code of a fault.
func (h *house) finds(name, want, id string, opened *receipt.Receipt, ch *receipt.Change) {
	h.t.Helper()
	found, err := h.c.Find(h.t.Context(), opened, ch)
	got := ""
	switch {
	case err != nil:
		got = h.fault(&end{}, err).code
	case found != nil:
		got = "one"
	}
	if got != want || got == "one" && id != "" && found.ID != id {
		h.t.Errorf("%s: found %+v, %v; want %q %s", name, found, err, want, id)
	}
}

// TestCreatedOfALostTime has a database restored, so that a receipt's name is given
// out again within a minute: a page that bears it is not believed to be another.
func TestCreatedOfALostTime(t *testing.T) {
	create := func(h *house, parent, title string) string {
		return args(`{"parent_id":%q,"title":%q,"body_storage":"<p>else</p>"}`, parent, title)
	}
	tests := map[string]struct {
		args string // of the second call; "": another title
		then func(h *house, old string)
		want string
	}{
		"another title":         {then: func(*house, string) {}, want: "untold"},
		"renamed into the same": {then: func(h *house, old string) { h.site.RenamePage(old, "Now") }, want: "untold"},
		"of another receipt":    {then: func(h *house, old string) { h.seq++; h.site.TrashPage(old) }, want: ""},
	}
	for name, test := range tests {
		h := newHouse(t, fullPolicy, nil)
		h.want(h.create(h.deploy, "Of the lost time"), "done")
		old := h.end.result.Outcome.Target.ID
		p, opened := h.decided(actionCreate, create(h, h.deploy, "Now"), h.opened)
		test.then(h, old)
		h.finds(name, test.want, "", opened, p.Change)
	}

	h := newHouse(t, fullPolicy, nil)
	h.want(h.create(h.runbooks2, "Elsewhere"), "done")
	old := h.end.result.Outcome.Target.ID
	p, opened := h.decided(actionCreate, create(h, h.deploy, "Elsewhere"), h.opened)
	h.finds("below another page", "untold", "", opened, p.Change)
	h.site.RenamePage(old, "Former")
	h.site.MovePage(old, h.deploy)
	r, err := p.Act(t.Context(), opened) // and the page that was sent comes, too
	if err != nil {
		t.Fatal(err)
	}
	h.finds("both", "one", r.Outcome.Target.ID, opened, p.Change)
	h.site.RenamePage(r.Outcome.Target.ID, "Renamed")
	h.finds("both, renamed", "one", r.Outcome.Target.ID, opened, p.Change)
	h.site.MovePage(r.Outcome.Target.ID, h.runbooks2)
	h.finds("moved away", "untold", "", opened, p.Change)

	h = newHouse(t, fullPolicy, nil)
	h.want(h.create(h.deploy, "New"), "done")
	first, was, ch := h.end.result.Outcome.Target.ID, *h.opened, h.change
	h.site.RenamePage(first, "Former")
	h.seq--
	h.want(h.create(h.deploy, "New"), "done")
	h.finds("the very same twice", "untold", "", &was, ch)
	h.site.TrashPage(first)
	h.finds("the very same, and one gone", "one", h.end.result.Outcome.Target.ID, &was, ch)
}

// TestVersionOfALostTime says: only the version right after that on which a change is
// based is believed to be its own.
func TestVersionOfALostTime(t *testing.T) {
	for _, action := range []string{"page.update", "page.edit", "page.restore", "page.untrash"} {
		h := newHouse(t, fullPolicy, nil)
		h.want(changes()[action](h), "done")
		h.finds(action, "one", h.deploy, h.opened, h.change)
		was := *h.opened
		h.finds(action+", as it was", "one", h.deploy, &was, h.change)

		before, err := imageOf(h.change)
		if err != nil {
			t.Fatal(err)
		}
		ch := *h.change
		target := *ch.Target
		target.Version = fmt.Sprint(before.Version - 1) // what it is based on is older than what was written
		ch.Target = &target
		h.finds(action+", of another version", "untold", "", h.opened, &ch)
		target.Version = fmt.Sprint(before.Version + 1)
		h.finds(action+", of the version itself", "", "", h.opened, &ch)
	}
}

// TestCreatedAmongMany has more pages below the parent than are told at once.
func TestCreatedAmongMany(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	for i := range maxChildren + 1 {
		h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.hr, Title: fmt.Sprint("Child ", i)})
	}
	h.want(h.create(h.hr, "New"), "done")
	id := h.end.result.Outcome.Target.ID
	h.site.RenamePage(id, "Renamed")
	asked := 0
	h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/direct-children"):
			asked++
		case strings.HasSuffix(r.URL.Path, "/properties") && !strings.Contains(r.URL.Path, "/"+id+"/"):
			return `{"results":[]}`, 0
		}
		return body, 0
	})
	h.finds("among many", "one", id, h.opened, h.change)
	if asked != 2 {
		t.Errorf("%d parts were asked for", asked)
	}
	h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
		if strings.HasSuffix(r.URL.Path, "/direct-children") {
			return `{"results":[],"_links":{"next":"/wiki/x?cursor=again"}}`, http.StatusOK
		}
		return body, 0
	})
	h.finds("without an end", "too_large", "", h.opened, h.change)
}

// TestHistoryIsWhole says: where history cannot be read to its end, there is none.
func TestHistoryIsWhole(t *testing.T) {
	from := time.Now().Add(-time.Minute)
	history := func(h *house) string {
		events, err := h.c.History(t.Context(), change.Window{Accounts: []string{h.writer}, From: from, To: time.Now().Add(time.Minute)})
		if err != nil {
			return h.fault(&end{}, err).code
		}
		return fmt.Sprint(len(events))
	}
	many := newHouse(t, spacePolicy, nil)
	many.site.EditPage(many.deploy, many.writer, "<p>around the house</p>")
	for i := range 50 * maxPaging {
		many.site.EditPage(many.deploy, many.reader, fmt.Sprintf("<p>%d</p>", i))
	}
	if got := history(many); got != "too_large" {
		t.Errorf("many versions: got %s", got)
	}

	nowhere, again := `{"results":[],"_links":{"next":"/wiki/x?limit=1"}}`, `{"results":[],"_links":{"next":"/wiki/x?cursor=again"}}`
	tests := []struct {
		name, path, body string
		status           int
		want             string
	}{
		{"as it is", "none", "", 0, "2"},
		{"pages go on nowhere", v1 + "/search", nowhere, 200, "upstream"},
		{"pages go on and on", v1 + "/search", again, 200, "too_large"},
		{"comments go on nowhere", v2 + "/footer-comments", nowhere, 200, "upstream"},
		{"comments go on and on", v2 + "/footer-comments", again, 200, "too_large"},
		{"versions go on nowhere", "/versions", nowhere, 200, "upstream"},
		{"versions go on and on", "/versions", again, 200, "too_large"},
		{"a page is gone meanwhile", "/versions", "{}", http.StatusNotFound, "1"},
		{"versions are forbidden", "/versions", "{}", http.StatusForbidden, "forbidden"},
		{"a comment as it was written is forbidden", "COMMENT", "{}", http.StatusForbidden, "forbidden"},
		{"a comment as it was written is not shown", "COMMENT", "{}", http.StatusNotFound, "1"},
		{"a comment as it was written is not known", "COMMENT", "{}", http.StatusBadRequest, "1"},
	}
	for _, test := range tests {
		h := newHouse(t, fullPolicy, nil)
		f := h.showFirsts()
		h.editor()
		h.site.EditPage(h.deploy, h.writer, "<p>ours</p>")
		id := h.site.CommentPage(h.deploy, h.writer, told)
		h.editComment(f, id, "editor", "<p>mended</p>")
		path := strings.ReplaceAll(test.path, "COMMENT", "/footer-comments/"+id)
		h.c.read = h.oddOver(f, func(r *http.Request, body string) (string, int) {
			if strings.HasSuffix(r.URL.Path, path) {
				return test.body, test.status
			}
			return body, 0
		})
		if got := history(h); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}
