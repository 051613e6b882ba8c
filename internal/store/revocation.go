// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// A Revocation is an order of the house's operators, as it is stored. It is in
// force from At until Restored. Times are kept to the millisecond.
type Revocation struct {
	ID int64
	token.Revocation
	Job    string // of a token's and a job's: the job concerned
	By     string // who gave it
	Reason string
	At     time.Time

	Lifted   *time.Time // when it was ordered to end; nil: it was not
	LiftedBy string
	Restored *time.Time // when it ended: all chains that it is in say so; nil: it is in force
}

// Revoked is what an order comes to.
type Revoked struct {
	Revocation
	Jobs      []string // those concerned: with a token that was good, or a question that is cancelled, and the one that it names
	Tokens    int      // good ones that it ended; zero for an action's, and for an order that was given before
	Cancelled []string // approvals that it cancelled
}

// Revoke ends what r names; of r it takes the kind, the target, the reason and
// who orders it. When it returns, r is in force: no daemon commits an opened
// receipt after it without having seen it. In the same transaction it cancels the
// questions concerned and notes the chains that r belongs in (Owed).
//
// An order that is in force already comes back as it was first given, unless it
// is being lifted. Revoke fails with ErrNotFound for a token that is not on
// record and a job that is not there, and with ErrConflict for the house's own.
func (db *DB) Revoke(ctx context.Context, r Revocation) (*Revoked, error) {
	if err := checkRevocation(r); err != nil {
		return nil, err
	}
	var out *Revoked
	err := db.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, db.engine.lockOrders); err != nil {
			return err
		}
		old, err := one(ctx, tx, readRevocation, revocationQuery+` WHERE kind = $1 AND target = $2 AND lifted = 0`, r.Kind, r.Target)
		if err == nil {
			out, err = given(ctx, tx, old)
			return err
		}
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		out, err = db.give(ctx, tx, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("revoke %s: %w", r.Revocation, err)
	}
	db.lately.Forget()
	db.orders.ring()
	return out, nil
}

