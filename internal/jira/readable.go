// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"slices"
	"strings"

	"github.com/clawea/clawea/internal/query"
	"github.com/clawea/clawea/policy"
)

// commentField is what comments count as where fields are shown.
const commentField = "comment"

// A readable is what a policy says of the fields that agents may get. The zero
// value says nothing, so that all may be had. What an issue is called and where
// it lies (id, key, project) are no fields here: an agent that may name an issue
// has these already.
type readable struct {
	allowed []string // none: all that are not hidden
	hidden  []string
}

func readableBy(bounds []policy.Bound) readable {
	var r readable
	for _, b := range bounds {
		switch {
		case b.Tool != tool:
		case b.Kind == policy.ReadField:
			r.allowed = append(r.allowed, b.ID)
		case b.Kind == policy.HiddenField:
			r.hidden = append(r.hidden, b.ID)
		}
	}
	return r
}

// may reports whether a field that is known by these ids may be had: none of
// them is hidden, in any case, and one is allowed, in its exact case.
func (r *readable) may(ids ...string) bool {
	if slices.ContainsFunc(ids, r.hides) {
		return false
	}
	return len(r.allowed) == 0 || slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(r.allowed, id) })
}

// hides reports whether the policy's list of hidden fields has the word, in any
// case. Who hides a field by its name there, where ids belong, does mean it.
func (r *readable) hides(word string) bool {
	return slices.ContainsFunc(r.hidden, func(h string) bool { return strings.EqualFold(h, word) })
}

// only returns the fields of the list that may be had.
func (r *readable) only(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return !r.may(id) })
}

// narrow takes out of the dialect what would tell of fields that may not be had:
// whether an issue is found, and in which order, is an answer too.
func (r *readable) narrow(d query.Dialect) query.Dialect {
	for clause := range d.Fields {
		if ids := fieldsOf(clause); ids == nil || r.may(ids...) {
			continue
		}
		delete(d.Fields, clause)
		d.Denied[clause] = "The policy does not let this field be read."
	}
	d = d.Spread("text", textFields()...)
	if _, ok := d.Fields["text"]; !ok {
		d.Denied["text"] = "It searches the summary and the description, and the policy does not let both be read."
	}
	return d
}

// textFields are what a search for text looks into. Jira's looks into comments, too,
// and finds an issue by one that is for a few people only.
func textFields() []string { return []string{"summary", "description"} }

// fieldsOf are the ids of the field that a clause of JQL tells about; none for
// those that tell what an issue is called and where it lies, and for text, which is
// of several.
func fieldsOf(clause string) []string {
	switch clause {
	case "project", "key", "text":
		return nil
	case "statuscategory": // it follows from the status
		return []string{"statusCategory", "status"}
	case "component":
		return []string{"components"}
	case "resolved":
		return []string{"resolutiondate"}
	case "due":
		return []string{"duedate"}
	}
	return []string{clause}
}

// fields are the fields to show of hits: those asked for, permitted or not, or
// as many of a few as are permitted, or else all that are.
func (r *readable) fields(a *searchArgs) ([]string, error) {
	list, err := a.fields()
	if err != nil || len(a.Fields) > 0 {
		return list, err
	}
	if list = r.only(list); len(list) == 0 {
		list = r.only(shownFields())
	}
	return list, nil
}

// comments is how many comments to show: as many as are asked for, permitted or
// not, or the usual number if they are permitted.
func (r *readable) comments(a *getArgs) (int, error) {
	if a.Comments == nil && !r.may(commentField) {
		return 0, nil
	}
	return a.comments()
}

// reads are the fields that a call says it shows.
func reads(fields []string, comments int) []string {
	if comments > 0 {
		fields = append(slices.Clone(fields), commentField)
	}
	return slices.Sorted(slices.Values(fields))
}
