// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package notify tells people where they are that a question waits for them, and
// what became of it: in Slack, by mail, by signed webhooks.
//
// Nothing is written in two places at once. What happened is in approvals, answers
// and receipts; a follower finds there what is new, and notes it in an outbox, in
// order. Each channel takes its notices from there, those of one question one after
// the other, and tries again with growing pauses until one is delivered. The gate
// knows of none of this and never waits for it.
//
// A notice is told at least once: who is gone between sending and saying so leaves
// it to be sent again, under the same id. It holds ids, names that policies and the
// house use, and a link, and never an argument, a page's text or a difference. It
// decides nothing, whatever is clicked in it.
package notify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/webhook"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A DB says what is so and keeps the outbox. internal/store fills it.
type DB interface {
	Approval(ctx context.Context, id string) (*store.Approval, error)
	AnswersTo(ctx context.Context, approval string) ([]*seal.Envelope, error)
	OpenedAfter(ctx context.Context, m store.Mark, job string, limit int) ([]store.Opened, error)
	Call(ctx context.Context, job string, seq uint64) (*store.Call, error)
	Job(ctx context.Context, id string) (*store.Job, error)
	Receipt(ctx context.Context, job string, seq uint64) (*seal.Envelope, error)
	Text(ctx context.Context, job string, seq uint64, commitment seal.Hash) (receipt.Text, error)

	NoticesFrom(ctx context.Context) (time.Time, error)
	Followed(ctx context.Context, since time.Time, last *store.Approval, limit int) ([]store.Watched, error)
	Note(ctx context.Context, a *store.Approval, list []store.Notice, settled bool) (int, error)
	Noted(ctx context.Context, approval string) ([]store.Notice, error)
	Told(ctx context.Context, channel, approval string) (bool, error)
	ClaimDelivery(ctx context.Context, channel, claim string, d time.Duration) (*store.Delivery, error)
	EndDelivery(ctx context.Context, d *store.Delivery, place string) error
	DelayDelivery(ctx context.Context, d *store.Delivery, due time.Time) error
	PutOnce(ctx context.Context, id, approval, channel string, until time.Time) error
	UseOnce(ctx context.Context, id string) (approval, channel string, err error)
	ForgetNotices(ctx context.Context, before time.Time) error
}

// A Sender tells people of one thing that happened.
type Sender interface {
	// Send returns when the other side has n, and where it keeps it ("": nowhere that
	// is of use later). It returns *Later if the other side says when to try again.
	Send(ctx context.Context, n *News) (place string, err error)
}

// A Channel is where people hear of questions.
type Channel struct {
	Name   string   // that the outbox knows it by
	Events []string // that it is told of; nil: all
	Groups []string // on whose questions it is told, to their end; nil: all questions
	Sender Sender
}

// A Later says when to try again.
type Later = webhook.Later

const (
	// horizon is how long after it was asked something can happen to a question: it
	// waits a day and its answer a day, and its call may take a while.
	horizon = 72 * time.Hour
	// kept is how long it is remembered what people were told.
	kept = 30 * 24 * time.Hour
	// lease is how long a replica has for telling, and sending how long it takes at most.
	lease   = time.Minute
	sending = webhook.Timeout
	// The pauses between attempts grow from the first to the last, until it is too late
	// to be of use.
	firstPause = 5 * time.Second
	lastPause  = 30 * time.Minute
	patience   = 72 * time.Hour
	// page is how many questions are read at once.
	page = 500
)

// A Notifier follows questions and tells its channels. All fields must be set but
// for Remind, Asked and Signed. It may not be copied, and one goroutine follows.
type Notifier struct {
	DB       DB
	Channels []Channel
	URL      string        // of the console, without a path
	Remind   time.Duration // after which a question that is still open is said once more; 0: never
	Now      func() time.Time
	Log      *slog.Logger

	// Asked returns the groups whose approval a question needs, by the receipt that asks
	// it. None: nobody in particular. Nil, none, or an error: all channels are told.
	Asked func(ctx context.Context, asks *receipt.Receipt) ([]string, error)

	// Signed reports whether somebody who may answer has signed an answer, or did when
	// they might: nobody is told of any other. Nil: all are told.
	Signed func(ctx context.Context, answer *seal.Envelope) (bool, error)

	seen map[string]look // the follower's
}

