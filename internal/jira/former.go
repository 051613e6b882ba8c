// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clawea/clawea/seal"
)

// former is a value as Jira had it in the form in which it can be written back.
// What is rich stays as it is, byte for byte in its canonical form; an object
// becomes a reference by id.
func (f *field) former(raw json.RawMessage) (json.RawMessage, error) {
	if isNull(raw) {
		return json.RawMessage("null"), nil
	}
	if f.rich() {
		return seal.Canonical(raw)
	}
	switch raw[0] {
	case '[':
		var list []json.RawMessage
		if err := seal.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
		for i := range list {
			var err error
			if list[i], err = formerOne(list[i]); err != nil {
				return nil, err
			}
		}
		return seal.Marshal(list)
	case '{':
		return formerOne(raw)
	}
	return seal.Canonical(raw)
}

// formerOne turns an object into a reference, and leaves what is none.
func formerOne(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 || raw[0] != '{' {
		return seal.Canonical(raw)
	}
	r, err := referTo(raw)
	if err != nil {
		return nil, err
	}
	return seal.Marshal(r)
}

// referTo is the reference to an object that Jira shows.
func referTo(raw json.RawMessage) (*reference, error) {
	var shown struct {
		ID        string          `json:"id"`
		AccountID string          `json:"accountId"`
		Child     json.RawMessage `json:"child"`
	}
	if err := seal.Glance(raw, &shown); err != nil {
		return nil, err
	}
	r := &reference{ID: shown.ID, AccountID: shown.AccountID}
	switch {
	case r.AccountID != "":
		r.ID = ""
	case r.ID == "":
		return nil, fmt.Errorf("an object without an id")
	}
	if !isNull(shown.Child) {
		var err error
		if r.Child, err = referTo(shown.Child); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// same reports whether Jira shows the value that was sent: the same document, but
// for what Jira does to documents; the same thing by id or name; the same members
// of a list in any order.
func (f *field) same(sent, shown json.RawMessage) bool {
	switch {
	case f.rich():
		return sameDocument(sent, shown)
	case isNull(sent) || isNull(shown):
		return isNull(sent) && (isNull(shown) || string(shown) == "[]")
	case sent[0] == '[':
		var a, b []json.RawMessage
		if seal.Unmarshal(sent, &a) != nil || seal.Unmarshal(shown, &b) != nil || len(a) != len(b) {
			return false
		}
		return !slices.ContainsFunc(a, func(x json.RawMessage) bool {
			return !slices.ContainsFunc(b, func(y json.RawMessage) bool { return sameOne(x, y) })
		})
	}
	return sameOne(sent, shown)
}

// sameOne compares a scalar, or a reference with the object that it names.
func sameOne(sent, shown json.RawMessage) bool {
	a, errA := seal.Canonical(sent)
	b, errB := seal.Canonical(shown)
	if errA == nil && errB == nil && bytes.Equal(a, b) {
		return true
	}
	var want, is reference
	if sent[0] != '{' || seal.Unmarshal(sent, &want) != nil || seal.Glance(shown, &is) != nil {
		return false
	}
	alike := func(a, b string) bool { return a == "" || strings.EqualFold(a, b) }
	return alike(want.ID, is.ID) && alike(want.Key, is.Key) && alike(want.Name, is.Name) && alike(want.Value, is.Value) &&
		alike(want.AccountID, is.AccountID)
}

// names lists the fields of a change for a sentence.
func names(fields []string) string {
	switch n := len(fields); {
	case n == 0:
		return "nothing"
	case n > 5:
		return fmt.Sprintf("%s and %d other fields", strings.Join(fields[:4], ", "), n-4)
	}
	return strings.Join(fields, ", ")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// asItWas takes a document that Jira had, whatever nodes are in it: its canonical
// form, if it is a document at all.
func asItWas(raw json.RawMessage) (json.RawMessage, error) {
	var doc struct {
		Type    string          `json:"type"`
		Version int             `json:"version"`
		Content json.RawMessage `json:"content"`
	}
	if len(raw) > maxDocument || seal.Glance(raw, &doc) != nil || doc.Type != "doc" || doc.Version != 1 {
		return nil, fmt.Errorf("give the document as Jira had it")
	}
	return seal.Canonical(raw)
}
