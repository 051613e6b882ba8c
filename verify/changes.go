// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A change is one allowed call that changes something outside, as far as the
// chain tells what became of it.
type change struct {
	seq   uint64
	state receipt.Unsettled // "" once it is settled
	at    time.Time         // when it was done
}

// changes checks that r does not do again what may have happened, or has without
// the agent's knowing, and that who is refused for that is refused rightly
// (spec/receipt.md 9.4 and 9.5).
func (a *auditor) changes(r *receipt.Receipt) {
	switch {
	case r.Kind == receipt.Closed:
		a.settle(r)
		return
	case r.Kind == receipt.Learned:
		a.learned(r)
		return
	case r.Kind != receipt.Opened:
		return
	}
	a.asked(r)
	if r.Refused != "" {
		a.keptBack(r)
		return
	}
	attempt := receipt.Attempt(r.Call)
	if c := a.outside[attempt]; c != nil && (c.state == receipt.UnderWay || c.state == receipt.Untold) {
		a.find(receiptRepeated, r.Seq, "it asks for what receipt %d does, of which it was not settled what became (%s)", c.seq, c.state)
	}
	if r.Decision.Effect == policy.Deny || r.Call.Change.IsZero() {
		return
	}
	if d := a.texts[r.Call.Change]; d != nil {
		a.readChange(r, d.Text)
	}
	if r.Decision.Effect == policy.Allow {
		a.outside[attempt] = &change{seq: r.Seq, state: receipt.UnderWay}
	}
}

// asked checks that what names r's attempt is what its call asks for: the call's
// arguments, some left out, if both are disclosed. By another the same attempt could
// be passed off as a new one.
func (a *auditor) asked(r *receipt.Receipt) {
	part, whole := a.texts[r.Call.Attempt], a.texts[r.Call.Args]
	if r.Call.Attempt.IsZero() || part == nil || whole == nil {
		return
	}
	var some, all map[string]json.RawMessage
	if seal.Unmarshal(part.Text, &some) != nil || seal.Unmarshal(whole.Text, &all) != nil {
		a.find(receiptRepeated, r.Seq, "what names its attempt, or its arguments, are no object")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(some)) {
		if !bytes.Equal(some[name], all[name]) {
			a.find(receiptRepeated, r.Seq, "what names its attempt has %q, which its arguments do not have so", name)
		}
	}
}

// settle follows what became of the change that r closes, if its call has one.
func (a *auditor) settle(r *receipt.Receipt) {
	opened := a.calls[r.Opened]
	if opened == nil || opened.opened.Call.Change.IsZero() {
		return
	}
	c := a.outside[receipt.Attempt(opened.opened.Call)]
	if c == nil || c.seq != r.Opened {
		return // there was another since, which was found
	}
	switch out := r.Outcome; {
	case r.Untold():
		c.state = receipt.Untold
	case out.Status == receipt.Done:
		c.state, c.at = receipt.Lately, r.At
	case out.Status == receipt.Failed:
		c.state = ""
	default:
		c.state = receipt.Unclear
	}
}

// learned checks that r says what became of a change of which nobody knew when its
// call was closed, and says it first.
func (a *auditor) learned(r *receipt.Receipt) {
	c := a.calls[r.Opened]
	switch {
	case c == nil || c.opened.Call.Change.IsZero() || c.status != receipt.Unknown && c.status != receipt.Aborted:
		a.find(receiptLearned, r.Seq, "it was known what became of receipt %d's call, or there was nothing to know", r.Opened)
		return
	case c.learned != 0:
		a.find(receiptLearned, r.Seq, "receipt %d says already what became of receipt %d's call", c.learned, r.Opened)
		return
	}
	c.learned = r.Seq
	a.settle(r)
}

// keptBack checks a refusal for an earlier call's sake. Where no receipt says what
// became of a closed call of which nothing was known, it may have been found.
func (a *auditor) keptBack(r *receipt.Receipt) {
	why := receipt.Unsettled(r.Refused)
	if !slices.Contains([]receipt.Unsettled{receipt.UnderWay, receipt.Unclear, receipt.Untold, receipt.Lately}, why) {
		return
	}
	c := a.outside[receipt.Attempt(r.Call)]
	if c == nil || c.state != why && !(c.state == receipt.Unclear && why == receipt.Untold) || why == receipt.Lately && r.At.Sub(c.at) >= receipt.Lull {
		a.find(receiptRepeated, r.Seq, "refused as %q, and no earlier call stands in its way", r.Refused)
		return
	}
	if why == receipt.Untold {
		c.state, c.at = receipt.Lately, r.At
	}
}

// readChange checks a disclosed change against its call.
func (a *auditor) readChange(r *receipt.Receipt, text []byte) {
	c, err := receipt.ParseChange(text)
	if err != nil {
		a.find(receiptChange, r.Seq, "%v", err)
		return
	}
	about := func(x policy.Resource) bool {
		return x.Type == c.Target.Type && x.ID == c.Target.ID && x.Version == c.Target.Version
	}
	if c.Target != nil && !slices.ContainsFunc(r.Call.Resources, about) {
		a.find(receiptChange, r.Seq, "it changes %s %s, version %q, which the call does not name", c.Target.Type, c.Target.ID, c.Target.Version)
	}
	if h := a.tokens[r.Token]; c.Undoes != "" && h != nil && (h.claims.Agent != receipt.Undoer || !strings.HasPrefix(r.Job, receipt.UndoPrefix)) {
		a.find(receiptChange, r.Seq, "it undoes %q, and neither its agent nor its job is one that takes changes back", c.Undoes)
	}
}

// effects are the changes of a job, by receipt.Attempt; the last of each.
type effects map[seal.Hash]*change
