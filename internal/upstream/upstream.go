// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package upstream lets agents use the tools of other MCP servers under the
// policies of the house (spec/mcp.md). An adapter maps each call to an action that
// policies know, and the action is planned, decided, approved, receipted and
// taken back as if the agent had asked for it itself. A server that the house
// starts holds no credential and reaches no system: it sees what the call has
// read and changes nothing but what the call was allowed to change
// (internal/facade).
//
// A policy pins the servers that it lets be used and how their tools describe
// themselves (policy.Server). A tool that is described otherwise is denied.
package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/sandbox"
	"github.com/clawea/clawea/policy"
)

// A System is a connector whose actions servers' tools come to.
type System interface {
	// Tools lists what it can do. The list never changes.
	Tools() []gate.Tool
	// Plan reads args for action, as agents' own calls of it are read.
	Plan(ctx context.Context, action string, args []byte, bounds []policy.Bound) (*gate.Plan, error)
	// Current returns the version, as action's arguments have it, of what a call with
	// these arguments is about, as it is now.
	Current(ctx context.Context, action string, args []byte) (json.RawMessage, error)
}

// A Server is an upstream MCP server, as the house is configured to use it. All
// fields must be set but System, which is nil if the adapter has none, Box and Connect.
type Server struct {
	Name    string // agents call its tools NAME_TOOL
	Adapter *Adapter
	System  System
	Site    string           // of the system, as people know it
	Box     *sandbox.Sandbox // that its processes are in; nil: the house starts none
	Dial    Dialer           // once for each job, so that what a server keeps in mind is of no other
	Connect Connect          // how it reaches hosts, while it carries a call; nil: it reaches none
	Timeout time.Duration    // of a call
	Version string           // of the house, for the server
	Log     *slog.Logger

	known   known
	pool    pool
	changed func() // told when what the server says of itself is not what it said; nil: nobody is
}

// actions are what a tool can come to; none if no row lets it.
func (s *Server) actions(tool string) []policy.Action {
	t := s.Adapter.tool(tool)
	if t == nil {
		return nil
	}
	var out []policy.Action
	for i := range t.Rows {
		if a, ok := s.action(tool, &t.Rows[i]); ok {
			out = append(out, a)
		}
	}
	return out
}

// action is what r comes to.
func (s *Server) action(tool string, r *Row) (policy.Action, bool) {
	if r.Denied != "" {
		return policy.Action{}, false
	}
	if s.System == nil {
		name := r.Action
		if name == "" {
			name = tool
		}
		return policy.Action{Tool: s.Name, Name: name, Class: r.Class}, true
	}
	for _, t := range s.System.Tools() {
		if t.Action.Name == r.Action && !t.Unoffered {
			return t.Action, true
		}
	}
	return policy.Action{}, false
}

// Actions are all that the server's tools can come to, as far as its adapter maps
// them.
func (s *Server) Actions() []policy.Action {
	var out []policy.Action
	for _, t := range s.Adapter.Tools {
		out = append(out, s.actions(t.Name)...)
	}
	return out
}

// A Set is the house's upstream servers.
type Set struct {
	Servers []*Server
}

// Check holds every server's adapter to its system, and the names of tools to one
// another.
func (set *Set) Check() error {
	names := map[string]bool{}
	for _, s := range set.Servers {
		if s.System != nil {
			if err := s.Adapter.Hold(s.System.Tools()); err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
		}
		for _, t := range s.Adapter.Tools {
			n := s.offered(t.Name)
			if names[n] || len(n) > maxOffered {
				return fmt.Errorf("the tool %s of two servers has one name, or a longer one than %d bytes\nname one of the servers otherwise", n, maxOffered)
			}
			names[n] = true
		}
	}
	return nil
}

// maxOffered bounds the names of tools, in bytes: clients and models take no longer ones.
const maxOffered = 64

// offered is the name by which agents call a tool.
func (s *Server) offered(tool string) string {
	return s.Name + "_" + strings.NewReplacer(".", "_").Replace(tool)
}

// find returns the server and its tool that agents call by a name.
func (set *Set) find(name string) (*Server, string) {
	for _, s := range set.Servers {
		if !strings.HasPrefix(name, s.Name+"_") {
			continue
		}
		for i := range s.Adapter.Tools {
			if t := s.Adapter.Tools[i].Name; s.offered(t) == name {
				return s, t
			}
		}
	}
	return nil, ""
}

// Watch has changed called when what Tools lists may be another than it was: when a
// server is there, or says other things of itself. It reports whether that can ever be.
// It must be called before the set is used.
func (set *Set) Watch(changed func()) bool {
	for _, s := range set.Servers {
		s.changed = changed
	}
	return len(set.Servers) > 0
}

// Tools lists the tools that c's policy pins as they are now and could ever let be
// used. A server that cannot be reached has none, and neither has one that has not
// answered yet: it is asked in the background, and waited for a moment.
func (set *Set) Tools(ctx context.Context, c *gate.Caller) []*mcp.Tool {
	var out []*mcp.Tool
	mine := slices.DeleteFunc(slices.Clone(set.Servers), func(s *Server) bool { return !slices.ContainsFunc(s.Actions(), c.CanEver) })
	for _, s := range mine {
		s.begin() // all at once, before one is waited for
	}
	for _, s := range mine {
		known := s.glance(ctx)
		if known == nil {
			continue
		}
		for _, t := range known.tools {
			if !c.Policy().Pinned(known.identity.digest, known.defined[t.Name].digest) || !slices.ContainsFunc(s.actions(t.Name), c.CanEver) {
				continue
			}
			shown := *t
			shown.Name, shown.Meta, shown.Icons = s.offered(t.Name), nil, nil
			out = append(out, &shown)
		}
	}
	return out
}

// Pins returns the servers that p may use, with their tools as they are now, and
// the papers behind the digests. It fails if one of them cannot be asked.
func (set *Set) Pins(ctx context.Context, p *policy.Policy) ([]policy.Server, []registry.Definition, error) {
	var pins []policy.Server
	var papers []registry.Definition
	for _, s := range set.Servers {
		if !slices.ContainsFunc(s.Actions(), p.CanEver) {
			continue
		}
		known, err := s.catalogue(ctx, freshTime)
		if err != nil {
			return nil, nil, fmt.Errorf("the upstream server %s cannot be asked what its tools are: %w\nmend it, or take mcp_server out of connection_mode", s.Name, err)
		}
		pin := policy.Server{Name: s.Name, Identity: known.identity.digest, Tools: []policy.PinnedTool{}}
		papers = append(papers, registry.Definition{Digest: known.identity.digest, Body: known.identity.body})
		for name, d := range known.defined {
			if !slices.ContainsFunc(s.actions(name), p.CanEver) {
				continue
			}
			pin.Tools = append(pin.Tools, policy.PinnedTool{Name: name, Definition: d.digest})
			papers = append(papers, registry.Definition{Digest: d.digest, Body: d.body})
		}
		slices.SortFunc(pin.Tools, func(a, b policy.PinnedTool) int { return strings.Compare(a.Name, b.Name) })
		pins = append(pins, pin)
	}
	slices.SortFunc(pins, func(a, b policy.Server) int { return strings.Compare(a.Name, b.Name) })
	return pins, papers, nil
}

// Close ends all servers, and returns when nothing is left of them.
func (set *Set) Close() error {
	var all sync.WaitGroup
	for _, s := range set.Servers {
		all.Go(s.pool.close)
	}
	all.Wait()
	return nil
}
