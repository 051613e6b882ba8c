// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// A ChangeKind says which way a change goes. Its text is what people read.
type ChangeKind string

// The kinds of changes. The first four are about calls and come from their
// effects; the others are about what bounds a job or a token.
const (
	NewlyAllowed  ChangeKind = "newly allowed"   // was denied, happens without a person
	NewlyAsked    ChangeKind = "newly asked"     // a person is asked; before that it was denied, or allowed
	NoLongerAsked ChangeKind = "no longer asked" // happens without the person who was asked before
	NewlyDenied   ChangeKind = "newly denied"    // was allowed, or asked for
	Loosened      ChangeKind = "loosened"        // a bound is wider, or gone
	Tightened     ChangeKind = "tightened"       // a bound is narrower, or new
	Changed       ChangeKind = "changed"         // neither more nor less
)

// A Change is one difference in meaning between two policies. Where calls are
// decided differently, Example is one of them, and the kind is that of the most
// that can happen there: of the calls that the sentence speaks of, either policy
// may deny or ask for some by what else it says.
type Change struct {
	Kind    ChangeKind `json:"kind"`
	Widens  bool       `json:"widens"`           // more can happen under the second policy than under the first
	Says    string     `json:"says"`             // the sentence, without the kind
	Calls   []string   `json:"calls,omitempty"`  // whose calls: names and patterns
	Except  []string   `json:"except,omitempty"` // those that Calls seem to mean, and that did not change so
	Classes []Class    `json:"classes,omitempty"`
	Was     string     `json:"was,omitempty"` // of a bound or a condition
	Is      string     `json:"is,omitempty"`
	Example *Example   `json:"example,omitempty"` // nil if no call is decided differently by it
}

// An Example is a call and facts. Since policies are compared by names, each
// name stands for its own id: space ENG has the id ENG. Conditions are by text
// and not by clause, since the same text can be elsewhere in another policy.
type Example struct {
	Call       Call            `json:"call"`
	Facts      Facts           `json:"facts"`
	Conditions map[string]bool `json:"conditions,omitempty"`
	Before     Effect          `json:"before"` // under the first policy
	After      Effect          `json:"after"`  // under the second
}

// For returns the example's facts with the values of p's conditions by clause.
func (e *Example) For(p *Policy) *Facts {
	f := e.Facts
	f.Conditions = nil
	for clause, text := range p.doc.conditionTexts() {
		if v, ok := e.Conditions[text]; ok {
			if f.Conditions == nil {
				f.Conditions = map[string]bool{}
			}
			f.Conditions[clause] = v
		}
	}
	return &f
}

// Diff lists what b means that a does not, and the other way round. It is
// exact: a change with an example is listed if and only if some call is decided
// differently, where tools have names without dots (2.3), no action's name begins
// with its tool's, categories are words that are no class, the tools that a model
// is offered are as 4.29 wants them, the same name is the same place in both, and
// conditions are texts that may come to anything. Bindings and grants are not
// looked at. What screening found is no matter of calls: what becomes of it is
// compared. A call by mcp_server goes through a server and tool that are pinned to both, where
// both may be reached so. Changes are in the order of the kinds, what widens first.
func Diff(a, b *Policy) []Change {
	w := newComparison(a, b)
	changes := w.lines(w.findings())
	changes = append(changes, terms(a, b)...)
	changes = append(changes, w.screenings()...)
	if w.beyond {
		changes = append(changes, Change{Kind: Changed, Widens: true, Says: tooLarge})
	}
	slices.SortStableFunc(changes, func(x, y Change) int { return kindOrder(&x) - kindOrder(&y) })
	return changes
}

// tooLarge is said where a difference could be missed. It counts as widening,
// so that nothing passes for harmless that was not looked at.
const tooLarge = "the policies are too large, or their patterns overlap in too many ways, to be compared exactly: shorten the lists and write fewer stars"

// Widens reports whether any of the changes lets more happen than before.
func Widens(changes []Change) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Widens })
}

func kindOrder(c *Change) int {
	order := []ChangeKind{NewlyAllowed, NoLongerAsked, NewlyAsked, Loosened, Changed, NewlyDenied, Tightened}
	n := 2 * slices.Index(order, c.Kind)
	if !c.Widens {
		n++
	}
	return n
}

// kindOf names the way from one effect to another.
func kindOf(p pair) ChangeKind {
	switch {
	case p.after == Deny:
		return NewlyDenied
	case p.after == Ask:
		return NewlyAsked
	case p.before == Ask:
		return NoLongerAsked
	}
	return NewlyAllowed
}

