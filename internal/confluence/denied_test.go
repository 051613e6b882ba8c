// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
)

// denyPolicy allows ENG, without a tree of it, and without a space that is
// allowed by nothing.
const denyPolicy = `{
  "wpc_version": "1", "tool": "confluence",
  "resources": {
    "spaces_allowlist": ["ENG"], "spaces_denylist": ["SEC"], "page_prefix_denylist": ["ENG/Runbooks/Private/"]
  },
  "actions": {"read": {"allowed": true}, "search": {"allowed": true, "query_filters_required": ["space"]}, "write": {"allowed": true}}
}`

// A deniedHouse has a tree in it that the policy denies.
type deniedHouse struct {
	*house
	private, diary, folder, notes string // the tree's page, a page below it, a folder, and a page in that
}

// hidden is in every title and body that no plan and no result may show.
const hidden = "hush-hush"

func newDeniedHouse(t *testing.T, wpc string) *deniedHouse {
	t.Helper()
	h := &deniedHouse{house: newHouse(t, spacePolicy, nil)}
	h.private = h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Private", Body: "<p>alpha " + hidden + "</p>"})
	h.diary = h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.private, Title: "Diary " + hidden, Body: "<p>alpha " + hidden + "</p>"})
	h.folder = h.site.AddFolder(sim.FolderSeed{Space: "ENG", Parent: h.private, Title: "Folder " + hidden})
	h.notes = h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.folder, Title: "Notes " + hidden, Body: "<p>alpha " + hidden + "</p>"})
	h.policy = h.bind(wpc)
	return h
}

// wantHidden plans a call and fails the test if the plan, as it is before
// anything is taken off it, says what is hidden.
func (h *deniedHouse) wantHidden(action, args string) {
	h.t.Helper()
	plan, err := h.c.Plan(h.t.Context(), action, []byte(args), h.policy.Bounds("confluence"))
	if err != nil {
		if strings.Contains(err.Error(), hidden) {
			h.t.Errorf("%s: the fault says what is hidden: %v", action, err)
		}
		return
	}
	b, err := json.Marshal(plan.Call)
	if err != nil || strings.Contains(string(b), hidden) {
		h.t.Errorf("%s: the plan says what is hidden: %s, %v", action, b, err)
	}
}

