// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// TestRefusalsTellNothing changes issues outside of the policy in ways that would be
// refused for what is in them: all are denied alike, and nothing of them is read but
// where they are.
func TestRefusalsTellNothing(t *testing.T) {
	const based = `"based_on":"x","message":"m",`
	tests := []struct {
		name, action, args string
		undoes             bool
	}{
		{"an old version", actionEdit, `{"issue_key":"SECRET-1",` + based + `"labels_add":["x"]}`, false},
		{"an old version, to undo", actionEdit, `{"issue_key":"SECRET-1",` + based + `"labels_add":["x"],"undoes":"j/1"}`, true},
		{"what a text would lose", actionEdit, `{"issue_key":"SECRET-1","based_on":"VERSION","message":"m","fields":{"description":"x"}}`, false},
		{"what is there", actionEdit, `{"issue_key":"SECRET-1","based_on":"VERSION","message":"m","fields":{"summary":"Buy it now"}}`, false},
		{"a field that there is not", actionEdit, `{"issue_key":"SECRET-1","based_on":"VERSION","message":"m","fields":{"no such":1}}`, false},
		{"a moved issue", actionEdit, `{"issue_key":"PLAT-1",` + based + `"labels_add":["x"]}`, false},
		{"another type", actionEdit, `{"issue_key":"ENG-2",` + based + `"labels_add":["x"]}`, false},
		{"a step that there is not", actionTransition, `{"issue_key":"SECRET-1","based_on":"VERSION","message":"m","transition_id":"999"}`, false},
		{"a step, to undo", actionTransition, `{"issue_key":"SECRET-1",` + based + `"transition_id":"11","undoes":"j/1"}`, true},
		{"who has it", actionAssign, `{"issue_key":"SECRET-1","based_on":"VERSION","message":"m","account_id":null}`, false},
		{"who has it, to undo", actionAssign, `{"issue_key":"SECRET-1",` + based + `"account_id":null,"undoes":"j/1"}`, true},
		{"a comment", actionComment, `{"issue_key":"SECRET-1","body":"x"}`, false},
		{"a type that there is not", actionCreate, `{"project_key":"SECRET","issue_type":"Nope","fields":{"summary":"a"}}`, false},
		{"a type and a field", actionCreate, `{"project_key":"SECRET","issue_type":"Task","fields":{"no such":1}}`, false},
		{"a type that is not listed", actionCreate, `{"project_key":"ENG","issue_type":"Bug","fields":{"no such":1}}`, false},
		{"a parent", actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a","parent":{"key":"SECRET-2"}}}`, false},
		{"a link that there is", actionLink, `{"issue_key":"SECRET-1","phrase":"blocks","other_key":"SECRET-2","message":"m"}`, false},
		{"a link that there is not", actionLink, `{"issue_key":"SECRET-2","phrase":"blocks","other_key":"SECRET-1","message":"m"}`, false},
		{"the same issue by two keys", actionLink, `{"issue_key":"PLAT-1","phrase":"blocks","other_key":"SECRET-3","message":"m"}`, false},
		{"a link to elsewhere", actionLink, `{"issue_key":"ENG-1","phrase":"marries","other_key":"SECRET-1","message":"m"}`, false},
		{"a comment that there is not", actionUncomment, `{"issue_key":"SECRET-1","comment_id":"1","message":"m","undoes":"j/1"}`, true},
		{"a link's deletion", actionUnlink, `{"issue_key":"SECRET-1","link_id":"1","message":"m","undoes":"j/1"}`, true},
		{"who made it", actionQuarantine, `{"issue_key":"SECRET-1",` + based + `"undoes":"j/1"}`, true},
	}
	h := newWideHouse(t)
	h.policy = h.publish(strings.Replace(widePolicy, `["ENG", "PLAT"]`, `["ENG", "PLAT", "SECRET"]`, 1))
	h.edit("SECRET-1", h.writer, "description", rich)
	h.did(actionLink, `{"issue_key":"SECRET-1","phrase":"blocks","other_key":"SECRET-2","message":"m"}`)
	if to := h.site.MoveIssue("PLAT-1", "SECRET"); to != "SECRET-3" {
		t.Fatalf("it is %s now", to)
	}
	h.policy = h.publish(strings.Replace(widePolicy, `"operations"`, `"issue_types": ["Task"], "operations"`, 1))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if h.agent = ""; test.undoes {
				h.agent = receipt.Undoer
			}
			args := strings.ReplaceAll(test.args, "VERSION", h.version("SECRET-1"))
			before := len(h.site.Requests())
			if _, _, err := h.do(test.action, args, nil); code(err) != "denied" {
				t.Errorf("got %v", err)
			}
			for _, r := range h.site.Requests()[before:] {
				fields := strings.Split(r.Query.Get("fields"), ",")
				where := strings.Contains(r.Path, "/project/") || strings.HasSuffix(r.Path, "/field") && test.name == "a parent" ||
					len(without(fields, standing())) == 0 && r.Query.Get("properties") == ""
				if r.Method != http.MethodGet || !where {
					t.Errorf("it reads %s %s %v", r.Method, r.Path, r.Query)
				}
			}
		})
	}
}

