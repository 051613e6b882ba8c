// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package proxy

import "time"

// An alarm wakes a goroutine as well as it can.
type alarm struct{}

func newAlarm() (*alarm, error) { return new(alarm), nil }

func (*alarm) wait(d time.Duration) error {
	time.Sleep(d)
	return nil
}

func (*alarm) close() error { return nil }
