// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/internal/vectors"
	"github.com/clawea/clawea/seal"
)

// either is p, bound as it is, with both ways of reaching a system listed and one
// server pinned. It is nil if p does not come to a policy that way.
func either(t *testing.T, text, binding []byte, s Server) *Policy {
	t.Helper()
	var doc map[string]any
	if seal.Unmarshal(text, &doc) != nil {
		return nil
	}
	doc["connection_mode"] = []string{"official_api", ServerMode}
	wide, err := seal.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(wide)
	if err != nil {
		return nil
	}
	b, err := ParseBinding([]byte(strings.TrimSpace(string(binding))))
	if err != nil {
		b = &Binding{Names: []Bound{}}
	}
	b.Policy, b.Servers = p.Hash(), []Server{s}
	if p, err = p.Bind(b); err != nil {
		return nil
	}
	return p
}

// by is c, and the answers about it, as if it were reached in another way.
func by(c *Call, f *Facts, mode string, server, definition seal.Hash) (*Call, *Facts) {
	call, facts := *c, *f
	call.Mode, call.Server, call.Definition = mode, server, definition
	facts.Approvals = slices.Clone(f.Approvals)
	for i := range facts.Approvals {
		if a := &facts.Approvals[i]; a.Call.Equal(c.Digest()) {
			a.Call = call.Digest()
		}
	}
	return &call, &facts
}

// TestServersDecideAlike says: a call through a pinned server is decided as the same
// call by the house's own tool, for the same reasons, in every vector of a call of Jira
// or Confluence.
func TestServersDecideAlike(t *testing.T) {
	paths, err := filepath.Glob("../testdata/vectors/policy-4.*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tool := PinnedTool{"tool", seal.Sum([]byte("tool"))}
	server := Server{Name: "server", Identity: seal.Sum([]byte("server")), Tools: []PinnedTool{tool}}
	seen := map[Effect]int{}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := vectors.Files(a)
		if files["call.json"] == nil {
			continue
		}
		c, f := new(Call), new(Facts)
		decodeVector(t, files["call.json"], c)
		decodeVector(t, files["facts.json"], f)
		if c.Tool != "jira" && c.Tool != "confluence" || c.Carrier != "" || c.Mode != "" && c.Mode != "official_api" || !c.Server.IsZero() {
			continue
		}
		p := either(t, files["policy.json"], files["binding.json"], server)
		if p == nil {
			continue
		}
		own := p.Decide(by(c, f, "official_api", seal.Hash{}, tool.Definition))
		through := p.Decide(by(c, f, ServerMode, server.Identity, tool.Definition))
		seen[own.Effect]++
		if diff := cmp.Diff(own, through); diff != "" {
			t.Errorf("%s: %s", filepath.Base(path), diff)
		}
	}
	if seen[Allow] < 30 || seen[Ask] < 4 || seen[Deny] < 60 {
		t.Errorf("too few vectors were compared: %v", seen)
	}
	t.Log(seen)
}
