// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
)

// maxStart bounds the token of a search, which is where its next page begins.
const maxStart = 100_000

// readIssue reads an issue, its texts as documents.
func readIssue(ctx context.Context, t *trip) (*atlassian.Response, error) {
	q := t.Query
	if custom(q.Get("fields")) {
		q = with(q, "expand", "schema")
	}
	var issue object
	res, err := t.get(ctx, here(t.Path), q, &issue)
	if err != nil {
		return nil, err
	}
	if err := t.typed(ctx, issue); err != nil {
		return nil, err
	}
	if err := enrich(issue, kinds(issue["schema"])); err != nil {
		return nil, strange(res)
	}
	delete(issue, "schema")
	return person(ctx, t, res, issue)
}

// person is an answer in which people have account ids.
func person(ctx context.Context, t *trip, res *atlassian.Response, v any) (*atlassian.Response, error) {
	out, err := answer(res, v)
	if err != nil {
		return nil, err
	}
	return jiraAnswer(ctx, t, out)
}

// kinds are the kinds of custom fields, from a list of what fields hold.
func kinds(raw json.RawMessage) map[string]string {
	var schema map[string]struct {
		Custom string `json:"custom"`
	}
	if isNull(raw) || parse(raw, &schema) != nil {
		return nil
	}
	out := map[string]string{}
	for id, s := range schema {
		out[id] = s.Custom
	}
	return out
}

// typed adds the type of its project to an issue that does not say it, as those of
// older versions do not: whether customers are served there depends on it.
func (t *trip) typed(ctx context.Context, issue object) error {
	var fields, project object
	if isNull(issue["fields"]) || parse(issue["fields"], &fields) != nil || isNull(fields["project"]) || parse(fields["project"], &project) != nil {
		return nil
	}
	id := text(project["id"])
	if project["projectTypeKey"] != nil || id == "" {
		return nil
	}
	var whole object
	res, err := t.get(ctx, jiraHere+"/project/"+atlassian.Segment(id), nil, &whole)
	switch {
	case err != nil:
		return err
	case whole["projectTypeKey"] == nil:
		return nil
	}
	project["projectTypeKey"] = whole["projectTypeKey"]
	if fields["project"], err = write(project); err != nil {
		return strange(res)
	}
	issue["fields"], err = write(fields)
	return err
}

// search asks for a page of hits, by where it begins.
func search(ctx context.Context, t *trip) (*atlassian.Response, error) {
	var in struct {
		JQL        string   `json:"jql"`
		MaxResults int      `json:"maxResults"`
		Fields     []string `json:"fields,omitempty"`
		Properties []string `json:"properties,omitempty"`
		Token      string   `json:"nextPageToken,omitempty"`
		Written    []int64  `json:"reconcileIssues,omitempty"` // the search here knows no such thing
	}
	if err := strict(t.Body, &in); err != nil {
		return nil, notOffered("this search")
	}
	start := 0
	if in.Token != "" {
		n, err := strconv.Atoi(in.Token)
		if err != nil || n < 1 || n > maxStart || strconv.Itoa(n) != in.Token {
			return nil, notOffered("this page of a search")
		}
		start = n
	}
	body, err := canonical(map[string]any{"jql": in.JQL, "startAt": start, "maxResults": in.MaxResults, "fields": in.Fields})
	if err != nil {
		return nil, err
	}
	res, err := t.send(ctx, &atlassian.Request{Method: "POST", Path: jiraHere + "/search", Body: body, Safe: true})
	if err != nil {
		return nil, err
	}
	var page struct {
		StartAt int      `json:"startAt"`
		Total   int      `json:"total"`
		Issues  []object `json:"issues"`
	}
	if err := res.Glance(&page); err != nil {
		return nil, err
	}
	if page.StartAt != start || custom(strings.Join(in.Fields, ",")) {
		return nil, strange(res)
	}
	for _, issue := range page.Issues {
		if err := t.remember(ctx, issue, in.Properties); err != nil {
			return nil, err
		}
		if err := enrich(issue, nil); err != nil {
			return nil, strange(res)
		}
	}
	out := map[string]any{"issues": page.Issues, "isLast": true}
	if next := start + len(page.Issues); next < page.Total && len(page.Issues) > 0 && next <= maxStart {
		out["isLast"], out["nextPageToken"] = false, strconv.Itoa(next)
	}
	return person(ctx, t, res, out)
}

