// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/query"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/google/go-cmp/cmp"
)

// someFields are those of a small site, for tests without one.
func someFields() ([]field, error) {
	return []field{
		{ID: "summary", Name: "Summary", ClauseNames: []string{"summary"}},
		customField("10016", "Story Points", "float"), customField("10017", "Goal", "textfield"),
		customField("10018", "Severity", "select"), customField("10019", "severity", "select"),
		customField("10020", "Sprint", "sprint"),
	}, nil
}

func customField(number, name, kind string) field {
	f := field{ID: customPrefix + number, Name: name, ClauseNames: []string{"cf[" + number + "]", name}}
	f.Schema.Custom = "com.atlassian.jira.plugin.system.customfieldtypes:" + kind
	return f
}

// A customHouse is a house whose site has custom fields.
type customHouse struct {
	*house
	points, estimate, goal, notes string // ids of fields
	sent                          []string
	lists                         atomic.Int64 // how often the list of fields was read
}

func newCustomHouse(t *testing.T) *customHouse {
	h := &customHouse{house: newHouse(t)}
	h.points = h.site.AddField("Story Points", sim.NumberField)
	h.estimate = h.site.AddField("story points", sim.NumberField)
	h.goal = h.site.AddField("Goal", sim.TextField)
	h.notes = h.site.AddField("Environment", sim.ParagraphField)
	for key, values := range map[string][2]string{"ENG-1": {"5", `"less noise"`}, "ENG-2": {"3", `"more room"`}, "PLAT-1": {"8", `"less noise"`}, "SECRET-1": {"9", `"less noise"`}} {
		h.site.EditIssue(key, "", map[string]json.RawMessage{h.points: json.RawMessage(values[0]), h.goal: json.RawMessage(values[1])})
	}
	h.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/field"):
			h.lists.Add(1)
		case strings.HasSuffix(r.URL.Path, "/search/jql"):
			h.sent = append(h.sent, decoded[struct {
				JQL string `json:"jql"`
			}](t, []byte(bodyOf(t, r))).JQL)
		}
		return false
	})
	return h
}

// cf is a field's id as JQL writes it.
func cf(id string) string { return "cf[" + strings.TrimPrefix(id, customPrefix) + "]" }

// search is what a search by the query finds, in the site's order.
func (h *customHouse) search(jql string) ([]string, error) {
	args, err := json.Marshal(map[string]string{"jql": jql})
	if err != nil {
		h.t.Fatal(err)
	}
	_, result, err := h.do(actionSearch, string(args), nil)
	if err != nil {
		return nil, err
	}
	keys := []string{}
	for _, v := range decoded[found](h.t, result.Body).Issues {
		keys = append(keys, v.Key)
	}
	return keys, nil
}

func TestSearchCustomFields(t *testing.T) {
	h := newCustomHouse(t)
	h.policy = h.publish(allowing(`"fields_read_allowlist": ["summary", "status", "` + h.points + `", "` + h.goal + `"]`))
	for jql, want := range map[string][]string{
		cf(h.points) + ` > 3 ORDER BY key`:                                      {"ENG-1", "PLAT-1"},
		strings.ToUpper(cf(h.points)) + ` in (3, 9)`:                            {"ENG-2"},
		h.points + ` = 5`:                                                       {"ENG-1"},
		`"` + h.points + `" >= 0 ORDER BY ` + h.points + ` DESC`:                {"PLAT-1", "ENG-1", "ENG-2"},
		`goal ~ noise AND NOT ` + cf(h.points) + ` = 5`:                         {"PLAT-1"},
		`"Goal" is EMPTY`:                                                       {},
		`Goal ~ noise OR summary ~ disk ORDER BY ` + cf(h.points) + `, summary`: {"ENG-2", "ENG-1", "PLAT-1"},
	} {
		h.sent = nil
		got, err := h.search(jql)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", jql, err, diff)
		}
		for _, name := range []string{"goal", "customfield", "points"} {
			if len(h.sent) != 1 || strings.Contains(strings.ToLower(h.sent[0]), name) {
				t.Errorf("%s: sent %q", jql, h.sent)
			}
		}
	}
	if n := h.lists.Load(); n != 1 {
		t.Errorf("the list of fields was read %d times", n)
	}
}

