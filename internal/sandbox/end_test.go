// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A house that starts a sandbox and waits to be killed.
func house(marker string) {
	r := Probe()
	s, err := New(r.Missing())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	exe, _ := os.Executable()
	p, err := s.Start(context.Background(), &Command{Path: exe, Args: []string{"hostile", "daemon", marker, "session", "stay"}, Readable: append(SystemTrees(), exe)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if _, err := p.Stdout.Read(make([]byte, 1)); err != nil {
		fmt.Println(err)
	}
	fmt.Println("ready")
	time.Sleep(time.Hour)
}

// left are the processes of this machine that have marker in their arguments, other than
// this one and a house.
func left(t *testing.T, marker string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && bytes.Contains(b, []byte(marker)) {
			found = append(found, f)
		}
	}
	return found
}

// gone waits a moment until none are left.
func gone(t *testing.T, marker string) {
	t.Helper()
	for range 100 {
		if len(left(t, marker)) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("left behind: %v", left(t, marker))
}

func TestNothingIsLeftBehind(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartPID)
	marker := fmt.Sprintf("marker-%d-%d", os.Getpid(), time.Now().UnixNano())
	says(t, s, hostile(t, "daemon", marker, "session"), "daemon worked") // it ends by itself
	if l := left(t, marker); len(l) > 0 {
		t.Errorf("after Wait: %v", l)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	p, err := s.Start(ctx, hostile(t, "daemon", marker, "session", "stay"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(p.Stdout, make([]byte, len("daemon worked"))); err != nil {
		t.Fatal(err)
	}
	if len(left(t, marker)) < 2 {
		t.Error("this test does not see what it looks for")
	}
	cause := errors.New("the job was stopped")
	cancel(cause)
	if err := p.Wait(); !errors.Is(err, cause) {
		t.Error(err)
	}
	gone(t, marker)
}

func TestKilledHouse(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartPID)
	marker := fmt.Sprintf("marker-%d-%d", os.Getpid(), time.Now().UnixNano())
	cmd := exec.Command("/proc/self/exe", "house", marker)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 6)
	if _, err := io.ReadFull(out, b); err != nil || string(b) != "ready\n" {
		t.Fatalf("%q, %v", b, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	gone(t, marker)
}

func TestTime(t *testing.T) {
	s := newSandbox(t)
	c := hostile(t, "sleep")
	c.Limits.Wall = 1
	if _, err := outcome(t, s, c); !errors.Is(err, ErrTime) {
		t.Error(err)
	}
	c = hostile(t, "spin")
	c.Limits.CPU = 1
	if _, err := outcome(t, s, c); err == nil || !strings.Contains(err.Error(), "signal") {
		t.Error(err)
	}
}
