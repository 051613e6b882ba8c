// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A Job is a purpose that one agent follows under one policy.
type Job struct {
	ID      string
	Agent   string
	Policy  seal.Hash
	Client  string    // who ordered its first token: an operator, an OAuth client or an identity
	Created time.Time // kept to the millisecond

	// What it has come to. CreateJob ignores these.
	Receipts int
	Used     map[string]int
}

// CreateJob adds a job. It is nil for a job that is there already with the same
// agent, policy and client, and ErrConflict with another, and for the house's
// own. A job of before there were clients is anybody's.
func (db *DB) CreateJob(ctx context.Context, j Job) error {
	if err := token.CheckName("job", j.ID); err != nil {
		return err
	}
	if err := token.CheckName("agent", j.Agent); err != nil {
		return err
	}
	if j.ID == receipt.Journal {
		return fmt.Errorf("job %s is the house's own: %w", j.ID, ErrConflict)
	}
	err := db.transact(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO job (id, agent, policy, client, created) VALUES ($1, $2, $3, $4, $5)`,
			j.ID, j.Agent, j.Policy.String(), j.Client, j.Created.UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO chain (job, seq, hash, at) VALUES ($1, 0, $2, 0)`, j.ID, seal.Hash{}.String())
		return err
	})
	if !db.engine.isConflict(err) {
		return wrap("create job", err)
	}
	old, err := one(ctx, db.read, readJob, jobQuery+` WHERE j.id = $1`, j.ID)
	if err != nil {
		return fmt.Errorf("create job: %w", err)
	}
	if old.Agent != j.Agent || old.Policy != j.Policy || old.Client != "" && old.Client != j.Client {
		return fmt.Errorf("job %s is another agent's or client's, or under another policy: %w", j.ID, ErrConflict)
	}
	return nil
}

const jobQuery = `SELECT j.id, j.agent, j.policy, j.client, j.created, c.seq, c.used FROM job j JOIN chain c ON c.job = j.id`

func readJob(scan scanner) (*Job, error) {
	j := &Job{Used: map[string]int{}}
	var used string
	err := scan(&j.ID, &j.Agent, (*digest)(&j.Policy), &j.Client, (*instant)(&j.Created), &j.Receipts, &used)
	if err == nil {
		err = seal.Unmarshal([]byte(used), &j.Used)
	}
	return j, err
}

// Job returns one job. It fails with ErrNotFound.
func (db *DB) Job(ctx context.Context, id string) (*Job, error) {
	j, err := one(ctx, db.read, readJob, jobQuery+` WHERE j.id = $1`, id)
	if err != nil {
		return nil, fmt.Errorf("job %q: %w", id, err)
	}
	return j, db.countUses(ctx, []*Job{j})
}

// Jobs returns up to limit jobs, the newest first, without the house's own. Zero
// means 100.
func (db *DB) Jobs(ctx context.Context, limit int) ([]Job, error) {
	list, err := all(ctx, db.read, readJob, jobQuery+` WHERE j.id <> $1 ORDER BY j.created DESC, j.id DESC LIMIT $2`, receipt.Journal, bounded(limit))
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	if err := db.countUses(ctx, list); err != nil {
		return nil, err
	}
	out := make([]Job, len(list))
	for i, j := range list {
		out[i] = *j
	}
	return out, nil
}

func (db *DB) countUses(ctx context.Context, list []*Job) error {
	if len(list) == 0 {
		return nil
	}
	byID := map[string]*Job{}
	var ids []string
	for _, j := range list {
		byID[j.ID] = j
		ids = append(ids, j.ID)
	}
	used, err := all(ctx, db.read, readCounter, `SELECT job, name, used FROM counter WHERE job IN (`+places(1, len(ids))+`)`, values(ids)...)
	if err != nil {
		return fmt.Errorf("read counters: %w", err)
	}
	for _, c := range used {
		byID[c.job].Used[c.name] = c.used
	}
	return nil
}

// wrap says what was being done when err came, if it did.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