// TestSearchCustomFieldsRefused asks about fields by names that mean several, and about fields that may not be read.
func TestSearchCustomFieldsRefused(t *testing.T) {
	h := newCustomHouse(t)
	some := h.publish(allowing(`"fields_read_allowlist": ["summary", "status", "` + h.points + `", "` + h.estimate + `", "` + h.notes + `"]`))
	one := h.publish(allowing(`"fields_read_allowlist": ["summary", "` + h.points + `"]`))
	byID := h.publish(hiding(`["` + strings.ToUpper(h.points) + `"]`))
	byName := h.publish(hiding(`["GOAL"]`))
	ids := "Say which by its id: " + cf(h.points) + ", " + cf(h.estimate) + "."
	for _, test := range []struct {
		name, jql, says string
		policy          int
	}{
		{"two of a name", `"Story Points" > 3`, ids, 0},
		{"two of a name, sorted by", `ORDER BY "STORY POINTS"`, ids, 0},
		{"one of the two may be read", `"Story Points" > 3`, "Say which by its id: " + cf(h.points) + ".", 1},
		{"a name of Jira's own", `environment ~ x`, "Say which by its id: " + cf(h.notes) + ".", 0},
		{"may not be read", `Goal ~ x`, `field "Goal" is not allowed`, 0},
		{"may not be read, by id", cf(h.goal) + ` ~ x`, "is not allowed", 0},
		{"may not be read, by the other id", h.goal + ` is EMPTY`, "is not allowed", 0},
		{"may not be read, sorted by", `ORDER BY ` + cf(h.goal), "is not allowed", 0},
		{"in a group", `status = Done AND NOT (summary ~ x OR ` + cf(h.estimate) + ` > 1)`, "is not allowed", 1},
		{"hidden by id", cf(h.points) + ` > 3`, "is not allowed", 2},
		{"hidden by id, by name", `"Story Points" > 3`, "Say which by its id: " + cf(h.estimate) + ".", 2},
		{"hidden by name", cf(h.goal) + ` ~ x`, "is not allowed", 3},
		{"nowhere", `Gaol ~ x`, `field "Gaol" is not allowed`, 0},
		{"no number", cf(h.points) + ` > many`, "Write a number such as 3 or 0.5.", 0},
		{"another operator", cf(h.points) + ` ~ 3`, "Allowed here: ", 0},
		{"history", cf(h.points) + ` was 3`, "WAS searches the history", 0},
		{"a function", cf(h.points) + ` > now()`, "function", 0},
		{"a document sorted by", `ORDER BY ` + cf(h.notes), "cannot sort by", 0},
	} {
		h.policy = []*policy.Policy{some, one, byID, byName}[test.policy]
		_, err := h.search(test.jql)
		if code(err) != "bad_query" || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %s: got %v", test.name, test.jql, err)
		}
	}
	if len(h.sent) > 0 {
		t.Errorf("sent %q", h.sent)
	}
	h.policy = some
	_, hidden := h.search(`Goal ~ x`)
	_, nowhere := h.search(`Gaol ~ x`)
	if got := strings.ReplaceAll(hidden.Error(), "Goal", "Gaol"); got != nowhere.Error() {
		t.Errorf("it shows that a field is there: %s, and not %s", got, nowhere)
	}
}

// TestScopedFieldsOfSearches gives the site fields of single projects: those of a
// project that the policy does not name are not there, and share their names with
// nobody.
func TestScopedFieldsOfSearches(t *testing.T) {
	h := newHouse(t)
	scoped := func(number, name, project string) string {
		return `{"id":"customfield_` + number + `","name":"` + name + `","clauseNames":["cf[` + number + `]","` + name + `"],"scope":{"type":"PROJECT","project":{"id":"` + project + `"}},
			"schema":{"type":"number","custom":"com.atlassian.jira.plugin.system.customfieldtypes:float"}}`
	}
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/field"):
			reply(200, "["+strings.Join([]string{
				scoped("1", "Size", h.eng), scoped("2", "Size", h.secret), scoped("3", "Price", h.secret), scoped("4", "Cost", h.eng), scoped("5", "Cost", h.plat),
			}, ",")+"]")(w, r)
		case strings.HasSuffix(r.URL.Path, "/search/jql"):
			if jql := bodyOf(t, r); !strings.Contains(jql, "cf[1] \u003e") && !strings.Contains(jql, "cf[1] >") {
				t.Errorf("sent %s", jql)
			}
			reply(200, `{"isLast":true,"issues":[]}`)(w, r)
		default:
			return false
		}
		return true
	})
	for jql, says := range map[string]string{
		`"Size" > 3`: "", `Size > 3`: "in double quotes", `Price > 3`: `field "Price" is not allowed`, `cf[3] > 3`: "is not allowed", `cf[2] > 3`: "is not allowed",
		`Cost > 3`: "Say which by its id: cf[4], cf[5].",
	} {
		args, err := json.Marshal(map[string]string{"jql": jql})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = h.do(actionSearch, string(args), nil)
		if says == "" && err != nil || says != "" && (code(err) != "bad_query" || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: got %v", jql, err)
		}
	}
}

