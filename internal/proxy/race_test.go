// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package proxy

// raced is whether the race detector is on, under which all takes ten times as long.
const raced = true
