// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	sim "github.com/clawea/clawea/internal/sim/atlassian"
)

func (h *house) rename(id, title string, version int) *end {
	h.t.Helper()
	return h.do("page.update", args(`{"page_id":%q,"based_on_version":%d,"title":%q,"body_storage":"<p>All runbooks.</p>","message":"why"}`, id, version, title))
}

// TestDenialsByNameAreNotLifted has a page that is denied by its name alone, and agents who would give what is above it another.
func TestDenialsByNameAreNotLifted(t *testing.T) {
	for name, impostor := range map[string]func(h *deniedHouse) string{
		"a page": func(h *deniedHouse) string {
			return h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Private", Body: "<p>" + hidden + "</p>"})
		},
		"what lies in a folder": func(h *deniedHouse) string {
			folder := h.site.AddFolder(sim.FolderSeed{Space: "ENG", Parent: h.runbooks, Title: "Private"})
			return h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: folder, Title: "Below", Body: "<p>" + hidden + "</p>"})
		},
		"nothing, for now": func(h *deniedHouse) string { return h.private },
	} {
		t.Run(name, func(t *testing.T) {
			h := newDeniedHouse(t, strings.Replace(denyPolicy, `"write": {"allowed": true}`, `"write": {"allowed": true}, "admin": {"allowed": true}`, 1))
			h.site.RenamePage(h.private, "Former")
			h.site.MovePage(h.private, h.secret)
			id := impostor(h)
			h.want(h.get(id), "denied")
			mark := len(h.site.Requests())
			h.want(h.rename(h.runbooks, "Handbook", 1), "bad_argument")
			h.want(h.move(h.runbooks, h.hr, 1), "bad_argument")
			h.quiet(mark)
			h.site.RenamePage(h.runbooks, "Handbook")
			h.site.RenamePage(h.runbooks, "Runbooks")
			e := h.do("page.restore", args(`{"page_id":%q,"version":2,"based_on_version":3,"message":"why"}`, h.runbooks))
			h.want(e, "bad_argument")
			h.want(h.rename(h.deploy, "Deployment", 1), "done") // beside it
			h.want(h.get(id), "denied")
		})
	}
}

// TestNamesOfPoliciesStay says: below what is renamed nothing may lie that the policy names by its id, whatever it is called now.
func TestNamesOfPoliciesStay(t *testing.T) {
	h := newDeniedHouse(t, denyPolicy)
	h.site.MovePage(h.private, h.hr)
	h.want(h.rename(h.hr, "Wages", 1), "bad_argument")
	h.want(h.rename(h.runbooks2, "Runbooks 3", 1), "done")
	h.want(h.rename(h.runbooks, "Handbook", 1), "bad_argument")
	if _, err := h.c.Resolve(t.Context(), h.policy.Names()); err == nil {
		t.Error("the denied page is where it was")
	}
	h.site.MovePage(h.private, h.runbooks)
	if _, err := h.c.Resolve(t.Context(), h.policy.Names()); err != nil {
		t.Errorf("the policy cannot be published again: %v", err)
	}
}

// TestMoveTakesAlong holds a move to all that lies below the page.
func TestMoveTakesAlong(t *testing.T) {
	tests := []struct {
		name, policy string
		below        func(h *house, top string)
		want, says   string
	}{
		{"nothing", spacePolicy, func(*house, string) {}, "done", "with nothing below it"},
		{"open pages, and a folder", spacePolicy, func(h *house, top string) {
			folder := h.site.AddFolder(sim.FolderSeed{Space: "ENG", Parent: top, Title: "Box"})
			h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: folder, Title: "In it"})
			h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: top, Title: "Beside"})
		}, "done", "with 2 pages and 1 other thing below it"},
		{"a restricted page", spacePolicy, func(h *house, top string) {
			page := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: top, Title: "Child"})
			h.site.RestrictRead(h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: page, Title: "For few"}), h.reader)
		}, "outside", "may not be moved along"},
		{"a page without the label", labelPolicy, func(h *house, top string) {
			h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: top, Title: "Theirs"})
		}, "outside", "may not be moved along"},
		{"a page with the label", labelPolicy, func(h *house, top string) {
			h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: top, Title: "Ours", Labels: []string{"public"}})
		}, "done", "with 1 page below it"},
		{"more than is looked through", spacePolicy, func(h *house, top string) {
			for i := range maxBelow + 1 {
				h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: top, Title: fmt.Sprint("Child ", i)})
			}
		}, "too_large", "more lies below"},
		{"deeper than is looked", spacePolicy, func(h *house, top string) {
			for i := range maxLevels {
				top = h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: top, Title: fmt.Sprint("Level ", i)})
			}
		}, "too_large", "more lies below"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t, spacePolicy, nil)
			h.policy = h.bind(test.policy)
			for _, id := range []string{h.hr, h.runbooks2} {
				h.site.AddLabel(id, "global", "public")
			}
			test.below(h, h.hr)
			mark := len(h.site.Requests())
			e := h.move(h.hr, h.runbooks2, 1)
			h.want(e, test.want)
			says := e.why
			if test.want == "done" {
				says = h.change.Summary
				if !strings.Contains(h.change.Diff, test.says) {
					t.Errorf("the diff is %q", h.change.Diff)
				}
			} else {
				h.quiet(mark)
			}
			if !strings.Contains(says, test.says) {
				t.Errorf("%q does not say %q", says, test.says)
			}
		})
	}
}

// TestMoveTakesNothingIntoDenial has a page below the moved one get the name that the policy denies.
func TestMoveTakesNothingIntoDenial(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	h.site.MovePage(h.hr, h.runbooks2)
	bonus := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.hr, Title: "Bonus"})
	h.policy = h.bind(strings.ReplaceAll(denyPolicy, "ENG/Runbooks/Private/", "ENG/Runbooks 2/Salaries/Bonus/"))
	h.site.TrashPage(bonus)
	h.site.MovePage(h.hr, h.runbooks)
	h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.hr, Title: "Bonus"})
	mark := len(h.site.Requests())
	h.want(h.move(h.hr, h.runbooks2, 1), "outside")
	h.quiet(mark)
	h.want(h.move(h.hr, h.deploy, 1), "done")
}

// TestRefusalsDoNotSayWhatIsBelow says: what lies below a page, and may not be seen, is not told of by a refusal; the log names it.
func TestRefusalsDoNotSayWhatIsBelow(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	var log bytes.Buffer
	h.c.log = slog.New(slog.NewTextHandler(&log, nil))
	id := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.hr, Title: "Hidden"})
	h.site.RestrictRead(id, h.reader)
	for want, do := range map[string]func() *end{
		"outside":      func() *end { return h.move(h.hr, h.deploy, 1) },
		"bad_argument": func() *end { return h.trash(h.hr, 1) },
	} {
		log.Reset()
		mark := len(h.site.Requests())
		e := do()
		h.want(e, want)
		if h.quiet(mark); strings.Contains(e.why, id) || !strings.Contains(e.why, h.hr) {
			t.Errorf("it says %q", e.why)
		}
		if !strings.Contains(log.String(), "below="+id) {
			t.Errorf("logged %q", &log)
		}
	}
}

// TestBelowChangesMeanwhile has people put something below a page between plan and act.
func TestBelowChangesMeanwhile(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	mark := len(h.site.Requests())
	add := func() string { return h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.hr, Title: "New"}) }
	var id string
	h.want(h.move(h.hr, h.runbooks2, 1, func() { id = add() }), "conflict")
	h.want(h.move(h.hr, h.runbooks2, 1, func() { h.site.RestrictRead(id, h.reader) }), "outside")
	h.quiet(mark)
}

// TestBelowToldOddly has Confluence tell of what lies below a page in ways that make no sense.
func TestBelowToldOddly(t *testing.T) {
	for _, list := range []string{
		`{"id":"x","type":"page","parentId":"TOP","depth":1}`,
		`{"id":"7","type":"page","parentId":"9","depth":1}`,
		`{"id":"7","type":"page","parentId":"TOP","depth":1},{"id":"7","type":"page","parentId":"TOP","depth":1}`,
		`{"id":"TOP","type":"page","parentId":"TOP","depth":1}`,
	} {
		h := newHouse(t, spacePolicy, nil)
		h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
			if strings.HasSuffix(r.URL.Path, "/descendants") {
				return `{"results":[` + strings.ReplaceAll(list, "TOP", h.hr) + `]}`, 0
			}
			return body, 0
		})
		h.want(h.move(h.hr, h.runbooks2, 1), "upstream")
	}
}
