// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// globalPermission is the only permission here that is not about a project.
const globalPermission = "ADMINISTER"

// permissions are the permissions that the site knows. Without permission schemes, who may browse a project may do all of
// these in it.
func permissions() []string {
	return []string{
		globalPermission, "BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "ADD_COMMENTS", "DELETE_OWN_COMMENTS",
		"DELETE_ALL_COMMENTS", "DELETE_ISSUES", "TRANSITION_ISSUES", "ASSIGN_ISSUES", "MOVE_ISSUES", "LINK_ISSUES",
	}
}

// getMyPermissions tells what the caller may do: in the named project, issue or comment or, if none is named, anywhere.
func getMyPermissions(s *Site, c *call) reply {
	asked := c.list("permissions")
	if len(asked) == 0 {
		return jiraError(http.StatusBadRequest, "The 'permissions' query parameter is required.")
	}
	may, refusal := s.mayBrowse(c)
	if refusal != nil {
		return *refusal
	}
	answers := object{}
	for _, key := range asked {
		at := slices.Index(permissions(), key)
		if at < 0 {
			return jiraError(http.StatusBadRequest, "Unrecognized permission key '"+key+"'.")
		}
		kind, has := "PROJECT", may
		if key == globalPermission {
			kind, has = "GLOBAL", c.account.Admin
		}
		name := strings.ReplaceAll(strings.ToLower(key), "_", " ")
		answers[key] = object{
			"id": strconv.Itoa(at), "key": key, "name": strings.ToUpper(name[:1]) + name[1:], "type": kind,
			"description": "", "havePermission": has,
		}
	}
	return ok(object{"permissions": answers})
}

// mayBrowse tells whether the caller may browse the project that the request is about. What the caller may not see is not
// there.
func (s *Site) mayBrowse(c *call) (bool, *reply) {
	missing := func(what string) (bool, *reply) {
		refusal := jiraError(http.StatusNotFound, "The "+what+" does not exist or you do not have permission to see it.")
		return false, &refusal
	}
	for _, key := range []string{"projectKey", "projectId"} {
		if name := c.query.Get(key); name != "" {
			if s.findProject(c.account, name) == nil {
				return missing("project")
			}
			return true, nil
		}
	}
	for _, key := range []string{"issueKey", "issueId"} {
		if name := c.query.Get(key); name != "" {
			if s.findIssue(c.account, name) == nil {
				return missing("issue")
			}
			return true, nil
		}
	}
	if id := c.query.Get("commentId"); id != "" {
		for _, i := range s.issues {
			if i.project.browsable(c.account) && slices.ContainsFunc(i.comments, func(m *issueComment) bool { return m.id == id }) {
				return true, nil
			}
		}
		return missing("comment")
	}
	for _, p := range s.projects {
		if p.browsable(c.account) {
			return true, nil
		}
	}
	return false, nil
}
