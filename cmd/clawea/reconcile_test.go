// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/api"
)

// Whoever could only not read a history is not asked who else uses the accounts.
func TestDisagreement(t *testing.T) {
	for _, test := range []struct {
		name         string
		r            api.Reconciliation
		wrong, mends string
	}{
		{"a change without a receipt", api.Reconciliation{Strange: []api.Event{{}}, Missing: []api.Claim{{}}, Notes: []string{"x"}}, "do not agree", "who else uses the house's accounts?"},
		{"a receipt without a change", api.Reconciliation{Missing: []api.Claim{{}}, Notes: []string{"x"}}, "the history does not have", "has somebody removed"},
		{"nothing but what was not seen", api.Reconciliation{Notes: []string{"x"}}, "could not be compared wholly", "NOT KNOWN"},
	} {
		wrong, mends := disagreement(&test.r)
		if !strings.Contains(wrong, test.wrong) || !strings.Contains(mends, test.mends) {
			t.Errorf("%s: %q, %q", test.name, wrong, mends)
		}
	}
}
