// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import (
	"os"
	"os/exec"
)

// protect does nothing: what keeps processes apart here is the system's affair.
func protect() error { return nil }

// isolate bounds the wait for what the program leaves behind.
func isolate(cmd *exec.Cmd) (release func()) {
	cmd.WaitDelay = grace
	return func() {}
}

// signalChild passes a signal to the program. Where there are none but the last
// one, it is that.
func signalChild(cmd *exec.Cmd, s os.Signal) {
	if cmd.Process.Signal(s) != nil {
		killChild(cmd)
	}
}

// adopt does nothing: see left.
func adopt() {}

// left is false: what the program has started is not known here.
func left(*exec.Cmd) bool { return false }

// killChild ends the program.
func killChild(cmd *exec.Cmd) { cmd.Process.Kill() } // fails if it is gone
