// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// bound parses a policy and binds each name to an id made from it.
func bound(t interface {
	Helper()
	Fatal(...any)
}, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	b := &policy.Binding{Policy: p.Hash(), Names: []policy.Bound{}}
	for _, n := range p.Names() {
		b.Names = append(b.Names, policy.Bound{Name: n, Site: "site", ID: "id:" + strings.TrimSuffix(n.Name, "/")})
	}
	if p, err = p.Bind(b); err != nil {
		t.Fatal(err)
	}
	return p
}

// wiki is a policy for a wiki with more sections.
func wiki(resources, actions, more string) string {
	return `{"wpc_version":"v1","resources":{` + resources + `},"actions":{` + actions + `}` + more + `}`
}

const (
	eng     = `"spaces_allowlist":["ENG"]`
	books   = `"spaces_allowlist":["ENG"],"page_prefix_allowlist":["ENG/Books/"]`
	reading = `"read":{"allowed":true,"max_pages_per_job":10},"search":{"allowed":true}`
)

// pageCall touches the page ENG/Books/Red.
func pageCall(action string, class policy.Class, change ...func(*policy.Call)) *policy.Call {
	c := &policy.Call{
		Tool: "confluence", Action: action, Class: class, Site: "site", Mode: "official_api", Uses: map[string]int{"pages": 1},
		Resources: []policy.Resource{{Type: "page", ID: "id:ENG/Books/Red", Path: []policy.Place{
			{ID: "id:ENG", Name: "ENG"}, {ID: "id:ENG/Books", Name: "Books"}, {ID: "id:ENG/Books/Red", Name: "Red"},
		}}},
		Args: seal.Sum([]byte("args")),
	}
	for _, f := range change {
		f(c)
	}
	return c
}

func labels(l ...string) func(*policy.Call) {
	return func(c *policy.Call) { c.Resources[0].Labels = l }
}

var catalog = []policy.Action{
	{Tool: "confluence", Name: "page.get", Class: policy.Read}, {Tool: "confluence", Name: "page.search", Class: policy.Search},
	{Tool: "confluence", Name: "page.update", Class: policy.Write}, {Tool: "jira", Name: "issue.get", Class: policy.Read},
	{Tool: "desk", Name: "read", Class: policy.Read},
}

