// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/clawea/clawea/seal"
)

// A field is one of the site's fields.
type field struct {
	ID          string   `json:"id"`
	Key         string   `json:"key"`
	Name        string   `json:"name"`
	ClauseNames []string `json:"clauseNames"`
	Schema      struct {
		Type   string `json:"type"`
		System string `json:"system"`
		Custom string `json:"custom"`
	} `json:"schema"`
	Scope *struct {
		Project *project `json:"project"`
	} `json:"scope"`
}

// listFields reads the site's fields.
func (c *Connector) listFields(ctx context.Context) ([]field, error) {
	var all []field
	res, err := c.get(ctx, api+"/field", nil)
	if err == nil {
		err = res.Glance(&all)
	}
	if err != nil {
		return nil, said(err, "the list of fields")
	}
	return all, nil
}

// fields reads the fields that issues of a project can have.
func (c *Connector) fields(ctx context.Context, projectID string) ([]field, error) {
	all, err := c.listFields(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(f field) bool {
		return f.Scope != nil && f.Scope.Project != nil && f.Scope.Project.ID != projectID
	}), nil
}

// called reports whether name is one that people have for the field.
func (f *field) called(name string) bool {
	is := func(s string) bool { return strings.EqualFold(s, name) }
	return is(f.ID) || is(f.Key) || is(f.Name) || slices.ContainsFunc(f.ClauseNames, is)
}

// find returns the one field with the id name, or else the one called so.
// Names are not unique; one that could mean two fields means none.
func find(all []field, name string) (*field, error) {
	var hit *field
	for i := range all {
		f := &all[i]
		switch {
		case f.ID == name:
			return f, nil
		case !f.called(name):
		case hit != nil && hit.ID != f.ID:
			return nil, fmt.Errorf("%q is the name of more than one field; write its id, such as %s or %s", short(name), short(hit.ID), short(f.ID))
		default:
			hit = f
		}
	}
	if hit == nil {
		return nil, fmt.Errorf("%q is not a field of this project; write a field's id, such as summary or customfield_10016", short(name))
	}
	return hit, nil
}

// apart is why a field is not written with an issue, and what to do instead; ""
// for other fields.
func (f *field) apart() string {
	switch f.Schema.Custom {
	case "com.pyxis.greenhopper.jira:gh-epic-link", "com.atlassian.jpo:jpo-custom-field-parent":
		return "name the issue above as parent" // which is held to the policy's projects
	}
	switch f.ID {
	case "project":
		return "give it as project_key"
	case "issuetype":
		return "give it as issue_type"
	case "comment":
		return "write comments with jira.issue.comment.create"
	case "attachment", "issuelinks", "subtasks", "worklog", "watches", "votes", "status", "resolution":
		return "leave it away: it is not set when an issue is created"
	}
	return ""
}

// A reference names something that exists in Jira already. It is the only kind
// of object that is written, apart from documents.
type reference struct {
	ID        string     `json:"id,omitempty"`
	Key       string     `json:"key,omitempty"`
	Name      string     `json:"name,omitempty"`
	Value     string     `json:"value,omitempty"`
	AccountID string     `json:"accountId,omitempty"`
	Child     *reference `json:"child,omitempty"` // of a cascading choice
}

// rich reports whether the field holds a document.
func (f *field) rich() bool {
	return f.Schema.System == "description" || f.Schema.System == "environment" || strings.HasSuffix(f.Schema.Custom, ":textarea")
}

// encode puts a value into the form that is sent: read against what the field
// can hold, and written anew.
func (f *field) encode(raw json.RawMessage) (json.RawMessage, error) {
	switch {
	case f.rich():
		return document(raw)
	case f.Schema.Type == "string":
		var s string
		if err := seal.Unmarshal(raw, &s); err != nil || len(s) > maxText || !isText(s) {
			return nil, fmt.Errorf("give a text without control characters")
		}
		return seal.Marshal(s)
	case len(raw) > 0 && raw[0] == '[':
		return encodeList(raw)
	}
	return encodeOne(raw)
}

func encodeList(raw json.RawMessage) (json.RawMessage, error) {
	var list []json.RawMessage
	if err := seal.Unmarshal(raw, &list); err != nil || len(list) > 100 {
		return nil, fmt.Errorf("give a list of at most 100 values")
	}
	out := make([]json.RawMessage, len(list))
	for i, item := range list {
		var err error
		if out[i], err = encodeOne(item); err != nil {
			return nil, err
		}
	}
	return seal.Marshal(out)
}

// encodeOne takes a text, a number, a truth value or a reference.
func encodeOne(raw json.RawMessage) (json.RawMessage, error) {
	var text string
	var number float64
	var truth bool
	var ref reference
	switch {
	case seal.Unmarshal(raw, &text) == nil && text != "" && len(text) <= maxText && isText(text):
		return seal.Marshal(text)
	case len(raw) > 0 && raw[0] == '{' && seal.Unmarshal(raw, &ref) == nil && ref.safe(0):
		return seal.Marshal(&ref)
	case string(raw) != "null" && seal.Unmarshal(raw, &number) == nil:
		return seal.Marshal(number)
	case string(raw) != "null" && seal.Unmarshal(raw, &truth) == nil:
		return seal.Marshal(truth)
	}
	return nil, fmt.Errorf(`give a text, a number, true or false, an object such as {"id":"10000"} or {"name":"High"}, or a list of these`)
}

// safe reports whether the reference names something, in plain words.
func (r *reference) safe(depth int) bool {
	size := 0
	for _, s := range []string{r.ID, r.Key, r.Name, r.Value, r.AccountID} {
		if !isText(s) || len(s) > 255 {
			return false
		}
		size += len(s)
	}
	return size > 0 && depth < 3 && (r.Child == nil || r.Child.safe(depth+1))
}
