// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/query"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/google/go-cmp/cmp"
)

// hiding is the policy of most tests with fields that may not be read.
func hiding(fields string) string {
	return strings.Replace(testPolicy, `"fields_write_denylist"`, `"fields_read_denylist": `+fields+`, "fields_write_denylist"`, 1)
}

// asked collects the fields that the site is asked for, and whether comments are.
func (h *house) asked() map[string]bool {
	all := map[string]bool{}
	h.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/comment") {
			all[commentField] = true
		}
		list := strings.Split(r.URL.Query().Get("fields"), ",")
		if strings.HasSuffix(r.URL.Path, "/search/jql") {
			list = decoded[struct{ Fields []string }](h.t, []byte(bodyOf(h.t, r))).Fields
		}
		for _, f := range list {
			all[f] = true
		}
		delete(all, "")
		return false
	})
	return all
}

func TestReadableFields(t *testing.T) {
	const get, search = "issue.get", "issue.search"
	tests := []struct {
		name, policy, action, args string
		reads                      []string // nil: denied
		clause                     string
	}{
		{"some", allowing(`"fields_read_allowlist": ["summary", "status"]`), get, `{"issue_key":"ENG-1"}`, []string{"status", "summary"}, ""},
		{"with comments", allowing(`"fields_read_allowlist": ["summary", "comment"]`), get, `{"issue_key":"ENG-1"}`, []string{"comment", "summary"}, ""},
		{"comments only", allowing(`"fields_read_allowlist": ["comment"]`), get, `{"issue_key":"ENG-1"}`, []string{"comment"}, ""},
		{"no comments wanted", allowing(`"fields_read_allowlist": ["summary", "comment"]`), get, `{"issue_key":"ENG-1","comments":0}`, []string{"summary"}, ""},
		{"comments asked for", allowing(`"fields_read_allowlist": ["summary"]`), get, `{"issue_key":"ENG-1","comments":3}`, nil, "/allow/fields_read_allowlist"},
		{"comments hidden", hiding(`["Comment"]`), get, `{"issue_key":"ENG-1","comments":3}`, nil, "/deny/fields_read_denylist"},
		{"in another case", allowing(`"fields_read_allowlist": ["Summary", "status"]`), get, `{"issue_key":"ENG-1"}`, []string{"status"}, ""},
		{"nothing that is shown", allowing(`"fields_read_allowlist": ["customfield_10016"]`), get, `{"issue_key":"ENG-1"}`, nil, "/allow/fields_read_allowlist"},
		{"nothing at all", allowing(`"fields_read_allowlist": []`), get, `{"issue_key":"ENG-1"}`, nil, "/allow/fields_read_allowlist"},
		{"hidden", hiding(`["DESCRIPTION", "comment", "assignee", "reporter"]`), get, `{"issue_key":"ENG-1"}`,
			[]string{"components", "created", "duedate", "issuetype", "labels", "priority", "resolution", "status", "summary", "updated"}, ""},
		{"search by default", allowing(`"fields_read_allowlist": ["summary", "description"]`), search, `{"jql":""}`, []string{"summary"}, ""},
		{"search, no usual field", allowing(`"fields_read_allowlist": ["description", "duedate"]`), search, `{"jql":""}`, []string{"description", "duedate"}, ""},
		{"search for more", allowing(`"fields_read_allowlist": ["summary"]`), search, `{"jql":"","fields":["summary","description"]}`, nil, "/allow/fields_read_allowlist"},
		{"search for what is hidden", hiding(`["description"]`), search, `{"jql":"","fields":["description"]}`, nil, "/deny/fields_read_denylist"},
		{"search for what is permitted", hiding(`["summary"]`), search, `{"jql":"","fields":["description"]}`, []string{"description"}, ""},
		{"search with nothing", allowing(`"fields_read_allowlist": []`), search, `{"jql":""}`, nil, "/allow/fields_read_allowlist"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			h.site.AddComment("ENG-1", sim.CommentSeed{Body: "a word"})
			h.policy = h.publish(test.policy)
			asked := h.asked()
			call, result, err := h.do(test.action, test.args, nil)
			if test.reads == nil {
				if code(err) != "denied" || !strings.Contains(err.Error(), test.clause) {
					t.Errorf("got %v, want a denial by %s", err, test.clause)
				}
			} else if err != nil {
				t.Fatal(err)
			} else if diff := cmp.Diff(test.reads, call.Reads); diff != "" {
				t.Error(diff)
			}
			for f := range asked {
				if !slices.Contains(standing(), f) && !slices.Contains(test.reads, f) {
					t.Errorf("the site was asked for %s", f)
				}
			}
			if result != nil {
				checkShown(t, result.Body, test.reads)
			}
		})
	}
}