func TestShadow(t *testing.T) {
	get := func(f ...func(*policy.Call)) *policy.Call { return pageCall("page.get", policy.Read, f...) }
	update := pageCall("page.update", policy.Write)
	search := pageCall("page.search", policy.Search)
	desk := &policy.Call{Tool: "desk", Action: "read", Class: policy.Read}
	issue := &policy.Call{
		Tool: "jira", Action: "issue.get", Class: policy.Read, Site: "site", Mode: "official_api", Reads: []string{"summary"},
		Resources: []policy.Resource{{Type: "project", ID: "id:ENG", Path: []policy.Place{{ID: "id:ENG", Name: "ENG"}}}},
	}
	desks := func(list string) string { return `{"wpc_version":"v1","tool_policy":{"allow":[` + list + `]}}` }
	jira := func(more string) string {
		return `{"wpc_version":"v1","allow":{"projects":["ENG"],"operations":["issue.get"]` + more + `}}`
	}
	for _, test := range []struct {
		name             string
		force, candidate string
		grant            func(*policy.Grant) // what the token lacks of all
		call             *policy.Call
		want, recorded   string // the verdict on the whole call; on the recorded one, if another
	}{
		{name: "the same", force: wiki(books, reading, ""), candidate: wiki(books, reading, ""), call: get(), want: "allow"},
		{name: "one thing less", force: wiki(eng, reading, ""), candidate: wiki(eng, `"search":{"allowed":true}`, ""), call: get(), want: "deny"},
		{name: "a tighter bound", force: wiki(eng, reading, ""), candidate: wiki(eng, `"read":{"allowed":true,"max_pages_per_job":3}`, ""), call: get(), want: "deny"},
		{name: "a looser bound", force: wiki(eng, `"read":{"allowed":true,"max_pages_per_job":3}`, ""), candidate: wiki(eng, reading, ""), call: get(), want: "allow"},
		{
			name: "a bound of the grant's", force: wiki(eng, reading, ""), candidate: wiki(eng, `"read":{"allowed":true,"max_pages_per_job":99}`, ""),
			call: get(), grant: func(g *policy.Grant) { g.Limits = map[string]int{"pages": 3} }, want: "deny",
		},
		{
			name: "an action that the grant keeps back", force: desks(`"desk.read"`), candidate: desks(`"desk.read","x"`),
			call: desk, grant: func(g *policy.Grant) { g.Actions = nil }, want: "deny",
		},
		{
			name: "a name that the grant keeps back", force: wiki(eng, reading, ""), candidate: wiki(eng, reading, `,"purpose":"x"`),
			call: get(), grant: func(g *policy.Grant) { g.Resources = nil }, want: "deny",
		},
		{name: "a name that is gone", force: wiki(books, reading, ""), candidate: wiki(eng, reading, ""), call: get(), want: "allow"},
		{name: "a grant of another policy", force: desks(`"desk.read"`), candidate: desks(`"desk.read"`), call: desk, grant: func(g *policy.Grant) { g.Resources = []string{"jira:X"} }, want: "unknown grant"},

		{name: "what nobody planned", force: desks(`"other"`), candidate: desks(`"desk.read"`), call: desk, want: "unknown plan"},
		{name: "what neither can allow", force: desks(`"other"`), candidate: desks(`"another"`), call: desk, want: "deny"},
		{name: "an action newly allowed", force: wiki(eng, reading, ""), candidate: wiki(eng, reading+`,"write":{"allowed":true}`, ""), call: update, want: "unknown plan"},
		{name: "a search within the same bounds", force: wiki(eng, reading, ""), candidate: wiki(eng, reading, `,"purpose":"x"`), call: search, want: "allow"},
		{name: "a search within others", force: wiki(eng, reading, ""), candidate: wiki(books, reading, ""), call: search, want: "unknown plan"},
		{
			name: "unresolved within the same bounds", force: wiki(eng, reading, ""), candidate: wiki(eng, reading, `,"purpose":"x"`),
			call: get(func(c *policy.Call) { c.Unresolved = "not_found" }), want: "deny",
		},
		{
			name: "unresolved within others", force: wiki(eng, reading, ""), candidate: wiki(books, reading, ""),
			call: get(func(c *policy.Call) { c.Unresolved = "not_found" }), want: "unknown plan",
		},
		{name: "labels that nobody looked for", force: wiki(eng, reading, ""), candidate: wiki(eng+`,"page_labels_allowlist":["a"]`, reading, ""), call: get(), want: "unknown plan"},
		{
			name: "the same labels", force: wiki(eng+`,"page_labels_allowlist":["a","b"]`, reading, ""), candidate: wiki(eng+`,"page_labels_allowlist":["a"]`, reading, ""),
			call: get(labels("b", "c")), want: "deny",
		},
		{
			name: "another label", force: wiki(eng+`,"page_labels_allowlist":["a"]`, reading, ""), candidate: wiki(eng+`,"page_labels_allowlist":["c"]`, reading, ""),
			call: get(labels("a", "c")), want: "allow", recorded: "unknown names",
		},
		{
			name: "another label that does not matter", force: wiki(eng+`,"page_labels_allowlist":["a"]`, reading, ""), candidate: wiki(eng+`,"page_labels_allowlist":["a","c"]`, reading, ""),
			call: get(labels("a", "c")), want: "allow",
		},
		{
			name: "no labels any more", force: wiki(eng+`,"page_labels_allowlist":["a"]`, reading, ""), candidate: wiki(eng, reading, ""),
			call: get(labels("b")), want: "allow",
		},
		{name: "fields that are newly hidden", force: jira(""), candidate: jira(`,"fields_read_allowlist":["summary"]`), call: issue, want: "unknown plan"},
		{name: "the same fields", force: jira(`,"fields_read_allowlist":["summary"]`), candidate: jira(`,"fields_read_allowlist":["summary"],"fields_write_allowlist":["summary"]`), call: issue, want: "allow"},

		{name: "a prefix that the record does not name", force: wiki(eng, reading, ""), candidate: wiki(books, reading, ""), call: get(), want: "allow", recorded: "unknown names"},
		{
			name: "a prefix elsewhere", force: wiki(eng, reading, ""), candidate: wiki(`"page_prefix_allowlist":["ENG/Other/"]`, reading, ""),
			call: get(), want: "deny",
		},
		{
			name: "a prefix in another space", force: wiki(eng, reading, ""), candidate: wiki(`"page_prefix_allowlist":["OPS/Books/"]`, reading, ""),
			call: get(), want: "deny",
		},
		{
			name: "a denied prefix that it may be in by name", force: wiki(eng, reading, ""), candidate: wiki(eng+`,"page_prefix_denylist":["ENG/Other/"]`, reading, ""),
			call: get(), want: "allow", recorded: "unknown names",
		},
		{
			name: "a denied prefix that it is in by id", force: wiki(eng, reading, ""), candidate: wiki(eng+`,"page_prefix_denylist":["ENG/Books/"]`, reading, ""),
			call: get(), want: "deny",
		},
		{
			name: "a denied prefix of another space", force: wiki(eng, reading, ""), candidate: wiki(eng+`,"page_prefix_denylist":["OPS/Books/"]`, reading, ""),
			call: get(), want: "allow",
		},
		{
			name: "a place whose names the plan kept back", force: wiki(`"spaces_allowlist":["OPS"]`, reading, ""), candidate: wiki(books, reading, ""),
			call: get(func(c *policy.Call) { c.Resources[0].Path[1].Name = "" }), want: "unknown names",
		},
		{
			name: "another site", force: wiki(eng, reading, ""), candidate: wiki(books, reading, ""),
			call: get(func(c *policy.Call) { c.Site = "elsewhere" }), want: "deny",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Shadow{Force: bound(t, test.force), Candidate: bound(t, test.candidate)}
			s.Grant = s.Force.Whole(catalog)
			if test.grant != nil {
				test.grant(&s.Grant)
			}
			f := &policy.Facts{Now: noon, Used: map[string]int{"pages": 3}}
			if got := said(s.Decide(test.call, f, nil)); got != test.want {
				t.Errorf("whole: %s, want %s", got, test.want)
			}
			s.Recorded = true
			want := test.want
			if test.recorded != "" {
				want = test.recorded
			}
			if got := said(s.Decide(s.Force.Minimal(test.call), f, nil)); got != want {
				t.Errorf("recorded: %s, want %s", got, want)
			}
		})
	}
}

