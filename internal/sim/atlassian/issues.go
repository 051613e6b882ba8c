// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"html"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// issue is a Jira issue. Writes make a clone, change it, and put it in the place of the original when all went well.
type issue struct {
	id          string
	key         string
	number      int // of the key
	project     *project
	kind        *issueType
	status      status
	priority    priority
	parent      *issue
	assignee    *account // nil: nobody
	reporter    *account
	creator     *account
	summary     string
	description json.RawMessage // an Atlassian document; nil: none
	environment json.RawMessage
	labels      []string // sorted
	components  []*component
	due         string                     // yyyy-mm-dd or ""
	level       string                     // the security level; "" if there is none
	extra       map[string]json.RawMessage // custom fields
	created     time.Time
	updated     time.Time
	comments    []*issueComment
	properties  map[string]json.RawMessage // entity properties by key
	links       []*issueLink
	remote      []*remoteLink
	history     []change
	was         *issue         // as the search index has it until the lag is over
	changed     time.Time      // when was was written
	after       []func(*issue) // what is to be done when a write has gone well
}

// settle does what was to be done when all went well.
func (i *issue) settle() {
	after := i.after
	i.after = nil
	for _, do := range after {
		do(i)
	}
}

// change is an entry of the changelog.
type change struct {
	id     string
	author *account
	at     time.Time
	items  []changeItem
}

type changeItem struct {
	field    string // as shown: a custom field's name, a system field's id
	fieldID  string // empty for what is not a field: Key
	custom   bool
	from, to mark
}

func (i *issue) clone() *issue {
	next := *i
	next.extra = maps.Clone(i.extra)
	next.properties = maps.Clone(i.properties)
	return &next
}

func (i *issue) self(c *call) string { return c.rest() + "/issue/" + i.id }

// issue finds the issue of the path, by id or by any key it ever had.
func (s *Site) issue(c *call) (*issue, *reply) {
	i := s.findIssue(c.account, c.vars["issue"])
	if i == nil {
		refusal := jiraError(http.StatusNotFound, "Issue does not exist or you do not have permission to see it.")
		return nil, &refusal
	}
	return i, nil
}

// findIssue returns the issue that the account may see, or nil.
func (s *Site) findIssue(a *account, idOrKey string) *issue {
	i := s.issues[idOrKey]
	if i == nil {
		i = s.keys[strings.ToUpper(idOrKey)]
	}
	if i == nil || !i.project.browsable(a) {
		return nil
	}
	return i
}

// record notes in the changelog what is different from the issue as it was before.
func (s *Site) record(by *account, before, after *issue) {
	var items []changeItem
	for _, f := range s.fields {
		if f.mark == nil {
			continue
		}
		from, to := f.mark(before), f.mark(after)
		if from == to {
			continue
		}
		name := f.id
		if f.custom != "" {
			name = f.name
		}
		items = append(items, changeItem{name, f.id, f.custom != "", from, to})
	}
	if before.key != after.key {
		items = append(items, changeItem{field: "Key", from: mark{text: before.key}, to: mark{text: after.key}})
	}
	if len(items) == 0 {
		return
	}
	s.note(by, after, items...)
}

// note adds an entry to the changelog of an issue.
func (s *Site) note(by *account, i *issue, items ...changeItem) {
	i.updated = s.now()
	i.history = append(slices.Clone(i.history), change{s.newID(), by, i.updated, items})
}

func (ch *change) json(c *call) object {
	items := []object{}
	for _, item := range ch.items {
		o := object{"field": item.field, "fieldtype": "jira"}
		if item.custom {
			o["fieldtype"] = "custom"
		}
		if item.fieldID != "" {
			o["fieldId"] = item.fieldID
		}
		o["from"], o["fromString"] = orNull(item.from.id), orNull(item.from.text)
		o["to"], o["toString"] = orNull(item.to.id), orNull(item.to.text)
		items = append(items, o)
	}
	return object{"id": ch.id, "author": ch.author.user(c), "created": jiraStamp(ch.at), "items": items}
}

func (i *issue) historyJSON(c *call) []object {
	list := []object{}
	for n := range i.history {
		list = append(list, i.history[n].json(c))
	}
	return list
}

// postChangelogList answers with the entries of the changelog that the request names.
func postChangelogList(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	var in struct {
		IDs []json.Number `json:"changelogIds"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	var list []object
	for n := range i.history {
		if slices.Contains(in.IDs, json.Number(i.history[n].id)) {
			list = append(list, i.history[n].json(c))
		}
	}
	o, _ := sheet("histories", list, window{limit: 1000})
	return ok(o)
}

func getChangelog(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	return pageBean(c, "values", i.historyJSON(c), 100)
}

// projection is what a request wants to see of issues.
type projection struct {
	fields []*field
	idOnly bool
	expand []string

	properties []string // of the issue; * stands for all
}

// projection reads the fields and expand of a request. Unknown fields are ignored; a minus takes a field out.
func (s *Site) projection(fields, expand []string) projection {
	p := projection{expand: expand, idOnly: len(fields) == 1 && fields[0] == "id"}
	onlyMinus := !slices.ContainsFunc(fields, func(name string) bool { return !strings.HasPrefix(name, "-") })
	for _, f := range s.fields {
		wanted := onlyMinus || slices.Contains(fields, "*all") || slices.Contains(fields, "*navigable") && !f.hidden ||
			slices.Contains(fields, f.id)
		if wanted && !slices.Contains(fields, "-"+f.id) {
			p.fields = append(p.fields, f)
		}
	}
	return p
}

func (p projection) wants(part string) bool { return slices.Contains(p.expand, part) }

// json is the issue as a request wants to see it.
func (i *issue) json(s *Site, c *call, p projection) object {
	if p.idOnly {
		return object{"id": i.id}
	}
	o := object{
		"id": i.id, "key": i.key, "self": i.self(c),
		"expand": "renderedFields,names,schema,transitions,editmeta,changelog",
	}
	fields, rendered := object{}, object{}
	for _, f := range p.fields {
		fields[f.id] = f.show(c, i)
		rendered[f.id] = nil
	}
	o["fields"] = fields
	if _, shown := fields["description"]; shown && i.description != nil {
		rendered["description"] = "<p>" + html.EscapeString(docText(i.description)) + "</p>"
	}
	if p.wants("renderedFields") {
		o["renderedFields"] = rendered
	}
	if p.wants("transitions") {
		o["transitions"] = i.transitionsJSON(s, c, p.wants("transitions.fields"))
	}
	if p.wants("editmeta") {
		o["editmeta"] = object{"fields": i.editMeta(s, c)}
	}
	if len(p.properties) > 0 {
		o["properties"] = i.propertiesJSON(p.properties)
	}
	if p.wants("changelog") {
		histories := i.historyJSON(c)
		slices.Reverse(histories) // here, and only here, the newest comes first
		o["changelog"], _ = sheet("histories", histories, window{limit: 100})
	}
	return o
}

// describe adds the names and schemas of the fields, if they are wanted.
func (p projection) describe(o object) {
	names, schemas := object{}, object{}
	for _, f := range p.fields {
		names[f.id], schemas[f.id] = f.name, f.schema()
	}
	if p.wants("names") {
		o["names"] = names
	}
	if p.wants("schema") {
		o["schema"] = schemas
	}
}

func getIssue(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	fields := c.list("fields")
	if len(fields) == 0 {
		fields = []string{"*all"}
	}
	p := s.projection(fields, c.list("expand"))
	p.idOnly = false
	p.properties = c.list("properties")
	o := i.json(s, c, p)
	p.describe(o)
	return ok(o)
}
