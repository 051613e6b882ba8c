// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/seal"
)

// enters has a person be known.
func (h *house) enters(t testing.TB, id, key string) Person {
	t.Helper()
	p, err := h.Enter(t.Context(), Person{ID: id, Key: key, Name: "Person " + key})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPeople(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		if _, err := h.Person(ctx, "i 1"); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown: %v", err)
		}
		want := Person{ID: "i 1", Key: "kim", Name: "Person kim", Created: h.clock.Now(), Entered: h.clock.Now()}
		if got := h.enters(t, "i 1", "kim"); got != want {
			t.Errorf("got %+v", got)
		}
		h.clock.move(time.Minute)
		want.Name, want.Entered = "Person other", h.clock.Now()
		if got := h.enters(t, "i 1", "other"); got != want { // the key name stays, the other changes
			t.Errorf("got %+v", got)
		}
		if _, err := h.Enter(ctx, Person{ID: "i 2", Key: "kim", Name: "x"}); !errors.Is(err, ErrConflict) {
			t.Errorf("another's key name: %v", err)
		}
		h.enters(t, "i 2", "abe")
		list, err := h.People(ctx, "", 0)
		if err != nil || len(list) != 2 || list[0].Key != "abe" || list[1] != want {
			t.Errorf("%+v, %v", list, err)
		}
		if list, err := h.People(ctx, "", 1); err != nil || len(list) != 1 || list[0].Key != "abe" {
			t.Errorf("the first: %+v, %v", list, err)
		}
		if list, err := h.People(ctx, "abe", 0); err != nil || len(list) != 1 || list[0] != want {
			t.Errorf("those after: %+v, %v", list, err)
		}
		if _, err := h.write.ExecContext(ctx, `UPDATE person SET key = 'bob' WHERE id = 'i 2'`); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Person(ctx, "i 2"); err == nil {
			t.Error("a key name that was given in the database is believed")
		}
		if _, err := h.Enter(ctx, Person{ID: "i 2", Key: "abe", Name: "x"}); err == nil {
			t.Error("a key name that was given in the database is believed")
		}
	})
}

// Of many that log in for the first time at once, one has the name; one person who
// does so many times is one.
func TestPeopleAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		var wait sync.WaitGroup
		var taken, again atomic.Int32
		for i := range 8 {
			wait.Go(func() {
				if _, err := h.Enter(t.Context(), Person{ID: fmt.Sprint("i ", i), Key: "kim", Name: "x"}); errors.Is(err, ErrConflict) {
					taken.Add(1)
				} else if err != nil {
					t.Error(err)
				}
				if _, err := h.Enter(t.Context(), Person{ID: "j", Key: "lee", Name: fmt.Sprint(i)}); err != nil {
					again.Add(1)
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if taken.Load() != 7 || again.Load() != 0 {
			t.Errorf("%d were refused, and %d of one person", taken.Load(), again.Load())
		}
	})
}

func TestSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.enters(t, "i 1", "kim")
		now := h.clock.Now()
		session := func(s string) Session {
			return Session{Hash: seal.Sum([]byte(s)), Person: "i 1", Data: []byte("data of " + s), Started: now, Seen: now}
		}
		a, b, c := session("a"), session("b"), session("c")
		if err := h.StartSession(ctx, a, seal.Hash{}); err != nil {
			t.Fatal(err)
		}
		got, err := h.Session(ctx, a.Hash)
		if diff := cmp.Diff(a, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if err := h.StartSession(ctx, b, a.Hash); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Session(ctx, a.Hash); !errors.Is(err, ErrNotFound) {
			t.Errorf("the former one: %v", err)
		}
		if err := h.RotateSession(ctx, c, a.Hash); !errors.Is(err, ErrNotFound) {
			t.Errorf("rotating what is over: %v", err)
		}
		if _, err := h.Session(ctx, c.Hash); !errors.Is(err, ErrNotFound) {
			t.Errorf("it was kept nevertheless: %v", err)
		}
		if err := h.RotateSession(ctx, c, b.Hash); err != nil {
			t.Error(err)
		}
		if err := errors.Join(h.TouchSession(ctx, c.Hash, now.Add(time.Minute)), h.TouchSession(ctx, c.Hash, now), h.TouchSession(ctx, a.Hash, now)); err != nil {
			t.Error(err)
		}
		if got, err := h.Session(ctx, c.Hash); err != nil || !got.Seen.Equal(now.Add(time.Minute)) {
			t.Errorf("touched: %+v, %v", got, err)
		}
		for _, forged := range []string{
			`UPDATE session SET person = 'i 2'`, `UPDATE session SET person = 'i 1', started = started + 1`, `UPDATE session SET started = started - 1, hash = '` + a.Hash.String() + `'`,
		} {
			h.enters(t, "i 2", "lee")
			if _, err := h.write.ExecContext(ctx, forged); err != nil {
				t.Fatal(err)
			}
			for _, hash := range []seal.Hash{a.Hash, c.Hash} {
				if s, err := h.Session(ctx, hash); err == nil {
					t.Errorf("%s: believed: %+v", forged, s)
				}
			}
		}
		if err := errors.Join(h.StartSession(ctx, a, a.Hash), h.StartSession(ctx, b, seal.Hash{}), h.EndSession(ctx, a.Hash), h.EndSession(ctx, a.Hash)); err != nil {
			t.Error(err)
		}
		if _, err := h.Session(ctx, a.Hash); !errors.Is(err, ErrNotFound) {
			t.Errorf("ended: %v", err)
		}
		if err := h.EndSessions(ctx, "i 1"); err != nil {
			t.Error(err)
		}
		if _, err := h.Session(ctx, b.Hash); !errors.Is(err, ErrNotFound) {
			t.Errorf("ended with all: %v", err)
		}
	})
}

