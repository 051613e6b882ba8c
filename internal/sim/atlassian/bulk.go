// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"net/http"
	"slices"
)

// What changes many issues at once, or sends mail. It is here so that tests can show that nobody calls it, and works.

// mostAtOnce is the limit of issues in one request.
const mostAtOnce = 1000

// selection is the part of a bulk request that names the issues.
type selection struct {
	IssueIDsOrKeys         []string `json:"issueIdsOrKeys"`
	SelectedIssueIDsOrKeys []string `json:"selectedIssueIdsOrKeys"`
}

// selected finds the issues of a bulk request; what the account may not see is left out. Bulk changes need a permission
// that only administrators have here.
func (s *Site) selected(c *call, names []string, change bool) ([]*issue, *reply) {
	if change && !c.account.Admin {
		refusal := failure(c.path, http.StatusForbidden, "You do not have the global permission to make bulk changes.")
		return nil, &refusal
	}
	if len(names) == 0 || len(names) > mostAtOnce {
		refusal := failure(c.path, http.StatusBadRequest, "The request must name from 1 to 1000 issues.")
		return nil, &refusal
	}
	var list []*issue
	for _, name := range names {
		if i := s.findIssue(c.account, name); i != nil && !slices.Contains(list, i) {
			list = append(list, i)
		}
	}
	return list, nil
}

// done answers with a task, which has ended already.
func (s *Site) done(issues []*issue) reply {
	id := s.newID()
	ids := []json.Number{}
	for _, i := range issues {
		ids = append(ids, json.Number(i.id))
	}
	s.tasks[id] = object{
		"taskId": id, "status": "COMPLETE", "progressPercent": 100, "processedAccessibleIssues": ids, "totalIssueCount": len(ids),
		"invalidOrInaccessibleIssueCount": 0,
	}
	return reply{status: http.StatusCreated, body: object{"taskId": id}}
}

func getBulkTask(s *Site, c *call) reply {
	task, found := s.tasks[c.vars["task"]]
	if !found {
		return failure(c.path, http.StatusBadRequest, "There is no task with this id.")
	}
	return ok(task)
}

func postBulkDelete(s *Site, c *call) reply {
	var in selection
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	list, refusal := s.selected(c, in.SelectedIssueIDsOrKeys, true)
	if refusal != nil {
		return *refusal
	}
	rep := s.done(list)
	for _, i := range list {
		for _, doomed := range append(s.subtasks(i), i) {
			s.erase(doomed)
		}
	}
	return rep
}

