// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// labelPolicy allows pages of ENG that carry one of two labels.
const labelPolicy = `{
  "wpc_version": "1", "tool": "confluence",
  "resources": {"spaces_allowlist": ["ENG"], "page_labels_allowlist": ["agents", "public"]},
  "actions": {"read": {"allowed": true}, "search": {"allowed": true, "query_filters_required": ["space"]}, "write": {"allowed": true}}
}`

// newLabelledHouse labels Deploy and Rollback, and Incident in the space that is not allowed.
func newLabelledHouse(t *testing.T, wpc string) *house {
	t.Helper()
	h := newHouse(t, wpc, nil)
	h.site.AddLabel(h.deploy, "global", "public")
	h.site.AddLabel(h.deploy, "global", "internal")
	h.site.AddLabel(h.rollback, "global", "agents")
	h.site.AddLabel(h.secret, "global", "public")
	h.site.AddLabel(h.hr, "global", "confidential")
	return h
}

func TestLabels(t *testing.T) {
	h := newLabelledHouse(t, labelPolicy)
	plan, err := h.c.Plan(t.Context(), "page.get", []byte(args(`{"page_id":%q}`, h.deploy)), h.policy.Bounds("confluence"))
	if err != nil {
		t.Fatal(err)
	}
	if got := plan.Call.Resources[0].Labels; !slices.Equal(got, []string{"internal", "public"}) {
		t.Errorf("the call has labels %q, want all of the page's", got)
	}
	e := h.get(h.deploy)
	h.want(e, "done")
	if got := e.call.Resources[0].Labels; !slices.Equal(got, []string{"public"}) {
		t.Errorf("the recorded call has labels %q, want those of the policy", got)
	}
	mine := func(id, prefix, label string) string { h.site.AddLabel(id, prefix, label); return id }
	for _, test := range []struct{ name, page, want string }{
		{"the other label", h.rollback, "done"},
		{"another label", h.hr, "denied"},
		{"no label", h.runbooks, "denied"},
		{"labelled, in another space", h.secret, "denied"},
		{"a person's own label", mine(h.runbooks2, "my", "public"), "denied"},
		{"a team's label", mine(h.runbooks2, "team", "agents"), "denied"},
		{"a label that begins alike", mine(h.runbooks2, "global", "public-2"), "denied"},
	} {
		e := h.get(test.page)
		if h.want(e, test.want); test.want == "denied" && !strings.Contains(e.why, "/resources/") {
			t.Errorf("%s: the reason is %q", test.name, e.why)
		}
	}
	mark := len(h.site.Requests())
	h.want(h.update(h.hr, 1, ""), "denied")
	h.want(h.update(h.deploy, 1, "<p>x</p>"), "done")
	h.want(h.create(h.hr, "Below"), "denied")
	h.want(h.create(h.deploy, "Below"), "done") // the parent's labels count
	writes := 0
	for _, r := range h.site.Requests()[mark:] {
		if r.Method != http.MethodGet {
			writes++
		}
	}
	if writes != 3 { // the new page's mark is one
		t.Errorf("the site was sent %d writes, want 3", writes)
	}
}

// TestLabelsAreNotAskedForInVain has a policy without labels ask for none.
func TestLabelsAreNotAskedForInVain(t *testing.T) {
	h := newLabelledHouse(t, prefixPolicy)
	h.want(h.get(h.deploy), "done")
	h.want(h.update(h.deploy, 1, ""), "done")
	e := h.search(`text ~ "alpha"`)
	h.want(e, "done")
	if e.call.Resources[0].Labels != nil || !slices.Equal(e.call.Filters, []string{"space"}) {
		t.Errorf("call %+v", e.call)
	}
	for _, r := range h.site.Requests() {
		if strings.HasSuffix(r.Path, "/labels") || strings.Contains(r.Query.Get("cql"), "label") {
			t.Errorf("the site was sent %s?%s", r.Path, r.Query.Encode())
		}
	}
}

// TestLabelRemovedMeanwhile has a person take the label off between plan and act.
func TestLabelRemovedMeanwhile(t *testing.T) {
	get := func(h *house, f func()) *end { return h.do("page.get", args(`{"page_id":%q}`, h.deploy), f) }
	update := func(h *house, f func()) *end { return h.update(h.deploy, 1, "<p>x</p>", f) }
	create := func(h *house, f func()) *end { return h.create(h.deploy, "New", f) }
	for name, do := range map[string]func(*house, func()) *end{"get": get, "update": update, "create": create} {
		h := newLabelledHouse(t, labelPolicy)
		mark := len(h.site.Requests())
		e := do(h, func() { h.site.RemoveLabel(h.deploy, "public") })
		if e.String() != "conflict" || e.result.Outcome.Status != receipt.Failed || e.result.Body != nil || e.result.Outcome.Used["pages"] != 0 {
			t.Errorf("%s: got %s with %+v", name, e, e.result)
		}
		h.quiet(mark)
		h.want(do(h, func() {}), "denied") // asked again
		h.site.AddLabel(h.deploy, "global", "public")
		// Another label of the policy will do.
		h.want(do(h, func() { h.site.RemoveLabel(h.deploy, "public"); h.site.AddLabel(h.deploy, "global", "agents") }), "done")
	}
}

