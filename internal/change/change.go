// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package change holds what connectors say of changes outside after the fact: how
// one is taken back, and what a system's own history has. What a call is about to
// change is receipt.Change.
package change

import (
	"time"

	"github.com/clawea/clawea/policy"
)

// A Step takes one change back, or says why that is not offered.
type Step struct {
	Action  string // of the same connector: "page.restore"; "" if Blocked
	Args    []byte // JSON
	Says    string // what it does, in a sentence for people: "Restore version 7 of page 123"
	Blocked string // why it is not offered, in a sentence: who has edited since, and when
}

// A Window is the part of a system's history that is asked for.
type Window struct {
	Accounts []string // the system's ids of those who acted
	From, To time.Time
	// Made is what receipts say the accounts have made. A system that names only
	// who changed a thing last tells of these whoever that was.
	Made []policy.Resource
}

// An Event is one change that a system's own history has.
type Event struct {
	Resource policy.Resource // type and id, and the version that the change made, where there are versions
	What     string          // the action that makes such changes ("page.update"), or the system's word for it
	At       time.Time       // zero: the system does not say any more, of what is Edited
	By       string          // the account; "" where At is zero
	Mark     string          // the receipt that it names: JOB/SEQ; "" if it names none
	Edited   *Edit           // what was made, and was changed since; nil: it is as it was made, or the version tells
}

// An Edit says who changed last what somebody had made, and when.
type Edit struct {
	By string // the account; "" if the system does not say
	At time.Time
}
