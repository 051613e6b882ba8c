// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// Portkey is the name of the peer that comes from npm.
const Portkey = "Portkey 1.15.2"

// portkeyProgram is where npm ci in bench/peers puts it.
func portkeyProgram() string {
	return filepath.Join(repository(), "bench", "peers", "node_modules", "@portkey-ai", "gateway", "build", "start-server.js")
}

// HasPortkey reports whether Portkey's gateway can be measured: Node is there,
// and npm ci was run in bench/peers.
func HasPortkey() bool {
	_, noNode := exec.LookPath("node")
	_, noProgram := os.Stat(portkeyProgram())
	return noNode == nil && noProgram == nil
}

// openPortkey starts Portkey's gateway as its manual says, before an upstream
// that speaks as OpenAI does. It checks no token of its own and keeps no record.
func (b *Bench) openPortkey() error {
	return b.boot(func() (*Target, error) {
		addr, err := freeAddr()
		if err != nil {
			return nil, err
		}
		_, port, _ := net.SplitHostPort(addr)
		p, err := start(gatewayCore, b.log("portkey"), "node", portkeyProgram(), "--headless", "--port="+port)
		return &Target{Name: Portkey, Addr: addr, Path: "/v1/chat/completions", Process: p, Header: []string{
			"x-portkey-provider: openai",
			fmt.Sprintf("x-portkey-custom-host: http://%s/v1", b.address),
			"Authorization: Bearer sk-bench",
		}}, err
	})
}
