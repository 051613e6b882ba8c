// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/clawea/clawea/internal/sidecar"
)

// grace is how long a program has to end in order after it was told to, and
// what it has started after that.
const grace = 5 * time.Second

// endings are the signals by which a run is ended: asked to, or since its
// terminal or its connection has gone. One that we were started to ignore, as
// by nohup(1), ends nothing.
func endings() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
	return slices.DeleteFunc(all, signal.Ignored)
}

// outlive has ctx end at the first of these signals and keeps us alive through
// all of them until stop is called: there is a proof to keep. It does so as well
// when nobody reads any more what we print.
func outlive(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := signal.NotifyContext(ctx, endings()...)
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE) // or a write would end us; ignoring it would be inherited
	return ctx, func() {
		signal.Stop(broken)
		cancel()
	}
}

// supervise runs the program until it ends or the sidecar is done, and returns
// its exit code as a shell would: 128 and the signal's number for one that was
// killed.
func (l *launch) supervise(ctx context.Context, cmd *exec.Cmd, car *sidecar.Sidecar) (status int, err error) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, endings()...)
	defer signal.Stop(signals)
	if ctx.Err() != nil { // a signal that came before
		return 0, errors.New("ended before the program was started\nstart it again")
	}
	release := isolate(cmd)
	defer release()
	ended, err := launchChild(cmd)
	if err != nil {
		return 0, fmt.Errorf("%w\nname a program that can be run, after --", err)
	}
	done, kill, told := car.Done(), (<-chan time.Time)(nil), false
	for {
		select {
		case s := <-signals:
			told = true
			adopt()
			signalChild(cmd, s)
		case <-done:
			done, told = nil, true
			fmt.Fprintln(l.stderr, "clawea: stopping the program")
			report(l.env, car.Err())
			adopt()
			signalChild(cmd, syscall.SIGTERM)
			kill = time.After(grace)
		case <-kill:
			killChild(cmd)
		case err := <-ended:
			if told {
				endRest(cmd)
			}
			return exitCodeOf(cmd, err)
		}
	}
}

// endRest ends what the program has left behind, which was told with it.
func endRest(cmd *exec.Cmd) {
	for end := time.Now().Add(grace); left(cmd); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			killChild(cmd)
			return
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
