// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !(amd64 || arm64)

package sandbox

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/clawea/clawea/seal"
)

// machine is nothing: there is no sandbox here.
type machine struct{}

// Enter does nothing: there is no sandbox on this system.
func Enter() {}

// Start fails: there is no sandbox on this system.
func (s *Sandbox) Start(context.Context, *Command) (*Process, error) { return nil, s.standIns() }

func (s *Sandbox) standIns() error {
	return fmt.Errorf("there is no sandbox on %s/%s\nrun the house on Linux, on amd64 or arm64", runtime.GOOS, runtime.GOARCH)
}

func probe() (Report, machine) {
	r := Report{System: runtime.GOOS + "/" + runtime.GOARCH, User: os.Getuid()}
	for _, p := range Parts() {
		r.Findings = append(r.Findings, Finding{Part: p, Why: "there is no sandbox on " + r.System, Mends: "run the house on Linux, on amd64 or arm64"})
	}
	return r, machine{}
}

func filterOf([]Part) (name string, rules seal.Hash) { return "", seal.Hash{} }
