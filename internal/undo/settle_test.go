// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
)

func (h *house) step(s *Settler) {
	h.t.Helper()
	if err := s.Step(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// What broke off is closed as what it came to, once it can be told.
func TestSettle(t *testing.T) {
	for _, c := range []struct {
		name   string
		ours   bool          // no other process writes to the store
		close  bool          // as unknown
		found  bool          // in the wiki
		age    time.Duration // when it is looked for
		status receipt.Status
		code   string
		stands receipt.Unsettled
	}{
		{"a dead process's, found", true, false, true, 0, receipt.Done, receipt.Found, receipt.Untold},
		{"a dead process's, not there yet", true, false, false, time.Minute, "", "", receipt.UnderWay},
		{"a dead process's, not there", true, false, false, 2 * time.Minute, receipt.Failed, receipt.NotFound, ""},
		{"perhaps another's", false, false, true, 2 * time.Minute, "", "", receipt.UnderWay},
		{"another's, found", false, false, true, 3 * time.Minute, receipt.Done, receipt.Found, receipt.Untold},
		{"another's, not there", false, false, false, 3 * time.Minute, receipt.Failed, receipt.NotFound, ""},
		{"unknown, found", false, true, true, 0, receipt.Done, receipt.Found, receipt.Untold},
		{"unknown, not there yet", false, true, false, time.Minute, receipt.Unknown, "", receipt.Unclear},
		{"unknown, not there", false, true, false, 2 * time.Minute, receipt.Failed, receipt.NotFound, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			opened := h.open("job-1", "page.update", edit("3"))
			if c.close {
				h.close(opened, unclear)
			}
			if c.found {
				h.wiki.found[opened.Name()] = page7("4")
			}
			h.pass(time.Millisecond)
			s := h.settler()
			s.Ours = c.ours
			h.pass(c.age)
			h.step(s)
			out := h.closing(opened)
			switch {
			case (out == nil) != (c.status == "") || out != nil && (out.Status != c.status || out.Code != c.code):
				t.Fatalf("closed as %+v, want %q %q", out, c.status, c.code)
			case c.status == receipt.Done:
				if diff := cmp.Diff(page7("4"), out.Target); diff != "" {
					t.Error(diff)
				}
			}
			if got := h.standing(opened); got != c.stands {
				t.Errorf("in the way of the same call: %q, want %q", got, c.stands)
			}
			h.pass(time.Hour)
			h.step(s)
			if c.stands == receipt.Untold && h.closing(opened).Status != out.Status {
				t.Error("settled twice")
			}
		})
	}
}

// A call that this process carries itself is left alone.
func TestSettleLeavesTheLivingAlone(t *testing.T) {
	h := newHouse(t)
	s := h.settler()
	s.Ours = true
	h.pass(time.Millisecond)
	h.open("job-1", "page.update", edit("3"))
	h.pass(2*time.Minute + 59*time.Second)
	h.step(s)
	if h.wiki.looked != 0 {
		t.Error("it was looked for")
	}
	h.pass(time.Second)
	h.step(s)
	if h.wiki.looked != 1 {
		t.Error("it was not looked for")
	}
}

// What cannot be told is looked for again, and a person hears of it after a
// while, not at each step.
func TestSettleLater(t *testing.T) {
	h := newHouse(t)
	opened := h.open("job-1", "page.update", edit("3"))
	h.wiki.err = errors.New("the wiki is down")
	s := h.settler()
	warned := func() int { return strings.Count(h.log.String(), "level=WARN") }
	for range 9 {
		h.pass(time.Minute)
		h.step(s)
	}
	if warned() != 0 || h.closing(opened) != nil {
		t.Fatalf("too early: %s", h.log)
	}
	for range 30 {
		h.pass(time.Minute)
		h.step(s)
	}
	if warned() != 1 || !strings.Contains(h.log.String(), "receipt=job-1/1") || !strings.Contains(h.log.String(), "the wiki is down") {
		t.Fatalf("warnings %d: %s", warned(), h.log)
	}
	h.pass(time.Hour)
	h.step(s)
	if warned() != 2 {
		t.Errorf("warnings %d", warned())
	}
	h.wiki.err, h.wiki.found["job-1/1"] = nil, page7("4")
	h.pass(rest)
	h.step(s)
	if out := h.closing(opened); out == nil || out.Code != receipt.Found {
		t.Errorf("closed as %+v", out)
	}
	h.step(s)
	if len(s.untold) != 0 {
		t.Errorf("remembers %v", s.untold)
	}
}

// late closes a call just before somebody else does.
type late struct {
	*store.DB
	first func()
}

func (l *late) Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error {
	l.first()
	return l.DB.Write(ctx, job, next)
}

// A call that its own process closes at the same moment is closed once, and
// nobody is told of trouble.
func TestSettleIsClosedOnce(t *testing.T) {
	h := newHouse(t)
	opened := h.open("job-1", "page.update", edit("3"))
	h.wiki.found[opened.Name()] = page7("4")
	s := h.settler()
	s.Book = &late{h.db, func() { h.close(opened, done(page7("4"))) }}
	h.pass(time.Hour)
	h.step(s)
	if out := h.closing(opened); out.Code != "200" {
		t.Errorf("closed as %+v", out)
	}
	list, err := h.db.Receipts(t.Context(), "job-1")
	if err != nil || len(list) != 2 || strings.Contains(h.log.String(), "level=WARN") {
		t.Errorf("%d receipts, %v: %s", len(list), err, h.log)
	}
}

// A system that the house has no more connection to, and a receipt that no gate
// signed, settle nothing.
func TestSettleFailsClosed(t *testing.T) {
	h := newHouse(t)
	opened := h.open("job-1", "page.update", edit("3"))
	h.wiki.found[opened.Name()] = page7("4")
	for name, spoil := range map[string]func(*Settler){
		"no connector": func(s *Settler) { s.Connectors = nil },
		"no gate":      func(s *Settler) { s.Gates = nil },
	} {
		s := h.settler()
		spoil(s)
		h.pass(time.Hour)
		h.step(s)
		if h.closing(opened) != nil || !strings.Contains(h.log.String(), "level=WARN") {
			t.Errorf("%s: %+v, %s", name, h.closing(opened), h.log)
		}
	}
}

// Run settles at once, and ends with its context.
func TestRun(t *testing.T) {
	h := newHouse(t)
	opened := h.open("job-1", "page.update", edit("3"))
	h.wiki.found[opened.Name()] = page7("4")
	h.pass(time.Second)
	s := h.settler()
	s.Ours = true
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx, time.Hour)
	}()
	for h.closing(opened) == nil {
		time.Sleep(time.Millisecond)
	}
	stop()
	<-ended
}

