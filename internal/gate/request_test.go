// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
)

// Who is told of a call's steps hears of each once it is so, and of none that is not.
func TestTell(t *testing.T) {
	for name, test := range map[string]struct {
		call func(*policy.Call)
		want string
	}{
		"allowed": {func(*policy.Call) {}, "1 with 0 acts and []; 2 with 0 acts and [opened allow]; 3 with 1 acts and [opened allow]"},
		"asked":   {func(c *policy.Call) { c.Categories = []string{"external_send"} }, "1 with 0 acts and []"},
		"denied":  {func(c *policy.Call) { c.Action = "delete" }, "1 with 0 acts and []"},
	} {
		h := newHouse(t)
		acts := 0
		req := request(&acts, test.call)
		var told []string
		req.Tell = func(s gate.Step) { told = append(told, fmt.Sprintf("%d with %d acts and [%s]", s, acts, h.kinds())) }
		_, _, _ = h.Do(t.Context(), show(h.raw), req)
		if got := strings.Join(told, "; "); got != test.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
