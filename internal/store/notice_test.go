// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// noticeOf is a notice of a question.
func noticeOf(h *house, event, mark string) Notice {
	return Notice{Event: event, Mark: mark, At: h.clock.Now(), Detail: "{}", Channels: []string{"chat", "mail"}}
}

func (h *house) note(t testing.TB, a *Approval, settled bool, list ...Notice) int {
	t.Helper()
	n, err := h.Note(t.Context(), a, list, settled)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// claimed claims what is due in a channel: "" if nothing is.
func (h *house) claimed(t testing.TB, channel string) *Delivery {
	t.Helper()
	d, err := h.ClaimDelivery(t.Context(), channel, fmt.Sprint("claim-", h.clock.ms.Load()), time.Minute)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNoticesInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		a := h.ask(t, h.job(t, "job-1"), call(1, "a"))
		asked, answered := noticeOf(h, "asked", ""), noticeOf(h, "answered", "1")
		if n := h.note(t, a, false, asked); n != 1 {
			t.Errorf("%d new, want 1", n)
		}
		if n := h.note(t, a, false, asked, answered); n != 1 {
			t.Errorf("%d new, want 1: the first is kept already", n)
		}
		list, err := h.Noted(t.Context(), a.ID)
		if err != nil || len(list) != 2 || list[0].Event != "asked" || list[1].Event != "answered" || list[1].ID <= list[0].ID {
			t.Fatalf("noted %v, %v", list, err)
		}
		for channel, want := range map[string]bool{"chat": true, "mail": true, "other": false} {
			if told, err := h.Told(t.Context(), channel, a.ID); err != nil || told != want {
				t.Errorf("%s is told: %v, %v", channel, told, err)
			}
		}
		if told, err := h.Told(t.Context(), "chat", "another"); err != nil || told {
			t.Errorf("told of another question: %v, %v", told, err)
		}
		first := h.claimed(t, "chat")
		if diff := cmp.Diff(&Delivery{Notice: list[0], Channel: "chat", Claim: first.Claim}, first); diff != "" {
			t.Error(diff)
		}
		if d := h.claimed(t, "chat"); d != nil {
			t.Errorf("claimed %v while what is before it is not delivered", d)
		}
		if d := h.claimed(t, "mail"); d == nil || d.ID != list[0].ID {
			t.Errorf("another channel got %v", d)
		}
		h.clock.move(time.Second)
		if err := h.EndDelivery(t.Context(), first, "C1 17.5"); err != nil {
			t.Fatal(err)
		}
		if err := h.EndDelivery(t.Context(), first, "C1 17.5"); !errors.Is(err, ErrConflict) {
			t.Errorf("ended twice: %v", err)
		}
		if d := h.claimed(t, "chat"); d == nil || d.ID != list[1].ID || d.Place != "C1 17.5" {
			t.Errorf("then %+v", d)
		}
	})
}

// What was tried in vain waits, and so does what comes behind it, but not what is
// about another question.
func TestNoticesAreDelayed(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		a, b := h.ask(t, job, call(1, "a")), h.ask(t, job, call(1, "b"))
		h.note(t, a, false, noticeOf(h, "asked", ""), noticeOf(h, "expired", ""))
		h.clock.move(time.Millisecond)
		h.note(t, b, false, noticeOf(h, "asked", ""))
		first := h.claimed(t, "chat")
		if err := h.DelayDelivery(t.Context(), first, h.clock.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := h.DelayDelivery(t.Context(), first, h.clock.Now()); !errors.Is(err, ErrConflict) {
			t.Errorf("a claim that is given back holds: %v", err)
		}
		d := h.claimed(t, "chat")
		if d == nil || d.Approval != b.ID {
			t.Fatalf("while the first waits: %+v", d)
		}
		if err := h.EndDelivery(t.Context(), d, ""); err != nil {
			t.Fatal(err)
		}
		h.clock.move(time.Minute)
		if d := h.claimed(t, "chat"); d == nil || d.ID != first.ID || d.Tries != 1 {
			t.Errorf("after its time: %+v", d)
		}
	})
}

// A replica that is gone between sending and saying so leaves a claim that is over:
// another sends the same notice again, under the same id.
func TestNoticeOfOneThatIsGone(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		a := h.ask(t, h.job(t, "job-1"), call(1, "a"))
		h.note(t, a, false, noticeOf(h, "asked", ""))
		first := h.claimed(t, "chat")
		h.clock.move(time.Minute - time.Millisecond)
		if d := h.claimed(t, "chat"); d != nil {
			t.Errorf("claimed %v before the claim was over", d)
		}
		h.clock.move(time.Millisecond)
		second := h.claimed(t, "chat")
		if second == nil || second.ID != first.ID || second.Claim == first.Claim {
			t.Fatalf("then %+v", second)
		}
		if err := h.EndDelivery(t.Context(), first, "x"); !errors.Is(err, ErrConflict) {
			t.Errorf("the first comes back: %v", err)
		}
		if err := h.EndDelivery(t.Context(), second, ""); err != nil {
			t.Error(err)
		}
	})
}

