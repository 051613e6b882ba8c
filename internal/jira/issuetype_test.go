// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/google/go-cmp/cmp"
)

// allowing is the policy of most tests with more members in its allow section.
func allowing(members string) string {
	return strings.Replace(testPolicy, `"fields_write_allowlist"`, members+`, "fields_write_allowlist"`, 1)
}

// newTypedHouse has a policy that lists Task for both projects, and Subtask for ENG.
func newTypedHouse(t *testing.T) *house {
	h := newHouse(t)
	h.policy = h.publish(allowing(`"issue_types": ["Task", "ENG/Subtask"]`))
	return h
}

func (h *house) retype(issue, name string) {
	h.site.EditIssue(issue, "", map[string]json.RawMessage{"issuetype": json.RawMessage(`{"name":"` + name + `"}`)})
}

// impostorType gives ENG another type under the name of one that the policy lists.
func impostorType(h *house) {
	h.site.RenameIssueType("ENG", "Task", "Work")
	h.site.AddIssueType("ENG", "Task")
}

// twin gives ENG a second type of the same name, and an issue of it, ENG-3.
func twin(h *house) {
	h.site.RenameIssueType("ENG", "Task", "Work")
	h.site.AddIssueType("ENG", "Task")
	h.site.AddIssue(sim.IssueSeed{Project: "ENG", Type: "Task", Summary: "Of the other type"})
	h.site.RenameIssueType("ENG", "Work", "Task")
}

