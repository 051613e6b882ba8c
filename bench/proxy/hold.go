// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import "time"

// A Hold is how much longer flushing to the disk takes than it does: virtual
// disks are unrealistically fast at it. The kernel holds the calls fsync and
// fdatasync of the process, which is as it is otherwise.
type Hold time.Duration

// start starts args as start does, held.
func (h Hold) start(core int, log string, args ...string) (*Process, error) {
	if h == 0 {
		return start(core, log, args...)
	}
	return h.startHeld(core, log, args...)
}
