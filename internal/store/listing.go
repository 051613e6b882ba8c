// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// The effects that a listed line has beside a decision's.
const (
	EffectRefused = "refused" // there was no deciding
	EffectOrder   = "order"   // no call: something was revoked, or restored
)

// What is counted by the hour, beside the effects of calls and the statuses of
// their outcomes.
const (
	TallyCost   = "cost"   // what model calls came to, in millionths of the house's currency
	TallyTokens = "tokens" // that providers counted, of input and output
	TallyModel  = "model"  // calls of models
)

// hourOf is how hours are counted, in milliseconds.
const hourOf = int64(time.Hour / time.Millisecond)

// maxListed bounds the resources that one call is found by. A call that names
// more is found by the first.
const maxListed = 64

// A listed is what one receipt adds to the listing.
type listed struct {
	id      int64
	receipt *receipt.Receipt
	agent   string
}

// FollowLog lists up to limit more of the receipts that the log has taken, so
// that they can be searched and counted, and returns how many there were. Zero
// means that all are listed. Several daemons may call it; each receipt is listed
// once. A receipt that cannot be read is passed over: the verifier finds it.
func (db *DB) FollowLog(ctx context.Context, limit int) (n int, err error) {
	last, err := db.listingEnd(ctx)
	if err != nil {
		return 0, fmt.Errorf("list receipts: %w", err)
	}
	end, err := sequenced(ctx, db.read)
	if err != nil || end <= last {
		return 0, wrap("list receipts", err)
	}
	rows, err := all(ctx, db.read, readListed, `
		SELECT r.id, r.envelope, j.agent FROM receipt r JOIN job j ON j.id = r.job
		WHERE r.id > $1 AND r.id <= $2 ORDER BY r.id LIMIT $3`, last, end, bounded(limit))
	if err != nil {
		return 0, fmt.Errorf("list receipts: %w", err)
	}
	if len(rows) == 0 { // numbers that no receipt has
		rows = []listed{{id: end}}
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE listing_end SET last = $1 WHERE id = 1 AND last = $2`, rows[len(rows)-1].id, last)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err // another daemon has listed them
		}
		return db.enlist(ctx, tx, rows)
	})
	if err != nil {
		return 0, fmt.Errorf("list receipts: %w", err)
	}
	return len(rows), nil
}

func (db *DB) listingEnd(ctx context.Context) (int64, error) {
	return one(ctx, db.read, column[int64], `SELECT last FROM listing_end`)
}

// Unlisted returns how many of the receipts FollowLog has still to list, at most.
func (db *DB) Unlisted(ctx context.Context) (int64, error) {
	n, err := one(ctx, db.read, column[int64], `SELECT coalesce((SELECT MAX(id) FROM receipt), 0) - last FROM listing_end`)
	return max(n, 0), wrap("count receipts", err)
}

func readListed(scan scanner) (l listed, err error) {
	var envelope []byte
	if err := scan(&l.id, &envelope, &l.agent); err != nil {
		return l, err
	}
	if e, err := parseEnvelope(receipt.Type, envelope); err == nil {
		l.receipt, _ = receipt.Parse(e.Payload)
	}
	return l, nil
}

// enlist writes what rows add.
func (db *DB) enlist(ctx context.Context, tx *sql.Tx, rows []listed) error {
	tally := map[hourly]int64{}
	var lines, resources, answers [][]any
	fresh := map[string]int{} // by the receipt's name, the place in lines
	var late []*receipt.Receipt
	for _, l := range rows {
		r := l.receipt
		switch {
		case r == nil:
			continue
		case r.Outcome != nil:
			countOutcome(tally, r)
			if i, here := fresh[place(r.Job, r.Opened)]; here {
				copy(lines[i][7:], outcomeOf(r))
				if t := r.Outcome.Target; t != nil && t.ID != "" { // what was made is found by its id, too
					resources = append(resources, []any{t.ID, lines[i][3], lines[i][0]})
				}
			} else {
				late = append(late, r)
			}
			continue
		case r.Kind == receipt.Opened:
			countCall(tally, r)
		}
		fresh[r.Name()] = len(lines)
		lines = append(lines, lineOf(&l))
		resources = append(resources, resourcesOf(&l)...)
		answers = append(answers, answersOf(r)...)
	}
	return cmp.Or(
		db.engine.insert(ctx, tx, `listing (id, job, seq, at, agent, action, effect, outcome, code, closed)`, lines, ``),
		db.engine.insert(ctx, tx, `listing_resource (resource, at, id)`, resources, `ON CONFLICT (resource, at, id) DO NOTHING`),
		closeListed(ctx, tx, late), putAnswers(ctx, tx, answers), putTally(ctx, db, tx, tally),
	)
}

func place(job string, seq uint64) string { return fmt.Sprintf("%s/%d", job, seq) }

// lineOf is a row of listing.
func lineOf(l *listed) []any {
	r := l.receipt
	action, effect, code := "", EffectOrder, ""
	switch {
	case r.Revocation != nil:
		action = string(r.Kind)
	case r.Refused != "":
		action, effect, code = r.Call.Name(), EffectRefused, r.Refused
	default:
		action, effect = r.Call.Name(), r.Decision.Effect.String()
	}
	return []any{l.id, r.Job, int64(r.Seq), r.At.UnixMilli(), l.agent, action, effect, "", code, int64(0)}
}

// outcomeOf are the last columns of a row of listing.
func outcomeOf(r *receipt.Receipt) []any {
	return []any{string(r.Outcome.Status), r.Outcome.Code, int64(r.Seq)}
}

// resourcesOf are the rows of listing_resource, each once.
func resourcesOf(l *listed) (rows [][]any) {
	if l.receipt.Call == nil {
		return nil
	}
	seen := map[string]bool{"": true}
	add := func(id string) {
		if !seen[id] && len(seen) <= maxListed {
			seen[id] = true
			rows = append(rows, []any{id, l.receipt.At.UnixMilli(), l.id})
		}
	}
	for _, x := range l.receipt.Call.Resources {
		add(x.ID)
	}
	for _, x := range l.receipt.Call.Resources {
		for _, p := range x.Path {
			add(p.ID)
		}
	}
	return rows
}

// answersOf are the answers that r's decision saw.
func answersOf(r *receipt.Receipt) (rows [][]any) {
	if r.Facts == nil {
		return nil
	}
	for _, a := range r.Facts.Approvals {
		i := strings.LastIndexByte(a.ID, '.')
		if i < 0 {
			continue
		}
		if seq, err := strconv.ParseInt(a.ID[i+1:], 10, 64); err == nil {
			yes := 0
			if a.Yes {
				yes = 1
			}
			rows = append(rows, []any{a.ID, a.By, yes, a.At.UnixMilli(), a.ID[:i], seq})
		}
	}
	return rows
}

// putAnswers writes answers once, with when the question was asked.
func putAnswers(ctx context.Context, tx *sql.Tx, rows [][]any) error {
	for _, row := range rows {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO answered (approval, by_whom, yes, asked, at)
			SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), l.at, CAST($4 AS BIGINT) FROM listing l WHERE l.job = $5 AND l.seq = $6
			ON CONFLICT (approval, by_whom) DO NOTHING`, row...); err != nil {
			return err
		}
	}
	return nil
}

