// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is a field of issues. What a field lacks it cannot do: one without set is read-only, one without mark leaves no
// trace in the changelog.
type field struct {
	id      string
	name    string
	kind    string // the schema's type
	items   string // the schema's items, of an array
	custom  string // the type key of a custom field
	clauses []string
	hidden  bool // from *navigable
	show    func(*call, *issue) any
	mark    func(*issue) mark
	set     func(*Site, *issue, json.RawMessage) (problem string)
	edit    func(i *issue, verb, item string) (problem string) // add and remove
}

// mark is what the changelog says of a field: the id behind a value, and its text.
type mark struct{ id, text string }

func (f *field) schema() object {
	o := object{"type": f.kind}
	if f.items != "" {
		o["items"] = f.items
	}
	if f.custom == "" {
		o["system"] = f.id
		return o
	}
	o["custom"] = "com.atlassian.jira.plugin.system.customfieldtypes:" + f.custom
	o["customId"] = json.Number(strings.TrimPrefix(f.id, "customfield_"))
	return o
}

func (f *field) json() object {
	return object{
		"id": f.id, "key": f.id, "name": f.name, "custom": f.custom != "", "orderable": true, "navigable": !f.hidden,
		"searchable": len(f.clauses) > 0, "clauseNames": append([]string{}, f.clauses...), "schema": f.schema(),
	}
}

func getFields(s *Site, _ *call) reply {
	list := []object{}
	for _, f := range s.fields {
		list = append(list, f.json())
	}
	return ok(list)
}

// systemFields are the fields that every site has, in the order in which they are set.
func systemFields() []*field {
	return append(referenceFields(), plainFields()...)
}

// plainFields are the fields that hold texts and times.
func plainFields() []*field {
	return []*field{
		{id: "summary", name: "Summary", kind: "string", clauses: []string{"summary"},
			show: func(_ *call, i *issue) any { return i.summary },
			mark: func(i *issue) mark { return mark{text: i.summary} }, set: setSummary},
		docField("description", "Description", func(i *issue) *json.RawMessage { return &i.description }),
		docField("environment", "Environment", func(i *issue) *json.RawMessage { return &i.environment }),
		{id: "labels", name: "Labels", kind: "array", items: "string", clauses: []string{"labels"},
			show: func(_ *call, i *issue) any { return append([]string{}, i.labels...) },
			mark: func(i *issue) mark { return mark{text: strings.Join(i.labels, " ")} }, set: setLabels, edit: editLabel},
		{id: "duedate", name: "Due date", kind: "date", clauses: []string{"due", "duedate"},
			show: func(_ *call, i *issue) any { return orNull(i.due) },
			mark: func(i *issue) mark { return mark{id: i.due, text: i.due} }, set: setDue},
		{id: "created", name: "Created", kind: "datetime", clauses: []string{"created", "createdDate"},
			show: func(_ *call, i *issue) any { return jiraStamp(i.created) }},
		{id: "updated", name: "Updated", kind: "datetime", clauses: []string{"updated", "updatedDate"},
			show: func(_ *call, i *issue) any { return jiraStamp(i.updated) }},
		{id: "security", name: "Security Level", kind: "securitylevel", clauses: []string{"level"},
			show: func(c *call, i *issue) any { return i.securityJSON(c) },
			mark: func(i *issue) mark { return mark{id: i.level, text: i.level} }},
		{id: "comment", name: "Comment", kind: "comments-page", clauses: []string{"comment"}, hidden: true,
			show: func(c *call, i *issue) any { return i.commentsJSON(c) }},
		{id: "issuelinks", name: "Linked Issues", kind: "array", items: "issuelinks",
			show: func(c *call, i *issue) any { return i.linksJSON(c) }},
	}
}

// securityJSON is the security level. Its id is its name; who may see the issue is not kept: all who see the project may.
func (i *issue) securityJSON(c *call) any {
	if i.level == "" {
		return nil
	}
	return object{"self": c.rest() + "/securitylevel/" + i.level, "id": i.level, "name": i.level, "description": ""}
}

// orNull is a text as JSON, null if empty.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// jiraStamp writes a time as Jira does.
func jiraStamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-0700") }

// docField is a field that holds an Atlassian document.
func docField(id, name string, at func(*issue) *json.RawMessage) *field {
	return &field{id: id, name: name, kind: "string", clauses: []string{id},
		show: func(_ *call, i *issue) any {
			if *at(i) == nil {
				return nil
			}
			return *at(i)
		},
		mark: func(i *issue) mark { return mark{text: docText(*at(i))} },
		set: func(s *Site, i *issue, raw json.RawMessage) string {
			if isNull(raw) {
				*at(i) = nil
				return ""
			}
			if problem := s.checkText(raw); problem != "" {
				return problem
			}
			*at(i) = slices.Clone(raw)
			return ""
		},
	}
}

