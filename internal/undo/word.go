// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"cmp"
	"context"
	"fmt"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
)

// Say settles a call by the word of a person, the operator by, where the house
// cannot tell what became of it: whether it happened. It fails with
// store.ErrNotFound if there is no such call that is unsettled, and with
// store.ErrConflict where that is known, or can still change.
func (s *Settler) Say(ctx context.Context, job string, seq uint64, happened bool, by string) error {
	c, err := s.DB.Call(ctx, job, seq)
	if err != nil {
		return err
	}
	opened, err := read(c.Opened, s.Gates)
	if err != nil {
		return err
	}
	if opened.Job != job || opened.Seq != seq || !changes(opened) {
		return fmt.Errorf("receipt %s/%d lets nothing be changed: %w", job, seq, store.ErrNotFound)
	}
	if end := cmp.Or(c.Learned, c.Closed); end != nil {
		r, err := read(end, s.Gates)
		if err != nil {
			return err
		}
		if st := r.Outcome.Status; st == receipt.Done || st == receipt.Failed {
			return fmt.Errorf("what became of %s is known: %s: %w", opened.Name(), st, store.ErrConflict)
		}
	}
	now := s.Now()
	if !over(opened, now, s.Over) || c.Closed == nil && !s.dead(opened.At, now) {
		return fmt.Errorf("the call of %s may still be on its way, for %v after it was opened: %w", opened.Name(), max(s.Over, s.Dead), store.ErrConflict)
	}
	return s.write(ctx, opened, c.Closed != nil, &receipt.Late{Happened: happened, By: by})
}
