// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/atlassian"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
)

// wholePolicy bounds by a prefix that is a whole space, and a tree of another.
const wholePolicy = `{
  "wpc_version": "1", "tool": "confluence",
  "resources": {"page_prefix_allowlist": ["SEC/", "ENG/Runbooks/"]},
  "actions": {"read": {"allowed": true, "max_pages_per_job": 50}, "search": {"allowed": true, "query_filters_required": ["space"]}}
}`

func (h *house) search(cql string, between ...func()) *end {
	h.t.Helper()
	q, err := json.Marshal(cql)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.do("page.search", args(`{"cql":%s,"limit":20}`, q), between...)
}

// hits are the ids that a search showed, sorted.
func (h *house) hits(e *end) []string {
	h.t.Helper()
	var got finding
	if err := json.Unmarshal(e.result.Body, &got); err != nil {
		h.t.Fatal(err)
	}
	if !got.Untrusted || got.Source.Site == "" {
		h.t.Errorf("the result is not labelled: %s", e.result.Body)
	}
	ids := []string{}
	for _, r := range got.Results {
		ids = append(ids, r.Page.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestSearch(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	e := h.search(`text ~ "alpha" ORDER BY created DESC`)
	h.want(e, "done")
	if got, want := h.hits(e), []string{h.deploy, h.rollback}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	page, _ := h.site.Page(h.deploy)
	want := &policy.Call{
		Tool: "confluence", Action: "page.search", Class: policy.Search, Mode: "official_api", Credential: "read", Site: "https://example.atlassian.net",
		Resources: []policy.Resource{{Type: "page", ID: h.runbooks, Path: []policy.Place{{ID: page.SpaceID, Name: "ENG"}, {ID: h.runbooks, Name: "Runbooks"}}}},
		Filters:   []string{"space"}, Uses: map[string]int{"pages": 20},
	}
	if diff := cmp.Diff(want, e.call); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
	if out := e.result.Outcome; out.Used["pages"] != 2 || out.Code != "200" {
		t.Errorf("outcome %+v", out)
	}
	var got finding
	if err := json.Unmarshal(e.result.Body, &got); err != nil {
		t.Fatal(err)
	}
	for _, r := range got.Results {
		if !strings.Contains(r.Excerpt, "alpha") || strings.Contains(r.Excerpt, "@@@") || r.Page.Space.Key != "ENG" || r.Page.Version != 1 {
			t.Errorf("got %+v", r)
		}
	}
	r := h.sent("/wiki/rest/api/search")
	cql := `(space IN ("ENG") AND (ancestor IN (` + h.runbooks + `) OR id IN (` + h.runbooks + `)) AND type IN ("page")) AND text ~ "alpha" ORDER BY created DESC`
	if got := r.Query.Get("cql"); got != cql {
		t.Errorf("sent %s\nwant %s", got, cql)
	}
	if r.Query.Get("includeArchivedSpaces") != "false" || r.Query.Has("expand") || r.Query.Has("cqlcontext") || r.Query.Get("limit") != "25" {
		t.Errorf("sent %v", r.Query)
	}
}

// sent is the last request of a path.
func (h *house) sent(path string) sim.Request {
	h.t.Helper()
	list := h.site.Requests()
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Path == path {
			return list[i]
		}
	}
	h.t.Fatalf("no request of %s", path)
	return sim.Request{}
}

func TestSearchScopes(t *testing.T) {
	for _, test := range []struct {
		name, policy string
		want         func(h *house) []string
	}{
		{"a space", spacePolicy, func(h *house) []string { return []string{h.deploy, h.rollback, h.runbooks2, h.hr} }},
		{"a tree in a space", prefixPolicy, func(h *house) []string { return []string{h.deploy, h.rollback} }},
		{"a whole space and a tree", wholePolicy, func(h *house) []string { return []string{h.deploy, h.rollback, h.secret} }},
	} {
		h := newHouse(t, test.policy, nil)
		e := h.search(`text ~ "alpha"`)
		h.want(e, "done")
		want := test.want(h)
		slices.Sort(want)
		if got := h.hits(e); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", test.name, got, want)
		}
	}
}

// TestSearchInjection holds texts that escape from a bound that is put around them as text.
func TestSearchInjection(t *testing.T) {
	escapes := []string{
		`text ~ "alpha" OR space = SEC`,
		`text ~ "alpha") OR (space = SEC`,
		`text ~ "alpha") OR (text ~ "alpha"`,
		`x = 1) OR (space = SEC ORDER BY created`,
		`text ~ "alpha" ORDER BY created) OR (space = SEC`,
		`text ~ "alpha\") OR (space = \"SEC"`,
		`text ~ "alpha" OR text ~ "incident"`,
		`NOT text ~ "nothing"`,
		`title !~ "x"`,
		`id != 1`,
		`space != ENG`,
		`space NOT IN (ENG)`,
		`type = page OR type = blogpost`,
		`siteSearch ~ "alpha"`,
		`creator = currentUser()`,
		`space = favouriteSpaces()`,
		`container = 5`,
		"text ~ \"alpha\"\u00a0OR space = SEC",
		"text ~ \"alpha\" OR\x00space = SEC",
		`text ~ "alpha" AND space.title ~ "Sec"`,
		`label = "x" OR parent = ` + "1",
		`-- `,
		`text ~ alpha; DROP`,
		strings.Repeat("(", 500) + `text ~ "alpha"` + strings.Repeat(")", 500),
	}
	for _, wpc := range []string{prefixPolicy, spacePolicy} {
		h := newHouse(t, wpc, nil)
		allowed := []string{h.runbooks, h.deploy, h.rollback}
		if wpc == spacePolicy {
			allowed = append(allowed, h.runbooks2, h.hr, h.site.HomepageID("ENG"))
		}
		for _, text := range escapes {
			e := h.search(text)
			switch e.String() {
			case "bad_query":
			case "done":
				for _, id := range h.hits(e) {
					if !slices.Contains(allowed, id) {
						page, _ := h.site.Page(id)
						t.Errorf("%s: shows %s/%s", text, page.SpaceKey, page.Title)
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

// TestSearchDoesNotBelieveTheIndex has a search interface that finds what it should not, as an index that lags does.
func TestSearchDoesNotBelieveTheIndex(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	archived := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Old", Status: "archived"})
	trashed := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Gone"})
	h.site.TrashPage(trashed)
	secret := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.deploy, Title: "For few"})
	h.site.RestrictRead(secret, h.reader)
	below := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: secret, Title: "Below for few"})
	ids := []string{h.deploy, h.deploy, h.hr, h.secret, h.runbooks2, archived, trashed, secret, below, "424242", "x", h.runbooks}
	h.c.read = h.indexed(ids)
	e := h.search(`text ~ "alpha"`)
	h.want(e, "done")
	want := []string{h.deploy, h.runbooks}
	slices.Sort(want)
	if got := h.hits(e); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if out := e.result.Outcome; out.Code != "filtered" || out.Used["pages"] != 2 {
		t.Errorf("outcome %+v", out)
	}
	if strings.Contains(string(e.result.Body), "leaked") {
		t.Errorf("an excerpt of an old version is shown: %s", e.result.Body)
	}
	if strings.Contains(string(e.result.Body), "filtered") || strings.Contains(string(e.result.Body), "totalSize") {
		t.Errorf("the agent can tell that something was left out: %s", e.result.Body)
	}
}

func TestSearchRestrictedIfConfigured(t *testing.T) {
	h := newHouse(t, prefixPolicy, func(c *Config) { c.AllowRestricted = true })
	h.site.RestrictRead(h.deploy, h.reader)
	e := h.search(`title = "Deploy"`)
	h.want(e, "done")
	if got := h.hits(e); !slices.Equal(got, []string{h.deploy}) {
		t.Errorf("got %v", got)
	}
}

func TestSearchAfterChanges(t *testing.T) {
	tests := []struct {
		name    string
		before  func(h *house)
		between func(h *house)
		want    string
		hits    int
	}{
		{"root renamed", func(h *house) { h.site.RenamePage(h.runbooks, "Handbook") }, func(*house) {}, "outside", 0},
		{"root moved", func(h *house) { h.site.MovePage(h.runbooks, h.hr) }, func(*house) {}, "outside", 0},
		{"root moved to another space", func(h *house) { h.site.MovePage(h.runbooks, h.secret) }, func(*house) {}, "outside", 0},
		{"root trashed", func(h *house) { h.site.TrashPage(h.runbooks) }, func(*house) {}, "not_found", 0},
		{"space renamed", func(h *house) { h.site.RenameSpaceKey("ENG", "OLD") }, func(*house) {}, "outside", 0},
		{"page moved out meanwhile", func(*house) {}, func(h *house) { h.site.MovePage(h.deploy, h.hr) }, "done", 1},
		{"folder moved in", func(h *house) { h.site.MovePage(h.hr, h.rollback) }, func(*house) {}, "done", 3},
	}
	for _, test := range tests {
		h := newHouse(t, prefixPolicy, nil)
		test.before(h)
		e := h.search(`text ~ "alpha"`, func() { test.between(h) })
		h.want(e, test.want)
		if e.String() == "done" && len(h.hits(e)) != test.hits {
			t.Errorf("%s: got %v, want %d hits", test.name, h.hits(e), test.hits)
		}
	}
}

// TestSearchWithoutLostRoots says: what the policy names and is not what was signed any more is left out of
// searches, and the rest is searched. Only where nothing is left, they are refused.
func TestSearchWithoutLostRoots(t *testing.T) {
	policyOf := func(resources string) string {
		return `{"wpc_version": "1", "resources": {` + resources + `}, "actions": {"read": {"allowed": true}, "search": {"allowed": true}}}`
	}
	trees := policyOf(`"page_prefix_allowlist": ["ENG/Runbooks/", "ENG/Salaries/"]`)
	both := policyOf(`"spaces_allowlist": ["ENG", "SEC"], "page_prefix_allowlist": ["ENG/Runbooks/", "SEC/Incident/"]`)
	spaces := policyOf(`"spaces_allowlist": ["ENG", "SEC"]`)
	denied := policyOf(`"page_prefix_allowlist": ["ENG/Runbooks/", "SEC/Incident/"], "spaces_denylist": ["SEC"]`)
	runbooks := func(h *house) []string { return []string{h.deploy, h.rollback} }
	tests := []struct {
		name, policy string
		before       func(h *house)
		lost         []string
		want         string
		hits         func(h *house) []string
	}{
		{"renamed", trees, func(h *house) { h.site.RenamePage(h.hr, "Pay") }, []string{"ENG/Salaries/"}, "done", runbooks},
		{"trashed", trees, func(h *house) { h.site.TrashPage(h.hr) }, []string{"ENG/Salaries/"}, "done", runbooks},
		{"moved", trees, func(h *house) { h.site.MovePage(h.hr, h.runbooks2) }, []string{"ENG/Salaries/"}, "done", runbooks},
		{"hidden from the house", trees, func(h *house) { h.site.RestrictRead(h.hr, h.writer) }, []string{"ENG/Salaries/"}, "done", runbooks},
		{"moved into another tree", trees, func(h *house) { h.site.MovePage(h.hr, h.runbooks) }, nil, "done",
			func(h *house) []string { return append(runbooks(h), h.hr) }},
		{"all renamed", trees, func(h *house) { h.site.RenamePage(h.hr, "Pay"); h.site.RenamePage(h.runbooks, "Handbook") },
			[]string{"ENG/Runbooks/", "ENG/Salaries/"}, "outside", nil},
		{"of another space", both, func(h *house) { h.site.RenamePage(h.secret, "Accident") }, []string{"SEC/Incident/"}, "done", runbooks},
		{"a space renamed", spaces, func(h *house) { h.site.RenameSpaceKey("ENG", "OLD") }, []string{"ENG"}, "done",
			func(h *house) []string { return []string{h.secret} }},
		{"the other is denied", denied, func(h *house) { h.site.TrashPage(h.runbooks) }, []string{"ENG/Runbooks/"}, "not_found", nil},
		{"a denied one is trashed", denied, func(h *house) { h.site.TrashPage(h.secret) }, []string{"SEC/Incident/"}, "done", runbooks},
	}
	for _, test := range tests {
		h := newHouse(t, test.policy, nil)
		var log bytes.Buffer
		h.c.log = slog.New(slog.NewTextHandler(&log, nil))
		test.before(h)
		e := h.search(`text ~ "alpha"`)
		if e.String() != test.want {
			t.Errorf("%s: got %s (%s), want %s", test.name, e, e.why, test.want)
			continue
		}
		if got := strings.Count(log.String(), "searches leave out what the policy names"); got != len(test.lost) {
			t.Errorf("%s: logged %q", test.name, &log)
		}
		for _, name := range test.lost {
			if !strings.Contains(log.String(), "name="+name+" ") {
				t.Errorf("%s: logged %q", test.name, &log)
			}
		}
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

// TestTroubleWithARootStopsTheSearch says: what is not known to be lost is not left out.
func TestTroubleWithARootStopsTheSearch(t *testing.T) {
	h := newHouse(t, strings.Replace(prefixPolicy, `"ENG/Runbooks/"`, `"ENG/Runbooks/", "ENG/Salaries/"`, 1), nil)
	h.want(h.search(`text ~ "alpha"`), "done")
	plain := h.c.read
	for status, want := range map[int]string{http.StatusForbidden: "forbidden", http.StatusUnauthorized: "unauthorized", http.StatusBadRequest: "upstream"} {
		h.c.read = plain
		h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
			if r.URL.Path == v2+"/pages/"+h.hr {
				return "{}", status
			}
			return body, 0
		})
		h.want(h.search(`text ~ "alpha"`), want)
	}
}

func TestSearchBudget(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	plan, err := h.c.Plan(t.Context(), "page.search", []byte(`{"cql":"type = page","limit":20}`), h.policy.Bounds("confluence"))
	if err != nil {
		t.Fatal(err)
	}
	if d := h.policy.Decide(plan.Call, &policy.Facts{Used: map[string]int{"pages": 31}}); d.Effect != policy.Deny {
		t.Errorf("31 of 50 pages are used and 20 more may be found: got %v", d.Effect)
	}
	if d := h.policy.Decide(plan.Call, &policy.Facts{Used: map[string]int{"pages": 30}}); d.Effect != policy.Allow {
		t.Errorf("30 of 50 pages are used: got %v %v", d.Effect, d.Reasons)
	}
}

func TestSearchWithoutBounds(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	mark := len(h.site.Requests())
	foreign := []policy.Bound{{Name: policy.Name{Tool: "confluence", Kind: "space", Name: "ENG"}, Site: "https://other.atlassian.net", ID: "1"}}
	for _, bounds := range [][]policy.Bound{nil, foreign, {{Name: policy.Name{Tool: "jira", Kind: "project", Name: "ENG"}, Site: h.c.site, ID: "1"}}} {
		_, err := h.c.Plan(t.Context(), "page.search", []byte(`{"cql":"type = page"}`), bounds)
		e := h.fault(&end{}, err)
		if e.code != "outside" {
			t.Errorf("%v: got %s", bounds, e.code)
		}
	}
	if len(h.site.Requests()) != mark {
		t.Error("the site was asked")
	}
}

func TestArgumentsOfSearch(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	for args, want := range map[string]string{
		`{}`:                                              "bad_argument",
		`{"cql":" "}`:                                     "bad_argument",
		`{"cql":"type = page","limit":0}`:                 "bad_argument",
		`{"cql":"type = page","limit":26}`:                "bad_argument",
		`{"cql":"type = page","start":1}`:                 "bad_argument",
		`{"cql":"type = page","cursor":"x"}`:              "bad_argument",
		`{"cql":"type = page","expand":"x"}`:              "bad_argument",
		`{"cql":"` + strings.Repeat("x", maxCQL+1) + `"}`: "bad_argument",
		`{"cql":"type ="}`:                                "bad_query",
		`{"cql":"space = SEC"}`:                           "bad_query",
		`{"cql":"type = page"}`:                           "done",
	} {
		h.want(h.do("page.search", args), want)
	}
}

func TestSearchRefusedByTheSite(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	e := h.search(`text ~ "*alpha"`) // the dialect takes it, the site does not
	h.want(e, "bad_query")
	if strings.Contains(e.why, "alpha") || e.result.Outcome.Used["pages"] != 0 {
		t.Errorf("got %s, %+v", e.why, e.result.Outcome)
	}
}

// indexed is the read credential's client, but the search interface finds these ids whatever it is asked.
func (h *house) indexed(ids []string) *atlassian.Client {
	h.t.Helper()
	return connectOver(h.t, h.c.read.BaseURL(), "reader", "r-token", roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path != "/wiki/rest/api/search" {
			return http.DefaultTransport.RoundTrip(r)
		}
		hits := []map[string]any{{"title": "a user", "user": map[string]any{}}, {"content": nil}}
		for _, id := range ids {
			hits = append(hits, map[string]any{
				"content": map[string]any{"id": id, "type": "page"}, "excerpt": "leaked", "lastModified": "2020-01-01T00:00:00.000Z", "title": "leaked",
			})
		}
		hits = append(hits, map[string]any{"content": map[string]any{"id": h.rollback, "type": "comment"}, "excerpt": "leaked"})
		b, err := json.Marshal(map[string]any{"results": hits, "totalSize": len(hits)})
		return &http.Response{
			StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(b))),
		}, err
	}))
}
