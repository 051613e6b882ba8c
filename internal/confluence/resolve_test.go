// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"strings"
	"testing"

	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
)

func TestResolve(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	deep := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.deploy, Title: "Alpha & more + ?"})
	h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "A/B"})
	other := h.site.AddPage(sim.PageSeed{Space: "SEC", Title: "Runbooks"}) // same title in another space
	few := h.site.AddPage(sim.PageSeed{Space: "ENG", Title: "For few"})
	h.site.RestrictRead(few, h.reader)
	eng, _ := h.site.Page(h.deploy)
	sec, _ := h.site.Page(h.secret)
	tests := []struct {
		kind, name string
		id         string
		code, says string
	}{
		{"space", "ENG", eng.SpaceID, "", ""},
		{"space", "SEC", sec.SpaceID, "", ""},
		{"page_prefix", "ENG/", eng.SpaceID, "", ""},
		{"page_prefix", "ENG/Runbooks/", h.runbooks, "", ""},
		{"page_prefix", "SEC/Runbooks/", other, "", ""},
		{"page_prefix", "ENG/Runbooks/Deploy/", h.deploy, "", ""},
		{"page_prefix", "ENG/Runbooks/Old ones/Rollback/", h.rollback, "", ""}, // below a folder
		{"page_prefix", "ENG/Runbooks/Deploy/Alpha & more + ?/", deep, "", ""},
		{"space", "NONE", "", "not_found", "NONE"},
		{"space", "eng", "", "not_found", "eng"},
		{"page_prefix", "NONE/Runbooks/", "", "not_found", "NONE"},
		{"page_prefix", "ENG/Nothing/", "", "not_found", "ENG/Nothing/"},
		{"page_prefix", "ENG/runbooks/", "", "not_found", "ENG/runbooks/"},
		{"page_prefix", "ENG/Deploy/", "", "not_found", "ENG/Runbooks/Deploy/"},
		{"page_prefix", "ENG/Other/Deploy/", "", "not_found", "ENG/Runbooks/Deploy/"},
		{"page_prefix", "ENG/Engineering Home/", "", "bad_name", "ENG/"},
		{"page_prefix", "ENG/Engineering Home/Runbooks/", "", "not_found", "ENG/Runbooks/"},
		{"page_prefix", "ENG/Runbooks/A/B/", "", "not_found", "ENG/Runbooks/A/B/"}, // titles with a slash have no name
		{"page_prefix", "ENG/For few/", "", "restricted", few},
		{"space_denied", "SEC", sec.SpaceID, "", ""},
		{"page_prefix_denied", "SEC/", sec.SpaceID, "", ""},
		{"page_prefix_denied", "ENG/Runbooks/Deploy/", h.deploy, "", ""},
		{"page_prefix_denied", "ENG/Runbooks/Old ones/Rollback/", h.rollback, "", ""},
		{"page_prefix_denied", "ENG/For few/", few, "", ""}, // may well be denied to agents too
		{"space_denied", "NONE", "", "not_found", "take NONE off the deny list"},
		{"page_prefix_denied", "ENG/Nothing/", "", "not_found", "take ENG/Nothing/ off the deny list"},
		{"page_prefix_denied", "ENG/Deploy/", "", "not_found", "ENG/Runbooks/Deploy/"},
		{"page_prefix_denied", "ENG/Engineering Home/", "", "bad_name", "ENG/"},
		{"space_denied", "ENG/Runbooks/", "", "bad_name", "ENG/Runbooks/"},
		{"label", "public", "", "bad_name", "public"}, // is no name that leads anywhere
		{"project", "ENG", "", "bad_name", "ENG"},
		{"space", "ENG/Runbooks/", "", "bad_name", "ENG/Runbooks/"},
	}
	for _, test := range tests {
		n := policy.Name{Tool: "confluence", Kind: test.kind, Name: test.name}
		got, err := h.c.Resolve(t.Context(), []policy.Name{n})
		if test.code == "" {
			if err != nil || len(got) != 1 || got[0] != (policy.Bound{Name: n, Site: "https://example.atlassian.net", ID: test.id}) {
				t.Errorf("%s: got %+v, %v; want id %s", n, got, err, test.id)
			}
			continue
		}
		e := h.fault(&end{}, err)
		if e.code != test.code || !strings.Contains(e.why, test.says) {
			t.Errorf("%s: got %s (%s), want %s that says %s", n, e.code, e.why, test.code, test.says)
		}
		if strings.Contains(e.why, "deny list") != (test.code == "not_found" && strings.HasSuffix(test.kind, "_denied")) {
			t.Errorf("%s: the fault is %q", n, e.why)
		}
	}
	if _, err := h.c.Resolve(t.Context(), []policy.Name{{Tool: "jira", Kind: "space", Name: "ENG"}}); err == nil {
		t.Error("a name of Jira's was resolved")
	}
}

func TestHomepageStandsForSpace(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	e := h.get(h.deploy)
	if n := len(e.call.Resources[0].Path); n != 3 {
		t.Errorf("path %+v, want space, Runbooks, Deploy", e.call.Resources[0].Path)
	}
	if e := h.get(h.site.HomepageID("ENG")); len(e.call.Resources[0].Path) != 2 {
		t.Errorf("path %+v, want space, homepage", e.call.Resources[0].Path)
	}
}
