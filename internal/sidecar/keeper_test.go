// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A source that says what each order comes to.
type orders func(n int, key *token.ProofKey) (*Grant, error)

type counted struct {
	orders
	at []time.Time
}

func (c *counted) Token(_ context.Context, key *token.ProofKey) (*Grant, error) {
	c.at = append(c.at, time.Now())
	return c.orders(len(c.at), key)
}

// grant is a token of so many seconds.
func grant(key *token.ProofKey, life int64) *Grant {
	now := time.Now().Unix()
	c := &token.Claims{ID: token.ID(rand.Text()), Issued: now, Expires: now + life, Job: "job-1", Policy: seal.Sum([]byte("p")), Confirm: &token.Confirmation{Thumbprint: key.Thumbprint()}}
	return &Grant{jwt(c), c}
}

// keep runs a keeper for a while and returns why it ended, when, and its source.
func keep(t *testing.T, until time.Duration, o orders, during func(k *keeper)) (after time.Duration, c *counted, why error) {
	t.Helper()
	key, err := token.NewProofKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c = &counted{orders: o}
	start := time.Now()
	conf := &Config{Source: c, Log: slog.New(slog.DiscardHandler)}
	if until > 0 {
		conf.Until = start.Add(until)
	}
	k := newKeeper(conf, key)
	if err := k.first(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), shift)
	defer cancel()
	if during != nil {
		go during(k)
	}
	why = k.run(ctx)
	return time.Since(start), c, why
}

// shift is how long a keeper is watched that nothing ends.
const shift = 59 * time.Minute

var errDown = errors.New("connection refused")

// A token is renewed with a third of its life left, and the old one serves
// until the new one is there.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after, c, why := keep(t, 0, func(n int, key *token.ProofKey) (*Grant, error) { return grant(key, 900), nil }, nil)
		if why != nil || after != shift || len(c.at) != 6 {
			t.Errorf("%v after %v, %d orders", why, after, len(c.at))
		}
		for i := 1; i < len(c.at); i++ {
			if gap := c.at[i].Sub(c.at[i-1]); gap != 10*time.Minute {
				t.Errorf("order %d after %v", i, gap)
			}
		}
	})
}

// A house that is down is asked again, less and less often, until the token has
// expired.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after, c, why := keep(t, 0, func(n int, key *token.ProofKey) (*Grant, error) {
			if n == 1 {
				return grant(key, 300), nil
			}
			return nil, errDown
		}, nil)
		if !errors.Is(why, errDown) || after != 300*time.Second {
			t.Errorf("%v after %v", why, after)
		}
		if len(c.at) != 9 || c.at[2].Sub(c.at[1]) != time.Second || c.at[8].Sub(c.at[7]) != 30*time.Second {
			t.Errorf("asked at %v", c.at)
		}
	})
}

// A house that comes back in time saves the run.
func TestRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after, _, why := keep(t, 0, func(n int, key *token.ProofKey) (*Grant, error) {
			if n > 1 && n < 5 {
				return nil, errDown
			}
			return grant(key, 300), nil
		}, nil)
		if why != nil || after != shift {
			t.Errorf("%v after %v", why, after)
		}
	})
}

// An order that is refused since something is revoked is the end, at once.
func TestRenewalRevoked(t *testing.T) {
	for name, err := range map[string]error{
		"job.revoked":   &api.Problem{Code: "job.revoked", Title: "no"},
		"house.revoked": &OrderError{Code: "house.revoked"},
		"access_denied": &OrderError{Status: 400, Code: "access_denied"},
	} {
		synctest.Test(t, func(t *testing.T) {
			after, _, why := keep(t, 0, func(n int, key *token.ProofKey) (*Grant, error) {
				if n == 1 {
					return grant(key, 300), nil
				}
				return nil, err
			}, nil)
			var revoked *Revoked
			if !errors.As(why, &revoked) || revoked.Code != name || after != 200*time.Second {
				t.Errorf("%v after %v", why, after)
			}
		})
	}
}

