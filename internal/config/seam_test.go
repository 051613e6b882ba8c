// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSeam(t *testing.T) {
	const good = `{"seam": {"gateways": [{"name": "edge", "token": "env:T", "url": "https://gateway.test/", "routes": [{"kind": "mcp", "path": "/mcp", "tool": "hub"}]}]}}`
	c, err := load(t, good)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Seam; s.ReportWithin != Delay(10*time.Minute) || s.Gateways[0].URL != "https://gateway.test" || s.Gateways[0].Mode != "" {
		t.Errorf("%+v", s)
	}
	if n, missing := c.Secrets(); n != 1 || len(missing) != 1 || missing[0] != "/seam/gateways/0/token" {
		t.Errorf("%d secrets, of which cannot be read: %v", n, missing)
	}
	if c, err = load(t, `{}`); err != nil || c.Seam != nil {
		t.Errorf("gateways that nobody has named: %v, %v", c.Seam, err)
	}
}

func TestSeamMistakes(t *testing.T) {
	const gateway = `"name": "edge", "token": "env:T"`
	for text, want := range map[string]string{
		`{"report_within": "500ms"}`:                                                                     "/seam/report_within",
		`{"report_within": "25h"}`:                                                                       "/seam/report_within",
		`{"gateways": [{"name": "Edge", "token": "env:T"}]}`:                                             "/seam/gateways/0",
		`{"gateways": [{` + gateway + `}, {` + gateway + `}]}`:                                           "/seam/gateways/1/name",
		`{"gateways": [{"name": "edge"}]}`:                                                               "/seam/gateways/0",
		`{"gateways": [{"name": "edge", "token": "hunter2hunter2hunter2hunter2hunt"}]}`:                  "/seam/gateways/0/token",
		`{"gateways": [{` + gateway + `, "url": "http://gateway.test"}]}`:                                "/seam/gateways/0",
		`{"gateways": [{` + gateway + `, "url": "https://gateway.test/mcp"}]}`:                           "/seam/gateways/0",
		`{"gateways": [{` + gateway + `, "mode": "rest"}]}`:                                              "/seam/gateways/0",
		`{"gateways": [{` + gateway + `, "routes": [{"kind": "grpc"}]}]}`:                                "/seam/gateways/0/routes/0",
		`{"gateways": [{` + gateway + `, "routes": [{"kind": "mcp", "close": "soon"}]}]}`:                "/seam/gateways/0/routes/0",
		`{"gateways": [{` + gateway + `, "routes": [{"kind": "mcp", "class": "model"}]}]}`:               "/seam/gateways/0/routes/0",
		`{"gateways": [{` + gateway + `, "routes": [{"kind": "mcp", "classes": {"a": "reads"}}]}]}`:      "/seam/gateways/0/routes/0",
		`{"gateways": [{` + gateway + `, "routes": [{"kind": "mcp", "empty": true}]}]}`:                  "/seam/gateways/0/routes/0",
		`{"gateways": [{` + gateway + `, "routes": [{"kind": "http", "classes": {"a": "read"}}]}]}`:      "/seam/gateways/0/routes/0",
		`{"gateways": [{` + gateway + `, "routes": [{"kind": "mcp", "path": "/a"}, {"kind": "none"}]}]}`: "/seam/gateways/0/routes/1",
		`{"gateways": [{` + gateway + `, "routes": [{"kind": "mcp", "path": "/a", "tool": "wikimcp"}]}]}, "upstreams": [{"name": "wikimcp", "adapter": "aaronsb-confluence", "url": "https://a.test/"}]`: "/seam/gateways/0/routes/0/tool",
		`{"gateways": [{` + gateway + `, "route": []}]}`: "/seam/gateways/0/route",
	} {
		_, err := load(t, `{"seam": `+text+`}`)
		if wrong := (*Error)(nil); !errors.As(err, &wrong) || wrong.Field != want || strings.Count(err.Error(), "\n") != 1 || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
