// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw_test

import (
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/openclaw"
)

func TestCheckCommand(t *testing.T) {
	for _, good := range []string{"agent --local --message hi", "agent --local -m hi --json", "agent --message=exec --local --agent main", "agent --message exec --local", "agent --local --timeout=60 -m --deliver"} {
		if err := openclaw.CheckCommand(strings.Fields(good)); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, says := range map[string]string{
		"":                                    "only OpenClaw's agent",
		"gateway":                             "only OpenClaw's agent",
		"agent exec hi --local":               "without the hooks",
		"agent --local exec hi":               "without the hooks",
		"agent --message hi":                  "without --local",
		"agent --message --local":             "without --local",
		"agent --local --deliver -m hi":       `"--deliver" has no place`,
		"agent --local -m hi extra":           `"extra" has no place`,
		"agent --local --json=1 -m hi":        `"--json=1" has no place`,
		"agent --local --state-dir /tmp -m x": `"--state-dir" has no place`,
		"--profile x agent --local -m hi":     "only OpenClaw's agent",
	} {
		err := openclaw.CheckCommand(strings.Fields(bad))
		if err == nil || !strings.Contains(err.Error(), says) || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%q: %v, want two lines with %q", bad, err, says)
		}
	}
}
