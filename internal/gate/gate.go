// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package gate is the one way through the house: authenticate, resolve the
// call into policy terms, decide, open a receipt, act once, close the receipt.
// Users say execution layer, tool boundary.
//
// Nothing is sent to the outside unless the opened receipt is durable; what has
// been sent gets its closed receipt even if the agent hangs up.
package gate

import (
	"context"
	"fmt"
	"slices"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// Tokens authenticates. internal/issuer fills it.
type Tokens interface {
	// Check verifies raw, revocation included. Where the signature holds, the
	// claims come back even with an error, so that the refusal can be recorded.
	Check(ctx context.Context, raw string) (*token.Claims, error)
}

// Policies finds policies by hash. internal/registry fills it.
type Policies interface {
	// Policy returns the published policy h, bound to ids, its hash and
	// signatures verified on this read.
	Policy(ctx context.Context, h seal.Hash) (*policy.Policy, error)
}

// A Book holds every job's chain of receipts. internal/store fills it.
type Book interface {
	// Write locks the job, calls next with what the job has come to, and commits
	// the line that next returns. It returns nil only when the line is durable.
	// If next fails, nothing is written.
	Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error
}

// A Request is what an agent asks for, before it is in policy terms.
type Request struct {
	Action policy.Action
	Text   []byte // the exact canonical arguments or request; committed to, never in the receipt

	// Plan puts the request in policy terms. It may read, within bounds, but not
	// change anything. It is called only if the policy could ever allow Action.
	Plan func(ctx context.Context, bounds []policy.Bound) (*Plan, error)
}

// A Plan is a request in policy terms, and how to carry it out.
type Plan struct {
	Call *policy.Call
	Act  Act
}

// An Act carries out an allowed call, whose opened receipt is durable. The gate
// runs it at most once. A Result that comes with an error is recorded: the
// error is the agent's answer.
type Act func(ctx context.Context, opened *receipt.Receipt) (*Result, error)

// A Result is what an act did and the bytes that the agent gets or got.
type Result struct {
	Body    []byte
	Outcome receipt.Outcome // its Result and Size are filled in by the gate
}

// A Gate carries calls. All fields must be set, but for Shadows; without People,
// what asks for a person is never done.
type Gate struct {
	Tokens   Tokens
	Policies Policies
	Book     Book
	Shadows  Shadows         // nil: no candidates run beside policies
	People   []seal.Verifier // whose answers count
	Signer   seal.Signer     // signs receipts
	Salt     []byte          // secret key of commitments' salts, 32 bytes or more
}

// Do carries one call through the house and returns its last receipt, with the
// result if it was carried out. The error is a *Denied or *Pending when the
// policy says no or asks for a person, a *Refused when the token or policy does
// not hold, a *Fault from the act, and anything else when the house itself is
// in trouble, in which case nothing was done unless the error is ErrUnclosed.
func (g *Gate) Do(ctx context.Context, raw string, req *Request) (*receipt.Receipt, *Result, error) {
	c, err := g.Tokens.Check(ctx, raw)
	if err != nil {
		return g.refuse(ctx, c, req, token.Code(err), err)
	}
	whole, err := g.Policies.Policy(ctx, c.Policy)
	if err != nil {
		return g.refuse(ctx, c, req, "policy.unusable", err)
	}
	p, err := c.Fit(whole)
	if err != nil {
		return g.refuse(ctx, c, req, token.Code(err), err)
	}
	plan, planErr := g.plan(ctx, p, req)
	args := g.text(c.Job, req.Text)
	plan.Call.Args = args.Commitment
	full := plan.Call
	plan.Call = p.Minimal(full)
	beside := g.beside(ctx, whole, c.Grant())

	var opened *receipt.Receipt
	err = g.Book.Write(ctx, c.Job, func(st *receipt.State) (*receipt.Line, error) {
		if st.Now.Unix() >= c.Expires { // while the call was being resolved
			opened = receipt.Refuse(st, c, plan.Call, token.Code(token.ErrExpired))
			return opened.Sign(g.Signer, args)
		}
		f := g.facts(st, c, plan.Call)
		f.Conditions = p.Conditions(plan.Call, f, req.Text)
		opened = receipt.Open(st, c, plan.Call, f, p.Decide(plan.Call, f))
		opened.Shadow = verdicts(beside, full, f, req.Text)
		return opened.Sign(g.Signer, args)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("open receipt: %w", err) // fail closed: nothing has happened
	}
	if opened.Refused != "" {
		return opened, nil, &Refused{opened, opened.Refused, token.ErrExpired}
	}
	switch opened.Decision.Effect {
	case policy.Allow:
		return g.act(ctx, opened, plan.Act)
	case policy.Ask:
		return opened, nil, &Pending{opened}
	default:
		return opened, nil, &Denied{opened, planErr}
	}
}

func (g *Gate) plan(ctx context.Context, p *policy.Policy, req *Request) (*Plan, error) {
	bare := &Plan{Call: &policy.Call{Tool: req.Action.Tool, Action: req.Action.Name, Class: req.Action.Class}}
	if !p.CanEver(req.Action) {
		return bare, nil // Decide says why
	}
	plan, err := req.Plan(ctx, p.Bounds(req.Action.Tool))
	if err == nil && (plan.Call.Name() != req.Action.String() || plan.Call.Class != req.Action.Class) {
		err = &Fault{Code: "plan", Msg: "the plan is for another action"}
	}
	if err != nil {
		bare.Call.Unresolved = code(err)
		return bare, err
	}
	return plan, nil
}

// facts are what the decision about call may depend on. Of people's answers,
// those count that are about this call and whose signature holds now: the book
// is not trusted with a yes.
func (g *Gate) facts(st *receipt.State, c *token.Claims, call *policy.Call) *policy.Facts {
	f := &policy.Facts{Now: st.Now, Used: st.Used, Runtime: c.Runtime, Ticket: c.Ticket}
	digest := call.Digest()
	for _, e := range st.Answers {
		a, err := receipt.OpenAnswer(e, g.People...)
		if err == nil && a.Job == c.Job && a.Policy.Equal(c.Policy) && a.Call.Equal(digest) {
			f.Approvals = append(f.Approvals, a.Fact())
		}
	}
	return f
}

func (g *Gate) act(ctx context.Context, opened *receipt.Receipt, act Act) (*receipt.Receipt, *Result, error) {
	res, actErr := run(ctx, opened, act)
	body := g.text(opened.Job, res.Body)
	out := res.Outcome
	out.Result, out.Size = body.Commitment, int64(len(res.Body))
	var closed *receipt.Receipt
	err := g.Book.Write(context.WithoutCancel(ctx), opened.Job, func(st *receipt.State) (*receipt.Line, error) {
		closed = receipt.Close(st, opened, &out)
		return closed.Sign(g.Signer, body)
	})
	if err != nil {
		return opened, nil, fmt.Errorf("%w: %w", ErrUnclosed, err)
	}
	return closed, res, actErr
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

// refuse records a call whose token or policy does not hold, in its job's chain
// if the token's signature says which that is.
func (g *Gate) refuse(ctx context.Context, c *token.Claims, req *Request, code string, cause error) (*receipt.Receipt, *Result, error) {
	if c == nil && code == token.CodeUnknown { // nothing is wrong with the token: it could not be checked
		return nil, nil, fmt.Errorf("check token: %w", cause)
	}
	if c == nil {
		return nil, nil, &Refused{nil, code, cause}
	}
	call := &policy.Call{Tool: req.Action.Tool, Action: req.Action.Name, Class: req.Action.Class}
	args := g.text(c.Job, req.Text)
	call.Args = args.Commitment
	var r *receipt.Receipt
	err := g.Book.Write(ctx, c.Job, func(st *receipt.State) (*receipt.Line, error) {
		r = receipt.Refuse(st, c, call, code)
		return r.Sign(g.Signer, args)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("record refusal %s: %w", code, err)
	}
	return r, nil, &Refused{r, code, cause}
}

func (g *Gate) text(job string, b []byte) receipt.Text {
	salt := seal.NewSalt(g.Salt, job, b)
	return receipt.Text{Commitment: seal.Commit(salt, b), Salt: salt, Bytes: slices.Clone(b)}
}
