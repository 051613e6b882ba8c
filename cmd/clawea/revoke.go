// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/token"
)

func revokeCommand(ctx context.Context, c *call) error {
	connect := c.client()
	reason := c.String("reason", "", "why, for the record")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	order, err := parseRevocation(c.args[0])
	if err != nil {
		return err
	}
	order.Reason = *reason
	cl, err := connect()
	if err != nil {
		return err
	}
	done, err := cl.End(ctx, order)
	if err != nil {
		return err
	}
	c.printRevoked(done)
	return nil
}

// parseRevocation reads "job:NAME", "action:PATTERN" or "all".
func parseRevocation(s string) (*api.RevocationOrder, error) {
	kind, target, _ := strings.Cut(s, ":")
	if err := token.CheckRevocation(token.Revocation{Kind: kind, Target: target}); err != nil {
		return nil, usagef("cannot revoke %q: %v\nwant one of: token:ID, job:NAME, agent:NAME, policy:HASH, action:PATTERN like action:jira:write, all", s, err)
	}
	return &api.RevocationOrder{Kind: kind, Target: target}, nil
}

// printRevoked says what an order came to.
func (c *call) printRevoked(r *api.Revoked) {
	if r.Kind == token.RevokeAgent && len(r.Jobs) == 0 {
		fmt.Fprintf(c.stderr, "clawea: note: no agent of that name has a token that is good; the order holds for those to come\n")
	}
	fmt.Fprintf(c.stdout, "revoked %s at %s, order %d: tokens %d, jobs %d, questions cancelled %d\n",
		clean(revocationOf(r)), stamp(r.At), r.ID, r.Tokens, len(r.Jobs), len(r.Cancelled))
}

func revocationOf(r *api.Revoked) string {
	return token.Revocation{Kind: r.Kind, Target: r.Target}.String()
}

func revocationList(ctx context.Context, c *call) error {
	connect := c.client()
	all := c.Bool("all", false, "those that were lifted too")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	list, err := cl.Revocations(ctx, *all)
	if err != nil {
		return err
	}
	for i := range list.Revocations {
		r := &list.Revocations[i]
		line := fmt.Sprintf("%5d  %s  %-40s  by %s", r.ID, stamp(r.At), revocationOf(r), r.By)
		if r.Lifted != nil {
			line += fmt.Sprintf("  lifted %s by %s", stamp(*r.Lifted), r.LiftedBy)
		}
		fmt.Fprintln(c.stdout, clean(strings.TrimRight(line+"  "+r.Reason, " ")))
	}
	return nil
}

func revocationLift(ctx context.Context, c *call) error {
	cl, err := c.dial(1, 1)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(c.args[0], 10, 64)
	if err != nil {
		return usagef("%q is not the number of an order\nlist them with: clawea revocation list", c.args[0])
	}
	r, err := cl.Lift(ctx, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "lifted %s, order %d: jobs %d\n", clean(revocationOf(r)), r.ID, len(r.Jobs))
	return nil
}
