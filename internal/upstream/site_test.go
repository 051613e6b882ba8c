// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/upstream"
)

// A call at another site than the house's comes to nothing that could be allowed.
func TestCallsAtOtherSites(t *testing.T) {
	s := plainShop()
	house := &upstream.Set{Servers: []*upstream.Server{{
		Name: "shop", Site: "https://example.atlassian.net", Dial: s.dial, Timeout: time.Minute, Version: "test", Log: slog.New(slog.DiscardHandler),
		Adapter: adapter(t, `{"server": "shop", "versions": ["1.0.0"], "site": "where", "tools": [{"name": "look", "rows": [{"class": "read"}]}]}`),
	}}}
	if err := house.Check(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { house.Close() })
	for args, want := range map[string]string{
		`{"where":"https://example.atlassian.net"}`: "shop.look", `{"where":"example.atlassian.net"}`: "shop.look",
		`{"where":"https://other.atlassian.net"}`: "mcp.unmapped", `{}`: "mcp.unmapped", `{"where":null}`: "mcp.unmapped",
	} {
		if req := house.Request(t.Context(), "shop_look", []byte(args), nil); req.Action.String() != want {
			t.Errorf("%s is %s, want %s", args, req.Action, want)
		}
	}
}