// remember reads properties of a hit, which a search does not show here.
func (t *trip) remember(ctx context.Context, issue object, keys []string) error {
	found := object{}
	for _, key := range keys {
		var p struct {
			Value json.RawMessage `json:"value"`
		}
		_, err := t.get(ctx, jiraHere+"/issue/"+atlassian.Segment(text(issue["id"]))+"/properties/"+atlassian.Segment(key), nil, &p)
		if is(err, atlassian.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		found[key] = p.Value
	}
	if len(keys) == 0 {
		return nil
	}
	var err error
	issue["properties"], err = write(found)
	return err
}

func readCreatemeta(ctx context.Context, t *trip) (*atlassian.Response, error) {
	var page object
	res, err := t.get(ctx, here(t.Path), t.Query, &page)
	if err != nil {
		return nil, err
	}
	if page["fields"] == nil {
		page["fields"] = page["values"]
	}
	delete(page, "values")
	return person(ctx, t, res, page)
}

// internalKey is the property by which a service desk keeps a comment from customers.
const internalKey = "sd.public.comment"

func readComments(ctx context.Context, t *trip) (*atlassian.Response, error) {
	var page object
	res, err := t.get(ctx, here(t.Path), with(t.Query, "expand", "properties"), &page)
	if err != nil {
		return nil, err
	}
	var list []object
	if err := parse(page["comments"], &list); err != nil {
		return nil, strange(res)
	}
	for _, c := range list {
		if err := t.comment(ctx, c); err != nil {
			return nil, err
		}
	}
	if page["comments"], err = write(list); err != nil {
		return nil, strange(res)
	}
	return person(ctx, t, res, page)
}

func readComment(ctx context.Context, t *trip) (*atlassian.Response, error) {
	var c object
	res, err := t.get(ctx, here(t.Path), with(t.Query, "expand", "properties"), &c)
	if err == nil {
		err = t.comment(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	return person(ctx, t, res, c)
}

// comment puts a comment into Cloud's form, and says whether customers may see it.
func (t *trip) comment(ctx context.Context, c object) error {
	doc, err := write(fromWiki(text(c["body"])))
	if err != nil {
		return err
	}
	c["body"] = doc
	if c["jsdPublic"] != nil {
		return nil
	}
	hidden, err := t.hidden(ctx, c)
	if err == nil {
		c["jsdPublic"], err = write(!hidden)
	}
	delete(c, "properties")
	return err
}

// hidden asks for the property if the comment came without its properties.
func (t *trip) hidden(ctx context.Context, c object) (bool, error) {
	var p struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	}
	if first(c["properties"]) == '[' {
		var list []json.RawMessage
		if err := parse(c["properties"], &list); err != nil {
			return true, nil
		}
		for _, raw := range list {
			if parse(raw, &p) != nil || p.Key == internalKey && internal(p.Value) {
				return true, nil
			}
		}
		return false, nil
	}
	_, err := t.get(ctx, jiraHere+"/comment/"+atlassian.Segment(text(c["id"]))+"/properties/"+internalKey, nil, &p)
	if is(err, atlassian.NotFound) {
		return false, nil
	}
	return internal(p.Value), err
}

// internal reads the property; what cannot be read says yes.
func internal(raw json.RawMessage) bool {
	var v struct {
		Internal *bool `json:"internal"`
	}
	return parse(raw, &v) != nil || v.Internal == nil || *v.Internal
}

// An entry is one of a changelog.
type entry struct {
	ID      string          `json:"id"`
	Author  json.RawMessage `json:"author,omitempty"`
	Created string          `json:"created"`
	Items   []item          `json:"items"`
}

type item struct {
	Field      string          `json:"field"`
	FieldType  string          `json:"fieldtype"`
	FieldID    string          `json:"fieldId,omitempty"`
	From       json.RawMessage `json:"from,omitempty"`
	FromString json.RawMessage `json:"fromString,omitempty"`
	To         json.RawMessage `json:"to,omitempty"`
	ToString   json.RawMessage `json:"toString,omitempty"`
}

// readChangelog reads an issue's changelog, which comes whole here, and answers
// with a part of it, the oldest entry first.
func readChangelog(ctx context.Context, t *trip) (*atlassian.Response, error) {
	start, most := number(t.Query, "startAt", 0, maxStart), number(t.Query, "maxResults", 100, 1000)
	var issue struct {
		Changelog struct {
			Total     int     `json:"total"`
			Histories []entry `json:"histories"`
		} `json:"changelog"`
	}
	path := jiraHere + "/issue/" + atlassian.Segment(t.part[0])
	res, err := t.get(ctx, path, url.Values{"fields": {"created"}, "expand": {"changelog"}}, &issue)
	if err != nil {
		return nil, err
	}
	list := issue.Changelog.Histories
	if issue.Changelog.Total != len(list) { // a part of it would tell a wrong story
		return nil, strange(res)
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Or(stamp(a.Created).Compare(stamp(b.Created)), older(a.ID, b.ID)) })
	part := list[min(start, len(list)):min(start+most, len(list))]
	if err := t.fields(ctx, part); err != nil {
		return nil, err
	}
	return person(ctx, t, res, map[string]any{
		"startAt": start, "maxResults": most, "total": len(list), "isLast": start+len(part) >= len(list), "values": append([]entry{}, part...),
	})
}

// stamp is a time as Jira writes it, or the zero time.
func stamp(s string) time.Time {
	at, err := time.Parse("2006-01-02T15:04:05.000-0700", s)
	if err != nil {
		return time.Time{}
	}
	return at
}

func older(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) }

