// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/clawea/clawea/seal"
)

// DelegationType is the payload type of a signed delegation.
const DelegationType = "application/vnd.clawea.delegation.v1+json"

const (
	// MaxDelegation is the longest that somebody answers in another's stead by one
	// delegation, and the longest before that it can be signed.
	MaxDelegation = 90 * 24 * time.Hour
	// Underway is how long after its signing a house takes a delegation, or the
	// withdrawal of one, and by how much a delegation may begin before its signing.
	Underway = 5 * time.Minute

	maxDelegationReason = 1000 // bytes
)

// keyName is how a person can be named (seal.GenerateKey), within a bound.
var keyName = regexp.MustCompile(`^[!-*,-~]{1,255}$`)

var delegationID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// A Delegation is a person's word, signed with their own key, that somebody answers
// in their stead from Begins until Ends. It gives what the person is entitled to
// themselves, and nothing that others have given them. With Withdraws, it takes back
// the delegation of the same ID, whose To, Begins and Ends it repeats.
type Delegation struct {
	ID        string    `json:"id"`
	From      string    `json:"from"` // who is absent: the name of the key
	To        string    `json:"to"`   // who answers in their stead
	Begins    time.Time `json:"begins"`
	Ends      time.Time `json:"ends"` // it holds before then
	At        time.Time `json:"at"`   // when it was signed
	Reason    string    `json:"reason,omitempty"`
	Withdraws bool      `json:"withdraws,omitzero"`
}

// Check fails, with what is wrong and what mends it, unless d's members go together.
func (d *Delegation) Check() error {
	switch {
	case !delegationID.MatchString(d.ID):
		return errors.New("the delegation's id is not of 1 to 64 of a-z, 0-9 and -\nhave it made anew")
	case !keyName.MatchString(d.From) || !keyName.MatchString(d.To):
		return errors.New("the delegation does not say who stands in for whom\nname a person as their key is named")
	case d.From == d.To:
		return errors.New("nobody stands in for themselves\nname somebody else")
	case len(d.Reason) > maxDelegationReason:
		return fmt.Errorf("the reason is longer than %d bytes\nsay it in fewer words", maxDelegationReason)
	case !d.Ends.After(d.Begins) || d.Ends.Sub(d.Begins) > MaxDelegation:
		return errors.New("a delegation ends after it begins, and within 90 days of that\nchoose other times")
	case d.Withdraws:
		return nil
	case d.Begins.Before(d.At.Add(-Underway)) || d.Begins.After(d.At.Add(MaxDelegation)):
		return errors.New("a delegation does not begin before it is signed, nor later than 90 days after\nchoose another time to begin")
	case !d.Ends.After(d.At):
		return errors.New("the delegation is over before it is signed\nchoose a later end")
	}
	return nil
}

// Sign seals d. It fails as Check does.
func (d *Delegation) Sign(s seal.Signer) (*seal.Envelope, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	b, err := seal.Marshal(d)
	if err != nil {
		return nil, err
	}
	return seal.Sign(s, DelegationType, b)
}

// ParseDelegation reads a delegation of which nobody has verified who signed it.
func ParseDelegation(payload []byte) (*Delegation, error) {
	d := new(Delegation)
	if err := seal.Decode(payload, d); err != nil {
		return nil, fmt.Errorf("read delegation: %w", err)
	}
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("read delegation: %w", err)
	}
	return d, nil
}

// OpenDelegation verifies a signed delegation: by exactly one of people, who must be
// the one that it is from.
func OpenDelegation(e *seal.Envelope, people ...seal.Verifier) (*Delegation, error) {
	signers, err := e.Open(DelegationType, people...)
	if err != nil {
		return nil, err
	}
	d, err := ParseDelegation(e.Payload)
	if err != nil {
		return nil, err
	}
	if len(signers) != 1 || signers[0].Name() != d.From {
		return nil, fmt.Errorf("%w: the delegation is from %q", seal.ErrBadSignature, d.From)
	}
	return d, nil
}

// Holds reports whether d is in force at t, unless it was taken back.
func (d *Delegation) Holds(t time.Time) bool {
	return !d.Withdraws && !t.Before(d.Begins) && t.Before(d.Ends)
}

// Covers reports whether d lets a's person answer for whom they say: by its people,
// and when it was signed.
func (d *Delegation) Covers(a *Answer) bool {
	return a.For != "" && d.From == a.For && d.To == a.By && d.Holds(a.At)
}

// TakesBack reports whether d withdraws o.
func (d *Delegation) TakesBack(o *Delegation) bool {
	return d.Withdraws && !o.Withdraws && d.ID == o.ID && d.From == o.From
}

// StandsIn reports whether, by the delegations among p, a's person may answer for
// whom they say: by one that was in force when they signed, is at now, and has not
// been taken back. Its signature is verified by p's keys.
func (p *People) StandsIn(a *Answer, now time.Time) bool {
	var given, taken []*Delegation
	for _, e := range p.Delegations {
		d, err := ParseDelegation(e.Payload) // most are about others: their signatures do not matter
		if err != nil || d.From != a.For || d.To != a.By {
			continue
		}
		if d, err = OpenDelegation(e, p.Keys...); err != nil {
			continue
		}
		if d.Withdraws {
			taken = append(taken, d)
		} else if d.Covers(a) && d.Holds(now) {
			given = append(given, d)
		}
	}
	return slices.ContainsFunc(given, func(d *Delegation) bool {
		return !slices.ContainsFunc(taken, func(w *Delegation) bool { return w.TakesBack(d) })
	})
}

// Speaks reports whether a counts at now for whom it says. A no counts even if
// nobody has asked who says it to stand in: it could have been their own.
func (p *People) Speaks(a *Answer, now time.Time) bool {
	return a.For == "" || !a.Yes || p.StandsIn(a, now)
}