// The time that a run has bounds it, and no token is got that it does not need.
func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after, c, why := keep(t, 25*time.Minute, func(n int, key *token.ProofKey) (*Grant, error) { return grant(key, 900), nil }, nil)
		if !errors.Is(why, ErrUntil) || after != 25*time.Minute || len(c.at) != 2 {
			t.Errorf("%v after %v, %d orders", why, after, len(c.at))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		after, c, why := keep(t, 2*time.Minute, func(n int, key *token.ProofKey) (*Grant, error) { return grant(key, 900), nil }, nil)
		if !errors.Is(why, ErrUntil) || after != 2*time.Minute || len(c.at) != 1 {
			t.Errorf("%v after %v, %d orders", why, after, len(c.at))
		}
	})
	k := newKeeper(&Config{Until: time.Now()}, nil)
	if err := k.first(t.Context()); !errors.Is(err, ErrUntil) {
		t.Errorf("begun after its end: %v", err)
	}
}

// Whoever sees that the token is not good any more has it renewed early, and
// not more than once a second.
func TestHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after, c, why := keep(t, 0, func(n int, key *token.ProofKey) (*Grant, error) { return grant(key, 7200), nil }, func(k *keeper) {
			time.Sleep(time.Minute)
			for range 100 {
				k.hurry()
				time.Sleep(time.Millisecond)
			}
		})
		if why != nil || after != shift || len(c.at) != 2 || c.at[1].Sub(c.at[0]) != time.Minute {
			t.Errorf("%v after %v, orders at %v", why, after, c.at)
		}
	})
}

// What the house gives must be what was asked for.
func TestOdd(t *testing.T) {
	key, err := token.NewProofKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(g *Grant){
		"plain bearer":   func(g *Grant) { g.Claims.Confirm = nil },
		"another's key":  func(g *Grant) { g.Claims.Confirm = &token.Confirmation{Thumbprint: "x"} },
		"no life":        func(g *Grant) { g.Claims.Expires = g.Claims.Issued },
		"a life of ages": func(g *Grant) { g.Claims.Expires = 1 << 60 },
		"empty":          func(g *Grant) { g.Raw = "" },
	} {
		k := newKeeper(&Config{Source: &counted{orders: func(int, *token.ProofKey) (*Grant, error) {
			g := grant(key, 60)
			change(g)
			return g, nil
		}}}, key)
		if err := k.first(t.Context()); !errors.Is(err, errUnbound) || k.now() != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	n := 0
	k := newKeeper(&Config{Source: &counted{orders: func(int, *token.ProofKey) (*Grant, error) {
		g := grant(key, 60)
		if n++; n > 1 {
			g.Claims.Job = "job-2"
		}
		return g, nil
	}}}, key)
	if err := k.first(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.renew(t.Context()); !errors.Is(err, errOther) || k.now().Claims.Job != "job-1" {
		t.Errorf("another job: %v", err)
	}
}

func TestErrors(t *testing.T) {
	for _, err := range []error{
		&Revoked{"job.revoked"}, ErrUntil, errHouse, errUnbound, errOther, expired(nil), unreachable(errDown),
		&OrderError{Status: 400, Code: "invalid_client", About: "x"}, &OrderError{Status: 500, About: "x"}, &OrderError{Code: "dpop.url", About: "x"},
		&OrderError{Code: "dpop.time", About: "x"}, &OrderError{Code: "access_denied", Says: "stopped", About: "x"}, &OrderError{Code: "server_error", About: "x"},
		&OrderError{Code: "invalid_authorization_details", Says: "no", About: "x"},
	} {
		wrong, mends, _ := strings.Cut(err.Error(), "\n")
		if wrong == "" || mends == "" || strings.Contains(mends, "\n") || strings.HasSuffix(mends, ".") {
			t.Errorf("%q is not what is wrong and what mends it", err)
		}
	}
}

func TestCheckHouse(t *testing.T) {
	for address, want := range map[string]string{
		"https://clawea.example.com":  "https://clawea.example.com",
		"https://clawea.example.com/": "https://clawea.example.com",
		"http://127.0.0.1:7433":       "http://127.0.0.1:7433",
		"http://[::1]:7433":           "http://[::1]:7433",
		"http://localhost:7433":       "http://localhost:7433",
		"http://clawea.example.com":   "",
		"http://10.0.0.1:7433":        "",
		"https://a:b@example.com":     "",
		"https://example.com/x":       "",
		"https://example.com?x":       "",
		"ftp://127.0.0.1":             "",
		"127.0.0.1:7433":              "",
		"":                            "",
		"http://\x7f":                 "",
	} {
		if got, err := checkHouse(address); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", address, got, err)
		}
	}
}
