// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"slices"
	"testing"

	"github.com/clawea/clawea/internal/config"
)

// The house takes changes back where there is an account for it, and says so of no
// other system.
func TestUndoTools(t *testing.T) {
	with, without := &config.Site{Undo: &config.Account{}}, &config.Site{Write: &config.Account{}}
	for _, test := range []struct {
		c    config.Config
		want []string
	}{
		{config.Config{}, nil},
		{config.Config{Confluence: without, Jira: without}, nil},
		{config.Config{Confluence: with, Jira: without}, []string{"confluence"}},
		{config.Config{Jira: with}, []string{"jira"}},
		{config.Config{Confluence: with, Jira: with}, []string{"confluence", "jira"}},
	} {
		if got := undoTools(&test.c); !slices.Equal(got, test.want) {
			t.Errorf("%v, want %v", got, test.want)
		}
	}
}