// checkText tells what is wrong with a long text in a request: on a Cloud site it must be an Atlassian document, on Data
// Center a string in wiki markup.
func (s *Site) checkText(raw json.RawMessage) (problem string) {
	var markup string
	if s.config.DataCenter {
		if json.Unmarshal(raw, &markup) != nil {
			return notString
		}
		return ""
	}
	if _, isDoc := readDoc(raw); !isDoc {
		return "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
	}
	return ""
}

// text is a plain text as the site keeps long texts.
func (s *Site) text(plain string) json.RawMessage {
	if s.config.DataCenter {
		return mustJSON(plain)
	}
	return TextDoc(plain)
}

// docText is the text of a document or of a string, "" of none.
func docText(raw json.RawMessage) string {
	var markup string
	if json.Unmarshal(raw, &markup) == nil {
		return markup
	}
	text, _ := readDoc(raw)
	return text
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

const notString = "Operation value must be a string"

func setSummary(_ *Site, i *issue, raw json.RawMessage) string {
	var text string
	switch {
	case json.Unmarshal(raw, &text) != nil:
		return notString
	case strings.TrimSpace(text) == "":
		return "You must specify a summary of the issue."
	case len([]rune(text)) >= 256:
		return "Summary can't exceed 255 characters."
	case strings.ContainsAny(text, "\r\n"):
		return "The summary is invalid because it contains newline characters."
	}
	i.summary = text
	return ""
}

func setLabels(_ *Site, i *issue, raw json.RawMessage) string {
	var labels []string
	if json.Unmarshal(raw, &labels) != nil {
		return "data was not an array of strings"
	}
	i.labels = nil
	for _, l := range labels {
		if problem := editLabel(i, "add", l); problem != "" {
			return problem
		}
	}
	return ""
}

// editLabel adds or removes one label. Labels are a sorted set.
func editLabel(i *issue, verb, label string) string {
	if label == "" || len([]rune(label)) > 255 || strings.ContainsAny(label, " \t\r\n") {
		return fmt.Sprintf("The label '%s' contains spaces which is invalid.", label)
	}
	i.labels = slices.DeleteFunc(slices.Clone(i.labels), func(l string) bool { return l == label })
	if verb == "add" {
		i.labels = append(i.labels, label)
		slices.Sort(i.labels)
	}
	return ""
}

func setDue(_ *Site, i *issue, raw json.RawMessage) string {
	if isNull(raw) {
		i.due = ""
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return notString
	}
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return "Error parsing date string: " + text
	}
	i.due = text
	return ""
}

// FieldType is what a custom field holds.
type FieldType string

// The types of custom fields.
const (
	TextField      FieldType = "textfield" // a line of text
	ParagraphField FieldType = "textarea"  // an Atlassian document
	NumberField    FieldType = "float"
)

// AddField adds a custom field to all projects and returns its id, such as customfield_10042. Names need not be unique.
func (s *Site) AddField(name string, t FieldType) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := s.newID()
	id := "customfield_" + number
	f := &field{id: id, name: name, kind: "string", custom: string(t), clauses: []string{"cf[" + number + "]", id, name}}
	f.show = func(_ *call, i *issue) any {
		if raw := i.extra[id]; raw != nil {
			return raw
		}
		return nil
	}
	f.mark = func(i *issue) mark { return mark{text: plainText(i.extra[id])} }
	f.set = func(s *Site, i *issue, raw json.RawMessage) string {
		if isNull(raw) {
			delete(i.extra, id)
			return ""
		}
		if problem := t.check(s, raw); problem != "" {
			return problem
		}
		i.extra[id] = slices.Clone(raw)
		return ""
	}
	if t == NumberField {
		f.kind = "number"
	}
	s.fields = append(s.fields, f)
	return id
}

func (t FieldType) check(s *Site, raw json.RawMessage) string {
	switch t {
	case TextField:
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return notString
		}
	case ParagraphField:
		return s.checkText(raw)
	case NumberField:
		var number float64
		if json.Unmarshal(raw, &number) != nil {
			return "Operation value must be a number"
		}
	}
	return ""
}

// plainText is the text of a custom field's value, whatever it holds.
func plainText(raw json.RawMessage) string {
	var text string
	var number float64
	switch {
	case isNull(raw):
		return ""
	case json.Unmarshal(raw, &text) == nil:
		return text
	case json.Unmarshal(raw, &number) == nil:
		return strconv.FormatFloat(number, 'f', -1, 64)
	}
	return docText(raw)
}