func TestDeniedPlaces(t *testing.T) {
	tests := []struct {
		name string
		page func(h *deniedHouse) string
		want string
		says string // in the reason
	}{
		{"beside", func(h *deniedHouse) string { return h.deploy }, "done", ""},
		{"above", func(h *deniedHouse) string { return h.runbooks }, "done", ""},
		{"the page itself", func(h *deniedHouse) string { return h.private }, "denied", "ENG/Runbooks/Private/"},
		{"below it", func(h *deniedHouse) string { return h.diary }, "denied", "ENG/Runbooks/Private/"},
		{"below a folder in it", func(h *deniedHouse) string { return h.notes }, "denied", "ENG/Runbooks/Private/"},
		{"a denied space", func(h *deniedHouse) string { return h.secret }, "denied", ""},
		{"moved into it", func(h *deniedHouse) string { h.site.MovePage(h.deploy, h.diary); return h.deploy }, "denied", "Private"},
		{"moved out of it", func(h *deniedHouse) string { h.site.MovePage(h.diary, h.deploy); return h.diary }, "done", ""},
		{"the tree moved", func(h *deniedHouse) string { h.site.MovePage(h.private, h.hr); return h.diary }, "denied", "Private"},
		{"its page renamed", func(h *deniedHouse) string { h.site.RenamePage(h.private, "Open "+hidden); return h.diary }, "denied", "Private"},
		{"its page renamed, itself", func(h *deniedHouse) string { h.site.RenamePage(h.private, "Open "+hidden); return h.private }, "denied", "Private"},
		{"renamed above it", func(h *deniedHouse) string { h.site.RenamePage(h.runbooks, "Handbook"); return h.diary }, "denied", "Private"},
		{"an impostor with its title", func(h *deniedHouse) string {
			h.site.RenamePage(h.private, "Former")
			return h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Private", Body: "<p/>"})
		}, "denied", "Private"},
		{"below an impostor", func(h *deniedHouse) string {
			h.site.TrashPage(h.private)
			impostor := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Private", Body: "<p/>"})
			return h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: impostor, Title: "New " + hidden, Body: "<p/>"})
		}, "denied", "Private"},
		{"a folder with its title", func(h *deniedHouse) string {
			h.site.RenamePage(h.private, "Former")
			folder := h.site.AddFolder(sim.FolderSeed{Space: "ENG", Parent: h.runbooks, Title: "Private"})
			return h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: folder, Title: "New " + hidden, Body: "<p/>"})
		}, "denied", "Private"},
		{"its title elsewhere", func(h *deniedHouse) string {
			h.site.RenamePage(h.private, "Former")
			return h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.hr, Title: "Private", Body: "<p/>"})
		}, "done", ""},
		{"a title that begins alike", func(h *deniedHouse) string {
			return h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Private 2", Body: "<p/>"})
		}, "done", ""},
		{"denied and restricted", func(h *deniedHouse) string { h.site.RestrictRead(h.diary, h.reader); return h.diary }, "denied", "Private"},
		{"impostor and restricted", func(h *deniedHouse) string {
			h.site.RenamePage(h.private, "Former")
			id := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Private", Body: "<p/>"})
			h.site.RestrictRead(id, h.reader)
			return id
		}, "denied", "Private"},
		{"the allowed space gets the denied key", func(h *deniedHouse) string {
			h.site.RenameSpaceKey("SEC", "OLD")
			h.site.RenameSpaceKey("ENG", "SEC")
			return h.deploy
		}, "denied", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newDeniedHouse(t, denyPolicy)
			id := test.page(h)
			mark := len(h.site.Requests())
			e := h.get(id)
			h.want(e, test.want)
			if !strings.Contains(e.why, test.says) {
				t.Errorf("the reason is %q, want it to say %q", e.why, test.says)
			}
			if test.want == "denied" {
				h.wantHidden("page.get", args(`{"page_id":%q}`, id))
				h.want(h.create(id, "X"), "denied")
				h.wantHidden("page.create", args(`{"parent_id":%q,"title":"X","body_storage":"","message":"why"}`, id))
				for _, version := range []int{1, 2, 7} { // a wrong version must not tell the right one
					h.want(h.update(id, version, ""), "denied")
					h.want(h.do("page.update", args(`{"page_id":%q,"based_on_version":%d,"title":"X","body_storage":"","message":"why"}`, id, version)), "denied")
					h.wantHidden("page.update", args(`{"page_id":%q,"based_on_version":%d,"title":"X","body_storage":"","message":"why"}`, id, version))
				}
			}
			for _, r := range h.site.Requests()[mark:] {
				if r.Method != http.MethodGet || r.Query.Get("body-format") != "" && test.want != "done" {
					t.Errorf("the site was sent %s %s?%s", r.Method, r.Path, r.Query.Encode())
				}
			}
		})
	}
}

// TestOfTheDeniedOnlyIDsAreRead has the house ask no more about what is denied by its id than where it lies.
func TestOfTheDeniedOnlyIDsAreRead(t *testing.T) {
	h := newDeniedHouse(t, denyPolicy)
	mark := len(h.site.Requests())
	h.want(h.get(h.notes), "denied")
	var got []string
	for _, r := range h.site.Requests()[mark:] {
		got = append(got, r.Path)
	}
	page, _ := h.site.Page(h.notes)
	want := []string{v2 + "/pages/" + h.notes, v2 + "/spaces/" + page.SpaceID, v2 + "/pages/" + h.notes + "/ancestors", v2 + "/pages/" + h.site.HomepageID("ENG") + "/ancestors"}
	if !slices.Equal(got, want) {
		t.Errorf("the site was asked for %v, want %v", got, want)
	}
}

