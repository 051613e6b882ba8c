// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// lines are the findings as people read them: one line for each bound, and one
// for each option of the others and the way its calls go.
func (w *comparison) lines(findings []finding) []Change {
	var out []Change
	for _, a := range aspects() {
		if a.about == "" {
			continue
		}
		mine := slices.DeleteFunc(slices.Clone(findings), func(f finding) bool { return f.of == nil || f.of.about != a.about })
		if len(mine) > 0 {
			out = append(out, w.boundLine(&a, mine))
		}
	}
	return append(out, w.callLines(findings)...)
}

// boundLine says how a bound changed.
func (w *comparison) boundLine(a *aspect, findings []finding) Change {
	widens := func(f finding) bool { return f.after > f.before }
	best := slices.MaxFunc(findings, func(x, y finding) int { return x.rank(a.shownBy) - y.rank(a.shownBy) })
	c := Change{Example: w.example(&best), Widens: widens(best)}
	switch {
	case !c.Widens:
		c.Kind = Tightened
	case slices.ContainsFunc(findings, func(f finding) bool { return !widens(f) }):
		c.Kind = Changed
	default:
		c.Kind = Loosened
	}
	c.Was, c.Is = a.bound(&w.a), a.bound(&w.b)
	if a.about == aboutConditions {
		c.Was, c.Is = onlyIn(w.a.texts(), w.b.texts()), onlyIn(w.b.texts(), w.a.texts())
	}
	c.Says = boundSays(a.about, c.Was, c.Is)
	return c
}

// rank orders findings by what people ought to see first. tool is the one whose
// calls they expect, or "".
func (f *finding) rank(tool string) int {
	n := 2 * int(f.before+f.after)
	if f.after > f.before {
		n += 20
	}
	if tool != "" && f.head.tool == tool {
		n++
	}
	return n
}

func boundSays(about, was, is string) string {
	return fmt.Sprintf("%s: %s, was %s", about, orNone(is), orNone(was))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// without lists what is in one and not in the other.
func onlyIn(list, other []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) }), "; ")
}

// A group is findings of which one sentence speaks.
type group struct {
	pair
	says    string
	named   bool         // by names and classes alone
	regions map[int]uint // and the classes, as bits
	found   []finding
}

// callLines say which calls are decided otherwise.
func (w *comparison) callLines(findings []finding) []Change {
	type of struct {
		says string
		pair
		named bool
	}
	groups := map[of]*group{}
	var order []*group
	for _, f := range findings {
		if f.of != nil && f.of.about != "" {
			continue
		}
		k := of{f.option.says, f.pair, f.of == nil}
		g := groups[k]
		if g == nil {
			g = &group{pair: f.pair, says: k.says, named: k.named, regions: map[int]uint{}}
			groups[k] = g
			order = append(order, g)
		}
		g.regions[f.region] |= bit(f.head.class)
		g.found = append(g.found, f)
	}
	var out []Change
	for _, g := range order {
		out = append(out, w.groupLines(g)...)
	}
	return out
}

var classBits = []Class{Read, Search, Write, Admin, Model, Connect}

func bit(c Class) uint { return 1 << slices.Index(classBits, c) }

// allTools is every class that a tool's call can have.
const allTools = 1<<4 - 1

func classesOf(bits uint) []Class {
	if bits == bit(Model) || bits == bit(Connect) || bits == allTools {
		return nil // all that there are
	}
	return slices.DeleteFunc(toolClasses(), func(c Class) bool { return bits&bit(c) == 0 })
}

// groupLines are the sentences of a group, one for each set of classes.
func (w *comparison) groupLines(g *group) []Change {
	w.joinOwnReads(g)
	var sets []uint
	for i := range w.regions {
		if bits := g.regions[i]; bits != 0 && !slices.Contains(sets, bits) {
			sets = append(sets, bits)
		}
	}
	slices.Sort(sets)
	slices.Reverse(sets)
	var out []Change
	for _, bits := range sets {
		telling := func(f finding) bool { // where all classes are alike, writing shows it best
			return g.regions[f.region] == bits && (bits != allTools || f.head.class == Write)
		}
		best := slices.IndexFunc(g.found, telling)
		c := Change{Kind: kindOf(g.pair), Widens: g.after > g.before, Classes: classesOf(bits)}
		c.Example = w.example(&g.found[best])
		c.Calls, c.Except = w.callsOf(g, bits)
		c.Says = c.sentence(g.says)
		out = append(out, c)
	}
	return out
}

