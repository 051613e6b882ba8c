// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// fileBacked is how much of this process's memory is of files, in KiB.
func fileBacked(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "RssFile:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What is let go comes back as it was when it is wanted.
func TestLetGo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux is told")
	}
	before := fileBacked(t)
	letGo()
	after := fileBacked(t)
	if after >= before*3/4 {
		t.Errorf("%d KiB before, %d after", before, after)
	}
	if v := version(); v == "" {
		t.Error("constants are gone")
	}
}
