// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package revocation ends what operators revoke: a Desk takes their orders and
// has them recorded, a Feed cuts the calls that are under way. New calls need
// neither: what is revoked is read in the transaction that opens each.
package revocation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/token"
)

// ErrBlind is why a call is cut or not begun: what is revoked cannot be seen.
var ErrBlind = errors.New("this replica cannot see what is revoked")

// Ended is why a call is cut: what it stands on was revoked. token.Code knows it.
type Ended struct{ token.Revocation }

// Error says what was revoked.
func (e *Ended) Error() string { return fmt.Sprintf("%s (%s)", e.Err(), e.Revocation) }

// Unwrap returns the reason that token.Code knows.
func (e *Ended) Unwrap() error { return e.Err() }

// A DB knows what is revoked. internal/store fills it.
type DB interface {
	// Revoking returns what is in force and may concern the jobs.
	Revoking(ctx context.Context, jobs []string) ([]store.Revocation, error)
	// Listen calls wake when something is revoked, until ctx ends. It may miss
	// some, and call without reason.
	Listen(ctx context.Context, wake func())
}

// A Feed cuts calls under way when what they stand on is revoked. DB must be
// set; a Feed that is not started lets nothing begin.
type Feed struct {
	DB    DB
	Every time.Duration    // between looks, while a call is under way; zero: 200 ms; at most a quarter of Bound
	Bound time.Duration    // how long looking may fail before all is cut; zero: 5 s
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: discards

	once sync.Once
	bell chan struct{} // holds one ring

	mu      sync.Mutex
	awake   bool // it looks again when it is time: calls may have been under way at the last look
	running bool
	looking bool      // now
	failing bool      // the last look failed
	seen    time.Time // all that was revoked until then is known and heeded
	watches map[*watch]bool
}

// A watch is one call under way.
type watch struct {
	claims *token.Claims
	action policy.Action
	cancel context.CancelCauseFunc
	known  bool // to a look: it began before that
}

// Watch returns a context that ends when c's call of a must: with an *Ended as
// its cause when a revocation in force ends it, and with ErrBlind when what is
// revoked has been out of sight for longer than the bound. If it is so already,
// Watch fails with ErrBlind. stop lets go of the call.
func (f *Feed) Watch(ctx context.Context, c *token.Claims, a policy.Action) (watched context.Context, stop func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	rested := !f.awake
	if rested && !f.failing && !f.looking {
		f.seen = now // nothing had to be seen before
	}
	if !f.running || f.blind(now) {
		return nil, nil, ErrBlind
	}
	w := &watch{claims: c, action: a}
	watched, w.cancel = context.WithCancelCause(ctx)
	f.watches[w] = true
	if rested { // else short calls, one after another, would each have us look
		f.awake = true
		f.ring()
	}
	return watched, func() { f.drop(w) }, nil
}

func (f *Feed) drop(w *watch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watches, w)
	w.cancel(nil)
}

// Start begins to look for revocations: when it has returned, calls can begin.
// It looks until ctx ends, and then cuts what is still under way: a house closes
// its feed last. wait returns when that is done.
func (f *Feed) Start(ctx context.Context) (wait func()) {
	f.mu.Lock()
	f.running, f.watches = true, map[*watch]bool{}
	f.mu.Unlock()
	var running sync.WaitGroup
	running.Go(func() { f.run(ctx) })
	return running.Wait
}

func (f *Feed) run(ctx context.Context) {
	defer f.end()
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() { f.DB.Listen(ctx, f.ring) })
	every := min(cmp.Or(f.Every, 200*time.Millisecond), f.bound()/4) // else what was seen is out of date before the next look
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.rung():
		case <-again:
		}
		again = nil
		if f.busy() {
			f.look(ctx)
			again = time.After(every)
		}
	}
}

func (f *Feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = false
	f.cut()
}

// busy reports whether there is a reason to look. A house at rest asks its
// database nothing, unless it has to find out whether it sees again.
func (f *Feed) busy() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awake = len(f.watches) > 0 || f.failing
	return f.awake
}

// look reads what is revoked and heeds it. It ends before the bound does.
func (f *Feed) look(ctx context.Context) {
	jobs, left := f.plan()
	limited, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	began := f.now()
	list, err := f.DB.Revoking(limited, jobs)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looking = false
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		f.fail(ctx, err)
		return
	}
	if f.failing {
		f.log().InfoContext(ctx, "what is revoked can be seen again")
	}
	f.failing, f.seen = false, began
	ends := make([]token.Revocation, len(list))
	for i, r := range list {
		ends[i] = r.Revocation
	}
	for w := range f.watches {
		if !w.known { // its token was checked later than this was read: an order may have been lifted since
			continue
		}
		if r := token.Ended(ends, w.claims, w.action); r != nil {
			w.cancel(&Ended{*r})
			delete(f.watches, w)
		}
	}
}

// plan begins a look: at these jobs, which have calls under way, and for so long
// at most.
func (f *Feed) plan() (jobs []string, left time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looking = true
	once := map[string]bool{}
	for w := range f.watches {
		w.known = true
		if !once[w.claims.Job] {
			once[w.claims.Job] = true
			jobs = append(jobs, w.claims.Job)
		}
	}
	left = f.bound() - f.now().Sub(f.seen)
	if left <= 0 {
		left = f.bound() // blind already: patience costs nothing
	}
	return jobs, left
}

// fail notes that a look failed, and cuts everything if it is time.
func (f *Feed) fail(ctx context.Context, err error) {
	if !f.failing {
		f.log().WarnContext(ctx, "what is revoked cannot be seen", "error", err)
	}
	f.failing = true
	if f.blind(f.now()) && len(f.watches) > 0 {
		f.log().ErrorContext(ctx, "calls are cut off: what is revoked has been out of sight for too long", "calls", len(f.watches), "bound", f.bound(), "error", err)
		f.cut()
	}
}

// cut ends all calls under way.
func (f *Feed) cut() {
	for w := range f.watches {
		w.cancel(ErrBlind)
	}
	clear(f.watches)
}

func (f *Feed) blind(now time.Time) bool { return now.Sub(f.seen) >= f.bound() }

func (f *Feed) bound() time.Duration { return cmp.Or(f.Bound, 5*time.Second) }

func (f *Feed) now() time.Time {
	if f.Now == nil {
		return time.Now()
	}
	return f.Now()
}

func (f *Feed) log() *slog.Logger {
	if f.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return f.Log
}

func (f *Feed) rung() chan struct{} {
	f.once.Do(func() { f.bell = make(chan struct{}, 1) })
	return f.bell
}

// ring has it look soon. It does not wait.
func (f *Feed) ring() {
	select {
	case f.rung() <- struct{}{}:
	default:
	}
}
