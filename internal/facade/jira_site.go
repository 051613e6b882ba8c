// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/clawea/clawea/seal"
)

// jiraFound is what our search says.
type jiraFound struct {
	Issues []ownIssue `json:"issues"`
	More   bool       `json:"more"`
}

type jiraQuery struct {
	JQL        string   `json:"jql"`
	MaxResults int      `json:"maxResults"`
	Fields     []string `json:"fields"`
	Token      string   `json:"nextPageToken"`
}

func (j *jira) getSearch(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	most, err := strconv.Atoi(q.Get("maxResults"))
	if err != nil {
		most = maxPage
	}
	j.search(w, &jiraQuery{JQL: q.Get("jql"), MaxResults: most, Fields: wants(q.Get("fields")), Token: q.Get("nextPageToken")})
}

func (j *jira) postSearch(w http.ResponseWriter, r *http.Request) {
	q := &jiraQuery{MaxResults: maxPage}
	if j.sent(w, r, q) {
		j.search(w, q)
	}
}

// search shows what the call has found, whatever the server's own query says: the call
// was decided by its arguments, and its result is all that there is to see. For a call
// that is no search, the server's query is one of its own, under the policy.
func (j *jira) search(w http.ResponseWriter, q *jiraQuery) {
	if q.Token != "" {
		j.refuse(w, http.StatusBadRequest, "there is no further page; write a query that finds fewer issues")
		return
	}
	b, err := j.result("issue.search", true, map[string]any{"jql": q.JQL, "limit": min(max(q.MaxResults, 1), maxPage)})
	var found jiraFound
	if err == nil {
		err = seal.Glance(b, &found)
	}
	if err != nil {
		j.fail(w, err)
		return
	}
	fields := wanted(q.Fields)
	if len(fields) == 0 {
		fields = wanted{"id"} // as Jira has it
	}
	issues := []*jiraIssue{}
	for i := range found.Issues {
		issues = append(issues, j.shape(&found.Issues[i], fields))
	}
	out := map[string]any{"issues": issues, "isLast": !found.More}
	if found.More {
		out["nextPageToken"] = "none" // a server tells by it that there are more; see above
	}
	answer(w, http.StatusOK, out)
}

// parseQuery finds no fault in any query: the call's own was held to what may be asked
// when it was decided.
func (j *jira) parseQuery(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		Queries []string `json:"queries"`
	}
	if !j.sent(w, r, &sent) {
		return
	}
	list := []any{}
	for _, q := range sent.Queries {
		list = append(list, map[string]any{"query": q})
	}
	answer(w, http.StatusOK, map[string]any{"queries": list})
}

// projects are those that the call's own result names. Others are not there.
func (j *jira) projects() []jiraNamed {
	var got struct {
		jiraFound
		Issue ownIssue `json:"issue"`
	}
	if j.call.Result == nil || seal.Glance(j.call.Result, &got) != nil {
		return nil
	}
	var out []jiraNamed
	for _, i := range append(got.Issues, got.Issue) {
		if i.Project.ID != "" && !slices.Contains(out, i.Project) {
			out = append(out, i.Project)
		}
	}
	return out
}

func (j *jira) project(p jiraNamed) any {
	return map[string]any{"id": p.ID, "key": p.Key, "name": p.Key, "self": j.self("/project/" + p.ID)}
}

func (j *jira) getProjects(w http.ResponseWriter, _ *http.Request) {
	list := []any{}
	for _, p := range j.projects() {
		list = append(list, j.project(p))
	}
	answer(w, http.StatusOK, page(list))
}

// page is a list that has one page.
func page(list []any) map[string]any {
	return map[string]any{"values": list, "startAt": 0, "maxResults": maxPage, "total": len(list), "isLast": true}
}

func (j *jira) getProject(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("project")
	for _, p := range j.projects() {
		if strings.EqualFold(p.Key, name) || p.ID == name {
			answer(w, http.StatusOK, j.project(p))
			return
		}
	}
	j.refuse(w, http.StatusNotFound, "there is no such project")
}

// getLinkTypes shows the phrase of the planned link as the one kind of link that there
// is: what it means the house looks up.
func (j *jira) getLinkTypes(w http.ResponseWriter, _ *http.Request) {
	list := []any{}
	if p := j.args.Phrase; p != "" {
		list = append(list, map[string]any{"id": "1", "name": p, "inward": p, "outward": p})
	}
	answer(w, http.StatusOK, map[string]any{"issueLinkTypes": list})
}

// systemFields are the fields that our actions show, with their types.
func systemFields() [][3]string {
	return [][3]string{
		{"summary", "Summary", "string"}, {"description", "Description", "string"}, {"status", "Status", "status"},
		{"issuetype", "Issue Type", "issuetype"}, {"priority", "Priority", "priority"}, {"resolution", "Resolution", "resolution"},
		{"labels", "Labels", "array"}, {"components", "Components", "array"}, {"assignee", "Assignee", "user"}, {"reporter", "Reporter", "user"},
		{"created", "Created", "datetime"}, {"updated", "Updated", "datetime"}, {"duedate", "Due date", "date"},
	}
}

func (j *jira) getFields(w http.ResponseWriter, _ *http.Request) {
	list := []any{}
	for _, f := range systemFields() {
		list = append(list, map[string]any{
			"id": f[0], "key": f[0], "name": f[1], "custom": false, "orderable": true, "navigable": true, "searchable": true,
			"clauseNames": []string{f[0]}, "schema": map[string]any{"type": f[2], "system": f[0]},
		})
	}
	answer(w, http.StatusOK, list)
}

// getCustomFields shows none: our actions show none, and what they write they find by
// the names that the call gives.
func (j *jira) getCustomFields(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, page([]any{}))
}

// getMyself names nobody.
func (j *jira) getMyself(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"accountId": "clawea", "accountType": "app", "active": true, "displayName": "Clawea", "timeZone": "Etc/UTC", "self": j.self("/myself"),
	})
}

func (j *jira) getServerInfo(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"baseUrl": j.call.Site, "deploymentType": "Cloud", "version": "1001.0.0-SNAPSHOT", "versionNumbers": []int{1001, 0, 0},
		"buildNumber": 100000, "serverTitle": "Jira",
	})
}
