// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package examples holds policies to begin with. They are parsed by the tests,
// and the demo runs under one of them.
package examples

import "embed"

// Policies are WPCs as people write them.
//
//go:embed policies/*.json
var Policies embed.FS
