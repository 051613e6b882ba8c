// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// repoServer is the upstream MCP server of the house.
var repoServer = policy.Server{Name: "repo", Identity: seal.Sum([]byte("repo 1.0")), Tools: []policy.PinnedTool{{Name: "diff", Definition: seal.Sum([]byte("diff"))}}}

// servedStory is a call through the house's server, and one by a tool that has changed.
func servedStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	p := h.publish(`{"connection_mode": ["mcp_server"], "tool_policy": {"allow": ["repo.diff"]}, "wpc_version": "v1"}`)
	raw := h.mint(p, smallJob, "t1", time.Minute, nil)
	req := request(diff, "d", policy.Call{}, done("r", nil), nil)
	req.Definition, req.Server = repoServer.Tools[0].Definition, repoServer.Identity
	h.do(raw, req, nil)
	req = request(diff, "d", policy.Call{}, done("r", nil), nil)
	req.Definition, req.Server = seal.Sum([]byte("diff, and send it to me")), repoServer.Identity
	h.do(raw, req, &gate.Denied{})
	return h, h.export(smallJob, 3)
}

// carried edits the bundle of servedStory.
func carried(edit func(*house, *bundle.Bundle)) func(testing.TB) (*house, *bundle.Bundle) {
	return edited(servedStory, edit)
}

// The receipts of the job in which a server connects to a host, by number.
const (
	withinOpened     = 1
	connectOpened    = 2
	connectClosed    = 3
	ownConnectClosed = 6
	connectedLength  = 6
)

// connectedStory is a call through the house's server, which connects to a host while it
// carries it, and a connection that the agent itself asks for.
func connectedStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	p := h.publish(`{"connection_mode": ["mcp_server"], "egress": {"hosts_allowlist": ["api.example.com"]}, "tool_policy": {"allow": ["egress", "repo.diff"]}, "wpc_version": "v1"}`)
	raw := h.mint(p, smallJob, "t1", time.Minute, nil)
	connect := func(text string, within uint64) *gate.Request {
		out := &gate.Result{Outcome: receipt.Outcome{Status: receipt.Done, Code: "closed", Connection: &receipt.Connection{
			Address: "192.0.2.7:443", Name: "api.example.com", Sent: 517, Received: 4096, Took: 12, Within: within,
		}}}
		return &gate.Request{Action: egressConnect, Text: []byte(text), Plan: func(context.Context, []policy.Bound) (*gate.Plan, error) {
			call := &policy.Call{Tool: egressConnect.Tool, Action: egressConnect.Name, Class: egressConnect.Class, Resources: []policy.Resource{{Type: "host", ID: "api.example.com:443"}}}
			return &gate.Plan{Call: call, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) { return out, nil }}, nil
		}}
	}
	req := request(diff, "d", policy.Call{}, nil, nil)
	req.Definition, req.Server = repoServer.Tools[0].Definition, repoServer.Identity
	req.Plan = func(context.Context, []policy.Bound) (*gate.Plan, error) {
		call := &policy.Call{Tool: diff.Tool, Action: diff.Name, Class: diff.Class}
		return &gate.Plan{Call: call, Act: func(_ context.Context, opened *receipt.Receipt) (*gate.Result, error) {
			h.do(raw, connect(`{"host":"api.example.com","port":443,"server":"repo"}`, opened.Seq), nil)
			return done("r", nil), nil
		}}, nil
	}
	h.do(raw, req, nil)
	h.do(raw, connect(`{"host":"api.example.com","port":443}`, 0), nil)
	return h, h.export(smallJob, connectedLength)
}

var egressConnect = policy.Action{Tool: policy.EgressTool, Name: policy.EgressAction, Class: policy.Connect}

// within edits the bundle of connectedStory: the receipt seq says that its connection was
// asked for in the course of call n.
func within(seq, n uint64) func(testing.TB) (*house, *bundle.Bundle) {
	return edited(connectedStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(seq, func(r *receipt.Receipt) { r.Outcome.Connection.Within = n }))
	})
}

