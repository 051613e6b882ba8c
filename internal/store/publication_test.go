// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/seal"
)

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestPublications(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		one, two := seal.Sum([]byte("1")), seal.Sum([]byte("2"))
		begun := h.clock.Now()
		soon, later := begun.Add(time.Hour), begun.Add(2*time.Hour)
		_, err := h.Publication(ctx, one)
		wantErr(t, "unknown", err, ErrNotFound)
		wantErr(t, "publish", h.Publish(ctx, Publication{ID: one, Job: "job-1", Size: 7, By: "ada", Until: &soon}), nil)
		h.clock.move(time.Second)
		wantErr(t, "publish another", h.Publish(ctx, Publication{ID: two, Job: "job-2", Size: 8, By: "bob"}), nil)
		wantErr(t, "publish again, for longer", h.Publish(ctx, Publication{ID: one, Job: "job-1", Size: 7, By: "bob", Until: &later}), nil)
		wantErr(t, "publish again, for less", h.Publish(ctx, Publication{ID: one, Job: "job-1", Size: 7, By: "bob", Until: &soon}), nil)
		wantErr(t, "publish again, what is kept for ever", h.Publish(ctx, Publication{ID: two, Job: "job-2", Size: 8, By: "bob", Until: &soon}), nil)
		list, err := h.Publications(ctx, nil, 0)
		want := []Publication{
			{ID: two, Job: "job-2", Size: 8, By: "bob", At: begun.Add(time.Second)},
			{ID: one, Job: "job-1", Size: 7, By: "ada", At: begun, Until: &later},
		}
		if d := cmp.Diff(want, list); err != nil || d != "" {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
		wantErr(t, "publish at the same time", h.Publish(ctx, Publication{ID: seal.Sum([]byte("3")), Job: "job-3", Size: 9, By: "bob"}), nil)
		var paged []seal.Hash
		for at := (*Spot)(nil); ; {
			list, err := h.Publications(ctx, at, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			paged, at = append(paged, list[0].ID), &Spot{At: list[0].At, ID: list[0].ID.String()}
		}
		if len(paged) != 3 || paged[2] != one || paged[0].Equal(paged[1]) {
			t.Errorf("page by page: %v", paged)
		}
	})
}

func TestRetention(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		id := seal.Sum([]byte("1"))
		until := h.clock.Now().Add(time.Hour)
		wantErr(t, "publish", h.Publish(ctx, Publication{ID: id, Job: "job-1", By: "ada", Until: &until}), nil)
		due := func() (int, int) {
			t.Helper()
			a, b, err := h.Due(ctx, 0)
			if err != nil {
				t.Fatal(err)
			}
			return len(a), len(b)
		}
		wantErr(t, "expire early", h.Expire(ctx, id, "sweep"), ErrConflict)
		wantErr(t, "gone early", h.Gone(ctx, id), ErrConflict)
		h.clock.move(time.Hour)
		if a, b := due(); a != 1 || b != 0 {
			t.Errorf("due: %d %d", a, b)
		}
		if err := h.Hold(ctx, id, "", "x"); err == nil {
			t.Error("held by nobody")
		}
		wantErr(t, "hold", h.Hold(ctx, id, "eve", "case 7"), nil)
		wantErr(t, "hold twice", h.Hold(ctx, id, "ada", ""), ErrConflict)
		wantErr(t, "expire held", h.Expire(ctx, id, "sweep"), ErrConflict)
		wantErr(t, "delete held", h.DropPublication(ctx, id, "ada", ""), ErrHeld)
		if a, b := due(); a != 0 || b != 0 {
			t.Errorf("due, held: %d %d", a, b)
		}
		wantErr(t, "release", h.Release(ctx, id, "eve", "over"), nil)
		wantErr(t, "release twice", h.Release(ctx, id, "eve", ""), ErrConflict)
		wantErr(t, "expire", h.Expire(ctx, id, "sweep"), nil)
		for what, err := range map[string]error{
			"expire": h.Expire(ctx, id, "sweep"), "delete": h.DropPublication(ctx, id, "ada", ""), "hold": h.Hold(ctx, id, "ada", ""), "release": h.Release(ctx, id, "ada", ""),
		} {
			wantErr(t, what+" what is deleted", err, ErrNotFound)
		}
		wantErr(t, "publish what is deleted", h.Publish(ctx, Publication{ID: id, Job: "job-1", By: "ada"}), ErrConflict)
		if a, b := due(); a != 0 || b != 1 {
			t.Errorf("due, deleted: %d %d", a, b)
		}
		wantErr(t, "gone", h.Gone(ctx, id), nil)
		if a, b := due(); a != 0 || b != 0 {
			t.Errorf("due, gone: %d %d", a, b)
		}
		events, err := h.Events(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		var did []string
		for _, e := range events {
			did = append(did, e.What+" "+e.By+" "+e.Note)
		}
		if want := []string{"published ada ", "held eve case 7", "released eve over", "deleted sweep its time is over"}; !slices.Equal(did, want) {
			t.Errorf("events %q", did)
		}
	})
}

