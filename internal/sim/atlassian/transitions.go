// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"slices"
	"strings"
)

// status is where an issue is in the workflow, which is the same in every project.
type status struct {
	id       string
	name     string
	category int // its id
}

func statuses() []status {
	return []status{{"10000", "To Do", 2}, {"10001", "In Progress", 4}, {"10002", "Done", 3}}
}

func statusNamed(idOrName string) (status, bool) {
	for _, st := range statuses() {
		if st.id == idOrName || strings.EqualFold(st.name, idOrName) {
			return st, true
		}
	}
	return status{}, false
}

// categoryKey is the key of a status category. The names of the categories are those of the statuses.
func categoryKey(id int) string {
	switch id {
	case 3:
		return "done"
	case 4:
		return "indeterminate"
	}
	return "new"
}

func (st status) json(c *call) object {
	return object{
		"self": c.rest() + "/status/" + st.id, "id": st.id, "name": st.name, "description": "",
		"iconUrl": c.base + "/images/icons/statuses/generic.png",
		"statusCategory": object{
			"id": st.category, "key": categoryKey(st.category), "name": st.name, "colorName": "blue-gray",
		},
	}
}

func (st status) done() bool { return st.category == 3 }

// resolution is the field resolution: issues are resolved while they are done.
func (st status) resolution(c *call) any {
	if !st.done() {
		return nil
	}
	return object{"self": c.rest() + "/resolution/10000", "id": "10000", "name": "Done", "description": ""}
}

// transition is a step of the workflow. Not every step has one back: done issues are reopened from the start.
type transition struct {
	id, name, from, to string
}

func workflow() []transition {
	return []transition{
		{"11", "Start work", "To Do", "In Progress"},
		{"21", "Stop work", "In Progress", "To Do"},
		{"31", "Resolve", "In Progress", "Done"},
		{"41", "Reopen", "Done", "To Do"},
	}
}

// transitions returns the steps that the issue can take now.
func (i *issue) transitions() []transition {
	var steps []transition
	for _, t := range workflow() {
		if t.from == i.status.name {
			steps = append(steps, t)
		}
	}
	return steps
}

func (i *issue) transitionsJSON(s *Site, c *call, fields bool) []object {
	list := []object{}
	for _, t := range i.transitions() {
		to, _ := statusNamed(t.to)
		o := object{
			"id": t.id, "name": t.name, "to": to.json(c), "hasScreen": true, "isGlobal": false, "isInitial": false,
			"isConditional": false, "isAvailable": true, "looped": false,
		}
		if fields {
			o["fields"] = i.editMeta(s, c)
		}
		list = append(list, o)
	}
	return list
}

func getTransitions(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	list := []object{}
	fields := slices.Contains(c.list("expand"), "transitions.fields")
	for _, t := range i.transitionsJSON(s, c, fields) {
		if only := c.query.Get("transitionId"); only == "" || only == t["id"] {
			list = append(list, t)
		}
	}
	return ok(object{"expand": "transitions", "transitions": list})
}

// postTransition moves an issue along the workflow, with changes of fields that come with it.
func postTransition(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	var in issueWrite
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	if in.Transition == nil || in.Transition.ID == "" {
		return jiraError(http.StatusBadRequest, "Missing 'transition' identifier")
	}
	next := i.clone()
	problems := s.apply(c, next, &in)
	if problem := next.setProperties(in.Properties); problem != "" {
		problems["properties"] = problem
	}
	if len(problems) > 0 {
		return jiraFieldErrors(problems)
	}
	if problem := next.step(in.Transition.ID); problem != "" {
		return jiraError(http.StatusBadRequest, problem)
	}
	s.replace(c.account, i, next)
	return reply{status: http.StatusNoContent}
}

// step takes one step of the workflow, or tells why it cannot.
func (i *issue) step(id string) (problem string) {
	for _, t := range i.transitions() {
		if t.id == id {
			i.status, _ = statusNamed(t.to)
			return ""
		}
	}
	return "It seems that you have tried to perform an illegal workflow operation: no transition with id '" + id + "' is valid for issue '" + i.key + "'."
}

// transit takes one step of the workflow and records it.
func (s *Site) transit(c *call, i *issue, id string) (problem string) {
	next := i.clone()
	if problem := next.step(id); problem != "" {
		return problem
	}
	s.replace(c.account, i, next)
	return ""
}

// getStatuses answers with the statuses of the workflow.
func getStatuses(_ *Site, c *call) reply {
	list := []object{}
	for _, st := range statuses() {
		list = append(list, st.json(c))
	}
	return ok(list)
}
