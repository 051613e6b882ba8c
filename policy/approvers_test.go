// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var drawnGroups = []string{"owners", "security"}

func drawApprovers(t *rapid.T) []approver {
	out := []approver{}
	for range rapid.IntRange(0, 3).Draw(t, "entries of approvers") {
		a := approver{Holds: rapid.SampledFrom([]string{"", "", "30m"}).Draw(t, "holds")}
		if drawRarely(t, "for", 1) {
			a.For = subset(t, "for what", append([]string{"write", "mail.*"}, world.categories...))
		}
		if drawRarely(t, "of groups", 1) {
			a.Groups = subset(t, "of which groups", drawnGroups)
		}
		if drawRarely(t, "required", 1) {
			n := rapid.IntRange(1, 3).Draw(t, "how many")
			a.Required = &n
		}
		out = append(out, a)
	}
	return out
}

// answered looks for people's answers to this exact call. A no outweighs any yes;
// of several questions that have enough, the one that was answered last counts.
func (p oracle) answered(d *Decision, asked []Reason, c *Call, f *Facts) {
	d.Effect, d.Reasons = Ask, asked
	digest := c.Digest()
	var entries []int
	for i, e := range p.doc.Approvers {
		if e.For == nil || slices.ContainsFunc(e.For, func(w string) bool {
			return slices.Contains(c.Categories, w) || c.Tool != "model" && oracleMatch(w, c)
		}) {
			entries = append(entries, i)
		}
	}
	var heard []Approval
	if !digest.IsZero() { // else the call has no name, so nothing can be an answer to it
		for _, a := range f.Approvals {
			if a.Yes && a.Own {
				continue
			}
			if a.Call.Equal(digest) && !(a.Yes && a.At.After(f.Now)) && f.Now.Before(a.Expires) {
				heard = append(heard, a)
			}
		}
	}
	for _, a := range heard {
		if !a.Yes {
			d.Effect, d.Approval, d.Reasons = Deny, a.ID, []Reason{{asked[0].Clause, "a person said no"}}
			return
		}
	}
	least := p.seatless(entries, heard, "", f.Now)
	for _, a := range heard {
		n := p.seatless(entries, heard, a.ID, f.Now)
		if least = min(least, n); n > 0 {
			continue
		}
		d.Effect, d.Approval, d.Reasons = Allow, a.ID, nil
		for _, i := range entries {
			d.Reasons = append(d.Reasons, Reason{fmt.Sprintf("/approvers/%d", i), p.doc.Approvers[i].who() + " said yes"})
		}
		if entries == nil {
			d.Reasons = []Reason{{asked[0].Clause, "a person said yes"}}
		}
	}
	if d.Effect == Allow || entries == nil {
		return
	}
	d.Missing, d.Reasons = least, slices.Clone(asked)
	for _, i := range entries {
		d.Reasons = append(d.Reasons, Reason{fmt.Sprintf("/approvers/%d", i), p.doc.Approvers[i].who() + " must say yes"})
	}
	more := "1 more person has to say yes"
	if least > 1 {
		more = fmt.Sprintf("%d more people have to say yes", least)
	}
	d.Reasons = append(d.Reasons, Reason{"/approvers", more})
}

// seatless is how many seats of the entries stay empty, at best: every way to seat
// who said yes to a question is tried.
func (p oracle) seatless(entries []int, heard []Approval, id string, now time.Time) int {
	type seat struct{ fits map[string]bool }
	var seats []seat
	heard = slices.DeleteFunc(slices.Clone(heard), func(a Approval) bool { return a.ID != id })
	var kept []Approval // one for each whom others stand in for
	for i, a := range heard {
		own := slices.ContainsFunc(heard, func(o Approval) bool { return o.For == "" && o.By == a.For })
		later := slices.ContainsFunc(heard[i+1:], func(o Approval) bool { return o.For == a.For && !o.At.Before(a.At) }) ||
			slices.ContainsFunc(heard[:i], func(o Approval) bool { return o.For == a.For && o.At.After(a.At) })
		if a.For == "" || !own && !later {
			kept = append(kept, a)
		}
	}
	heard = kept
	add := func(n int, fits func(Approval) bool) {
		s := seat{map[string]bool{}}
		for _, a := range heard {
			if fits(a) {
				s.fits[a.By] = true
			}
		}
		for range n {
			seats = append(seats, s)
		}
	}
	for _, i := range entries {
		e := p.doc.Approvers[i]
		n := 1
		if e.Required != nil {
			n = *e.Required
		}
		add(n, func(a Approval) bool {
			in := e.Groups == nil || slices.ContainsFunc(e.Groups, func(g string) bool { return slices.Contains(a.Groups, g) })
			hold, err := time.ParseDuration(e.Holds)
			return in && (err != nil || a.At.Add(hold).After(now))
		})
	}
	if entries == nil {
		add(1, func(Approval) bool { return true })
	}
	var most func(i int, sitting map[string]bool) int
	most = func(i int, sitting map[string]bool) int {
		if i == len(seats) {
			return 0
		}
		best := most(i+1, sitting)
		for who := range seats[i].fits {
			if !sitting[who] {
				sitting[who] = true
				best = max(best, 1+most(i+1, sitting))
				delete(sitting, who)
			}
		}
		return best
	}
	return len(seats) - most(0, map[string]bool{})
}

