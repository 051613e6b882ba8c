// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

func stopped() *Revocation {
	return &Revocation{ID: 7, Revocation: token.Revocation{Kind: token.RevokeJob, Target: "job-1"}, By: "ops"}
}

// TestOrders writes an order, and that it is lifted, and reads both.
func TestOrders(t *testing.T) {
	st := &State{Head: Head{Seq: 4, Hash: seal.Sum(nil)}, Now: noon}
	for _, kind := range []Kind{Revoked, Restored} {
		r := Revoke(st, "job-1", kind, stopped())
		if r.Seq != 5 || r.Prev != seal.Sum(nil) || r.At != noon || r.Token != "" || r.Job != "job-1" {
			t.Errorf("%s = %+v", kind, r)
		}
		payload := signed(t, r).Envelope.Payload
		got, err := Parse(payload)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Error(diff)
		}
		if want := `"revocation":{"by":"ops","id":7,"kind":"job","target":"job-1"}`; !strings.Contains(string(payload), want) {
			t.Errorf("%s lacks %s", payload, want)
		}
		if uses := got.Uses(nil); len(uses) != 0 {
			t.Errorf("an order uses %v", uses)
		}
		if uses := got.Uses(&Receipt{Kind: Opened, Call: newCall()}); len(uses) != 0 {
			t.Errorf("an order gives back %v", uses)
		}
	}
}

// TestStranger refuses a token that nobody can believe, in the journal.
func TestStranger(t *testing.T) {
	call := &policy.Call{Tool: "jira", Action: "issue.get", Class: policy.Read}
	r := RefuseStranger(&State{Now: noon}, call, "token.signature")
	got, err := Parse(signed(t, r).Envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got); diff != "" {
		t.Error(diff)
	}
	want := &policy.Decision{Reasons: []policy.Reason{{Says: "token.signature"}}}
	if diff := cmp.Diff(want, got.Decision); diff != "" {
		t.Error(diff)
	}
	if got.Job != Journal || got.Token != "" || got.Refused != "token.signature" || got.Decision.Effect != policy.Deny || !got.Decision.Policy.IsZero() {
		t.Errorf("%+v", got)
	}
	if uses := got.Uses(nil); len(uses) != 0 {
		t.Errorf("a stranger uses %v", uses)
	}
	if Journal != token.HouseJob {
		t.Errorf("the journal is %q, and tokens may be good for it", Journal)
	}
}

// members are all that a receipt can have besides what all have.
var members = []struct {
	name string
	add  func(*Receipt)
}{
	{"token", func(r *Receipt) { r.Token = "cst-1" }},
	{"call", func(r *Receipt) { r.Call = newCall() }},
	{"facts", func(r *Receipt) { r.Facts = &policy.Facts{Now: noon} }},
	{"decision", func(r *Receipt) { d := decided(policy.Allow); r.Decision = &d }},
	{"asks", func(r *Receipt) { r.Asks = "job-1.9" }},
	{"refused", func(r *Receipt) { r.Refused = "token.expired" }},
	{"shadow", func(r *Receipt) { r.Shadow = []Verdict{{Unknown: "candidates"}} }},
	{"opened", func(r *Receipt) { r.Opened = 2 }},
	{"outcome", func(r *Receipt) { r.Outcome = &Outcome{Status: Done} }},
	{"revocation", func(r *Receipt) { r.Revocation = stopped() }},
}

// whole is spec/receipt.md 2.1, written another way than in Go: for each kind,
// what a whole receipt must have, and what it may have as well. Of refused and
// facts there is exactly one, a shadow needs facts, and only a refusal can do
// without a token.
var wholes = map[Kind][]struct{ must, may string }{
	Opened: {
		{"token call facts decision", "asks shadow"},
		{"call decision refused", "token asks"},
	},
	Closed:   {{"token opened outcome", ""}},
	Revoked:  {{"revocation", ""}},
	Restored: {{"revocation", ""}},
	"":       nil,
	"noted":  nil,
}

func allowed(k Kind, has map[string]bool) bool {
	for _, form := range wholes[k] {
		must, may := strings.Fields(form.must), strings.Fields(form.may)
		left := maps.Clone(has)
		ok := true
		for _, m := range must {
			ok = ok && left[m]
			delete(left, m)
		}
		for _, m := range may {
			delete(left, m)
		}
		if ok && len(left) == 0 {
			return true
		}
	}
	return false
}

// TestWhole tries every kind with every combination of members: 6 times 1024.
func TestWhole(t *testing.T) {
	good := 0
	for kind := range wholes {
		for bits := range 1 << len(members) {
			r := &Receipt{Kind: kind, Job: "job-1", Seq: 5, At: noon}
			has := map[string]bool{}
			for i, m := range members {
				if bits>>i&1 == 1 {
					m.add(r)
					has[m.name] = true
				}
			}
			want := allowed(kind, has)
			if got := r.whole(); got != want {
				t.Errorf("%q with %v is whole: %t", kind, has, got)
			}
			if !want {
				continue
			}
			good++
			if _, err := Parse(signed(t, r).Envelope.Payload); err != nil {
				t.Errorf("%q with %v: %v", kind, has, err)
			}
		}
	}
	if good != 4+4+1+1+1 {
		t.Errorf("%d combinations are whole", good)
	}
}

