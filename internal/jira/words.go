// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/seal"
)

// sent puts a value into the form that is sent. Each reference in it names what it
// means in one way: of several that say different things, people would see one and
// Jira might go by another.
func (f *field) sent(raw json.RawMessage) (json.RawMessage, error) {
	value, err := f.encode(raw)
	if err != nil || f.rich() {
		return value, err
	}
	for _, item := range items(value) {
		var ref reference
		if item[0] == '{' && (seal.Unmarshal(item, &ref) != nil || !ref.single()) {
			return nil, errSeveral
		}
	}
	return value, nil
}

var errSeveral = errors.New(`name each thing in one way only, such as {"id":"10000"} or {"name":"High"}, so that all see which is meant`)

// single reports whether the reference, and what is below it, has one identifier each.
func (r *reference) single() bool {
	n := 0
	for _, s := range []string{r.ID, r.Key, r.Name, r.Value, r.AccountID} {
		if s != "" {
			n++
		}
	}
	return n == 1 && (r.Child == nil || r.Child.single())
}

// items are the members of a list, or a value by itself; none of no value.
func items(raw json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	switch {
	case isNull(raw):
		return nil
	case raw[0] == '[' && seal.Unmarshal(raw, &list) == nil:
		return list
	}
	return []json.RawMessage{raw}
}

// A thing is something that values name: as Jira shows it, or as a reference does.
type thing struct {
	ID          string `json:"id"`
	Key         string `json:"key"`
	Name        string `json:"name"`
	Value       string `json:"value"`
	AccountID   string `json:"accountId"`
	DisplayName string `json:"displayName"`
	Child       *thing `json:"child"` // of a cascading choice
}

// words show a value that is not rich to people, each member of a list by itself.
func words(raw json.RawMessage) []string {
	var out []string
	for _, item := range items(raw) {
		if s := wordsOf(item); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// becoming shows the value that is sent in place of another. What it names by an id
// that the other has, too, reads as it does there.
func becoming(was, sent json.RawMessage) []string {
	var out []string
	known := items(was)
	for _, item := range items(sent) {
		if i := slices.IndexFunc(known, func(k json.RawMessage) bool { return refersTo(k, item) }); i >= 0 {
			item = known[i]
		}
		if s := wordsOf(item); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// wordsOf shows one value: a text as it is, a thing by all that identifies it.
func wordsOf(raw json.RawMessage) string {
	var text string
	var t thing
	switch {
	case isNull(raw):
		return ""
	case raw[0] == '"' && seal.Unmarshal(raw, &text) == nil:
		return text
	case raw[0] == '{' && seal.Glance(raw, &t) == nil:
		if s := t.words(); s != "" {
			return s
		}
	}
	return string(raw)
}

// plainID is an identifier that cannot be taken for other words.
var plainID = regexp.MustCompile(`^[0-9A-Za-z:_.-]{1,255}$`)

// words show names in quotes and ids by their kind, so that neither can be taken
// for the other: "High" (id 2).
func (t *thing) words() string {
	var called, ids []string
	for _, s := range []string{t.DisplayName, t.Name, t.Value} {
		if q := strconv.Quote(s); s != "" && !slices.Contains(called, q) {
			called = append(called, q)
		}
	}
	for _, id := range [][2]string{{"key ", t.Key}, {"account ", t.AccountID}, {"id ", t.ID}} {
		switch {
		case plainID.MatchString(id[1]):
			ids = append(ids, id[0]+id[1])
		case id[1] != "":
			ids = append(ids, id[0]+strconv.Quote(id[1]))
		}
	}
	out := strings.Join(called, " ")
	if s := strings.Join(ids, ", "); out == "" {
		out = s
	} else if s != "" {
		out += " (" + s + ")"
	}
	if t.Child != nil {
		out += " > " + t.Child.words()
	}
	return out
}

// refersTo reports whether a reference that is sent means, by its id, something that
// Jira shows.
func refersTo(shown, sent json.RawMessage) bool {
	var a, b thing
	return sent[0] == '{' && seal.Glance(sent, &a) == nil && seal.Glance(shown, &b) == nil && a.means(&b)
}

func (t *thing) means(shown *thing) bool {
	same := t.ID != "" && t.ID == shown.ID || t.AccountID != "" && t.AccountID == shown.AccountID
	if t.Child == nil || shown.Child == nil {
		return same && t.Child == shown.Child
	}
	return same && t.Child.means(shown.Child)
}

// was is what people see of a field that changes.
func was(name string, before, after []string) page.Field {
	return page.Field{Name: name, Before: before, After: after}
}

func some(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// isText reports whether s holds no character that people cannot see, or that turns
// the order of others around, but for tabs and line ends.
func isText(s string) bool { return page.IsText(s) }

// visible shows what would hide on a page or a terminal.
func visible(s string) string { return page.Visible(s) }

// areTexts reports whether a value is a text, or a list of nothing but texts.
func areTexts(raw json.RawMessage) bool {
	return len(raw) <= maxDocument && !slices.ContainsFunc(items(raw), func(item json.RawMessage) bool { return item[0] != '"' })
}
