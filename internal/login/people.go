// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/clawea/clawea/internal/store"
)

// An Account is somebody who has logged in, as administrators see them.
type Account struct {
	ID, Key, Name string
	Entered       time.Time // when they logged in last; Unix time 0: not since that is kept
	Sessions      int       // that are not over
	Roles         []Role    // in those; sorted
	Passkeys      []PasskeyInfo
}

// Accounts lists who has logged in, by the names of their keys: up to limit of those
// that come after one. Who may see that is the caller's to check. It fails for a person
// whom somebody has changed in the database.
func (d *Desk) Accounts(ctx context.Context, after string, limit int) ([]Account, error) {
	list, err := d.DB.People(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	var out []Account
	for _, p := range list {
		a := Account{ID: p.ID, Key: p.Key, Name: p.Name, Entered: p.Entered}
		open, err := d.sessions(ctx, p.ID)
		if err != nil {
			return nil, err
		}
		for _, s := range open {
			a.Sessions++
			a.Roles = append(a.Roles, s.Roles...)
		}
		slices.Sort(a.Roles)
		a.Roles = slices.Compact(a.Roles)
		if a.Passkeys, err = d.Passkeys(ctx, p.ID); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// EndOf ends all sessions of a person, by their id: one's own, or anybody's for
// administrators. It fails with ErrNotAdmin, and with ErrNoPerson if there is nobody
// like that.
func (d *Desk) EndOf(ctx context.Context, p *Person, id string) error {
	if id != p.ID && !p.Has(Admin) {
		return ErrNotAdmin
	}
	whose, err := d.DB.Person(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return ErrNoPerson.with(err)
	}
	if err != nil {
		return err
	}
	if err := d.DB.EndSessions(ctx, id); err != nil {
		return err
	}
	d.Log.WarnContext(ctx, "sessions ended", "person", whose.Key, "by", p.Key)
	return nil
}

// narrow ends p's other sessions that may do more than p may now: what a provider has
// taken from them is lost everywhere with the login that says so.
func (d *Desk) narrow(ctx context.Context, p *Person) error {
	return d.endThose(ctx, p.ID, func(of *Person) bool {
		return of.session != p.session && slices.ContainsFunc(of.Roles, func(r Role) bool { return !p.Has(r) })
	})
}

// endThose ends the sessions of a person that are like that. It looks again after it
// has ended some: one that was given a new secret meanwhile is another row.
func (d *Desk) endThose(ctx context.Context, person string, like func(*Person) bool) error {
	for range 10 {
		open, err := d.sessions(ctx, person)
		if err != nil {
			return err
		}
		open = slices.DeleteFunc(open, func(s *Person) bool { return !like(s) })
		if len(open) == 0 {
			return nil
		}
		for _, s := range open {
			if err := d.DB.EndSession(ctx, s.session); err != nil {
				return err
			}
			d.Log.InfoContext(ctx, "session ended", "person", s.Key)
		}
	}
	return fmt.Errorf("end sessions of %s: others take their place", person)
}

// sessions are the sessions of a person that are not over.
func (d *Desk) sessions(ctx context.Context, person string) ([]*Person, error) {
	list, err := d.DB.Sessions(ctx, person)
	if err != nil {
		return nil, err
	}
	var out []*Person
	for i := range list {
		p, err := d.read(&list[i])
		if errors.Is(err, ErrNoSession) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
