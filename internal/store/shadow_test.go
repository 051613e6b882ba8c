// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// published puts a policy into the store and returns its hash.
func (h *house) published(t testing.TB, name string) seal.Hash {
	t.Helper()
	p := Policy{Hash: seal.Sum([]byte(name)), Name: name, Envelope: []byte(name), Published: h.clock.Now()}
	if err := h.PutPolicy(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p.Hash
}

func TestShadows(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		force, one, two, gone := h.published(t, "force"), h.published(t, "one"), h.published(t, "two"), seal.Sum([]byte("gone"))
		if list, err := h.Candidates(ctx, force); list != nil || err != nil {
			t.Errorf("candidates of a policy without: %v, %v", list, err)
		}
		for _, pair := range [][2]seal.Hash{{gone, one}, {force, gone}} {
			if err := h.PutShadow(ctx, pair[0], pair[1]); !errors.Is(err, ErrNotFound) {
				t.Errorf("an unpublished policy: got %v, want ErrNotFound", err)
			}
		}
		first := h.clock.Now()
		put := func(candidate seal.Hash) {
			if err := h.PutShadow(ctx, force, candidate); err != nil {
				t.Fatal(err)
			}
			h.clock.move(time.Second)
		}
		put(two)
		put(one)
		put(two) // goes on as it was
		want := []Shadow{{force, two, first}, {force, one, first.Add(time.Second)}}
		list, err := h.Shadows(ctx, force)
		if diff := cmp.Diff(want, list); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		hashes, err := h.Candidates(ctx, force)
		if diff := cmp.Diff([]seal.Hash{two, one}, hashes); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if err := h.DropShadow(ctx, force, two); err != nil {
			t.Fatal(err)
		}
		for _, pair := range [][2]seal.Hash{{force, two}, {one, force}, {gone, one}} {
			if err := h.DropShadow(ctx, pair[0], pair[1]); !errors.Is(err, ErrNotFound) {
				t.Errorf("stop what does not run: got %v, want ErrNotFound", err)
			}
		}
		if list, err := h.Candidates(ctx, one); list != nil || err != nil {
			t.Errorf("candidates of another policy: %v, %v", list, err)
		}
	})
}

// However many start at once, no more than MaxShadows run.
func TestMaxShadows(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		force := h.published(t, "force")
		var candidates []seal.Hash
		for i := range MaxShadows + 3 {
			candidates = append(candidates, h.published(t, fmt.Sprint("candidate ", i)))
		}
		var wg sync.WaitGroup
		for _, c := range candidates {
			wg.Go(func() {
				if err := h.PutShadow(t.Context(), force, c); err != nil && !errors.Is(err, ErrConflict) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		list, err := h.Candidates(t.Context(), force)
		if err != nil || len(list) != MaxShadows {
			t.Fatalf("%d run, %v; want %d", len(list), err, MaxShadows)
		}
		if err := h.PutShadow(t.Context(), force, list[0]); err != nil {
			t.Errorf("one that runs already, when no more fit: %v", err)
		}
	})
}

// Opened receipts come in the order of their times, a page at a time, each once.
func TestOpenedAfter(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		start := h.clock.Now()
		want := map[string][]Mark{}
		note := func(job string, seq uint64) {
			m := Mark{h.clock.Now(), job, seq}
			want[""], want[job] = append(want[""], m), append(want[job], m)
		}
		a, b := h.job(t, "job-a"), h.job(t, "job-b")
		for i := range 5 {
			h.mustWrite(t, a, h.opens(a, call(1, "x"), policy.Allow))
			note(a, uint64(2*i)+1)
			h.mustWrite(t, b, h.opens(b, call(1, "x"), policy.Deny))
			note(b, uint64(i)+1)
			h.mustWrite(t, a, h.closes(a, uint64(2*i)+1, 1))
			h.clock.move(time.Millisecond * time.Duration(i%2)) // some at the same time
		}
		for job, marks := range want {
			for _, limit := range []int{1, 3, 100} {
				var got []Mark
				var at Mark
				for {
					page, err := h.OpenedAfter(t.Context(), at, job, limit)
					if err != nil {
						t.Fatal(err)
					}
					for _, o := range page {
						e, err := seal.ParseEnvelope(o.Envelope)
						if err != nil {
							t.Fatal(err)
						}
						if r, err := receipt.Parse(e.Payload); err != nil || r.Kind != receipt.Opened || r.Job != o.Job || r.Seq != o.Seq || !r.At.Equal(o.At) {
							t.Errorf("%v holds another receipt: %v", o.Mark, err)
						}
						got = append(got, o.Mark)
					}
					if len(page) < limit {
						break
					}
					at = page[len(page)-1].Mark
				}
				if diff := cmp.Diff(inOrder(marks), got); diff != "" {
					t.Errorf("job %q, %d at a time:\n%s", job, limit, diff)
				}
			}
		}
		later, err := h.OpenedAfter(t.Context(), Mark{At: start.Add(time.Millisecond)}, "", 0)
		if err != nil || len(later) != 6 {
			t.Errorf("since a millisecond later: %d, %v; want 6", len(later), err)
		}
	})
}

func inOrder(marks []Mark) []Mark {
	return slices.SortedFunc(slices.Values(marks), func(a, b Mark) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		if c := strings.Compare(a.Job, b.Job); c != 0 {
			return c
		}
		return int(a.Seq) - int(b.Seq)
	})
}
