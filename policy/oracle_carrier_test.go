// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"regexp"

	"pgregory.net/rapid"

	"github.com/clawea/clawea/seal"
)

var oracleGateway = regexp.MustCompile(`^gateway:[a-z0-9._-]{1,64}$`)

// judgeCarrier hears spec/policy.md section 8, a sentence at a time.
func (p oracle) judgeCarrier(c *Call, t *oracleTally) {
	elsewhere := c.Carrier != ""
	if c.Unreported && !elsewhere {
		t.deny("", "the house says what becomes of its own calls")
	}
	if elsewhere && c.Carrier != "runtime" && !oracleGateway.MatchString(c.Carrier) {
		t.deny("", "what carries the call out is no gateway")
	}
	for _, never := range []bool{c.Tool == "jira", c.Tool == "confluence", c.Mode != "", c.Unreported} {
		if c.Carrier == "runtime" && never {
			t.deny("", "the program that the agent runs in carries out tools of its own only, and says what becomes of each call")
			break
		}
	}
	if elsewhere && c.Tool == "model" {
		t.deny("", "the house carries out model calls itself")
	}
	for _, says := range []bool{c.Credential != "", c.Privilege != "", len(c.Filters) > 0, len(c.Reads) > 0, c.Change != (seal.Hash{})} {
		if elsewhere && says {
			t.deny("", "what the house would do itself cannot be said of a call that a gateway carries out")
			break
		}
	}
	if elsewhere && c.Class == "search" && (c.Tool == "jira" || c.Tool == "confluence") {
		t.deny("", "a search that a gateway carries out is not bounded")
	}
}

// drawCarrier makes some calls another's to carry out, with and without what cannot be
// said of those.
func drawCarrier(t *rapid.T, c *Call) {
	if rapid.IntRange(0, 3).Draw(t, "elsewhere") > 0 {
		return
	}
	c.Carrier = rapid.SampledFrom([]string{"", "gateway:edge", "gateway:", "gateway:Edge", "edge", "gateway:a b", "gateway:gateway:a", "runtime", "runtime", "gateway:runtime"}).Draw(t, "carrier")
	c.Unreported = rapid.Bool().Draw(t, "unreported")
	if c.Carrier == "runtime" && rapid.Bool().Draw(t, "as it should") {
		c.Mode, c.Unreported, c.Server, c.Credential, c.Privilege, c.Filters, c.Reads, c.Change = "", false, seal.Hash{}, "", "", nil, nil, seal.Hash{}
		return
	}
	if rapid.Bool().Draw(t, "says what is the house's") {
		return
	}
	c.Credential, c.Privilege, c.Filters, c.Reads, c.Change = "", "", nil, nil, seal.Hash{}
	if rapid.Bool().Draw(t, "or one of it") {
		rapid.SampledFrom([]func(){
			func() { c.Credential = "read" }, func() { c.Privilege = "least" }, func() { c.Filters = []string{"space"} }, func() { c.Reads = []string{"summary"} }, func() { c.Change[0] = 1 },
		}).Draw(t, "which")()
	}
}
