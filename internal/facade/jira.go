// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/clawea/clawea/seal"
)

const jiraAPI = "/rest/api/3"

// A jira is the facade of Jira Cloud: as much of its REST interface as servers need
// for the calls that adapters map.
type jira struct {
	*Stage
	args jiraArgs

	mu   sync.Mutex
	made jiraNamed // what the planned change was made on, once it was
}

// jiraArgs are the arguments of the call that say what it is about.
type jiraArgs struct {
	IssueKey     string `json:"issue_key"`
	OtherKey     string `json:"other_key"`
	Phrase       string `json:"phrase"`
	ProjectKey   string `json:"project_key"`
	IssueType    string `json:"issue_type"`
	TransitionID string `json:"transition_id"`
}

func (s *Stage) jira() {
	j := &jira{Stage: s}
	if seal.Glance(s.call.Args, &j.args) != nil {
		j.args = jiraArgs{} // then nothing is the planned call's
	}
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /issue/{issue}":                              j.getIssue,
		"GET /issue/{issue}/comment":                      j.getComments,
		"GET /issue/{issue}/transitions":                  j.getTransitions,
		"GET /issue/{issue}/changelog":                    j.getChangelog,
		"GET /issue/{issue}/editmeta":                     j.getEditmeta,
		"GET /issue/createmeta/{project}/issuetypes/{id}": j.getCreatemeta,
		"GET /search/jql":                                 j.getSearch,
		"POST /search/jql":                                j.postSearch,
		"POST /jql/parse":                                 j.parseQuery,
		"GET /project/search":                             j.getProjects,
		"GET /project/{project}":                          j.getProject,
		"GET /issueLinkType":                              j.getLinkTypes,
		"GET /field":                                      j.getFields,
		"GET /field/search":                               j.getCustomFields,
		"GET /myself":                                     j.getMyself,
		"GET /serverInfo":                                 j.getServerInfo,

		"PUT /issue/{issue}":              j.putIssue,
		"PUT /issue/{issue}/assignee":     j.putAssignee,
		"POST /issue":                     j.postIssue,
		"POST /issue/{issue}/comment":     j.postComment,
		"POST /issue/{issue}/transitions": j.postTransition,
		"POST /issueLink":                 j.postLink,
	} {
		method, path, _ := strings.Cut(pattern, " ")
		s.mux.HandleFunc(method+" "+jiraAPI+path, handler)
	}
}

var issueName = regexp.MustCompile(`^(?:[A-Za-z][A-Za-z0-9_]{0,49}-[1-9][0-9]{0,11}|[0-9]{1,19})$`)

// named is the issue that a request names, by key or id, or "" after a refusal.
func (j *jira) named(w http.ResponseWriter, r *http.Request) string {
	name := r.PathValue("issue")
	if !issueName.MatchString(name) {
		j.refuse(w, http.StatusNotFound, "there is no such issue")
		return ""
	}
	return name
}