// TestLabelRemovedWithTheBody has the label go, and a secret come, while the body is being read.
func TestLabelRemovedWithTheBody(t *testing.T) {
	h := newLabelledHouse(t, labelPolicy)
	h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
		if r.URL.Query().Get("body-format") != "" {
			h.site.RemoveLabel(h.deploy, "public")
		}
		return body, 0
	})
	h.want(h.get(h.deploy), "conflict")
}

func TestLabelsThatCannotBeTold(t *testing.T) {
	many := `{"results":[` + strings.Repeat(`{"id":"1","name":"x","prefix":"global"},`, maxLabels-1) + `{"id":"1","name":"public","prefix":"global"}]}`
	for _, test := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"too many", many, 0, "outside"},
		{"not there", `{}`, 404, "not_found"},
		{"forbidden", `{}`, 403, "forbidden"},
		{"nonsense", `<html>`, 0, "upstream"},
		{"without a prefix", `{"results":[{"name":"public"}]}`, 0, "denied"},
		{"of a person", `{"results":[{"name":"public","prefix":"my"}]}`, 0, "denied"},
		{"without a name", `{"results":[{"prefix":"global"}]}`, 0, "denied"},
		{"as it should be", `{"results":[{"name":"public","prefix":"global"}]}`, 0, "done"},
	} {
		h := newLabelledHouse(t, labelPolicy)
		h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
			if strings.HasSuffix(r.URL.Path, "/labels") {
				return test.body, test.status
			}
			return body, 0
		})
		e := h.get(h.deploy)
		if e.String() != test.want {
			t.Errorf("%s: got %s (%s), want %s", test.name, e, e.why, test.want)
		}
	}
}

func TestSearchByLabels(t *testing.T) {
	h := newLabelledHouse(t, labelPolicy)
	h.site.AddLabel(h.runbooks2, "my", "public") // the simulated index finds it; a real one may as well
	e := h.search(`text ~ "alpha"`)
	h.want(e, "done")
	want := []string{h.deploy, h.rollback}
	slices.Sort(want)
	if got := h.hits(e); !slices.Equal(got, want) || e.result.Outcome.Code != "filtered" || e.result.Outcome.Used["pages"] != 2 {
		t.Errorf("got %v with %+v, want %v", got, e.result.Outcome, want)
	}
	if !slices.Equal(e.call.Filters, []string{"space", "label"}) {
		t.Errorf("filters %v", e.call.Filters)
	}
	cql := `(space IN ("ENG") AND type IN ("page") AND label IN ("agents", "public")) AND text ~ "alpha"`
	if got := h.sent("/wiki/rest/api/search").Query.Get("cql"); got != cql {
		t.Errorf("sent %s\nwant %s", got, cql)
	}
	for _, text := range []string{
		`label != "public"`,
		`label NOT IN ("public", "agents")`,
		`label = "confidential"`,
		`NOT (label = "public")`,
		`label = "confidential" OR label = "public"`,
		`text ~ "alpha") OR (label = "confidential"`,
		`NOT (label IN ("agents", "public")) OR NOT (type = page)`,
	} {
		e := h.search(text)
		if e.String() == "bad_query" {
			continue
		}
		h.want(e, "done")
		for _, id := range h.hits(e) {
			if !slices.Contains(want, id) {
				t.Errorf("%s: shows %s", text, id)
			}
		}
	}
	e = h.search(`text ~ "alpha"`, func() { h.site.RemoveLabel(h.deploy, "public") })
	if got := h.hits(e); !slices.Equal(got, []string{h.rollback}) {
		t.Errorf("a label removed meanwhile: got %v, want %s", got, h.rollback)
	}
}

// TestSearchDoesNotBelieveTheIndexAboutLabels has an index that still knows labels that are gone.
func TestSearchDoesNotBelieveTheIndexAboutLabels(t *testing.T) {
	h := newLabelledHouse(t, labelPolicy)
	h.c.read = h.indexed([]string{h.deploy, h.rollback, h.hr, h.runbooks, h.secret})
	e := h.search(`text ~ "alpha"`)
	h.want(e, "done")
	want := []string{h.deploy, h.rollback}
	slices.Sort(want)
	if got := h.hits(e); !slices.Equal(got, want) || e.result.Outcome.Code != "filtered" {
		t.Errorf("got %v with %+v, want %v", got, e.result.Outcome, want)
	}
	indexed := h.c.read
	for status, want := range map[int]string{404: "done", 403: "forbidden"} { // one page that is gone, or a site in trouble
		h.c.read = connectOver(t, indexed.BaseURL(), "reader", "r-token", roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/labels") {
				return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: http.NoBody}, nil
			}
			return http.DefaultTransport.RoundTrip(r)
		}))
		e := h.search(`text ~ "alpha"`)
		if h.want(e, want); e.String() == "done" && len(h.hits(e)) != 0 {
			t.Errorf("status %d: got %v", status, h.hits(e))
		}
	}
}

