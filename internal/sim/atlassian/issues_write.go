// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// issueWrite is the body of a create, an edit or a transition.
type issueWrite struct {
	Fields     map[string]json.RawMessage              `json:"fields"`
	Update     map[string][]map[string]json.RawMessage `json:"update"`
	Transition *reference                              `json:"transition"`
	Properties []entityProperty                        `json:"properties"`
}

// names returns the fields that the request touches, in the site's order, since some depend on others; names that the
// site does not know come last.
func (in *issueWrite) names(s *Site) []string {
	var known, unknown []string
	for _, f := range s.fields {
		if in.Fields[f.id] != nil || in.Update[f.id] != nil {
			known = append(known, f.id)
		}
	}
	add := func(id string) {
		if !slices.Contains(known, id) && !slices.Contains(unknown, id) {
			unknown = append(unknown, id)
		}
	}
	for id := range in.Fields {
		add(id)
	}
	for id := range in.Update {
		add(id)
	}
	return append(known, unknown...)
}

// apply makes the changes that a request asks for, in an issue that nobody sees yet, and returns what is wrong with them,
// by field id. It leaves out the fields that are set already.
func (s *Site) apply(c *call, i *issue, in *issueWrite, already ...string) map[string]string {
	problems := make(map[string]string)
	for _, id := range in.names(s) {
		if slices.Contains(already, id) && in.Update[id] == nil {
			continue
		}
		if problem := s.applyField(c, i, in, id); problem != "" {
			problems[id] = problem
		}
	}
	return problems
}

func (s *Site) applyField(c *call, i *issue, in *issueWrite, id string) string {
	raw, set := in.Fields[id]
	verbs, updated := in.Update[id]
	if set && updated {
		return "Field '" + id + "' cannot be set twice: it is in 'fields' and in 'update'."
	}
	f := s.field(id)
	if f == nil || f.set == nil && (id != "comment" && id != "issuelinks" || set) {
		return "Field '" + id + "' cannot be set. It is not on the appropriate screen, or unknown."
	}
	if set {
		return f.set(s, i, raw)
	}
	for _, verb := range verbs {
		for name, operand := range verb {
			if problem := s.applyVerb(c, i, f, name, operand); problem != "" {
				return problem
			}
		}
	}
	return ""
}

// applyVerb makes one change of the update part: set, or add and remove where a field has many values.
func (s *Site) applyVerb(c *call, i *issue, f *field, verb string, raw json.RawMessage) string {
	switch {
	case f.id == "issuelinks" && verb == "add":
		return s.linkFrom(c, i, raw)
	case f.id == "comment" && verb == "add":
		return s.addComment(c, i, raw)
	case f.set != nil && verb == "set":
		return f.set(s, i, raw)
	case f.edit != nil && (verb == "add" || verb == "remove"):
		var item string
		if json.Unmarshal(raw, &item) == nil {
			return f.edit(i, verb, item)
		}
		ref, valid := readReference(raw)
		if !valid {
			return notReference
		}
		return f.edit(i, verb, ref.ID+ref.Name)
	}
	return fmt.Sprintf("The operation '%s' is not supported by the field '%s'.", verb, f.id)
}

func (s *Site) field(id string) *field {
	for _, f := range s.fields {
		if f.id == id {
			return f
		}
	}
	return nil
}

func postIssue(s *Site, c *call) reply {
	var in issueWrite
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	return s.create(c, in)
}

func (s *Site) create(c *call, in issueWrite) reply {
	i, problems := s.draft(c, &in)
	if len(problems) > 0 {
		return jiraFieldErrors(problems)
	}
	if problem := i.setProperties(in.Properties); problem != "" {
		return jiraFieldErrors(map[string]string{"properties": problem})
	}
	s.publish(i)
	i.settle()
	o := object{"id": i.id, "key": i.key, "self": i.self(c)}
	if in.Transition != nil {
		problem := s.transit(c, i, in.Transition.ID)
		o["transition"] = nested(problem)
	}
	return reply{status: http.StatusCreated, body: o}
}

// nested is the outcome of a part of a request.
func nested(problem string) object {
	messages, status := []string{}, http.StatusNoContent
	if problem != "" {
		messages, status = []string{problem}, http.StatusBadRequest
	}
	return object{"status": status, "errorCollection": object{"errorMessages": messages, "errors": object{}}}
}

