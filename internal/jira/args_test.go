// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/seal"
	"github.com/google/go-cmp/cmp"
)

// schema is as much of a JSON Schema as the tests look at.
type schema struct {
	Type       string                     `json:"type"`
	Closed     *bool                      `json:"additionalProperties"`
	Required   []string                   `json:"required"`
	Properties map[string]json.RawMessage `json:"properties"`
}

func TestTools(t *testing.T) {
	c := New(Config{Site: "https://example.atlassian.net/"})
	args := map[string]struct {
		into    any
		members []string
	}{
		"issue.comments":       {new(pageArgs), []string{"issue_key", "limit", "skip"}},
		"issue.changelog":      {new(pageArgs), []string{"issue_key", "limit", "skip"}},
		"issue.transitions":    {new(issueArgs), []string{"issue_key"}},
		"issue.createmeta":     {new(metaArgs), []string{"issue_type", "project_key"}},
		"issue.editmeta":       {new(issueArgs), []string{"issue_key"}},
		"issue.links":          {new(issueArgs), []string{"issue_key"}},
		"issue.attachments":    {new(issueArgs), []string{"issue_key"}},
		"issue.edit":           {new(editArgs), []string{"based_on", "drops", "entry", "fields", "issue_key", "labels_add", "labels_remove", "message", "undoes"}},
		"issue.transition":     {new(transitionArgs), []string{"based_on", "entry", "issue_key", "message", "transition_id", "undoes"}},
		"issue.assign":         {new(assignArgs), []string{"account_id", "based_on", "entry", "issue_key", "message", "undoes"}},
		"issue.link.create":    {new(linkArgs), []string{"issue_key", "message", "other_key", "phrase"}},
		"issue.comment.delete": {new(takeArgs), []string{"comment_id", "issue_key", "message", "undoes"}},
		"issue.link.delete":    {new(takeArgs), []string{"issue_key", "link_id", "message", "undoes"}},
		"issue.quarantine":     {new(based), []string{"based_on", "issue_key", "message", "undoes"}},
		"issue.search":         {new(searchArgs), []string{"fields", "jql", "limit"}},
		"issue.get":            {new(getArgs), []string{"comments", "issue_key"}},
		"issue.create":         {new(createArgs), []string{"fields", "issue_type", "project_key"}},
		"issue.comment.create": {new(commentArgs), []string{"body", "issue_key"}},
	}
	var names []string
	for _, tool := range c.Tools() {
		name := tool.Action.Name
		if !c.find(name).Offered {
			continue
		}
		names = append(names, name)
		if tool.Action.Tool != c.Name() || tool.Title == "" || tool.Description == "" {
			t.Errorf("%s: %+v", name, tool.Action)
		}
		if _, err := seal.Canonical(tool.Schema); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s := decoded[schema](t, tool.Schema)
		if s.Type != "object" || s.Closed == nil || *s.Closed || len(s.Required) == 0 {
			t.Errorf("%s: the schema is not a closed object with required members", name)
		}
		var members []string
		for member := range s.Properties {
			members = append(members, member)
			if err := decode([]byte(`{"`+member+`":null}`), args[name].into); err != nil {
				t.Errorf("%s: %q is in the schema and not in the arguments: %v", name, member, err)
			}
		}
		slices.Sort(members)
		if diff := cmp.Diff(args[name].members, members); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff(c.offered(), names); diff != "" {
		t.Error(diff)
	}
}

// TestSchemaFields checks that agents are told of the fields that are shown.
func TestSchemaFields(t *testing.T) {
	c := New(Config{Site: "https://example.atlassian.net/"})
	fields := decoded[struct {
		Properties struct {
			Fields struct {
				Items struct {
					Enum []string `json:"enum"`
				} `json:"items"`
			} `json:"fields"`
		} `json:"properties"`
	}](t, c.find(actionSearch).Schema()).Properties.Fields.Items.Enum
	if diff := cmp.Diff(shownFields(), fields); diff != "" {
		t.Error(diff)
	}
}

func TestFind(t *testing.T) {
	all := []field{
		{ID: "summary", Name: "Summary"},
		{ID: "duedate", Name: "Due date", ClauseNames: []string{"due", "duedate"}},
		{ID: "customfield_1", Name: "Team", ClauseNames: []string{"cf[1]", "Team"}},
		{ID: "customfield_2", Name: "team"},
		{ID: "customfield_3", Name: "summary"},
		{ID: "customfield_4", Key: "app__points", Name: "Points"},
	}
	tests := []struct{ name, want string }{
		{"summary", "summary"}, {"Summary", ""}, {"due", "duedate"}, {"DUE DATE", "duedate"}, {"Team", ""},
		{"cf[1]", "customfield_1"}, {"CF[1]", "customfield_1"}, {"customfield_2", "customfield_2"}, {"CustomField_2", "customfield_2"},
		{"points", "customfield_4"}, {"app__points", "customfield_4"}, {"", ""}, {"customfield_", ""}, {"update", ""},
	}
	for _, test := range tests {
		got, err := find(all, test.name)
		switch {
		case test.want == "" && err == nil:
			t.Errorf("%q is %s", test.name, got.ID)
		case test.want != "" && (err != nil || got.ID != test.want):
			t.Errorf("%q: got %v, %v, want %s", test.name, got, err, test.want)
		}
	}
}

func TestFaultsNameTheArgument(t *testing.T) {
	c := New(Config{Site: "https://example.atlassian.net"})
	tests := []struct{ action, args, want string }{
		{"issue.get", `{"issue_key":"ENG-1","isue":1}`, "isue"},
		{"issue.get", `{"issue_key":7}`, "issue_key"},
		{"issue.get", `{"issue_key":"nonsense"}`, "issue_key"},
		{"issue.get", `{"issue_key":"ENG-1","comments":"3"}`, "comments"},
		{"issue.search", `{"jql":"","limit":0}`, "limit"},
		{"issue.search", `{"jql":"","fields":["email"]}`, "email"},
		{"issue.nonsense", `{}`, "nonsense"},
	}
	for _, test := range tests {
		_, err := c.Plan(t.Context(), test.action, []byte(test.args), nil)
		if code(err) != "bad_argument" || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: got %v, want a word on %q", test.action, test.args, err, test.want)
		}
	}
}