// joinOwnReads has the reads that are included by a word, which are of no other
// class, go with the other calls of Confluence where those are all alike.
func (w *comparison) joinOwnReads(g *group) {
	all := uint(0)
	for i := range w.regions {
		r, bits := &w.regions[i], g.regions[i]
		if r.kind() != "confluence" || r.ownRead() || bits&bit(Read) == 0 {
			continue
		}
		if all != 0 && all != bits {
			return
		}
		all = bits
	}
	for i := range w.regions {
		if w.regions[i].ownRead() && g.regions[i] != 0 && all != 0 {
			g.regions[i] = all
		}
	}
}

// callsOf names the regions of a group that have exactly these classes.
func (w *comparison) callsOf(g *group, bits uint) (calls, except []string) {
	for _, kind := range []string{"confluence", "jira", "", "model", EgressTool} {
		var in, missing []string
		for i := range w.regions {
			switch r := &w.regions[i]; {
			case r.kind() != kind:
			case g.regions[i] == bits:
				in = append(in, r.label)
			case g.regions[i]&bits == bits: // and more, so another line is about it
			case g.named && !r.ownRead() || w.alive(i, bits):
				missing = append(missing, r.label)
			}
		}
		if len(in) > 0 && len(missing) == 0 {
			calls = append(calls, kindLabel(kind))
			continue
		}
		shown := outermost(in)
		calls = append(calls, shown...)
		for _, s := range sortedUnion(missing) {
			if !slices.Contains(in, s) && slices.ContainsFunc(shown, func(l string) bool { return labelCovers(l, s) }) {
				except = append(except, s)
			}
		}
	}
	return calls, except
}

// alive reports whether calls of a region and of one of the classes are ever
// permitted by either policy.
func (w *comparison) alive(region int, bits uint) bool { return w.living[region]&bits != 0 }

func kindLabel(kind string) string {
	switch kind {
	case "":
		return "every tool of the agent's own"
	case "model":
		return "model calls"
	case EgressTool:
		return connections
	}
	return kind
}

const connections = "connections"

// outermost are the labels that none of the others covers.
func outermost(labels []string) []string {
	labels = sortedUnion(labels)
	covered := func(s string) bool {
		return slices.ContainsFunc(labels, func(l string) bool { return l != s && labelCovers(l, s) })
	}
	return slices.DeleteFunc(slices.Clone(labels), covered)
}

// labelCovers reports whether people would take label for one that means other too.
func labelCovers(label, other string) bool {
	for _, l := range strings.Split(label, alsoLabel) {
		covers := func(o string) bool {
			return strings.Contains(l, "*") && Glob(l, o) || strings.HasPrefix(o, l+".") || l == anyOtherTool && strings.HasPrefix(o, "*.")
		}
		if !slices.ContainsFunc(strings.Split(other, alsoLabel), covers) {
			return false
		}
	}
	return true
}

const sentenceNames = 6

// sentence says a change of calls, but for its kind.
func (c *Change) sentence(where string) string {
	out := firstFew(c.Calls)
	if len(c.Classes) > 0 {
		out += " (" + classNames(c.Classes) + ")"
	}
	if len(c.Except) > 0 {
		out += " but not " + firstFew(c.Except)
	}
	if where != "" {
		out += " " + where
	}
	switch e := c.Example; {
	case e.Before == Deny && e.After == Ask:
		out += "; it was denied"
	case e.Before == Allow && e.After == Ask:
		out += "; it was allowed"
	case e.Before == Ask && e.After == Deny:
		out += "; a person was asked"
	}
	return out
}

func classNames(classes []Class) string {
	var out []string
	for _, c := range classes {
		out = append(out, string(c))
	}
	return strings.Join(out, ", ")
}

// firstFew is the first names of a list.
func firstFew(names []string) string {
	if more := len(names) - sentenceNames; more > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:sentenceNames], ", "), more)
	}
	return strings.Join(names, ", ")
}