// number is a number of a query, or what is usual.
func number(q url.Values, key string, usual, most int) int {
	n, err := strconv.Atoi(q.Get(key))
	if err != nil || n < 0 {
		return usual
	}
	return min(n, most)
}

// system are the ids of fields that changelogs call otherwise.
var system = map[string]string{
	"Component": "components", "Fix Version": "fixVersions", "Version": "versions", "Attachment": "attachment", "Parent": "parent",
	"Parent Issue": "parent", "Workflow": "", "Key": "", "Link": "", "RemoteIssueLink": "", "RemoteWorkItemLink": "", "Comment": "comment",
}

// fields says which fields the entries are about. Changelogs name custom fields by
// words, which may be those of several: then each of them counts as changed.
func (t *trip) fields(ctx context.Context, list []entry) error {
	var names map[string][]string
	for i := range list {
		var items []item
		for _, it := range list[i].Items {
			id, known := system[it.Field]
			switch {
			case it.FieldID != "":
				items = append(items, it)
				continue
			case it.FieldType != "custom":
				if !known {
					id = it.Field
				}
				it.FieldID = id
				items = append(items, it)
				continue
			case names == nil:
				var err error
				if names, err = t.named(ctx); err != nil {
					return err
				}
			}
			for _, id := range names[it.Field] {
				it.FieldID = id
				items = append(items, it)
			}
			if len(names[it.Field]) == 0 {
				items = append(items, it)
			}
		}
		list[i].Items = items
	}
	return nil
}

// named are the ids of custom fields by their names.
func (t *trip) named(ctx context.Context) (map[string][]string, error) {
	var all []struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Custom bool   `json:"custom"`
	}
	if _, err := t.get(ctx, jiraHere+"/field", nil, &all); err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, f := range all {
		if f.Custom {
			out[f.Name] = append(out[f.Name], f.ID)
		}
	}
	return out, nil
}
