// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// An alarm wakes a goroutine to some tens of microseconds, which time.Sleep
// does not where there is nothing else to do: it waits in milliseconds.
type alarm struct{ f *os.File }

func newAlarm() (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	return &alarm{os.NewFile(uintptr(fd), "timer")}, nil
}

func (a *alarm) wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	raw, err := a.f.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil)
	})
	if err != nil || set != nil {
		return fmt.Errorf("set a timer: %w, %w", err, set)
	}
	_, err = a.f.Read(make([]byte, 8))
	return err
}

func (a *alarm) close() error { return a.f.Close() }
