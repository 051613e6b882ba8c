// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/zricethezav/gitleaks/v8/config"
)

// A ruleSource is a rule of gitleaks, without what concerns files and commits.
type ruleSource struct {
	id          string
	regex       string
	secretGroup int
	entropy     float64
	keywords    []string // in lower case
	allowlists  []allowedSource
}

// An allowedSource says which matches are none.
type allowedSource struct {
	target    string // what the regexes look at: "match", "line" or the secret
	regexes   []string
	stopWords []string // in lower case
}

// The parts of gitleaks' own configuration that are used here.
type (
	leakFile struct {
		Allowlist  *leakAllowlist  `toml:"allowlist"`
		Allowlists []leakAllowlist `toml:"allowlists"`
		Rules      []leakRule      `toml:"rules"`
	}
	leakRule struct {
		ID          string          `toml:"id"`
		Path        string          `toml:"path"`
		Regex       string          `toml:"regex"`
		SecretGroup int             `toml:"secretGroup"`
		Entropy     float64         `toml:"entropy"`
		Keywords    []string        `toml:"keywords"`
		SkipReport  bool            `toml:"skipReport"`
		Required    []any           `toml:"required"`
		Allowlist   *leakAllowlist  `toml:"allowlist"`
		Allowlists  []leakAllowlist `toml:"allowlists"`
	}
	leakAllowlist struct {
		Condition   string   `toml:"condition"`
		Commits     []string `toml:"commits"`
		Paths       []string `toml:"paths"`
		RegexTarget string   `toml:"regexTarget"`
		Regexes     []string `toml:"regexes"`
		StopWords   []string `toml:"stopwords"`
	}
)

// gitleaks returns the rules of the release that is built in, in the order of
// their ids, and what is none for all of them. It fails for what this package
// does not know how to follow.
func gitleaks() (rules []ruleSource, everywhere []allowedSource, err error) {
	var f leakFile
	if err := toml.Unmarshal([]byte(config.DefaultConfig), &f); err != nil {
		return nil, nil, err
	}
	if everywhere, err = allowed(f.Allowlist, f.Allowlists); err != nil {
		return nil, nil, err
	}
	for _, r := range f.Rules {
		if r.Path != "" || r.SkipReport {
			continue // for files of a name only, and a request has none
		}
		if len(r.Required) > 0 {
			return nil, nil, fmt.Errorf("%s needs other rules", r.ID)
		}
		src := ruleSource{id: r.ID, regex: r.Regex, secretGroup: r.SecretGroup, entropy: r.Entropy, keywords: lowered(r.Keywords)}
		if src.allowlists, err = allowed(r.Allowlist, r.Allowlists); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", r.ID, err)
		}
		rules = append(rules, src)
	}
	slices.SortFunc(rules, func(a, b ruleSource) int { return strings.Compare(a.id, b.id) })
	return rules, everywhere, nil
}

// allowed leaves out what asks for the name of a file, too: it never holds.
func allowed(one *leakAllowlist, more []leakAllowlist) (all []allowedSource, err error) {
	if one != nil {
		more = append([]leakAllowlist{*one}, more...)
	}
	for _, a := range more {
		both := strings.EqualFold(a.Condition, "and") || a.Condition == "&&"
		if both && len(a.Paths)+len(a.Commits) > 0 || len(a.Regexes)+len(a.StopWords) == 0 {
			continue
		}
		if both {
			return nil, errors.New("an allowlist asks for all of its conditions")
		}
		all = append(all, allowedSource{target: a.RegexTarget, regexes: a.Regexes, stopWords: lowered(a.StopWords)})
	}
	return all, nil
}

func lowered(words []string) []string {
	var out []string
	for _, w := range words {
		out = append(out, strings.ToLower(w))
	}
	return out
}