func TestIssueTypes(t *testing.T) {
	const task = `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`
	const subtask = `{"project_key":"ENG","issue_type":"Subtask","fields":{"summary":"a","parent":{"key":"ENG-1"}}}`
	tests := []struct {
		name, action, args string
		before, between    func(h *house)
		want               string
	}{
		{name: "read", action: "issue.get", args: `{"issue_key":"ENG-1"}`},
		{name: "read another type", action: "issue.get", args: `{"issue_key":"ENG-2"}`, want: "denied"},
		{name: "comment", action: "issue.comment.create", args: `{"issue_key":"PLAT-1","body":"x"}`},
		{name: "comment on another type", action: "issue.comment.create", args: `{"issue_key":"ENG-2","body":"x"}`, want: "denied"},
		{name: "create", action: "issue.create", args: task},
		{name: "create in any case", action: "issue.create", args: strings.Replace(task, "Task", "tASK", 1)},
		{name: "create another type", action: "issue.create", args: strings.Replace(task, "Task", "Bug", 1), want: "denied"},
		{name: "create a type that is nowhere", action: "issue.create", args: strings.Replace(task, "Task", "Nothing", 1), want: "bad_argument"},
		{name: "create under a parent", action: "issue.create", args: subtask},
		{name: "create under a parent of another type", action: "issue.create", args: strings.Replace(subtask, "ENG-1", "ENG-2", 1), want: "denied"},
		{name: "create what is listed for the other project", action: "issue.create",
			args: strings.NewReplacer("ENG", "PLAT").Replace(subtask), want: "denied"},
		{name: "was of another type", action: "issue.get", args: `{"issue_key":"ENG-2"}`, before: func(h *house) { h.retype("ENG-2", "Task") }},
		{name: "is of another type", action: "issue.get", args: `{"issue_key":"ENG-1"}`, before: func(h *house) { h.retype("ENG-1", "Bug") }, want: "denied"},

		{name: "read, type renamed", action: "issue.get", args: `{"issue_key":"ENG-1"}`,
			before: func(h *house) { h.site.RenameIssueType("ENG", "Task", "Work") }, want: "denied"},
		{name: "search, type renamed", action: "issue.search", args: `{"jql":""}`,
			before: func(h *house) { h.site.RenameIssueType("ENG", "Task", "Work") }, want: "outside"},
		{name: "search, type renamed in case only", action: "issue.search", args: `{"jql":""}`,
			before: func(h *house) { h.site.RenameIssueType("ENG", "Task", "TASK") }, want: "outside"},
		{name: "create, type renamed", action: "issue.create", args: task,
			before: func(h *house) { h.site.RenameIssueType("ENG", "Task", "Work") }, want: "bad_argument"},
		{name: "create by the new name", action: "issue.create", args: strings.Replace(task, "Task", "Work", 1),
			before: func(h *house) { h.site.RenameIssueType("ENG", "Task", "Work") }, want: "denied"},
		{name: "search, type taken away", action: "issue.search", args: `{"jql":""}`,
			before: func(h *house) { h.site.RemoveIssueType("ENG", "Task") }, want: "outside"},

		{name: "create with an impostor type", action: "issue.create", args: task, before: impostorType, want: "denied"},
		{name: "search with an impostor type", action: "issue.search", args: `{"jql":""}`, before: impostorType, want: "outside"},
		{name: "read what was made of an impostor type", action: "issue.get", args: `{"issue_key":"ENG-3"}`, want: "denied",
			before: func(h *house) {
				impostorType(h)
				h.site.AddIssue(sim.IssueSeed{Project: "ENG", Type: "Task", Summary: "Of the impostor's type"})
			}},
		{name: "read with a twin about", action: "issue.get", args: `{"issue_key":"ENG-1"}`, before: twin},
		{name: "read what is of the twin", action: "issue.get", args: `{"issue_key":"ENG-3"}`, before: twin, want: "denied"},
		{name: "create by a name of two", action: "issue.create", args: task, before: twin, want: "bad_argument"},

		{name: "read, changed meanwhile", action: "issue.get", args: `{"issue_key":"ENG-1"}`, want: "outside",
			between: func(h *house) { h.retype("ENG-1", "Bug") }},
		{name: "read, renamed meanwhile", action: "issue.get", args: `{"issue_key":"ENG-1"}`, want: "outside",
			between: func(h *house) { h.site.RenameIssueType("ENG", "Task", "Work") }},
		{name: "comment, changed meanwhile", action: "issue.comment.create", args: `{"issue_key":"ENG-1","body":"x"}`, want: "outside",
			between: func(h *house) { h.retype("ENG-1", "Bug") }},
		{name: "comment, renamed meanwhile", action: "issue.comment.create", args: `{"issue_key":"ENG-1","body":"x"}`, want: "outside",
			between: func(h *house) { h.site.RenameIssueType("ENG", "Task", "Work") }},
		{name: "create, renamed meanwhile", action: "issue.create", args: task, want: "conflict",
			between: func(h *house) { h.site.RenameIssueType("ENG", "Task", "Work") }},
		{name: "create, taken over meanwhile", action: "issue.create", args: task, want: "conflict", between: impostorType},
		{name: "create, taken away meanwhile", action: "issue.create", args: task, want: "conflict",
			between: func(h *house) { h.site.RemoveIssueType("ENG", "Task") }},
		{name: "create, parent changed meanwhile", action: "issue.create", args: subtask, want: "outside",
			between: func(h *house) { h.retype("ENG-1", "Bug") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newTypedHouse(t)
			if test.before != nil {
				test.before(h)
			}
			call, result, err := h.do(test.action, test.args, func() {
				if test.between != nil {
					test.between(h)
				}
			})
			if code(err) != test.want {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if test.want == "denied" && !strings.Contains(err.Error(), "/allow/issue_types") {
				t.Errorf("denied for another reason: %v", err)
			}
			if test.want != "" && h.writes() != 0 {
				t.Errorf("something was sent: %v", h.site.Requests())
			}
			if test.between != nil && (result.Outcome.Status != receipt.Failed || result.Body != nil) {
				t.Errorf("got %+v with %q", result.Outcome, result.Body)
			}
			if call != nil && !slices.ContainsFunc(call.Resources, func(r policy.Resource) bool { return r.Type == "issue_type" }) {
				t.Errorf("the call names no issue type: %+v", call.Resources)
			}
		})
	}
}

func TestCallsNameTypes(t *testing.T) {
	h := newTypedHouse(t)
	task, sub := h.typeIn(h.eng, "ENG", "Task"), h.typeIn(h.eng, "ENG", "Subtask")
	tests := []struct {
		action, args string
		want         []policy.Resource
	}{
		{"issue.get", `{"issue_key":"ENG-1"}`, []policy.Resource{task}},
		{"issue.comment.create", `{"issue_key":"ENG-1","body":"x"}`, []policy.Resource{task}},
		{"issue.create", `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`, []policy.Resource{task}},
		{"issue.create", `{"project_key":"ENG","issue_type":"` + task.ID + `","fields":{"summary":"a"}}`, []policy.Resource{task}},
		{"issue.create", `{"project_key":"ENG","issue_type":"Subtask","fields":{"summary":"a","parent":{"key":"ENG-1"}}}`, []policy.Resource{sub, task}},
		{"issue.search", `{"jql":""}`, []policy.Resource{task, sub, h.typeIn(h.plat, "PLAT", "Task")}},
	}
	for _, test := range tests {
		call, _, err := h.do(test.action, test.args, nil)
		if err != nil {
			t.Errorf("%s: %v", test.action, err)
			continue
		}
		var got []policy.Resource
		for _, r := range call.Resources {
			if r.Type == "issue_type" {
				got = append(got, r)
			}
		}
		byID := func(a, b policy.Resource) int { return strings.Compare(a.ID, b.ID) }
		slices.SortFunc(got, byID)
		slices.SortFunc(test.want, byID)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s %s: %s", test.action, test.args, diff)
		}
	}
}

