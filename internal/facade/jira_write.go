// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/clawea/clawea/seal"
)

// The requests that change something. Each is a sign that the server is about to do
// what was decided, and no more than that: if it is the planned action on the planned
// target, the house makes the planned change. What else stands in the request (the
// texts, the values of fields, whom to notify) is neither compared with that nor sent,
// since the server puts the agent's words into Jira's form in its own way, and the
// house in its own, which is what people and the policy have seen. A request for
// anything else is refused, and so is a second one.

// change makes the planned change and answers the request for it. as says whether it
// is the planned one, and shows is the answer's body after the change, or nil.
func (j *jira) change(w http.ResponseWriter, as bool, status int, shows func(*jiraMade) any) {
	if !as || j.call.Perform == nil {
		j.refuse(w, http.StatusForbidden, "this is not the change that the call was allowed to make")
		return
	}
	b, err := j.perform()
	if err != nil {
		j.fail(w, err)
		return
	}
	made := new(jiraMade)
	if seal.Glance(b, made) != nil {
		made = new(jiraMade) // it is done, whatever is said of it
	}
	j.mu.Lock()
	if j.made = made.Issue; j.made.Key == "" {
		j.made.Key = j.args.IssueKey
	}
	j.mu.Unlock()
	if shows == nil {
		w.WriteHeader(status)
		return
	}
	answer(w, status, shows(made))
}

// jiraMade is what our changes say of what they made.
type jiraMade struct {
	Issue   jiraNamed `json:"issue"`
	Comment jiraNamed `json:"comment"`
}

// does reports whether the call is one of these actions.
func (j *jira) does(actions ...string) bool {
	for _, a := range actions {
		if a == j.call.Action {
			return true
		}
	}
	return false
}

func (j *jira) putIssue(w http.ResponseWriter, r *http.Request) {
	if name := j.named(w, r); name != "" {
		j.change(w, j.does("issue.edit", "issue.assign") && j.is(name), http.StatusNoContent, nil)
	}
}

func (j *jira) putAssignee(w http.ResponseWriter, r *http.Request) {
	if name := j.named(w, r); name != "" {
		j.change(w, j.does("issue.assign") && j.is(name), http.StatusNoContent, nil)
	}
}

func (j *jira) postComment(w http.ResponseWriter, r *http.Request) {
	if name := j.named(w, r); name != "" {
		j.change(w, j.does("issue.comment.create") && j.is(name), http.StatusCreated, func(made *jiraMade) any {
			return map[string]any{"id": made.Comment.ID, "self": j.self("/issue/" + made.Issue.ID + "/comment/" + made.Comment.ID)}
		})
	}
}

func (j *jira) postTransition(w http.ResponseWriter, r *http.Request) {
	name := j.named(w, r)
	if name == "" {
		return
	}
	var sent struct {
		Transition struct {
			ID json.RawMessage `json:"id"`
		} `json:"transition"`
	}
	if !j.sent(w, r, &sent) {
		return
	}
	id := strings.Trim(string(sent.Transition.ID), `"`)
	j.change(w, j.does("issue.transition") && j.is(name) && id != "" && id == j.args.TransitionID, http.StatusNoContent, nil)
}

func (j *jira) postIssue(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		Fields struct {
			Project jiraNamed `json:"project"`
			Type    jiraNamed `json:"issuetype"`
		} `json:"fields"`
	}
	if !j.sent(w, r, &sent) {
		return
	}
	p, t := sent.Fields.Project, sent.Fields.Type
	as := p.Key != "" && strings.EqualFold(p.Key, j.args.ProjectKey) && j.args.IssueType != "" &&
		(strings.EqualFold(t.Name, j.args.IssueType) || t.ID == j.args.IssueType)
	j.change(w, j.does("issue.create") && as, http.StatusCreated, func(made *jiraMade) any {
		return map[string]any{"id": made.Issue.ID, "key": made.Issue.Key, "self": j.self("/issue/" + made.Issue.ID)}
	})
}

// postLink takes the two ends either way: servers differ in which of them they call
// inward, and the house links as the planned phrase says.
func (j *jira) postLink(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		Inward  jiraNamed `json:"inwardIssue"`
		Outward jiraNamed `json:"outwardIssue"`
	}
	if !j.sent(w, r, &sent) {
		return
	}
	a, b := sent.Inward.Key, sent.Outward.Key
	this, other := j.args.IssueKey, j.args.OtherKey
	as := this != "" && other != "" && (strings.EqualFold(a, this) && strings.EqualFold(b, other) || strings.EqualFold(a, other) && strings.EqualFold(b, this))
	j.change(w, j.does("issue.link.create") && as, http.StatusCreated, nil)
}

// sent reads what the server sent. It reports whether that could be read; if not, the
// server has its answer.
func (j *jira) sent(w http.ResponseWriter, r *http.Request, v any) bool {
	b, err := body(r)
	if err == nil {
		err = seal.Glance(b, v)
	}
	if err != nil {
		j.refuse(w, http.StatusBadRequest, "the request cannot be read")
	}
	return err == nil
}