// Of two replicas at once, one notes and one claims.
func TestNoticesOfTwoReplicas(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		a := h.ask(t, h.job(t, "job-1"), call(1, "a"))
		var noted, claimed atomic.Int32
		replicas := []*DB{h.DB, h.open(t)}
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				n, err := replicas[i%2].Note(t.Context(), a, []Notice{noticeOf(h, "asked", "")}, false)
				if err != nil {
					t.Error(err)
				}
				noted.Add(int32(n))
			})
		}
		all.Wait()
		for i := range 8 {
			all.Go(func() {
				_, err := replicas[i%2].ClaimDelivery(t.Context(), "chat", fmt.Sprint(i), time.Minute)
				if err == nil {
					claimed.Add(1)
				} else if !errors.Is(err, ErrNotFound) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if noted.Load() != 1 || claimed.Load() != 1 {
			t.Errorf("noted %d times, claimed %d times", noted.Load(), claimed.Load())
		}
	})
}

func TestFollowed(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx, job := t.Context(), h.job(t, "job-1")
		start := h.clock.Now()
		if at, err := h.NoticesFrom(ctx); err != nil || !at.Equal(start) {
			t.Errorf("from %v, %v", at, err)
		}
		var asked []*Approval
		for i := range 3 {
			h.clock.move(time.Second)
			asked = append(asked, h.ask(t, job, call(1, fmt.Sprint(i))))
		}
		if at, err := h.NoticesFrom(ctx); err != nil || !at.Equal(start) {
			t.Errorf("the second time: from %v, %v", at, err)
		}
		h.note(t, asked[0], false, noticeOf(h, "asked", ""))
		h.note(t, asked[1], true, noticeOf(h, "asked", ""))
		h.note(t, asked[1], false) // a slower replica
		ids := func(since time.Time, last *Approval, limit int) (out []string) {
			list, err := h.Followed(ctx, since, last, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range list {
				out = append(out, a.ID)
			}
			return out
		}
		if diff := cmp.Diff([]string{asked[0].ID, asked[2].ID}, ids(start, nil, 10)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{asked[2].ID}, ids(start, asked[0], 10)); diff != "" {
			t.Error("the second page:", diff)
		}
		if diff := cmp.Diff([]string{asked[2].ID}, ids(asked[1].Asked, nil, 10)); diff != "" {
			t.Error("later:", diff)
		}
		paper, a := h.answer(t, asked[2], true)
		if err := h.Answer(ctx, asked[2].ID, paper, a); err != nil {
			t.Fatal(err)
		}
		last := func() Watched {
			list, err := h.Followed(ctx, asked[1].Asked, nil, 10)
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			return list[0]
		}
		if w := last(); w.Answers != 1 || w.Left != 1 || w.Job != "job-1" {
			t.Errorf("answered: %+v", w)
		}
		if list, err := h.AnswersTo(ctx, asked[2].ID); err != nil || len(list) != 1 {
			t.Errorf("%d answers, %v", len(list), err)
		}
		if _, err := h.write.ExecContext(ctx, `UPDATE approval SET call = 'x'`); err != nil {
			t.Fatal(err)
		}
		if w := last(); w.ID != asked[2].ID || !w.Asked.Equal(asked[2].Asked) || w.Job != "" {
			t.Errorf("a row that cannot be read: %+v", w)
		}
		if err := h.ForgetNotices(ctx, h.clock.Now()); err != nil {
			t.Fatal(err)
		}
		for i, want := range []int{1, 0, 0} {
			if list, err := h.Noted(ctx, asked[i].ID); err != nil || len(list) != want {
				t.Errorf("question %d: %v noted, %v", i, list, err)
			}
		}
	})
}

func TestOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx, until := t.Context(), h.clock.Now().Add(time.Minute)
		for id, want := range map[string]error{"a": nil, "b": nil} {
			if err := h.PutOnce(ctx, id, "job-1.1", "chat", until); !errors.Is(err, want) {
				t.Errorf("%s: %v", id, err)
			}
		}
		if err := h.PutOnce(ctx, "a", "", "", until); !errors.Is(err, ErrConflict) {
			t.Errorf("kept twice: %v", err)
		}
		var used atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				approval, channel, err := h.UseOnce(ctx, "a")
				if err == nil && approval == "job-1.1" && channel == "chat" {
					used.Add(1)
				} else if !errors.Is(err, ErrNotFound) {
					t.Errorf("%q, %q, %v", approval, channel, err)
				}
			})
		}
		all.Wait()
		if used.Load() != 1 {
			t.Errorf("used %d times", used.Load())
		}
		h.clock.move(time.Minute)
		if _, _, err := h.UseOnce(ctx, "b"); !errors.Is(err, ErrNotFound) {
			t.Errorf("too old: %v", err)
		}
	})
}
