// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"slices"
	"testing"

	site "github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/confluence"
	"github.com/clawea/clawea/internal/jira"
)

// TestSampleScopes holds the scopes that docs/clawea.hujson declares to the tables: a
// token with fewer cannot do its work, and one with more is not of least privilege.
func TestSampleScopes(t *testing.T) {
	c, err := config.Load("../../docs/clawea.hujson")
	if err != nil {
		t.Fatal(err)
	}
	check := func(system string, s *config.Site, ops []site.Operation) {
		declared := 0
		for use, a := range map[string]*config.Account{site.ForReading: s.Read, site.ForWriting: s.Write, site.ForUndoing: s.Undo} {
			if a == nil || a.Scopes == nil {
				continue
			}
			declared++
			want, got := site.Scopes(ops, use), slices.Sorted(slices.Values(a.Scopes))
			if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
				t.Errorf("%s, %s: the sample declares %q, and the table needs %q", system, use, got, want)
			}
		}
		if declared == 0 {
			t.Errorf("%s: the sample declares no scopes", system)
		}
	}
	check("confluence", c.Confluence, confluence.Operations())
	check("jira", c.Jira, jira.Operations())
}
