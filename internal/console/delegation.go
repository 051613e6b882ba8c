// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A leave is what a person wants to delegate, or to take back.
type leave struct {
	To        string `json:"to"`
	Begins    string `json:"begins"` // a day, UTC; "": now
	Ends      string `json:"ends"`   // the last day
	Reason    string `json:"reason"`
	Withdraws string `json:"withdraws"` // the id of a delegation; "": it is a new one
}

// offerDelegation writes the delegation that who asks is to sign, or what takes one
// of theirs back. Nothing counts before it is signed.
func (c *Console) offerDelegation(w http.ResponseWriter, r *http.Request) {
	c.script(w, r, func() (any, error) {
		var wanted leave
		if err := readJSON(r, &wanted); err != nil {
			return nil, err
		}
		d, err := c.delegation(r.Context(), &wanted, whoIs(r.Context()))
		if err != nil {
			return nil, err
		}
		if err := d.Check(); err != nil {
			return nil, err
		}
		b, err := seal.Marshal(d)
		if err != nil {
			return nil, err
		}
		request, err := c.Passkeys.Ask(r, receipt.DelegationType, b)
		return &offer{b, request}, err
	})
}

// delegation is the paper that p wishes to sign.
func (c *Console) delegation(ctx context.Context, wanted *leave, p *Person) (*receipt.Delegation, error) {
	now := c.Now().UTC().Truncate(time.Millisecond)
	if wanted.Withdraws != "" {
		list, err := c.Desk.Delegations(ctx)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(list, func(d approval.Delegated) bool { return d.ID == wanted.Withdraws && d.From == p.Key })
		if i < 0 {
			return nil, errNoDelegation
		}
		d := list[i].Delegation
		d.At, d.Reason, d.Withdraws = now, "", true
		return &d, nil
	}
	begins := now
	if wanted.Begins != "" {
		day, err := time.Parse(time.DateOnly, wanted.Begins)
		if err != nil {
			return nil, errDay
		}
		if day.After(now) {
			begins = day
		}
	}
	last, err := time.Parse(time.DateOnly, wanted.Ends)
	if err != nil {
		return nil, errDay
	}
	return approval.NewDelegation(p.Key, wanted.To, begins, last.AddDate(0, 0, 1), now, strings.TrimSpace(wanted.Reason)), nil
}

var (
	errDay          = errors.New("a day is missing, or is none\nsay the last day, like 2026-12-24")
	errNoDelegation = errors.New("there is no such delegation of yours\nload the page anew: it may be over")
)

// delegate takes a signed delegation. What it says is only what was signed; the desk
// and, each time that it counts an answer by it, the gate verify it.
func (c *Console) delegate(w http.ResponseWriter, r *http.Request) {
	c.script(w, r, func() (any, error) {
		var given signing
		if err := readJSON(r, &given); err != nil {
			return nil, err
		}
		e, err := c.Passkeys.Signed(r, receipt.DelegationType, given.Payload, given.Answer)
		if err != nil {
			return nil, err
		}
		d, err := c.Desk.Delegate(r.Context(), e)
		switch {
		case errors.Is(err, approval.ErrDelegation):
			return nil, fmt.Errorf("%s\nload the page anew, and make it again", strings.ReplaceAll(err.Error(), "\n", "; "))
		case errors.Is(err, store.ErrTooMany):
			return nil, errors.New("the house keeps no more delegations of yours\nwait until one of them is over")
		case errors.Is(err, store.ErrNotFound):
			return nil, errNoDelegation
		case errors.Is(err, store.ErrConflict):
			return nil, errors.New("that has been done already\nload the page anew")
		case err != nil:
			return nil, err
		}
		c.Log.InfoContext(r.Context(), "delegated", "delegation", d.ID, "from", d.From, "to", d.To, "withdraws", d.Withdraws)
		return struct{}{}, nil
	})
}

// A standIn is a delegation as a person's page lists it.
type standIn struct {
	ID, From, To, Reason string
	Begins, Ends         time.Time
	State                string // "in force", "to come" or "taken back"
	Mine                 bool   // whoever looks can take it back
}

// standIns are the delegations from and to p that are not over, and the names of
// those who could stand in for them.
func (c *Console) standIns(ctx context.Context, p *Person) ([]standIn, []string, error) {
	list, err := c.Desk.Delegations(ctx)
	if err != nil {
		return nil, nil, err
	}
	var out []standIn
	for i := range list {
		d := &list[i]
		if d.From != p.Key && d.To != p.Key {
			continue
		}
		s := standIn{d.ID, d.From, d.To, d.Reason, d.Begins, d.Ends, "to come", d.From == p.Key && d.Withdrawn == nil}
		switch {
		case d.Withdrawn != nil:
			s.State = "taken back"
		case d.Holds(c.Now()):
			s.State = "in force"
		}
		out = append(out, s)
	}
	names, err := c.Desk.Answerers(ctx)
	return out, slices.DeleteFunc(names, func(n string) bool { return n == p.Key }), err
}