// closeListed says what became of calls that were listed before.
func closeListed(ctx context.Context, tx *sql.Tx, list []*receipt.Receipt) error {
	for _, r := range list {
		args := append(outcomeOf(r), r.Job, int64(r.Opened))
		if _, err := tx.ExecContext(ctx, `UPDATE listing SET outcome = $1, code = $2, closed = $3 WHERE job = $4 AND seq = $5`, args...); err != nil {
			return err
		}
		if t := r.Outcome.Target; t != nil && t.ID != "" {
			if _, err := tx.ExecContext(ctx, `
				INSERT INTO listing_resource (resource, at, id) SELECT CAST($1 AS TEXT), l.at, l.id FROM listing l WHERE l.job = $2 AND l.seq = $3
				ON CONFLICT (resource, at, id) DO NOTHING`, t.ID, r.Job, int64(r.Opened)); err != nil {
				return err
			}
		}
	}
	return nil
}

// An hourly is one thing that is counted in one hour.
type hourly struct {
	hour int64
	name string
}

func countCall(tally map[hourly]int64, r *receipt.Receipt) {
	hour := r.At.UnixMilli() / hourOf
	effect := EffectRefused
	if r.Refused == "" {
		effect = r.Decision.Effect.String()
	}
	tally[hourly{hour, effect}]++
	if r.Call.Class == policy.Model && effect == policy.Allow.String() {
		tally[hourly{hour, TallyModel}]++
	}
}

