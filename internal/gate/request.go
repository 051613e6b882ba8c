// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A Request is what an agent asks for, before it is in policy terms.
type Request struct {
	Action     policy.Action
	Definition seal.Hash // of the tool that the agent was told of (Tool.Definition); zero: it was told of none
	Server     seal.Hash // the upstream MCP server whose tool it is (policy.Server's Identity); zero: it is the house's
	Text       []byte    // the exact canonical arguments or request; committed to, never in the receipt
	Carrier    *Carrier  // who carries it out; nil: the gate

	// Plan puts the request in policy terms. It may read, within bounds, but not
	// change anything. It is called only if the policy could ever allow Action, or if Action
	// has no class: such a call is denied by every policy, and Plan, which reads nothing
	// then, says what is wrong with it.
	Plan func(ctx context.Context, bounds []policy.Bound) (*Plan, error)

	// Tell is told how far the call has come, and must not block; nil: nobody is.
	Tell func(Step)
}

// A Step is how far a call has come.
type Step uint8

// The steps, in their order. A call that is not allowed comes no farther than Planned.
const (
	Planned Step = iota + 1 // it is in policy terms, or cannot be put in them
	Opened                  // its opened receipt is durable, and allows it
	Acted                   // it was carried out, and its receipt is still to be closed
)

func (r *Request) tell(s Step) {
	if r.Tell != nil {
		r.Tell(s)
	}
}

// A Plan is a request in policy terms, and how to carry it out.
type Plan struct {
	Call   *policy.Call
	Args   []byte          // the action's own arguments, if the request's text are another's; nil: they are not
	Change *receipt.Change // what Act will change outside; nil if nothing, or if nothing is known of it
	Act    Act
}

// An Act carries out an allowed call, whose opened receipt is durable. If it changes
// something, ctx ends Patience after that: it must not be sent then. The gate
// runs it at most once. A Result that comes with an error is recorded: the
// error is the agent's answer.
type Act func(ctx context.Context, opened *receipt.Receipt) (*Result, error)

// A Result is what an act did and the bytes that the agent gets or got.
type Result struct {
	Body    []byte          // committed to in the closed receipt, to the byte
	Form    Form            // how Body is to be read
	Outcome receipt.Outcome // its Result and Size are filled in by the gate, and the Args of what a model proposed

	Proposed [][]byte // the arguments of Outcome.Model.Proposed, in that order
}

// A Form says how a result's body is to be read.
type Form uint8

const (
	// Text is one text, such as JSON: the zero value.
	Text Form = iota
	// Content is the canonical JSON of an object with "content", a list of MCP's content
	// blocks, and, where there is one, "structuredContent": what tools of others answer
	// with that say more than a text.
	Content
)
