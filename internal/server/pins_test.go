// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// files is an upstream server that says of its only tool what it is told to.
type files struct {
	says string
	err  error
}

func (f *files) Pins(context.Context, *policy.Policy) ([]policy.Server, []registry.Definition, error) {
	identity, tool := []byte(`{"version":"1"}`), []byte(`{"description":"`+f.says+`","name":"find"}`)
	return []policy.Server{{Name: "files", Identity: seal.Sum(identity), Tools: []policy.PinnedTool{{Name: "find", Definition: seal.Sum(tool)}}}},
		[]registry.Definition{{Digest: seal.Sum(identity), Body: identity}, {Digest: seal.Sum(tool), Body: tool}}, f.err
}

func TestPins(t *testing.T) {
	h := newHouse(t)
	f := &files{says: "Finds files."}
	h.Registry.Upstreams = f
	p := into[api.Policy](t, h.post("/v1/wpc", h.signed(`{"connection_mode":["mcp_server"],"policy_name":"p","tool_policy":{"allow":["desk.*"]},"wpc_version":"v1"}`, h.ada)))
	if len(p.Servers) != 1 || len(p.Servers[0].Tools) != 1 {
		t.Fatalf("pinned: %+v", p.Servers)
	}
	at := "/v1/wpc/" + p.Hash.String() + "/pins"
	pins := into[api.Pins](t, h.get(at))
	if len(pins.Servers) != 1 || pins.Servers[0].Tools[0].Description != "Finds files." || len(pins.Differences) != 0 || pins.Fault != "" {
		t.Errorf("as it was: %+v", pins)
	}
	f.says = "Finds files, and keeps them."
	pins = into[api.Pins](t, h.get(at))
	if len(pins.Differences) != 1 || !strings.Contains(pins.Differences[0].Lines, "+Finds files, and keeps them.") {
		t.Errorf("changed: %+v", pins)
	}
	d := into[api.Draft](t, h.post("/v1/drafts", h.signed(`{"connection_mode":["mcp_server"],"policy_name":"draft","wpc_version":"v1"}`, h.ada)))
	ahead := into[api.Pins](t, h.get("/v1/wpc/"+d.Hash.String()+"/pins"))
	if !ahead.Draft || len(ahead.Differences) != 0 || len(ahead.Servers) != 1 || ahead.Servers[0].Tools[0].Description != f.says {
		t.Errorf("a draft: %+v", ahead)
	}
	f.err = errors.New("the MCP server files does not start\nlook at its log\u202e")
	pins = into[api.Pins](t, h.get(at))
	if len(pins.Differences) != 0 || !strings.HasSuffix(pins.Fault, "does not start\nlook at its log<U+202E>") || pins.Servers[0].Tools[0].Description != "Finds files." {
		t.Errorf("not there: %+v", pins)
	}
	h.wantProblem(h.post("/v1/wpc", h.signed(`{"connection_mode":["mcp_server"],"policy_name":"q","wpc_version":"v1"}`, h.ada)), 422, "not_published")
	h.wantProblem(h.get("/v1/wpc/"+seal.Sum(nil).String()+"/pins"), 404, "not_found")
	h.wantProblem(h.get("/v1/wpc/1/pins"), 400, "bad_argument")
}