// Run follows and tells until ctx ends, looking for news every so often.
func (n *Notifier) Run(ctx context.Context, every time.Duration) {
	var all sync.WaitGroup
	all.Go(func() {
		n.repeat(ctx, every, func() (bool, error) {
			_, err := n.Follow(ctx)
			return false, err
		})
	})
	all.Go(func() {
		n.repeat(ctx, time.Hour, func() (bool, error) { return false, n.DB.ForgetNotices(ctx, n.Now().Add(-kept)) })
	})
	for i := range n.Channels {
		all.Go(func() {
			n.repeat(ctx, every, func() (bool, error) { return n.Deliver(ctx, &n.Channels[i]) })
		})
	}
	all.Wait()
}

// repeat does f every so often, and at once again while it says that there is more.
func (n *Notifier) repeat(ctx context.Context, every time.Duration, f func() (more bool, err error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		more, err := f()
		if err != nil && ctx.Err() == nil {
			n.Log.ErrorContext(ctx, "notices wait", "err", err)
		}
		if more && err == nil && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Deliver tells c the next thing that is due, and reports whether there was one.
// What could not be told is logged and tried again later: that is no error.
func (n *Notifier) Deliver(ctx context.Context, c *Channel) (bool, error) {
	d, err := n.DB.ClaimDelivery(ctx, c.Name, rand.Text(), lease)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	place, err := n.send(ctx, c, d)
	if err != nil && ctx.Err() != nil {
		return false, nil // the claim runs out, and the next to come sends it
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err != nil {
		return true, n.delay(after, d, err)
	}
	err = n.DB.EndDelivery(after, d, place)
	if errors.Is(err, store.ErrConflict) {
		n.Log.WarnContext(ctx, "a notice took longer than its claim, and may be sent twice", "channel", c.Name, "notice", d.ID)
		return true, nil
	}
	return true, err
}

func (n *Notifier) send(ctx context.Context, c *Channel, d *store.Delivery) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, sending)
	defer cancel()
	news, err := n.news(ctx, d)
	if err != nil {
		return "", err
	}
	return c.Sender.Send(ctx, news)
}

// delay has d tried again later, or gives it up.
func (n *Notifier) delay(ctx context.Context, d *store.Delivery, cause error) error {
	now := n.Now()
	if now.Sub(d.At) > patience {
		n.Log.ErrorContext(ctx, "a notice is given up", "channel", d.Channel, "notice", d.ID, "approval", d.Approval, "event", d.Event, "tries", d.Tries+1, "err", cause)
		return n.DB.EndDelivery(ctx, d, "")
	}
	pause := pause(d.Tries)
	if later := (*Later)(nil); errors.As(cause, &later) {
		pause = min(max(pause, later.After), time.Hour)
	}
	n.Log.WarnContext(ctx, "a notice was not delivered", "channel", d.Channel, "notice", d.ID, "event", d.Event, "tries", d.Tries+1, "again in", pause, "err", cause)
	err := n.DB.DelayDelivery(ctx, d, now.Add(pause))
	if errors.Is(err, store.ErrConflict) { // another replica has it
		return nil
	}
	return err
}

// pause is how long to wait after so many attempts before this one.
func pause(tries int) time.Duration {
	p := firstPause
	for range min(tries, 20) {
		p = min(2*p, lastPause)
	}
	return p
}

// id names a notice to the other side: the same for each attempt.
func id(n int64) string { return fmt.Sprintf("clawea-notice-%d", n) }
