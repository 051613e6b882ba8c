// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/token"
)

// A fake is a database whose answers a test sets.
type fake struct {
	mu    sync.Mutex
	list  []store.Revocation
	err   error
	hangs bool
	takes time.Duration // to answer with what it was at first
	asked [][]string    // the jobs of each look
	wake  func()
}

func (d *fake) Revoking(ctx context.Context, jobs []string) ([]store.Revocation, error) {
	d.mu.Lock()
	list, err, hangs, takes := d.list, d.err, d.hangs, d.takes
	slices.Sort(jobs)
	d.asked = append(d.asked, jobs)
	d.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	time.Sleep(takes)
	return list, err
}

func (d *fake) Listen(ctx context.Context, wake func()) {
	d.mu.Lock()
	d.wake = wake
	d.mu.Unlock()
	<-ctx.Done()
}

func (d *fake) set(f func(*fake)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

func (d *fake) looks() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked)
}

var errDown = errors.New("database is down")

func down(d *fake) { d.err = errDown }
func up(d *fake)   { d.err, d.hangs = nil, false }
func hang(d *fake) { d.hangs = true }

func revoke(kind, target string) func(*fake) {
	return func(d *fake) {
		d.list = append(d.list, store.Revocation{Revocation: token.Revocation{Kind: kind, Target: target}})
	}
}

// run runs f with a fake database in a bubble of its own time.
func run(t *testing.T, f func(t *testing.T, d *fake, f *Feed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := new(fake)
		feed := &Feed{DB: d}
		ctx, cancel := context.WithCancel(t.Context())
		wait := feed.Start(ctx)
		synctest.Wait()
		f(t, d, feed)
		cancel()
		wait()
	})
}

var (
	write = policy.Action{Tool: "jira", Name: "issue.create", Class: policy.Write}
	read  = policy.Action{Tool: "jira", Name: "issue.get", Class: policy.Read}
)

func claims(job string) *token.Claims {
	return &token.Claims{ID: token.ID("token-" + job), Job: job, Agent: "ann"}
}

func begin(t *testing.T, f *Feed, job string, a policy.Action) context.Context {
	t.Helper()
	ctx, stop, err := f.Watch(t.Context(), claims(job), a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return ctx
}

// cause waits for d and returns why ctx has ended, nil if it has not.
func cause(ctx context.Context, d time.Duration) error {
	time.Sleep(d)
	synctest.Wait()
	return context.Cause(ctx)
}

func TestCut(t *testing.T) {
	cases := []struct {
		kind, target string
		one, two     string // the codes that end job-1's write and job-2's read
	}{
		{token.RevokeToken, "token-job-1", "token.revoked", ""},
		{token.RevokeJob, "job-2", "", "job.revoked"},
		{token.RevokeAgent, "ann", "agent.revoked", "agent.revoked"},
		{token.RevokeAgent, "bob", "", ""},
		{token.RevokeAction, "jira:write", "action.revoked", ""},
		{token.RevokeAction, "jira.issue.get", "", "action.revoked"},
		{token.RevokeAll, "", "house.revoked", "house.revoked"},
	}
	for _, c := range cases {
		t.Run(c.kind+" "+c.target, func(t *testing.T) {
			run(t, func(t *testing.T, d *fake, f *Feed) {
				one, two := begin(t, f, "job-1", write), begin(t, f, "job-2", read)
				if err := errors.Join(cause(one, time.Hour), cause(two, 0)); err != nil {
					t.Fatalf("nothing is revoked: %v", err)
				}
				d.set(revoke(c.kind, c.target))
				for i, ctx := range []context.Context{one, two} {
					want := []string{c.one, c.two}[i]
					err := cause(ctx, 200*time.Millisecond)
					if want == "" && err != nil || want != "" && token.Code(err) != want {
						t.Errorf("call %d: got %v, want %q", i, err, want)
					}
					var ended *Ended
					if want != "" && (!errors.As(err, &ended) || ended.Kind != c.kind) {
						t.Errorf("call %d: %v does not say what was revoked", i, err)
					}
				}
			})
		})
	}
}

// Word of a revocation cuts at once, without waiting for the next look.
// A look that began before an order was lifted does not end a call that came after.
func TestLiftedMeanwhile(t *testing.T) {
	run(t, func(t *testing.T, d *fake, f *Feed) {
		first := begin(t, f, "job-1", read)
		synctest.Wait() // for the first look
		d.set(func(d *fake) { d.takes = 100 * time.Millisecond })
		d.set(revoke(token.RevokeAction, "jira:write"))
		if err := cause(first, 250*time.Millisecond); err != nil { // a look is under way, and has read the order
			t.Fatal(err)
		}
		d.set(func(d *fake) { d.list = nil })
		second := begin(t, f, "job-1", write)
		if err := cause(second, time.Hour); err != nil {
			t.Errorf("cut off by an order that was lifted before: %v", err)
		}
		d.set(revoke(token.RevokeAction, "jira:write"))
		if err := cause(second, time.Second); token.Code(err) != "action.revoked" {
			t.Errorf("the next look: %v", err)
		}
	})
}

func TestWake(t *testing.T) {
	run(t, func(t *testing.T, d *fake, f *Feed) {
		ctx := begin(t, f, "job-1", write)
		synctest.Wait()
		d.set(revoke(token.RevokeAll, ""))
		d.wake()
		if err := cause(ctx, 0); token.Code(err) != "house.revoked" {
			t.Errorf("got %v", err)
		}
	})
}

// A call that begins after a revocation, by whatever mistake, is cut at once.
func TestFirstLook(t *testing.T) {
	run(t, func(t *testing.T, d *fake, f *Feed) {
		d.set(revoke(token.RevokeAll, ""))
		if err := cause(begin(t, f, "job-1", write), 0); token.Code(err) != "house.revoked" {
			t.Errorf("got %v", err)
		}
	})
}

// A house at rest asks nothing; each look asks for the jobs under way, once.
func TestRest(t *testing.T) {
	run(t, func(t *testing.T, d *fake, f *Feed) {
		time.Sleep(time.Hour)
		if got := d.looks(); got != 0 {
			t.Errorf("at rest: %d looks", got)
		}
		var stops []func()
		for _, job := range []string{"job-1", "job-2", "job-1"} {
			_, stop, err := f.Watch(t.Context(), claims(job), read)
			if err != nil {
				t.Fatal(err)
			}
			stops = append(stops, stop)
		}
		time.Sleep(time.Second + time.Millisecond)
		if got := d.looks(); got != 6 || !slices.Equal(d.asked[5], []string{"job-1", "job-2"}) {
			t.Errorf("in a second: %d looks, at %v", got, d.asked)
		}
		for _, stop := range stops {
			stop()
			stop() // again, to no effect
		}
		time.Sleep(time.Hour)
		if got := d.looks(); got > 7 {
			t.Errorf("at rest again: %d looks", got)
		}
	})
}

// Out of sight for the bound, all is cut and nothing begins, until it is seen
// again.
func TestBlind(t *testing.T) {
	for name, fault := range map[string]func(*fake){"fails": down, "hangs": hang} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, d *fake, f *Feed) {
				ctx := begin(t, f, "job-1", write)
				time.Sleep(time.Minute)
				d.set(fault)
				if err := cause(ctx, 4700*time.Millisecond); err != nil {
					t.Errorf("within the bound: %v", err)
				}
				later := begin(t, f, "job-2", write) // still within it
				if err := cause(ctx, 500*time.Millisecond); err != ErrBlind || context.Cause(later) != ErrBlind {
					t.Errorf("after the bound: %v, %v, want ErrBlind", err, context.Cause(later))
				}
				for range 3 {
					if _, _, err := f.Watch(t.Context(), claims("job-1"), write); err != ErrBlind {
						t.Errorf("a new call: got %v, want ErrBlind", err)
					}
					time.Sleep(time.Hour) // rest does not make it see
				}
				d.set(up)
				time.Sleep(6 * time.Second)
				if err := cause(begin(t, f, "job-1", write), time.Minute); err != nil {
					t.Errorf("in sight again: %v", err)
				}
			})
		})
	}
}

