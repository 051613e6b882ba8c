// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

const (
	// Longest is longer than an act can take, the connectors' own waiting and
	// looking included: a call that has been open for so long is nobody's.
	Longest = 3 * time.Minute
	// Every is how often the house looks for calls that broke off.
	Every = time.Minute

	atOnce   = 8                // calls that are looked for at the same time
	batch    = 1000             // calls of one round
	findTime = time.Minute      // for one of them
	worry    = 10 * time.Minute // a call that cannot be told for so long is a person's matter
	again    = time.Hour        // between two warnings about it
	pause    = time.Minute      // before a call that cannot be told is looked for again, and then twice as long each time
	rest     = 10 * time.Minute // but no longer
	memory   = 10_000           // calls whose pauses are remembered
)

// Accounts are the calls of which it is not settled what became, and what is known
// of them. internal/store fills them.
type Accounts interface {
	Job(ctx context.Context, id string) (*store.Job, error)
	Unsettled(ctx context.Context, after store.Mark, before time.Time, limit int) ([]store.Unsettled, error)
	Receipt(ctx context.Context, job string, seq uint64) (*seal.Envelope, error)
	Text(ctx context.Context, job string, seq uint64, commitment seal.Hash) (receipt.Text, error)
	Call(ctx context.Context, job string, seq uint64) (*store.Call, error)
}

// A Book holds every job's chain of receipts. internal/store fills it.
type Book interface {
	// Write adds a receipt to a job's chain. It fails for one that closes what is
	// not open, and for one that says what became of a call of which that is known.
	Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error
}

// A Settler finds out what became of calls that broke off: spec/receipt.md 9.5.
// All exported fields must be set, and it may not be copied. Several replicas may
// each have one over one database: a call is closed once.
type Settler struct {
	DB         Accounts
	Book       Book
	Connectors map[string]Connector // by the tool's name in policies
	Signer     seal.Signer          // the gate's
	Gates      []seal.Verifier

	// Dead is how long after its opening an open call is nobody's any more. Ours
	// says that no other process writes to the database, so that what was opened
	// before Start is nobody's at once.
	Dead time.Duration
	Ours bool
	// Start is when this process began to carry calls.
	Start time.Time
	// Over is how long after its opening a call can still take effect: sent, and
	// late. What is not found before that is looked for again.
	Over time.Duration

	Now func() time.Time
	Log *slog.Logger

	mu     sync.Mutex
	from   store.Mark         // where the next step goes on
	pass   int                // how often the list was begun
	untold map[string]*untold // by the opened receipt's name
}

// An untold is a call that could not be told when it was looked for.
type untold struct {
	pause  time.Duration // after the last look
	next   time.Time     // not before
	warned time.Time     // zero: never
	pass   int           // when it was last on the list
}

