// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ran is what test/clients/agent prints.
type ran struct {
	OpenAI, Anthropic, Searched, Parent string
	Tools                               []string
	Scanned, Tokens                     int
}

// buildAgent builds the agent that knows nothing but environment variables.
func buildAgent(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent")
	if out, err := exec.Command("go", "build", "-o", path, "./agent").CombinedOutput(); err != nil {
		t.Fatalf("build the agent: %v\n%s", err, out)
	}
	return path
}

// launch runs the agent under clawea run, and returns what it has found and
// what the launcher said.
func (h *house) launch(t *testing.T, job string, command ...string) (*ran, string) {
	t.Helper()
	dir := t.TempDir()
	args := append([]string{"run", "-wpc", h.policy, "-job", job, "-agent", "visitor", "-o", filepath.Join(dir, "job.proof"), "-trust", h.path("trust.json"), "--"}, command...)
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CLAWEA_SERVER="+h.url, "CLAWEA_OPERATOR=file:"+h.path("secrets", "operator"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("clawea run: %v\n%s%s", err, out.Bytes(), errs.Bytes())
	}
	got := new(ran)
	if err := json.Unmarshal(out.Bytes(), got); err != nil {
		t.Fatalf("read what the agent says: %v\n%s", err, out.Bytes())
	}
	return got, errs.String()
}

// Two SDKs and an MCP client, none of which knows of Clawea, work under a
// policy without having a token: not in the environment, and nowhere in memory.
func TestRun(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	agent := buildAgent(t)
	got, said := h.launch(t, "run-1", agent)
	if got.OpenAI == "" || got.Anthropic == "" || !slices.Contains(got.Tools, "confluence_page_search") || !strings.Contains(got.Searched, "failover") {
		t.Errorf("the agent did not get its work done: %+v", got)
	}
	if got.Tokens != 0 || got.Scanned < 1<<20 {
		t.Errorf("%d tokens in %d bytes of the agent's memory and environment", got.Tokens, got.Scanned)
	}
	if os.Getuid() != 0 && got.Parent == "" {
		t.Error("the agent can read its launcher's memory and environment")
	}
	t.Logf("%d bytes of memory scanned, %d tokens; launcher: %s", got.Scanned, got.Tokens, strings.TrimSpace(said))
	h.wantProof(t, "run-1", calls{Allowed: 3})

	if got, _ := h.launch(t, "run-2", agent, "QWxhZGRpbg"); got.Tokens == 0 {
		t.Error("the search for tokens does not find one that is there")
	}
}