// TestDeniedTitlesAreNotMade has agents try to give pages the name of what is denied.
func TestDeniedTitlesAreNotMade(t *testing.T) {
	h := newDeniedHouse(t, denyPolicy)
	h.site.TrashPage(h.private)
	mark := len(h.site.Requests())
	h.want(h.create(h.runbooks, "Private"), "outside")
	h.want(h.do("page.update", args(`{"page_id":%q,"based_on_version":1,"title":"Private","body_storage":"","message":"why"}`, h.deploy)), "outside")
	h.quiet(mark)
	h.want(h.create(h.hr, "Private"), "done") // elsewhere it is another name

	h = newDeniedHouse(t, strings.ReplaceAll(denyPolicy, "ENG/Runbooks/Private/", "ENG/Salaries/"))
	h.site.TrashPage(h.hr)
	home := h.site.HomepageID("ENG")
	h.want(h.create(home, "Salaries"), "outside") // right below the space
	h.want(h.do("page.update", args(`{"page_id":%q,"based_on_version":1,"title":"Salaries","body_storage":"","message":"why"}`, home)), "done")
}

// TestMovedIntoDeniedMeanwhile has people move a page after the decision.
func TestMovedIntoDeniedMeanwhile(t *testing.T) {
	h := newDeniedHouse(t, denyPolicy)
	into := func() { h.site.MovePage(h.deploy, h.private) }
	e := h.do("page.get", args(`{"page_id":%q}`, h.deploy), into)
	h.want(e, "conflict")
	if e.result.Body != nil {
		t.Errorf("shown: %s", e.result.Body)
	}
	h.site.MovePage(h.deploy, h.runbooks)
	mark := len(h.site.Requests())
	h.want(h.update(h.deploy, 1, "", into), "conflict")
	h.quiet(mark)
}

func TestSearchLeavesOutTheDenied(t *testing.T) {
	impostor := func(h *deniedHouse) string {
		h.site.RenamePage(h.private, "Former")
		id := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Private", Body: "<p>alpha</p>"})
		h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: id, Title: "Below", Body: "<p>alpha</p>"})
		return id
	}
	tests := []struct {
		name   string
		policy string
		before func(h *deniedHouse) []string // returns further roots that the query leaves out
		want   func(h *deniedHouse) []string
	}{
		{"a tree", denyPolicy, nil, func(h *deniedHouse) []string { return []string{h.deploy, h.rollback, h.runbooks2, h.hr} }},
		{"a tree in a tree", strings.Replace(denyPolicy, `"spaces_allowlist": ["ENG"]`, `"page_prefix_allowlist": ["ENG/Runbooks/"]`, 1), nil,
			func(h *deniedHouse) []string { return []string{h.deploy, h.rollback} }},
		{"the tree moved", denyPolicy, func(h *deniedHouse) []string { h.site.MovePage(h.private, h.hr); return nil },
			func(h *deniedHouse) []string { return []string{h.deploy, h.rollback, h.runbooks2, h.hr} }},
		{"an impostor", denyPolicy, func(h *deniedHouse) []string { return []string{impostor(h)} },
			func(h *deniedHouse) []string { return []string{h.deploy, h.rollback, h.runbooks2, h.hr} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newDeniedHouse(t, test.policy)
			roots := []string{h.private}
			if test.before != nil {
				roots = append(roots, test.before(h)...)
			}
			slices.Sort(roots)
			e := h.search(`text ~ "alpha"`)
			h.want(e, "done")
			want := test.want(h)
			slices.Sort(want)
			if got := h.hits(e); !slices.Equal(got, want) || e.result.Outcome.Code != "200" {
				t.Errorf("got %v (%s), want %v", got, e.result.Outcome.Code, want)
			}
			if !slices.Equal(e.call.Filters, []string{"space", "denied"}) {
				t.Errorf("filters %v", e.call.Filters)
			}
			list := strings.Join(roots, ", ")
			without := ` AND space NOT IN ("SEC") AND ancestor NOT IN (` + list + `) AND id NOT IN (` + list + `)) AND text ~ "alpha"`
			if cql := h.sent("/wiki/rest/api/search").Query.Get("cql"); !strings.HasPrefix(cql, `(space IN ("ENG") AND `) || !strings.HasSuffix(cql, without) {
				t.Errorf("sent %s\nwant it to end with %s", cql, without)
			}
			h.wantHidden("page.search", `{"cql":"type = page"}`)
			if strings.Contains(string(e.result.Body), hidden) {
				t.Errorf("shown: %s", e.result.Body)
			}
		})
	}
}