// TestSameTypeTwice names a type once that two of a call's issues have.
func TestSameTypeTwice(t *testing.T) {
	h := newTypedHouse(t)
	args := `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a","parent":{"key":"ENG-1"}}}`
	plan, err := h.c.Plan(t.Context(), "issue.create", []byte(args), h.policy.Bounds(tool))
	if err != nil {
		t.Fatal(err)
	}
	if got := plan.Call.Resources; len(got) != 3 || !cmp.Equal(got[2], h.typeIn(h.eng, "ENG", "Task")) {
		t.Errorf("the call names %+v", got)
	}
}

// TestTypeUntold lets the site keep the type to itself: that must not look like no type.
func TestTypeUntold(t *testing.T) {
	h := newTypedHouse(t)
	issue, _ := h.site.Issue("ENG-1")
	for _, kind := range []string{``, `,"issuetype":{}`, `,"issuetype":{"id":"1 OR 1","name":"Task"}`, `,"issuetype":{"id":"10007"}`} {
		h.once("GET", "/issue/ENG-1", reply(200, `{"id":"`+issue.ID+`","key":"ENG-1","fields":{"updated":"x","project":{"id":"`+h.eng+`","key":"ENG"}`+kind+`}}`))
		call, _, err := h.do("issue.create", `{"project_key":"ENG","issue_type":"Subtask","fields":{"summary":"a","parent":{"key":"ENG-1"}}}`, nil)
		if code(err) != "denied" {
			t.Errorf("a parent with %q: %v", kind, err)
			continue
		}
		if last := call.Resources[len(call.Resources)-1]; last.Type != "issue_type" || last.ID != "" {
			t.Errorf("a parent with %q is of type %+v", kind, last)
		}
	}
}

// TestRetypedWhileWriting changes the type after the last look and before the write.
func TestRetypedWhileWriting(t *testing.T) {
	h := newTypedHouse(t)
	h.site.OnWrite(nil, func(sim.Request) { h.retype("ENG-1", "Bug") })
	_, result, err := h.do("issue.comment.create", `{"issue_key":"ENG-1","body":"x"}`, nil)
	if code(err) != "outside" || result.Body != nil {
		t.Errorf("got %v and %s", err, result.Body)
	}
	if o := result.Outcome; o.Status != receipt.Done || o.Code != "outside" || o.Target == nil {
		t.Errorf("outcome %+v", o)
	}
}

