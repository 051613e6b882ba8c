// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package npmtest gives tests Node, and what npm installs for it. A test that lacks
// either is skipped; where CI=true says that nothing may be lacking, it fails.
package npmtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Absent skips the test for want of something, or fails it where CI=true.
func Absent(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf("skipped: "+format, args...)
}

// Node returns the path of Node, 20 or newer.
func Node(t testing.TB) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		Absent(t, "install Node 20 or newer, and npm")
	}
	if v := Version(node); v < 20 {
		Absent(t, "Node is of version %d: install Node 20 or newer", v)
	}
	return node
}

// Version returns the major version of a Node, or zero if it does not run.
func Version(node string) (major int) {
	out, err := exec.Command(node, "--version").Output()
	if err != nil {
		return 0
	}
	_, _ = fmt.Sscanf(strings.TrimSpace(string(out)), "v%d.", &major)
	return major
}

// one at a time: npm ci empties the folder first.
var one sync.Mutex

// Install returns Node, once npm has installed what the lock in dir says.
func Install(t testing.TB, dir string) string {
	t.Helper()
	node := Node(t)
	one.Lock()
	defer one.Unlock()
	if installed(dir) {
		return node
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		Absent(t, "npm ci in %s: %v\n%s", dir, err, out)
	}
	return node
}

// installed reports whether npm was done with dir after its lock was last changed.
func installed(dir string) bool {
	lock, err1 := os.Stat(filepath.Join(dir, "package-lock.json"))
	done, err2 := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	return err1 == nil && err2 == nil && done.ModTime().After(lock.ModTime())
}
