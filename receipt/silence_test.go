// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt_test

import (
	"testing"
	"time"

	"github.com/clawea/clawea/receipt"
)

func TestSilence(t *testing.T) {
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]int{0: 0, 1: 1, time.Second: 1, 1001 * time.Millisecond: 2, time.Hour: 3600, -time.Second: 0, -time.Minute: -1} {
		heard := now.Add(-ago)
		got := (&receipt.State{Now: now, Heard: &heard}).Silence()
		if (got == nil) != (want < 0) || got != nil && *got != want {
			t.Errorf("heard of %v ago: %v, want %d", ago, got, want)
		}
	}
	if got := (&receipt.State{Now: now}).Silence(); got != nil {
		t.Errorf("never heard of: %d", *got)
	}
}
