// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/clawea/clawea/internal/sidecar"
)

// grace is how long a program has to end in order after it was told to.
const grace = 5 * time.Second

// supervise runs the program until it ends or the sidecar is done, and returns
// its exit code as a shell would: 128 and the signal's number for one that was
// killed.
func (l *launch) supervise(cmd *exec.Cmd, car *sidecar.Sidecar) (status int, err error) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	release := isolate(cmd)
	defer release()
	ended, err := launchChild(cmd)
	if err != nil {
		return 0, fmt.Errorf("%w\nname a program that can be run, after --", err)
	}
	done, kill := car.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case s := <-signals:
			signalChild(cmd, s)
		case <-done:
			done = nil
			fmt.Fprintln(l.stderr, "clawea: stopping the program")
			report(l.env, car.Err())
			signalChild(cmd, syscall.SIGTERM)
			kill = time.After(grace)
		case <-kill:
			killChild(cmd)
		case err := <-ended:
			if done == nil {
				killChild(cmd) // what it left behind
			}
			return exitCodeOf(cmd, err)
		}
	}
}

// launchChild starts the program, and sends what became of it. Where a child
// dies with the thread that started it, that thread stays until then.
func launchChild(cmd *exec.Cmd) (<-chan error, error) {
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return ended, <-started
}

func exitCodeOf(cmd *exec.Cmd, err error) (int, error) {
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return 0, fmt.Errorf("wait for the program: %w", err)
	}
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}
