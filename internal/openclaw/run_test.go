// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// ourPlugin is Clawea's plugin as it is.
func ourPlugin(t *testing.T) policy.Extension {
	t.Helper()
	x, err := layDown(t.TempDir() + "/plugin")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A policy that says how Clawea's own plugin has to be is held to that: another one is not
// started, and the attestation says which one it is, for the issuer and the verifier to compare.
func TestRunUnderAPinnedPlugin(t *testing.T) {
	ours := ourPlugin(t)
	other := policy.Extension{Kind: ours.Kind, Name: ours.Name, Digest: seal.Sum([]byte("another"))}
	wpc := strings.Replace(policies(t)["docs-reviewer"], "{", `{"agent_runtime":{"plugins_allowlist":["clawea"]},`, 1)
	for name, k := range map[string]struct {
		wpc      string
		pins     []policy.Extension
		starts   bool
		attested bool
	}{
		"not spoken of":   {policies(t)["docs-reviewer"], nil, true, false},
		"as it is":        {wpc, []policy.Extension{ours}, true, true},
		"as it is not":    {wpc, []policy.Extension{other}, false, false},
		"and one besides": {wpc, []policy.Extension{ours, other}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "and one besides" {
				k.pins[1].Name, k.wpc = "ledger", strings.Replace(wpc, `"clawea"`, `"clawea","ledger"`, 1)
			}
			p := housetest.Policy(t, k.wpc)
			p, err := p.Bind(&policy.Binding{Policy: p.Hash(), At: time.Now(), Names: []policy.Bound{}, Extensions: k.pins})
			if err != nil {
				t.Fatal(err)
			}
			r := &Run{Policy: p, Folder: t.TempDir(), Workspace: t.TempDir(), Doors: Doors{
				API: Completions, Route: "http://127.0.0.1:1/s/proxy/sim/v1", Model: "small", MCP: "http://127.0.0.1:1/s/mcp", Local: "http://127.0.0.1:1/s",
			}}
			if err := r.Write(); err != nil {
				t.Fatal(err)
			}
			r.Program = answering(t, map[string]string{
				"--version":               "OpenClaw 2026.9.6 (eb377ac)\n",
				"config get tools --json": compact(mustRead(t, mustJSON(t, r.config))["tools"]),
				"config validate --json":  `{"valid":true,"warnings":[]}`,
				"security audit --json":   `{"summary":{"critical":0,"warn":0,"info":0},"findings":[]}`,
				"sandbox explain --json":  `{"sandbox":{"mode":"all","workspaceAccess":"ro","sessionIsSandboxed":true,"tools":{"allow":["read","clawea__*"]}},"elevated":{"enabled":false}}`,
				"plugins list --json":     `{"plugins":[{"id":"clawea","enabled":true,"origin":"config","rootDir":"/opt"}]}`,
				"policy check --json":     `{"ok":true,"attestation":{"attestationHash":"sha256:1"},"checksRun":3,"findings":[]}`,
			})
			r.Path = "/usr/bin:/bin"
			for what, err := range map[string]error{"the look before": r.Look(t.Context()), "the look after": r.Again()} {
				if (err == nil) != k.starts || err != nil && !strings.Contains(err.Error(), "clawea") {
					t.Errorf("%s: %v", what, err)
				}
			}
			if said := r.Attestation("job-1", "robot", "ci", ""); slices.Contains(said.Extensions, ours) != k.attested || said.Guard != ours.Digest {
				t.Errorf("attested: %v", said.Extensions)
			}
		})
	}
}

func mustJSON(t *testing.T, c *Config) []byte {
	t.Helper()
	b, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
