// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import "golang.org/x/sys/unix"

// legacy is none: this machine has one spelling of each call.
func legacy() []sysCall { return nil }

const (
	auditArch = unix.AUDIT_ARCH_AARCH64
	otherABI  = 0 // there is none
)