// draft makes an issue that is not on the site yet.
func (s *Site) draft(c *call, in *issueWrite) (*issue, map[string]string) {
	ref, _ := readReference(in.Fields["project"])
	p := s.findProject(c.account, ref.ID)
	if ref.ID == "" {
		p = s.findProject(c.account, ref.Key)
	}
	if p == nil {
		return nil, map[string]string{"project": "Specify a valid project ID or key"}
	}
	i := s.blank(p, c.account)
	if problem := setType(s, i, in.Fields["issuetype"]); problem != "" {
		return nil, map[string]string{"issuetype": "Specify a valid issue type"}
	}
	problems := s.apply(c, i, in, "project", "issuetype")
	if _, told := problems["summary"]; i.summary == "" && !told {
		problems["summary"] = "You must specify a summary of the issue."
	}
	if _, told := problems["parent"]; i.kind.subtask() && i.parent == nil && !told {
		problems["parent"] = "Issue type is a sub-task but parent issue key or id not specified."
	}
	return i, problems
}

// blank is a new issue without type and texts.
func (s *Site) blank(p *project, by *account) *issue {
	medium, _ := priorityNamed("Medium")
	return &issue{
		project: p, status: statuses()[0], priority: medium, reporter: by, creator: by,
		extra: make(map[string]json.RawMessage), properties: make(map[string]json.RawMessage),
	}
}

// publish gives a new issue its id and key.
func (s *Site) publish(i *issue) {
	i.id = s.newID()
	i.created = s.now()
	i.updated = i.created
	s.issues[i.id] = i
	s.enter(i, i.project)
}

// enter puts an issue into a project, under the next key there.
func (s *Site) enter(i *issue, p *project) {
	p.lastNumber++
	i.project, i.number = p, p.lastNumber
	i.key = p.key + "-" + strconv.Itoa(i.number)
	s.keys[i.key] = i
}

func putIssue(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	for _, power := range []string{"overrideScreenSecurity", "overrideEditableFlag"} {
		if c.query.Get(power) == "true" && !c.account.Admin {
			return jiraError(http.StatusForbidden, "You do not have the permission to use '"+power+"'.")
		}
	}
	var in issueWrite
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	if len(in.Fields) == 0 && len(in.Update) == 0 && len(in.Properties) == 0 {
		return jiraError(http.StatusBadRequest, "one of 'fields' or 'update' required")
	}
	if problems := s.change(c, i, &in); len(problems) > 0 {
		return jiraFieldErrors(problems)
	}
	if c.query.Get("returnIssue") != "true" {
		return reply{status: http.StatusNoContent}
	}
	p := s.projection([]string{"*all"}, c.list("expand"))
	return ok(i.json(s, c, p))
}

// change makes all that a request asks for, or nothing and tells why.
func (s *Site) change(c *call, i *issue, in *issueWrite) map[string]string {
	next := i.clone()
	problems := s.apply(c, next, in)
	if problem := next.setProperties(in.Properties); problem != "" {
		problems["properties"] = problem
	}
	if len(problems) == 0 {
		s.replace(c.account, i, next)
	}
	return problems
}

// putAssignee gives an issue to somebody, or to nobody.
func putAssignee(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	raw := json.RawMessage(c.body)
	ref, valid := readReference(raw)
	if !valid {
		return jiraError(http.StatusBadRequest, notReference)
	}
	if ref.AccountID == "" && ref.Name == "" {
		raw = json.RawMessage("null")
	}
	if problems := s.change(c, i, &issueWrite{Fields: map[string]json.RawMessage{"assignee": raw}}); len(problems) > 0 {
		return jiraFieldErrors(problems)
	}
	return reply{status: http.StatusNoContent}
}

// replace makes an issue what its changed clone is, and records the difference.
func (s *Site) replace(by *account, i, next *issue) {
	if s.lag > 0 {
		was := *i
		was.was = nil
		next.was, next.changed = &was, s.now()
	}
	s.record(by, i, next)
	*i = *next
	i.settle()
}

// subtasks returns the issues right below an issue that cannot be without it.
func (s *Site) subtasks(i *issue) []*issue {
	var list []*issue
	for _, other := range s.issues {
		if other.parent == i && other.kind.subtask() {
			list = append(list, other)
		}
	}
	slices.SortFunc(list, func(a, b *issue) int { return compareIDs(a.id, b.id) })
	return list
}

// deleteIssue deletes an issue for good; Jira has no trash.
func deleteIssue(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	below := s.subtasks(i)
	if len(below) > 0 && !strings.EqualFold(c.query.Get("deleteSubtasks"), "true") {
		return jiraError(http.StatusBadRequest, "The issue '"+i.key+"' has subtasks.  You must specify the 'deleteSubtasks' parameter to delete this issue and all its subtasks.")
	}
	for _, doomed := range append(below, i) {
		s.erase(doomed)
	}
	return reply{status: http.StatusNoContent}
}

func (s *Site) erase(i *issue) {
	for _, l := range slices.Clone(i.links) {
		l.cut()
	}
	delete(s.issues, i.id)
	for key, owner := range s.keys {
		if owner == i {
			delete(s.keys, key)
		}
	}
	for _, other := range s.issues {
		if other.parent == i {
			other.parent = nil
		}
	}
}
