// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"errors"
	"fmt"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// act carries out the call of opened, and closes it. tell is told when it is carried out.
func (g *Gate) act(ctx context.Context, opened *receipt.Receipt, act Act, tell func(Step)) (*receipt.Receipt, *Result, error) {
	ctx, told := g.Telemetry.Act(ctx, opened)
	res, actErr := run(ctx, opened, act)
	tell(Acted)
	body := g.text(opened.Job, res.Body)
	out := res.Outcome
	if code := cut(ctx); out.Status != receipt.Done && code != "" {
		out.Code, actErr = code, context.Cause(ctx)
	}
	told.End(&out)
	out.Result, out.Size = body.Commitment, int64(len(res.Body))
	texts := []receipt.Text{body}
	for i, args := range res.Proposed {
		t := g.text(opened.Job, args)
		out.Model.Proposed[i].Args = t.Commitment
		texts = append(texts, t)
	}
	var closed *receipt.Receipt
	err := g.Book.Write(context.WithoutCancel(ctx), opened.Job, func(st *receipt.State) (*receipt.Line, error) {
		closed = receipt.Close(st, opened, &out)
		return closed.Line(g.Signer, texts...)
	})
	if err != nil {
		return opened, nil, fmt.Errorf("%w: %w", ErrUnclosed, err)
	}
	return closed, res, actErr
}

// cut returns the code of what cut off a call that was watched, or nothing: a
// revocation, or that revocations cannot be seen. An agent that hangs up is
// neither.
func cut(ctx context.Context) string {
	cause := context.Cause(ctx)
	switch {
	case cause == nil || errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded):
		return ""
	case token.Code(cause) != token.CodeUnknown:
		return token.Code(cause)
	}
	return "revocations.unseen"
}

// run never returns a nil result: an act that panics or fails without one may
// have happened.
func run(ctx context.Context, opened *receipt.Receipt, act Act) (res *Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			res, err = nil, fmt.Errorf("act: panic: %v", v)
		}
		if res == nil {
			res = &Result{Outcome: receipt.Outcome{Status: receipt.Unknown, Code: code(err)}}
		}
	}()
	return act(ctx, opened)
}
