// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A safe box is a Vault in memory, with the faults of a real one.
type safeBox struct {
	mu     sync.Mutex
	grant  []byte
	claim  string
	until  time.Time
	broken error // of Settle
	writes int
}

func (b *safeBox) Get(context.Context, string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.grant == nil {
		return nil, ErrAbsent
	}
	return b.grant, nil
}

func (b *safeBox) Claim(_ context.Context, _, claim string, d time.Duration) ([]byte, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.grant == nil:
		return nil, false, ErrAbsent
	case time.Now().Before(b.until):
		return nil, false, ErrClaimed
	}
	broken := b.claim != ""
	b.claim, b.until = claim, time.Now().Add(d)
	return b.grant, broken, nil
}

func (b *safeBox) Settle(_ context.Context, _, claim string, grant []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.broken != nil:
		return b.broken
	case b.claim != claim:
		return ErrClaimed
	}
	b.claim, b.until = "", time.Time{}
	if grant != nil {
		b.grant = grant
		b.writes++
	}
	return nil
}

func (b *safeBox) put(t *testing.T, g *Grant) {
	t.Helper()
	text, err := g.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.grant, b.claim, b.until = text, "", time.Time{}
}

func (b *safeBox) get(t *testing.T) *Grant {
	t.Helper()
	text, err := b.Get(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	g, err := ParseGrant(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// consented is an endpoint and a vault with a grant that was just given.
func consented(t *testing.T) (*endpoint, *safeBox) {
	e, b := newEndpoint(), new(safeBox)
	e.good["refresh-0"] = true
	now := time.Now().UTC()
	b.put(t, &Grant{Refresh: "refresh-0", Access: "access-0", Expires: now.Add(time.Hour), Account: "712020:alice", Given: now, Refreshed: now})
	return e, b
}

// replica is alice's grant as one daemon has it.
func (b *safeBox) replica(e *endpoint) *Person {
	return &Person{App: e.app(), Vault: b, Key: "k", User: "alice", Mend: "clawea connect atlassian -user alice", Log: slog.New(slog.DiscardHandler)}
}

func is(access string) Credential { return Bearer(access).For("712020:alice") }

// Of three replicas with ten calls each, one uses the refresh token, each time.
func TestOneRefreshesForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := consented(t)
		e.slow, e.reuse = 2*time.Second, 0
		replicas := []*Person{b.replica(e), b.replica(e), b.replica(e)}
		for hour := 1; hour <= 5; hour++ {
			time.Sleep(time.Hour)
			var wg sync.WaitGroup
			for i := range 30 {
				wg.Go(func() {
					if c, err := replicas[i%3].Credential(t.Context()); err != nil || c != is(fmt.Sprintf("access-%d", hour)) {
						t.Errorf("hour %d: %v", hour, err)
					}
				})
			}
			wg.Wait()
			if e.asked() != hour {
				t.Fatalf("hour %d: asked %d times", hour, e.asked())
			}
		}
		if g := b.get(t); g.Refresh != "refresh-5" || g.State() != "good" {
			t.Errorf("kept %q, %s", g.Refresh, g.State())
		}
	})
}

// A replica that dies between the use of a refresh token and the storing of the
// next leaves a claim. Another waits for its end and uses the old token again,
// which is good for some minutes; later than that, it says so.
func TestCrashBetweenUseAndStoring(t *testing.T) {
	for _, reuse := range []time.Duration{10 * time.Minute, 0} {
		synctest.Test(t, func(t *testing.T) {
			e, b := consented(t)
			e.reuse = reuse
			time.Sleep(time.Hour)
			if _, _, err := b.Claim(t.Context(), "k", "the dead", claimFor); err != nil {
				t.Fatal(err)
			}
			app := e.app()
			if _, err := app.refresh(t.Context(), "refresh-0"); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			c, err := b.replica(e).Credential(t.Context())
			if waited := time.Since(begun); waited < claimFor || waited > waitFor {
				t.Errorf("waited %v", waited)
			}
			if reuse > 0 {
				if err != nil || c != is("access-2") || b.get(t).Refresh != "refresh-2" || b.get(t).State() != "good" {
					t.Errorf("within the window: %v", err)
				}
				return
			}
			if authCode(err) != GrantEnded || !strings.Contains(err.Error(), "lost when its renewal broke off at 2000-01-01T01:00:45Z") || !strings.HasSuffix(err.Error(), "\nhave them consent again: clawea connect atlassian -user alice") {
				t.Errorf("after the window: %v", err)
			}
			if g := b.get(t); g.State() != "ended" {
				t.Errorf("kept as %s", g.State())
			}
			before := e.asked()
			if _, err := b.replica(e).Credential(t.Context()); authCode(err) != GrantEnded || e.asked() != before {
				t.Errorf("what is over was tried again: %v", err)
			}
		})
	}
}

