// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

func newGeneration() *Generation {
	return &Generation{
		Provider: "anthropic", Model: "claude-x-20260101", Finish: "tool_use", Cost: 150,
		Usage:    &Usage{Input: 1200, Output: 34, CacheRead: 1000, CacheMade: 100, Reasoning: 30},
		Proposed: []Proposed{{"lookup", seal.Sum([]byte("1"))}, {"", seal.Sum([]byte("2"))}},
		First:    40, Took: 90,
	}
}

func TestCloseKeepsAGoodGeneration(t *testing.T) {
	opened := Open(&State{Now: noon}, claims, newCall(), &policy.Facts{Now: noon}, decided(policy.Allow))
	closed := Close(&State{Head: Head{Seq: 1}, Now: noon}, opened, &Outcome{Status: Done, Model: newGeneration()})
	back, err := Parse(signed(t, closed).Envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(newGeneration(), back.Outcome.Model); diff != "" {
		t.Error(diff)
	}
}

// TestCloseDropsWhatDoesNotFit says: whatever a provider answers, the receipt of
// its answer can be written and read, and settles as the answer did.
func TestCloseDropsWhatDoesNotFit(t *testing.T) {
	opened := Open(&State{Now: noon}, claims, newCall(), &policy.Facts{Now: noon}, decided(policy.Allow))
	count := rapid.OneOf(rapid.IntRange(-3, 50), rapid.Int())
	name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z][a-z._:/@,-]{0,220}`))
	rapid.Check(t, func(t *rapid.T) {
		g := &Generation{
			Provider: "gemini", Model: name.Draw(t, "model"), Finish: name.Draw(t, "finish"), Cost: count.Draw(t, "cost"),
			First: rapid.Int64().Draw(t, "first"), Took: rapid.Int64().Draw(t, "took"),
		}
		if rapid.Bool().Draw(t, "counted") {
			g.Usage = &Usage{count.Draw(t, "in"), count.Draw(t, "out"), count.Draw(t, "read"), count.Draw(t, "made"), count.Draw(t, "thought")}
		}
		for range rapid.IntRange(0, 130).Draw(t, "proposals") {
			g.Proposed = append(g.Proposed, Proposed{"ill named", seal.Sum(nil)})
		}
		before := *g
		out := &Outcome{Status: Done, Model: g}
		closed := Close(&State{Head: Head{Seq: 1}, Now: noon}, opened, out)
		if diff := cmp.Diff(&before, out.Model); diff != "" {
			t.Fatalf("the outcome passed in is changed: %s", diff)
		}
		b, err := seal.Marshal(closed)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		reserved := map[string]int{Tokens: 100, OutputTokens: 40, Cost: 30}
		if diff := cmp.Diff(Settled(reserved, out), Settled(reserved, back.Outcome)); diff != "" {
			t.Fatalf("the receipt settles otherwise than its answer: %s", diff)
		}
	})
}

// TestSettledIsWithinTheReservation says: however a call ends, it used no more
// than it reserved, of nothing else, and giving the rest back leaves what it used.
func TestSettledIsWithinTheReservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reserved := rapid.MapOf(rapid.SampledFrom([]string{Tokens, OutputTokens, Cost, "pages"}), rapid.IntRange(0, 100)).Draw(t, "reserved")
		out := &Outcome{Status: rapid.SampledFrom([]Status{Done, Failed, Aborted, Unknown}).Draw(t, "status")}
		if rapid.Bool().Draw(t, "counted") {
			n := rapid.IntRange(0, 150)
			out.Model = &Generation{Usage: &Usage{Input: n.Draw(t, "in"), Output: n.Draw(t, "out")}, Cost: n.Draw(t, "cost")}
		}
		before := maps.Clone(reserved)
		out.Used = Settled(reserved, out)
		if !maps.Equal(before, reserved) {
			t.Fatal("the reservation is changed")
		}
		for k, n := range out.Used {
			if most, ok := reserved[k]; !ok || n < 0 || n > most {
				t.Fatalf("%d %s used of %d", n, k, most)
			}
		}
		opened := Open(&State{Now: noon}, claims, &policy.Call{Tool: "model", Class: policy.Model, Uses: reserved}, &policy.Facts{Now: noon}, decided(policy.Allow))
		left := opened.Uses(nil)
		for k, n := range Close(&State{Head: Head{Seq: 1}, Now: noon}, opened, out).Uses(opened) {
			left[k] += n
		}
		for k, most := range reserved {
			want := most
			if out.Used != nil {
				want = out.Used[k]
			}
			if left[k] != want {
				t.Fatalf("%s stands at %d, and %d were used", k, left[k], want)
			}
		}
	})
}

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		provider, action string
		class            policy.Class
		want             bool
	}{
		{"openai", "chat.completions", policy.Model, true},
		{"openai", "responses", policy.Model, true},
		{"openai", "messages", policy.Model, false},
		{"anthropic", "messages", policy.Model, true},
		{"gemini", "generateContent", policy.Model, true},
		{"fal", "chat.completions", policy.Model, true},
		{"fal", "responses", policy.Model, false},
		{"skynet", "chat.completions", policy.Model, false},
		{"", "", policy.Model, false},
		{"openai", "chat.completions", policy.Read, false},
	} {
		c := &policy.Call{Tool: "model", Action: tt.action, Class: tt.class}
		if got := (&Generation{Provider: tt.provider}).Answers(c); got != tt.want {
			t.Errorf("%s answers %s of class %s: %t", tt.provider, tt.action, tt.class, got)
		}
	}
}

func TestGenerationText(t *testing.T) {
	g := newGeneration()
	if got, want := g.String(), "claude-x-20260101: 1200 tokens in, 34 out, tool_use, proposes lookup, a tool without a name"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := (&Generation{Provider: "openai"}).String(), "openai: tokens unknown"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNames(t *testing.T) {
	for name, tt := range map[string]struct {
		is   func(string) bool
		good []string
		bad  []string
	}{
		"provider": {isProvider, []string{"openai", "my-own"}, []string{"", "OpenAI", "a b", strings.Repeat("a", 33)}},
		"model":    {isModel, []string{"gpt-x", "ft:gpt-x:org::id", "anthropic/claude-x@1", "4o"}, []string{"", "-x", "a b", "a\n", "é", strings.Repeat("a", 201)}},
		"finish":   {isFinish, []string{"stop", "MAX_TOKENS", "stop,length"}, []string{"", "a b", "a/b", strings.Repeat("a", 1001)}},
		"tool":     {isTool, []string{"lookup", "mcp:fs/read", "a.b"}, []string{"", "a b", "a@b", "<script>", strings.Repeat("a", 129)}},
	} {
		for _, s := range tt.good {
			if !tt.is(s) {
				t.Errorf("%q is no %s", s, name)
			}
		}
		for _, s := range tt.bad {
			if tt.is(s) {
				t.Errorf("%q is a %s", s, name)
			}
		}
	}
}