// What cannot be read at all is told each time, and the next round comes.
func TestRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 150*time.Second)
		defer stop()
		h := &house{t: t, log: new(housetest.Log)}
		s := &Settler{DB: broken{}, Now: time.Now, Log: h.logger()}
		s.Run(ctx, time.Minute)
		if n := strings.Count(h.log.String(), "level=ERROR"); n != 3 {
			t.Errorf("%d errors: %s", n, h.log)
		}
	})
}

type broken struct{ Accounts }

func (broken) Unsettled(context.Context, store.Mark, time.Time, int) ([]store.Unsettled, error) {
	return nil, errors.New("no database")
}

// A crowd of calls that cannot be told is in front of those of a store.
type crowd struct{ *store.DB }

func (c crowd) Unsettled(ctx context.Context, after store.Mark, before time.Time, limit int) ([]store.Unsettled, error) {
	if !after.At.IsZero() {
		return c.DB.Unsettled(ctx, store.Mark{}, before, limit)
	}
	var out []store.Unsettled
	for i := range limit {
		out = append(out, store.Unsettled{Job: "job-9", Seq: uint64(i + 1), State: receipt.Unclear, At: before.Add(-time.Hour)})
	}
	return out, nil
}

// What cannot be told keeps nothing else waiting.
func TestSettleStarvesNobody(t *testing.T) {
	h := newHouse(t)
	opened := h.open("job-1", "page.update", edit("3"))
	h.wiki.found[opened.Name()] = page7("4")
	h.pass(time.Hour)
	s := h.settler()
	s.DB = crowd{h.db}
	h.step(s)
	if h.closing(opened) != nil || len(s.untold) != batch {
		t.Fatalf("%+v, remembers %d", h.closing(opened), len(s.untold))
	}
	h.step(s)
	if h.closing(opened) == nil {
		t.Error("never looked at: those that cannot be told are in front")
	}
}

// What cannot be told is looked for less and less often.
func TestSettlePauses(t *testing.T) {
	h := newHouse(t)
	h.close(h.open("job-1", "page.update", edit("3")), unclear)
	h.wiki.err = errors.New("it cannot be told")
	s := h.settler()
	var at []int
	for minute := range 50 {
		before := h.wiki.looked
		h.pass(time.Minute)
		if h.step(s); h.wiki.looked > before {
			at = append(at, minute)
		}
	}
	if diff := cmp.Diff([]int{0, 1, 3, 7, 15, 25, 35, 45}, at); diff != "" {
		t.Error(diff)
	}
}

// A person's word settles what the house cannot tell, and nothing else.
func TestSay(t *testing.T) {
	for _, c := range []struct {
		name     string
		out      *receipt.Outcome // nil: it is not closed
		happened bool
		err      error
		status   receipt.Status
		by       string
		stands   receipt.Unsettled
	}{
		{"open, happened", nil, true, nil, receipt.Done, "kim", receipt.Untold},
		{"open, not", nil, false, nil, receipt.Failed, "kim", ""},
		{"unknown, happened", &unclear, true, nil, receipt.Done, "kim", receipt.Untold},
		{"unknown, not", &unclear, false, nil, receipt.Failed, "kim", ""},
		{"failed", &failed, true, store.ErrConflict, receipt.Failed, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			s := h.settler()
			r := h.open("job-1", "page.update", edit("3"))
			if err := s.Say(t.Context(), "job-1", 1, c.happened, "kim"); !errors.Is(err, store.ErrConflict) {
				t.Errorf("while it is under way: %v", err)
			}
			if c.out != nil {
				h.close(r, *c.out)
			}
			h.pass(3 * time.Minute)
			if err := s.Say(t.Context(), "job-1", 1, c.happened, "kim"); !errors.Is(err, c.err) {
				t.Fatalf("got %v", err)
			}
			if end := h.ending(r); end.Outcome.Status != c.status || end.By != c.by || h.standing(r) != c.stands {
				t.Errorf("%+v by %q, in the way: %q", end.Outcome, end.By, h.standing(r))
			}
			if err := s.Say(t.Context(), "job-1", 1, true, "kim"); err == nil {
				t.Error("said twice")
			}
		})
	}
	h := newHouse(t)
	if err := h.settler().Say(t.Context(), "job-1", 9, true, "kim"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such call: %v", err)
	}
}
