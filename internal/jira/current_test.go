// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/clawea/clawea/seal"
)

func TestCurrent(t *testing.T) {
	h := newHouse(t)
	var asked []string
	h.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.URL.Query().Get("fields"))
		return false
	})
	_, result, err := h.do("issue.get", `{"issue_key":"ENG-1"}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Issue struct {
			Version string `json:"version"`
		} `json:"issue"`
	}
	if err := seal.Glance(result.Body, &got); err != nil {
		t.Fatal(err)
	}
	asked = nil
	now, err := h.c.Current(t.Context(), "jira.issue.edit", []byte(`{"issue_key":"eng-1","fields":{"summary":"x"},"message":"m"}`))
	if want, _ := seal.Marshal(got.Issue.Version); err != nil || string(now) != string(want) {
		t.Errorf("got %s, %v; want %s", now, err, want)
	}
	if len(asked) != 1 || asked[0] != "GET /rest/api/3/issue/ENG-1 issuetype,project,security,updated" {
		t.Errorf("it asked for %q", asked)
	}
	h.site.EditIssue("ENG-1", "", map[string]json.RawMessage{"summary": json.RawMessage(`"other"`)})
	if later, err := h.c.Current(t.Context(), "issue.transition", []byte(`{"issue_key":"ENG-1"}`)); err != nil || string(later) == string(now) {
		t.Errorf("after a change: %s, %v", later, err)
	}
}

func TestCurrentRefusals(t *testing.T) {
	h := newHouse(t)
	for _, test := range []struct{ name, action, args, want string }{
		{"no version", "issue.comment.create", `{"issue_key":"ENG-1"}`, "bad_argument"},
		{"a read", "issue.get", `{"issue_key":"ENG-1"}`, "bad_argument"},
		{"nonsense", "nonsense", `{}`, "bad_argument"},
		{"no issue", "issue.edit", `{}`, "bad_argument"},
		{"path", "issue.edit", `{"issue_key":"ENG-1/../ENG-2"}`, "bad_argument"},
		{"no JSON", "issue.edit", `{`, "bad_argument"},
		{"not there", "issue.assign", `{"issue_key":"ENG-999"}`, "not_found"},
	} {
		if _, err := h.c.Current(t.Context(), test.action, []byte(test.args)); code(err) != test.want {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}