// An answer that is lost on the way leaves the old token, which is tried again.
func TestAnswerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := consented(t)
		lose := true
		e.answer = func(n int, form url.Values) (int, string, error) {
			if lose {
				delete(e.good, form.Get("refresh_token"))
				e.used[form.Get("refresh_token")] = time.Now()
				return 0, "", io.ErrUnexpectedEOF
			}
			return 0, "", nil
		}
		time.Sleep(time.Hour - 30*time.Second)
		p := b.replica(e)
		if c, err := p.Credential(t.Context()); err != nil || c != is("access-0") {
			t.Errorf("the old access token is still good, and was not given out: %v", err)
		}
		time.Sleep(30 * time.Second)
		if _, err := p.Credential(t.Context()); authCode(err) != AuthTrouble || b.get(t).State() != "uncertain" {
			t.Errorf("without an answer: %v, %s", err, b.get(t).State())
		}
		lose = false
		if c, err := p.Credential(t.Context()); err != nil || c != is("access-3") || b.get(t).State() != "good" {
			t.Errorf("with an answer: %v, %s", err, b.get(t).State())
		}
	})
}

// What cannot be stored is used, and stored as soon as it can be.
func TestStoringFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := consented(t)
		time.Sleep(time.Hour)
		b.broken = errors.New("disk full")
		p := b.replica(e)
		if c, err := p.Credential(t.Context()); err != nil || c != is("access-1") {
			t.Fatalf("renewed: %v", err)
		}
		if c, err := p.Credential(t.Context()); err != nil || c != is("access-1") || e.asked() != 1 {
			t.Errorf("from memory: %v, asked %d times", err, e.asked())
		}
		b.broken = nil
		if c, err := p.Credential(t.Context()); err != nil || c != is("access-1") || b.get(t).Refresh != "refresh-1" {
			t.Errorf("stored: %v, %q", err, b.get(t).Refresh)
		}
		time.Sleep(time.Hour)
		if c, err := b.replica(e).Credential(t.Context()); err != nil || c != is("access-2") {
			t.Errorf("another replica, an hour later: %v", err)
		}
	})
}

// A caller who hangs up does not lose what the used token brings.
func TestHangUpWhileRefreshing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := consented(t)
		e.slow, e.reuse = 5*time.Second, 0
		time.Sleep(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := b.replica(e)
		if c, err := p.Credential(ctx); err != nil || c != is("access-1") || b.get(t).Refresh != "refresh-1" {
			t.Errorf("got %v, kept %q", err, b.get(t).Refresh)
		}
	})
}

func TestConsentMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := consented(t)
		e.slow = 5 * time.Second
		time.Sleep(time.Hour)
		var wg sync.WaitGroup
		wg.Go(func() {
			if c, err := b.replica(e).Credential(t.Context()); err != nil || c != is("access-new") {
				t.Errorf("got %v", err)
			}
		})
		time.Sleep(time.Second)
		now := time.Now().UTC()
		b.put(t, &Grant{Refresh: "refresh-new", Access: "access-new", Expires: now.Add(time.Hour), Account: "712020:alice", Refreshed: now})
		wg.Wait()
		if g := b.get(t); g.Refresh != "refresh-new" {
			t.Errorf("the new consent was overwritten by %q", g.Refresh)
		}
	})
}

func TestNoGoodGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := consented(t)
		if _, err := new(safeBox).replica(e).Credential(t.Context()); authCode(err) != NoGrant || !strings.Contains(err.Error(), "\nhave them consent: clawea connect") {
			t.Errorf("no grant: %v", err)
		}
		time.Sleep(time.Hour)
		e.good = map[string]bool{} // revoked
		if _, err := b.replica(e).Credential(t.Context()); authCode(err) != GrantEnded || !strings.Contains(err.Error(), "was revoked") {
			t.Errorf("revoked: %v", err)
		}
		b.put(t, &Grant{Refresh: "r", Access: "a"})
		p := b.replica(e)
		p.App.Secret = func() (string, error) { return "wrong", nil }
		if _, err := p.Credential(t.Context()); authCode(err) != AppRefused || b.get(t).State() != "good" {
			t.Errorf("the app's secret is wrong, and the grant is %s: %v", b.get(t).State(), err)
		}
		b.put(t, &Grant{})
		b.grant = []byte("{")
		if _, err := b.replica(e).Credential(t.Context()); err == nil || strings.Contains(err.Error(), "{") {
			t.Errorf("not a grant: %v", err)
		}
	})
}

// A refused access token is renewed once it is not new any more.
func TestPersonRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := consented(t)
		p := b.replica(e)
		p.Refused(is("access-0"))
		if c, err := p.Credential(t.Context()); err != nil || c != is("access-0") {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(fresh)
		p.Refused(is("somebody else's"))
		if c, err := p.Credential(t.Context()); err != nil || c != is("access-0") {
			t.Errorf("another's: %v", err)
		}
		p.Refused(is("access-0"))
		if c, err := p.Credential(t.Context()); err != nil || c != is("access-1") {
			t.Errorf("later: %v", err)
		}
	})
}