// is reports whether a name is that of the issue that the call is about.
func (j *jira) is(name string) bool {
	if name == "" {
		return false
	}
	var read struct {
		Issue jiraNamed `json:"issue"`
	}
	if j.call.Result != nil && seal.Glance(j.call.Result, &read) != nil {
		read.Issue = jiraNamed{}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.ContainsFunc([]string{j.args.IssueKey, read.Issue.Key, read.Issue.ID, j.made.Key, j.made.ID}, func(have string) bool {
		return strings.EqualFold(have, name)
	})
}

// read is what a reading action says of an issue, in v. It reports whether that came
// about; if not, the server has its answer.
func (j *jira) read(w http.ResponseWriter, action, name string, args map[string]any, v any) bool {
	if err := j.reads(action, name, args, v); err != nil {
		j.fail(w, err)
		return false
	}
	return true
}

func (j *jira) reads(action, name string, args map[string]any, v any) error {
	if name != "" {
		args["issue_key"] = name
	}
	b, err := j.result(action, j.is(name), args)
	if err == nil {
		err = seal.Glance(b, v)
	}
	return err
}

// wanted are the fields that a request names.
type wanted []string

func wants(list string) wanted {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func (w wanted) has(field string) bool { return slices.Contains(w, field) }

// shows reports whether a field is shown: it is named, or all are. What a server takes
// out of all of them it is shown all the same: the call may see it.
func (w wanted) shows(field string) bool {
	return len(w) == 0 || w.has(field) || w.has("*all") || w.has("*navigable")
}

// getIssue shows an issue. For a call that reads it, that is the call's own result.
func (j *jira) getIssue(w http.ResponseWriter, r *http.Request) {
	name := j.named(w, r)
	if name == "" {
		return
	}
	fields := wants(r.URL.Query().Get("fields"))
	out, ok := j.issue(w, name, fields)
	if !ok {
		return
	}
	if fields.has("attachment") && !j.attach(w, name, out) {
		return
	}
	if fields.has("issuelinks") {
		out.Fields["issuelinks"] = j.links(name)
	}
	if wants(r.URL.Query().Get("expand")).has("changelog") {
		page, ok := j.history(w, name, 0, maxPage)
		if !ok {
			return
		}
		out.Changelog = &histories{Histories: page.Values, MaxResults: page.MaxResults, Total: page.Total}
	}
	answer(w, http.StatusOK, out)
}

// issue reads the fields of an issue that its own action shows.
func (j *jira) issue(w http.ResponseWriter, name string, fields wanted) (*jiraIssue, bool) {
	if slices.Equal(fields, wanted{"attachment"}) { // whose action says what the issue is called
		return &jiraIssue{Fields: map[string]any{}}, true
	}
	args := map[string]any{}
	if !fields.shows("comment") {
		args["comments"] = 0
	}
	var got struct {
		Issue    ownIssue     `json:"issue"`
		Comments []ownComment `json:"comments"`
	}
	err := j.reads("issue.get", name, args, &got)
	if made := j.mine(name); err != nil && made != nil {
		// The change is made. That the job may not read the issue is no failure of it.
		return j.shape(&ownIssue{jiraNamed: *made}, fields), true
	}
	if err != nil {
		j.fail(w, err)
		return nil, false
	}
	out := j.shape(&got.Issue, fields)
	if fields.shows("comment") {
		out.Fields["comment"] = j.comments(name, got.Comments, 0, false)
	}
	return out, true
}

// mine is the issue that the planned change was made on, if it is that; or nil.
func (j *jira) mine(name string) *jiraNamed {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.made.ID == "" || !strings.EqualFold(name, j.made.ID) && !strings.EqualFold(name, j.made.Key) {
		return nil
	}
	made := j.made
	return &made
}

func (j *jira) attach(w http.ResponseWriter, name string, out *jiraIssue) bool {
	var got struct {
		Issue       jiraNamed       `json:"issue"`
		Attachments []ownAttachment `json:"attachments"`
	}
	if !j.read(w, "issue.attachments", name, map[string]any{}, &got) {
		return false
	}
	j.name(out, got.Issue)
	list := []any{}
	for i := range got.Attachments {
		list = append(list, j.attachment(&got.Attachments[i]))
	}
	out.Fields["attachment"] = list
	return true
}

// links are an issue's links, after the call has made one. At other times servers ask
// for them in every read, and nobody reads them.
func (j *jira) links(name string) []any {
	out := []any{}
	var got struct {
		Links []ownLink `json:"links"`
	}
	if j.call.Action != "issue.link.create" || !j.Performed() || j.reads("issue.links", name, map[string]any{}, &got) != nil {
		return out
	}
	for i := range got.Links {
		out = append(out, j.link(&got.Links[i]))
	}
	return out
}

const maxPage = 50 // of comments and changes

// part is which part of a list a request asks for.
func part(r *http.Request) (skip, limit int) {
	q := r.URL.Query()
	number := func(name string, most, otherwise int) int {
		n, err := strconv.Atoi(q.Get(name))
		if err != nil || n < 0 {
			return otherwise
		}
		return min(n, most)
	}
	return number("startAt", 10_000, 0), max(number("maxResults", maxPage, maxPage), 1)
}

func (j *jira) getComments(w http.ResponseWriter, r *http.Request) {
	name := j.named(w, r)
	if name == "" {
		return
	}
	skip, limit := part(r)
	var got struct {
		Comments []ownComment `json:"comments"`
		More     bool         `json:"more"`
	}
	if !j.read(w, "issue.comments", name, map[string]any{"limit": limit, "skip": skip}, &got) {
		return
	}
	answer(w, http.StatusOK, j.comments(name, got.Comments, skip, got.More))
}

func (j *jira) getTransitions(w http.ResponseWriter, r *http.Request) {
	name := j.named(w, r)
	if name == "" {
		return
	}
	var got struct {
		Transitions []struct {
			ID   string    `json:"id"`
			Name string    `json:"name"`
			To   jiraNamed `json:"to"`
		} `json:"transitions"`
	}
	if !j.read(w, "issue.transitions", name, map[string]any{}, &got) {
		return
	}
	list := []any{}
	for _, t := range got.Transitions {
		list = append(list, map[string]any{"id": t.ID, "name": t.Name, "to": map[string]any{"id": t.To.ID, "name": t.To.Name}})
	}
	answer(w, http.StatusOK, map[string]any{"transitions": list})
}

func (j *jira) getChangelog(w http.ResponseWriter, r *http.Request) {
	name := j.named(w, r)
	if name == "" {
		return
	}
	skip, limit := part(r)
	if page, ok := j.history(w, name, skip, limit); ok {
		answer(w, http.StatusOK, page)
	}
}

// history reads changes of an issue.
func (j *jira) history(w http.ResponseWriter, name string, skip, limit int) (*jiraChangelog, bool) {
	var got struct {
		Changes []ownChange `json:"changes"`
		More    bool        `json:"more"`
	}
	if !j.read(w, "issue.changelog", name, map[string]any{"limit": limit, "skip": skip}, &got) {
		return nil, false
	}
	return j.changelog(got.Changes, skip, got.More), true
}

func (j *jira) getEditmeta(w http.ResponseWriter, r *http.Request) {
	name := j.named(w, r)
	if name == "" {
		return
	}
	var got struct {
		Fields []ownMeta `json:"fields"`
	}
	if !j.read(w, "issue.editmeta", name, map[string]any{}, &got) {
		return
	}
	fields := map[string]any{}
	for i := range got.Fields {
		fields[got.Fields[i].ID] = got.Fields[i].shape()
	}
	answer(w, http.StatusOK, map[string]any{"fields": fields})
}

func (j *jira) getCreatemeta(w http.ResponseWriter, r *http.Request) {
	var got struct {
		Fields []ownMeta `json:"fields"`
	}
	project, typ := r.PathValue("project"), r.PathValue("id")
	args := map[string]any{"project_key": project, "issue_type": typ}
	b, err := j.result("issue.createmeta", strings.EqualFold(project, j.args.ProjectKey) && typ == j.args.IssueType, args)
	if err == nil {
		err = seal.Glance(b, &got)
	}
	if err != nil {
		j.fail(w, err)
		return
	}
	list := []any{}
	for i := range got.Fields {
		field := got.Fields[i].shape()
		field["fieldId"] = got.Fields[i].ID
		list = append(list, field)
	}
	answer(w, http.StatusOK, map[string]any{"fields": list, "startAt": 0, "maxResults": len(list), "total": len(list)})
}
