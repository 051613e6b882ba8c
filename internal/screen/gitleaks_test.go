// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/logging"
)

// drawn returns a text that r matches, but for bounds of words and texts.
func drawn(rnd *rand.Rand, r *syntax.Regexp) string {
	var b strings.Builder
	draw(rnd, r, &b)
	return b.String()
}

func draw(rnd *rand.Rand, r *syntax.Regexp, b *strings.Builder) {
	times := func(least, most int) {
		for range least + rnd.IntN(most-least+1) {
			draw(rnd, r.Sub[0], b)
		}
	}
	switch r.Op {
	case syntax.OpLiteral:
		for _, c := range r.Rune {
			all := slices.DeleteFunc(folds(c, r.Flags), func(c rune) bool { return c > 127 })
			b.WriteRune(all[rnd.IntN(len(all))])
		}
	case syntax.OpCharClass:
		i := 2 * rnd.IntN(len(r.Rune)/2)
		lo, hi := r.Rune[i], min(r.Rune[i+1], max(r.Rune[i], 0x24f))
		if lo > 127 {
			lo, hi = r.Rune[0], r.Rune[1] // not the Kelvin sign: no keyword has it
		}
		b.WriteRune(lo + rnd.Int32N(hi-lo+1))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteString([]string{"a", "Z", "9", " ", "\"", "é", "="}[rnd.IntN(7)])
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range r.Sub {
			draw(rnd, sub, b)
		}
	case syntax.OpAlternate:
		draw(rnd, r.Sub[rnd.IntN(len(r.Sub))], b)
	case syntax.OpQuest:
		times(0, 1)
	case syntax.OpStar:
		times(0, 12)
	case syntax.OpPlus:
		times(1, 12)
	case syntax.OpRepeat:
		most := r.Max
		if most < 0 {
			most = r.Min + 12
		}
		times(r.Min, most)
	}
}

// detector is gitleaks' own, that knows no paths and heeds no comment that a text
// has for it.
func detector(t testing.TB) *detect.Detector {
	t.Helper()
	logging.Logger = zerolog.Nop()
	c := theirConfig(t)
	for id, r := range c.Rules {
		if r.Path != nil {
			delete(c.Rules, id)
		}
	}
	d := detect.NewDetector(c)
	d.IgnoreGitleaksAllow = true
	return d
}

// theirsIn returns the rules and secrets that gitleaks finds in text. Where it
// finds one twice, and where its generic rule guesses at what another rule knows,
// that is one.
func theirsIn(d *detect.Detector, text string) []string {
	var all []string
	for _, f := range d.DetectString(text) {
		if f.RuleID != "generic-api-key" {
			all = append(all, f.RuleID+" "+f.Secret)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func oursIn(r *Rules, text string) []string {
	var all []string
	for _, h := range newSearch(r).hitsIn([]byte(text)) {
		if id := r.all.rules[h.rule].id; id != "generic-api-key" {
			all = append(all, id+" "+text[h.from:h.to])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// credentials returns the rules that are gitleaks'.
func credentials(t testing.TB) *Rules {
	t.Helper()
	r := rules(t, "*")
	for i, rule := range r.all.rules {
		r.uses[i] = rule.scan == nil
	}
	return r
}

func rules(t testing.TB, patterns ...string) *Rules {
	t.Helper()
	r, err := For(patterns)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// contexts are what may stand around a secret.
var contexts = []string{"", " ", "\n", "\"", "x", "_", "é", "key = ", "token: \"", "the secret is ", ";\n", "=", "curl -H 'x' ", "-", "\\n", ", ", "}"}

// Our search finds what gitleaks finds, and nothing else, in texts that are drawn
// from the rules themselves.
func TestFindsWhatGitleaksFinds(t *testing.T) {
	d, ours := detector(t), credentials(t)
	rnd, some := rand.New(rand.NewPCG(3, 4)), 0
	around := func() string { return contexts[rnd.IntN(len(contexts))] }
	for _, rule := range ours.all.rules {
		if rule.scan != nil {
			continue
		}
		root, err := syntax.Parse(rule.source.regex, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		seen := false
		for range 6 {
			var text strings.Builder
			for range 1 + rnd.IntN(3) {
				text.WriteString(around() + drawn(rnd, root) + around())
			}
			want, got := theirsIn(d, text.String()), oursIn(ours, text.String())
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, drawn %q: %s", rule.id, text.String(), diff)
			}
			seen = seen || slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, rule.id+" ") })
		}
		if seen {
			some++
		}
	}
	if some < 140 {
		t.Errorf("only %d rules found anything: the texts are poor", some)
	}
}

// The generic rule finds what gitleaks' does, where no other rule has a say.
func TestGenericFindsWhatGitleaksFinds(t *testing.T) {
	d := detector(t)
	for id := range d.Config.Rules {
		if id != "generic-api-key" {
			delete(d.Config.Rules, id)
		}
	}
	ours := rules(t, "generic-api-key")
	rule := ours.all.byID["generic-api-key"]
	root, err := syntax.Parse(rule.source.regex, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	rnd, some := rand.New(rand.NewPCG(5, 6)), 0
	for range 150 {
		var text strings.Builder
		for range 1 + rnd.IntN(4) {
			fmt.Fprint(&text, contexts[rnd.IntN(len(contexts))], drawn(rnd, root), contexts[rnd.IntN(len(contexts))])
		}
		var want, got []string
		for _, f := range d.DetectString(text.String()) {
			want = append(want, f.Secret)
		}
		for _, h := range newSearch(ours).hitsIn([]byte(text.String())) {
			got = append(got, text.String()[h.from:h.to])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text.String(), diff)
		}
		some += len(got)
	}
	if some < 40 {
		t.Errorf("%d found in all: the texts are poor", some)
	}
}
