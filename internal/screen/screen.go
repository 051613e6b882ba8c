// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package screen finds credentials and personal data in what agents send out,
// and masks them. Credentials are found by the rules of gitleaks, which others
// keep well; personal data by the checks that standards define. What it
// promises, and what it cannot, is in spec/screening.md.
//
// Nothing is read or compiled before a policy asks for a rule, and a rule's
// expression not before a text has one of its keywords.
package screen

import (
	"fmt"
	"maps"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/policy"
)

// Rules are the rules that a policy names, ready to use, by any number of
// goroutines. They are small: what is costly is shared. The zero value finds
// nothing.
type Rules struct {
	all  *catalogue
	uses []bool // by the rule's place in the catalogue
}

// For returns the rules whose ids match one of patterns, in which * stands for
// any run of characters. It fails if a pattern matches none.
func For(patterns []string) (*Rules, error) {
	if len(patterns) == 0 {
		return new(Rules), nil
	}
	all, err := theCatalogue()
	if err != nil {
		return nil, err
	}
	r := &Rules{all: all, uses: make([]bool, len(all.rules))}
	for _, p := range patterns {
		known := false
		for i, rule := range all.rules {
			if policy.Glob(p, rule.id) {
				r.uses[i], known = true, true
			}
		}
		if !known {
			return nil, fmt.Errorf("no screening rule is called %q\nSee spec/screening.md for the names: gitleaks' own, and %s", p, strings.Join(personalIDs(), ", "))
		}
	}
	return r, nil
}

// Mask returns b with every match of r's rules replaced by a mark of its rule, and how
// often each rule matched. JSON stays the JSON that it was, but for the texts
// concerned; what is not JSON is one text. Where nothing matches, b itself comes
// back, and b is never changed. Masking what is masked changes nothing.
func (r *Rules) Mask(b []byte) (masked []byte, found map[string]int) {
	if r.all == nil {
		return b, nil
	}
	s := newSearch(r)
	if jsontext.Value(b).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
		masked = s.maskJSON(b)
	} else {
		masked = s.maskText(b, plain)
	}
	if len(s.found) == 0 {
		return b, nil
	}
	return masked, maps.Clone(s.found)
}
