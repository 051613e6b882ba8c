// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/clawea/clawea/seal"
)

// A Policy is a published policy with the papers that prove it, both the
// canonical bytes of envelopes. The store does not verify them.
type Policy struct {
	Hash      seal.Hash
	Name      string
	Envelope  []byte
	Binding   []byte
	Published time.Time // kept to the millisecond
}

// PutPolicy adds a policy. It is nil for one that is there already with the
// same name and papers, whose time stays, and ErrConflict with others.
func (db *DB) PutPolicy(ctx context.Context, p Policy) error {
	_, err := db.write.ExecContext(ctx, `INSERT INTO policy (hash, name, envelope, binding, published) VALUES ($1, $2, $3, $4, $5)`,
		p.Hash.String(), p.Name, blob(p.Envelope), blob(p.Binding), p.Published.UnixMilli())
	if !db.engine.isConflict(err) {
		return wrap("put policy", err)
	}
	old, err := db.Policy(ctx, p.Hash)
	if err != nil {
		return err
	}
	if old.Name != p.Name || !bytes.Equal(old.Envelope, p.Envelope) || !bytes.Equal(old.Binding, p.Binding) {
		return fmt.Errorf("policy %s has other papers: %w", p.Hash, ErrConflict)
	}
	return nil
}

const policyQuery = `SELECT hash, name, envelope, binding, published FROM policy`

func readPolicy(scan scanner) (p Policy, err error) {
	err = scan((*digest)(&p.Hash), &p.Name, &p.Envelope, &p.Binding, (*instant)(&p.Published))
	return p, err
}

// Policy returns one policy. It fails with ErrNotFound.
func (db *DB) Policy(ctx context.Context, h seal.Hash) (*Policy, error) {
	p, err := one(ctx, db.read, readPolicy, policyQuery+` WHERE hash = $1`, h.String())
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", h, err)
	}
	return &p, nil
}

// Policies returns all policies, in the order of their publication.
func (db *DB) Policies(ctx context.Context) ([]Policy, error) {
	list, err := all(ctx, db.read, readPolicy, policyQuery+` ORDER BY published, hash`)
	return list, wrap("list policies", err)
}

// blob is b, and empty rather than NULL for nil.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
