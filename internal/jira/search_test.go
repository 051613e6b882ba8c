// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/query"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/google/go-cmp/cmp"
)

func keysOf(t *testing.T, result *gate.Result) []string {
	t.Helper()
	keys := []string{}
	for _, v := range decoded[found](t, result.Body).Issues {
		keys = append(keys, v.Key)
	}
	slices.Sort(keys)
	return keys
}

func TestSearch(t *testing.T) {
	h := newHouse(t)
	tests := []struct {
		args string
		want []string
		more bool
	}{
		{`{"jql":""}`, []string{"ENG-1", "ENG-2", "PLAT-1"}, false},
		{`{"jql":"text ~ pager"}`, []string{"ENG-1", "PLAT-1"}, false},
		{`{"jql":"project = ENG AND status = Done"}`, []string{"ENG-2"}, false},
		{`{"jql":"key in (ENG-1, PLAT-1)"}`, []string{"ENG-1", "PLAT-1"}, false},
		{`{"jql":"ORDER BY created DESC","limit":1}`, []string{"PLAT-1"}, true},
		{`{"jql":"labels = nothing"}`, []string{}, false},
	}
	for _, test := range tests {
		call, result, err := h.do("issue.search", test.args, nil)
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		if diff := cmp.Diff(test.want, keysOf(t, result)); diff != "" {
			t.Errorf("%s: %s", test.args, diff)
		}
		if got := decoded[found](t, result.Body); got.More != test.more || !got.Untrusted {
			t.Errorf("%s: more is %t, untrusted %t", test.args, got.More, got.Untrusted)
		}
		want := &policy.Call{
			Tool: "jira", Action: "issue.search", Class: policy.Search, Mode: "official_api", Credential: "read", Site: h.c.site,
			Resources: []policy.Resource{
				{Type: "project", ID: h.eng, Path: []policy.Place{{ID: h.eng, Name: "ENG"}}},
				{Type: "project", ID: h.plat, Path: []policy.Place{{ID: h.plat, Name: "PLAT"}}},
			},
			Filters: []string{"project"},
			Reads:   []string{"issuetype", "labels", "priority", "status", "summary", "updated"},
		}
		if diff := cmp.Diff(want, call); diff != "" {
			t.Errorf("%s: %s", test.args, diff)
		}
		if o := result.Outcome; o.Status != receipt.Done || o.Code != "200" || o.Actor != h.reader {
			t.Errorf("%s: outcome %+v", test.args, o)
		}
	}
}

// TestSearchEscapes sends queries that would leave the projects if they were
// wrapped in text. Each is refused or finds nothing outside.
func TestSearchEscapes(t *testing.T) {
	h := newHouse(t)
	var sent []string
	h.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/search/jql") {
			sent = append(sent, decoded[struct {
				JQL string `json:"jql"`
			}](t, []byte(bodyOf(t, r))).JQL)
		}
		return false
	})
	for _, jql := range []string{
		`status = "To Do" OR project = SECRET`,
		`status = Open) OR (project = SECRET) OR (status = Open`,
		`x = 1) OR (project = SECRET ORDER BY created`,
		`project = SECRET`, `project in (ENG, SECRET)`, `project != ENG`, `project = "Secret plans"`, `project = ` + h.secret,
		`not project = ENG`, `summary ~ "pager" OR summary ~ company`, `summary ~ "\") OR project = SECRET OR (summary ~ \"x"`,
		`key = SECRET-1`, `issue in (SECRET-1)`, `parent = SECRET-1`, `id = ` + h.epic, `"Epic Link" = SECRET-2`,
		`issue in linkedIssues("SECRET-1")`, `filter = 10000`, `issueFunction in issuesInEpics("x")`, `project was SECRET`,
		`assignee in membersOf("board")`, `issue.property[a].b = 1`, "status = Open\u00a0OR project = SECRET",
		`cf[10001] = 1`, `text ~ "x" order by project, key) OR (1`, `order by created, (`, `comment ~ "secret"`, `;`, `/* */ project = SECRET`,
		`order by created, updated, status, priority, summary, key, labels, assignee`, `project = EMPTY`, `project is EMPTY OR project is not EMPTY`, "\x00", `status = ENG' OR 'a' = 'a`,
	} {
		args, err := json.Marshal(map[string]string{"jql": jql})
		if err != nil {
			t.Fatal(err)
		}
		_, result, err := h.do("issue.search", string(args), nil)
		if err != nil && code(err) != "bad_query" {
			t.Errorf("%q: %v", jql, err)
		}
		if err == nil && strings.Contains(string(result.Body), "SECRET") {
			t.Errorf("%q: found %s", jql, result.Body)
		}
	}
	bound := "project IN (" + h.eng + ", " + h.plat + ") AND level IS EMPTY"
	for _, jql := range sent {
		if rest, ok := strings.CutPrefix(jql, "("+bound+")"); jql != bound && (!ok || !strings.HasPrefix(rest, " AND ")) {
			t.Errorf("sent %q", jql)
		}
	}
	if len(sent) == 0 {
		t.Error("no query was sent at all")
	}
}