// One more yes never hurts, one of the caller's own never helps, and a name
// counts once, whatever is asked for.
func TestYeses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDocument(t)
		d.Approvers = drawApprovers(t)
		p, c := policyOf(t, d), drawCall(t)
		f := drawFacts(t, c)
		more := answer(c, true)
		more.By, more.Groups = rapid.SampledFrom([]string{"ada", "bob", "cyd", "dee"}).Draw(t, "whose"), subset(t, "in", drawnGroups)
		for i := range f.Approvals { // nobody stands in for who speaks for themselves
			if f.Approvals[i].For == more.By {
				f.Approvals[i].For = ""
			}
		}
		before := p.Decide(c, f)
		with := *f
		with.Approvals = append(slices.Clone(f.Approvals), more)
		after := p.Decide(c, &with)
		if after.Effect < before.Effect || after.Effect == Ask && after.Missing > before.Missing {
			t.Fatalf("a yes made %v of %v", after, before)
		}
		again := with
		again.Approvals = append(slices.Clone(with.Approvals), more)
		if diff := cmp.Diff(after, p.Decide(c, &again)); diff != "" {
			t.Fatal("said twice:", diff)
		}
		with.Approvals[len(with.Approvals)-1].Own = true
		if diff := cmp.Diff(before, p.Decide(c, &with)); diff != "" {
			t.Fatal("one's own:", diff)
		}
	})
}

// Whom others stand in for counts once: who answers for somebody that has answered
// themselves changes nothing, and of two who answer for one, the last one does.
func TestStandIns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDocument(t)
		d.Approvers = drawApprovers(t)
		p, c := policyOf(t, d), drawCall(t)
		f := drawFacts(t, c)
		stand := func(by, whom string, yes bool) Approval {
			a := answer(c, yes)
			a.By, a.For, a.Groups = by, whom, subset(t, by+" counts in", drawnGroups)
			return a
		}
		with := func(more ...Approval) *Facts {
			out := *f
			out.Approvals = append(slices.Clone(f.Approvals), more...)
			return &out
		}
		own := stand("ada", "", true)
		if diff := cmp.Diff(p.Decide(c, with(own)), p.Decide(c, with(own, stand("dee", "ada", true)))); diff != "" {
			t.Fatal("besides her own:", diff)
		}
		first, last := stand("dee", "eve", true), stand("fay", "eve", true)
		if diff := cmp.Diff(p.Decide(c, with(last)), p.Decide(c, with(first, last))); diff != "" {
			t.Fatal("two in one's stead:", diff)
		}
		one, before := p.Decide(c, with(last)), p.Decide(c, f)
		if one.Effect < before.Effect || one.Effect == Ask && one.Missing < before.Missing-1 {
			t.Fatalf("one yes made %v of %v", one, before)
		}
		last.Own = true
		if diff := cmp.Diff(before, p.Decide(c, with(last))); diff != "" {
			t.Fatal("for who ordered it:", diff)
		}
	})
}

// Hear comes to what Decide does.
func TestHear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := document{Version: "v1", ToolPolicy: &toolPolicy{Allow: []string{"*"}}, Approvers: drawApprovers(t)}
		d.Approvals = &approvals{A: &approvalCategories{RequiredFor: []string{"mail"}}}
		p, c := policyOf(t, d), &Call{Tool: "mail", Action: "send", Class: Write, Categories: subset(t, "categories", world.categories)}
		f := drawFacts(t, c)
		f.Approvals = slices.DeleteFunc(f.Approvals, func(a Approval) bool { return a.ID != "q" })
		want, heard := p.Decide(c, f), p.Hear(c, f)
		if got := map[bool]Effect{true: Deny, false: Ask}[heard.No]; heard.No && want.Effect != got || !heard.No && (heard.Missing == 0) != (want.Effect == Allow) || want.Missing > 0 && want.Missing != heard.Missing {
			t.Fatalf("heard %+v, decided %+v", heard, want)
		}
	})
}

