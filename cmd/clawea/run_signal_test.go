// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// await waits until a program has written a file, and returns what is in it.
func await(t *testing.T, path string) string {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			return string(b)
		}
	}
	t.Fatalf("%s does not come", path)
	return ""
}

// gone waits until a process has ended.
func gone(t *testing.T, pid string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if !alive(pid) {
			return
		}
	}
	t.Errorf("process %s lives on", pid)
}

// launched starts a run of a shell's script, and returns when the script has
// written its process's number into the file "ready".
func (p *daemonProcess) launched(cmd *exec.Cmd) (pid string) {
	p.t.Helper()
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return await(p.t, filepath.Join(cmd.Dir, "ready"))
}

// ended waits for a run, and checks its exit code and that its proof is kept.
func (p *daemonProcess) ended(cmd *exec.Cmd, code int) {
	p.t.Helper()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != code {
		p.t.Errorf("%q: %v, want exit code %d", cmd.Args, err, code)
	}
	proofs, err := filepath.Glob(filepath.Join(cmd.Dir, "*.proof"))
	if err != nil || len(proofs) != 1 {
		p.t.Fatalf("%q: proofs %q, %v", cmd.Args, proofs, err)
	}
	p.clawea("proof", "verify", "-trust", p.path("trust.json"), proofs[0])
}

// Signals reach the program and what it has started, its end is told as its
// own, and its proof is kept: also if nobody is there to read about it.
func runSignals(t *testing.T, p *daemonProcess, hash string) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			own := *p
			own.t = t
			cmd := own.command(t.TempDir(), "run", "-wpc", hash, "-job", fmt.Sprint("signal-", int(s)), "-agent", "robot", "--",
				"sh", "-c", "worker work; worker wait ready; true")
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stderr = write
			pid := own.launched(cmd)
			read.Close() // as a connection that is dropped
			write.Close()
			cmd.Process.Signal(s)
			own.ended(cmd, 128+int(s))
			gone(t, pid)
		})
	}
}

// What the program has started and does not end with it is ended a while later.
func runLeftBehind(t *testing.T, p *daemonProcess, hash string) {
	cmd := p.command(t.TempDir(), "run", "-wpc", hash, "-job", "left-behind", "-agent", "robot", "--",
		"sh", "-c", "worker work; (trap '' HUP; exec worker wait ready) & wait")
	pid := p.launched(cmd)
	begun := time.Now()
	cmd.Process.Signal(syscall.SIGHUP)
	p.ended(cmd, 128+int(syscall.SIGHUP))
	if took := time.Since(begun); took < grace {
		t.Errorf("it had %v to end in", took)
	}
	gone(t, pid)
}

// A run that was started to survive its terminal does.
func runIgnored(t *testing.T, p *daemonProcess, hash string) {
	cmd := p.command(t.TempDir(), "run", "-wpc", hash, "-job", "ignored", "-agent", "robot", "--", "sh", "-c", "worker work; worker wait ready")
	cmd.Args = append([]string{"sh", "-c", `trap '' HUP; exec "$@"`}, cmd.Args...)
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args = append(cmd.Args[:3], append([]string{"sh"}, cmd.Args[3:]...)...)
	cmd.Path = sh
	pid := p.launched(cmd)
	cmd.Process.Signal(syscall.SIGHUP)
	time.Sleep(200 * time.Millisecond)
	if !alive(pid) {
		t.Error("it ended with its terminal")
	}
	cmd.Process.Signal(syscall.SIGTERM)
	p.ended(cmd, 128+int(syscall.SIGTERM))
}

// If clawea is killed, so is the program; what that has started lives on, and
// nothing lets it in.
func runKilled(t *testing.T, p *daemonProcess, hash string) {
	cmd := p.command(t.TempDir(), "run", "-wpc", hash, "-job", "killed", "-agent", "robot", "--", "worker", "parent", "ready")
	pid := p.launched(cmd)
	if let := await(t, filepath.Join(cmd.Dir, "ready.before")); !strings.HasPrefix(let, "answered") {
		t.Errorf("with its sidecar: %s", let)
	}
	cmd.Process.Kill()
	cmd.Wait()
	gone(t, pid)
	if let := await(t, filepath.Join(cmd.Dir, "ready.after")); !strings.Contains(let, "connection refused") {
		t.Errorf("without its sidecar: %s", let)
	}
}