// TestHolds holds the fence to what policies decide.
func TestHolds(t *testing.T) {
	bound := func(kind, site, id, name string) policy.Bound {
		return policy.Bound{Name: policy.Name{Tool: tool, Kind: kind, Name: name}, Site: site, ID: id}
	}
	c := New(Config{Site: "https://here"})
	eng := bound(policy.Project, "https://here", "1", "ENG")
	task := bound(policy.IssueType, "https://here", "7", "ENG/Task")
	tests := []struct {
		name    string
		bounds  []policy.Bound
		project project
		kind    *issueType
		want    bool
	}{
		{"nothing", nil, project{ID: "1", Key: "ENG"}, nil, false},
		{"the project", []policy.Bound{eng}, project{ID: "1", Key: "ENG"}, &issueType{"9", "Bug"}, true},
		{"the project, called otherwise now", []policy.Bound{eng}, project{ID: "1", Key: "NEW"}, nil, false},
		{"another of the same key", []policy.Bound{eng}, project{ID: "2", Key: "ENG"}, nil, false},
		{"another site's", []policy.Bound{bound(policy.Project, "https://there", "1", "ENG")}, project{ID: "1", Key: "ENG"}, nil, false},
		{"a type", []policy.Bound{eng, task}, project{ID: "1", Key: "ENG"}, &issueType{"7", "Task"}, true},
		{"any type", []policy.Bound{eng, task}, project{ID: "1", Key: "ENG"}, nil, true},
		{"a type, called otherwise now", []policy.Bound{eng, task}, project{ID: "1", Key: "ENG"}, &issueType{"7", "Work"}, false},
		{"another type", []policy.Bound{eng, task}, project{ID: "1", Key: "ENG"}, &issueType{"9", "Task"}, false},
		{"a type that is not told", []policy.Bound{eng, task}, project{ID: "1", Key: "ENG"}, &issueType{}, false},
		{"the type in another project", []policy.Bound{eng, task, bound(policy.Project, "https://here", "2", "OPS")}, project{ID: "2", Key: "OPS"}, &issueType{"7", "Task"}, false},
		{"a type and no project", []policy.Bound{task}, project{ID: "1", Key: "ENG"}, &issueType{"7", "Task"}, false},
		{"another tool's", []policy.Bound{{Name: policy.Name{Tool: "confluence", Kind: policy.Project, Name: "ENG"}, Site: "https://here", ID: "1"}}, project{ID: "1", Key: "ENG"}, nil, false},
	}
	for _, test := range tests {
		if got := c.holds(test.bounds, &test.project, test.kind); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestRestrictedOutside does not say of an issue that the policy denies that a
// security level hides it; of others it does.
func TestRestrictedOutside(t *testing.T) {
	h := newWideHouse(t)
	for key, want := range map[string]string{"SECRET-1": "denied", "ENG-1": "restricted"} {
		is, id := h.issue(key), map[string]string{"SECRET-1": h.secret, "ENG-1": h.eng}[key]
		project, _, _ := strings.Cut(key, "-")
		h.once("GET", "/issue/"+key, reply(200, `{"id":"`+is.ID+`","key":"`+key+`","fields":{"project":{"id":"`+id+`","key":"`+project+`"},"updated":"x","security":{"id":"1","name":"Board"}}}`))
		if _, _, err := h.do(actionEdit, `{"issue_key":"`+key+`","based_on":"x","message":"m","labels_add":["x"]}`, nil); code(err) != want {
			t.Errorf("%s: got %v", key, err)
		}
	}
}

// TestMovedWhilePlanned moves an issue out of the policy between the look where it is
// and the look at what it says.
func TestMovedWhilePlanned(t *testing.T) {
	for action, more := range map[string]string{actionEdit: `"fields":{"summary":"x"}`, actionTransition: `"transition_id":"11"`, actionAssign: `"account_id":null`} {
		h := newWideHouse(t)
		args := h.on("ENG-1", more)
		h.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("properties") != "" && h.issue(h.issue("ENG-1").ID).Key == "ENG-1" {
				h.site.MoveIssue("ENG-1", "SECRET")
			}
			return false
		})
		if _, _, err := h.do(action, args, nil); code(err) != "outside" || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: got %v", action, err)
		}
	}
}