// Links and logins are used once, also by many at once.
func TestUsedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		link, former, login := seal.Sum([]byte("link")), seal.Sum([]byte("former")), seal.Sum([]byte("login"))
		until := h.clock.Now().Add(time.Minute)
		if err := errors.Join(h.PutLink(ctx, former, until), h.PutLink(ctx, link, until)); err != nil {
			t.Fatal(err)
		}
		if err := h.UseLink(ctx, former); !errors.Is(err, ErrNotFound) {
			t.Errorf("a link before the last: %v", err)
		}
		var wait sync.WaitGroup
		var links, logins atomic.Int32
		for range 8 {
			wait.Go(func() {
				if err := h.UseLink(ctx, link); err == nil {
					links.Add(1)
				} else if !errors.Is(err, ErrNotFound) {
					t.Error(err)
				}
				if err := h.UseLogin(ctx, login, until); err == nil {
					logins.Add(1)
				} else if !errors.Is(err, ErrConflict) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if links.Load() != 1 || logins.Load() != 1 {
			t.Errorf("used %d and %d times", links.Load(), logins.Load())
		}
		if err := h.PutLink(ctx, link, until); err != nil {
			t.Fatal(err)
		}
		h.clock.move(time.Minute)
		if err := h.UseLink(ctx, link); !errors.Is(err, ErrNotFound) {
			t.Errorf("too late: %v", err)
		}
		h.clock.move(time.Second)
		h.enters(t, "i 1", "kim")
		now := h.clock.Now()
		for i, s := range []Session{{Started: now, Seen: now}, {Started: now.Add(-time.Hour), Seen: now}, {Started: now, Seen: now.Add(-time.Hour)}} {
			s.Hash, s.Person = seal.Sum([]byte{byte(i)}), "i 1"
			if err := h.StartSession(ctx, s, seal.Hash{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.ForgetLogins(ctx, now.Add(-time.Minute), now.Add(-time.Minute)); err != nil {
			t.Fatal(err)
		}
		for table, want := range map[string]int{"session": 1, "link": 0, "login_used": 0} {
			if n, err := one(ctx, h.read, column[int], `SELECT count(*) FROM `+table); err != nil || n != want {
				t.Errorf("%s has %d rows, %v; want %d", table, n, err, want)
			}
		}
	})
}

// A session that is given a new secret while all of its person's are ended is ended.
func TestEndDuringRotation(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.enters(t, "i 1", "kim")
		for i := range 20 {
			name := func(n int) seal.Hash { return seal.Sum([]byte{byte(i), byte(n)}) }
			s := Session{Hash: name(0), Person: "i 1", Data: []byte("{}"), Started: h.clock.Now(), Seen: h.clock.Now()}
			if err := h.StartSession(ctx, s, seal.Hash{}); err != nil {
				t.Fatal(err)
			}
			var wait sync.WaitGroup
			wait.Go(func() {
				for n, err := 1, error(nil); err == nil; n++ {
					next := s
					next.Hash = name(n)
					err = h.RotateSession(ctx, next, name(n-1))
					if err != nil && !errors.Is(err, ErrNotFound) {
						t.Error(err)
					}
				}
			})
			time.Sleep(time.Duration(i) * time.Millisecond)
			if err := h.EndSessions(ctx, "i 1"); err != nil {
				t.Fatal(err)
			}
			wait.Wait()
			if list, err := h.Sessions(ctx, "i 1"); err != nil || len(list) > 0 {
				t.Fatalf("round %d: %d sessions are left, %v", i, len(list), err)
			}
		}
		if err := h.EndSessions(ctx, "nobody"); err != nil {
			t.Errorf("nobody's: %v", err)
		}
	})
}

// Of a person's sessions the oldest end where others begin.
func TestSessionsAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.enters(t, "i 1", "kim")
		h.enters(t, "i 2", "lee")
		session := func(person string, n int) Session {
			return Session{Hash: seal.Sum([]byte{byte(n)}), Person: person, Data: []byte("{}"), Started: h.clock.Now().Add(time.Duration(n) * time.Second), Seen: h.clock.Now()}
		}
		if err := h.StartSession(ctx, session("i 2", 255), seal.Hash{}); err != nil {
			t.Fatal(err)
		}
		for n := range MaxSessions + 2 {
			if err := h.StartSession(ctx, session("i 1", n), seal.Hash{}); err != nil {
				t.Fatal(err)
			}
		}
		list, err := h.Sessions(ctx, "i 1")
		if err != nil || len(list) != MaxSessions || !list[len(list)-1].Hash.Equal(seal.Sum([]byte{2})) {
			t.Errorf("%d sessions, %v", len(list), err)
		}
		if _, err := h.Session(ctx, seal.Sum([]byte{255})); err != nil {
			t.Errorf("another person's: %v", err)
		}
	})
}

