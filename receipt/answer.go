// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	For      string    `json:"for,omitempty"`    // in whose stead By answers; missing: their own
	Reason   string    `json:"reason,omitempty"` //
	At       time.Time `json:"at"`               //
	Expires  time.Time `json:"expires"`          // a yes holds until then

	Shown     seal.Hash `json:"shown,omitzero"`     // of the difference that the person was shown (ShownHash); missing: nothing is said of that
	Times     int       `json:"times,omitzero"`     // how many identical calls a yes is for, at most MaxTimes; missing: one
	Withdraws bool      `json:"withdraws,omitzero"` // it is neither yes nor no: the person takes back what they said before
}

// MaxTimes is how many identical calls one yes can be for.
const MaxTimes = 20

// NoHold is how long a no holds: longer than any yes that was given before it does, which
// is 24 hours at most, whatever their clocks say.
const NoHold = 25 * time.Hour

// ShownHash names a difference that a person is shown: it is SHA-256 of Change.Diff.
func ShownHash(diff string) seal.Hash { return seal.Sum([]byte(diff)) }

// Calls is how many calls a is good for: none, unless it is a yes.
func (a *Answer) Calls() int {
	if !a.Yes {
		return 0
	}
	return max(a.Times, 1)
}

// Fits reports whether a was given on the difference that c, which its call changes,
// has; c is nil if the call says of no change. An answer that does not say what was
// shown fits.
func (a *Answer) Fits(c *Change) bool {
	return a.Shown.IsZero() || c != nil && a.Shown.Equal(ShownHash(c.Diff))
}

// whole reports whether a's members go together.
func (a *Answer) whole() bool {
	switch {
	case a.Times < 0 || a.Times > MaxTimes || a.Times > 0 && !a.Yes:
		return false
	case a.For != "" && (a.For == a.By || !keyName.MatchString(a.For)):
		return false
	case a.Withdraws: // of whatever the person has said
		return !a.Yes && a.Shown.IsZero() && a.For == ""
	}
	return true
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
	if !a.whole() {
		return nil, errors.New("read answer: what it says does not go together")
	}
	if len(signers) != 1 || signers[0].Name() != a.By {
		return nil, fmt.Errorf("%w: the answer names %q", seal.ErrBadSignature, a.By)
	}
	return a, nil
}

// Fact is the answer as decisions see it, but for what the house says of the person.
func (a *Answer) Fact() policy.Approval {
	return policy.Approval{ID: a.Approval, Call: a.Call, By: a.By, For: a.For, Yes: a.Yes, At: a.At, Expires: a.Expires}
}

// Voice is whose standing a has: that of whom By answers for.
func (a *Answer) Voice() string { return cmp.Or(a.For, a.By) }

// People are those who may answer, the groups that the house says they are in, and
// who stands in for whom.
type People struct {
	Keys        []seal.Verifier
	Former      []Former            // keys that were revoked: the noes that they had signed count on
	Groups      map[string][]string // by group: the names of its people
	Delegations []*seal.Envelope    // papers of DelegationType, withdrawals as well; none of them verified
}

// A Former key is one that its person does not answer with any more.
type Former struct {
	Key   seal.Verifier
	Until time.Time // when it was revoked
}

// Open verifies a signed answer as OpenAnswer does, by the keys of those who may answer;
// and a no also by a key that was revoked later than the no was given. Who takes new
// answers goes by OpenAnswer: this is for those that were taken before.
func (p *People) Open(e *seal.Envelope) (*Answer, error) {
	a, err := OpenAnswer(e, p.Keys...)
	if err == nil {
		return a, nil
	}
	for _, f := range p.Former {
		if no, failed := OpenAnswer(e, f.Key); failed == nil && !no.Yes && !no.Withdraws && !no.At.After(f.Until) {
			return no, nil
		}
	}
	return nil, err
}

// Fact is a as a decision sees it: client is who ordered the token of the call, and
// named are the groups that its policy names, sorted. Whether a counts for whom it
// says is Speaks' matter.
func (p *People) Fact(a *Answer, client string, named []string) policy.Approval {
	f := a.Fact()
	f.Own = client != "" && (a.By == client || a.For == client)
	for _, g := range named {
		if slices.Contains(p.Groups[g], a.Voice()) {
			f.Groups = append(f.Groups, g)
		}
	}
	return f
}

// With returns p and others.
func (p *People) With(others *People) *People {
	out := &People{
		Keys: slices.Concat(p.Keys, others.Keys), Former: slices.Concat(p.Former, others.Former),
		Groups: maps.Clone(p.Groups), Delegations: slices.Concat(p.Delegations, others.Delegations),
	}
	for g, names := range others.Groups {
		if out.Groups == nil {
			out.Groups = map[string][]string{}
		}
		out.Groups[g] = slices.Concat(out.Groups[g], names)
	}
	return out
}
