// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// Who gives up while a server is opened does not give up for others of the job who wait
// for it.
func TestWhoOpensGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lateServer(late("late", 10*time.Second, nil))
		defer s.pool.close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		first := make(chan error)
		go func() {
			_, _, err := s.pool.get(ctx, "job", s.open)
			first <- err
		}()
		synctest.Wait()
		second := make(chan error)
		go func() {
			_, leave, err := s.pool.get(t.Context(), "job", s.open)
			if err == nil {
				leave(false)
			}
			second <- err
		}()
		if err := <-first; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gave up got %v", err)
		}
		if err := <-second; err != nil {
			t.Errorf("who waited got %v", err)
		}
		if n := s.pool.running(); n != 1 {
			t.Errorf("%d run", n)
		}
	})
}

// A session whose opener has gone at the last moment is not kept for the next.
func TestWhoOpensGivesUpAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := lateServer(late("late", time.Second, nil))
		defer s.pool.close()
		_, _, err := s.pool.get(ctx, "job", func(living context.Context) (*session, error) {
			defer cancel()
			return s.open(context.WithoutCancel(living)) // it is there, and the caller is not
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up got %v", err)
		}
		if synctest.Wait(); s.pool.running() != 0 {
			t.Error("it runs on")
		}
	})
}

// A server that ends as soon as it has said what it is, is not started again and again
// for one call.
func TestAServerThatEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lateServer(late("late", 0, nil))
		defer s.pool.close()
		started := 0
		_, leave, err := s.pool.get(t.Context(), "job", func(ctx context.Context) (*session, error) {
			if started++; started > 3 {
				return nil, errors.New("enough")
			}
			x, err := s.open(ctx)
			if err == nil {
				_ = x.close()
				<-x.ended
			}
			return x, err
		})
		if err == nil {
			leave(false)
		}
		if started != 1 {
			t.Errorf("started %d times", started)
		}
		if synctest.Wait(); s.pool.running() != 0 {
			t.Error("it is kept")
		}
	})
}

// However long servers take to end, no more run than may: the next is started when one
// is gone.
func TestServersThatAreEndingCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		most := int32(0)
		inner := late("late", 0, nil)
		s := lateServer(func(ctx context.Context, serve http.Handler) (*Connection, error) {
			most = max(most, running.Add(1))
			c, err := inner(ctx, serve)
			if err != nil {
				return nil, err
			}
			end := c.Close
			c.Close = func() error {
				err := end()
				time.Sleep(time.Second)
				running.Add(-1)
				return err
			}
			return c, nil
		})
		defer s.pool.close()
		for i := range maxSessions + 3 {
			_, leave, err := s.pool.get(t.Context(), fmt.Sprint("job", i), s.open)
			if err != nil {
				t.Fatal(err)
			}
			leave(i == 0) // the first has broken, and is ending
		}
		if most > maxSessions {
			t.Errorf("%d ran at once", most)
		}
	})
}

// A call that has waited for its turn in vain was not sent, and breaks nothing for the
// one that it waited for.
func TestATurnThatDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lateServer(late("late", 0, nil))
		defer s.pool.close()
		x, leave, err := s.pool.get(t.Context(), "job", s.open)
		if err != nil {
			t.Fatal(err)
		}
		defer leave(false)
		back, err := x.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer back()
		s.Connect = func(context.Context, http.ResponseWriter, *http.Request, *receipt.Receipt, Carry) {}
		c := &call{server: s, tool: "look", known: x.catalogue}
		_, err = c.send(t.Context(), &receipt.Receipt{Job: "job", Call: new(policy.Call)}, nil)
		res, err := broken(err, new(gate.Result), true)
		if f := (*gate.Fault)(nil); !errors.As(err, &f) || f.Code != "busy" || res.Outcome.Status != receipt.Failed {
			t.Errorf("%+v, %v", res.Outcome, err)
		}
		y, leave, err := s.pool.get(t.Context(), "job", s.open)
		if err != nil || y != x {
			t.Errorf("the session is another, %v", err)
		}
		leave(false)
	})
}

// Who waits for a list that somebody else has asked for waits no longer than they may.
func TestAListThatDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lateServer(late("late", 0, nil))
		defer s.pool.close()
		x, leave, err := s.pool.get(t.Context(), "job", s.open)
		if err != nil {
			t.Fatal(err)
		}
		defer leave(false)
		x.asking <- struct{}{} // somebody does
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := x.fresh(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