func TestPasskeys(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.enters(t, "i 1", "kim")
		h.enters(t, "i 2", "lee")
		h.enters(t, "i 3", "mia")
		key := func(id, person string) Passkey {
			return Passkey{ID: id, Person: person, Sum: seal.Sum([]byte(id)), Label: "l", Enrolment: []byte("e"), Count: 1<<32 - 2, Created: h.clock.Now()}
		}
		a, b := key("a", "i 1"), key("b", "i 2")
		if err := errors.Join(h.AddPasskey(ctx, a, 2), h.AddPasskey(ctx, b, 2)); err != nil {
			t.Fatal(err)
		}
		got, err := h.Passkey(ctx, "a")
		if diff := cmp.Diff(a, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		twice := key("c", "i 2")
		twice.Sum = a.Sum
		for name, p := range map[string]Passkey{"an id": key("a", "i 2"), "a key": twice} {
			if err := h.AddPasskey(ctx, p, 2); !errors.Is(err, ErrConflict) {
				t.Errorf("%s that is another's: %v", name, err)
			}
		}
		if err := h.AddPasskey(ctx, key("n", "nobody"), 2); !errors.Is(err, ErrNotFound) {
			t.Errorf("nobody's: %v", err)
		}
		if former, err := h.CountPasskey(ctx, "a", 1<<32-1); err != nil || former != 1<<32-2 {
			t.Errorf("counted %d, %v", former, err)
		}
		if former, err := h.CountPasskey(ctx, "a", 3); err != nil || former != 1<<32-1 {
			t.Errorf("counted %d, %v", former, err)
		}
		if err := errors.Join(h.SetEnrolment(ctx, "a", []byte("f")), h.RevokePasskey(ctx, "a", false)); err != nil {
			t.Error(err)
		}
		for _, err := range []error{h.RevokePasskey(ctx, "a", false), h.RevokePasskey(ctx, "z", false), h.SetEnrolment(ctx, "z", nil)} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
		}
		if err := h.RevokePasskey(ctx, "b", true); !errors.Is(err, ErrLast) {
			t.Errorf("the last, which is to stay: %v", err)
		}
		now := h.clock.Now()
		a.Enrolment, a.Revoked, a.Count = []byte("f"), &now, 1<<32-1
		list, err := h.Passkeys(ctx, "")
		if diff := cmp.Diff([]Passkey{a, b}, list); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if list, err := h.Passkeys(ctx, "i 2"); err != nil || len(list) != 1 || list[0].ID != "b" {
			t.Errorf("%v, %v", list, err)
		}
		if _, err := h.Passkey(ctx, "z"); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown: %v", err)
		}
		var wait sync.WaitGroup // those that are revoked do not count, and those beyond the bound are refused
		var many atomic.Int32
		for i := range 8 {
			wait.Go(func() {
				if err := h.AddPasskey(ctx, key(fmt.Sprint("k", i), "i 1"), 2); errors.Is(err, ErrTooMany) {
					many.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if many.Load() != 6 {
			t.Errorf("%d of 8 were refused", many.Load())
		}
		// Those that are revoked count among those that were made of late.
		for i := range PasskeysMade {
			if err := errors.Join(h.AddPasskey(ctx, key(fmt.Sprint("m", i), "i 3"), 2), h.RevokePasskey(ctx, fmt.Sprint("m", i), false)); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.AddPasskey(ctx, key("m", "i 3"), 2); !errors.Is(err, ErrTooOften) {
			t.Errorf("one more: %v", err)
		}
		late := key("m", "i 3")
		late.Created = late.Created.Add(PasskeysWithin)
		if err := h.AddPasskey(ctx, late, 2); err != nil {
			t.Errorf("later: %v", err)
		}
	})
}