// TestSearchHoldsTheHits lets the site answer with what was not asked for.
func TestSearchHoldsTheHits(t *testing.T) {
	h := newHouse(t)
	h.once("POST", "/search/jql", reply(200, `{"isLast":true,"issues":[
		{"id":"1","key":"SECRET-1","fields":{"summary":"foreign","project":{"id":"`+h.secret+`","key":"SECRET"}}},
		{"id":"2","key":"ENG-7","fields":{"summary":"foreign under our key","project":{"id":"`+h.secret+`","key":"ENG"}}},
		{"id":"3","key":"ENG-8","fields":{"summary":"of no project"}},
		{"id":"4","key":"ENG-9","fields":{"summary":"ours","project":{"id":"`+h.eng+`","key":"ENG"},"assignee":{"accountId":"a","displayName":"A"}}}]}`))
	_, result, err := h.do("issue.search", `{"jql":""}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := decoded[found](t, result.Body)
	if len(got.Issues) != 1 || got.Issues[0].Summary != "ours" || got.Issues[0].Assignee != nil {
		t.Errorf("found %s", result.Body)
	}
	if result.Outcome.Code != "filtered" || result.Outcome.Status != receipt.Done {
		t.Errorf("outcome %+v", result.Outcome)
	}
}

// TestSearchErrorsTellNothing keeps Jira's words about what exists from the agent.
func TestSearchErrorsTellNothing(t *testing.T) {
	h := newHouse(t)
	h.once("POST", "/search/jql", reply(400, `{"errorMessages":["The value 'X' of SECRET does not exist."],"errors":{}}`))
	_, result, err := h.do("issue.search", `{"jql":"status = X"}`, nil)
	if code(err) != "bad_query" || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("got %v", err)
	}
	if o := result.Outcome; o.Status != receipt.Failed || o.Code != "bad_query" {
		t.Errorf("outcome %+v", o)
	}
}

func TestSearchBounds(t *testing.T) {
	h := newHouse(t)
	plan := func(bounds ...policy.Bound) error {
		_, err := h.c.Plan(t.Context(), "issue.search", []byte(`{"jql":""}`), bounds)
		return err
	}
	eng := policy.Bound{Name: policy.Name{Tool: "jira", Kind: "project", Name: "ENG"}, Site: h.c.site, ID: h.eng}
	if err := plan(eng); err != nil {
		t.Errorf("one project: %v", err)
	}
	elsewhere, space, nothing := eng, eng, eng
	elsewhere.Site = "https://other.example"
	space.Tool, space.Kind = "confluence", "space"
	nothing.ID = ""
	for _, b := range []policy.Bound{elsewhere, space, nothing} {
		if err := plan(b); code(err) != "outside" {
			t.Errorf("bound %+v: %v", b, err)
		}
	}
	if err := plan(); code(err) != "outside" {
		t.Errorf("no bound: %v", err)
	}
	many := make([]policy.Bound, maxProjects+1)
	for i := range many {
		many[i] = eng
	}
	if err := plan(many...); code(err) != "outside" {
		t.Errorf("%d bounds: %v", len(many), err)
	}
}

// FuzzBound checks that whatever the text is, the query that is sent begins with
// the bound, and the rest stands in parentheses that it cannot close.
func FuzzBound(f *testing.F) {
	for _, s := range []string{"", "status = a", "a = 1) OR (b = 2", `summary ~ "x ORDER BY y"`, "order by created", `status = a OR status = b`, `key = ENG-1`, `"Story Points" > 3 OR goal ~ x`, `cf[10016] = 1) OR (cf[10017] ~ x`} {
		f.Add(s)
	}
	areas := []area{{project: &project{ID: "10001", Key: "ENG"}}, {project: &project{ID: "10002", Key: "PLAT"}}}
	for _, secured := range []bool{false, true} {
		if s := (&search{areas: areas, secured: secured}); strings.Contains(s.head(), "level") == secured {
			f.Errorf("the bound is %s", s.head())
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, secured := range []bool{false, true} {
			checkSent(t, text, &search{areas: areas, secured: secured}, &readable{})
		}
	})
}

// head is the bound as it is written.
func (s *search) head() string { return (&query.Query{Where: s.within()}).String() }

// checkSent returns what is sent after the bound: nothing, an order, or what stands
// in parentheses that it cannot close.
func checkSent(t *testing.T, text string, s *search, r *readable) (rest string) {
	t.Helper()
	jql, err := s.bound(text, r, someFields)
	if err != nil {
		if code(err) != "bad_query" {
			t.Fatalf("%q: %v is no bad_query", text, err)
		}
		return ""
	}
	rest, alone := strings.CutPrefix(jql, s.head())
	alone = alone && (rest == "" || strings.HasPrefix(rest, " ORDER BY "))
	before := "(" + s.head() + ") AND "
	if _, one := s.within().(query.Clause); one {
		before = s.head() + " AND "
	}
	joined, ok := strings.CutPrefix(jql, before)
	if !alone {
		rest = joined
	}
	if !alone && !ok || strings.Contains(strip(rest), " OR ") {
		t.Fatalf("%q: sent %q, which is open", text, jql)
	}
	return rest
}

// FuzzNarrowBound checks the same where the policy lists issue types and fields
// to be read: whatever the text is, no other field is asked about.
func FuzzNarrowBound(f *testing.F) {
	for _, s := range []string{
		"", "status = a", "priority = High", "summary ~ x OR text ~ y", `order by status, "priority"`, "type = Task", "issuetype = 7 AND NOT due < now()", `cf[10016] = 1 OR "Story Points" = 2 ORDER BY goal`,
	} {
		f.Add(s)
	}
	areas := []area{
		{project: &project{ID: "10001", Key: "ENG"}, types: []issueType{{ID: "7", Name: "Task"}}},
		{project: &project{ID: "10002", Key: "PLAT"}, types: []issueType{{ID: "7", Name: "Task"}, {ID: "8", Name: "Bug"}}},
	}
	r := readable{allowed: []string{"summary", "status", "issuetype"}}
	const head = "((project IN (10001) AND issuetype IN (7)) OR (project IN (10002) AND issuetype IN (7, 8))) AND level IS EMPTY"
	in := &search{areas: areas, byType: true}
	if in.head() != head {
		f.Errorf("the bound is %s", in.head())
	}
	quoted := regexp.MustCompile(`"(\\.|[^"\\])*"`)
	f.Fuzz(func(t *testing.T, text string) {
		rest := checkSent(t, text, in, &r)
		for word := range strings.FieldsFuncSeq(quoted.ReplaceAllString(rest, `""`), func(c rune) bool { return c < 'A' }) {
			_, clause := query.JQL().Fields[word]
			clause = clause || strings.HasPrefix(word, "cf")
			if clause && !slices.Contains([]string{"summary", "status", "statuscategory", "issuetype", "project", "key"}, word) {
				t.Fatalf("%q: sent %q, which asks about %s", text, rest, word)
			}
		}
	})
}

