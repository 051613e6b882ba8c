// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// maxAnswers is how many yeses a question takes of one person, and how many noes, those
// that they have thought better of included: all are in its job's bundle. It is of each,
// so that nobody uses up what others want to say, nor their own first no; and there are
// no more withdrawals than there is to be withdrawn.
const maxAnswers = 10

// withdrawn is how answer.reply says that a person took back what they said.
const withdrawn = "withdrawn"

// A Judge says what the answers to a question come to that hold now: the last of
// each person who has not withdrawn it. It must be quick and must not use the
// database.
type Judge func(answers []*seal.Envelope) Reply

// Answer takes a person's answer to a question: a, and the canonical bytes of the
// envelope that holds it, whose signature the caller has verified. Of one person
// the last answer counts. A question takes a yes while it is open, and a no or a
// withdrawal also as long as answers to it hold. It fails with ErrConflict if the
// question takes no more, is used up or cancelled, if a is not about what was asked,
// not later than what the same person said before, or takes back what is not there;
// and with ErrNotFound if there is no such question. Of several at once, each is
// judged together with those before it, and a yes beside somebody's no is not taken.
func (db *DB) Answer(ctx context.Context, id string, envelope []byte, a *receipt.Answer, judge Judge) error {
	if err := heldBy(envelope, a); err != nil {
		return fmt.Errorf("answer approval %q: %w", id, err)
	}
	err := db.transact(ctx, func(tx *sql.Tx) error {
		q, err := db.lockQuestion(ctx, tx, id)
		if err != nil {
			return err
		}
		now := db.now()
		if err := q.mayTake(a, now); err != nil {
			return err
		}
		return q.put(ctx, tx, envelope, a, judge, now)
	})
	return wrap(fmt.Sprintf("answer approval %q", id), err)
}

// heldBy checks that envelope is a's.
func heldBy(envelope []byte, a *receipt.Answer) error {
	e, err := parseEnvelope(receipt.AnswerType, envelope)
	if err != nil {
		return err
	}
	payload, err := seal.Marshal(a)
	if err != nil {
		return err
	}
	if !bytes.Equal(e.Payload, payload) {
		return errors.New("the envelope holds another answer")
	}
	return nil
}

// lockQuestion reads a question, with its job's chain locked: no call can be
// allowed by its answers, and no order be given, until the transaction ends.
func (db *DB) lockQuestion(ctx context.Context, tx *sql.Tx, id string) (*question, error) {
	_, err := one(ctx, tx, column[string], `
		SELECT c.job FROM chain c JOIN approval q ON q.job = c.job WHERE q.id = $1 AND `+db.engine.beforeOrders+db.engine.lockChains, id)
	if err != nil {
		return nil, err
	}
	q, err := one(ctx, tx, readQuestion, questionQuery+` WHERE q.id = $1`, id)
	if err != nil {
		return nil, err
	}
	q.answers, err = all(ctx, tx, readSaid, saidQuery+` WHERE n.current = 1 AND n.approval = $1 ORDER BY n.place`, id)
	return q, err
}

// mayTake reports why q does not take a at now.
func (q *question) mayTake(a *receipt.Answer, now time.Time) error {
	conflict := func(why string) error { return fmt.Errorf("%s: %w", why, ErrConflict) }
	before := slices.IndexFunc(q.answers, func(g *said) bool { return g.fact.By == a.By })
	switch {
	case a.Approval != q.id || a.Job != q.job || !a.Call.Equal(q.call) || !a.Policy.Equal(q.policy):
		return conflict("it is about something else")
	case q.usedBy != 0:
		return conflict("its call has been made")
	case q.cancelled:
		return conflict("it is cancelled")
	case !q.takes(a.Yes, now):
		return conflict("it has been answered or has expired")
	case before >= 0 && !a.At.After(q.answers[before].fact.At):
		return conflict("the same person has said something since, or just now")
	case a.Withdraws && (before < 0 || q.answers[before].withdrawn):
		return conflict("there is nothing to withdraw")
	}
	return nil
}

// takes reports whether q takes another answer at now.
func (q *question) takes(yes bool, now time.Time) bool {
	held := slices.ContainsFunc(q.answers, func(g *said) bool { return g.holds(now) })
	if now.Before(q.expires) {
		return q.reply == NoReply || held
	}
	return held && !yes // what still counts can be denied and taken back
}

