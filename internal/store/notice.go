// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A Notice is something that happened to a question and that people are told.
type Notice struct {
	ID       int64 // grows with each; Note gives it
	Approval string
	Event    string    // what happened
	Mark     string    // tells two of one event apart
	At       time.Time // kept to the millisecond
	Detail   string    // the rest of it, in the words of who notes it
	Channels []string  // to be told of it; what is read does not say
}

// A Delivery is a notice on its way to one channel.
type Delivery struct {
	Notice
	Channel string
	Tries   int    // how often it was tried before
	Claim   string // whose it is to try now
	Place   string // where the other side keeps what it was told of the question before; "": nowhere
}

// NoticesFrom returns when people began to be told of questions: the first time
// that it is asked, which is now.
func (db *DB) NoticesFrom(ctx context.Context) (time.Time, error) {
	const query = `SELECT at FROM notice_start WHERE id = 1`
	read := func(scan scanner) (t time.Time, err error) {
		err = scan((*instant)(&t))
		return t, err
	}
	at, err := one(ctx, db.read, read, query)
	if !errors.Is(err, ErrNotFound) {
		return at, wrap("read start of notices", err)
	}
	if _, err := db.write.ExecContext(ctx, `INSERT INTO notice_start (id, at) VALUES (1, $1) ON CONFLICT (id) DO NOTHING`, db.now().UnixMilli()); err != nil {
		return at, fmt.Errorf("begin notices: %w", err)
	}
	at, err = one(ctx, db.read, read, query)
	return at, wrap("read start of notices", err)
}

// A Watched question is one of which people are told. Nothing happens to it, but for
// what time does, while none of this changes and no call that it allowed is under way.
type Watched struct {
	Approval
	Answers int64 // that people have given, those that they have thought better of included
	Left    int64 // calls that the yeses among them can still allow
}

// readWatched reads a question of which people are told. One that cannot be read has its
// id and its time only: nobody else is to wait for it.
func readWatched(scan scanner) (w Watched, err error) {
	w.Approval, err = readApproval(func(dest ...any) error { return scan(append(dest, &w.Answers, &w.Left)...) })
	if err == nil {
		return w, nil
	}
	id, asked := "", int64(0)
	rest := make([]any, 14)
	for i := range rest {
		rest[i] = new(any)
	}
	rest[0], rest[5] = &id, &asked
	if scan(rest...) != nil {
		return w, err
	}
	return Watched{Approval: Approval{ID: id, Asked: time.UnixMilli(asked).UTC()}}, nil
}

// Followed returns up to limit questions that were asked after the place of last,
// or at and after since if last is nil, and to which something may still happen of
// which people are told, the oldest first.
func (db *DB) Followed(ctx context.Context, since time.Time, last *Approval, limit int) ([]Watched, error) {
	at, id := since.UnixMilli(), ""
	if last != nil {
		at, id = last.Asked.UnixMilli(), last.ID
	}
	list, err := all(ctx, db.read, readWatched, `SELECT id, job, call, policy, seq, asked, expires, reply, answered_by, holds_until, used_by, cancelled,
		(SELECT count(*) FROM answer n WHERE n.approval = approval.id),
		(SELECT CAST(coalesce(sum(n.remaining), 0) AS BIGINT) FROM answer n WHERE n.approval = approval.id) FROM approval
		WHERE (asked, id) > ($1, $2) AND NOT EXISTS (SELECT 1 FROM notice_question q WHERE q.approval = id AND q.settled = 1)
		ORDER BY asked, id LIMIT $3`, at, id, bounded(limit))
	return list, wrap("list questions to tell of", err)
}

// AnswersTo returns all signed answers to a question, in the order in which they came.
func (db *DB) AnswersTo(ctx context.Context, approval string) ([]*seal.Envelope, error) {
	list, err := all(ctx, db.read, readEnvelope(receipt.AnswerType), `SELECT envelope FROM answer WHERE approval = $1 ORDER BY place`, approval)
	return list, wrap("list answers to a question", err)
}

