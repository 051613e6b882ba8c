// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// A place is the full name of a space, a page or an issue type, without the
// slash at its end.
type place string

func trimmed(name string) string { return strings.TrimSuffix(name, "/") }

// chain are the places from the outside in to p.
func (p place) chain() []place {
	var out []place
	for i, c := range p {
		if c == '/' {
			out = append(out, p[:i])
		}
	}
	return append(out, p)
}

// freshName is a name that is a space's, a project's and a page's, and that
// neither policy says.
func (w *comparison) freshName() string {
	name := "OTHER"
	for said := w.said(); slices.ContainsFunc(said, func(p place) bool { return strings.Contains(string(p), name) }); {
		name += "X"
	}
	return name
}

// said are the places of both policies and what they lie in, in order.
func (w *comparison) said() []place {
	var out []place
	for _, d := range []*document{&w.a, &w.b} {
		for _, n := range (&Policy{doc: *d}).Names() {
			out = append(out, place(trimmed(n.Name)).chain()...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// keepPlaces keeps the lists of spaces and page prefixes.
func keepPlaces(to, from *document) {
	if to.Resources = nil; from.Resources != nil {
		r := *from.Resources
		r.Labels = nil
		to.Resources = &r
	}
}

// A spot is a way to a page: steps, and whether each is what its name meant
// when the policy was published.
type spot struct {
	steps []place
	bound []bool
	moved place // what the last step once was, if it was moved here
}

// resource is the page at a spot, in Decide's terms.
func (s *spot) resource(w *comparison) Resource {
	r := Resource{Type: "page", ID: "page"}
	outer := ""
	for i, p := range s.steps {
		id := "another"
		if s.bound[i] {
			id = string(p)
		}
		r.Path = append(r.Path, Place{ID: id, Name: strings.TrimPrefix(string(p), outer)})
		outer = string(p) + "/"
	}
	last := Place{ID: "page", Name: w.fresh}
	if s.moved != "" {
		last.ID = string(s.moved)
	}
	r.Path = append(r.Path, last)
	return r
}

func pageIn(w *comparison, p place) Resource {
	return (&spot{steps: []place{p}, bound: []bool{true}}).resource(w)
}

// says is a spot in words.
func (s *spot) says(w *comparison) string {
	last := s.steps[len(s.steps)-1]
	where := "in space " + string(last)
	switch {
	case string(last) == w.fresh:
		where = "in spaces that neither policy names"
	case strings.Contains(string(last), "/"):
		where = "under " + string(last) + "/"
	}
	for i, b := range s.bound {
		if !b && string(last) != w.fresh {
			where += ", where " + string(s.steps[i]) + " leads elsewhere than when it was bound"
			break
		}
	}
	if s.moved != "" {
		where += ", of what was moved there from " + string(s.moved)
	}
	return where
}

func (w *comparison) spotOption(s spot) option {
	return option{says: s.says(w), set: func(e *Example) {
		e.Call.Site, e.Call.Resources = exampleSite, []Resource{s.resource(w)}
	}}
}

// placeOptions are all places that can be told apart: those that the names
// lead to, those where a name leads elsewhere, and what was moved out of a
// denied place. Odd ones are left out where an ordinary one shows the same.
//
// They suffice. Whether a policy permits a path hangs on the allowed names that
// the path meets both by id and by name (the more, the sooner), and on the
// denied ones that it meets by either (the fewer, the sooner). So where one
// policy permits and the other does not, it is on a path that meets no more
// than the one needs, a space and a prefix, or on one that meets a name besides
// that only the other denies, and that can be met by its id alone.
func placeOptions(w *comparison, _ head, judged func(option) option) []option {
	var out []option
	seen := map[pair]bool{}
	add := func(s spot, odd bool) {
		o := judged(w.spotOption(s))
		if !odd || !seen[o.pair] {
			out = append(out, o)
			seen[o.pair] = true
		}
	}
	names := w.said()
	for _, p := range append(slices.Clone(names), place(w.fresh)) {
		add(spot{steps: p.chain(), bound: repeated(true, len(p.chain()))}, false)
	}
	odd := w.oddSpots(names)
	for _, s := range odd {
		add(s, true)
	}
	return append(out, w.movedOptions(names, out, odd, judged)...)
}

// oddSpots are those where some name leads elsewhere, or where a page's title
// looks like a path.
func (w *comparison) oddSpots(names []place) []spot {
	var out []spot
	for _, p := range names {
		chain := p.chain()
		last := len(chain) - 1
		for i := range chain { // one step besides the first is met, or none
			for _, top := range []bool{true, false} {
				bound := repeated(false, len(chain))
				bound[i], bound[0] = true, top
				out = append(out, spot{steps: chain, bound: bound})
			}
		}
		if last > 0 {
			out = append(out, spot{steps: []place{chain[0], p}, bound: []bool{true, true}}, spot{steps: []place{p}, bound: []bool{true}})
		}
	}
	return append(out, spot{steps: []place{place(w.fresh)}, bound: []bool{false}})
}

// movedOptions are what only one policy denies, moved to where the other
// permits it. ordinary are the options of the names, in order: where they show
// it, moving it shows nothing new.
func (w *comparison) movedOptions(names []place, ordinary []option, odd []spot, judged func(option) option) []option {
	var out, spots = []option(nil), []spot(nil)
	for _, p := range names {
		spots = append(spots, spot{steps: p.chain(), bound: repeated(true, len(p.chain()))})
	}
	spots = append(spots, odd...)
	before, after := w.a.deniedPlaces(), w.b.deniedPlaces()
	for i, x := range names {
		if slices.Contains(before, x) == slices.Contains(after, x) || !ordinary[i].same() {
			continue
		}
		for _, s := range spots {
			s.moved = x
			if o := judged(w.spotOption(s)); !o.same() {
				out = append(out, o)
				break
			}
		}
	}
	return out
}

func (d *document) deniedPlaces() []place {
	var out []place
	if d.Resources != nil {
		for _, s := range append(slices.Clone(d.Resources.DeniedSpaces), d.Resources.DeniedPrefixes...) {
			out = append(out, place(trimmed(s)))
		}
	}
	return out
}

func repeated(b bool, n int) []bool {
	out := make([]bool, n)
	for i := range out {
		out[i] = b
	}
	return out
}
