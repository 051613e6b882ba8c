// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
)

// gaps are what the table says otherwise than the published descriptions, with the reason.
var gaps = map[string]string{
	"scopes POST /admin-key":   "no scope is published; it is not offered",
	"scopes DELETE /admin-key": "no scope is published; it is not offered",
}

// A description is what we use of a published one.
type description struct {
	Paths map[string]map[string]json.RawMessage `json:"paths"`
}

type described struct {
	Deprecated bool                        `json:"deprecated"`
	Parameters []struct{ Name, In string } `json:"parameters"`
	Scopes     []struct {
		Scopes []string `json:"scopes"`
	} `json:"x-atlassian-oauth2-scopes"`
}

// absent skips a test that needs what lies beside the repository, except when CI=true
// is set, where that is a failure.
func absent(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip("skipped: " + why)
}

func readDescription(t *testing.T, api atlassian.API) *description {
	t.Helper()
	b, err := os.ReadFile("../../../shared/specs/" + string(api) + ".json")
	if err != nil {
		absent(t, "no published descriptions in ../shared/specs beside the repository: the table is not checked against them")
	}
	d := new(description)
	if err := json.Unmarshal(b, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestTableFitsTheDescriptions says: every request of the table is published, is not deprecated, takes the query keys
// that are sent, and needs the scopes that the table says.
func TestTableFitsTheDescriptions(t *testing.T) {
	descriptions := map[atlassian.API]*description{
		atlassian.Confluence1: readDescription(t, atlassian.Confluence1), atlassian.Confluence2: readDescription(t, atlassian.Confluence2),
	}
	unused := map[string]bool{}
	for gap := range gaps {
		unused[gap] = true
	}
	fail := func(what, row string, e atlassian.Endpoint, detail any) {
		gap := what + " " + e.Method + " " + e.Path
		if delete(unused, gap); gaps[gap] == "" {
			t.Errorf("%s: %s: %v", row, gap, detail)
		}
	}
	for _, o := range Operations() {
		for _, e := range o.Endpoints {
			raw, ok := descriptions[e.API].Paths[e.Path][strings.ToLower(e.Method)]
			if !ok {
				fail("unpublished", o.Name, e, e.API)
				continue
			}
			var d described
			if err := json.Unmarshal(raw, &d); err != nil {
				t.Fatal(err)
			}
			if d.Deprecated {
				fail("deprecated", o.Name, e, "")
			}
			for _, key := range e.Query {
				if !slices.ContainsFunc(d.Parameters, func(p struct{ Name, In string }) bool { return p.In == "query" && p.Name == key }) {
					fail("query", o.Name, e, key)
				}
			}
			want := slices.Sorted(slices.Values(e.Scopes))
			fits := false
			for _, s := range d.Scopes {
				fits = fits || len(s.Scopes) == len(want) && slices.Equal(slices.Sorted(slices.Values(s.Scopes)), want)
			}
			if !fits {
				fail("scopes", o.Name, e, d.Scopes)
			}
		}
	}
	for gap := range unused {
		t.Errorf("there is no gap %q any more", gap)
	}
}

// TestTableIsWhole says: a row that is offered says all that its users need, and one that is not offers nothing.
func TestTableIsWhole(t *testing.T) {
	names := map[string]bool{}
	c := new(Connector)
	for _, o := range Operations() {
		if names[o.Name] {
			t.Errorf("%s is there twice", o.Name)
		}
		names[o.Name] = true
		if !o.Offered {
			if o.Class != policy.Admin || o.Title == "" || o.Description != "" || o.Args != nil || c.planner(o.Name) != nil || len(o.Endpoints) == 0 {
				t.Errorf("%s is only named: %+v", o.Name, o)
			}
			continue
		}
		mutates := o.Class == policy.Write || o.Class == policy.Admin
		if o.Title == "" || o.Description == "" || len(o.Args) == 0 || o.Fields == "" || o.Limits == "" || o.Evidence == "" || mutates != (o.Undo != "") || c.planner(o.Name) == nil {
			t.Errorf("%s is not whole: %+v", o.Name, o)
		}
		writes := slices.ContainsFunc(o.Endpoints, func(e atlassian.Endpoint) bool { return e.Use != atlassian.ForReading })
		if writes != mutates {
			t.Errorf("%s of class %s sends %v", o.Name, o.Class, o.Endpoints)
		}
		for _, e := range o.Endpoints {
			if (e.Method == "GET") != (e.Use == atlassian.ForReading) {
				t.Errorf("%s: %s %s by the %s credential", o.Name, e.Method, e.Path, e.Use)
			}
		}
		if takes := slices.ContainsFunc(o.Args, func(a atlassian.Arg) bool { return a.Name == "undoes" }); takes && !mutates {
			t.Errorf("%s undoes and changes nothing", o.Name)
		}
	}
}

// TestScopesAreApart says: no credential has another's power.
func TestScopesAreApart(t *testing.T) {
	ops := Operations()
	for _, s := range atlassian.Scopes(ops, atlassian.ForReading) {
		if !strings.HasPrefix(s, "read:") && !strings.HasPrefix(s, "search:") {
			t.Errorf("reading needs %s", s)
		}
	}
	for _, s := range atlassian.Scopes(ops, atlassian.ForWriting) {
		if strings.HasPrefix(s, "delete:") || s == writeContent {
			t.Errorf("writing needs %s", s)
		}
	}
}

// TestNoRequestBeyondTheTable says: of what can destroy for good nothing gets past a client that is made with the table.
func TestNoRequestBeyondTheTable(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	mark := len(h.site.Requests())
	for _, r := range []*atlassian.Request{
		{Method: "DELETE", Path: v2 + "/pages/" + h.deploy, Query: map[string][]string{"purge": {"true"}}},
		{Method: "DELETE", Path: v2 + "/pages/" + h.deploy, Query: map[string][]string{"draft": {"true"}}},
		{Method: "DELETE", Path: v1 + "/content/" + h.deploy + "/pageTree"},
		{Method: "PUT", Path: v2 + "/pages/" + h.deploy + "/title", Body: []byte(`{}`)},
		{Method: "POST", Path: v2 + "/pages/" + h.deploy + "/redact", Body: []byte(`{}`)},
		{Method: "PUT", Path: v1 + "/content/" + h.deploy + "/restriction", Body: []byte(`[]`)},
		{Method: "POST", Path: v1 + "/content/archive", Body: []byte(`{}`)},
		{Method: "GET", Path: v2 + "/pages/" + h.deploy, Query: map[string][]string{"get-draft": {"true"}}},
		{Method: "POST", Path: v2 + "/pages", Query: map[string][]string{"private": {"true"}}, Body: []byte(`{}`)},
	} {
		for use, client := range map[string]*atlassian.Client{"read": h.c.read, "write": h.c.write, "undo": h.c.undo} {
			if _, err := client.Do(t.Context(), r); atlassian.Code(err) != atlassian.Invalid {
				t.Errorf("%s %s by the %s credential: %v", r.Method, r.Path, use, err)
			}
		}
	}
	if n := len(h.site.Requests()); n != mark {
		t.Errorf("the site was asked %d times", n-mark)
	}
}

func TestNamedOnly(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	for _, o := range named() {
		if e := h.do(o.Name, `{}`); e.code != "not_offered" {
			t.Errorf("%s: got %s", o.Name, e)
		}
	}
}
