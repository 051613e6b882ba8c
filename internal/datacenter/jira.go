// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
)

// The roots of Jira's interface, in Cloud and here.
const (
	jiraCloud = "/rest/api/3"
	jiraHere  = "/rest/api/2"
)

type jira struct{ rows table }

// Jira returns the driver for a Jira site. It keeps nothing.
func Jira() atlassian.Driver {
	const issue = jiraCloud + "/issue/{issue}"
	read := func(path string) row { return row{method: "GET", path: path, do: readSame} }
	change := func(method, path string) row {
		return row{method: method, path: path, form: jiraForm, answer: jiraAnswer}
	}
	return &jira{table{
		{method: "POST", path: jiraCloud + "/search/jql", do: search},
		{method: "GET", path: issue, do: readIssue},
		{method: "GET", path: issue + "/changelog", do: readChangelog},
		{method: "GET", path: issue + "/comment", do: readComments},
		{method: "GET", path: issue + "/comment/{comment}", do: readComment},
		{method: "GET", path: jiraCloud + "/issue/createmeta/{project}/issuetypes/{type}", do: readCreatemeta},
		read(jiraCloud + "/comment/{comment}/properties/{key}"),
		read(issue + "/transitions"),
		read(issue + "/editmeta"),
		read(issue + "/properties/{key}"),
		read(jiraCloud + "/project/{project}"),
		read(jiraCloud + "/field"),
		read(jiraCloud + "/issueLinkType"),
		read(jiraCloud + "/issueLink/{link}"),
		read(jiraCloud + "/myself"),
		change("POST", jiraCloud+"/issue"),
		change("PUT", issue),
		change("POST", issue+"/transitions"),
		change("POST", issue+"/comment"),
		change("DELETE", issue+"/comment/{comment}"),
		change("POST", jiraCloud+"/issueLink"),
		change("DELETE", jiraCloud+"/issueLink/{link}"),
	}}
}

// Do implements [atlassian.Driver].
func (j *jira) Do(ctx context.Context, r *atlassian.Request, send atlassian.Send) (*atlassian.Response, error) {
	return j.rows.do(ctx, r, send)
}

// Form implements [atlassian.Driver]. It reads nothing.
func (j *jira) Form(ctx context.Context, r *atlassian.Request, send atlassian.Send) (*atlassian.Request, error) {
	return j.rows.form(ctx, r, send)
}

// Back implements [atlassian.Driver]. Texts and names of users in the body stay as
// they are here.
func (j *jira) Back(_ context.Context, form *atlassian.Request, _ atlassian.Send) (*atlassian.Request, error) {
	rest, ok := strings.CutPrefix(form.Path, jiraHere+"/")
	if !ok {
		return nil, notOffered("this path")
	}
	back := *form
	back.Path = jiraCloud + "/" + rest
	return &back, nil
}

// here is a path of Cloud's as it is here.
func here(path string) string { return jiraHere + strings.TrimPrefix(path, jiraCloud) }

// readSame asks for what differs by the forms of users and texts only.
func readSame(ctx context.Context, t *trip) (*atlassian.Response, error) {
	res, err := t.send(ctx, &atlassian.Request{Method: "GET", Path: here(t.Path), Query: t.Query})
	if err != nil {
		return nil, err
	}
	return jiraAnswer(ctx, t, res)
}

// jiraAnswer gives people the account ids that they do not have here.
func jiraAnswer(_ context.Context, _ *trip, res *atlassian.Response) (*atlassian.Response, error) {
	if len(res.Body) == 0 {
		return res, nil
	}
	body, err := each(res.Body, 0, identify)
	if err != nil {
		return nil, strange(res)
	}
	out := *res
	out.Body = body
	return &out, nil
}

// identify gives a person an account id: the name, or the key of one who has lost it.
func identify(o object) error {
	if o["displayName"] == nil || o["accountId"] != nil {
		return nil
	}
	for _, from := range []string{"name", "key"} {
		if id := text(o[from]); id != "" {
			o["accountId"] = quoted(id)
			return nil
		}
	}
	return nil
}

// jiraForm is a change as it goes out: documents as wiki markup, people by name.
func jiraForm(_ context.Context, t *trip) (*atlassian.Request, error) {
	out := *t.Request
	out.Path = here(t.Path)
	if t.Body == nil {
		return &out, nil
	}
	var body object
	err := parse(t.Body, &body)
	if err == nil {
		err = body.localise()
	}
	if err == nil {
		out.Body, err = canonical(body)
	}
	if err != nil {
		return nil, &atlassian.Error{Code: atlassian.BadRequest, Message: "not to be written on Data Center: " + err.Error()}
	}
	return &out, nil
}

// localise puts the texts and people of a body into the forms that they have here.
func (o object) localise() error {
	if raw, ok := o["body"]; ok { // of a comment
		s, err := toWiki(raw)
		if err != nil {
			return err
		}
		o["body"] = quoted(s)
	}
	raw, ok := o["fields"]
	if !ok {
		return nil
	}
	var fields object
	if err := parse(raw, &fields); err != nil {
		return err
	}
	for id, value := range fields {
		if isDocument(value) {
			s, err := toWiki(value)
			if err != nil {
				return err
			}
			fields[id] = quoted(s)
			continue
		}
		value, err := each(value, 0, rename)
		if err != nil {
			return err
		}
		fields[id] = value
	}
	var err error
	o["fields"], err = write(fields)
	return err
}

// rename names a person by the name, which is the account id that we gave.
func rename(o object) error {
	if id, ok := o["accountId"]; ok {
		delete(o, "accountId")
		o["name"] = id
	}
	return nil
}

// isRich reports whether a field holds text with markup. kinds are the kinds of
// custom fields, by id.
func isRich(id string, kinds map[string]string) bool {
	return id == "description" || id == "environment" || strings.HasSuffix(kinds[id], ":textarea")
}

// enrich puts the texts of an issue into documents.
func enrich(issue object, kinds map[string]string) error {
	var fields object
	if isNull(issue["fields"]) {
		return nil
	}
	if err := parse(issue["fields"], &fields); err != nil {
		return err
	}
	for id, value := range fields {
		if !isRich(id, kinds) || first(value) != '"' {
			continue
		}
		doc, err := write(fromWiki(text(value)))
		if err != nil {
			return err
		}
		fields[id] = doc
	}
	var err error
	issue["fields"], err = write(fields)
	return err
}

// custom reports whether one of a list of fields, between commas, is a custom one.
func custom(fields string) bool {
	return slices.ContainsFunc(strings.Split(fields, ","), func(id string) bool { return strings.HasPrefix(id, "customfield_") })
}

// with is a query with one more key.
func with(q url.Values, key, value string) url.Values {
	out := url.Values{key: {value}}
	for k, v := range q {
		out[k] = v
	}
	return out
}