// TestTypeSentByID sends the type that was decided about, whatever has its name when Jira reads it.
func TestTypeSentByID(t *testing.T) {
	h := newTypedHouse(t)
	decided := h.site.IssueTypeID("ENG", "Task")
	var body string
	h.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			body = bodyOf(t, r)
		}
		return false
	})
	h.site.OnWrite(nil, func(sim.Request) { impostorType(h) })
	_, result, err := h.do("issue.create", `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`, nil)
	if err != nil || result.Outcome.Status != receipt.Done {
		t.Fatalf("got %v, %+v", err, result)
	}
	if want := `"issuetype":{"id":"` + decided + `"}`; !strings.Contains(body, want) {
		t.Errorf("sent %s, want %s in it", body, want)
	}
}

func TestSearchByType(t *testing.T) {
	h := newTypedHouse(t)
	h.site.AddIssue(sim.IssueSeed{Project: "ENG", Type: "Subtask", Parent: "ENG-1", Summary: "Turn it down"})
	twinned := h.site.AddIssueType("PLAT", "Bug")
	h.site.AddIssueType("SECRET", "Conspiracy")
	var sent []string
	h.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/search/jql") {
			sent = append(sent, decoded[struct {
				JQL string `json:"jql"`
			}](t, []byte(bodyOf(t, r))).JQL)
		}
		return false
	})
	tests := []struct {
		jql  string
		want []string // nil: bad_query
	}{
		{``, []string{"ENG-1", "ENG-3", "PLAT-1"}},
		{`issuetype = Task`, []string{"ENG-1", "PLAT-1"}},
		{`type = task`, []string{"ENG-1", "PLAT-1"}},
		{`issuetype = ` + h.site.IssueTypeID("ENG", "Task"), []string{"ENG-1"}},
		{`issuetype in (Task, Subtask) AND project = ENG`, []string{"ENG-1", "ENG-3"}},
		{`NOT issuetype = Subtask`, []string{"ENG-1", "PLAT-1"}},
		{`issuetype != Task`, []string{"ENG-3"}},
		{`status = Done OR status != Done ORDER BY issuetype`, []string{"ENG-1", "ENG-3", "PLAT-1"}},
		{`key = ENG-2`, []string{}},
		{`issuetype = Bug`, nil},
		{`issuetype in (Task, Bug)`, nil},
		{`issuetype != Bug`, nil},
		{`issuetype = ` + twinned, nil},
		{`issuetype = Conspiracy`, nil},
		{`issuetype = NoSuchType`, nil},
		{`issuetype in standardIssueTypes()`, nil},
		{`issuetype is EMPTY`, nil},
		{`issuetype = "Task) OR (issuetype = Bug"`, nil},
		{`hierarchyLevel = 0`, nil},
	}
	for _, test := range tests {
		args, err := json.Marshal(map[string]string{"jql": test.jql})
		if err != nil {
			t.Fatal(err)
		}
		call, result, err := h.do("issue.search", string(args), nil)
		if test.want == nil {
			if code(err) != "bad_query" {
				t.Errorf("%q: got %v, want bad_query", test.jql, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", test.jql, err)
			continue
		}
		if diff := cmp.Diff(test.want, keysOf(t, result)); diff != "" {
			t.Errorf("%q: %s", test.jql, diff)
		}
		if diff := cmp.Diff([]string{"issue_type", "project"}, call.Filters); diff != "" {
			t.Errorf("%q: %s", test.jql, diff)
		}
	}
	id := h.site.IssueTypeID
	bound := "(((project IN (" + h.eng + ") AND issuetype IN (" + id("ENG", "Subtask") + ", " + id("ENG", "Task") + ")) OR " +
		"(project IN (" + h.plat + ") AND issuetype IN (" + id("PLAT", "Task") + "))) AND level IS EMPTY)"
	for _, jql := range sent {
		if rest, ok := strings.CutPrefix(jql, strings.TrimSuffix(strings.TrimPrefix(bound, "("), ")")); ok && rest == "" {
			continue
		}
		if rest, ok := strings.CutPrefix(jql, bound); !ok || !strings.HasPrefix(rest, " AND ") {
			t.Errorf("sent %q, want it to begin with %q", jql, bound)
		}
	}
}

// TestSearchByTypeHoldsTheHits lets the site answer with what was not asked for.
func TestSearchByTypeHoldsTheHits(t *testing.T) {
	h := newTypedHouse(t)
	hit := func(key, project, kind string) string {
		return `{"id":"` + strings.TrimPrefix(key, "ENG-") + `","key":"` + key + `","fields":{"summary":"` + key + `","project":{"id":"` + project + `","key":"ENG"}` + kind + `}}`
	}
	kind := func(id, name string) string { return `,"issuetype":{"id":"` + id + `","name":"` + name + `"}` }
	eng, plat := h.site.IssueTypeID("ENG", "Task"), h.site.IssueTypeID("PLAT", "Task")
	h.once("POST", "/search/jql", reply(200, `{"isLast":true,"issues":[`+strings.Join([]string{
		hit("ENG-11", h.eng, kind(h.site.IssueTypeID("ENG", "Bug"), "Bug")),
		hit("ENG-12", h.eng, kind(h.site.IssueTypeID("ENG", "Bug"), "Task")),
		hit("ENG-13", h.eng, kind(plat, "Task")),
		hit("ENG-14", h.eng, ""),
		hit("ENG-15", h.eng, `,"issuetype":null`),
		hit("ENG-16", h.secret, kind(eng, "Task")),
		hit("ENG-17", h.eng, kind(eng, "Task")),
	}, ",")+`]}`))
	_, result, err := h.do("issue.search", `{"jql":""}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ENG-17"}, keysOf(t, result)); diff != "" {
		t.Error(diff)
	}
	if result.Outcome.Code != "filtered" {
		t.Errorf("outcome %+v", result.Outcome)
	}
}

// TestSharedTypes has one type, by one id, in two projects, and lists it for one of them.
func TestSharedTypes(t *testing.T) {
	h := newHouse(t)
	h.site.AddIssueType("ENG", "Spec")
	h.site.ShareIssueType("ENG", "Spec", "PLAT")
	h.site.AddIssue(sim.IssueSeed{Project: "ENG", Type: "Spec", Summary: "Ours"})
	h.site.AddIssue(sim.IssueSeed{Project: "PLAT", Type: "Spec", Summary: "Not ours"})
	h.policy = h.publish(allowing(`"issue_types": ["ENG/Spec", "PLAT/Task"]`))
	_, result, err := h.do("issue.search", `{"jql":"issuetype = Spec or issuetype = Task"}`, nil)
	if err != nil || !cmp.Equal(keysOf(t, result), []string{"ENG-3", "PLAT-1"}) {
		t.Errorf("found %v, %v", result, err)
	}
	if _, _, err = h.do("issue.get", `{"issue_key":"PLAT-2"}`, nil); code(err) != "denied" {
		t.Errorf("the other project's: %v", err)
	}
	if _, _, err = h.do("issue.get", `{"issue_key":"ENG-3"}`, nil); err != nil {
		t.Errorf("ours: %v", err)
	}
	h.policy = h.publish(allowing(`"issue_types": ["ENG/Spec"]`))
	call, result, err := h.do("issue.search", `{"jql":""}`, nil)
	if err != nil || !cmp.Equal(keysOf(t, result), []string{"ENG-3"}) || call.Resources[0].ID != h.eng || len(call.Resources) != 2 {
		t.Errorf("found %v, %v, by %+v", result, err, call)
	}
}

// TestTypesUnderGrants searches by tokens that hold only part of the policy's types.
func TestTypesUnderGrants(t *testing.T) {
	h := newTypedHouse(t)
	whole := h.policy
	tests := []struct {
		resources []string
		search    string
		keys      []string
		get       string
	}{
		{[]string{"jira:ENG", "jira:ENG/Task", "jira:PLAT", "jira:PLAT/Task"}, "", []string{"ENG-1", "PLAT-1"}, ""},
		{[]string{"jira:ENG", "jira:ENG/Task", "jira:PLAT"}, "", []string{"ENG-1"}, ""},
		{[]string{"jira:ENG", "jira:ENG/Subtask"}, "", []string{}, "denied"},
		{[]string{"jira:PLAT", "jira:PLAT/Task"}, "", []string{"PLAT-1"}, "denied"},
		{[]string{"jira:ENG"}, "denied", nil, "denied"},
		{[]string{"jira:ENG", "jira:PLAT/Task"}, "outside", nil, "denied"},
		{[]string{"jira:ENG/Task"}, "outside", nil, "denied"},
	}
	for _, test := range tests {
		var err error
		if h.policy, err = whole.Narrow(policy.Grant{Actions: []string{"jira.issue.search", "jira.issue.get"}, Resources: test.resources}, nil); err != nil {
			t.Fatal(err)
		}
		_, result, err := h.do("issue.search", `{"jql":""}`, nil)
		if code(err) != test.search || err == nil && !cmp.Equal(keysOf(t, result), test.keys) {
			t.Errorf("%v: searched %v, %v", test.resources, result, err)
		}
		if _, _, err = h.do("issue.get", `{"issue_key":"ENG-1"}`, nil); code(err) != test.get {
			t.Errorf("%v: read %v", test.resources, err)
		}
	}
}

func TestTypeBounds(t *testing.T) {
	h := newTypedHouse(t)
	var types, projects []policy.Bound
	for _, b := range h.policy.Bounds(tool) {
		if b.Kind == policy.IssueType {
			types = append(types, b)
		} else {
			projects = append(projects, b)
		}
	}
	elsewhere := types[0]
	elsewhere.Site = "https://other.example"
	many := slices.Repeat(types[:1], maxTypes+1)
	for name, list := range map[string][]policy.Bound{"elsewhere": {elsewhere}, "too many": many} {
		if _, err := h.c.Plan(t.Context(), "issue.search", []byte(`{"jql":""}`), append(slices.Clone(projects), list...)); code(err) != "outside" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestResolveIssueTypes(t *testing.T) {
	h := newHouse(t)
	name := func(s string) policy.Name { return policy.Name{Tool: "jira", Kind: policy.IssueType, Name: s} }
	before := len(h.site.Requests())
	got, err := h.c.Resolve(t.Context(), []policy.Name{{Tool: "jira", Kind: policy.Project, Name: "ENG"}, name("ENG/Task"), name("PLAT/Task"), name("ENG/Bug")})
	want := []policy.Bound{
		{Name: policy.Name{Tool: "jira", Kind: policy.Project, Name: "ENG"}, Site: h.c.site, ID: h.eng},
		{Name: name("ENG/Task"), Site: h.c.site, ID: h.site.IssueTypeID("ENG", "Task")},
		{Name: name("PLAT/Task"), Site: h.c.site, ID: h.site.IssueTypeID("PLAT", "Task")},
		{Name: name("ENG/Bug"), Site: h.c.site, ID: h.site.IssueTypeID("ENG", "Bug")},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if n := len(h.site.Requests()) - before; n != 2 {
		t.Errorf("%d requests for two projects", n)
	}
	twin(h)
	h.site.RenameProjectKey("SECRET", "HIDDEN")
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/BARE") {
			return false
		}
		reply(200, `{"id":"1","key":"BARE","issueTypes":[{"id":"../1","name":"Task"}]}`)(w, r)
		return true
	})
	for _, test := range []struct{ name, want string }{
		{"ENG/Task", `more than one issue type "Task"`},
		{"ENG/Incident", `no issue type "Incident"; write one of: Bug, Epic, Story, Subtask`},
		{"PLAT/task", `no issue type "task"; write one of: Bug, Epic, Story, Subtask, Task`},
		{"SECRET/Task", "is called HIDDEN now"},
		{"NOPE/Task", "NOPE is not there"},
		{"BARE/Task", "shows no issue types"},
		{"Task", "such as ENG/Task"},
		{"../Task", "such as ENG/Task"},
	} {
		if _, err := h.c.Resolve(t.Context(), []policy.Name{name(test.name)}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := h.c.Resolve(t.Context(), []policy.Name{{Tool: "jira", Kind: policy.Project, Name: "ENG/Task"}}); err == nil {
		t.Error("a project is called ENG/Task")
	}
}
