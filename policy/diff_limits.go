// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// usesAspect is the aspect of a bound on what calls use of a counter.
func usesAspect(about, counter, shownBy string) aspect {
	return aspect{
		about: about, shownBy: shownBy,
		heard: func(head) bool { return true },
		keep:  keepUses(counter),
		options: func(w *comparison, h head, judged func(option) option) []option {
			return w.useOptions(counter, h, judged)
		},
		bound: func(d *document) string { return limitBound(d, counter) },
	}
}

// keepUses keeps the bound of one counter. Others would deny a model call that
// does not say what it uses of them.
func keepUses(counter string) func(to, from *document) {
	return func(to, from *document) {
		if counter == pages {
			keepLimits(to, from)
			return
		}
		r := from.ModelRoute
		if r == nil {
			return
		}
		switch to.ModelRoute = new(modelRoute); counter {
		case tokens:
			to.ModelRoute.MaxTokens = r.MaxTokens
		case cost:
			to.ModelRoute.MaxCost = r.MaxCost
		case outputTokens:
			to.ModelRoute.MaxOutput = r.MaxOutput
		}
	}
}

func keepLimits(to, from *document) {
	if from.Actions == nil {
		return
	}
	if r := from.Actions.Read; r != nil {
		to.Actions.Read.Pages = r.Pages
	}
	if r := from.Actions.Write; r != nil {
		to.Actions.Write.Writes = r.Writes
	}
}

// useOptions are a call that uses the least of a counter, in a job that has used
// none; and one that is just above the bound that one of the policies sets. A
// model call that does not say what it uses is decided like the latter.
func (w *comparison) useOptions(counter string, h head, judged func(option) option) []option {
	limits := w.limits(counter)
	out := []option{judged(option{set: func(e *Example) {
		if len(limits) > 0 && h.tool == "model" && counter != pages { // which need not be said
			e.uses(counter, 1)
		}
	}})}
	for _, max := range limits {
		out = append(out, judged(option{set: func(e *Example) {
			if counter == outputTokens { // of which nothing was used before the call
				e.uses(counter, max+1)
				return
			}
			e.uses(counter, 1)
			e.use(counter, max)
		}}))
	}
	return out
}

func writeOptions(w *comparison, _ head, judged func(option) option) []option {
	out := []option{judged(option{set: func(*Example) {}})}
	for _, max := range w.limits(writes) {
		out = append(out, judged(option{set: func(e *Example) { e.use("class:write", max) }}))
	}
	return out
}

// uses has the example's call use n of a counter.
func (e *Example) uses(counter string, n int) {
	if e.Call.Uses == nil {
		e.Call.Uses = map[string]int{}
	}
	e.Call.Uses[counter] = n
}

// use has the example's job have used n of a counter.
func (e *Example) use(counter string, n int) {
	if e.Facts.Used == nil {
		e.Facts.Used = map[string]int{}
	}
	e.Facts.Used[counter] = n
}

// limit is d's bound of a counter.
func (d *document) limit(counter string) (n int, ok bool) {
	n, ok = (&Policy{doc: *d}).Limits()[counter]
	return n, ok
}

// limits are the bounds that the policies set to a counter.
func (w *comparison) limits(counter string) []int {
	var out []int
	for _, d := range []*document{&w.a, &w.b} {
		if n, ok := d.limit(counter); ok {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// limitBound is d's bound of a counter, for people.
func limitBound(d *document, counter string) string {
	if n, ok := d.limit(counter); ok {
		return amount(counter, n)
	}
	return "any number"
}