// TestAskedOfFields holds what may be asked to the field's type, to how Jira
// searches it, and to the policy.
func TestAskedOfFields(t *testing.T) {
	points, sprint, unsearched := customField("1", "Points", "float"), customField("2", "Sprint", "sprint"), customField("3", "Unsearched", "float")
	unsearched.ClauseNames = []string{"Unsearched"}
	system := field{ID: "timespent", Name: "Time spent", ClauseNames: []string{"cf[1]"}, Schema: points.Schema}
	all, listed, hidden := readable{}, readable{allowed: []string{"customfield_1"}}, readable{hidden: []string{"pOINTS"}}
	for _, test := range []struct {
		f    field
		r    readable
		want bool
	}{
		{points, all, true}, {points, listed, true}, {points, hidden, false}, {points, readable{allowed: []string{"Points", "cf[1]"}}, false},
		{points, readable{allowed: []string{"customfield_1"}, hidden: []string{"CUSTOMFIELD_1"}}, false},
		{sprint, all, false}, {unsearched, all, false}, {system, all, false},
	} {
		if got := test.f.asked(&test.r); (len(got.Ops) > 0) != test.want {
			t.Errorf("%s, %+v: %+v", test.f.Name, test.r, got)
		}
	}
}

// TestKnownFields counts how often the site is asked for its fields.
func TestKnownFields(t *testing.T) {
	h := newCustomHouse(t)
	var clock atomic.Int64
	h.c.now = func() time.Time { return time.Unix(clock.Load(), 0) }
	find := func(ctx context.Context, jql string) error {
		args, err := json.Marshal(map[string]string{"jql": jql})
		if err != nil {
			return err
		}
		_, err = h.c.Plan(ctx, actionSearch, args, h.policy.Bounds(tool))
		return err
	}
	want := func(n int64, what string) {
		t.Helper()
		if got := h.lists.Load(); got != n {
			t.Errorf("%s: the fields were read %d times, want %d", what, got, n)
		}
	}
	for _, jql := range []string{``, `status = Done`, `status = `, `status was Done`, `ORDER BY key`} {
		_ = find(t.Context(), jql)
	}
	want(0, "without custom fields")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := find(t.Context(), `Goal ~ x`); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	want(1, "at once")
	clock.Add(int64(fieldLife/time.Second) - 1)
	_ = find(t.Context(), `nothing = 1`)
	want(1, "within five minutes")
	clock.Add(1)
	_ = find(t.Context(), cf(h.points)+` > 3`)
	want(2, "after five minutes")
	for range 2 {
		_ = find(gate.WithAgent(t.Context(), "another"), `Goal ~ x`)
	}
	want(3, "by another agent")
	for range maxReaders {
		clock.Add(1)
		_ = find(gate.WithAgent(t.Context(), "agent "+time.Unix(clock.Load(), 0).String()), `Goal ~ x`)
	}
	if n := len(h.c.lists.byAgent); n > maxReaders {
		t.Errorf("%d lists are kept", n)
	}
}

// TestFieldsCannotBeRead has the list fail: what needs it is refused, nothing else
// is, and the next call asks again.
func TestFieldsCannotBeRead(t *testing.T) {
	h := newHouse(t)
	points := h.site.AddField("Story Points", sim.NumberField)
	args := `{"jql":"` + cf(points) + ` > 3"}`
	h.once("GET", "/field", reply(403, `{"errorMessages":["SECRET"],"errors":{}}`))
	if _, _, err := h.do(actionSearch, args, nil); code(err) != "forbidden" || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("got %v", err)
	}
	if _, _, err := h.do(actionSearch, args, nil); err != nil {
		t.Errorf("asked again: %v", err)
	}
	long := "[" + strings.Repeat(`{"id":"x","name":"y"},`, maxListed) + `{"id":"x","name":"y"}]`
	h.c.lists = fieldLists{}
	h.once("GET", "/field", reply(200, long))
	if _, _, err := h.do(actionSearch, args, nil); code(err) != "upstream" {
		t.Errorf("%d fields: %v", maxListed+1, err)
	}
	if _, _, err := h.do(actionSearch, `{"jql":"status = Done"}`, nil); err != nil {
		t.Error(err)
	}
}

// TestWaitingForFields gives up with the call.
func TestWaitingForFields(t *testing.T) {
	h := newHouse(t)
	h.c.lists.of("").turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.c.knownFields(ctx); code(err) != "canceled" {
		t.Errorf("got %v", err)
	}
}

// TestEachTypeIsParsed holds CustomType and the simulator's types to each other.
func TestEachTypeIsParsed(t *testing.T) {
	for _, kind := range []sim.FieldType{sim.TextField, sim.ParagraphField, sim.NumberField} {
		f := customField("1", "X", string(kind))
		if !slices.Contains(f.asked(&readable{}).Ops, query.OpIs) {
			t.Errorf("nothing may be asked about %s", kind)
		}
	}
}
