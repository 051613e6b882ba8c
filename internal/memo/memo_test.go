// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package memo

import (
	"testing"
	"time"
)

func TestMemo(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	var m Memo[int, string]
	want := func(k int, at time.Time, v string) {
		t.Helper()
		if got, found := m.Get(k, at); got != v || found != (v != "") {
			t.Errorf("%d: got %q, %t, want %q", k, got, found, v)
		}
	}
	want(1, now, "")
	m.Put(1, "a", now, time.Second)
	want(1, now, "a")
	want(1, now.Add(time.Second-1), "a")
	want(1, now.Add(time.Second), "")
	want(1, now.Add(-1), "")
	m.Put(1, "b", now, time.Second)
	want(1, now, "b")
	for i := 2; i <= Max; i++ {
		m.Put(i, "c", now, time.Second)
	}
	want(1, now, "b")
	m.Put(0, "d", now, time.Second) // one too many
	want(1, now, "")
	want(0, now, "d")
	age := m.Age()
	m.Forget()
	want(0, now, "")
	m.PutSince(age, 0, "e", now, time.Second)
	want(0, now, "")
	m.PutSince(m.Age(), 0, "f", now, time.Second)
	want(0, now, "f")
}
