// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// An owner is what revocations find a job by.
type owner struct{ job, agent, policy string }

func readOwner(scan scanner) (o owner, err error) {
	err = scan(&o.job, &o.agent, &o.policy)
	return o, err
}

// concerns are the values of revocation.concerns that mean o's job.
func (o owner) concerns() []string {
	return []string{"", concernsJob + o.job, concernsAgent + o.agent, concernsPolicy + o.policy}
}

// inForce returns the orders in force that concern any of concerns, in their
// order.
func inForce(ctx context.Context, q querier, concerns []string) ([]order, error) {
	list, err := all(ctx, q, readOrder, inForceQuery(len(concerns)), values(concerns)...)
	return list, wrap("read revocations", err)
}

// outOfDate is by how much RevokingJob may be.
const outOfDate = 100 * time.Millisecond

// RevokingJob returns what is in force and may concern an agent's job under a
// policy, in the order in which it was given. What another daemon has ordered it
// may miss for 100 ms: what counts is what Write finds.
func (db *DB) RevokingJob(ctx context.Context, job, agent string, policy seal.Hash) ([]token.Revocation, error) {
	o, now := owner{job, agent, policy.String()}, time.Now()
	if out, ok := db.lately.Get(o, now); ok {
		return out, nil
	}
	age := db.lately.Age()
	out, err := db.revokingJob(ctx, o)
	if err == nil {
		db.lately.PutSince(age, o, out, now, outOfDate)
	}
	return out, err
}

func (db *DB) revokingJob(ctx context.Context, o owner) ([]token.Revocation, error) {
	concerns := values(o.concerns())
	var rows *sql.Rows
	var err error
	if db.hot != nil {
		rows, err = db.hot.QueryContext(ctx, concerns...)
	} else {
		rows, err = db.read.QueryContext(ctx, inForceQuery(len(concerns)), concerns...)
	}
	if err != nil {
		return nil, fmt.Errorf("read revocations: %w", err)
	}
	list, err := read(rows, readRevocation)
	out := make([]token.Revocation, len(list))
	for i, r := range list {
		out[i] = r.Revocation
	}
	return out, wrap("read revocations", err)
}

func inForceQuery(concerns int) string {
	return revocationQuery + ` WHERE restored = 0 AND concerns IN (` + places(1, concerns) + `) ORDER BY id`
}

// Revoking returns the orders in force that may concern the jobs: those of the
// jobs, their tokens, their agents, their policies, of actions and of
// everything.
func (db *DB) Revoking(ctx context.Context, jobs []string) ([]Revocation, error) {
	list, err := all(ctx, db.read, readRevocation, revocationQuery+` WHERE restored = 0 AND concerns = ''`)
	for len(jobs) > 0 && err == nil {
		n := min(len(jobs), maxLimit)
		in := ` FROM job WHERE id IN (` + places(1, n) + `)`
		var more []Revocation
		more, err = all(ctx, db.read, readRevocation, revocationQuery+` WHERE restored = 0 AND concerns IN (
			SELECT 'job ' || id`+in+` UNION SELECT 'agent ' || agent`+in+` UNION SELECT 'policy ' || policy`+in+`) ORDER BY id`, values(jobs[:n])...)
		list, jobs = append(list, more...), jobs[n:]
	}
	return list, wrap("list what is revoked", err)
}

// A held is what belongs to a job: a token, or a question about an action.
type held struct{ id, job, action string }

func readHeld(scan scanner) (h held, err error) {
	err = scan(&h.id, &h.job, &h.action)
	return h, err
}

// endedTokens returns the good tokens that r ends, or whose calls of an action it
// does: those that have not expired, and that no final order has ended.
func endedTokens(ctx context.Context, q querier, r *Revocation) ([]held, error) {
	query, args := `
		SELECT t.id, t.job, '' FROM token t WHERE t.expires > $1 AND NOT EXISTS (
			SELECT 1 FROM revocation f WHERE f.restored = 0 AND f.concerns = 'job ' || t.job AND (f.kind = 'job' OR f.target = t.id))`, []any{r.At.UnixMilli()}
	switch r.Kind {
	case token.RevokeToken:
		query, args = query+` AND t.id = $2`, append(args, r.Target)
	case token.RevokeJob:
		query, args = query+` AND t.job = $2`, append(args, r.Target)
	case token.RevokeAgent:
		query, args = query+` AND t.agent = $2`, append(args, r.Target)
	case token.RevokePolicy:
		query, args = query+` AND t.policy = $2`, append(args, r.Target)
	}
	return all(ctx, q, readHeld, query, args...)
}

// openQuestions returns the questions, and the answers that no call has used, that r
// ends. Those of a token are its job's.
func openQuestions(ctx context.Context, q querier, r *Revocation) ([]held, error) {
	query, args := `
		SELECT a.id, a.job, a.action FROM approval a
		WHERE a.used_by = 0 AND a.cancelled = 0 AND (a.reply = '' AND a.expires > $1 OR a.holds_until > $1)`, []any{r.At.UnixMilli()}
	switch r.Kind {
	case token.RevokeToken, token.RevokeJob:
		query, args = query+` AND a.job = $2`, append(args, r.Job)
	case token.RevokeAgent:
		query, args = query+` AND a.job IN (SELECT id FROM job WHERE agent = $2)`, append(args, r.Target)
	case token.RevokePolicy:
		query, args = query+` AND a.job IN (SELECT id FROM job WHERE policy = $2)`, append(args, r.Target)
	}
	out, err := all(ctx, q, readHeld, query+` ORDER BY a.job, a.seq`, args...)
	if r.Kind == token.RevokeAction {
		out = slices.DeleteFunc(out, func(q held) bool { return !means(r, q.action) })
	}
	return out, err
}

// cancelQuestions cancels what openQuestions finds, and returns it.
func cancelQuestions(ctx context.Context, tx *sql.Tx, r *Revocation) ([]held, error) {
	out, err := openQuestions(ctx, tx, r)
	for rest := out; len(rest) > 0 && err == nil; {
		n := min(len(rest), maxLimit)
		ids := []any{r.At.UnixMilli()}
		for _, q := range rest[:n] {
			ids = append(ids, q.id)
		}
		_, err = tx.ExecContext(ctx, `UPDATE approval SET cancelled = $1 WHERE id IN (`+places(2, n)+`)`, ids...)
		rest = rest[n:]
	}
	return out, err
}

// actionText is how approval.action says what c does.
func actionText(c *policy.Call) string {
	return strings.Join([]string{c.Tool, c.Action, string(c.Class)}, " ")
}

// means reports whether r, an action's, ends what a question is about. What does
// not say it, because it is of an older house, is about everything.
func means(r *Revocation, action string) bool {
	parts := strings.Split(action, " ")
	if len(parts) != 3 {
		return true
	}
	return r.Ends(&token.Claims{}, policy.Action{Tool: parts[0], Name: parts[1], Class: policy.Class(parts[2])})
}