// TestBasedOn takes an issue's version from agents as issue.get tells it, and Jira's
// own time only from what takes back another change.
func TestBasedOn(t *testing.T) {
	h := newWideHouse(t)
	at, err := h.c.locate(t.Context(), "ENG-1")
	if err != nil {
		t.Fatal(err)
	}
	_, result := h.did(actionGet, `{"issue_key":"ENG-1"}`)
	told := decoded[gotten](t, result.Body).Issue.Version
	for version, want := range map[string][2]string{told: {"", ""}, at.Updated: {"conflict", ""}, "x": {"conflict", "conflict"}} {
		for i, undoes := range []string{"", `,"undoes":"j/1"`} {
			if h.agent = ""; undoes != "" {
				h.agent = receipt.Undoer
			}
			_, err := h.plan(actionEdit, `{"issue_key":"ENG-1","based_on":"`+version+`","message":"m","labels_add":["x"]`+undoes+`}`)
			if code(err) != want[i] {
				t.Errorf("%s %s: got %v, want %q", version, undoes, err, want[i])
			}
		}
	}
}

// TestNotUndoing refuses to take anything back for a job that does not, before
// anything is read.
func TestNotUndoing(t *testing.T) {
	h := newWideHouse(t)
	before := len(h.site.Requests())
	for _, agent := range []string{"", "writer", "Undo", "undo-1"} {
		h.agent = agent
		for action, args := range map[string]string{
			actionEdit:       `{"issue_key":"ENG-1","based_on":"x","message":"m","labels_add":["x"],"undoes":"j/1"}`,
			actionTransition: `{"issue_key":"ENG-1","based_on":"x","message":"m","transition_id":"11","undoes":"j/1"}`,
			actionAssign:     `{"issue_key":"ENG-1","based_on":"x","message":"m","account_id":null,"undoes":"j/1"}`,
			actionUncomment:  `{"issue_key":"ENG-1","comment_id":"1","message":"m","undoes":"j/1"}`,
			actionUnlink:     `{"issue_key":"ENG-1","link_id":"1","message":"m","undoes":"j/1"}`,
			actionQuarantine: `{"issue_key":"ENG-1","based_on":"x","message":"m","undoes":"j/1"}`,
		} {
			if _, err := h.plan(action, args); code(err) != "not_undoing" {
				t.Errorf("%s by %q: got %v", action, agent, err)
			}
		}
	}
	if n := len(h.site.Requests()) - before; n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// TestQuarantineStays has an agent take an issue out of quarantine, or put one in.
func TestQuarantineStays(t *testing.T) {
	h := newWideHouse(t)
	h.edit("ENG-1", h.writer, "labels", `["clawea-quarantine","ops"]`)
	for _, more := range []string{
		`"labels_remove":["clawea-quarantine"]`, `"fields":{"labels":["ops"]}`, `"fields":{"labels":null}`, `"fields":{"labels":[]},"labels_add":[]`,
	} {
		if _, _, err := h.do(actionEdit, h.on("ENG-1", more), nil); code(err) != "bad_argument" || !slices.Contains(h.issue("ENG-1").Labels, quarantineLabel) {
			t.Errorf("%s: got %v", more, err)
		}
	}
	h.did(actionEdit, h.on("ENG-1", `"fields":{"labels":["clawea-quarantine","quiet"]}`)) // it stays
	for _, more := range []string{`"labels_add":["clawea-quarantine"]`, `"fields":{"labels":["clawea-quarantine"]}`} {
		if _, _, err := h.do(actionEdit, h.on("ENG-2", more), nil); code(err) != "bad_argument" {
			t.Errorf("%s: got %v", more, err)
		}
	}
	if _, _, err := h.do(actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a","labels":["clawea-quarantine"]}}`, nil); code(err) != "bad_argument" {
		t.Errorf("a new issue: got %v", err)
	}
	d := h.deed(actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`)
	h.undo(d)
	if s := h.step(d); !strings.Contains(s.Blocked, "already") {
		t.Errorf("quarantined twice: %+v", s)
	}
}
