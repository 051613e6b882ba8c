// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// counting are the names of those whose passkeys answer, once what has changed shows.
func (h *house) counting(t *testing.T) []string {
	t.Helper()
	h.clock.move(time.Second)
	people, err := h.People(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, k := range people.Keys {
		out = append(out, k.Name())
	}
	return out
}

// A passkey answers while its owner has a role that does, as their last login says.
func TestRolesAnswer(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, func(c *Config) {
		c.Providers[0].Roles = map[Role][]string{}
		for _, role := range []Role{Auditor, Author, Operator, Approver, Admin} {
			c.Providers[0].Roles[role] = []string{string(role)}
		}
	})
	b := h.browser(t)
	as := func(roles ...string) {
		t.Helper()
		p.claim = func(c map[string]any) { c["roles"], c["groups"] = roles, "g-wiki" }
		b.mustLogin(p, "kim")
	}
	as("auditor")
	if res := b.register(newDevice(t, "house.test", seal.ES256), seal.ES256); res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode)
	}
	for _, x := range []struct {
		roles []string
		want  bool
	}{
		{[]string{"auditor"}, false}, {[]string{"author"}, false}, {[]string{"operator"}, false}, {[]string{"approver"}, true},
		{nil, false}, {[]string{"admin"}, true}, {[]string{"auditor", "author", "operator"}, false}, {[]string{"author", "approver"}, true},
	} {
		as(x.roles...)
		got := h.counting(t)
		people, err := h.People(t.Context())
		if err != nil || (len(got) == 1) != x.want || (len(people.Groups["wiki-owners"]) == 1) != x.want {
			t.Errorf("%v: %v answer, in %v, %v", x.roles, got, people.Groups, err)
		}
		all, err := h.Enrolled(t.Context()) // what it has signed stays provable
		if err != nil || len(all) != 1 || all[0].Answers != x.want {
			t.Errorf("%v: %+v, %v", x.roles, all, err)
		}
	}
}

// Who is let in no more answers no more: a provider that is gone from the configuration,
// and the local administrator where there is to be none.
func TestVouchedAnswer(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, func(c *Config) { c.Local = true })
	p.claim = func(c map[string]any) { c["roles"] = "r-approver" }
	kim, admin := h.browser(t), h.browser(t)
	kim.mustLogin(p, "kim")
	admin.link()
	for _, b := range []*browser{kim, admin} {
		if res := b.register(newDevice(t, "house.test", seal.ES256), seal.ES256); res.StatusCode != http.StatusOK {
			t.Fatal(res.StatusCode)
		}
	}
	if got := h.counting(t); !slices.Contains(got, "kim@house.test") || !slices.Contains(got, "admin@local") {
		t.Errorf("%v answer", got)
	}
	h.Local = false
	if got := h.counting(t); !slices.Equal(got, []string{"kim@house.test"}) {
		t.Errorf("without a local administrator: %v answer", got)
	}
	h.Local, h.providers = true, nil
	if got := h.counting(t); !slices.Equal(got, []string{"admin@local"}) {
		t.Errorf("without the provider: %v answer", got)
	}
}

// A person is one, whatever somebody does to the database: they answer by the name that
// the last paper says. What they may answer changes for all of their keys.
func TestOneName(t *testing.T) {
	p := newIDP(t, jose.ES256)
	h := houseOf(t, p, nil)
	name, group := "kim", "g-wiki"
	p.claim = func(c map[string]any) {
		c["roles"], c["groups"], c["preferred_username"] = "r-approver", group, name+"@house.test"
	}
	b := h.browser(t)
	b.mustLogin(p, "kim")
	b.register(newDevice(t, "house.test", seal.ES256), seal.ES256)
	h.clock.move(time.Minute)
	// As if their row were dropped: they are somebody new, under the same id.
	again := h.browser(t)
	name = "k.smith"
	who := again.mustLogin(p, "kim")
	who.Key = "k.smith@house.test"
	public, err := (&seal.Passkey{Name: who.Key, Site: h.site, Alg: seal.ES256, Key: newDevice(t, "house.test", seal.ES256).der}).Public()
	if err != nil {
		t.Fatal(err)
	}
	paper, err := h.enrol(who, who.Key, public)
	if err != nil {
		t.Fatal(err)
	}
	err = h.db.AddPasskey(t.Context(), store.Passkey{ID: "c21pdGg", Person: who.ID, Sum: seal.Sum([]byte(public)), Label: "l", Enrolment: paper, Created: h.clock.Now()}, MaxPasskeys)
	if err != nil {
		t.Fatal(err)
	}
	if got := h.counting(t); !slices.Equal(got, []string{"k.smith@house.test"}) {
		t.Errorf("%v answer", got)
	}
	if people, err := h.People(t.Context()); err != nil || !slices.Equal(people.Groups["wiki-owners"], []string{"k.smith@house.test"}) {
		t.Errorf("in the group: %v, %v", people.Groups, err)
	}
	group = "g-none"
	h.browser(t).mustLogin(p, "kim")
	if all, err := h.Enrolled(t.Context()); err != nil || len(all) != 2 || len(all[0].Groups)+len(all[1].Groups) > 0 {
		t.Errorf("out of the group: %+v, %v", all, err)
	}
}

// counted counts how often the passkeys are read, and has each reading last until it is
// let go on.
type counted struct {
	DB
	reads atomic.Int32
	goOn  chan struct{}
}

func (c *counted) Passkeys(ctx context.Context, person string) ([]store.Passkey, error) {
	c.reads.Add(1)
	<-c.goOn
	return c.DB.Passkeys(ctx, person)
}

// Of many who ask at once, one reads; and a paper is verified once.
func TestRollIsReadOnce(t *testing.T) {
	h := localHouse(t)
	b := h.browser(t)
	b.link()
	b.register(newDevice(t, "house.test", seal.ES256), seal.ES256)
	h.clock.move(time.Second)
	db := &counted{DB: h.db, goOn: make(chan struct{})}
	h.roll.DB = db
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if people, err := h.People(t.Context()); err != nil || len(people.Keys) != 1 {
				t.Errorf("%+v, %v", people, err)
			}
		})
	}
	db.goOn <- struct{}{}
	wait.Wait()
	if n := db.reads.Load(); n != 1 {
		t.Errorf("read %d times", n)
	}
	close(db.goOn)
	h.clock.move(time.Second)
	h.roll.Registries = nil // nothing would verify now
	if got := h.counting(t); len(got) != 1 {
		t.Errorf("%v answer: papers are verified anew", got)
	}
	h.clock.move(time.Second)
	h.roll.busy <- struct{}{} // somebody reads, and does not come back
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Enrolled(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("who does not wait: %v", err)
	}
}
