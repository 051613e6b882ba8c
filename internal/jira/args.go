// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/seal"
)

// The arguments of the actions. schemas.go tells agents of the same.
type (
	searchArgs struct {
		JQL    string   `json:"jql"`
		Limit  *int     `json:"limit"`
		Fields []string `json:"fields"`
	}
	getArgs struct {
		IssueKey string `json:"issue_key"`
		Comments *int   `json:"comments"`
	}
	createArgs struct {
		ProjectKey string                     `json:"project_key"`
		IssueType  string                     `json:"issue_type"`
		Fields     map[string]json.RawMessage `json:"fields"`
	}
	commentArgs struct {
		IssueKey string          `json:"issue_key"`
		Body     json.RawMessage `json:"body"`
	}
)

// Bounds of arguments.
const (
	maxHits         = 50
	defaultHits     = 20
	maxComments     = 50
	defaultComments = 20
	maxFields       = 50
)

// decode reads arguments strictly: unknown and repeated names are refused.
func decode(args []byte, v any) error {
	err := seal.Unmarshal(args, v)
	if at := (*seal.SyntaxError)(nil); errors.As(err, &at) {
		where := strings.TrimPrefix(at.Pointer, "/")
		if where == "" {
			where = "the arguments"
		}
		return fault("bad_argument", "%s: %s; see the tool's schema for what it takes", short(where), atlassian.Clean(at.Msg, 200))
	}
	return err
}

// number returns *n, or otherwise if n is nil, if that lies between least and most.
func number(name string, n *int, least, most, otherwise int) (int, error) {
	if n == nil {
		return otherwise, nil
	}
	if *n < least || *n > most {
		return 0, fault("bad_argument", "%s: give a number from %d to %d", name, least, most)
	}
	return *n, nil
}

func (a *searchArgs) limit() (int, error) { return number("limit", a.Limit, 1, maxHits, defaultHits) }

// shownFields are all the fields that agents get, by Jira's ids.
func shownFields() []string {
	return []string{
		"summary", "status", "issuetype", "priority", "resolution", "labels", "components",
		"assignee", "reporter", "created", "updated", "duedate", "description",
	}
}

// fields are the fields to show of hits: those asked for, or a few.
func (a *searchArgs) fields() ([]string, error) {
	if len(a.Fields) == 0 {
		return []string{"summary", "status", "issuetype", "priority", "labels", "updated"}, nil
	}
	known := shownFields()
	for _, f := range a.Fields {
		if !slices.Contains(known, f) {
			return nil, fault("bad_argument", "fields: %q cannot be shown; choose from %s", short(f), strings.Join(known, ", "))
		}
	}
	out := slices.Clone(a.Fields)
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (a *getArgs) comments() (int, error) {
	return number("comments", a.Comments, 0, maxComments, defaultComments)
}

// key is an issue's key as Jira writes it.
func key(s string) (string, error) {
	k := strings.ToUpper(s)
	if !issueKey.MatchString(k) {
		return "", fault("bad_argument", "issue_key: %q is not an issue's key; write one such as ENG-12", short(s))
	}
	return k, nil
}

// project is the key of the project.
func (a *createArgs) project() (string, error) {
	if !projectKey.MatchString(a.ProjectKey) {
		return "", fault("bad_argument", "project_key: %q is not a project's key; write one such as ENG", short(a.ProjectKey))
	}
	return a.ProjectKey, nil
}

// issueType is the name or id of the type.
func (a *createArgs) issueType() (string, error) {
	t := a.IssueType
	if t == "" || len(t) > 100 || strings.TrimSpace(t) != t || !isText(t) {
		return "", fault("bad_argument", "issue_type: %q is not an issue type; write a name such as Task, or an id", short(t))
	}
	return t, nil
}
