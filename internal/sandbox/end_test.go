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

	"golang.org/x/sync/errgroup"
)

// house starts a sandbox whose program would outlive it, and waits to be killed.
func house(marker string, bare bool) {
	r := Probe()
	s, err := New(r.Missing())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if bare {
		s.missing = []Part{PartIPC, PartMemory, PartMount, PartNet, PartPID, PartProcesses, PartUser, PartUTS}
	}
	exe, _ := os.Executable()
	p, err := s.Start(context.Background(), &Command{Path: exe, Args: []string{"hostile", "evade", marker}, Readable: append(SystemTrees(), exe)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if _, err := io.ReadFull(p.Stdout, make([]byte, len("asleep"))); err != nil {
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
	for range 1500 {
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

// A house that is killed takes its sandboxes along, though their programs do what they can.
func TestKilledHouse(t *testing.T) {
	whole := newSandbox(t)
	program := filepath.Join(openFolder(t), "program")
	for _, how := range []string{"whole", "bare"} {
		if how == "bare" {
			bareSandbox(t)
		} else {
			need(t, whole, PartPID)
		}
		marker := fmt.Sprintf("marker-%d-%d", os.Getpid(), time.Now().UnixNano())
		cmd := exec.Command(program, "house", marker, how)
		cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Dir(program)) // what it leaves on the disk goes with that
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
		if len(left(t, marker)) < 2 {
			t.Error("this test does not see what it looks for")
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		gone(t, marker)
	}
}

func TestTime(t *testing.T) {
	s := newSandbox(t)
	c := hostile(t, "sleep")
	c.Limits.Wall = 2
	p, err := s.Start(t.Context(), c)
	if err == nil {
		err = p.Wait()
	}
	if !errors.Is(err, ErrTime) { // from Start, if the machine is that busy
		t.Error(err)
	}
	c = hostile(t, "spin")
	c.Limits.CPU = 1
	if _, err := outcome(t, s, c); err == nil || !strings.Contains(err.Error(), "signal") {
		t.Error(err)
	}
}

// What cannot be started is said in two lines, and leaves nothing behind.
func TestStartFails(t *testing.T) {
	s := newSandbox(t)
	text := filepath.Join(openFolder(t), "text")
	if err := os.WriteFile(text, []byte("not a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Command{
		"among what is readable": {Path: "/opt/none", Readable: []string{"/usr"}},
		"install it":             {Path: "/usr/bin/clawea-none", Readable: SystemTrees()},
		"exec format error":      {Path: text, Readable: append(SystemTrees(), text)},
	} {
		p, err := s.Start(t.Context(), c)
		if p != nil || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if os.Geteuid() == 0 && s.has(PartMount) {
		if err := os.Chmod(text, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := s.Start(t.Context(), &Command{Path: text, Readable: append(SystemTrees(), text)})
		if err == nil || !strings.Contains(err.Error(), "let everybody read it") {
			t.Error(err)
		}
	}
	if os.Geteuid() == 0 && s.has(PartMount) {
		theirs := filepath.Join(filepath.Dir(text), "theirs")
		if err := errors.Join(os.MkdirAll(filepath.Join(theirs, "package"), 0o700), os.Chown(theirs, 12345, 12345)); err != nil {
			t.Fatal(err)
		}
		c := hostile(t, "echo")
		c.Readable = append(c.Readable, filepath.Join(theirs, "package"))
		if _, err := s.Start(t.Context(), c); err == nil || !strings.HasSuffix(err.Error(), "\nlet everybody look into the folders that it is in") {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the job was stopped")
	cancel(cause)
	if p, err := s.Start(ctx, hostile(t, "sleep")); p != nil || !errors.Is(err, cause) {
		t.Errorf("after the end of its context: %v", err)
	}
	for _, dir := range groupFolders(s) {
		if left, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("%s%d-*", groupPrefix, os.Getpid()))); err != nil || len(left) > 0 {
			t.Errorf("control groups are left: %q, %v", left, err)
		}
	}
}

func groupFolders(s *Sandbox) []string {
	if s.machine.group == nil {
		return nil
	}
	return []string{s.machine.group.memory, s.machine.group.pids}
}

// Many at once do not know of each other.
func TestManyAtOnce(t *testing.T) {
	s := newSandbox(t)
	var all errgroup.Group
	for i := range 12 {
		all.Go(func() error {
			c := hostile(t, "echo")
			p, err := s.Start(t.Context(), c)
			if err != nil {
				return err
			}
			want := fmt.Sprintf("number %d", i)
			if _, err := io.WriteString(p.Stdin, want); err != nil {
				return err
			}
			p.Stdin.Close()
			b, err := io.ReadAll(p.Stdout)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(string(b), want) {
				return fmt.Errorf("%q, want %q", b, want)
			}
			return p.Wait()
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}