// A pair is what two policies say of the same thing.
type pair struct{ before, after Effect }

func (p pair) min(q pair) pair { return pair{min(p.before, q.before), min(p.after, q.after)} }

func (p pair) same() bool { return p.before == p.after }

// A comparison is two policies and all that Decide can tell apart by them.
type comparison struct {
	a, b    document
	fresh   string // a name that neither policy says
	regions []region
	beyond  bool // the policies are too large to be compared
	parts   map[head][]part
	living  map[int]uint // regions and classes that are permitted at all, as bits
}

// A head is what the aspects' inputs depend on: which sections speak of a call.
type head struct {
	tool    string // "confluence", "jira", "model", "egress", or "" for a tool of the agent's own
	class   Class
	reached bool // the call says how its system is reached
}

// A part is an aspect and every way for its inputs that matters.
type part struct {
	of      *aspect
	options []option
}

// An option is one way for an aspect's inputs to be, and what the policies
// would say if there was nothing else to say.
type option struct {
	says string // "in space OPS"
	set  func(*Example)
	pair
}

func newComparison(a, b *Policy) *comparison {
	w := &comparison{a: a.doc, b: b.doc, parts: map[head][]part{}, living: map[int]uint{}}
	w.fresh = w.freshName()
	w.findRegions()
	for _, a := range aspects() {
		w.judge(&a)
	}
	return w
}

// classes are those that a tool's call can have.
func toolClasses() []Class { return []Class{Read, Search, Write, Admin} }

func heads() []head {
	out := []head{{"model", Model, false}, {EgressTool, Connect, false}}
	for _, c := range toolClasses() {
		out = append(out, head{"confluence", c, true}, head{"jira", c, true}, head{"", c, false}, head{"", c, true})
	}
	return out
}

// judge decides every option of an aspect by what the policies say of it alone.
func (w *comparison) judge(a *aspect) {
	before, readA := w.project(&w.a, a.keep)
	after, readB := w.project(&w.b, a.keep)
	w.beyond = w.beyond || !readA || !readB
	for _, h := range heads() {
		if !a.heard(h) {
			continue
		}
		judged := func(o option) option {
			at := h
			if a.as != nil {
				at = *a.as
			}
			e := w.blank(at)
			o.set(e)
			o.pair = pair{before.Decide(&e.Call, e.For(before)).Effect, after.Decide(&e.Call, e.For(after)).Effect}
			return o
		}
		w.parts[h] = append(w.parts[h], part{a, a.options(w, h, judged)})
	}
}

// blank is an example that only its name and class can speak against.
func (w *comparison) blank(h head) *Example {
	e := &Example{Call: Call{Tool: h.tool, Action: "other", Class: h.class}, Facts: Facts{Now: exampleTime}}
	c := &e.Call
	switch h.tool {
	case "model":
		c.Action = ""
		c.Resources = []Resource{{Type: "route", ID: "other"}, {Type: "model", ID: "other"}}
	case EgressTool:
		c.Action, c.Resources = EgressAction, []Resource{{Type: "host", ID: blankHost}}
	case "confluence":
		c.Site, c.Resources = exampleSite, []Resource{pageIn(w, place(w.fresh))}
	case "jira":
		c.Site, c.Resources = exampleSite, []Resource{issueIn(w.fresh)}
	case "":
		c.Tool = "other"
	}
	if h.reached {
		c.Mode, c.Privilege, c.Credential = "official_api", "least", "write"
		if h.class == Read || h.class == Search {
			c.Credential = "read"
		}
	}
	if h.class == Search {
		c.Filters = slices.Clone(searchFilters)
	}
	return e
}

const (
	exampleSite = "site"
	blankHost   = "other:443"
)

var (
	exampleTime   = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	searchFilters = []string{"space", "project", "label", "issue_type", "denied"}
)

// conditionTexts are the conditions of d by clause.
func (d *document) conditionTexts() map[string]string {
	out := map[string]string{}
	for at, a := range d.bothApprovals() {
		if a == nil || a.B == nil {
			continue
		}
		for i, k := range *a.B {
			out[at+"/"+strconv.Itoa(i)] = k.When
		}
	}
	return out
}

// bothApprovals are the sections that can ask for a person.
func (d *document) bothApprovals() map[string]*approvals {
	out := map[string]*approvals{"/approvals": d.Approvals}
	if d.Constraints != nil {
		out["/constraints/approvals"] = d.Constraints.Approvals
	}
	return out
}

// texts are the different conditions of d, in order.
func (d *document) texts() []string {
	return slices.Compact(slices.Sorted(maps.Values(d.conditionTexts())))
}
