// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package daemon

// freeSpace is not known here.
func freeSpace(string) (bytes uint64, known bool, err error) { return 0, false, nil }
