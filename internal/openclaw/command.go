// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The flags of "openclaw agent" that a governed run may have. Those for delivering to
// channels are left out: what goes out goes by the house's tools.
var (
	agentSwitches = []string{"--local", "--json"}
	agentValues   = []string{"--agent", "--message", "-m", "--message-file", "--model", "--session-id", "--session-key", "--thinking", "--timeout", "--verbose"}
)

// CheckCommand refuses, in two lines, command lines of OpenClaw whose tool calls nobody would be
// asked about: all but "agent --local". In particular "agent exec" loads plugins and runs none of
// their hooks.
func CheckCommand(args []string) error {
	const want = "\nwant: openclaw agent --local --message TEXT"
	if len(args) == 0 || args[0] != "agent" {
		return errors.New("only OpenClaw's agent runs under a policy" + want)
	}
	local := false
	for rest := args[1:]; len(rest) > 0; rest = rest[1:] {
		name, _, joined := strings.Cut(rest[0], "=")
		switch {
		case slices.Contains(agentSwitches, rest[0]):
			local = local || rest[0] == "--local"
		case slices.Contains(agentValues, name):
			if !joined && len(rest) > 1 {
				rest = rest[1:]
			}
		case name == "exec":
			return errors.New("openclaw agent exec runs without the hooks of plugins, so nobody would be asked about its tools" + want)
		default:
			return fmt.Errorf("%q has no place in a governed run%s", clip(rest[0]), want)
		}
	}
	if !local {
		return errors.New("without --local, the turn is run by a Gateway that this run does not start, nor hold to the policy" + want)
	}
	return nil
}

// clip shortens what somebody typed, to be said back.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "..."
	}
	return s
}