// TestSearchDoesNotBelieveTheIndexAboutTheDenied has an index that finds what the query leaves out.
func TestSearchDoesNotBelieveTheIndexAboutTheDenied(t *testing.T) {
	h := newDeniedHouse(t, denyPolicy)
	folder := h.site.AddFolder(sim.FolderSeed{Space: "ENG", Parent: h.runbooks, Title: "Box"})
	boxed := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: folder, Title: "Boxed", Body: "<p/>"})
	plain := h.c.read
	h.c.read = h.indexed([]string{h.deploy, h.private, h.diary, h.notes, h.secret, boxed, h.hr})
	check := func(name string, e *end, want ...string) {
		t.Helper()
		h.want(e, "done")
		slices.Sort(want)
		if got := h.hits(e); !slices.Equal(got, want) || e.result.Outcome.Code != "filtered" || e.result.Outcome.Used["pages"] != len(want) {
			t.Errorf("%s: got %v, %+v; want %v", name, got, e.result.Outcome, want)
		}
		if strings.Contains(string(e.result.Body), hidden) {
			t.Errorf("%s: shown: %s", name, e.result.Body)
		}
	}
	check("as planned", h.search(`text ~ "alpha"`), h.deploy, boxed, h.hr)
	if slices.ContainsFunc(h.site.Requests(), func(r sim.Request) bool { return r.Path == v2+"/folders/"+h.folder }) {
		t.Error("titles of what is denied by its id were read")
	}
	check("the tree moved meanwhile", h.search(`text ~ "alpha"`, func() { h.site.MovePage(h.private, h.hr) }), h.deploy, boxed, h.hr)
	check("a page moved in meanwhile", h.search(`text ~ "alpha"`, func() { h.site.MovePage(h.hr, h.runbooks); h.site.MovePage(h.deploy, h.diary) }), boxed, h.hr)
	h.site.MovePage(h.deploy, h.runbooks)
	check("a page gets the name meanwhile", h.search(`text ~ "alpha"`, func() {
		h.site.RenamePage(h.private, "Former")
		h.site.RenamePage(h.deploy, "Private")
	}), boxed, h.hr)
	h.site.RenamePage(h.deploy, "Deploy")
	check("a folder has the name", h.search(`text ~ "alpha"`, func() { h.site.RenamePage(folder, "Private") }), h.deploy, h.hr)
	h.c.read = plain
	check("a folder has the name, and the index is right", h.search(`title = "Boxed" OR title = "Deploy"`), h.deploy)
}

// TestSearchAmongWhatCannotBePlaced has pages whose names cannot be told, so that nobody knows whether they are denied.
func TestSearchAmongWhatCannotBePlaced(t *testing.T) {
	h := newDeniedHouse(t, denyPolicy)
	h.site.RenamePage(h.private, "Former")
	odd := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.hr, Title: "Private", Body: "<p>alpha</p>"})
	status := 0
	h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
		if r.URL.Path == v2+"/pages/"+odd+"/ancestors" {
			return strings.ReplaceAll(body, `"id":"`+h.hr+`","type":"page"`, `"id":"`+h.hr+`","type":"canvas"`), status
		}
		return body, 0
	})
	e := h.search(`text ~ "alpha"`)
	h.want(e, "done")
	want := []string{h.deploy, h.rollback, h.runbooks2, h.hr}
	slices.Sort(want)
	if got := h.hits(e); !slices.Equal(got, want) || e.result.Outcome.Code != "filtered" {
		t.Errorf("got %v with %+v, want %v", got, e.result.Outcome, want)
	}
	h.want(h.search(`text ~ "alpha"`, func() { status = 403 }), "forbidden")
	h.want(h.search(`text ~ "alpha"`), "forbidden") // in planning: an impostor that cannot be looked at
}