// FuzzArguments checks that reading arguments ends in a value within its bounds or a fault.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{
		`{"jql":"status = a","limit":5,"fields":["summary"]}`, `{"issue_key":"ENG-1","comments":0}`,
		`{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a","labels":["b"],"priority":{"name":"c"},"x":[1,true]}}`,
		`{"issue_key":"ENG-1","body":"x"}`, `{"a":1}`, `[]`, ``,
	} {
		f.Add([]byte(s))
	}
	all := []field{{ID: "summary", Name: "Summary"}, {ID: "labels", Name: "Labels"}, {ID: "x", Name: "priority"}}
	all[0].Schema.Type = "string"
	f.Fuzz(func(t *testing.T, b []byte) {
		var s searchArgs
		if decode(b, &s) == nil {
			n, err := s.limit()
			if err == nil && (n < 1 || n > maxHits) {
				t.Fatalf("limit %d", n)
			}
			if list, err := s.fields(); err == nil && slices.ContainsFunc(list, func(f string) bool { return !slices.Contains(shownFields(), f) }) {
				t.Fatalf("fields %v", list)
			}
		}
		var g getArgs
		if decode(b, &g) == nil {
			if k, err := key(g.IssueKey); err == nil && strings.ContainsAny(k, "/?#. ") {
				t.Fatalf("key %q", k)
			}
		}
		var c createArgs
		if decode(b, &c) != nil {
			return
		}
		d := draft{fields: map[string]json.RawMessage{}, known: map[string]*field{}, project: &project{ID: "1", Key: "ENG"}, kind: &issueType{ID: "2", Name: "Task"}}
		for name, raw := range c.Fields {
			if err := d.set(all, name, raw); err != nil && code(err) != "bad_argument" {
				t.Fatalf("%v is no bad_argument", err)
			}
		}
		p, err := d.payload()
		if err != nil {
			return
		}
		if body, err := p.bytes("j/1"); err == nil && (!strings.Contains(string(body), `"project":{"id":"1"}`) || !strings.Contains(string(body), `"issuetype":{"id":"2"}`)) {
			t.Fatalf("the body does not name project and type: %s", body)
		}
	})
}
