// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !js

// Command verifywasm is the verifier for browsers; here it only says how it is
// built.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "verifywasm is for browsers\nbuild it with: go generate ./internal/pulse")
	os.Exit(2)
}
