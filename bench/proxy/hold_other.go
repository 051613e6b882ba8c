// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package proxy

import "errors"

var errNoHold = errors.New("flushes can be held on Linux only")

func (h Hold) startHeld(core int, log string, args ...string) (*Process, error) {
	return nil, errNoHold
}

// Supervise holds nothing here.
func Supervise([]string) error { return errNoHold }

// Held is held by nothing here.
func Held([]string) error { return errNoHold }
