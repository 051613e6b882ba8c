// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/token"
)

// Journal is the job whose chain holds what belongs to no other: refusals of
// tokens that name no job that can be believed, and every revocation. No token
// is good for it.
const Journal = token.HouseJob

// A Revocation is an order of the house's operators: it ends what it names, or
// lets it go on.
type Revocation struct {
	ID int64 `json:"id"` // the same where it is lifted
	token.Revocation
	By string `json:"by"` // who ordered it
}

// A Spent is a proof of possession that a line uses up, with the line or not
// at all.
type Spent struct {
	ID    string    // of the proof; the same id by the same job is the same proof
	Until time.Time // when nobody need remember it any more
}

// Revoke records in a job's chain that r was ordered, or that it was lifted.
func Revoke(st *State, job string, kind Kind, r *Revocation) *Receipt {
	out := next(st, kind, job, "")
	out.Revocation = r
	return out
}

// RefuseStranger records, in the journal, a call with a token that names no job
// that can be believed.
func RefuseStranger(st *State, call *policy.Call, code string) *Receipt {
	r := next(st, Opened, Journal, "")
	r.Call, r.Refused, r.Decision = call, code, refusal(nil, code)
	return r
}

// refusal is the decision of a receipt that decides nothing.
func refusal(c *token.Claims, code string) *policy.Decision {
	d := &policy.Decision{Reasons: []policy.Reason{{Clause: "", Says: code}}}
	if c != nil {
		d.Policy = c.Policy
	}
	return d
}
