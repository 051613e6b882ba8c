// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
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
