// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"
)

func TestMoment(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	for s, want := range map[string]string{
		"12h": "2026-11-21T20:00:00Z", "14d": "2026-12-05T08:00:00Z", "0d": "2026-11-21T08:00:00Z", "2026-12-24": "2026-12-24T00:00:00Z",
		"2026-12-24T08:00:00+01:00": "2026-12-24T07:00:00Z", "": "", "-1h": "", "-1d": "", "70000d": "", "tomorrow": "", "2026-13-01": "",
	} {
		got, ok := moment(s, now, 1)
		if ok != (want != "") || ok && got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %v, %t; want %q", s, got, ok, want)
		}
	}
	if got, ok := moment("7d", now, -1); !ok || !got.Equal(now.AddDate(0, 0, -7)) {
		t.Errorf("a week ago is %v", got)
	}
}

// FuzzMoment: what is read as so long from now is on the side that was asked for.
func FuzzMoment(f *testing.F) {
	for _, s := range []string{"12h", "14d", "2026-12-24", "2026-12-24T08:00:00Z", "-1d", "65535d", "9999999h", "1.5h3m"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		after, ok := moment(s, now, 1)
		before, again := moment(s, now, -1)
		if ok != again {
			t.Fatalf("%q is a time one way only", s)
		}
		if ok && !after.Equal(before) && (after.Before(now) || before.After(now)) {
			t.Errorf("%q is %v, or %v", s, after, before)
		}
	})
}