// give makes r an order in force. Nobody else gives one meanwhile.
func (db *DB) give(ctx context.Context, tx *sql.Tx, r Revocation) (*Revoked, error) {
	concerns, err := concern(ctx, tx, &r)
	if err != nil {
		return nil, err
	}
	r.At, r.Lifted, r.LiftedBy, r.Restored = db.now().UTC().Truncate(time.Millisecond), nil, "", nil
	good, err := endedTokens(ctx, tx, &r)
	if err != nil {
		return nil, fmt.Errorf("find tokens: %w", err)
	}
	r.ID, err = one(ctx, tx, column[int64], `INSERT INTO revocation (kind, target, concerns, by_whom, reason, at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
		r.Kind, r.Target, concerns, r.By, r.Reason, r.At.UnixMilli())
	if err != nil {
		return nil, err
	}
	cancelled, err := cancelQuestions(ctx, tx, &r)
	if err != nil {
		return nil, fmt.Errorf("cancel questions: %w", err)
	}
	out := comes(&r, good, cancelled)
	chains := [][]any{{r.ID, receipt.Journal}}
	for _, job := range out.Jobs {
		chains = append(chains, []any{r.ID, job})
	}
	if err := db.engine.insert(ctx, tx, `revocation_receipt (revocation, job)`, chains, ``); err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, db.engine.tellOrder)
	return out, err
}

// comes is what r comes to, that ends the good tokens and cancels the questions.
func comes(r *Revocation, good, cancelled []held) *Revoked {
	out := &Revoked{Revocation: *r}
	if r.Kind != token.RevokeAction {
		out.Tokens = len(good)
	}
	for _, q := range cancelled {
		out.Cancelled, out.Jobs = append(out.Cancelled, q.id), append(out.Jobs, q.job)
	}
	for _, t := range good {
		out.Jobs = append(out.Jobs, t.job)
	}
	if r.Job != "" {
		out.Jobs = append(out.Jobs, r.Job)
	}
	slices.Sort(out.Jobs)
	out.Jobs = slices.Compact(out.Jobs)
	return out
}

// WouldRevoke returns what Revoke would come to now, and changes nothing. Errors are
// as of Revoke. An order that is in force already comes back with its ID.
func (db *DB) WouldRevoke(ctx context.Context, r Revocation) (*Revoked, error) {
	out, err := db.wouldRevoke(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("look what revoking %s ends: %w", r.Revocation, err)
	}
	return out, nil
}

func (db *DB) wouldRevoke(ctx context.Context, r Revocation) (*Revoked, error) {
	if err := checkRevocation(r); err != nil {
		return nil, err
	}
	if _, err := concern(ctx, db.read, &r); err != nil {
		return nil, err
	}
	old, err := one(ctx, db.read, readRevocation, revocationQuery+` WHERE kind = $1 AND target = $2 AND lifted = 0`, r.Kind, r.Target)
	if err == nil {
		r.ID, r.By, r.Reason = old.ID, old.By, old.Reason
	} else if !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	r.At = db.now().UTC().Truncate(time.Millisecond)
	good, err := endedTokens(ctx, db.read, &r)
	if err != nil {
		return nil, err
	}
	open, err := openQuestions(ctx, db.read, &r)
	return comes(&r, good, open), err
}

// checkRevocation says what is wrong with an order, as far as it can be told without
// looking.
func checkRevocation(r Revocation) error {
	if err := token.CheckRevocation(r.Revocation); err != nil {
		return err
	}
	if r.Kind == token.RevokeJob && r.Target == receipt.Journal {
		return fmt.Errorf("job %s is the house's own: %w", r.Target, ErrConflict)
	}
	return nil
}

// given is what r came to, an order of before.
func given(ctx context.Context, tx *sql.Tx, r Revocation) (*Revoked, error) {
	jobs, err := all(ctx, tx, column[string], `SELECT job FROM revocation_receipt WHERE revocation = $1 AND job <> $2 ORDER BY job`, r.ID, receipt.Journal)
	return &Revoked{Revocation: r, Jobs: jobs}, err
}

// What revocation.concerns begins with, if it means less than everything. Names
// hold no spaces.
const (
	concernsJob    = "job "
	concernsAgent  = "agent "
	concernsPolicy = "policy "
)

// concern returns what r concerns, and finds r.Job.
func concern(ctx context.Context, q querier, r *Revocation) (string, error) {
	var err error
	r.Job = ""
	switch r.Kind {
	case token.RevokeToken:
		r.Job, err = one(ctx, q, column[string], `SELECT job FROM token WHERE id = $1`, r.Target)
		return concernsJob + r.Job, err
	case token.RevokeJob:
		r.Job, err = one(ctx, q, column[string], `SELECT id FROM job WHERE id = $1`, r.Target)
		return concernsJob + r.Job, err
	case token.RevokeAgent:
		return concernsAgent + r.Target, nil
	case token.RevokePolicy:
		return concernsPolicy + r.Target, nil
	}
	return "", nil
}

// Lift orders r to end. It stays in force until its receipts of that are in
// every chain that has it (Owed) and Restore says so: no chain shows a call that
// was let through before it shows why. A token's and a job's revocation is
// final: it fails with ErrConflict, as it does if r was lifted before, and with
// ErrNotFound if there is no r.
func (db *DB) Lift(ctx context.Context, id int64, by string) (*Revoked, error) {
	var out *Revoked
	err := db.transact(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE revocation SET lifted = $1, lifted_by = $2 WHERE id = $3 AND lifted = 0 AND kind NOT IN ('token', 'job')`,
			db.now().UnixMilli(), by, id)
		if err != nil {
			return err
		}
		r, err := one(ctx, tx, readRevocation, revocationQuery+` WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("it was lifted before, or is final: %w", errors.Join(ErrConflict, err))
		}
		out, err = given(ctx, tx, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lift revocation %d: %w", id, err)
	}
	return out, nil
}

// Restore ends the revocations that are lifted and owe no chain a receipt any
// more.
func (db *DB) Restore(ctx context.Context) error {
	_, err := db.write.ExecContext(ctx, `
		UPDATE revocation SET restored = $1 WHERE lifted > 0 AND restored = 0
		AND NOT EXISTS (SELECT 1 FROM revocation_receipt c WHERE c.revocation = revocation.id AND c.restored = 0)`, db.now().UnixMilli())
	db.lately.Forget()
	return wrap("restore what is lifted", err)
}

const revocationQuery = `SELECT id, kind, target, concerns, by_whom, reason, at, lifted, lifted_by, restored FROM revocation`

// An order is a revocation with what it concerns.
type order struct {
	Revocation
	concerns string
}

func readOrder(scan scanner) (o order, err error) {
	var lifted, restored time.Time
	err = scan(&o.ID, &o.Kind, &o.Target, &o.concerns, &o.By, &o.Reason, (*instant)(&o.At), (*instant)(&lifted), &o.LiftedBy, (*instant)(&restored))
	if job, ok := strings.CutPrefix(o.concerns, concernsJob); ok {
		o.Job = job
	}
	o.Lifted, o.Restored = since(lifted), since(restored)
	return o, err
}

func readRevocation(scan scanner) (Revocation, error) {
	o, err := readOrder(scan)
	return o.Revocation, err
}

// Revocations returns up to limit orders, the newest first: those in force, or
// with ever all that were given. Zero means 100.
func (db *DB) Revocations(ctx context.Context, ever bool, limit int) ([]Revocation, error) {
	where := ` WHERE restored = 0`
	if ever {
		where = ``
	}
	list, err := all(ctx, db.read, readRevocation, revocationQuery+where+` ORDER BY id DESC LIMIT $1`, bounded(limit))
	return list, wrap("list revocations", err)
}
