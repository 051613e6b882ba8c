// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Nobody is asked for a server's state, and it says what came of asking last.
func TestState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lateServer(late("late", time.Second, nil))
		defer s.pool.close()
		if got := s.State(); got != (State{}) {
			t.Errorf("before anything: %+v", got)
		}
		if _, err := s.catalogue(t.Context(), anyAge); err != nil {
			t.Fatal(err)
		}
		known := s.State()
		if known.Is != "late " || known.Tools != 1 || known.Identity.IsZero() || !known.Seen.Equal(time.Now()) || !known.Failed.IsZero() || known.Running != 0 {
			t.Errorf("once it was asked: %+v", known)
		}
		_, leave, err := s.pool.get(t.Context(), "job", s.open)
		if err != nil || s.State().Running != 1 {
			t.Errorf("while it runs: %+v, %v", s.State(), err)
		}
		leave(true)
		s.Dial = late("late", time.Second, errors.New("boom"))
		if _, err := s.catalogue(t.Context(), 0); err == nil {
			t.Fatal("a broken server was asked")
		}
		if got := s.State(); !got.Failed.Equal(time.Now()) || got.Is != known.Is || got.Running != 0 {
			t.Errorf("once it failed: %+v", got)
		}
	})
}