// Run settles what it can, at once and then every interval, until ctx ends.
func (s *Settler) Run(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := s.Step(ctx); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "what became of calls that broke off is not known", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Step looks for calls that broke off, each once, and goes on from where the step
// before has stopped. What cannot be told now is looked for again later. It fails
// only where the database does.
func (s *Settler) Step(ctx context.Context) error {
	now := s.Now()
	list, err := s.next(ctx, now)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, u := range list {
		if u.State == receipt.UnderWay && !s.dead(u.At, now) || s.pauses(u, now) {
			continue
		}
		g.Go(func() error {
			err := s.settle(ctx, u, now)
			s.note(ctx, u, now, err)
			return nil
		})
	}
	return g.Wait()
}

// next lists the calls of a step. When all were listed it begins again, and what
// was not on the list any more is forgotten.
func (s *Settler) next(ctx context.Context, now time.Time) ([]store.Unsettled, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.DB.Unsettled(ctx, s.from, now, batch)
	if err != nil {
		return nil, err
	}
	for _, u := range list {
		if t := s.untold[name(u)]; t != nil {
			t.pass = s.pass
		}
	}
	if len(list) == batch {
		last := list[batch-1]
		s.from = store.Mark{At: last.At, Job: last.Job, Seq: last.Seq}
		return list, nil
	}
	maps.DeleteFunc(s.untold, func(_ string, t *untold) bool { return t.pass != s.pass })
	s.from, s.pass = store.Mark{}, s.pass+1
	return list, nil
}

// pauses reports whether u is not to be looked for yet.
func (s *Settler) pauses(u store.Unsettled, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.untold[name(u)]
	return t != nil && now.Before(t.next)
}

// dead reports whether an open call is nobody's, who would still close it.
func (s *Settler) dead(opened, now time.Time) bool {
	return now.Sub(opened) >= s.Dead || s.Ours && opened.Before(s.Start)
}

// settle looks for one call's change and writes down what it finds.
func (s *Settler) settle(ctx context.Context, u store.Unsettled, now time.Time) error {
	e, err := s.DB.Receipt(ctx, u.Job, u.Seq)
	if err != nil {
		return err
	}
	opened, err := read(e, s.Gates)
	if err != nil {
		return err
	}
	if opened.Job != u.Job || opened.Seq != u.Seq || !changes(opened) {
		return errReceipt
	}
	c, err := changeOf(ctx, s.DB, opened)
	if err != nil {
		return err
	}
	j, err := s.DB.Job(ctx, u.Job)
	if err != nil {
		return err
	}
	x := s.Connectors[opened.Call.Tool]
	if x == nil {
		return fmt.Errorf("this house is not connected to %s", opened.Call.Tool)
	}
	looking, cancel := context.WithTimeout(gate.WithAgent(ctx, j.Agent), findTime)
	defer cancel()
	found, err := x.Find(looking, opened, c)
	if err != nil {
		return fmt.Errorf("look for what it changed: %w", err)
	}
	if found == nil && !over(opened, now, s.Over) {
		return nil // it may still be on its way
	}
	s.Log.InfoContext(ctx, "a call broke off, and was looked for", "receipt", opened.Name(), "call", opened.Call.Name(), "happened", found != nil)
	err = s.write(ctx, opened, u.State == receipt.Unclear, &receipt.Late{Happened: found != nil, Target: found})
	if errors.Is(err, errQuicker) {
		return nil
	}
	return err
}

// errQuicker is returned where somebody else has said meanwhile what became of a
// call: whose it was, another replica, or a person.
var errQuicker = fmt.Errorf("somebody else was quicker to say what became of it: %w", store.ErrConflict)

// write says in the job's chain what became of opened's call: in a receipt that
// closes it, or, if it is closed, in one that follows.
func (s *Settler) write(ctx context.Context, opened *receipt.Receipt, closed bool, l *receipt.Late) error {
	says := receipt.CloseLate
	if closed {
		says = receipt.Learn
	}
	err := s.Book.Write(ctx, opened.Job, func(st *receipt.State) (*receipt.Line, error) {
		return says(st, opened, l).Sign(s.Signer)
	})
	if err == nil {
		return nil
	}
	if now, lookErr := s.DB.Call(ctx, opened.Job, opened.Seq); lookErr == nil && (now.Learned != nil || !closed && now.Closed != nil) {
		err = errQuicker
	}
	return fmt.Errorf("say what became of %s: %w", opened.Name(), err)
}

// note keeps in mind when u is to be looked for again, after err, and says that it
// cannot be settled once it has been so for a while.
func (s *Settler) note(ctx context.Context, u store.Unsettled, now time.Time, err error) {
	if ctx.Err() != nil || !s.due(u, now, err) {
		return
	}
	s.Log.WarnContext(ctx, "it is still not known whether a call took effect; have a person look, and say: clawea job settle", "receipt", name(u), "opened", u.At, "err", err)
}

// due reports whether a person is to be told of err, which looking for u has come to.
func (s *Settler) due(u store.Unsettled, now time.Time, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.untold[name(u)]
	if err == nil {
		delete(s.untold, name(u))
		return false
	}
	if t == nil {
		t = &untold{pause: pause / 2, pass: s.pass}
		if s.untold == nil {
			s.untold = map[string]*untold{}
		}
		if len(s.untold) < memory {
			s.untold[name(u)] = t
		}
	}
	t.pause = min(2*t.pause, rest)
	t.next = now.Add(t.pause)
	if now.Sub(u.At) < worry || now.Sub(t.warned) < again {
		return false
	}
	t.warned = now
	return true
}

func name(u store.Unsettled) string { return (&receipt.Receipt{Job: u.Job, Seq: u.Seq}).Name() }
