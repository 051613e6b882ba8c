// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/upstream"
	"github.com/clawea/clawea/receipt"
)

// A server connects in the course of a call, as often as one may, and what it does not
// wait for has ended when the call has. Between calls, and without hosts, it connects
// to nothing.
func TestConnectionsEndWithTheirCall(t *testing.T) {
	var asked, under atomic.Int32
	var status []int
	begun := make(chan struct{})
	s := new(shop)
	connect := func(method string) int {
		w := httptest.NewRecorder()
		(*s.serve.Load()).ServeHTTP(w, httptest.NewRequest(method, "http://api.example.com:443", nil))
		return w.Code
	}
	s.tools = func(server *mcp.Server) {
		server.AddTool(tool("look", ""), func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			go connect(http.MethodConnect) // and does not wait for it
			<-begun
			status = nil
			for range 70 {
				status = append(status, connect(http.MethodConnect))
			}
			status = append(status, connect(http.MethodGet))
			return &mcp.CallToolResult{}, nil
		})
	}
	house := set(t, s)
	house.Servers[0].Connect = func(ctx context.Context, w http.ResponseWriter, _ *http.Request, opened *receipt.Receipt, _ upstream.Carry) {
		if opened.Job != "job" {
			t.Errorf("a connection of %s", opened.Job)
		}
		if asked.Add(1) > 1 {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		under.Add(1)
		defer under.Add(-1)
		close(begun)
		<-ctx.Done()
	}
	if _, err := ask(t, house, "job", "shop_look", `{}`); err != nil {
		t.Fatal(err)
	}
	if n := under.Load(); n != 0 {
		t.Errorf("%d connections live on", n)
	}
	counts := map[int]int{}
	for _, s := range status {
		counts[s]++
	}
	if asked.Load() != 64 || counts[http.StatusTeapot] != 63 || counts[http.StatusTooManyRequests] != 7 || counts[http.StatusMethodNotAllowed] != 1 {
		t.Errorf("asked for %d, answered %v", asked.Load(), counts)
	}
	if got := connect(http.MethodConnect); got != http.StatusForbidden || asked.Load() != 64 {
		t.Errorf("between calls: %d", got)
	}
}
