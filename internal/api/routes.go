// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package api

import "context"

// Routes are the ways into the house that agents have.
type Routes struct {
	Routes []Route `json:"routes"` // to model providers, in the order of the configuration
	MCP    bool    `json:"mcp"`    // whether there are tools at /mcp

	Egress string `json:"egress,omitempty"` // where the egress proxy is; "": there is none
}

// A Route is a way to a model provider, at /proxy/NAME.
type Route struct {
	Name    string `json:"name"`
	Dialect string `json:"dialect"` // "openai", "anthropic", "gemini" or "fal"
}

// Routes returns the ways that the house has. It needs no operator's token.
func (c *Client) Routes(ctx context.Context) (*Routes, error) {
	return call[Routes](ctx, c, "GET", "/v1/routes", nil)
}
