// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/token"
)

const (
	minPause  = time.Second // between two attempts to renew
	maxPause  = 30 * time.Second
	orderTime = 30 * time.Second // for one of them
)

// A keeper keeps a token that is good, from one to the next.
type keeper struct {
	source Source
	key    *token.ProofKey
	until  time.Time // zero: none
	log    *slog.Logger
	early  chan struct{} // someone saw that the token is not good any more
	tried  time.Time     // when a token was asked for last; first's, then run's

	mu   sync.Mutex
	held *held
}

// A held token, by this machine's clock: a life is as long on either side, and
// what the house's clock says need not be what ours does.
type held struct {
	*Grant
	got  time.Time // runs by a clock that stops while this machine sleeps
	wall time.Time // the same, by the one that does not
	life time.Duration
}

func (h *held) ends() time.Time { return h.got.Add(h.life) }

// due is when it is to be renewed: with a third of its life left.
func (h *held) due() time.Time { return h.got.Add(h.life - h.life/3) }

// passed reports whether h has expired by the wall's clock.
func (h *held) passed(now time.Time) bool { return !now.Round(0).Before(h.wall.Add(h.life)) }

func newKeeper(c *Config, key *token.ProofKey) *keeper {
	return &keeper{source: c.Source, key: key, until: c.Until, log: c.Log, early: make(chan struct{}, 1)}
}

func (k *keeper) now() *held {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held
}

// hurry asks for a renewal before it is due.
func (k *keeper) hurry() {
	select {
	case k.early <- struct{}{}:
	default: // asked already
	}
}

// first gets the first token.
func (k *keeper) first(ctx context.Context) error {
	if k.over(time.Now()) {
		return ErrUntil
	}
	return k.renew(ctx)
}

func (k *keeper) over(now time.Time) bool { return !k.until.IsZero() && !now.Before(k.until) }

var (
	errUnbound = errors.New("the house gave a token that is not bound to our key\nrun a daemon of this version")
	errOther   = errors.New("the house gave a token for another job or policy than before\nlook into its log")
)

// renew gets a token and holds it from now on.
func (k *keeper) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	k.tried = time.Now()
	g, err := k.source.Token(ctx, k.key)
	if err != nil {
		return err
	}
	life := time.Duration(g.Claims.Expires-g.Claims.Issued) * time.Second
	if g.Raw == "" || g.Claims.Bound() != k.key.Thumbprint() || life <= 0 || life > maxLife {
		return errUnbound
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held != nil && (k.held.Claims.Job != g.Claims.Job || !k.held.Claims.Policy.Equal(g.Claims.Policy)) {
		return errOther
	}
	k.held = &held{g, k.tried, k.tried.Round(0), life}
	return nil
}

// maxLife is far beyond any policy's.
const maxLife = 366 * 24 * time.Hour

// run renews the token until ctx ends, and returns why there can be no other.
// A token goes on being used until the next one is there.
func (k *keeper) run(ctx context.Context) error {
	next, pause := k.now().due(), time.Duration(0)
	var last error
	for {
		h := k.now()
		hurried, alive := k.sleep(ctx, k.wake(next, h))
		if !alive {
			return nil
		}
		now := time.Now()
		switch {
		case k.over(now):
			return ErrUntil
		case !now.Before(h.ends()):
			return expired(last)
		case !hurried && now.Before(next):
			continue
		}
		err := k.renew(ctx)
		if code := endedBy(err); code != "" {
			return &Revoked{code}
		}
		if err == nil {
			next, pause, last = k.now().due(), 0, nil
			continue
		}
		pause = min(max(2*pause, minPause), maxPause)
		next, last = time.Now().Add(pause), err
		if ctx.Err() == nil {
			k.log.WarnContext(ctx, "token not renewed", "error", err, "again in", pause.String(), "good until", h.ends().Format(time.RFC3339))
		}
	}
}

// wake is the first moment at which there is something to do or to see.
func (k *keeper) wake(next time.Time, h *held) time.Time {
	at := h.ends()
	if next.Before(at) {
		at = next
	}
	if !k.until.IsZero() {
		if !k.until.After(at) || !h.ends().Before(k.until) { // what lasts long enough is not renewed
			at = k.until
		}
	}
	return at
}

// sleep waits until at, or until someone is in a hurry: not more often than
// every minPause. It is false if ctx has ended.
func (k *keeper) sleep(ctx context.Context, at time.Time) (hurried, alive bool) {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, false
	case <-timer.C:
		return false, true
	case <-k.early:
	}
	if time.Since(k.tried) < minPause {
		return false, true
	}
	return true, true
}

// endedBy returns the code by which an order was refused for good, or "".
func endedBy(err error) string {
	code := ""
	if p := (*api.Problem)(nil); errors.As(err, &p) {
		code = word(p.Code)
	}
	if o := (*OrderError)(nil); errors.As(err, &o) {
		if code = o.Code; code == accessDenied {
			return code
		}
	}
	if !ends(code) {
		return ""
	}
	return code
}

func expired(last error) error {
	if last == nil {
		return errors.New("its token has expired\ncompare this machine's clock with the daemon's")
	}
	return fmt.Errorf("its token has expired and could not be renewed: %w", last)
}