// TestLabelsAndDenied has all the bounds at once.
func TestLabelsAndDenied(t *testing.T) {
	h := newLabelledHouse(t, strings.Replace(labelPolicy, `"page_labels_allowlist"`,
		`"page_prefix_allowlist": ["ENG/Runbooks/"], "spaces_denylist": ["SEC"], "page_prefix_denylist": ["ENG/Runbooks/Deploy/"], "page_labels_allowlist"`, 1))
	h.want(h.get(h.deploy), "denied")
	h.want(h.get(h.rollback), "done")
	e := h.search(`text ~ "alpha"`)
	h.want(e, "done")
	if got := h.hits(e); !slices.Equal(got, []string{h.rollback}) || e.result.Outcome.Code != "200" {
		t.Errorf("got %v with %+v", got, e.result.Outcome)
	}
	want := fmt.Sprintf(`(space IN ("ENG") AND (ancestor IN (%s) OR id IN (%[1]s)) AND type IN ("page") AND label IN ("agents", "public")`+
		` AND space NOT IN ("SEC") AND ancestor NOT IN (%s) AND id NOT IN (%[2]s)) AND text ~ "alpha"`, h.runbooks, h.deploy)
	if got := h.sent("/wiki/rest/api/search").Query.Get("cql"); got != want {
		t.Errorf("sent %s\nwant %s", got, want)
	}
	if !slices.Equal(e.call.Filters, []string{"space", "label", "denied"}) {
		t.Errorf("filters %v", e.call.Filters)
	}
}

// TestPageBudget counts a job's pages as the gate does: what a call reserves, less what it did not use.
func TestPageBudget(t *testing.T) {
	h := newHouse(t, strings.Replace(prefixPolicy, `"max_pages_per_job": 50`, `"max_pages_per_job": 5`, 1), nil)
	used := 0
	spend := func(action, args, want string) {
		t.Helper()
		plan, err := h.c.Plan(t.Context(), action, []byte(args), h.policy.Bounds("confluence"))
		if err != nil {
			t.Fatal(err)
		}
		n, declared := plan.Call.Uses["pages"]
		if !declared || n < 1 {
			t.Errorf("%s %s: uses %v", action, args, plan.Call.Uses)
		}
		d := h.policy.Decide(h.policy.Minimal(plan.Call), &policy.Facts{Used: map[string]int{"pages": used}})
		if d.Effect.String() != want {
			t.Errorf("%s %s with %d used: %v %v, want %s", action, args, used, d.Effect, d.Reasons, want)
		}
		if d.Effect != policy.Allow {
			return
		}
		result, err := plan.Act(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if u, told := result.Outcome.Used["pages"]; told {
			n = u
		}
		used += n
	}
	get := args(`{"page_id":%q}`, h.deploy)
	spend("page.search", `{"cql":"type = page","limit":6}`, "deny") // one more than there is
	spend("page.search", `{"cql":"title = \"Deploy\"","limit":5}`, "allow")
	if used != 1 {
		t.Errorf("%d pages are used after one hit, want 1", used)
	}
	spend("page.search", `{"cql":"type = page","limit":5}`, "deny")
	spend("page.get", get, "allow")
	spend("page.search", `{"cql":"type = page"}`, "deny") // the default limit counts too
	spend("page.search", `{"cql":"type = page","limit":2}`, "allow")
	spend("page.get", get, "allow") // the fifth
	if used != 5 {
		t.Errorf("%d pages are used, want 5", used)
	}
	spend("page.get", get, "deny")
	spend("page.search", `{"cql":"type = page","limit":1}`, "deny")
}

// TestSearchUsesNoMoreThanItReserves has an index that answers with more than it was asked for.
func TestSearchUsesNoMoreThanItReserves(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	h.c.read = h.indexed([]string{h.deploy, h.rollback, h.runbooks})
	e := h.do("page.search", `{"cql":"type = page","limit":2}`)
	h.want(e, "done")
	if got := h.hits(e); len(got) != 2 || e.result.Outcome.Used["pages"] != 2 || e.call.Uses["pages"] != 2 {
		t.Errorf("got %v with %+v by %+v", got, e.result.Outcome, e.call)
	}
}
