// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/seal"
)

// A rewriting is what becomes of the rich text in one field.
type rewriting struct {
	name          string
	was, is       json.RawMessage // as the site keeps them: null, a document, or a text in markup
	before, after *page.Body      // nil: markup, or what cannot be read for certain
	restores      bool            // it is a former value, which nobody has held to what agents may write
}

const emptyDocument = `{"content":[],"type":"doc","version":1}`

// rewriting reads a rich value and the one that it becomes. What cannot be read
// shows in the rewriting only.
func (c *Connector) rewriting(ctx context.Context, use, name string, was, is json.RawMessage) *rewriting {
	r := &rewriting{name: name, was: c.formed(ctx, use, was), is: c.formed(ctx, use, is)}
	if r.markup() {
		return r
	}
	r.before, r.after = parsed(r.was), parsed(r.is)
	return r
}

// markup reports whether the site keeps texts in markup. People and agents see all
// of that as it is, so that nothing is hidden in it.
func (r *rewriting) markup() bool {
	text := func(raw json.RawMessage) bool { return !isNull(raw) && raw[0] == '"' }
	return text(r.was) || text(r.is)
}

func parsed(raw json.RawMessage) *page.Body {
	text := string(raw)
	if isNull(raw) {
		text = emptyDocument
	}
	b, err := page.Parse(page.ADF, text)
	if err != nil {
		return nil
	}
	return b
}

// formed is a value in its canonical form, as it goes out to the site: a document
// stays one, or becomes markup if the site keeps that. What has no such form stays
// as it is.
func (c *Connector) formed(ctx context.Context, use string, value json.RawMessage) json.RawMessage {
	if isNull(value) {
		return json.RawMessage("null")
	}
	p := &payload{Fields: map[string]json.RawMessage{"description": value}}
	body, err := p.bytes("")
	if err != nil {
		return value
	}
	r, err := c.client(use).Form(ctx, &atlassian.Request{Method: "PUT", Path: api + "/issue/0", Body: body})
	if err != nil {
		return value
	}
	var out payload
	if seal.Glance(r.Body, &out) != nil || out.Fields["description"] == nil {
		return value
	}
	return out.Fields["description"]
}

// alike reports whether two values go out as the same: a site that keeps markup
// shows a document as the markup that it was written in.
func (c *Connector) alike(ctx context.Context, use string, sent, shown json.RawMessage) bool {
	return bytes.Equal(c.formed(ctx, use, sent), c.formed(ctx, use, shown))
}

// permit refuses what would lose something that people rely on and that drops does
// not list. It returns those of drops that are lost here.
func (r *rewriting) permit(drops []string) (used []string, err error) {
	switch {
	case r.markup():
		return nil, nil
	case r.before == nil || r.after == nil:
		return nil, fault("unreadable", "fields/%s: what the field holds now, or would hold, cannot be read for certain, so that nothing of it would get lost; have a person change it", short(r.name))
	}
	for _, l := range page.Losses(r.before, r.after) {
		if slices.Contains(drops, l.ID) {
			used = append(used, l.ID)
		}
	}
	if err = page.Permit(r.before, r.after, used); err == nil {
		return used, nil
	}
	code := "bad_argument"
	if e := (*page.Error)(nil); errors.As(err, &e) && e.Code == page.Loss {
		code = "would_lose"
	}
	return nil, fault(code, "fields/%s: %s", short(r.name), strings.ReplaceAll(err.Error(), "\n", "; "))
}

// diff shows people what becomes of the field; "" if that is nothing. Of a value
// that is restored it shows the document itself, too: every byte that differs.
func (r *rewriting) diff() string {
	if bytes.Equal(r.was, r.is) {
		return ""
	}
	if r.before == nil || r.after == nil {
		return page.DiffFields([]page.Field{{Name: r.name, Before: asWritten(r.was), After: asWritten(r.is)}})
	}
	out := page.Diff(r.before, r.after)
	if out == "" {
		out = "Nothing that people read is changed: no text, or an empty one.\n"
	}
	out = r.name + ":\n" + out
	if r.restores {
		out += page.DiffFields([]page.Field{{Name: r.name + ", the document as it is sent", Before: asWritten(r.was), After: asWritten(r.is)}})
	}
	return out
}

// asWritten is a value as it is written, a member a line.
func asWritten(raw json.RawMessage) []string {
	var text string
	switch {
	case isNull(raw):
		return nil
	case raw[0] == '"' && seal.Unmarshal(raw, &text) == nil:
		return some(text)
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "") != nil { // no indent: deep documents would grow without bounds
		return []string{string(raw)}
	}
	return strings.Split(b.String(), "\n")
}