// strip removes strings and what is in parentheses.
func strip(s string) string {
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case quoted && ch == '\\':
			i++
		case ch == '"':
			quoted = !quoted
		case quoted:
		case ch == '(':
			depth++
		case ch == ')':
			depth--
		case depth == 0:
			b.WriteByte(ch)
		}
	}
	return b.String()
}

func TestBoundRefusesManySortKeys(t *testing.T) {
	s := &search{areas: []area{{project: &project{ID: "1", Key: "ENG"}}}}
	if _, err := s.bound("order by created, updated, status, priority, summary, key, labels", &readable{}, someFields); err != nil {
		t.Errorf("7 keys: %v", err)
	}
	if _, err := s.bound("order by created, updated, status, priority, summary, key, labels, assignee", &readable{}, someFields); code(err) != "bad_query" {
		t.Errorf("8 keys: %v", err)
	}
}

func TestSearchCutsLongText(t *testing.T) {
	h := newHouse(t)
	h.site.AddIssue(sim.IssueSeed{Project: "ENG", Summary: "Endless", Description: strings.Repeat("word ", 3000)})
	_, result, err := h.do("issue.search", `{"jql":"summary ~ endless","fields":["description"]}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := decoded[found](t, result.Body).Issues
	if len(got) != 1 || len(got[0].Description) > maxHitText+100 || !strings.HasSuffix(got[0].Description, "[cut: the text is longer]") {
		t.Errorf("found %d issues with %d bytes", len(got), len(result.Body))
	}
}