// said is a verdict in a word or two.
func said(v Verdict) string {
	if v.Decision == nil {
		return "unknown " + v.Unknown
	}
	return v.Decision.Effect.String()
}

// A person's answer about the call counts under the candidate, which has no
// hash of it yet; another call's does not come here.
func TestShadowApprovals(t *testing.T) {
	asking := wiki(eng, `"write":{"allowed":false,"approval_gate":"required"}`, "")
	s := &Shadow{Force: bound(t, asking), Candidate: bound(t, wiki(eng, `"write":{"allowed":false,"approval_gate":"required"}`, `,"purpose":"x"`))}
	s.Grant = s.Force.Whole(catalog)
	c := pageCall("page.update", policy.Write)
	f := &policy.Facts{Now: noon}
	if got := said(s.Decide(c, f, nil)); got != "ask" {
		t.Errorf("without an answer: %s", got)
	}
	a := policy.Approval{ID: "job-1.1", Call: s.Force.Minimal(c).Digest(), By: "ada", Yes: true, At: noon, Expires: noon.Add(time.Hour)}
	f.Approvals = []policy.Approval{a}
	v := s.Decide(c, f, nil)
	if said(v) != "allow" || v.Decision.Approval != "job-1.1" {
		t.Errorf("after a yes: %+v", v)
	}
	if diff := cmp.Diff([]policy.Approval{a}, f.Approvals); diff != "" {
		t.Error("the facts were changed:", diff)
	}
	f.Approvals[0].Yes = false
	if got := said(s.Decide(c, f, nil)); got != "deny" {
		t.Errorf("after a no: %s", got)
	}
}

// Who is in groups that only the candidate names, no record tells.
func TestShadowGroups(t *testing.T) {
	asks := `"write":{"allowed":false,"approval_gate":"required"}`
	s := &Shadow{Force: bound(t, wiki(eng, asks, "")), Candidate: bound(t, wiki(eng, asks, `,"approvers":[{"groups":["owners"]}]`))}
	s.Grant = s.Force.Whole(catalog)
	c := pageCall("page.update", policy.Write)
	f := &policy.Facts{Now: noon}
	if got := s.Decide(c, f, nil); said(got) != "ask" || got.Decision.Missing != 1 {
		t.Errorf("while nobody has answered: %+v", got)
	}
	f.Approvals = []policy.Approval{{ID: "job-1.1", Call: s.Force.Minimal(c).Digest(), By: "ada", Yes: true, At: noon, Expires: noon.Add(time.Hour)}}
	if got := s.Decide(c, f, nil); got.Unknown != UnknownNames {
		t.Errorf("after a yes: %+v", got)
	}
}

// The candidate's conditions decide, and are in the verdict.
func TestShadowConditions(t *testing.T) {
	s := &Shadow{Force: bound(t, wiki(eng, reading, "")), Candidate: bound(t, wiki(eng, reading, `,"approvals":[{"when":"content.contains('x')","require":"human_approval"}]`))}
	s.Grant = s.Force.Whole(catalog)
	f := &policy.Facts{Now: noon, Conditions: map[string]bool{"/approvals/0": false}} // as if they were the other policy's
	for text, want := range map[string]string{"x": "ask", "y": "allow"} {
		c := pageCall("page.get", policy.Read)
		v := s.Decide(c, f, s.Candidate.Conditions(c, f, []byte(text)))
		if said(v) != want || !maps.Equal(v.Conditions, map[string]bool{"/approvals/0": text == "x"}) {
			t.Errorf("%s: %s, %v", text, said(v), v.Conditions)
		}
	}
	if got := said(s.Decide(pageCall("page.get", policy.Read), f, nil)); got != "deny" {
		t.Errorf("a condition without a value: %s", got)
	}
}

