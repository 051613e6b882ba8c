// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A change is a call that changes something outside, of which it is not settled
// what became.
type change struct {
	job    string
	seq    uint64
	call   seal.Hash // receipt.Attempt
	state  receipt.Unsettled
	at     time.Time // when it was opened, or done
	target string    // canonical JSON of a policy.Resource, or ""
	fresh  bool      // whether it differs from what is stored, or is not there
	gone   bool      // whether it is settled
}

func readChange(scan scanner) (*change, error) {
	c := new(change)
	var seq int64
	err := scan(&c.job, &seq, (*digest)(&c.call), &c.state, (*instant)(&c.at), &c.target)
	c.seq = uint64(seq)
	return c, err
}

const changeQuery = `SELECT job, seq, call, state, at, target FROM change`

// earlier is c as the job's next call sees it.
func (c *change) earlier() receipt.Earlier {
	e := receipt.Earlier{Seq: c.seq, State: c.state}
	if c.target != "" && seal.Unmarshal([]byte(c.target), &e.Target) != nil {
		e.Target = policy.Resource{} // it is told without
	}
	return e
}

// readChanges reads what is not settled of the jobs.
func (b *book) readChanges(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	ids = padded(ids)
	list, err := all(b.ctx, b.tx, readChange, changeQuery+` WHERE job IN (`+places(1, len(ids))+`) ORDER BY job, seq`, values(ids)...)
	for _, c := range list {
		b.pages[c.job].changes = append(b.pages[c.job].changes, c)
	}
	return wrap("read changes", err)
}

// settles keeps p's changes in step with r, which p has taken. A call that
// changes something is unsettled from when it is allowed until it is closed, and
// beyond that if its end is not known. What was found to have happened stays
// until the agent has been told, by being refused when it tries again, and what
// was done or told stays for a while, in case the answer was lost.
func (p *page) settles(r *receipt.Receipt) error {
	for _, c := range p.changes {
		c.gone = c.gone || c.past(r.At)
	}
	switch {
	case r.Kind == receipt.Opened && r.Decision.Effect == policy.Allow && !r.Call.Change.IsZero():
		p.changes = append(p.changes, &change{job: p.job, seq: r.Seq, call: receipt.Attempt(r.Call), state: receipt.UnderWay, at: r.At, fresh: true})
		p.attempted++
	case r.Refused == string(receipt.Untold):
		attempt := receipt.Attempt(r.Call)
		for _, c := range p.changes {
			if c.state == receipt.Untold && c.call.Equal(attempt) { // this answer can be lost, too
				c.state, c.at, c.fresh = receipt.Lately, r.At, true
			}
		}
	case r.Kind == receipt.Closed:
		return p.settle(r)
	case r.Kind == receipt.Learned:
		if !slices.ContainsFunc(p.changes, func(c *change) bool { return c.seq == r.Opened && c.state == receipt.Unclear && !c.gone }) {
			return fmt.Errorf("it is known what became of receipt %d's call: %w", r.Opened, ErrConflict)
		}
		return p.settle(r)
	}
	return nil
}

func (p *page) settle(r *receipt.Receipt) error {
	for _, c := range p.changes {
		if c.seq != r.Opened {
			continue
		}
		switch out := r.Outcome; {
		case r.Untold():
			return c.happened(receipt.Untold, out.Target)
		case out.Status == receipt.Done:
			c.at = r.At
			return c.happened(receipt.Lately, out.Target)
		case out.Status == receipt.Failed:
			c.gone = true
		default:
			c.state, c.fresh = receipt.Unclear, true
		}
	}
	return nil
}

// flushChanges writes what differs from what is stored.
func (b *book) flushChanges(p *page) error {
	for _, c := range p.changes {
		var err error
		switch {
		case c.gone:
			_, err = b.tx.ExecContext(b.ctx, `DELETE FROM change WHERE job = $1 AND seq = $2`, c.job, int64(c.seq))
		case c.fresh:
			_, err = b.tx.ExecContext(b.ctx, `INSERT INTO change (job, seq, call, state, at, target) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (job, seq) DO UPDATE SET state = excluded.state, at = excluded.at, target = excluded.target`,
				c.job, int64(c.seq), c.call.String(), string(c.state), c.at.UnixMilli(), c.target)
		}
		if err != nil {
			return fmt.Errorf("write changes: %w", err)
		}
	}
	return nil
}

// Unsettled is a call of which it is not settled what became.
type Unsettled struct {
	Job   string
	Seq   uint64 // the opened receipt
	State receipt.Unsettled
	At    time.Time // when it was opened
}

// Unsettled returns up to limit calls behind after that were opened before a time
// and are still open or unclear, the oldest first.
func (db *DB) Unsettled(ctx context.Context, after Mark, before time.Time, limit int) ([]Unsettled, error) {
	list, err := all(ctx, db.read, readChange, changeQuery+` WHERE state IN ('change.open', 'change.unknown') AND (at, job, seq) > ($1, $2, $3) AND at < $4
		ORDER BY at, job, seq LIMIT $5`, after.At.UnixMilli(), after.Job, int64(after.Seq), before.UnixMilli(), bounded(limit))
	out := make([]Unsettled, len(list))
	for i, c := range list {
		out[i] = Unsettled{c.job, c.seq, c.state, c.at}
	}
	return out, wrap("list unsettled changes", err)
}

// past reports whether c was done too long before now for its answer to be lost.
func (c *change) past(now time.Time) bool {
	return c.state == receipt.Lately && now.Sub(c.at) >= receipt.Lull
}

func (c *change) happened(state receipt.Unsettled, target *policy.Resource) error {
	c.state, c.fresh = state, true
	if target == nil {
		return nil
	}
	b, err := seal.Marshal(target)
	c.target = string(b)
	return err
}
