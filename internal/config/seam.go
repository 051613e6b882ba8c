// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
)

// Seam is for other gateways, which ask the house and carry calls out themselves.
type Seam struct {
	// Gateways are those that may ask.
	Gateways []Gateway `json:"gateways"`
	// ReportWithin is how long after a call was allowed its gateway may say what became
	// of it, or the program that an agent runs in, of a call of its own tools: from 1s to
	// 24h. A call of which it has not said so by then stays open: it may have happened.
	// Default 10m.
	ReportWithin Delay `json:"report_within"`
}

// A Gateway is another gateway that asks the house.
type Gateway struct {
	// Name stands in the receipts of what it carries out, as gateway:NAME.
	Name string `json:"name"`
	// Token is what it shows in the header Clawea-Gateway, 32 characters or more. Who has
	// it and an agent's token can have calls decided, and say what became of them.
	Token Secret `json:"token"`
	// URL is where agents reach it, without a path: their proofs of possession are for
	// that and the path of their request. Optional; without it, only tokens that are bound
	// to no key come through it, or proofs that are made for the house's /v1/authorize.
	URL string `json:"url"`
	// Mode is how it reaches Confluence and Jira, as policies speak of that
	// ("connection_mode"): "official_api" or "mcp_server". Optional; without it, policies
	// that speak of it deny.
	Mode string `json:"mode"`
	// Routes say what requests mean that Envoy asks about. Optional; what none means is
	// denied.
	Routes []GatewayRoute `json:"routes"`
}

// A GatewayRoute says what a request through Envoy means.
type GatewayRoute struct {
	// Kind is "mcp", for an MCP server behind Path, or "http", where each request is one
	// call.
	Kind string `json:"kind"`
	// Method is of "http" only: "GET".
	Method string `json:"method"`
	// Path is the request's. Of "http" it may have names for segments, as net/http has
	// them: "/invoices/{invoice}", "/files/{path...}".
	Path string `json:"path"`
	// Tool is the tool in policies. Of "mcp" each tool of the server is an action of it:
	// with "github", the tool create_issue is github.create_issue.
	Tool string `json:"tool"`
	// Action is of "http" only: "invoice.send". If that is a reading action of the
	// house's own connectors, the names in Path are its arguments.
	Action string `json:"action"`
	// Class is what such calls are where the house does not know: "read", "search",
	// "write" or "admin". Default "write".
	Class string `json:"class"`
	// Classes are of "mcp" only: the class of single tools, by their names.
	Classes map[string]string `json:"classes"`
	// Close is "reported", if somebody says what became of each call, or "none". Envoy
	// does not. Default "none", and the receipts say so.
	Close string `json:"close"`
	// Empty is of "http" only, and says that such requests have no body. Otherwise one
	// with POST, PUT or PATCH of which Envoy shows none is denied.
	Empty bool `json:"empty"`
}

const (
	defaultReport = Delay(10 * time.Minute)
	maxReport     = Delay(24 * time.Hour)
)

func (s *Seam) complete() {
	if s != nil && s.ReportWithin == 0 {
		s.ReportWithin = defaultReport
	}
}

// ReportWithin is how long after a call was allowed who carries it out may say what
// became of it: as Seam says it, or its default.
func (c *Config) ReportWithin() time.Duration {
	if c.Seam == nil {
		return time.Duration(defaultReport)
	}
	return time.Duration(c.Seam.ReportWithin)
}

func (s *Seam) secrets() (out []placedSecret) {
	if s == nil {
		return nil
	}
	for i := range s.Gateways {
		out = append(out, placedSecret{fmt.Sprintf("/seam/gateways/%d/token", i), &s.Gateways[i].Token})
	}
	return out
}

func (c *Config) checkSeam() *problem {
	s := c.Seam
	if s == nil {
		return nil
	}
	if d := s.ReportWithin; d != 0 && (d < minWait || d > maxReport) {
		return &problem{"/seam/report_within", fmt.Sprintf("is %s, and must be from 1s to 24h", d), "write a time in between, or leave it out"}
	}
	var names []string
	for i := range s.Gateways {
		g, at := &s.Gateways[i], fmt.Sprintf("/seam/gateways/%d", i)
		if p := checkName(at, "gateway", g.Name, names); p != nil {
			return p
		}
		names = append(names, g.Name)
		if g.URL != "" {
			if msg := wrongURL(g.URL, false); msg != "" {
				return &problem{at, "its url " + msg, "write it like \"https://gateway.example.com\""}
			}
			g.URL = strings.TrimRight(g.URL, "/")
		}
		if !slices.Contains([]string{"", "official_api", "mcp_server"}, g.Mode) {
			return &problem{at, "its mode is none that policies speak of", "write \"mode\": \"official_api\" or \"mcp_server\", or leave it out"}
		}
		for j := range g.Routes {
			r, at := &g.Routes[j], fmt.Sprintf("%s/routes/%d", at, j)
			if p := r.check(at); p != nil {
				return p
			}
			if slices.ContainsFunc(c.Upstreams, func(u Upstream) bool { return u.Name == r.Tool }) {
				return &problem{at + "/tool", fmt.Sprintf("is %q, which is a server under \"upstreams\": policies could not tell the two apart", r.Tool), "name one of the two otherwise"}
			}
		}
	}
	return nil
}

// check looks at what can be told without knowing the house's tools: package seam looks
// at the rest.
func (r *GatewayRoute) check(at string) *problem {
	for _, class := range append(slices.Sorted(maps.Values(r.Classes)), r.Class) {
		if class != "" && !slices.Contains([]policy.Class{policy.Read, policy.Search, policy.Write, policy.Admin}, policy.Class(class)) {
			return &problem{at, fmt.Sprintf("has a class %q", class), "write \"read\", \"search\", \"write\" or \"admin\""}
		}
	}
	switch {
	case r.Kind != "mcp" && r.Kind != "http":
		return &problem{at, "is of no known kind", "write \"kind\": \"mcp\" or \"http\""}
	case !slices.Contains([]string{"", "none", "reported"}, r.Close):
		return &problem{at, "does not say how its calls are closed", "write \"close\": \"reported\", if somebody says what becomes of them, or \"none\""}
	case r.Kind == "mcp" && r.Empty:
		return &problem{at, "is an MCP server's, whose messages are bodies", "remove \"empty\""}
	case r.Kind == "http" && len(r.Classes) > 0:
		return &problem{at, "has classes of several tools, and is one call", "write \"class\""}
	}
	return nil
}
