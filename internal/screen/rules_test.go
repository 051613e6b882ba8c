// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
)

// The rules are those that gitleaks itself reads.
func TestRulesAreGitleaks(t *testing.T) {
	rules, everywhere, err := gitleaks()
	if err != nil {
		t.Fatal(err)
	}
	c := theirConfig(t)
	same := cmp.AllowUnexported(ruleSource{}, allowedSource{})
	words := cmpopts.SortSlices(strings.Compare) // gitleaks reads stop words into a set
	if diff := cmp.Diff(allowedBy(t, c.Allowlists), everywhere, same, words, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("what is none (-theirs +ours):\n%s", diff)
	}
	if diff := cmp.Diff(theirs(t, c), rules, same, words, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b ruleSource) bool { return a.id < b.id })); diff != "" {
		t.Errorf("rules (-theirs +ours):\n%s", diff)
	}
}

func theirConfig(t testing.TB) config.Config {
	t.Helper()
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(config.DefaultConfig)); err != nil {
		t.Fatal(err)
	}
	var vc config.ViperConfig
	if err := v.Unmarshal(&vc); err != nil {
		t.Fatal(err)
	}
	c, err := vc.Translate()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func theirs(t *testing.T, c config.Config) (rules []ruleSource) {
	for _, r := range c.GetOrderedRules() {
		if r.Path != nil || r.SkipReport {
			continue
		}
		if len(r.RequiredRules) > 0 {
			t.Fatalf("%s needs other rules: this package knows no such thing", r.RuleID)
		}
		rules = append(rules, ruleSource{
			id: r.RuleID, regex: r.Regex.String(), secretGroup: r.SecretGroup, entropy: r.Entropy,
			keywords: r.Keywords, allowlists: allowedBy(t, r.Allowlists),
		})
	}
	return rules
}

// allowedBy leaves out what asks for the name of a file, too: it never holds.
func allowedBy(t *testing.T, lists []*config.Allowlist) (all []allowedSource) {
	for _, a := range lists {
		files := len(a.Paths)+len(a.Commits) > 0
		if files && a.MatchCondition == config.AllowlistMatchAnd || len(a.Regexes)+len(a.StopWords) == 0 {
			continue
		}
		if a.MatchCondition == config.AllowlistMatchAnd {
			t.Fatalf("%q asks for all of its conditions: this package knows no such thing", a.Description)
		}
		s := allowedSource{target: a.RegexTarget, stopWords: a.StopWords}
		for _, re := range a.Regexes {
			s.regexes = append(s.regexes, re.String())
		}
		all = append(all, s)
	}
	return all
}

// What this package takes for granted of the rules.
func TestRulesCanBeUsed(t *testing.T) {
	all, err := theCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	if len(all.byID) != len(all.rules) || len(all.rules) < 200 {
		t.Errorf("%d rules with %d ids", len(all.rules), len(all.byID))
	}
	whole := 0
	for _, r := range all.rules {
		if len(r.id) > maxID || strings.ContainsAny(r.id, `*?[]\/: `) {
			t.Errorf("%q cannot be an id", r.id)
		}
		if r.scan != nil {
			continue
		}
		r.ready()
		if len(r.source.keywords) == 0 {
			t.Errorf("%s has no keyword, so it is never looked for", r.id)
		}
		for _, w := range r.source.keywords {
			if len(w) < 2 || w != strings.ToLower(w) {
				t.Errorf("%s: %q cannot be a keyword", r.id, w)
			}
		}
		if r.shape.whole {
			whole++
		}
		for _, a := range r.allowed {
			a.ready()
		}
	}
	if whole > 12 {
		t.Errorf("%d rules have to be looked for everywhere", whole)
	}
}