// A fault that passes cuts nothing.
func TestShortFault(t *testing.T) {
	run(t, func(t *testing.T, d *fake, f *Feed) {
		ctx := begin(t, f, "job-1", write)
		for range 10 {
			d.set(down)
			time.Sleep(4 * time.Second)
			d.set(up)
			time.Sleep(time.Second)
		}
		if err := cause(ctx, 0); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

// After rest, time counts from the first call on: it is not judged by what was
// seen long ago, nor let through without looking.
func TestAfterRest(t *testing.T) {
	run(t, func(t *testing.T, d *fake, f *Feed) {
		_, stop, err := f.Watch(t.Context(), claims("job-1"), read)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		stop()
		time.Sleep(24 * time.Hour)
		d.set(down)
		ctx := begin(t, f, "job-1", read)
		if err := cause(ctx, 4*time.Second); err != nil {
			t.Errorf("within the bound: %v", err)
		}
		if err := cause(ctx, 1500*time.Millisecond); err != ErrBlind {
			t.Errorf("after the bound: %v, want ErrBlind", err)
		}
	})
}

// Short calls, one after another, do not keep a blind house going.
func TestShortCallsWhileBlind(t *testing.T) {
	run(t, func(t *testing.T, d *fake, f *Feed) {
		d.set(hang)
		begun := time.Now()
		for time.Since(begun) < time.Minute {
			_, stop, err := f.Watch(t.Context(), claims("job-1"), read)
			if err == ErrBlind {
				if passed := time.Since(begun); passed > 5100*time.Millisecond {
					t.Errorf("calls began for %v without sight", passed)
				}
				return
			}
			time.Sleep(10 * time.Millisecond)
			stop()
		}
		t.Error("calls began for a minute without sight")
	})
}

// A feed that is not started lets nothing begin. One that is lets calls begin at
// once, and cuts all when it ends.
func TestNotRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &Feed{DB: new(fake)}
		if _, _, err := f.Watch(t.Context(), claims("job-1"), read); err != ErrBlind {
			t.Errorf("before: got %v, want ErrBlind", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		wait := f.Start(ctx)
		watched := begin(t, f, "job-1", read)
		cancel()
		wait()
		if err := context.Cause(watched); err != ErrBlind {
			t.Errorf("at the end: got %v, want ErrBlind", err)
		}
		if _, _, err := f.Watch(t.Context(), claims("job-1"), read); err != ErrBlind {
			t.Errorf("after: got %v, want ErrBlind", err)
		}
	})
}

// A call that is over ends its context, and so does its caller's end.
func TestStop(t *testing.T) {
	run(t, func(t *testing.T, d *fake, f *Feed) {
		ctx, stop, err := f.Watch(t.Context(), claims("job-1"), read)
		if err != nil {
			t.Fatal(err)
		}
		stop()
		if err := context.Cause(ctx); err != context.Canceled || token.Code(err) != token.CodeUnknown {
			t.Errorf("got %v", err)
		}
		mine := errors.New("mine")
		caller, hangUp := context.WithCancelCause(t.Context())
		ctx, stop, err = f.Watch(caller, claims("job-1"), read)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		hangUp(mine)
		if err := context.Cause(ctx); err != mine {
			t.Errorf("got %v, want the caller's", err)
		}
	})
}