func postBulkTransition(s *Site, c *call) reply {
	var in struct {
		Inputs []struct {
			selection
			TransitionID string `json:"transitionId"`
		} `json:"bulkTransitionInputs"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	var all []*issue
	for _, one := range in.Inputs {
		list, refusal := s.selected(c, one.SelectedIssueIDsOrKeys, true)
		if refusal != nil {
			return *refusal
		}
		for _, i := range list {
			if s.transit(c, i, one.TransitionID) == "" {
				all = append(all, i)
			}
		}
	}
	return s.done(all)
}

// postBulkEdit changes the labels and the priority of many issues; of other fields it knows nothing.
func postBulkEdit(s *Site, c *call) reply {
	var in struct {
		selection
		Edited struct {
			Priority *struct {
				ID string `json:"priorityId"`
			} `json:"priority"`
			Labels []struct {
				Option string `json:"bulkEditMultiSelectFieldOption"`
				Labels []struct {
					Name string `json:"name"`
				} `json:"labels"`
			} `json:"labelsFields"`
		} `json:"editedFieldsInput"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	list, refusal := s.selected(c, in.SelectedIssueIDsOrKeys, true)
	if refusal != nil {
		return *refusal
	}
	verbs := map[string]string{"ADD": "add", "REMOVE": "remove", "REPLACE": "set", "REMOVE_ALL": "set"}
	edit := issueWrite{Fields: map[string]json.RawMessage{}, Update: map[string][]map[string]json.RawMessage{}}
	for _, field := range in.Edited.Labels {
		names := []string{}
		for _, l := range field.Labels {
			names = append(names, l.Name)
			if verb := verbs[field.Option]; verb != "set" {
				edit.Update["labels"] = append(edit.Update["labels"], map[string]json.RawMessage{verb: mustJSON(l.Name)})
			}
		}
		if raw, err := json.Marshal(names); err == nil && verbs[field.Option] == "set" {
			edit.Fields["labels"] = raw
		}
	}
	if p := in.Edited.Priority; p != nil {
		edit.Fields["priority"] = mustJSON(reference{ID: p.ID})
	}
	for _, i := range list {
		if problems := s.change(c, i, &edit); len(problems) > 0 {
			return jiraFieldErrors(problems)
		}
	}
	return s.done(list)
}

// postBulkMove moves many issues to other projects. The targets are named "PROJECT,TYPE,PARENT" by ids or keys.
func postBulkMove(s *Site, c *call) reply {
	var in struct {
		Targets map[string]struct {
			IssueIDsOrKeys []string `json:"issueIdsOrKeys"`
		} `json:"targetToSourcesMapping"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	var all []*issue
	for target, sources := range in.Targets {
		list, refusal := s.selected(c, sources.IssueIDsOrKeys, true)
		if refusal != nil {
			return *refusal
		}
		parts := append(splitList([]string{target}), "", "")
		p := s.findProject(c.account, parts[0])
		if p == nil || p.typeNamed(parts[1]) == nil {
			return failure(c.path, http.StatusBadRequest, "The target must be a project and an issue type of it.")
		}
		for _, i := range list {
			if i.project != p {
				s.moveIssue(c.account, i, p, p.typeNamed(parts[1]))
				all = append(all, i)
			}
		}
	}
	return s.done(all)
}

// postBulkCreate creates many issues: those that can be.
func postBulkCreate(s *Site, c *call) reply {
	var in struct {
		Updates []issueWrite `json:"issueUpdates"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	made, failed := []object{}, []object{}
	for at, one := range in.Updates {
		rep := s.create(c, one)
		o, _ := rep.body.(object)
		if rep.status == http.StatusCreated {
			made = append(made, o)
			continue
		}
		failed = append(failed, object{"status": rep.status, "failedElementNumber": at, "elementErrors": o})
	}
	status := http.StatusCreated
	if len(made) == 0 {
		status = http.StatusBadRequest
	}
	return reply{status: status, body: object{"issues": made, "errors": failed}}
}

func postBulkFetch(s *Site, c *call) reply {
	var in struct {
		selection
		Fields     []string `json:"fields"`
		Expand     []string `json:"expand"`
		Properties []string `json:"properties"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	if len(in.IssueIDsOrKeys) > 100 {
		return jiraError(http.StatusBadRequest, "At most 100 issues can be fetched.")
	}
	list, refusal := s.selected(c, in.IssueIDsOrKeys, false)
	if refusal != nil {
		return *refusal
	}
	if len(in.Fields) == 0 {
		in.Fields = []string{"*all"}
	}
	p := s.projection(in.Fields, in.Expand)
	p.properties = in.Properties
	issues := []object{}
	for _, i := range list {
		issues = append(issues, i.json(s, c, p))
	}
	return ok(object{"issues": issues, "issueErrors": []object{}})
}

func postBulkChangelog(s *Site, c *call) reply {
	var in selection
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	list, refusal := s.selected(c, in.IssueIDsOrKeys, false)
	if refusal != nil {
		return *refusal
	}
	logs := []object{}
	for _, i := range list {
		logs = append(logs, object{"issueId": i.id, "changeHistories": i.historyJSON(c)})
	}
	return ok(object{"issueChangeLogs": logs})
}

// postNotify sends mail about an issue; the site has nobody to send it to.
func postNotify(s *Site, c *call) reply {
	if _, refusal := s.issue(c); refusal != nil {
		return *refusal
	}
	return reply{status: http.StatusNoContent}
}
