// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "strings"

const (
	gatewayPrefix = "gateway:"
	maxGateway    = 64 // bytes of a gateway's name
)

// RuntimeCarrier is how a call and a receipt name the program that the agent runs in,
// which carries out tools of its own.
const RuntimeCarrier = "runtime"

// Gateway is how a call and a receipt name another gateway, which carries calls out
// in the house's stead: "gateway:NAME".
func Gateway(name string) string { return gatewayPrefix + name }

// IsGateway reports whether who is the name of another gateway, as Gateway makes it
// of 1 to 64 of a-z, 0-9, '.', '_' and '-'.
func IsGateway(who string) bool {
	name, ok := strings.CutPrefix(who, gatewayPrefix)
	return ok && name != "" && len(name) <= maxGateway && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

// IsCarrier reports whether who is somebody else than the house who can carry calls out:
// a gateway, or the program that the agent runs in.
func IsCarrier(who string) bool { return who == RuntimeCarrier || IsGateway(who) }

// Elsewhere says in words who carries c out, if not the house; "" if the house does.
func (c *Call) Elsewhere() string {
	by := "carried out by " + c.Carrier
	if c.Carrier == RuntimeCarrier {
		by = "carried out by the program that the agent runs in"
	}
	switch {
	case c.Carrier == "":
		return ""
	case c.Unreported:
		return by + ", which never says what becomes of it"
	}
	return by
}

// judgeCarrier denies a call that is carried out elsewhere and says of itself what only
// the house's own acting makes true (spec/policy.md section 8).
func judgeCarrier(c *Call, t *tally) {
	if c.Carrier == "" {
		if c.Unreported {
			t.deny("", "the house says what becomes of its own calls")
		}
		return
	}
	if !IsCarrier(c.Carrier) {
		t.deny("", "what carries the call out is no gateway")
	}
	if c.Carrier == RuntimeCarrier && (c.Tool == "confluence" || c.Tool == "jira" || c.Mode != "" || c.Unreported) {
		t.deny("", "the program that the agent runs in carries out tools of its own only, and says what becomes of each call")
	}
	if c.Tool == "model" {
		t.deny("", "the house carries out model calls itself")
	}
	if c.Credential != "" || c.Privilege != "" || len(c.Filters)+len(c.Reads) > 0 || !c.Change.IsZero() {
		t.deny("", "what the house would do itself cannot be said of a call that a gateway carries out")
	}
	if c.Class == Search && (c.Tool == "confluence" || c.Tool == "jira") {
		t.deny("", "a search that a gateway carries out is not bounded")
	}
}
