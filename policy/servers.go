// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"github.com/clawea/clawea/seal"
)

// A Server is an upstream MCP server whose tools may be called, as it was when
// the policy was published. What it said then is behind the digests.
type Server struct {
	Name     string       `json:"name"`     // of the house's configuration
	Identity seal.Hash    `json:"identity"` // of what it is and how it is run
	Tools    []PinnedTool `json:"tools"`    // sorted by name, each once
}

// A PinnedTool is one of a server's tools, with the digest of how it described itself.
type PinnedTool struct {
	Name       string    `json:"name"`
	Definition seal.Hash `json:"definition"`
}

// The bounds of what a binding pins.
const (
	MaxServers     = 64   // of a binding
	MaxServerTools = 1024 // of a server
)

const (
	// ServerMode is the mode of calls that an upstream MCP server carries.
	ServerMode = "mcp_server"
	modeAt     = "/connection_mode"
)

// Upstream reports whether p lets systems be reached through MCP servers, so that
// its binding has to say which: connection_mode lists mcp_server.
func (p *Policy) Upstream() bool { return slices.Contains(p.doc.ConnectionMode, ServerMode) }

// Pinned reports whether p is bound to a server of that identity with a tool of
// that definition. Nothing is pinned to a policy that is not bound.
func (p *Policy) Pinned(server, definition seal.Hash) bool {
	_, ok := p.pins[pin{server, definition}]
	return ok
}

// Through names the server that carries c and its tool, as they were pinned; "" if they
// are not, or if c goes through none.
func (p *Policy) Through(c *Call) (server, tool string) {
	n := p.pins[pin{c.Server, c.Definition}]
	return n.server, n.tool
}

// CheckServers fails with ErrBinding unless a binding of p may pin servers.
func (p *Policy) CheckServers(servers []Server) error {
	if _, ok := p.pinsOf(servers); !ok {
		return ErrBinding
	}
	return nil
}

// A pin is a tool of a server, as both were when the policy was published.
type pin struct{ server, definition seal.Hash }

// pinNames are a pin's, by which people know it.
type pinNames struct{ server, tool string }

// pinsOf indexes the servers of a binding. It reports false unless they are as
// spec/policy.md 3.5 wants them.
func (p *Policy) pinsOf(servers []Server) (map[pin]pinNames, bool) {
	if len(servers) > 0 && !p.Upstream() || len(servers) > MaxServers {
		return nil, false
	}
	pins := map[pin]pinNames{}
	for i, s := range servers {
		if !isToolName(s.Name) || i > 0 && servers[i-1].Name >= s.Name || s.Identity.IsZero() || len(s.Tools) > MaxServerTools {
			return nil, false
		}
		for j, t := range s.Tools {
			if !isToolName(t.Name) || j > 0 && s.Tools[j-1].Name >= t.Name || t.Definition.IsZero() {
				return nil, false
			}
			pins[pin{s.Identity, t.Definition}] = pinNames{s.Name, t.Name}
		}
	}
	return pins, true
}

// judgeServer holds a call that goes through an MCP server to the servers that are
// pinned. That the mode is not on the list, where there is one, judgeReached says.
func (p *Policy) judgeServer(c *Call, t *tally) {
	if c.Mode != ServerMode && c.Server.IsZero() {
		return
	}
	switch {
	case c.Tool == "model":
		t.deny("", "a model call goes through no server of tools")
	case c.Tool == EgressTool:
		t.deny("", "a connection goes through no server of tools")
	case c.Carrier != "" && !c.Server.IsZero():
		t.deny("", "what a gateway carries out goes through no server of the house's")
	case c.Carrier != "": // the gateway answers for the server that it uses (8.2)
	case c.Mode != ServerMode:
		t.deny(modeAt, "it names a server, and its connection mode is another")
	case p.doc.ConnectionMode == nil:
		t.deny(modeAt, "connection mode \"mcp_server\" has to be listed")
	case p.Upstream() && !p.Pinned(c.Server, c.Definition):
		t.deny(modeAt, "the tool or its server is not as it was when the policy was published")
	}
}
