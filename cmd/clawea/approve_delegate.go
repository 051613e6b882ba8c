// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/receipt"
)

func approveDelegate(ctx context.Context, c *call) error {
	connect := c.client()
	key := c.String("key", "", "your own private key `FILE`")
	to := c.String("to", "", "who answers in your stead: the `NAME` of their key")
	from := c.String("from", "", "from when on; left out: from now")
	until := c.String("until", "", "until when, at most 90 days later: a `TIME` (2026-12-24, 2026-12-24T08:00:00Z) or how long (12h, 14d)")
	reason := c.String("reason", "", "why, for the record; it goes into the bundles of what is answered so")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := c.need("to", "until", "key"); err != nil {
		return err
	}
	k, err := keys.LoadSigner(*key)
	if err != nil {
		return err
	}
	now := time.Now()
	begins := now
	if *from != "" {
		if begins, err = parseMoment("-from", *from, now); err != nil {
			return err
		}
	}
	ends, err := parseMoment("-until", *until, begins)
	if err != nil {
		return err
	}
	e, err := approval.NewDelegation(k.Name(), *to, begins, ends, now, *reason).Sign(k)
	if err != nil {
		return err
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	d, err := cl.Delegate(ctx, e)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "delegated  %s\n", clean(delegationLine(d)))
	return nil
}

// parseMoment reads a time, or how long after since it is; d stands for days.
func parseMoment(flag, s string, since time.Time) (time.Time, error) {
	if t, ok := moment(s, since, 1); ok {
		return t, nil
	}
	return time.Time{}, usagef("%s %s is no time\nwant one like 12h, 14d, 2026-12-24 or 2026-12-24T08:00:00Z", flag, s)
}

// delegationLine says a delegation in a line.
func delegationLine(d *api.Delegation) string {
	line := fmt.Sprintf("%s  %s answers for %s from %s until %s", d.ID, d.To, d.From, stamp(d.Begins), stamp(d.Ends))
	if d.Withdrawn != nil {
		line += "  taken back " + stamp(*d.Withdrawn)
	}
	if d.Reason != "" {
		line += "  " + d.Reason
	}
	return line
}

func approveDelegations(ctx context.Context, c *call) error {
	cl, err := c.dial(0, 0)
	if err != nil {
		return err
	}
	list, err := cl.Delegations(ctx)
	if err != nil {
		return err
	}
	for i := range list.Delegations {
		fmt.Fprintln(c.stdout, clean(delegationLine(&list.Delegations[i])))
	}
	return nil
}

func approveUndelegate(ctx context.Context, c *call) error {
	connect := c.client()
	key := c.String("key", "", "your own private key `FILE`")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	if err := c.need("key"); err != nil {
		return err
	}
	k, err := keys.LoadSigner(*key)
	if err != nil {
		return err
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	list, err := cl.Delegations(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list.Delegations, func(d api.Delegation) bool { return d.ID == c.args[0] && d.From == k.Name() })
	if i < 0 {
		return fmt.Errorf("there is no delegation %s of yours that is not over\nlist them with: clawea approve delegations", c.args[0])
	}
	d := list.Delegations[i]
	e, err := (&receipt.Delegation{
		ID: d.ID, From: d.From, To: d.To, Begins: d.Begins, Ends: d.Ends, At: time.Now().UTC().Truncate(time.Millisecond), Withdraws: true,
	}).Sign(k)
	if err != nil {
		return err
	}
	done, err := cl.Delegate(ctx, e)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "taken back %s\n", clean(delegationLine(done)))
	return nil
}
