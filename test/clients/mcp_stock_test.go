// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/internal/npmtest"
)

// The protocol's own client of another language gets its token as the protocol says:
// by what the house tells who has none.
func TestMCPStockClient(t *testing.T) {
	t.Parallel()
	node := npmtest.Install(t, filepath.Join("..", "conformance"))
	a := openAuthority(t)
	input, err := json.Marshal(map[string]any{
		"house":        a.url,
		"secretClient": map[string]any{"id": "mcp", "secret": a.mcp},
		"keyClient":    map[string]any{"id": "mcp-key", "jwk": jose.JSONWebKey{Key: a.ec}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "client.mjs")
	cmd.Dir, cmd.Stdin = filepath.Join("..", "conformance"), bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the stock client: %v", err)
	}
	if n := strings.Count(string(out), "ok "); n != 5 {
		t.Errorf("%d things held, want 5", n)
	}
}
