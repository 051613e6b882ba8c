// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/pins"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// pinned are the MCP servers of a policy, as a page shows them.
type pinned struct {
	Servers     []api.PinnedServer
	Fault       string // why it is not known how the servers are now
	Differences []pinDifference
}

// A pinDifference is something that is not as it was pinned.
type pinDifference struct {
	Server, Says string
	Diff         []DiffLine
	More         int
}

// askServers is for how long a page waits for servers that are asked how they are.
const askServers = 20 * time.Second

// through says which MCP server carries r's call, and by which of its tools, as p pins
// them, which decided it; nil if that is not known.
func through(r *receipt.Receipt, p *policy.Policy) string {
	if p != nil {
		if server, tool := p.Through(r.Call); server != "" {
			return Visible("the tool " + tool + " of the MCP server " + server)
		}
	}
	return Visible("an MCP server that its policy does not pin so: " + r.Call.Server.String())
}

// asked asks the servers of is how they are now; nil if is uses none.
func (c *Console) asked(ctx context.Context, is *policy.Policy, was []policy.Server) (*registry.Pins, error) {
	if !is.Upstream() {
		return nil, nil
	}
	ctx, stop := context.WithTimeout(ctx, askServers)
	defer stop()
	return c.Policies.Pins(ctx, is, was)
}

// pinnedOf shows servers, which are those of p that are pinned or those that would be,
// and how those that are pinned differ now.
func pinnedOf(p *registry.Pins, servers []policy.Server) *pinned {
	out := &pinned{Servers: pins.Show(servers, p.Texts)}
	if p.Fault != nil {
		wrong, mends, _ := strings.Cut(p.Fault.Error(), "\n")
		out.Fault = strings.TrimSpace(sentence(wrong) + " " + sentence(mends))
		return out
	}
	for _, d := range pins.Differences(p.Pinned, p.Now, p.Texts) {
		l := pinDifference{Server: d.Server, Says: d.Says}
		l.Diff, l.More = DiffLines(d.Lines)
		out.Differences = append(out.Differences, l)
	}
	return out
}
