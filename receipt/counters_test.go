// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/policy"
)

// tell reads the receipts of a story, one a line, and says what its counters
// come to after each.
func tell(t *testing.T, story string) string {
	t.Helper()
	out, used, opened := "", map[string]int{}, map[uint64]*Receipt{}
	for line := range strings.Lines(story) {
		r, err := Parse([]byte(strings.TrimSpace(line)))
		if err != nil {
			t.Fatal(err)
		}
		opened[r.Seq] = r
		for k, n := range r.Uses(opened[r.Opened]) {
			used[k] += n
		}
		out += fmt.Sprintf("%d %s:", r.Seq, r.Kind)
		for _, k := range slices.Sorted(maps.Keys(Counted(used))) {
			out += fmt.Sprintf(" %s=%d", k, used[k])
		}
		out += "\n"
	}
	return strings.TrimSuffix(out, "\n")
}

// tellChanges reads the receipts of a story, one a line, and says of each call
// how often it was carried out before.
func tellChanges(t *testing.T, story string) string {
	t.Helper()
	out, used, opened := "", map[string]int{}, map[uint64]*Receipt{}
	for line := range strings.Lines(story) {
		r, err := Parse([]byte(strings.TrimSpace(line)))
		if err != nil {
			t.Fatal(err)
		}
		out += fmt.Sprintf("%d %s", r.Seq, r.Kind)
		if r.Kind == Opened {
			out += fmt.Sprintf(" %s: carried out before: %d", r.Call.Name(), Repeats(used, r.Call))
		}
		out += "\n"
		opened[r.Seq] = r
		for k, n := range r.Uses(opened[r.Opened]) {
			used[k] += n
		}
	}
	return strings.TrimSuffix(out, "\n")
}

// TestCountersAreExact says: whatever happens in a job, the counters of names
// and classes are how many calls it was allowed, and closing changes none of
// them.
func TestCountersAreExact(t *testing.T) {
	actions := []policy.Action{
		{Tool: "confluence", Name: "page.get", Class: policy.Read}, {Tool: "confluence", Name: "page.search", Class: policy.Search},
		{Tool: "jira", Name: "issue.create", Class: policy.Write}, {Tool: "jira", Name: "project.edit", Class: policy.Admin},
		{Tool: "model", Name: "chat", Class: policy.Model}, {Tool: "mail", Class: policy.Write},
	}
	rapid.Check(t, func(t *rapid.T) {
		st := State{Now: noon}
		used, want := map[string]int{}, map[string]int{}
		count := func(r, opened *Receipt) {
			st.Seq++
			for k, n := range r.Uses(opened) {
				used[k] += n
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "calls") {
			a := rapid.SampledFrom(actions).Draw(t, "action")
			c := &policy.Call{Tool: a.Tool, Action: a.Name, Class: a.Class, Uses: map[string]int{"pages": 2}}
			effect := rapid.SampledFrom([]policy.Effect{policy.Allow, policy.Ask, policy.Deny}).Draw(t, "effect")
			opened := Open(&st, claims, c, &policy.Facts{Now: noon}, decided(effect))
			count(opened, nil)
			if effect != policy.Allow {
				continue
			}
			want["call:"+a.String()]++
			want["class:"+string(a.Class)]++
			status := rapid.SampledFrom([]Status{Done, Failed, Aborted, Unknown}).Draw(t, "status")
			kept := rapid.IntRange(0, 2).Draw(t, "pages used")
			if rapid.Bool().Draw(t, "closed") {
				count(Close(&st, opened, &Outcome{Status: status, Used: map[string]int{"pages": kept}}), opened)
			} else {
				kept = 2
			}
			want["pages"] += kept
		}
		zero := func(_ string, n int) bool { return n == 0 }
		used = Counted(used)
		maps.DeleteFunc(used, zero)
		maps.DeleteFunc(want, zero)
		if diff := cmp.Diff(want, used); diff != "" {
			t.Fatal(diff)
		}
	})
}
