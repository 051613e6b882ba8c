// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"fmt"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// AnswerType is the payload type of a person's signed answer.
const AnswerType = "application/vnd.clawea.approval.v1+json"

// An Answer is a person's yes or no to one exact call, signed with the
// person's own key. It says all that it is bound to: nothing of it holds for
// another call, job, policy or version (which is part of the call).
type Answer struct {
	Approval string    `json:"approval"`         // the question's id
	Job      string    `json:"job"`              //
	Call     seal.Hash `json:"call"`             // digest of the canonical call, target and version included
	Policy   seal.Hash `json:"policy"`           //
	Yes      bool      `json:"yes"`              //
	By       string    `json:"by"`               // the person: the name of the key
	Reason   string    `json:"reason,omitempty"` //
	At       time.Time `json:"at"`               //
	Expires  time.Time `json:"expires"`          // a yes holds until then
}

// Sign seals a.
func (a *Answer) Sign(s seal.Signer) (*seal.Envelope, error) {
	b, err := seal.Marshal(a)
	if err != nil {
		return nil, err
	}
	return seal.Sign(s, AnswerType, b)
}

// OpenAnswer verifies a signed answer: by exactly one of people, who must be
// the one it names.
func OpenAnswer(e *seal.Envelope, people ...seal.Verifier) (*Answer, error) {
	signers, err := e.Open(AnswerType, people...)
	if err != nil {
		return nil, err
	}
	a := new(Answer)
	if err := seal.Decode(e.Payload, a); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(signers) != 1 || signers[0].Name() != a.By {
		return nil, fmt.Errorf("%w: the answer names %q", seal.ErrBadSignature, a.By)
	}
	return a, nil
}

// Fact is the answer as decisions see it.
func (a *Answer) Fact() policy.Approval {
	return policy.Approval{ID: a.Approval, Call: a.Call, By: a.By, Yes: a.Yes, At: a.At, Expires: a.Expires}
}