// Note keeps what happened to a question, in that order, for each notice's channels
// to be told, but for what is kept already. settled says that nothing more will
// happen to it. It returns how many notices are new. Two replicas that note the
// same keep it once.
func (db *DB) Note(ctx context.Context, a *Approval, list []Notice, settled bool) (n int, err error) {
	err = db.transact(ctx, func(tx *sql.Tx) error {
		done := 0
		if settled {
			done = 1
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO notice_question (approval, asked, settled) VALUES ($1, $2, $3)
			ON CONFLICT (approval) DO UPDATE SET settled = CASE WHEN excluded.settled > notice_question.settled THEN 1 ELSE notice_question.settled END`,
			a.ID, a.Asked.UnixMilli(), done); err != nil {
			return err
		}
		for _, x := range list {
			added, err := db.note(ctx, tx, a.ID, x)
			if err != nil {
				return err
			}
			n += added
		}
		return nil
	})
	return n, wrap("note what happened to a question", err)
}

func (db *DB) note(ctx context.Context, tx *sql.Tx, approval string, x Notice) (int, error) {
	ids, err := all(ctx, tx, column[int64], `INSERT INTO notice (approval, event, mark, at, detail) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (approval, event, mark) DO NOTHING RETURNING id`, approval, x.Event, x.Mark, x.At.UnixMilli(), x.Detail)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	var rows [][]any
	for _, c := range x.Channels {
		rows = append(rows, []any{c, approval, ids[0], db.now().UnixMilli()})
	}
	return 1, db.engine.insert(ctx, tx, `notice_delivery (channel, approval, notice, due)`, rows, ``)
}

// Told reports whether a channel is told of a question: anything of it, delivered or
// not.
func (db *DB) Told(ctx context.Context, channel, approval string) (bool, error) {
	_, err := one(ctx, db.read, column[int64], `SELECT notice FROM notice_delivery WHERE channel = $1 AND approval = $2 LIMIT 1`, channel, approval)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, wrap("look for notices of a question", err)
}

// Noted returns what is kept of a question, in order.
func (db *DB) Noted(ctx context.Context, approval string) ([]Notice, error) {
	list, err := all(ctx, db.read, readNotice, `SELECT id, approval, event, mark, at, detail FROM notice WHERE approval = $1 ORDER BY id`, approval)
	return list, wrap("list notices", err)
}

func readNotice(scan scanner) (x Notice, err error) {
	err = scan(&x.ID, &x.Approval, &x.Event, &x.Mark, (*instant)(&x.At), &x.Detail)
	return x, err
}

// ClaimDelivery claims, for as long as d, the next delivery to a channel that is
// due: of each question the oldest first, and none before it is delivered or given
// up. claim is an id that is used once. It fails with ErrNotFound if none is due.
// A claim that is over can be another's: what it was for may have been done, and is
// done again.
func (db *DB) ClaimDelivery(ctx context.Context, channel, claim string, d time.Duration) (*Delivery, error) {
	now := db.now()
	type row struct {
		Delivery
		until int64
	}
	due, err := all(ctx, db.read, func(scan scanner) (r row, err error) {
		r.Notice, err = readNotice(func(dest ...any) error { return scan(append(dest, &r.Tries, &r.until)...) })
		return r, err
	}, `SELECT n.id, n.approval, n.event, n.mark, n.at, n.detail, d.tries, d.until FROM notice_delivery d JOIN notice n ON n.id = d.notice
		WHERE d.channel = $1 AND d.ended = 0 AND d.due <= $2 AND d.until <= $2
		AND NOT EXISTS (SELECT 1 FROM notice_delivery e WHERE e.channel = d.channel AND e.approval = d.approval AND e.notice < d.notice AND e.ended = 0)
		ORDER BY d.due, d.notice LIMIT 8`, channel, now.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("look for notices that are due: %w", err)
	}
	for _, r := range due {
		res, err := db.write.ExecContext(ctx, `UPDATE notice_delivery SET claim = $1, until = $2 WHERE channel = $3 AND approval = $4 AND notice = $5 AND ended = 0 AND until = $6`,
			claim, now.Add(d).UnixMilli(), channel, r.Approval, r.ID, r.until)
		if err = touched(res, err, ErrConflict); errors.Is(err, ErrConflict) {
			continue // another replica was faster
		}
		if err != nil {
			return nil, fmt.Errorf("claim notice: %w", err)
		}
		out := r.Delivery
		out.Channel, out.Claim = channel, claim
		return db.placed(ctx, &out)
	}
	return nil, fmt.Errorf("notices to channel %s: %w", channel, ErrNotFound)
}

// placed finds the place of d's question in d's channel.
func (db *DB) placed(ctx context.Context, d *Delivery) (*Delivery, error) {
	place, err := one(ctx, db.read, column[string], `SELECT place FROM notice_delivery WHERE channel = $1 AND approval = $2 AND place <> '' ORDER BY notice DESC LIMIT 1`, d.Channel, d.Approval)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("read notice: %w", err)
	}
	d.Place = place
	return d, nil
}

// EndDelivery says that d was delivered, and where the other side keeps it, or that
// it is given up. It fails with ErrConflict if the claim does not hold any more.
func (db *DB) EndDelivery(ctx context.Context, d *Delivery, place string) error {
	res, err := db.write.ExecContext(ctx, `UPDATE notice_delivery SET ended = $1, place = $2, claim = '', until = 0 WHERE channel = $3 AND approval = $4 AND notice = $5 AND ended = 0 AND claim = $6`,
		db.now().UnixMilli(), place, d.Channel, d.Approval, d.ID, d.Claim)
	return wrap("end notice", touched(res, err, ErrConflict))
}

// DelayDelivery says that d was tried in vain and is not to be tried again before
// due. It fails with ErrConflict if the claim does not hold any more.
func (db *DB) DelayDelivery(ctx context.Context, d *Delivery, due time.Time) error {
	res, err := db.write.ExecContext(ctx, `UPDATE notice_delivery SET tries = tries + 1, due = $1, claim = '', until = 0 WHERE channel = $2 AND approval = $3 AND notice = $4 AND ended = 0 AND claim = $5`,
		due.UnixMilli(), d.Channel, d.Approval, d.ID, d.Claim)
	return wrap("delay notice", touched(res, err, ErrConflict))
}

// PutOnce keeps an id that is good once, until a time: of something about a
// question in a channel, or of nothing. It fails with ErrConflict for an id that is
// kept already.
func (db *DB) PutOnce(ctx context.Context, id, approval, channel string, until time.Time) error {
	res, err := db.write.ExecContext(ctx, `INSERT INTO notice_once (id, approval, channel, until) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`,
		id, approval, channel, until.UnixMilli())
	return wrap("keep id", touched(res, err, ErrConflict))
}

// UseOnce uses up an id and returns what it is about. It fails with ErrNotFound for
// one that is not kept, used up or too old.
func (db *DB) UseOnce(ctx context.Context, id string) (approval, channel string, err error) {
	type row struct{ approval, channel string }
	r, err := one(ctx, db.write, func(scan scanner) (r row, err error) {
		err = scan(&r.approval, &r.channel)
		return r, err
	}, `DELETE FROM notice_once WHERE id = $1 AND until > $2 RETURNING approval, channel`, id, db.now().UnixMilli())
	return r.approval, r.channel, wrap("use id", err)
}

// ForgetNotices forgets what people were told of questions that were asked before a
// time and are settled, and ids that are too old. What is still to be delivered goes
// with it. The time must be before any that Followed is asked for.
func (db *DB) ForgetNotices(ctx context.Context, before time.Time) error {
	err := db.transact(ctx, func(tx *sql.Tx) error {
		const old = ` IN (SELECT approval FROM notice_question WHERE asked < $1 AND settled = 1)`
		for _, stmt := range []string{`DELETE FROM notice_delivery WHERE approval` + old, `DELETE FROM notice WHERE approval` + old, `DELETE FROM notice_question WHERE asked < $1 AND settled = 1`} {
			if _, err := tx.ExecContext(ctx, stmt, before.UnixMilli()); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM notice_once WHERE until <= $1`, db.now().UnixMilli())
		return err
	})
	return wrap("forget notices", err)
}