func TestAsks(t *testing.T) {
	for list, want := range map[string]string{
		`[]`:                     "",
		`[{"groups":["b","a"]}]`: "a b",
		`[{"groups":["b"],"required":2},{"for":["external_send"],"groups":["b","a"],"holds":"1h"}]`: "a b",
		`[{"groups":["b"]},{"for":["mail.read"],"groups":["a"]}]`:                                   "b",
		`[{"groups":["b"]},{"for":["mail.read"]}]`:                                                  "b",
		`[{"groups":["b"]},{"for":["mail.*"]}]`:                                                     "",
		`[{"for":["external_send"]}]`:                                                               "",
		`[{"groups":[]}]`:                                                                           "",
		`[{"groups":[]},{"groups":["b"]}]`:                                                          "b",
	} {
		p := mustDiffParse(t, `{"wpc_version":"v1","tool_policy":{"allow":["mail"]},"approvals":{"required_for":["mail"]},"approvers":`+list+`}`)
		c := &Call{Tool: "mail", Action: "send", Class: Write, Categories: []string{"external_send"}}
		if got := strings.Join(p.Asks(c), " "); got != want {
			t.Errorf("%s asks %q, want %q", list, got, want)
		}
	}
}

// Who is of no group that is asked, and not of all, brings a question no further;
// where nobody in particular is asked, anybody does.
func TestAsksWhoHelps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, c := policyOf(t, document{Version: "v1", ToolPolicy: &toolPolicy{Allow: []string{"*"}}, Approvers: drawApprovers(t)}), drawCall(t)
		f := drawFacts(t, c)
		f.Approvals = nil
		asks, none := p.Asks(c), p.Hear(c, f).Missing
		stranger := answer(c, true)
		stranger.By, stranger.Groups, stranger.At, stranger.Expires = "ada", slices.DeleteFunc(slices.Clone(drawnGroups), func(g string) bool { return slices.Contains(asks, g) }), f.Now, f.Now.Add(time.Hour)
		f.Approvals = []Approval{stranger}
		if got := p.Hear(c, f).Missing; asks != nil && got < none {
			t.Fatalf("a yes of %v helps though %v are asked", stranger.Groups, asks)
		}
	})
}

// What changes in who must say yes is told, and nothing that lets more happen
// passes for tighter.
func TestDiffOfApprovers(t *testing.T) {
	const base = `{"wpc_version":"v1","tool_policy":{"allow":["mail"]},"approvals":{"required_for":["mail"]}%s}`
	for _, tt := range []struct {
		a, b string
		want ChangeKind
		says string
	}{
		{``, `,"approvers":[]`, "", ""},
		{`,"approvers":[{}]`, `,"approvers":[{"required":1}]`, "", ""},
		{``, `,"approvers":[{"groups":["a"]}]`, Tightened, "who must say yes: 1 person of a, was none"},
		{`,"approvers":[{"groups":["a"]}]`, ``, Loosened, "who must say yes: none, was 1 person of a"},
		{`,"approvers":[{"groups":["a"]}]`, `,"approvers":[{"groups":["b","a"]}]`, Loosened, "who must say yes: 1 person of b or a, was 1 person of a"},
		{`,"approvers":[{"groups":["a"]}]`, `,"approvers":[{"groups":["b"]}]`, Changed, "who must say yes: 1 person of b, was 1 person of a"},
		{`,"approvers":[{"for":["mail"],"required":2}]`, `,"approvers":[{"required":3,"holds":"1h"}]`, Tightened, "who must say yes: 3 people within 1h, was 2 people for mail"},
		{`,"approvers":[{"holds":"1h"}]`, `,"approvers":[{"holds":"61m"}]`, Loosened, "who must say yes: 1 person within 61m, was 1 person within 1h"},
		{`,"approvers":[{"groups":["a"]},{"groups":["a"]}]`, `,"approvers":[{"groups":["a"],"required":2}]`, Changed, "who must say yes: 2 people of a, was 1 person of a; 1 person of a"},
		{`,"approvers":[{"for":[]}]`, ``, Loosened, "who must say yes: none, was 1 person for none"},
	} {
		a, b := mustDiffParse(t, fmt.Sprintf(base, tt.a)), mustDiffParse(t, fmt.Sprintf(base, tt.b))
		changes := Diff(a, b)
		if tt.want == "" {
			if len(changes) > 0 {
				t.Errorf("%s to %s: %v", tt.a, tt.b, changes)
			}
			continue
		}
		if len(changes) != 1 || changes[0].Kind != tt.want || changes[0].Widens != (tt.want != Tightened) || changes[0].Says != tt.says {
			t.Errorf("%s to %s: %+v", tt.a, tt.b, changes)
		}
	}
}

// What is tighter by the comparison never allows more.
func TestTighterApprovers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawApprovers(t), drawApprovers(t)
		if approversKind(a, b) != Tightened {
			t.Skip("it is not tighter")
		}
		c := drawCall(t)
		f := drawFacts(t, c)
		d := document{Version: "v1", ToolPolicy: &toolPolicy{Allow: []string{"*"}}}
		decide := func(list []approver) Heard {
			d.Approvers = list
			return policyOf(t, d).Hear(c, f)
		}
		if before, after := decide(a), decide(b); after.Missing < before.Missing {
			t.Fatalf("%d people are missing, were %d", after.Missing, before.Missing)
		}
	})
}
