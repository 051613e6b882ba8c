// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// work gives the demo's agent a task in the house that was entered, and prints
// what became of its tool calls: agent TOKENFILE read|correct-again.
func work(ts *testscript.TestScript, neg bool, args []string) {
	tasks := map[string]string{"read": taskRead, "correct-again": taskReplay}
	if neg || len(args) != 2 || tasks[args[1]] == "" {
		ts.Fatalf("usage: agent TOKENFILE read|correct-again")
	}
	a, err := newAgent(context.Background(), ts.Getenv("CLAWEA_SERVER"), strings.TrimSpace(ts.ReadFile(args[0])), io.Discard)
	ts.Check(err)
	outcomes, err := a.do(context.Background(), tasks[args[1]])
	ts.Check(errors.Join(err, a.session.Close()))
	fmt.Fprintln(ts.Stdout(), strings.Join(outcomes, " "))
}

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"7d":                   now.AddDate(0, 0, -7),
		"0d":                   now,
		"90m":                  now.Add(-90 * time.Minute),
		"2026-11-01":           time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-01T08:00:00Z": time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC),
	} {
		if got, err := parseSince(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "d", "-7d", "-1h", "7", "last week", "99999999d"} {
		if got, err := parseSince(s, now); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v, %v; want a usage error", s, got, err)
		}
	}
}