func TestShares(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		id, secret, other := seal.Sum([]byte("1")), seal.Sum([]byte("s")), seal.Sum([]byte("o"))
		begun := h.clock.Now()
		share := Share{ID: secret, Publication: id, By: "ada", Note: "for Eve", Discloses: "1,4", Expires: begun.Add(time.Hour)}
		wantErr(t, "share of nothing", h.Share(ctx, share), ErrNotFound)
		wantErr(t, "publish", h.Publish(ctx, Publication{ID: id, Job: "job-1", By: "ada"}), nil)
		wantErr(t, "share", h.Share(ctx, share), nil)
		share.At = begun
		got, err := h.OpenShare(ctx, secret)
		if d := cmp.Diff(share, got); err != nil || d != "" {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
		_, err = h.OpenShare(ctx, other)
		wantErr(t, "another secret", err, ErrNotFound)
		links := func(want int) {
			t.Helper()
			if p, err := h.Publication(ctx, id); err != nil || p.Links != want {
				t.Errorf("%d links hold, want %d: %v", p.Links, want, err)
			}
		}
		links(1)
		wantErr(t, "second", h.Share(ctx, Share{ID: other, Publication: id, By: "ada", Expires: begun.Add(time.Minute)}), nil)
		links(2)
		h.clock.move(time.Minute)
		links(1)
		_, err = h.OpenShare(ctx, other)
		wantErr(t, "expired", err, ErrNotFound)
		wantErr(t, "unshare", h.Unshare(ctx, secret, "bob"), nil)
		wantErr(t, "unshare twice", h.Unshare(ctx, secret, "bob"), ErrNotFound)
		wantErr(t, "unshare nothing", h.Unshare(ctx, id, "bob"), ErrNotFound)
		_, err = h.OpenShare(ctx, secret)
		wantErr(t, "revoked", err, ErrNotFound)
		links(0)
		list, err := h.Shares(ctx, id, 0)
		if err != nil || len(list) != 2 {
			t.Errorf("shares %v %v", list, err)
		}
	})
}

// A link to what is deleted leads nowhere, and there are no new ones.
func TestShareOfDeleted(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		id, secret := seal.Sum([]byte("1")), seal.Sum([]byte("s"))
		share := Share{ID: secret, Publication: id, By: "ada", Expires: h.clock.Now().Add(time.Hour)}
		wantErr(t, "publish", h.Publish(ctx, Publication{ID: id, Job: "job-1", By: "ada"}), nil)
		wantErr(t, "share", h.Share(ctx, share), nil)
		wantErr(t, "delete", h.DropPublication(ctx, id, "ada", ""), nil)
		_, err := h.OpenShare(ctx, secret)
		wantErr(t, "open", err, ErrNotFound)
		share.ID = id
		wantErr(t, "share again", h.Share(ctx, share), ErrNotFound)
	})
}

// Of a hold and a deletion at once, one happens.
func TestHoldRacesDeletion(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		for i := range byte(10) {
			id := seal.Sum([]byte{i})
			wantErr(t, "publish", h.Publish(ctx, Publication{ID: id, Job: "job-1", By: "ada"}), nil)
			var held, dropped error
			var both sync.WaitGroup
			both.Go(func() { held = h.Hold(ctx, id, "eve", "") })
			both.Go(func() { dropped = h.DropPublication(ctx, id, "ada", "") })
			both.Wait()
			if (held == nil) == (dropped == nil) {
				t.Errorf("hold: %v; delete: %v", held, dropped)
			}
		}
	})
}
