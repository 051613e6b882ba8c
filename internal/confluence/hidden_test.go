// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	sim "github.com/clawea/clawea/internal/sim/atlassian"
)

// shows counts what a search with a limit shows.
func (h *house) shows(cql string, limit int) int {
	h.t.Helper()
	q, err := json.Marshal(cql)
	if err != nil {
		h.t.Fatal(err)
	}
	e := h.do("page.search", args(`{"cql":%s,"limit":%d}`, q, limit))
	if h.want(e, "done"); e.result == nil || e.result.Body == nil {
		return -1
	}
	return len(h.hits(e))
}

// TestHiddenHitsDoNotCount asks whether a word stands in a page that may not be seen, by whether its hit takes another's place.
func TestHiddenHitsDoNotCount(t *testing.T) {
	below := func(h *deniedHouse, parent string) string {
		return h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: parent, Title: "AAA", Body: "<p>swordfish</p>"})
	}
	for name, hide := range map[string]func(h *deniedHouse) string{
		"restricted": func(h *deniedHouse) string {
			id := below(h, h.runbooks)
			h.site.RestrictRead(id, h.reader)
			return id
		},
		"below a restricted page": func(h *deniedHouse) string {
			top := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.hr, Title: "For few"})
			h.site.RestrictRead(top, h.reader)
			return below(h, top)
		},
		"in a folder that is denied by name": func(h *deniedHouse) string {
			h.site.TrashPage(h.private)
			return below(h, h.site.AddFolder(sim.FolderSeed{Space: "ENG", Parent: h.runbooks, Title: "Private"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newDeniedHouse(t, denyPolicy)
			id := hide(h)
			for _, limit := range []int{1, 2} {
				ask := func(word string) int {
					return h.shows(`(id = `+id+` AND text ~ "`+word+`") OR id IN (`+h.deploy+`, `+h.hr+`) ORDER BY title`, limit)
				}
				if right, wrong := ask("swordfish"), ask("marlin"); right != limit || wrong != limit {
					t.Errorf("limit %d: %d hits if the word stands in the hidden page, %d if not", limit, right, wrong)
				}
			}
		})
	}
}

// TestSearchReadsOn has more hidden hits than fit into one part of the index's answer, and then too many.
func TestSearchReadsOn(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	few := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.hr, Title: "For few"})
	h.site.RestrictRead(few, h.reader)
	add := func(from, to int) {
		for i := from; i < to; i++ {
			h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: few, Title: fmt.Sprintf("Aaa %03d", i), Body: "<p>alpha</p>"})
		}
	}
	add(0, 60)
	mark := len(h.site.Requests())
	if n := h.shows(`text ~ "alpha" ORDER BY title`, 2); n != 2 {
		t.Errorf("%d hits", n)
	}
	parts := 0
	for _, r := range h.site.Requests()[mark:] {
		if r.Path == v1+"/search" {
			parts++
		}
	}
	if parts != 3 || h.end.result.Outcome.Code != "filtered" || h.end.result.Outcome.Used["pages"] != 2 {
		t.Errorf("%d parts, %+v", parts, h.end.result.Outcome)
	}
	add(60, hitsAtOnce*maxHitParts)
	e := h.do("page.search", `{"cql":"text ~ \"alpha\" ORDER BY title","limit":2}`)
	if h.want(e, "bad_query"); e.result.Body != nil || e.result.Outcome.Used["pages"] != 0 {
		t.Errorf("outcome %+v, %s", e.result.Outcome, e.result.Body)
	}
}

// TestHiddenChildrenDoNotCount has more children than are read at once, the last of which may be shown.
func TestHiddenChildrenDoNotCount(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	top := h.site.AddPage(sim.PageSeed{Space: "ENG", Title: "Top"})
	for i := range maxChildren {
		id := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: top, Title: fmt.Sprint("Hidden ", i)})
		h.site.RestrictRead(id, h.reader)
	}
	seen := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: top, Title: "Seen"})
	ask := func(limit int) listing {
		return read[listing](h, h.do("page.children", args(`{"page_id":%q,"limit":%d}`, top, limit)))
	}
	if got := ask(1); len(got.Pages) != 1 || got.Pages[0].ID != seen || got.More {
		t.Errorf("got %+v", got)
	}
}

// versionsOf looks for a version that is not there.
func (h *house) versionsOf(id string) error {
	return h.c.eachVersion(h.t.Context(), id, func(version) bool { return true })
}

