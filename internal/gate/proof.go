// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// A proof is what a caller has shown beside the token: good once, whoever of the
// request's calls is the first to use it up. The zero proof is none.
type proof struct {
	mu    sync.Mutex
	spent *receipt.Spent // nil: there is none, or it is used up
	used  error          // what is said of it if it was used up by another request
}

// use lets f use up c's proof, with what it writes, unless that is done; then it gets
// nil. The others wait meanwhile: nothing that came with a proof of another request's
// is done. Errors are f's, but a *Refused for such a proof, once recorded as a's.
func (g *Gate) use(ctx context.Context, c *Caller, a policy.Action, f func(*receipt.Spent) error) error {
	p := &c.proof
	p.mu.Lock()
	if p.spent == nil && p.used == nil {
		p.mu.Unlock()
		return f(nil)
	}
	defer p.mu.Unlock()
	if p.used != nil {
		return p.used
	}
	err := f(p.spent)
	refused := errors.As(err, new(*Refused)) // recorded, and the proof with it
	switch {
	case errors.Is(err, token.ErrReplayed):
		if !refused {
			_, err = g.refuse(ctx, c.claims, nil, a, token.ErrReplayed)
		}
		p.used = err
	case err == nil || refused:
		p.spent = nil
	}
	return err
}

// Spend uses up c's proof, unless one of its calls has: nothing may be answered before.
// a says what c came for, should the proof be of another request. Errors are as of Do.
func (g *Gate) Spend(ctx context.Context, c *Caller, a policy.Action) error {
	tried := false
	err := g.use(ctx, c, a, func(spent *receipt.Spent) error {
		if spent == nil {
			return nil
		}
		tried = true
		return g.Book.Spend(ctx, c.claims.Job, *spent)
	})
	if err != nil && tried { // else it was told of before
		g.Telemetry.Refused(a, refusal(err))
	}
	return err
}

// turnDown is refuse for c, whose proof is used up.
func (g *Gate) turnDown(ctx context.Context, c *Caller, a policy.Action, cause error) (r *receipt.Receipt, err error) {
	err = g.use(ctx, c, a, func(spent *receipt.Spent) (err error) {
		r, err = g.refuse(ctx, c.claims, spent, a, cause)
		return err
	})
	if refused := (*Refused)(nil); r == nil && errors.As(err, &refused) {
		r = refused.Receipt
	}
	return r, err
}

// write is the book's Write of what next returns, which uses up a proof, or none.
func (g *Gate) write(ctx context.Context, job string, spent *receipt.Spent, next func(*receipt.State) (*receipt.Line, error)) error {
	return g.Book.Write(ctx, job, func(st *receipt.State) (*receipt.Line, error) {
		line, err := next(st)
		if err == nil {
			line.Spent = spent
		}
		return line, err
	})
}

// refuseUnrecorded uses up a proof that no receipt does. The answer is refused, or that
// the proof was used before.
func (g *Gate) refuseUnrecorded(ctx context.Context, job string, spent *receipt.Spent, refused *Refused) error {
	if spent == nil {
		return refused
	}
	err := g.Book.Spend(ctx, job, *spent)
	if errors.Is(err, token.ErrReplayed) {
		return &Refused{nil, token.Code(err), err}
	}
	if err != nil {
		return fmt.Errorf("use up proof: %w", err)
	}
	return refused
}