// checkShown looks for members of issues in a result that are not among the fields.
func checkShown(t *testing.T, body []byte, fields []string) {
	t.Helper()
	type members = map[string]json.RawMessage
	got := decoded[struct {
		Issue    members
		Issues   []members
		Comments []json.RawMessage
		Source   members
	}](t, body)
	for name, field := range map[string]string{"author": "reporter", "at": "updated"} {
		if got.Source[name] != nil && !slices.Contains(fields, field) {
			t.Errorf("the source tells of %s: %s", field, body)
		}
	}
	if len(got.Comments) > 0 && !slices.Contains(fields, commentField) {
		t.Errorf("comments are shown: %s", body)
	}
	for _, is := range append(got.Issues, got.Issue) {
		for name := range is {
			if !slices.Contains([]string{"id", "key", "project", "url", "version"}, name) && !slices.Contains(fields, name) {
				t.Errorf("%s is shown: %s", name, body)
			}
		}
	}
}

// TestReadsTellTheTruth compares what calls say they show with what agents get, without a word of the policy on it.
func TestReadsTellTheTruth(t *testing.T) {
	h := newHouse(t)
	h.site.AddComment("ENG-1", sim.CommentSeed{Body: "a word"})
	for _, test := range [][2]string{
		{"issue.get", `{"issue_key":"ENG-1"}`}, {"issue.get", `{"issue_key":"ENG-1","comments":0}`},
		{"issue.search", `{"jql":""}`}, {"issue.search", `{"jql":"","fields":["updated","summary","summary","assignee"]}`},
	} {
		if test[1] == `{"jql":"","fields":["updated","summary","summary","assignee"]}` {
			h.site.EditIssue("ENG-1", "", map[string]json.RawMessage{"assignee": json.RawMessage(`{"accountId":"` + h.reader + `"}`)})
		}
		call, result, err := h.do(test[0], test[1], nil)
		if err != nil || !slices.IsSorted(call.Reads) || len(slices.Compact(slices.Clone(call.Reads))) != len(call.Reads) {
			t.Errorf("%v: %v, %v", test, call, err)
			continue
		}
		checkShown(t, result.Body, call.Reads)
	}
	for _, test := range [][2]string{
		{"issue.create", `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`}, {"issue.comment.create", `{"issue_key":"ENG-1","body":"x"}`},
	} {
		if call, _, err := h.do(test[0], test[1], nil); err != nil || call.Reads != nil {
			t.Errorf("%v: %v, %v", test, call, err)
		}
	}
}

