// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	sim "github.com/clawea/clawea/internal/sim/atlassian"
)

// A drawnHouse is a house with a drawn tree of pages, and a drawn policy over them.
type drawnHouse struct {
	*house
	r     *rand.Rand
	ids   []string // of all pages
	names []string // of them, as prefixes
}

func drawHouse(t *testing.T, seed uint64) *drawnHouse {
	t.Helper()
	h := &drawnHouse{house: newHouse(t, spacePolicy, nil), r: rand.New(rand.NewPCG(seed, 0))}
	h.ids = []string{h.runbooks, h.deploy, h.rollback, h.runbooks2, h.hr, h.secret, h.site.HomepageID("ENG"), h.site.HomepageID("SEC")}
	h.names = []string{"ENG/Runbooks/", "ENG/Runbooks/Deploy/", "ENG/Runbooks/Old ones/Rollback/", "ENG/Runbooks 2/", "ENG/Salaries/", "SEC/Incident/", "SEC/"}
	below := map[string]string{"ENG/Runbooks/": h.runbooks, "ENG/Runbooks/Deploy/": h.deploy, "ENG/Salaries/": h.hr, "SEC/Incident/": h.secret}
	for _, title := range []string{"A", "B", "C", "D"} {
		name := h.pick([]string{"ENG/Runbooks/", "ENG/Runbooks/Deploy/", "ENG/Salaries/", "SEC/Incident/"})
		h.ids = append(h.ids, h.site.AddPage(sim.PageSeed{Space: name[:3], Parent: below[name], Title: title, Body: "<p/>"}))
		h.names = append(h.names, name+title+"/")
	}
	for _, id := range h.ids {
		if h.r.IntN(3) > 0 {
			h.site.AddLabel(id, h.pick([]string{"global", "global", "my"}), h.pick([]string{"public", "agents", "other"}))
		}
	}
	h.policy = h.bind(h.drawPolicy())
	return h
}

func (h *drawnHouse) pick(list []string) string { return list[h.r.IntN(len(list))] }

func (h *drawnHouse) drawPolicy() string {
	names := slices.Clone(h.names)
	h.r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	res := map[string][]string{}
	switch h.r.IntN(3) {
	case 0:
		res["spaces_allowlist"] = []string{"ENG"}
	case 1:
		res["page_prefix_allowlist"] = names[:1+h.r.IntN(3)]
	default:
		res["spaces_allowlist"], res["page_prefix_allowlist"] = []string{"ENG", "SEC"}, names[:1+h.r.IntN(3)]
	}
	if h.r.IntN(4) > 0 {
		res["page_prefix_denylist"] = names[4 : 5+h.r.IntN(3)]
	}
	if !slices.Contains(res["spaces_allowlist"], "SEC") && h.r.IntN(3) == 0 {
		res["spaces_denylist"] = []string{"SEC"}
	}
	if h.r.IntN(2) == 0 {
		res["page_labels_allowlist"] = []string{"public", "agents"}
	}
	b, err := json.Marshal(map[string]any{
		"wpc_version": "1", "resources": res,
		"actions": map[string]any{"read": map[string]bool{"allowed": true}, "search": map[string]bool{"allowed": true}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// disturb does what people do after a policy was published.
func (h *drawnHouse) disturb() {
	movable := h.ids[:6] // the rest are homepages, and pages to be moved to
	switch id := h.pick(movable); h.r.IntN(5) {
	case 0:
		if to := h.pick(h.ids[8:]); !h.above(id, to) {
			h.site.MovePage(id, to)
		}
	case 1:
		page, _ := h.site.Page(id)
		h.site.RenamePage(id, "Renamed "+page.Title)
	case 2: // an impostor
		page, _ := h.site.Page(id)
		h.site.RenamePage(id, "Former "+page.Title)
		if page.Status == "current" && !strings.HasPrefix(page.Title, "Former") {
			h.ids = append(h.ids, h.site.AddPage(sim.PageSeed{Space: page.SpaceID, Parent: page.ParentID, Title: page.Title, Body: "<p/>", Labels: []string{"public"}}))
		}
	case 3:
		h.site.RemoveLabel(id, "public")
	case 4:
		h.site.AddLabel(id, "global", "agents")
	}
}

func (h *drawnHouse) above(id, below string) bool {
	page, _ := h.site.Page(below)
	return id == below || slices.Contains(page.Ancestors, id)
}

// TestSearchAndGetAgree holds, over drawn trees, policies and changes, that a search shows exactly the pages that can
// be read one by one, before and after the changes.
func TestSearchAndGetAgree(t *testing.T) {
	searched, shown, denied := 0, 0, 0
	for seed := range uint64(20) {
		h := drawHouse(t, seed)
		for range 3 {
			e := h.search(`type = page`)
			if e.String() != "done" { // no root is where it was, or not denied
				h.disturb()
				continue
			}
			want := []string{}
			for _, id := range h.ids {
				switch end := h.get(id); end.String() {
				case "done":
					want = append(want, id)
				case "denied", "outside": // the latter where it is not what was signed any more
					denied++
				default:
					t.Errorf("seed %d: get %s: %s (%s)", seed, id, end, end.why)
				}
			}
			slices.Sort(want)
			if got := h.hits(e); !slices.Equal(got, want) {
				t.Errorf("seed %d: search shows %v, get shows %v", seed, got, want)
			}
			searched, shown = searched+1, shown+len(want)
			h.disturb()
		}
	}
	if searched < 40 || shown < 80 || denied < 200 {
		t.Errorf("%d searches with %d hits, %d denials: the test says little", searched, shown, denied)
	}
}