// put adds an answer that q may take.
func (q *question) put(ctx context.Context, tx *sql.Tx, envelope []byte, a *receipt.Answer, judge Judge, now time.Time) error {
	last, err := one(ctx, tx, column[int], `SELECT COALESCE(MAX(place), 0) FROM answer WHERE approval = $1`, q.id)
	if err != nil {
		return err
	}
	n, err := one(ctx, tx, column[int], `SELECT count(*) FROM answer WHERE approval = $1 AND person = $2 AND reply = $3`, q.id, a.By, replyOf(a))
	if err != nil {
		return err
	}
	if n >= maxAnswers && !a.Withdraws {
		return fmt.Errorf("the same person has said %s %d times: %w", replyOf(a), n, ErrConflict)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE answer SET current = 0 WHERE approval = $1 AND person = $2 AND current = 1`, q.id, a.By); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO answer (approval, place, person, reply, remaining, current, envelope) VALUES ($1, $2, $3, $4, $5, 1, $6)`,
		q.id, last+1, a.By, replyOf(a), a.Calls(), envelope)
	if err != nil {
		return err
	}
	counting, err := all(ctx, tx, readSaid, saidQuery+` WHERE n.current = 1 AND n.approval = $1 ORDER BY n.place`, q.id)
	if err != nil {
		return err
	}
	counting = slices.DeleteFunc(counting, func(g *said) bool { return !g.holds(now) })
	reply, by, until := NoReply, "", int64(0)
	var papers []*seal.Envelope
	for _, g := range counting {
		papers, by = append(papers, g.paper), g.fact.By
		until = max(until, g.fact.Expires.Add(time.Millisecond-1).UnixMilli()) // rounded up: the exact time is in the envelope
	}
	switch reply = judge(papers); {
	case reply == No && a.Yes: // or it would count when that no is over
		return fmt.Errorf("somebody else has said no: %w", ErrConflict)
	case reply == NoReply:
		by = ""
	}
	_, err = tx.ExecContext(ctx, `UPDATE approval SET reply = $1, answered_by = $2, holds_until = $3 WHERE id = $4`, string(reply), by, until, q.id)
	return err
}

func replyOf(a *receipt.Answer) string {
	switch {
	case a.Withdraws:
		return withdrawn
	case a.Yes:
		return string(Yes)
	}
	return string(No)
}

// A said is the last that a person has said to a question.
type said struct {
	approval  string
	remaining int             // how many calls a yes can still allow
	fact      policy.Approval // what it says
	withdrawn bool            //
	answer    *receipt.Answer // as it was read
	paper     *seal.Envelope  // as it was signed
}

const saidQuery = `SELECT n.approval, n.remaining, n.envelope FROM answer n`

func readSaid(scan scanner) (*said, error) {
	g := new(said)
	var paper []byte
	if err := scan(&g.approval, &g.remaining, &paper); err != nil {
		return nil, err
	}
	e, err := parseEnvelope(receipt.AnswerType, paper)
	if err != nil {
		return nil, fmt.Errorf("approval %s: %w", g.approval, err)
	}
	a := new(receipt.Answer)
	if err := seal.Decode(e.Payload, a); err != nil {
		return nil, fmt.Errorf("approval %s: read answer: %w", g.approval, err)
	}
	g.fact, g.withdrawn, g.answer, g.paper = a.Fact(), a.Withdraws, a, e
	return g, nil
}

// holds reports whether g counts at now or will.
func (g *said) holds(now time.Time) bool {
	return !g.withdrawn && now.Before(g.fact.Expires) && (!g.fact.Yes || g.remaining > 0)
}

// counts reports whether g counts at now. A yes that is signed with a clock ahead of
// ours does not count yet; a no does.
func (g *said) counts(now time.Time) bool {
	return g.holds(now) && !g.ahead(now)
}

// ahead reports whether g is a yes that does not count yet.
func (g *said) ahead(now time.Time) bool { return g.fact.Yes && g.fact.At.After(now) }

// A Given is what a person has said to a question, and not thought better of.
type Given struct {
	receipt.Answer
	Left  int            // how many calls a yes can still allow
	Paper *seal.Envelope // as it was signed
}

// Given returns what people have said to questions, by question, in order, what has
// expired included. Nothing of it is verified.
func (db *DB) Given(ctx context.Context, ids ...string) (map[string][]Given, error) {
	out := map[string][]Given{}
	for len(ids) > 0 {
		n := min(len(ids), maxLimit)
		list, err := all(ctx, db.read, readSaid, saidQuery+`
			WHERE n.current = 1 AND n.reply <> 'withdrawn' AND n.approval IN (`+places(1, n)+`) ORDER BY n.approval, n.place`, values(ids[:n])...)
		if err != nil {
			return nil, fmt.Errorf("list answers: %w", err)
		}
		for _, g := range list {
			out[g.approval] = append(out[g.approval], Given{*g.answer, g.remaining, g.paper})
		}
		ids = ids[n:]
	}
	return out, nil
}

// Answers returns all signed answers to a job's questions, in the order of the
// questions, and to each in the order in which they came.
func (db *DB) Answers(ctx context.Context, job string) ([]*seal.Envelope, error) {
	list, err := all(ctx, db.read, readEnvelope(receipt.AnswerType), `
		SELECT n.envelope FROM answer n JOIN approval q ON q.id = n.approval WHERE q.job = $1 ORDER BY q.seq, n.place`, job)
	return list, wrap("list answers", err)
}