// TestRepeats says: a call that changes something counts as carried out from
// when it was allowed on, unless it is said to have failed; other calls never
// count, and policies do not see the count.
func TestRepeats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := State{Now: noon}
		used, want := map[string]int{}, map[seal.Hash]int{}
		commit := func(r, opened *Receipt) {
			st.Seq++
			for k, n := range r.Uses(opened) {
				used[k] += n
			}
		}
		calls := []*policy.Call{}
		for i, class := range []policy.Class{policy.Read, policy.Search, policy.Write, policy.Admin, policy.Model} {
			for _, arg := range []string{"a", "b"} {
				calls = append(calls, &policy.Call{Tool: "t", Action: fmt.Sprint("do", i), Class: class, Uses: map[string]int{"pages": 1}, Args: seal.Sum([]byte(arg))})
			}
		}
		var open []*Receipt
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if len(open) > 0 && rapid.Bool().Draw(t, "close") {
				i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
				out := &Outcome{Status: rapid.SampledFrom([]Status{Done, Failed, Aborted, Unknown}).Draw(t, "status")}
				if out.Status == Failed && open[i].Call.Mutates() {
					want[open[i].Call.Digest()]--
				}
				commit(Close(&st, open[i], out), open[i])
				open = append(open[:i], open[i+1:]...)
				continue
			}
			c := rapid.SampledFrom(calls).Draw(t, "call")
			switch rapid.SampledFrom([]string{"allow", "deny", "ask", "refuse", "stop"}).Draw(t, "step") {
			case "allow":
				r := Open(&st, claims, c, &policy.Facts{Now: noon}, decided(policy.Allow))
				commit(r, nil)
				open = append(open, r)
				if c.Class == policy.Write || c.Class == policy.Admin {
					want[c.Digest()]++
				}
			case "deny":
				commit(Open(&st, claims, c, &policy.Facts{Now: noon}, decided(policy.Deny)), nil)
			case "ask":
				commit(Open(&st, claims, c, &policy.Facts{Now: noon}, decided(policy.Ask)), nil)
			case "refuse":
				commit(Refuse(&st, claims, c, "token.expired"), nil)
			case "stop":
				commit(Revoke(&st, "job-1", Revoked, stopped()), nil)
			}
			for _, c := range calls {
				if got := Repeats(used, c); got != want[c.Digest()] || got < 0 {
					t.Fatalf("%s was carried out %d times, want %d", c.Name(), got, want[c.Digest()])
				}
			}
		}
		before := maps.Clone(used)
		seen := Counted(used)
		for k := range seen {
			if strings.HasPrefix(k, "done:") {
				t.Fatalf("policies see %s", k)
			}
		}
		if diff := cmp.Diff(before, used); diff != "" {
			t.Fatal("counting changes the counters")
		}
		for k, n := range used {
			if _, ok := seen[k]; !ok && !strings.HasPrefix(k, "done:") || ok && seen[k] != n {
				t.Fatalf("policies see %s as %d, want %d", k, seen[k], n)
			}
		}
	})
}

// TestRepeatsOfAnother says that calls which differ in anything are others.
func TestRepeatsOfAnother(t *testing.T) {
	base := func() *policy.Call {
		c := newCall()
		c.Action, c.Class = "page.update", policy.Write
		return c
	}
	used := Open(&State{Now: noon}, claims, base(), &policy.Facts{Now: noon}, decided(policy.Allow)).Uses(nil)
	if got := Repeats(used, base()); got != 1 {
		t.Errorf("the same call was carried out %d times", got)
	}
	for name, change := range map[string]func(*policy.Call){
		"arguments": func(c *policy.Call) { c.Args = seal.Sum([]byte("other")) },
		"a target":  func(c *policy.Call) { c.Resources[0].ID = "8" },
		"a version": func(c *policy.Call) { c.Resources[0].Version = "2" },
		"an action": func(c *policy.Call) { c.Action = "page.delete" },
		"a class":   func(c *policy.Call) { c.Class = policy.Admin },
		"a site":    func(c *policy.Call) { c.Site = "elsewhere" },
		"reading":   func(c *policy.Call) { c.Class = policy.Read },
	} {
		c := base()
		change(c)
		if got := Repeats(used, c); got != 0 {
			t.Errorf("with %s changed it was carried out %d times", name, got)
		}
	}
	if got := Counted(nil); len(got) != 0 {
		t.Errorf("of no counters, policies see %v", got)
	}
}

// TestSpent says that a line uses up a proof with itself: what is spent is no
// part of the receipt.
func TestSpent(t *testing.T) {
	l := signed(t, Refuse(&State{Now: noon}, claims, newCall(), "token.expired"))
	before := l.Hash()
	l.Spent = &Spent{ID: "key p-1", Until: noon.Add(time.Minute)}
	if l.Hash() != before || strings.Contains(string(l.Envelope.Payload), "p-1") {
		t.Error("the receipt says which proof it uses up")
	}
}
