// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

func TestDrafts(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		one := Draft{ID: seal.Sum([]byte("1")), Name: "Read the wiki", Envelope: []byte("by nobody"), By: "ada@house.test"}
		two := Draft{ID: seal.Sum([]byte("2")), Envelope: []byte{0, 255}, By: "bob@house.test"}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		want := func(want []Draft) {
			t.Helper()
			list, err := h.Drafts(ctx, 0)
			if diff := cmp.Diff(want, list); err != nil || diff != "" {
				t.Errorf("open drafts: %v\n%s", err, diff)
			}
		}
		must(h.AddDraft(ctx, one, 2))
		one.At, one.State = h.clock.Now(), DraftOpen
		h.clock.move(time.Second)
		must(h.AddDraft(ctx, two, 2))
		two.At, two.State = h.clock.Now(), DraftOpen
		if err := h.AddDraft(ctx, one, 9); !errors.Is(err, ErrConflict) {
			t.Errorf("an open draft: got %v, want ErrConflict", err)
		}
		if err := h.AddDraft(ctx, Draft{ID: seal.Sum([]byte("3"))}, 2); !errors.Is(err, ErrTooMany) {
			t.Errorf("one too many: got %v, want ErrTooMany", err)
		}
		want([]Draft{two, one})

		must(h.SignDraft(ctx, one.ID, one.Envelope, []byte("by ada")))
		if err := h.SignDraft(ctx, one.ID, one.Envelope, []byte("by bob")); !errors.Is(err, ErrConflict) {
			t.Errorf("signed in place of ada: got %v, want ErrConflict", err)
		}
		one.Envelope = []byte("by ada")
		want([]Draft{two, one})

		plugin := []policy.Extension{{Kind: policy.Plugin, Name: "clawea", Digest: seal.Sum([]byte("1"))}}
		for range 2 {
			must(h.ExtendDraft(ctx, one.ID, plugin))
		}
		one.Extensions = plugin
		for _, id := range []seal.Hash{one.ID, seal.Sum([]byte("3"))} {
			if err := h.ExtendDraft(ctx, id, []policy.Extension{}); !errors.Is(err, ErrConflict) {
				t.Errorf("something else is said of it, or it is none: got %v, want ErrConflict", err)
			}
		}
		want([]Draft{two, one})

		must(h.EndDraft(ctx, one.ID, DraftDiscarded, "eve"))
		want([]Draft{two})
		ended := h.clock.Now()
		got, err := h.Draft(ctx, one.ID)
		gone := one
		gone.State, gone.Envelope, gone.Ended, gone.EndedBy = DraftDiscarded, nil, &ended, "eve"
		if diff := cmp.Diff(gone, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("discarded: %v\n%s", err, diff)
		}
		if err := h.SignDraft(ctx, one.ID, []byte{}, []byte("by bob")); !errors.Is(err, ErrConflict) {
			t.Errorf("a discarded draft is signed: %v", err)
		}
		one.By, one.Envelope = "bob@house.test", []byte("anew")
		h.clock.move(time.Second)
		must(h.AddDraft(ctx, one, 2))
		one.At = h.clock.Now()
		want([]Draft{one, two})

		must(h.EndDraft(ctx, two.ID, DraftPublished, "bob"))
		for _, err := range []error{h.AddDraft(ctx, two, 9), h.EndDraft(ctx, two.ID, DraftDiscarded, "eve")} {
			if !errors.Is(err, ErrConflict) {
				t.Errorf("a published draft: got %v, want ErrConflict", err)
			}
		}
		if err := h.EndDraft(ctx, seal.Hash{}, DraftDiscarded, "eve"); !errors.Is(err, ErrNotFound) {
			t.Errorf("no draft: got %v, want ErrNotFound", err)
		}
		if _, err := h.Draft(ctx, seal.Hash{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("no draft: got %v, want ErrNotFound", err)
		}
		if h.EndDraft(ctx, one.ID, DraftOpen, "eve") == nil {
			t.Error("a draft ends open")
		}
	})
}

// Of two that sign at once, one has to look again: no signature is lost.
func TestDraftSignedAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		d := Draft{ID: seal.Sum([]byte("1")), Envelope: []byte("by nobody")}
		if err := h.AddDraft(t.Context(), d, 1); err != nil {
			t.Fatal(err)
		}
		var signed atomic.Int32
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				err := h.SignDraft(t.Context(), d.ID, d.Envelope, []byte{byte(i)})
				if err == nil {
					signed.Add(1)
				} else if !errors.Is(err, ErrConflict) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := signed.Load(); n != 1 {
			t.Errorf("%d of 8 have signed", n)
		}
	})
}