// TestSearchCannotNegateTheBound holds queries that try to turn what is left out into what is found.
func TestSearchCannotNegateTheBound(t *testing.T) {
	for _, wpc := range []string{denyPolicy, strings.Replace(denyPolicy, `"spaces_allowlist": ["ENG"]`, `"page_prefix_allowlist": ["ENG/Runbooks/", "ENG/Salaries/"]`, 1)} {
		h := newDeniedHouse(t, wpc)
		denied := []string{h.private, h.diary, h.notes, h.secret}
		for _, text := range []string{
			`NOT (ancestor NOT IN (` + h.private + `))`,
			`ancestor = ` + h.private,
			`ancestor IN (` + h.private + `) OR id IN (` + h.private + `)`,
			`parent = ` + h.private,
			`id = ` + h.diary,
			`content IN (` + h.diary + `, ` + h.private + `)`,
			`NOT (NOT (id = ` + h.diary + `))`,
			`text ~ "alpha") OR (ancestor = ` + h.private,
			`text ~ "alpha")) OR NOT ((id = 1`,
			`NOT (text ~ "nothing")`,
			`text ~ "` + hidden + `"`,
			`title ~ "Diary"`,
			`space NOT IN (ENG)`,
			`space != ENG`,
			`space = SEC`,
			`NOT space = ENG`,
			`NOT NOT space = SEC`,
			`! (id = 1)`,
			`id NOT IN (1) ORDER BY id DESC`,
			`ancestor != ` + h.runbooks + ` OR ancestor = ` + h.runbooks,
			`text ~ "alpha" OR space NOT IN ("SEC") OR ancestor NOT IN (` + h.private + `)`,
			`text ~ "alpha\") OR (ancestor = ` + h.private + `"`,
		} {
			e := h.search(text)
			switch e.String() {
			case "bad_query":
			case "done":
				for _, id := range h.hits(e) {
					if slices.Contains(denied, id) {
						t.Errorf("%s: shows %s", text, id)
					}
				}
				if e.result.Outcome.Code == "filtered" {
					t.Errorf("%s: the query sent was not bounded: %s", text, h.sent("/wiki/rest/api/search").Query.Get("cql"))
				}
			default:
				t.Errorf("%s: got %s (%s)", text, e, e.why)
			}
		}
	}
}

// TestSearchOfDeniedScopes has policies that deny what they allow, as a whole or in part.
func TestSearchOfDeniedScopes(t *testing.T) {
	of := func(allowed, denied string) string {
		return `{"wpc_version": "1", "resources": {` + allowed + `, ` + denied + `}, "actions": {"read": {"allowed": true}, "search": {"allowed": true}}}`
	}
	tests := []struct {
		name, policy, want string
		hits               func(h *deniedHouse) []string
	}{
		{"a prefix in a denied space", of(`"page_prefix_allowlist": ["SEC/Incident/", "ENG/Runbooks/"]`, `"spaces_denylist": ["SEC"]`), "done",
			func(h *deniedHouse) []string { return []string{h.deploy, h.rollback, h.private, h.diary, h.notes} }},
		{"a space denied as a prefix", of(`"spaces_allowlist": ["ENG", "SEC"]`, `"page_prefix_denylist": ["ENG/"]`), "done",
			func(h *deniedHouse) []string { return []string{h.secret} }},
		{"a prefix in a denied one", of(`"page_prefix_allowlist": ["ENG/Runbooks/Private/", "ENG/Salaries/"]`, `"page_prefix_denylist": ["ENG/Runbooks/"]`), "done",
			func(h *deniedHouse) []string { return []string{h.hr} }},
		{"all in a denied space", of(`"page_prefix_allowlist": ["ENG/Runbooks/"]`, `"spaces_denylist": ["ENG"]`), "denied", nil},
		{"all below a denied page", of(`"page_prefix_allowlist": ["ENG/Runbooks/Private/"]`, `"page_prefix_denylist": ["ENG/Runbooks/"]`), "denied", nil},
	}
	for _, test := range tests {
		h := newDeniedHouse(t, test.policy)
		e := h.search(`text ~ "alpha"`)
		h.want(e, test.want)
		if test.hits == nil {
			continue
		}
		want := test.hits(h)
		slices.Sort(want)
		if got := h.hits(e); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", test.name, got, want)
		}
	}
}

