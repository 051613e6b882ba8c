// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// A finding is that calls of a region and a class, with one option of an aspect,
// are decided differently: from is the most that a and b let happen there.
type finding struct {
	pair
	of     *aspect // nil: by their names and class alone
	option option
	region int
	head   head
	with   []option // how all is in the example, option included
}

// findings compares all heads of all regions.
func (w *comparison) findings() []finding {
	before, readA := w.project(&w.a, keepNames)
	after, readB := w.project(&w.b, keepNames)
	w.beyond = w.beyond || !readA || !readB
	type base struct {
		head
		pair
	}
	known := map[base][]finding{}
	var out []finding
	for i := range w.regions {
		r := &w.regions[i]
		for _, h := range heads() {
			if h.tool != r.kind() {
				continue
			}
			e := w.named(r, h)
			p := pair{before.Decide(&e.Call, &e.Facts).Effect, after.Decide(&e.Call, &e.Facts).Effect}
			if p == (pair{}) {
				continue
			}
			w.living[i] |= bit(h.class)
			if _, ok := known[base{h, p}]; !ok {
				known[base{h, p}] = w.visible(h, p)
			}
			for _, f := range known[base{h, p}] {
				f.region = i
				out = append(out, f)
			}
		}
	}
	return out
}

// named is a blank example with a region's name.
func (w *comparison) named(r *region, h head) *Example {
	e := w.blank(h)
	e.Call.Tool, e.Call.Action = r.tool, r.action
	return e
}

// visible are the differences that show in calls of a head whose name is judged
// so: an option's difference shows if the other aspects can be such that they
// do not hide it. Of several ways the one is taken that lets the most happen.
func (w *comparison) visible(h head, names pair) []finding {
	if !names.same() && min(names.before, names.after) == Deny {
		return w.wholly(h, names)
	}
	all := append([]part{{nil, []option{{set: func(*Example) {}, pair: names}}}}, w.parts[h]...)
	var out []finding
	for i, p := range all {
		var others *ways
		for _, o := range p.options {
			if o.same() {
				continue
			}
			if others == nil {
				others = combine(append(slices.Clone(all[:i]), all[i+1:]...))
			}
			if result, with, ok := others.show(o.pair); ok {
				out = append(out, finding{pair: result, of: p.of, option: o, head: h, with: slices.Insert(slices.Clone(with), i, o)})
			}
		}
	}
	return out
}

// wholly is the difference of calls that one policy always denies: whatever the
// other aspects make of them, it is no difference besides.
func (w *comparison) wholly(h head, names pair) []finding {
	o := option{set: func(*Example) {}, pair: names}
	if result, with, ok := combine(w.parts[h]).show(names); ok {
		return []finding{{pair: result, option: o, head: h, with: with}}
	}
	return nil
}

// ways are the pairs that several aspects can come to together, with options
// that do it.
type ways [Allow + 1][Allow + 1][]option

// combine finds them all: the least of pairs, one from each part.
func combine(parts []part) *ways {
	have := new(ways)
	have[Allow][Allow] = []option{}
	for _, p := range parts {
		next := new(ways)
		for a := range have {
			for b, with := range have[a] {
				if with == nil {
					continue
				}
				for _, o := range p.options {
					q := o.min(pair{Effect(a), Effect(b)})
					if next[q.before][q.after] == nil {
						next[q.before][q.after] = append(slices.Clone(with), o)
					}
				}
			}
		}
		have = next
	}
	return have
}

// show finds the others that let the most happen where p makes a difference
// that is p's own: where p says less, nothing else says less still.
func (w *ways) show(p pair) (result pair, with []option, ok bool) {
	best := -1
	for a := range w {
		for b, options := range w[a] {
			if options == nil {
				continue
			}
			q := p.min(pair{Effect(a), Effect(b)})
			own := p.before < p.after && q.before == p.before || p.before > p.after && q.after == p.after
			if rank := int(q.before+q.after)*10 + a + b; own && !q.same() && rank > best {
				best, result, with, ok = rank, q, options, true
			}
		}
	}
	return result, with, ok
}

// example is the call that a finding is shown by.
func (w *comparison) example(f *finding) *Example {
	e := w.named(&w.regions[f.region], f.head)
	e.Before, e.After = f.before, f.after
	for _, o := range f.with {
		o.set(e)
	}
	if e.Facts.Runtime != nil && *e.Facts.Runtime == (Runtime{}) {
		e.Facts.Runtime = nil
	}
	return e
}
