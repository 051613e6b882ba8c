// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/webhook"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A Channel is a program that receipts are posted to. All fields must be set.
type Channel struct {
	Name  string        // that the database knows it by
	Batch int           // how many receipts one message has at most
	Every time.Duration // how often it is looked for more
	Hook  webhook.Hook
}

// Configured returns the channels that c names. Secrets are fetched when they are
// used. c may be nil: there are none.
func Configured(c *config.Export, now func() time.Time) []Channel {
	if c == nil {
		return nil
	}
	var out []Channel
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		out = append(out, Channel{w.Name, w.Batch, time.Duration(w.Interval), webhook.Hook{URL: w.URL, Secret: w.Secret.Get, Private: w.AllowPrivate, Now: now}})
	}
	return out
}

// A PostDB has the receipts, and knows how far they have been sent. internal/store
// fills it.
type PostDB interface {
	ReceiptsBehind(ctx context.Context, after int64, limit int) ([]store.Followed, error)
	Exported(ctx context.Context, channel string) (*store.Export, error)
	ClaimExport(ctx context.Context, x *store.Export, upto int64, claim string, d time.Duration) error
	EndExport(ctx context.Context, x *store.Export) error
	DelayExport(ctx context.Context, x *store.Export, due time.Time) error
}

// A Poster posts receipts to its channels, to each in the order in which the log takes
// them and at least once: what was sent and not said to be sent, since somebody died in
// between, is sent again. What waits to be sent is in the database and nowhere else, so
// a channel that is down costs nothing. All fields must be set.
type Poster struct {
	DB       PostDB
	Channels []Channel
	Version  string // of the product, for the lines
	Now      func() time.Time
	Log      *slog.Logger
}

const (
	// lease is how long a replica has for a message: longer than sending takes.
	lease = 3 * webhook.Timeout
	// The pauses between attempts grow from the first to the last.
	firstPause = 5 * time.Second
	lastPause  = 15 * time.Minute
	// maxMessage is how long a message is at most, unless a single line is longer.
	maxMessage = 1 << 20
	// Media is the media type of a message: lines of JSON.
	Media = "application/x-ndjson"
)

// Run posts until ctx ends.
func (p *Poster) Run(ctx context.Context) {
	var all sync.WaitGroup
	for i := range p.Channels {
		all.Go(func() { p.run(ctx, &p.Channels[i]) })
	}
	all.Wait()
}

func (p *Poster) run(ctx context.Context, c *Channel) {
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		more, err := p.Post(ctx, c)
		if err != nil && ctx.Err() == nil {
			p.Log.ErrorContext(ctx, "receipts are not posted", "channel", c.Name, "err", err)
		}
		if more && err == nil {
			if ctx.Err() != nil {
				return
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Post posts the next message to c, if there is one and no other replica is at it. more
// says that there may be another already. What could not be posted is logged and tried
// again later: that is no error.
func (p *Poster) Post(ctx context.Context, c *Channel) (more bool, err error) {
	x, err := p.DB.Exported(ctx, c.Name)
	if err != nil || p.Now().Before(x.Due) {
		return false, err
	}
	m, err := p.message(ctx, c, x)
	if err != nil || m == nil {
		return false, err
	}
	if err := p.DB.ClaimExport(ctx, x, m.last, rand.Text(), lease); err != nil {
		if errors.Is(err, store.ErrConflict) { // another replica is at it
			err = nil
		}
		return false, err
	}
	failed := c.Hook.Post(ctx, m.id(), Media, m.body)
	if failed != nil && ctx.Err() != nil {
		return false, nil // the claim runs out, and the next to come sends it
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if failed != nil {
		return false, p.delay(after, x, m, failed)
	}
	if err := p.DB.EndExport(after, x); errors.Is(err, store.ErrConflict) {
		p.Log.WarnContext(ctx, "a message took longer than its claim, and may be sent twice", "channel", c.Name, "receipts", m.what())
		return true, nil
	} else if err != nil {
		return false, err
	}
	return m.full, nil
}

func (p *Poster) delay(ctx context.Context, x *store.Export, m *message, cause error) error {
	pause := min(firstPause<<min(x.Tries, 16), lastPause)
	if later := (*webhook.Later)(nil); errors.As(cause, &later) {
		pause = max(pause, later.After)
	}
	p.Log.WarnContext(ctx, "receipts were not delivered", "channel", x.Channel, "receipts", m.what(), "tries", x.Tries+1, "again in", pause, "err", cause)
	err := p.DB.DelayExport(ctx, x, p.Now().Add(pause))
	if errors.Is(err, store.ErrConflict) { // another replica has it
		return nil
	}
	return err
}

// A message is a batch of receipts, as lines.
type message struct {
	body        []byte
	last        int64 // of its receipts, by its place in the order
	from, until string
	full        bool // more may wait behind it
}

// id names m to the other side by what is in it: a message that is sent again has the
// same, and one that has more in it another, so that who drops ids it knows loses
// nothing.
func (m *message) id() string {
	sum := seal.Sum(m.body)
	return fmt.Sprintf("clawea-receipts-%x", sum[:16])
}

// what names its receipts.
func (m *message) what() string { return m.from + " to " + m.until }

// message returns the next message to a channel, or nil: what was tried in vain is
// tried again as it was.
func (p *Poster) message(ctx context.Context, c *Channel, x *store.Export) (*message, error) {
	list, err := p.DB.ReceiptsBehind(ctx, x.Last, c.Batch)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	m := &message{full: len(list) == c.Batch}
	for i := range list {
		if i > 0 && x.UpTo > x.Last && list[i].ID > x.UpTo {
			m.full = true
			break
		}
		r, line, err := p.line(&list[i])
		if err != nil {
			return nil, fmt.Errorf("receipt behind %s: %w", m.until, err)
		}
		if len(m.body) > 0 && len(m.body)+len(line) > maxMessage {
			m.full = true
			break
		}
		m.body, m.last, m.until = append(m.body, line...), list[i].ID, r.Name()
		if i == 0 {
			m.from = m.until
		}
	}
	return m, nil
}

func (p *Poster) line(f *store.Followed) (*receipt.Receipt, []byte, error) {
	s := Source{Agent: f.Agent, Client: f.Client}
	var err error
	if s.Receipt, err = read(f.Envelope); err == nil && f.Opened != nil {
		s.Opened, err = read(f.Opened)
	}
	if err != nil {
		return nil, nil, err
	}
	b, err := Line(s, p.Version)
	return s.Receipt, b, err
}

func read(envelope []byte) (*receipt.Receipt, error) {
	e, err := seal.ParseEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	return receipt.Parse(e.Payload)
}