// diffOf shows fields of both kinds. It is bounded: what is too much is left away,
// which it says.
func diffOf(plain []page.Field, rich []*rewriting) string {
	var b strings.Builder
	b.WriteString(page.DiffFields(plain))
	for _, r := range rich {
		if b.Len() > 2*page.MaxDiff {
			b.WriteString(r.name + ":\n[The change of this field is left out here: there is too much to show. Look at the request in full before you approve it.]\n")
			continue
		}
		b.WriteString(r.diff())
	}
	return b.String()
}

// sameDocument reports whether Jira shows the document that was sent, but for what
// Jira does to documents when it keeps them: it gives nodes a localId, writes out
// what attributes are without being given (defaults), leaves away attributes, marks
// and content that are empty, orders marks, and joins texts side by side that are
// marked alike. No document and an empty one are the same.
func sameDocument(sent, shown json.RawMessage) bool {
	a, errA := settled(sent)
	b, errB := settled(shown)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func settled(raw json.RawMessage) ([]byte, error) {
	if isNull(raw) {
		raw = json.RawMessage(emptyDocument)
	}
	n, err := settle(raw, 0)
	if err != nil {
		return nil, err
	}
	return seal.Marshal(n)
}

var errDeep = errors.New("the document nests too deeply")

// settle is a node, or a mark, without what Jira adds or writes otherwise.
func settle(raw json.RawMessage, depth int) (map[string]json.RawMessage, error) {
	var n map[string]json.RawMessage
	if depth > page.MaxDepth {
		return nil, errDeep
	}
	if err := seal.Glance(raw, &n); err != nil {
		return nil, err
	}
	if err := settleAttrs(n); err != nil {
		return nil, err
	}
	for _, name := range []string{"marks", "content"} {
		list, err := settleList(n[name], depth+1)
		if err != nil {
			return nil, err
		}
		if name == "marks" {
			slices.SortFunc(list, func(a, b json.RawMessage) int { return bytes.Compare(a, b) })
		}
		if delete(n, name); len(list) == 0 {
			continue
		}
		if n[name], err = seal.Marshal(list); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// settleList settles nodes or marks, and joins texts that are marked alike.
func settleList(raw json.RawMessage, depth int) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if isNull(raw) {
		return nil, nil
	}
	if err := seal.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	var out []json.RawMessage
	var run map[string]json.RawMessage // the text before, without its text
	var text strings.Builder
	flush := func() (err error) {
		if run == nil {
			return nil
		}
		if run["text"], err = seal.Marshal(text.String()); err != nil {
			return err
		}
		b, err := seal.Marshal(run)
		out, run = append(out, b), nil
		text.Reset()
		return err
	}
	for _, item := range list {
		n, err := settle(item, depth)
		if err != nil {
			return nil, err
		}
		var words string
		isText := string(n["type"]) == `"text"` && seal.Unmarshal(n["text"], &words) == nil
		if isText {
			delete(n, "text")
		}
		if !isText || run != nil && !maps.EqualFunc(run, n, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		if isText {
			run = n
			text.WriteString(words)
			continue
		}
		b, err := seal.Marshal(n)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, flush()
}

// settleAttrs takes away the attributes that Jira adds.
func settleAttrs(n map[string]json.RawMessage) error {
	var attrs map[string]json.RawMessage
	if isNull(n["attrs"]) {
		delete(n, "attrs")
		return nil
	}
	if err := seal.Glance(n["attrs"], &attrs); err != nil {
		return err
	}
	delete(attrs, "localId")
	for _, d := range defaults {
		if string(n["type"]) == `"`+d.node+`"` && string(attrs[d.name]) == d.value {
			delete(attrs, d.name)
		}
	}
	if delete(n, "attrs"); len(attrs) == 0 {
		return nil
	}
	var err error
	n["attrs"], err = seal.Marshal(attrs)
	return err
}

// The values that attributes have without being given.
var defaults = []struct{ node, name, value string }{
	{"table", "isNumberColumnEnabled", "false"}, {"table", "layout", `"default"`},
	{"tableCell", "colspan", "1"}, {"tableCell", "rowspan", "1"},
	{"tableHeader", "colspan", "1"}, {"tableHeader", "rowspan", "1"},
	{"orderedList", "order", "1"}, {"mention", "accessLevel", `""`},
}