// terms are the differences that no call shows.
func terms(a, b *Policy) []Change {
	var out []Change
	add := func(kind ChangeKind, about, was, is string) {
		if was != is {
			out = append(out, Change{Kind: kind, Widens: kind == Loosened, Was: was, Is: is, Says: boundSays(about, was, is)})
		}
	}
	way := func(looser bool) ChangeKind {
		if looser {
			return Loosened
		}
		return Tightened
	}
	add(way(b.bearerRank() > a.bearerRank()), "tokens that are bound to no key", a.bearerWord(), b.bearerWord())
	if kind := approversKind(a.doc.Approvers, b.doc.Approvers); kind != "" {
		out = append(out, Change{Kind: kind, Widens: kind != Tightened, Was: approversText(a.doc.Approvers), Is: approversText(b.doc.Approvers)})
		c := &out[len(out)-1]
		c.Says = boundSays("who must say yes", c.Was, c.Is)
	}
	add(way(b.MaxTTL() > a.MaxTTL()), "life of a token", a.MaxTTL().String(), b.MaxTTL().String())
	for _, t := range []struct {
		about  string
		of     func(*Policy) bool
		wanted string
	}{
		{"receipts for every call", (*Policy).RequiresReceipts, "required"},
		{"a proof bundle for every job", (*Policy).RequiresBundle, "required"},
		{"a proof bundle for jobs that write", (*Policy).RequiresBundleOnWrite, "required"},
	} {
		add(way(t.of(a)), t.about, wordIf(t.of(a), t.wanted), wordIf(t.of(b), t.wanted))
	}
	out = append(out, extensionChanges(a, b)...)
	add(Changed, "environment", a.Environment(), b.Environment())
	add(Changed, "mark of an emergency", wordIf(a.BreakGlass() != nil, "there"), wordIf(b.BreakGlass() != nil, "there"))
	add(Changed, "change record", a.changeID(), b.changeID())
	return out
}

// What a policy can say of tokens that are bound to no key, the narrowest first.
// What it leaves to the house is between the others, since the house may say either.
var bearerWords = []string{"refused", "as the house has it", "allowed"}

func (p *Policy) bearerRank() int {
	switch allowed, said := p.Bearer(); {
	case !said:
		return 1
	case allowed:
		return 2
	}
	return 0
}

func (p *Policy) bearerWord() string { return bearerWords[p.bearerRank()] }

func (p *Policy) changeID() string {
	if p.ChangeRecord() == nil {
		return ""
	}
	return strings.TrimSpace(p.ChangeRecord().System + " " + p.ChangeRecord().ID)
}

func wordIf(b bool, s string) string {
	if b {
		return s
	}
	return ""
}

// What a policy says of each bound.

func endBound(d *document) string {
	if d.BreakGlass == nil {
		return "never"
	}
	return d.BreakGlass.Expires.UTC().Format(time.RFC3339)
}

func conditionBound(*document) string { return "" }

// sandboxes are both sections about sandboxes, in the terms of one.
func (d *document) sandboxes() []sandbox {
	var out []sandbox
	if s := d.SandboxExpectations; s != nil {
		out = append(out, sandbox{Required: s.Sandboxed, Workspace: s.Workspace})
	}
	if d.Constraints != nil && d.Constraints.Sandbox != nil {
		out = append(out, *d.Constraints.Sandbox)
	}
	return out
}

func sandboxBound(d *document) string {
	return wordIf(slices.ContainsFunc(d.sandboxes(), func(s sandbox) bool { return s.Required }), "required")
}

func elevationBound(d *document) string {
	if slices.ContainsFunc(d.sandboxes(), func(s sandbox) bool { return s.Elevated == "deny" }) {
		return "denied"
	}
	return "not looked at"
}

// workspaceBound is the narrowest access that is expected.
func workspaceBound(d *document) string {
	least := "rw"
	for _, s := range d.sandboxes() {
		if s.Workspace != "" && slices.Index(workspaces, s.Workspace) < slices.Index(workspaces, least) {
			least = s.Workspace
		}
	}
	return least
}