// Whoever makes a verdict again from the record says what the gate said, or
// that it cannot be known; and a policy beside itself says what it decides.
func TestShadowFromRecord(t *testing.T) {
	titles := []string{"Books", "Other", "Red", ""}
	lists := []string{eng, books, `"page_prefix_allowlist":["ENG/Books/Red/"]`, eng + `,"page_prefix_denylist":["ENG/Books/"]`, eng + `,"page_prefix_denylist":["ENG/Other/Red/"]`,
		`"spaces_allowlist":["OPS"],"spaces_denylist":["ENG"]`, eng + `,"page_labels_allowlist":["a"]`, eng + `,"page_labels_allowlist":["a","b"]`}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) *policy.Policy {
			return bound(t, wiki(rapid.SampledFrom(lists).Draw(t, name), reading+`,"write":{"allowed":`+rapid.SampledFrom([]string{"true", "false"}).Draw(t, name+" writes")+`}`, ""))
		}
		s := &Shadow{Force: draw("force"), Candidate: draw("candidate")}
		s.Grant = s.Force.Whole(catalog)
		path, id := []policy.Place{{ID: "id:ENG", Name: "ENG"}}, "id:ENG"
		for range rapid.IntRange(0, 3).Draw(t, "depth") {
			title := rapid.SampledFrom(titles).Draw(t, "title")
			id += "/" + rapid.SampledFrom(titles).Draw(t, "id") // often not what the title says
			path = append(path, policy.Place{ID: id, Name: title})
		}
		a := rapid.SampledFrom(catalog[:3]).Draw(t, "action")
		c := pageCall(a.Name, a.Class, labels(rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), func(s string) string { return s }).Draw(t, "labels")...))
		c.Resources[0].Path = path
		f := &policy.Facts{Now: noon, Used: map[string]int{"pages": rapid.IntRange(8, 10).Draw(t, "used")}}
		gate := s.Decide(c, f, nil)
		s.Recorded = true
		again := s.Decide(s.Force.Minimal(c), f, nil)
		if again.Decision != nil {
			if diff := cmp.Diff(gate, again); diff != "" {
				t.Fatal(diff)
			}
		}
		if s.Force.Hash() != s.Candidate.Hash() {
			return
		}
		narrowed, err := s.Force.Narrow(s.Grant, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d := narrowed.Decide(s.Force.Minimal(c), f); gate.Decision != nil && gate.Decision.Effect != d.Effect {
			t.Fatalf("decided %v, beside itself %v", d.Effect, gate.Decision.Effect)
		}
	})
}

// A receipt holds whole verdicts, and only where something was decided.
func TestParseShadow(t *testing.T) {
	p := seal.Sum([]byte("candidate"))
	d := decided(policy.Deny)
	d.Policy = p
	for name, test := range map[string]struct {
		v  Verdict
		ok bool
	}{
		"decided":           {Verdict{Policy: p, Decision: &d, Conditions: map[string]bool{"/x": true}}, true},
		"unknown":           {Verdict{Policy: p, Unknown: UnknownPlan}, true},
		"no candidates":     {Verdict{Unknown: UnknownCandidates}, true},
		"neither":           {Verdict{Policy: p}, false},
		"both":              {Verdict{Policy: p, Decision: &d, Unknown: UnknownPlan}, false},
		"of nobody":         {Verdict{Decision: &d}, false},
		"under another":     {Verdict{Policy: seal.Sum(nil), Decision: &d}, false},
		"unknown, but why?": {Verdict{Policy: p, Unknown: UnknownPlan, Conditions: map[string]bool{"/x": true}}, false},
	} {
		r := Open(&State{Now: noon}, claims, newCall(), &policy.Facts{Now: noon}, decided(policy.Allow))
		r.Shadow = []Verdict{test.v}
		if _, err := Parse(signed(t, r).Envelope.Payload); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, r := range map[string]*Receipt{
		"refused": Refuse(&State{Now: noon}, claims, newCall(), "token.expired"),
		"closed":  Close(&State{Head: Head{Seq: 1}, Now: noon}, &Receipt{Job: "job-1", Seq: 1}, &Outcome{Status: Done}),
	} {
		r.Shadow = []Verdict{{Policy: p, Unknown: UnknownPlan}}
		if _, err := Parse(signed(t, r).Envelope.Payload); err == nil {
			t.Errorf("a %s receipt with a shadow is read", name)
		}
	}
}
