// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// Nothing deletes what is held: whatever is done, in whatever order, to a publication
// that is held, it can be read to the byte until its hold is ended.
func TestHeldStays(t *testing.T) {
	files := [][]byte{vector(t, "3.7-approved"), vector(t, "2.1-good")}
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		ctx := t.Context()
		held := map[seal.Hash]bool{}
		for range rapid.IntRange(1, 12).Draw(rt, "deeds") {
			file := rapid.SampledFrom(files).Draw(rt, "file")
			id := seal.Sum(file)
			var err error
			switch what := rapid.SampledFrom([]string{"publish", "publish for an hour", "hold", "release", "delete", "sweep", "wait"}).Draw(rt, "deed"); what {
			case "publish":
				_, err = h.Publish(ctx, file, "ada", pulse.Keep{})
			case "publish for an hour":
				_, err = h.Publish(ctx, file, "ada", pulse.Keep{Until: h.clock().Add(time.Hour)})
			case "hold":
				if err = h.Hold(ctx, id, "eve", "case 7"); err == nil {
					held[id] = true
				}
			case "release":
				if err = h.Release(ctx, id, "eve", ""); err == nil {
					delete(held, id)
				}
			case "delete":
				if err = h.Delete(ctx, id, "ada", ""); err == nil && held[id] {
					rt.Fatal("what is held was deleted")
				}
			case "sweep":
				err = h.Sweep(ctx)
			case "wait":
				h.move(time.Hour)
			}
			if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrHeld) && !errors.Is(err, store.ErrNotFound) {
				rt.Fatal(err)
			}
			for _, file := range files {
				if id := seal.Sum(file); held[id] {
					if got, err := h.Read(ctx, id); err != nil || !bytes.Equal(got, file) {
						rt.Fatalf("what is held cannot be read: %v", err)
					}
				}
			}
		}
	})
}

// How long a bundle is kept: as it was said, or else as the house does.
func TestKeep(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.Default = func(at time.Time) *time.Time { u := at.Add(48 * time.Hour); return &u }
	two, year := h.clock().Add(48*time.Hour), h.clock().Add(365*24*time.Hour)
	for i, c := range []struct {
		file []byte
		keep pulse.Keep
		want *time.Time
	}{
		{vector(t, "3.7-approved"), pulse.Keep{}, &two},
		{vector(t, "3.7-approved"), pulse.Keep{Until: h.clock().Add(time.Hour)}, &two}, // no sooner than before
		{vector(t, "3.7-approved"), pulse.Keep{Until: year}, &year},
		{vector(t, "2.1-good"), pulse.Keep{Ever: true}, nil},
	} {
		id, err := h.Publish(ctx, c.file, "ada", c.keep)
		if err != nil {
			t.Fatal(err)
		}
		p, err := h.Publication(ctx, id)
		if err != nil || (p.Until == nil) != (c.want == nil) || p.Until != nil && !p.Until.Equal(*c.want) {
			t.Errorf("%d: until %v, want %v, %v", i, p.Until, c.want, err)
		}
	}
	for _, k := range []pulse.Keep{{Until: h.clock()}, {Until: year, Ever: true}, {Until: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}} {
		_, err := h.Publish(ctx, vector(t, "2.1-good"), "ada", k)
		if r := (*pulse.Refusal)(nil); !errors.As(err, &r) || r.Wrong == "" || r.Mends == "" {
			t.Errorf("%+v: %v", k, err)
		}
	}
}
