// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && race

package sandbox

// race says whether the race detector is in this program.
const race = true
