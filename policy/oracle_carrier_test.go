// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "regexp"

var oracleGateway = regexp.MustCompile(`^gateway:[a-z0-9._-]{1,64}$`)

// oracleCarrier hears what section 8 says of calls that another gateway carries out.
func oracleCarrier(c *Call, t *oracleTally) {
	if c.Carrier == "" && c.Unreported {
		t.deny("", "the house says what becomes of its own calls")
	}
	if c.Carrier == "" {
		return
	}
	if !oracleGateway.MatchString(c.Carrier) {
		t.deny("", "what carries the call out is no gateway")
	}
	if c.Tool == "model" {
		t.deny("", "the house carries out model calls itself")
	}
	for _, said := range []bool{c.Credential != "", c.Privilege != "", len(c.Filters) > 0, len(c.Reads) > 0, !c.Change.IsZero()} {
		if said {
			t.deny("", "what the house would do itself cannot be said of a call that a gateway carries out")
			break
		}
	}
	if c.Class == "search" && (c.Tool == "jira" || c.Tool == "confluence") {
		t.deny("", "a search that a gateway carries out is not bounded")
	}
}