func countOutcome(tally map[hourly]int64, r *receipt.Receipt) {
	hour := r.At.UnixMilli() / hourOf
	tally[hourly{hour, string(r.Outcome.Status)}]++
	m := r.Outcome.Model
	if m == nil {
		return
	}
	tally[hourly{hour, TallyCost}] += int64(m.Cost)
	if m.Usage != nil {
		tally[hourly{hour, TallyTokens}] += int64(m.Usage.Input) + int64(m.Usage.Output)
	}
}

func putTally(ctx context.Context, db *DB, tx *sql.Tx, tally map[hourly]int64) error {
	var rows [][]any
	for k, n := range tally {
		rows = append(rows, []any{k.hour, k.name, n})
	}
	return db.engine.insert(ctx, tx, `tally (hour, name, n)`, rows, `ON CONFLICT (hour, name) DO UPDATE SET n = tally.n + excluded.n`)
}

// A Step is a line of a job's thread: a call with what became of it, or an order.
type Step struct {
	Seq     uint64
	Opened  *seal.Envelope // of the call, or the order itself
	Closed  *seal.Envelope // nil: there is none
	Learned *seal.Envelope // nil: there is none
	Broken  bool           // one of these is there and cannot be read
}

// Steps returns up to limit steps of a job behind receipt after, in order.
// Nothing of them is verified.
func (db *DB) Steps(ctx context.Context, job string, after uint64, limit int) ([]Step, error) {
	heads, err := all(ctx, db.read, readStep, `
		SELECT seq, 0, '', envelope FROM receipt WHERE job = $1 AND seq > $2 AND kind NOT IN ('closed', 'learned')
		ORDER BY seq LIMIT $3`, job, int64(after), bounded(limit))
	if err != nil || len(heads) == 0 {
		return nil, wrap("list steps", err)
	}
	out := make([]Step, len(heads))
	at := map[int64]int{}
	first := []any{job, heads[0].seq}
	for i, h := range heads {
		out[i] = Step{Seq: uint64(h.seq), Opened: h.envelope, Broken: h.envelope == nil}
		at[h.seq] = i
	}
	args := append(first, heads[len(heads)-1].seq)
	ends, err := all(ctx, db.read, readStep, `
		SELECT seq, coalesce(opened, learned), kind, envelope FROM receipt
		WHERE job = $1 AND seq > $2 AND kind IN ('closed', 'learned') AND coalesce(opened, learned) BETWEEN $2 AND $3`, args...)
	for _, e := range ends {
		i, here := at[e.about]
		switch {
		case !here: // its call is no receipt that opens one
		case e.envelope == nil:
			out[i].Broken = true
		case e.kind == string(receipt.Closed):
			out[i].Closed = e.envelope
		default:
			out[i].Learned = e.envelope
		}
	}
	return out, wrap("list steps", err)
}

type stepRow struct {
	seq, about int64
	kind       string
	envelope   *seal.Envelope
}

func readStep(scan scanner) (s stepRow, err error) {
	var b []byte
	if err := scan(&s.seq, &s.about, &s.kind, &b); err != nil {
		return s, err
	}
	s.envelope, _ = parseEnvelope(receipt.Type, b) // whoever reads the thread is told
	return s, nil
}
