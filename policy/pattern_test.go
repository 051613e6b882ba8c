// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"
)

func TestParsePatternRefuses(t *testing.T) {
	for s, want := range map[string]string{
		"":                       "is no pattern of actions",
		":write":                 "is no pattern of actions",
		"jira issue.get":         "is no pattern of actions",
		"jira/issue":             "is no pattern of actions",
		"jir\u0430":              "is no pattern of actions", // a Cyrillic letter
		"jira\n":                 "is no pattern of actions",
		"jira:":                  `"" is no class`,
		"jira:writes":            `"writes" is no class`,
		"jira:write:read":        `"write:read" is no class`,
		"jira:*":                 `"*" is no class`,
		strings.Repeat("a", 257): "at most 256 bytes",
	} {
		p, err := ParsePattern(s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error = %v, want one with %q", s, err, want)
		}
		if p != (Pattern{}) {
			t.Errorf("%q is refused and comes to %v", s, p)
		}
	}
}

func TestZeroPatternMeansNothing(t *testing.T) {
	for _, a := range patternWorld() {
		if (Pattern{}).Means(a) {
			t.Errorf("it means %v", a)
		}
	}
	if got := (Pattern{}).String(); got != "" {
		t.Errorf("its text is %q", got)
	}
}

func patternWorld() []Action {
	return []Action{
		{}, {"jira", "issue.get", Read}, {"jira", "issue.search", Search}, {"jira", "issue.create", Write}, {"jira", "project.admin", Admin},
		{"confluence", "page.update", Write}, {"deploy", "run", Write}, {"Deploy", "Run", Write}, {"deploy", "", Read}, {"write", "now", Read},
		{"model", "", Model}, {"jirafoo", "issue.get", Read},
	}
}

// A pattern means what the same entry of a list of tools means, in the class
// that it names.
func TestPatternMeansWhatListsMean(t *testing.T) {
	for _, entry := range []string{"jira", "jira.*", "*.issue.*", "deploy.run", "write", "*", "model", "m*l", "jira.issue.get", "none"} {
		for _, class := range []Class{"", Read, Search, Write, Admin, Model} {
			text := entry
			if class != "" {
				text += ":" + string(class)
			}
			p, err := ParsePattern(text)
			if err != nil || p.String() != text {
				t.Fatalf("%s: %v, %v", text, p, err)
			}
			list := nameListOf([]string{entry})
			for _, a := range patternWorld() {
				want := list.means(&Call{Tool: strings.ToLower(a.Tool), Action: strings.ToLower(a.Name), Class: a.Class}) && (class == "" || class == a.Class)
				if got := p.Means(a); got != want {
					t.Errorf("%s means %v: %t, want %t", text, a, got, want)
				}
			}
		}
	}
}

// FuzzPattern says: a pattern is read again from its text, means the same, and
// means no more for naming a class.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"jira", "Jira:Write", "*:admin", "confluence.page.*", "model", "a*b*c", ":", "jira:", "::", "\xff"} {
		f.Add(s, "jira", "issue.create", "write")
	}
	f.Fuzz(func(t *testing.T, s, tool, name, class string) {
		p, err := ParsePattern(s)
		if err != nil {
			if p != (Pattern{}) {
				t.Fatalf("%q is refused and comes to %v", s, p)
			}
			return
		}
		again, err := ParsePattern(p.String())
		if err != nil || again != p {
			t.Fatalf("%q is read again as %v: %v", s, again, err)
		}
		a := Action{tool, name, Class(class)}
		entry, _, limited := strings.Cut(p.String(), ":")
		whole, err := ParsePattern(entry)
		if err != nil {
			t.Fatal(err)
		}
		if p.Means(a) && (!whole.Means(a) || limited && !slices.Contains([]Class{Read, Search, Write, Admin, Model}, a.Class)) {
			t.Fatalf("%v means %v, which %v does not", p, a, whole)
		}
		if upper, err := ParsePattern(strings.ToUpper(s)); err != nil || upper.Means(a) != p.Means(a) {
			t.Fatalf("%q in capitals means something else: %v", s, err)
		}
	})
}

func TestMutates(t *testing.T) {
	for class, want := range map[Class]bool{Read: false, Search: false, Write: true, Admin: true, Model: false, "": false, "WRITE": false} {
		if got := (&Call{Class: class}).Mutates(); got != want {
			t.Errorf("a call of class %q changes something: %t, want %t", class, got, want)
		}
	}
}
