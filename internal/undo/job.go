// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// JobOf names the first job that undoes job's changes: undo-JOB.
func JobOf(job string) string { return JobAt(job, 1) }

// JobAt names the nth job that undoes job's changes, from 1: the second is
// undo-2-JOB. There is more than one where the one before could not go on. Where
// JOB is too long for that, or such that another job's could have the same name,
// a hash of it stands for it.
func JobAt(job string, n int) string {
	prefix := receipt.UndoPrefix
	if n > 1 {
		prefix = fmt.Sprintf("%s%d-", receipt.UndoPrefix, n)
	}
	if name := prefix + job; token.CheckName("job", name) == nil && !mistakable.MatchString(job) {
		return name
	}
	sum := sha256.Sum256([]byte(job))
	return prefix + hex.EncodeToString(sum[:16])
}

// mistakable are names that could be read as a number and another job, or as a hash.
var mistakable = regexp.MustCompile(`^([0-9]+-|[0-9a-f]{32}$)`)

// undoesFor reports whether what the job by takes back is looked for when it is
// asked what became of job's changes.
func undoesFor(by, job string) bool {
	for n := 1; n <= mostJobs; n++ {
		if by == JobAt(job, n) {
			return true
		}
	}
	return false
}

// UndoJob names the job to undo job in, under a policy, for a person: the newest
// that can go on so, or else the next. A zero policy is any. It fails with
// ErrTooMany.
func (d *Desk) UndoJob(ctx context.Context, job string, policy seal.Hash, by string) (string, error) {
	newest := ""
	for n := 1; n <= mostJobs; n++ {
		name := JobAt(job, n)
		j, err := d.DB.Job(ctx, name)
		if errors.Is(err, store.ErrNotFound) {
			return cmp.Or(newest, name), nil
		}
		if err != nil {
			return "", err
		}
		stopped, err := d.stopped(ctx, j)
		if err != nil {
			return "", err
		}
		if j.Agent == receipt.Undoer && !stopped && (policy.IsZero() || j.Policy.Equal(policy)) && (j.Client == "" || j.Client == by) {
			newest = name
		}
	}
	if newest == "" {
		return "", fmt.Errorf("jobs that undo %s: %w: none of %d can go on", job, ErrTooMany, mostJobs)
	}
	return newest, nil
}

// stopped reports whether an order that ends job j is in force.
func (d *Desk) stopped(ctx context.Context, j *store.Job) (bool, error) {
	return d.ordered(ctx, j, token.Revocation{Kind: token.RevokeJob, Target: j.ID})
}

// locked reports whether an order that ends job j's policy is in force.
func (d *Desk) locked(ctx context.Context, j *store.Job) (bool, error) {
	return d.ordered(ctx, j, token.Revocation{Kind: token.RevokePolicy, Target: j.Policy.String()})
}

func (d *Desk) ordered(ctx context.Context, j *store.Job, order token.Revocation) (bool, error) {
	list, err := d.DB.RevokingJob(ctx, j.ID, j.Agent, j.Policy)
	return slices.Contains(list, order), err
}

// deepest is how many undoings of undoings are followed.
const deepest = 8

// undone says which of a job's calls are undone, by their receipts' numbers. list
// are those calls. An undoing that was undone itself does not count.
func (d *Desk) undone(ctx context.Context, job string, list []*call, depth int) (map[uint64]*undoing, error) {
	tools, out := map[uint64]string{}, map[uint64]*undoing{}
	for _, c := range list {
		tools[c.opened.Seq] = c.opened.Call.Tool
	}
	for n := 1; n <= mostJobs && len(list) > 0; n++ {
		j, err := d.DB.Job(ctx, JobAt(job, n))
		if errors.Is(err, store.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		if j.Agent != receipt.Undoer {
			continue // its name means nothing
		}
		if err := d.undoneBy(ctx, j.ID, job, tools, out, depth); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// undoneBy adds what one job has undone of another.
func (d *Desk) undoneBy(ctx context.Context, by, job string, tools map[uint64]string, out map[uint64]*undoing, depth int) error {
	list, err := d.calls(ctx, by, everyCall)
	if err != nil || len(list) == 0 {
		return err
	}
	if depth == 0 {
		return fmt.Errorf("undo of job %s: %w: it was undone and that undone again", job, ErrTooMany)
	}
	taken, err := d.undone(ctx, by, list, depth-1)
	if err != nil {
		return err
	}
	for _, c := range list {
		if !c.done() || taken[c.opened.Seq] != nil {
			continue
		}
		if err := d.learn(ctx, c); err != nil {
			return err
		}
		of, n, ok := parseName(c.change.Undoes)
		if ok && of == job && tools[n] == c.opened.Call.Tool {
			out[n] = &undoing{c.opened.Name(), c.opened.Call.Action, c.end().Outcome.Target}
		}
	}
	return nil
}