// TestListsThatEndNowhere has lists that say that they go on, and not where.
func TestListsThatEndNowhere(t *testing.T) {
	for path, do := range map[string]func(h *house) *end{
		"/search":          func(h *house) *end { return h.search(`text ~ "alpha"`) },
		"/direct-children": func(h *house) *end { return h.do("page.children", args(`{"page_id":%q}`, h.runbooks)) },
		"/versions":        func(h *house) *end { return h.fault(&end{}, h.versionsOf(h.deploy)) },
		"/labels":          func(h *house) *end { return h.do("page.labels", args(`{"page_id":%q}`, h.deploy)) },
	} {
		for next, want := range map[string]string{`/wiki/x?limit=1`: "upstream", `/wiki/x?cursor=again`: "bad_query outside too_large"} {
			h := newHouse(t, spacePolicy, nil)
			h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
				if strings.HasSuffix(r.URL.Path, path) {
					return `{"results":[],"_links":{"next":"` + next + `"}}`, 200
				}
				return body, 0
			})
			if e := do(h); !strings.Contains(want, e.String()) {
				t.Errorf("%s, %s: got %s (%s)", path, next, e, e.why)
			}
		}
	}
}

// TestSearchTellsOfHitsOutside has the index find what the query leaves out.
func TestSearchTellsOfHitsOutside(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	var log bytes.Buffer
	h.c.log = slog.New(slog.NewTextHandler(&log, nil))
	h.site.RestrictRead(h.rollback, h.reader)
	h.want(h.search(`text ~ "alpha"`), "done")
	if log.Len() != 0 {
		t.Errorf("a restricted page is logged: %s", &log)
	}
	h.c.read = h.indexed([]string{h.deploy, h.hr, h.secret})
	h.want(h.search(`text ~ "alpha"`), "done")
	if got := log.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "incident: a search found pages outside of its bound") || !strings.Contains(got, "dropped=2") {
		t.Errorf("logged %q", got)
	}
}

// TestAncestorsInParts has Confluence tell of the nearest ancestors only, so that what is denied further up does not show.
func TestAncestorsInParts(t *testing.T) {
	h := newDeniedHouse(t, denyPolicy)
	deep := h.notes
	for i := range 4 {
		deep = h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: deep, Title: fmt.Sprint("Deep ", i), Body: "<p>alpha</p>"})
	}
	open := h.deploy
	for i := range 4 {
		open = h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: open, Title: fmt.Sprint("Open ", i), Body: "<p>alpha</p>"})
	}
	nearest := 2
	h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
		if !strings.HasSuffix(r.URL.Path, "/ancestors") {
			return body, 0
		}
		var list struct {
			Results []json.RawMessage `json:"results"`
		}
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			return body, 0
		}
		list.Results = list.Results[max(0, len(list.Results)-nearest):]
		b, err := json.Marshal(list)
		if err != nil {
			t.Error(err)
		}
		return string(b), 0
	})
	h.want(h.get(deep), "denied")
	h.want(h.get(open), "done")
	found := h.hits(h.search(`title ~ "deep" OR title ~ "open"`))
	if !slices.Contains(found, open) || slices.Contains(found, deep) {
		t.Errorf("found %v", found)
	}
	nearest = 1
	h.want(h.get(open), "done") // a step at a time
	for i := range maxTellings {
		open = h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: open, Title: fmt.Sprint("Deeper ", i)})
	}
	h.want(h.get(open), "outside")
	nearest = 1000
	h.want(h.get(open), "done")
}

// TestLabelsInParts has the label that the policy wants told last.
func TestLabelsInParts(t *testing.T) {
	h := newLabelledHouse(t, labelPolicy)
	count := 0
	h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
		if !strings.HasSuffix(r.URL.Path, "/labels") {
			return body, 0
		}
		if r.URL.Query().Get("cursor") == "" {
			return `{"results":[{"name":"a","prefix":"global"}],"_links":{"next":"/wiki/api/v2/pages/1/labels?cursor=two"}}`, 0
		}
		return `{"results":[` + strings.Repeat(`{"name":"b","prefix":"global"},`, count) + `{"name":"public","prefix":"global"}],"_links":{}}`, 200
	})
	h.want(h.get(h.deploy), "done")
	count = maxLabels
	h.want(h.get(h.deploy), "outside")
}
