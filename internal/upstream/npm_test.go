// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/npmtest"
	"github.com/clawea/clawea/internal/upstream"
)

// An npmServer is a server of other people's that really runs, by Node and not
// sandboxed. It reaches nothing but its facade.
type npmServer struct {
	t     *testing.T
	index string   // the file to run
	host  string   // the environment variable that leads it to its facade
	env   []string // further ones
	inner func(http.Handler) http.Handler

	mu    sync.Mutex
	asked []string // its requests
}

// offline keeps a server off the network: it is for servers that try to reach more
// than they are led to. Those that mean harm are for the sandbox.
const offline = `"use strict";
const net = require("node:net");
const loopback = new Set(["127.0.0.1", "localhost"]);
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
	const to = (Array.isArray(args[0]) ? args[0][0] : args[0]) || {};
	if (!loopback.has(to.host)) { process.nextTick(() => this.destroy(new Error("offline"))); return this; }
	return connect.apply(this, args);
};
const fetched = globalThis.fetch;
globalThis.fetch = async (to, how) => {
	if (!loopback.has(new URL(to).hostname)) throw new Error("offline: " + to);
	return fetched(to, how);
};
`

// installed is where npm ci has put a package's file. Without it, or without Node, the
// test is skipped, and fails where CI=true says that both must be there.
func installed(t *testing.T, file string) string {
	t.Helper()
	npmtest.Node(t)
	path, err := filepath.Abs(filepath.Join("../../test/mcp/node_modules", file))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		npmtest.Absent(t, "%s is not installed: run npm ci --prefix test/mcp --ignore-scripts", file)
	}
	return path
}

// dial is the server's Dialer.
func (n *npmServer) dial(_ context.Context, serve http.Handler) (*upstream.Connection, error) {
	n.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	front := &httptest.Server{Listener: listener, Config: &http.Server{Handler: n.noted(n.inner(serve))}}
	front.Start()
	dir := n.t.TempDir()
	guard := filepath.Join(dir, "offline.cjs")
	if err := os.WriteFile(guard, []byte(offline), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("node", n.index)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "NODE_OPTIONS=--require=" + guard, n.host + "=" + front.URL}, n.env...)
	return &upstream.Connection{
		Transport: &mcp.CommandTransport{Command: cmd}, Origin: upstream.Origin{Command: []string{"node", n.index}},
		Close: func() error {
			if cmd.Process != nil {
				_ = cmd.Process.Kill() // it may have ended
			}
			front.Close()
			return nil
		},
	}, nil
}

func (n *npmServer) noted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.asked = append(n.asked, r.Method+" "+r.URL.RequestURI())
		n.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// requests are those since the last call of it.
func (n *npmServer) requests() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := strings.Join(n.asked, "\n  ")
	n.asked = nil
	return out
}
