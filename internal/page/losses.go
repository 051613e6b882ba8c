// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"strconv"
	"strings"
)

// A Kind is what sort of thing people rely on.
type Kind string

// The kinds of [Lost]. Tables of contents and macros that include other pages
// are macros in the storage format.
const (
	Macro      Kind = "macro"      // with its parameters; in ADF an extension
	Image      Kind = "image"      // or another medium
	Attachment Kind = "attachment" // a link to one
	Link       Kind = "link"       // to a page or an address
	Mention    Kind = "mention"
	Comment    Kind = "comment" // the anchor of an inline comment, with the text that it is about
	Task       Kind = "task"    // or a decision
	Layout     Kind = "layout"
	Include    Kind = "include" // of content that is kept elsewhere
	Unknown    Kind = "element" // an element, node or mark that this package does not know
)

// A Lost is something that people rely on and that an update takes away or makes
// different.
type Lost struct {
	// ID is what Edit.Drops lists: kind, name and id, as "macro:toc:5f3a9c1e".
	// Of several that are the same, later ones have "#2" and so on behind it.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	Was  string `json:"was"`          // as Diff shows it
	Now  string `json:"now,omitzero"` // if it stays in another form; "" if it goes
}

// Losses returns what after drops or alters of what people rely on in before, in
// the order of the page. What is moved is not lost.
func Losses(before, after *Body) []Lost { return losses(gather(before), gather(after)) }

func losses(was, is *stock) []Lost {
	count := map[entire]int{} // of items in after that nothing before is matched with
	for _, it := range is.items {
		count[it.whole()]++
	}
	var missing []*item
	for _, it := range was.items {
		if count[it.whole()] == 0 {
			missing = append(missing, it)
			continue
		}
		count[it.whole()]--
	}
	changed := map[string][]*item{} // of after, by key
	for _, it := range is.items {
		if count[it.whole()] > 0 {
			count[it.whole()]--
			changed[it.key()] = append(changed[it.key()], it)
		}
	}
	var lost []Lost
	for _, it := range missing {
		l := Lost{ID: it.id(), Kind: it.kind, Was: it.what()}
		if now := changed[it.key()]; len(now) > 0 {
			l.Now, changed[it.key()] = now[0].what(), now[1:]
		}
		lost = append(lost, l)
	}
	return lost
}

// repeats returns an id of a comment, macro or task that is there more than
// once and more often than it was, or "".
func repeats(was, is *stock) string {
	for _, id := range is.order {
		if n := is.ids[id]; n > 1 && n > was.ids[id] {
			return id
		}
	}
	for _, it := range is.items {
		if it.kind != Comment || it.pieces < 2 {
			continue
		}
		old := was.comments[it.name]
		if old == nil || it.pieces > old.pieces && it.marked.String() != old.marked.String() {
			return it.id()
		}
	}
	return ""
}

// An item is something that people rely on.
type item struct {
	kind    Kind
	name    string        // with the kind, what it is known by
	ordinal int           // from 1, among items of its kind and name
	form    string        // a digest of what must stay as it is
	shows   func() string // to people, made fit for them

	pieces int             // of comments: how many places have the anchor
	marked strings.Builder // of comments: the text
}

func (it *item) key() string { return string(it.kind) + ":" + it.name }

func (it *item) id() string {
	if it.ordinal > 1 {
		return it.key() + "#" + strconv.Itoa(it.ordinal)
	}
	return it.key()
}

// An entire is what an item is, in all that must stay.
type entire struct{ key, detail string }

func (it *item) whole() entire { return entire{it.key(), it.detail()} }

func (it *item) detail() string {
	if it.kind == Comment {
		return it.marked.String()
	}
	return it.form
}

func (it *item) what() string {
	if it.kind == Comment {
		return "[comment: " + inside(it.marked.String(), 80) + "]"
	}
	return it.shows()
}

// A stock is what people rely on in a body.
type stock struct {
	items    []*item
	count    map[string]int
	comments map[string]*item
	ids      map[string]int // how often each id is there that must be there once
	order    []string       // of ids
}

func gather(b *Body) *stock {
	s := &stock{count: map[string]int{}, comments: map[string]*item{}, ids: map[string]int{}}
	if b.Format == ADF {
		adfStock{s, b}.visit(b.root.kids, false)
	} else {
		storageStock{s}.visit(b.root.kids, false)
	}
	return s
}

func (s *stock) add(kind Kind, name, form string, shows func() string) {
	it := &item{kind: kind, name: name, form: form, shows: shows}
	s.count[it.key()]++
	it.ordinal = s.count[it.key()]
	s.items = append(s.items, it)
}

// comment notes that a text is what an inline comment is about. An anchor may be
// in several places, across formatting; without text it is nothing.
func (s *stock) comment(ref, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	name := idPart(ref)
	it := s.comments[name]
	if it == nil {
		it = &item{kind: Comment, name: name, ordinal: 1}
		s.comments[name] = it
		s.items = append(s.items, it)
	}
	it.pieces++
	it.marked.WriteString(text)
}

// once notes an id that must be on the page once.
func (s *stock) once(kind Kind, id string) {
	name := string(kind) + ":" + idPart(id)
	if s.ids[name] == 0 {
		s.order = append(s.order, name)
	}
	s.ids[name]++
}

// named is the name of something that may have an id of its own: without one,
// its form is what tells it from others.
func named(name, id, form string) string {
	if id == "" {
		id = form[:8]
	}
	return idPart(name) + ":" + idPart(id)
}

// idPart makes text of a page part of an id: what is long, or odd, or could be
// taken for something else, is cut and has its hash behind it.
func idPart(s string) string {
	const most = 80
	odd := func(r rune) bool {
		return r == '#' || r == '~' || r == ',' || r == '"' || r == '[' || r == ']' || isHidden(r)
	}
	if len(s) <= most && strings.IndexFunc(s, odd) < 0 && strings.TrimSpace(s) == s {
		return s
	}
	clean := strings.Map(func(r rune) rune {
		if odd(r) {
			return '_'
		}
		return r
	}, label(s, most/2))
	return clean + "~" + short(s)
}
