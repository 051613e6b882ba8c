// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "pgregory.net/rapid"

func drawRoute(t *rapid.T) modelRoute {
	r := modelRoute{
		Allowed:     subset(t, "routes", []string{"alpha", "beta/small-*"}),
		Tools:       drawListed(t, "offered tool", "lookup", "mcp__*", "shell"),
		DeniedTools: drawListed(t, "denied tool", "shell", "*__delete"),
		MaxOutput:   drawSeldom(t, "output", func() int { return rapid.IntRange(1, 4).Draw(t, "max output") }),
		MaxTokens:   drawSeldom(t, "tokens", func() int { return rapid.IntRange(1, 4).Draw(t, "max tokens") }),
	}
	r.MaxCost = drawSeldom(t, "cost", func() float64 { return float64(rapid.IntRange(1, 4).Draw(t, "max cost")) / 1e6 })
	if rapid.Bool().Draw(t, "screening") {
		r.Screening = &screening{Block: drawListed(t, "blocks", "private-key", "aws-*"), Mask: drawMost(t, "masks", []string{"aws-*", "*-token"})}
	}
	return r
}

func drawEgress(t *rapid.T) egress {
	e := egress{Hosts: drawMost(t, "host", []string{"api.example.com", "*.example.com", "*.b.example.com:443", "192.0.2.7", "[2001:db8::7]:8443", "api.example.com:8443"})}
	if drawRarely(t, "no list of hosts", 4) {
		e.Hosts = nil
	}
	e.Denied = drawListed(t, "denied host", "a.b.example.com", "*.b.example.com", "192.0.2.7:443", "other.test")
	return e
}
