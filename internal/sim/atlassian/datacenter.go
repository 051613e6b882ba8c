// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// dataCenterOperations are what the two products have on Data Center. They have no scopes there.
func dataCenterOperations() []operation {
	const jira, issue = "/rest/api/2", "/rest/api/2/issue/{issue}"
	all := []operation{
		read("GET", jira+"/search", getServerSearch),
		read("POST", jira+"/search", postServerSearch),
		read("GET", jira+"/issue/createmeta/{project}/issuetypes", getCreateTypes),
		read("GET", jira+"/issue/createmeta/{project}/issuetypes/{type}", getCreateFields),
		write("POST", jira+"/issue", postIssue),
		write("POST", jira+"/issue/bulk", postBulkCreate),
		read("GET", issue, getIssue),
		write("PUT", issue, putIssue),
		write("DELETE", issue, deleteIssue),
		read("GET", issue+"/editmeta", getEditMeta),
		write("PUT", issue+"/assignee", putAssignee),
		read("GET", issue+"/comment", getIssueComments),
		write("POST", issue+"/comment", postIssueComment),
		read("GET", issue+"/comment/{comment}", getIssueComment),
		write("PUT", issue+"/comment/{comment}", putIssueComment),
		write("DELETE", issue+"/comment/{comment}", deleteIssueComment),
		read("GET", issue+"/transitions", getTransitions),
		write("POST", issue+"/transitions", postTransition),
		read("GET", issue+"/properties", getProperties),
		read("GET", issue+"/properties/{property}", getProperty),
		write("PUT", issue+"/properties/{property}", putProperty),
		write("DELETE", issue+"/properties/{property}", deleteProperty),
		read("GET", jira+"/comment/{comment}/properties", getProperties),
		read("GET", jira+"/comment/{comment}/properties/{property}", getProperty),
		write("PUT", jira+"/comment/{comment}/properties/{property}", putProperty),
		write("DELETE", jira+"/comment/{comment}/properties/{property}", deleteProperty),
		read("GET", issue+"/remotelink", getRemoteLinks),
		write("POST", issue+"/remotelink", postRemoteLink),
		read("GET", issue+"/remotelink/{link}", getRemoteLink),
		write("DELETE", issue+"/remotelink/{link}", deleteRemoteLink),
		write("POST", jira+"/issueLink", postIssueLink),
		read("GET", jira+"/issueLink/{link}", getIssueLink),
		write("DELETE", jira+"/issueLink/{link}", deleteIssueLink),
		read("GET", jira+"/issueLinkType", getLinkTypes),
		write("POST", issue+"/notify", postNotify),
		read("GET", jira+"/project", getProjectList),
		read("GET", jira+"/project/{project}", getProject),
		read("GET", jira+"/field", getFields),
		read("GET", jira+"/status", getStatuses),
		read("GET", jira+"/myself", getMyself),
		read("GET", jira+"/user", getUser),
		read("GET", jira+"/user/search", getUsers),
		read("GET", jira+"/user/assignable/search", getUsers),
		read("GET", jira+"/mypermissions", getMyPermissions),
		read("GET", jira+"/serverInfo", getServerInfo),
		read("GET", "/rest/api/search", getCQL),
		read("GET", "/rest/api/content/search", getContentCQL),
		read("GET", "/rest/api/space", getServerSpaces),
		read("GET", "/rest/api/space/{space}", getServerSpace),
		read("GET", "/rest/api/user", getPerson),
		read("GET", "/rest/api/user/current", getCurrentUser),
		write("POST", "/rest/api/content/{page}/label", postLabels),
		write("DELETE", "/rest/api/content/{page}/label", deleteLabel),
		write("DELETE", "/rest/api/content/{page}/label/{label}", deleteLabel),
		read("GET", "/rest/api/content/{page}/restriction/byOperation", getRestrictions),
		read("GET", "/rest/experimental/content/{page}/version", getServerVersions),
		read("GET", "/rest/experimental/content/{page}/version/{version}", getServerVersion),
		write("PUT", "/rest/experimental/content/{page}/restriction", putRestrictions),
		write("DELETE", "/rest/experimental/content/{page}/restriction", deleteRestrictions),
		read("GET", "/download/attachments/{page}/{name}", getServerDownload),
	}
	return append(all, contentOperations("/rest/api")...)
}

// getServerInfo tells what the site is.
func getServerInfo(s *Site, c *call) reply {
	return ok(object{
		"baseUrl": c.base, "version": "10.3.0", "versionNumbers": []int{10, 3, 0}, "deploymentType": "Server", "buildNumber": 10030000,
		"serverTime": jiraStamp(s.now()), "serverTitle": "Jira",
	})
}

// serverSearch is a question to the search of version 2, which counts.
type serverSearch struct {
	JQL        string          `json:"jql"`
	StartAt    int             `json:"startAt"`
	MaxResults *int            `json:"maxResults"`
	Fields     []string        `json:"fields"`
	Expand     []string        `json:"expand"`
	Properties []string        `json:"properties"`
	Validate   json.RawMessage `json:"validateQuery"`
}

func postServerSearch(s *Site, c *call) reply {
	var in serverSearch
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	return s.serverSearch(c, &in)
}

func getServerSearch(s *Site, c *call) reply {
	in := serverSearch{JQL: c.query.Get("jql"), Fields: c.list("fields"), Expand: c.list("expand"), Properties: c.list("properties")}
	for key, into := range map[string]func(int){"startAt": func(n int) { in.StartAt = n }, "maxResults": func(n int) { in.MaxResults = &n }} {
		text := c.query.Get(key)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return jiraError(http.StatusBadRequest, "The "+key+" parameter must be a number.")
		}
		into(n)
	}
	return s.serverSearch(c, &in)
}

// serverSearch answers with a page of matching issues and their number. Unasked, it gives all fields that can be shown in
// a list.
func (s *Site) serverSearch(c *call, in *serverSearch) reply {
	q, err := s.parseJQL(in.JQL, c.account)
	if err != nil {
		return jiraError(http.StatusBadRequest, err.Error())
	}
	if len(in.Fields) == 0 {
		in.Fields = []string{"*navigable"}
	}
	p := s.projection(in.Fields, in.Expand)
	p.idOnly, p.properties = false, in.Properties
	w := window{offset: max(0, in.StartAt), limit: 50}
	if in.MaxResults != nil {
		w.limit = max(0, min(*in.MaxResults, 1000))
	}
	all := q.run(nil)
	hits, _ := cut(all, w)
	issues := []object{}
	for _, i := range hits {
		issues = append(issues, i.json(s, c, p))
	}
	o := object{"expand": "schema,names", "startAt": w.offset, "maxResults": w.limit, "total": len(all), "issues": issues}
	p.describe(o)
	return ok(o)
}

// getServerDownload gives a file itself: there is no other host.
func getServerDownload(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	for _, a := range s.attachmentsOf(n) {
		if a.name == c.vars["name"] {
			return reply{status: http.StatusOK, header: http.Header{"Content-Type": {a.media}}, raw: a.data}
		}
	}
	return v1Error(http.StatusNotFound, "The page has no such attachment.")
}
