// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/internal/api"
)

// jobStop is containment: end the job, see that nothing of it is under way, and
// keep its proof. Each step says when it was done.
func jobStop(ctx context.Context, c *call) error {
	k := new(keeping)
	reason := c.String("reason", "", "why, for the record")
	c.StringVar(&k.out, "o", "", "write the proof to `FILE` (default: JOB.proof, or JOB-2.proof and so on if there is one)")
	c.StringVar(&k.trust, "trust", "", "`FILE` of the keys that you trust (default: those that the daemon says are its own)")
	cl, err := c.dial(1, 1)
	if err != nil {
		return err
	}
	k.job = c.args[0]
	return c.contain(ctx, cl, k, *reason)
}

// contain revokes k's job, waits until nothing of it is under way, and keeps its
// proof: also if something stays under way, which it then fails with.
func (c *call) contain(ctx context.Context, cl *api.Client, k *keeping, reason string) error {
	begun := time.Now()
	done, err := cl.RevokeJob(ctx, k.job, reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "revoked    %s, order %d: tokens %d, questions cancelled %d  (%v)\n", clean(k.job), done.ID, done.Tokens, len(done.Cancelled), since(begun))
	settling, open := settle(ctx, cl, k), (*unsettled)(nil)
	switch {
	case errors.As(settling, &open):
		fmt.Fprintf(c.stdout, "stopped    not all: %s  (%v)\n", open.count(), since(begun))
	case settling != nil:
		fmt.Fprintf(c.stdout, "stopped    not known  (%v)\n", since(begun))
	default:
		fmt.Fprintf(c.stdout, "stopped    nothing is under way  (%v)\n", since(begun))
	}
	got, err := c.export(ctx, cl, k)
	if err != nil {
		c.warnUnsettled(settling)
		return k.lost(err)
	}
	if got.path == "" {
		fmt.Fprintf(c.stdout, "kept       nothing: the job has no receipts  (%v)\n", since(begun))
		return settling
	}
	fmt.Fprintf(c.stdout, "kept       %s, %d bytes, %d receipts: %s  (%v)\n", clean(got.path), got.size, got.report.Receipts, got.verdict(), since(begun))
	if err := c.judge(got, k); err != nil {
		c.warnUnsettled(settling)
		return err
	}
	if settling != nil {
		return settling
	}
	fmt.Fprintf(c.stdout, "contained  in %.1f s\n", time.Since(begun).Seconds())
	return nil
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }
