// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Clients that listen for changes of the list of tools do not keep the daemon from
// stopping.
func TestListenersDoNotHoldTheStop(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	w.more = `"upstreams": [{"name": "hub", "adapter": "rovo-jira", "url": "http://127.0.0.1:1/mcp"}],`
	h := w.start()
	heard := make(chan bool, 16)
	client := mcp.NewClient(&mcp.Implementation{Name: "robot", Version: "1"}, &mcp.ClientOptions{
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { heard <- true },
	})
	p, err := h.client.Publish(t.Context(), h.signed(`{"wpc_version": "v1", "resources": {"spaces_allowlist": ["ENG"]}, "actions": {"read": {"allowed": true}}}`))
	if err != nil {
		t.Fatal(err)
	}
	raw := h.issue(p.Hash, "job-1").Token
	s, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: h.url + "/mcp", HTTPClient: &http.Client{Transport: bearer(raw)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if c := s.InitializeResult().Capabilities; c.Tools == nil || !c.Tools.ListChanged {
		t.Fatalf("nobody listens: %+v", c.Tools)
	}
	begun := time.Now()
	h.shut()
	if d := time.Since(begun); strings.Contains(h.log.String(), "cutting off") {
		t.Errorf("the stop took %v:\n%s", d, h.log)
	}
}
