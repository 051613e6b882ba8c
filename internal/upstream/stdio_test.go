// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package upstream

import (
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Enter() // programs are started by this one
	os.Exit(m.Run())
}

// Nothing of a server that has ended is left open, whether or not anybody collects what
// is not used any more.
func TestAProgramThatEndsLeavesNothingOpen(t *testing.T) {
	absent := t.Skipf
	if os.Getenv("CI") == "true" {
		absent = t.Fatalf
	}
	r := sandbox.Probe()
	for _, p := range r.Missing() {
		if !slices.Contains(strings.Fields(os.Getenv("CLAWEA_TEST_EXCEPT")), string(p)) {
			absent("this machine lacks %s: no program is started", p)
		}
	}
	box, err := sandbox.New(r.Missing())
	if err != nil {
		t.Skipf("this machine lacks too much: %v", err) // all of which is excepted
	}
	program := &Program{Box: box, Log: slog.New(slog.DiscardHandler), Command: sandbox.Command{Path: "/bin/cat", Readable: sandbox.SystemTrees()}}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	before := 0
	for i := range 4 {
		c, err := program.Dial(t.Context(), http.NotFoundHandler())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 { // what is made once is there now
			before = len(open)
		} else if len(open) > before {
			t.Errorf("%d files are open, and %d were", len(open), before)
		}
	}
}
