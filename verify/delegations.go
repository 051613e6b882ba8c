// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"slices"
	"time"

	"github.com/clawea/clawea/receipt"
)

// A delegation is a person's word that somebody answers in their stead.
type delegation struct {
	*receipt.Delegation
	takenBack *time.Time // by a paper of the same person, or since its key was revoked; nil: it was not
}

// takeBack ends d at a time, unless it ended before.
func (d *delegation) takeBack(at time.Time) {
	if d.takenBack == nil || at.Before(*d.takenBack) {
		d.takenBack = &at
	}
}

func (a *auditor) readDelegations() {
	var taken []*receipt.Delegation
	for i := range a.bundle.Delegations {
		d, err := receipt.OpenDelegation(&a.bundle.Delegations[i], a.keys.people...)
		switch {
		case err != nil && unsigned(err):
			a.find(delegationSignature, 0, "delegation %d: %v", i+1, err)
		case err != nil:
			a.find(delegationMalformed, 0, "delegation %d: %v", i+1, err)
		case d.Withdraws:
			if slices.ContainsFunc(taken, func(o *receipt.Delegation) bool { return o.ID == d.ID && o.From == d.From }) {
				a.find(bundleDuplicate, 0, "delegation %d: %q takes %q back twice", i+1, d.From, d.ID)
			}
			taken = append(taken, d)
		default:
			if slices.ContainsFunc(a.stands, func(o *delegation) bool { return o.ID == d.ID && o.From == d.From }) {
				a.find(bundleDuplicate, 0, "delegation %d: %q of %q is there twice", i+1, d.ID, d.From)
			}
			held := &delegation{Delegation: d}
			for _, s := range a.bundle.Delegations[i].Signatures {
				if until, ok := a.trust.Until[s.KeyID]; ok {
					held.takeBack(until)
				}
			}
			a.stands = append(a.stands, held)
		}
		if err == nil {
			a.delegated++
		}
	}
	for _, w := range taken {
		found := false
		for _, d := range a.stands {
			if w.TakesBack(d.Delegation) {
				found = true
				d.takeBack(w.At)
			}
		}
		if !found {
			a.find(bundleUnused, 0, "%q takes back delegation %q, which is not there", w.From, w.ID)
		}
	}
}

// checkStandIn checks that n, a yes that r counts, is its person's own, or under a
// delegation that was in force when it was given and when it was counted. One that
// was taken back so lately that the house may not have known is a warning.
func (a *auditor) checkStandIn(r *receipt.Receipt, n *answer) {
	if n.For == "" || !n.Yes {
		return
	}
	var late *delegation
	for _, d := range a.stands {
		if !d.Covers(n.Answer) || !d.Holds(r.Facts.Now) {
			continue
		}
		switch back := d.takenBack; {
		case back == nil || back.After(r.Facts.Now):
			return
		case !r.Facts.Now.After(back.Add(receipt.Underway + skew)):
			late = d
		}
	}
	if late != nil {
		a.find(answerLate, r.Seq, "%q took back at %s that %q answers in their stead, and that was counted", n.For, stamp(*late.takenBack), n.By)
		return
	}
	a.find(answerDelegation, r.Seq, "%q said yes for %q, by no delegation of theirs that was in force", n.By, n.For)
}

// unusedDelegations finds delegations that no answer is under.
func (a *auditor) unusedDelegations() {
	for _, d := range a.stands {
		if !slices.ContainsFunc(a.answers, func(n *answer) bool { return d.Covers(n.Answer) }) {
			a.find(bundleUnused, 0, "delegation %q of %q: no answer is under it", d.ID, d.From)
		}
	}
}
