// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"syscall/js"
)

// file copies a Uint8Array from the page.
func file(args []js.Value, i, max int) ([]byte, error) {
	if i >= len(args) || !args[i].InstanceOf(js.Global().Get("Uint8Array")) {
		return nil, fmt.Errorf("argument %d is no Uint8Array\ngive the file's bytes", i+1)
	}
	n := args[i].Get("byteLength").Int()
	if n > max {
		return nil, fmt.Errorf("a file of %d bytes; at most %d fit\nis it the right file?", n, max)
	}
	b := make([]byte, n)
	js.CopyBytesToGo(b, args[i])
	return b, nil
}