// TestMoreThanAsked lets the site tell more than it was asked for.
func TestMoreThanAsked(t *testing.T) {
	h := newHouse(t)
	h.policy = h.publish(allowing(`"fields_read_allowlist": ["status"]`))
	kind := h.site.IssueTypeID("ENG", "Task")
	is, _ := h.site.Issue("ENG-1")
	full := `{"id":"` + is.ID + `","key":"ENG-1","fields":{"project":{"id":"` + h.eng + `","key":"ENG"},"issuetype":{"id":"` + kind + `","name":"Task"},"updated":"x",
		"summary":"Layoffs","description":"At noon","labels":["x"],"components":[{"name":"c"}],"assignee":{"accountId":"a","displayName":"A"},
		"priority":{"name":"High"},"status":{"name":"Done"},"created":"y","duedate":"z","comment":{"comments":[]}}}`
	h.once("POST", "/search/jql", reply(200, `{"isLast":true,"issues":[`+full+`]}`))
	_, result, err := h.do("issue.search", `{"jql":""}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkShown(t, result.Body, []string{"status"})
	h.once("GET", "/issue/"+is.ID, reply(200, full))
	if _, result, err = h.do("issue.get", `{"issue_key":"ENG-1"}`, nil); err != nil {
		t.Fatal(err)
	}
	checkShown(t, result.Body, []string{"status"})
	if !strings.Contains(string(result.Body), "Done") {
		t.Errorf("the status is not shown: %s", result.Body)
	}
}

// TestQueriesTellNothingHidden asks about fields that may not be read: whether
// an issue is found, and in which order, would answer.
func TestQueriesTellNothingHidden(t *testing.T) {
	h := newHouse(t)
	points := h.site.AddField("Story Points", sim.NumberField)
	h.site.AddField("status", sim.TextField)
	number := strings.TrimPrefix(points, "customfield_")
	some := h.publish(allowing(`"fields_read_allowlist": ["summary", "status", "duedate"]`))
	hidden := h.publish(hiding(`["Priority", "DueDate", "statusCategory", "components", "customfield_1"]`))
	sent := 0
	h.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/search/jql") {
			sent++
		}
		return false
	})
	refused := map[*policy.Policy][]string{
		some: {
			`priority = High`, `PRIORITY = High`, `"priority" = High`, `NOT priority = High`, `priority is EMPTY`, `priority != High AND status = Done`,
			`status = Done OR (summary ~ x AND labels = ops)`, `assignee = currentUser()`, `assignee is EMPTY`, `reporter is not EMPTY`, `creator = currentUser()`,
			`description ~ night`, `text ~ night`, `textfields ~ night`, `comment ~ word`, `environment ~ x`, `component = api`, `resolution = done`,
			`resolved > -7d`, `resolutiondate > -7d`, `created > -7d`, `createdDate > -7d`, `updated > -7d`, `updatedDate > -7d`, `issuetype = Bug`, `type = Bug`,
			`ORDER BY priority`, `ORDER BY status, priority DESC`, `status = Done ORDER BY created`, `ORDER BY "updated"`, `ORDER BY updatedDate`, `ORDER BY type`,
			`"Story Points" > 3`, `cf[` + number + `] > 3`, points + ` > 3`, `ORDER BY cf[` + number + `]`, `ORDER BY "Story Points"`,
		},
		hidden: {
			`priority = High`, `due < now()`, `duedate is EMPTY`, `DueDate < now()`, `statusCategory = Done`, `component = api`,
			`ORDER BY priority`, `ORDER BY due`, `ORDER BY duedate`, `ORDER BY component`, `cf[1] = 2`,
		},
	}
	taken := map[*policy.Policy][]string{
		some:   {``, `status = Done`, `statusCategory = Done`, `summary ~ pager`, `due < now()`, `duedate is EMPTY`, `project = ENG`, `key = ENG-1`, `ORDER BY duedate, status, key`},
		hidden: {`status = Done`, `assignee is EMPTY`, `description ~ night`, `text ~ x`, `labels = ops`, `ORDER BY updated`},
	}
	try := func(jql string) error {
		args, err := json.Marshal(map[string]string{"jql": jql})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = h.do("issue.search", string(args), nil)
		return err
	}
	for _, p := range []*policy.Policy{some, hidden} {
		h.policy, sent = p, 0
		for _, jql := range refused[p] {
			if err := try(jql); code(err) != "bad_query" {
				t.Errorf("%q: got %v, want bad_query", jql, err)
			}
		}
		if sent != 0 {
			t.Errorf("%d queries were sent", sent)
		}
		for _, jql := range taken[p] {
			if err := try(jql); err != nil {
				t.Errorf("%q: %v", jql, err)
			}
		}
	}
	h.policy = some
	if err := try(`priority = High`); err == nil || !strings.Contains(err.Error(), "The policy does not let this field be read.") {
		t.Errorf("the error does not say why: %v", err)
	}
}

// TestAliases asks for fields by other names than their ids: what a field is
// called is for people, and must not open it.
func TestAliases(t *testing.T) {
	h := newHouse(t)
	custom := h.site.AddField("summary", sim.TextField)
	h.policy = h.publish(allowing(`"fields_read_allowlist": ["summary", "status", "` + custom + `"]`))
	asked := h.asked()
	for _, f := range []string{
		"Summary", " summary", "Description", "DESCRIPTION", "*all", "*navigable", "-status", "summary,description", custom,
		"cf[" + strings.TrimPrefix(custom, "customfield_") + "]", "Due date", "due", "renderedFields", "security", "parent", "comment", "",
	} {
		args, err := json.Marshal(map[string]any{"jql": "", "fields": []string{f}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.do("issue.search", string(args), nil); code(err) != "bad_argument" {
			t.Errorf("%q: got %v, want bad_argument", f, err)
		}
	}
	if len(asked) != 0 {
		t.Errorf("the site was asked for %v", slices.Sorted(maps.Keys(asked)))
	}
}

// TestEveryClauseIsOfAField holds fieldsOf to the dialect: a clause that came to
// be allowed without a word here would be an open question about its field.
func TestEveryClauseIsOfAField(t *testing.T) {
	everything := query.JQL().Fields
	nothing := (&readable{allowed: []string{"none"}}).narrow(query.JQL()).Fields
	if diff := cmp.Diff([]string{"key", "project"}, slices.Sorted(maps.Keys(nothing))); diff != "" {
		t.Errorf("with nothing to be read: %s", diff)
	}
	known := append(shownFields(), "creator", "resolutiondate", "statusCategory")
	for clause := range everything {
		for _, id := range fieldsOf(clause) {
			if clause != "text" && !slices.Contains(known, id) {
				t.Errorf("the clause %s is of a field %s, which Jira does not have", clause, id)
			}
		}
	}
	if silent := (&readable{}).narrow(query.JQL()).Fields; len(silent) != len(everything) {
		t.Errorf("a policy without a word on it leaves %d of %d clauses", len(silent), len(everything))
	}
}