// TestSearchAfterDeniedSpaceChanges has the query say the denied space's key of today, and nothing of one that is gone.
func TestSearchAfterDeniedSpaceChanges(t *testing.T) {
	h := newDeniedHouse(t, strings.Replace(denyPolicy, `"spaces_allowlist": ["ENG"]`, `"page_prefix_allowlist": ["ENG/"]`, 1))
	h.site.RenameSpaceKey("SEC", "SAFE")
	h.want(h.search(`text ~ "alpha"`), "done")
	if cql := h.sent("/wiki/rest/api/search").Query.Get("cql"); !strings.Contains(cql, `space NOT IN ("SAFE")`) {
		t.Errorf("sent %s", cql)
	}
	h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
		if r.URL.Path == "/wiki/api/v2/spaces" { // not to be seen any more; another that was not asked for
			return `{"results":[{"id":"5","key":"ENG"},{"id":"","key":""}]}`, 0
		}
		return body, 0
	})
	h.want(h.search(`text ~ "alpha"`), "done")
	if cql := h.sent("/wiki/rest/api/search").Query.Get("cql"); strings.Contains(cql, `space NOT IN`) {
		t.Errorf("sent %s", cql)
	}
}

// TestDeniedUnderAGrant has a token for a part of the policy: what is denied stays denied.
func TestDeniedUnderAGrant(t *testing.T) {
	h := newDeniedHouse(t, strings.Replace(denyPolicy, `"spaces_allowlist": ["ENG"]`, `"page_prefix_allowlist": ["ENG/Runbooks/", "ENG/Salaries/"]`, 1))
	var err error
	h.policy, err = h.policy.Narrow(policy.Grant{
		Actions: []string{"confluence.page.get", "confluence.page.search"}, Resources: []string{"confluence:ENG/Runbooks/"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.want(h.get(h.diary), "denied")
	h.want(h.get(h.hr), "denied")
	h.want(h.get(h.deploy), "done")
	e := h.search(`text ~ "alpha"`)
	h.want(e, "done")
	want := []string{h.deploy, h.rollback}
	slices.Sort(want)
	if got := h.hits(e); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestForeignBoundsDenyNothing has bounds of another site, whose ids mean other things here.
func TestForeignBoundsDenyNothing(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	bounds := append(h.policy.Bounds("confluence"),
		policy.Bound{Name: policy.Name{Tool: "confluence", Kind: policy.DeniedSpace, Name: "ENG"}, Site: "https://other.atlassian.net", ID: h.deploy},
		policy.Bound{Name: policy.Name{Tool: "jira", Kind: policy.Label, Name: "x"}, ID: "x"})
	plan, err := h.c.Plan(t.Context(), "page.search", []byte(`{"cql":"type = page"}`), bounds)
	if err != nil || !slices.Equal(plan.Call.Filters, []string{"space"}) {
		t.Errorf("got %+v, %v", plan, err)
	}
}

func TestSearchWithManyDenied(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	var keys []string
	for i := range 130 {
		key := "D" + strings.Repeat("X", i)
		h.site.AddSpace(key, "Denied "+key)
		keys = append(keys, `"`+key+`"`)
	}
	h.policy = h.bind(`{"wpc_version": "1", "resources": {"spaces_allowlist": ["ENG"], "spaces_denylist": [` + strings.Join(keys, ",") + `]},
		"actions": {"search": {"allowed": true}}}`)
	a, err := h.c.area(t.Context(), h.policy.Bounds("confluence"))
	if err != nil || len(a.withoutKeys) != 130 {
		t.Fatalf("got %d keys, %v", len(a.withoutKeys), err)
	}
	asked := 0
	for _, r := range h.site.Requests() {
		if n := len(r.Query["ids"]); n > 100 {
			t.Errorf("%d ids in one request", n)
		} else {
			asked += n
		}
	}
	if asked != 130 {
		t.Errorf("asked for %d spaces", asked)
	}
}