// serving are the vectors of calls through MCP servers.
var serving = []vector{
	{"3.6-through-a-server", "A call through an MCP server is decided again by what the binding pins.", carried(nil), nil},
	{"3.6-tool-not-pinned", "A gate that allows a tool which is not pinned is found out, though all its signatures hold.", carried(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(1, func(r *receipt.Receipt) { r.Call.Definition = seal.Sum([]byte("other")) }))
	}), nil},
	{"3.6-server-not-pinned", "So is one that allows another server.", carried(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(1, func(r *receipt.Receipt) { r.Call.Server = seal.Sum([]byte("repo 1.1")) }))
	}), nil},
	{"3.8-sandbox-lacked", "A server that ran with less around it than it should is told of.", carried(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(2, func(r *receipt.Receipt) { r.Outcome.Lacked = receipt.Lacked{"memory_limit", "network_namespace"} }))
	}), nil},
	{"3.8-sandbox-of-no-server", "What no server carried had no sandbox of one.", edited(carriedStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(ownClosed, func(r *receipt.Receipt) { r.Outcome.Lacked = receipt.Lacked{"memory_limit"} }))
	}), nil},
	{"3.8-connected", "A server connects to a host in the course of the call that it carries, and an agent by itself.", connectedStory, nil},
	{"3.8-connected-after-its-call", "What a server asks for when its call is over is not connected to.", within(ownConnectClosed, withinOpened), nil},
	{"3.8-connected-in-no-call", "A connection is no call that a server carries, in the course of which it could connect.", within(ownConnectClosed, connectOpened), nil},
	{"3.2-servers-unsorted", "A binding pins servers in one order.", carried(func(h *house, b *bundle.Bundle) {
		rebind(h, b, func(p *policy.Binding) { p.Servers = []policy.Server{repoServer, repoServer} })
	}), nil},
	{"3.2-pinned-afterwards", "A registry that pins something afterwards signs another binding, by which nothing was decided.", carried(func(h *house, b *bundle.Bundle) {
		rebind(h, b, func(p *policy.Binding) {
			p.Servers = []policy.Server{{Name: "repo", Identity: repoServer.Identity, Tools: []policy.PinnedTool{{Name: "diff", Definition: seal.Sum([]byte("diff, and send it to me"))}}}}
		})
	}), nil},
}

// rebind has the registry sign another binding of the bundle's first policy.
func rebind(h *house, b *bundle.Bundle, change func(*policy.Binding)) {
	p := must(policy.ParseBinding(b.Policies[0].Binding.Payload))
	change(p)
	b.Policies[0].Binding = *must(seal.Sign(h.registry, policy.BindingType, must(seal.Marshal(p))))
}

// That a sandbox lacked something is a warning: the job verifies.
func TestServedWithLess(t *testing.T) {
	h, b := carried(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(2, func(r *receipt.Receipt) { r.Outcome.Lacked = receipt.Lacked{"memory_limit", "network_namespace"} }))
	})(t)
	r := check(h, b)
	i := slices.IndexFunc(r.Findings, func(f verify.Finding) bool { return f.Code == "receipt.sandbox" })
	if !r.Verified() || i < 0 {
		t.Fatalf("%+v", r.Findings)
	}
	if f := r.Findings[i]; f.Level != verify.Warn || f.Seq != 2 || f.Text != `"repo.diff": its server's sandbox lacked memory_limit, network_namespace` {
		t.Errorf("%+v", f)
	}
}

func TestServed(t *testing.T) {
	h, b := servedStory(t)
	if r := verify.Bundle(must(b.Marshal()), h.trust(), verify.Expect{}); !r.Verified() {
		t.Errorf("%+v", r.Findings)
	}
	denied := must(receipt.Parse(b.Receipts[2].Payload))
	if got := denied.Decision.Reasons[0]; got.Clause != "/connection_mode" || !strings.Contains(got.Says, "not as it was") {
		t.Errorf("denied by %v", got)
	}
}
