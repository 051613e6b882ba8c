// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// MaxChange bounds a Change, in bytes of its canonical form.
const MaxChange = 8 << 20

// A Change says what a call is about to change outside, before it does: what is
// sent, what was there, how it is undone. It is a text behind the commitment
// Call.Change, so that an approval is bound to all of it (spec/receipt.md
// section 9). The same call on the same version of the same thing has the same
// Change, byte for byte.
type Change struct {
	Summary string           `json:"summary"`          // one sentence for people: "Update page 123 in ENG"
	Target  *policy.Resource `json:"target,omitempty"` // what is changed, with its version before; missing if it is made
	Request Request          `json:"request"`          // what is sent
	Before  json.RawMessage  `json:"before,omitempty"` // what was there, in the connector's words: all that undoing needs
	Undo    Undo             `json:"undo"`             //
	Diff    string           `json:"diff,omitempty"`   // what people see of it
	Undoes  string           `json:"undoes,omitempty"` // the receipt of the call that this one undoes: JOB/SEQ
}

// A Request is what goes to the other side, but for the name of the opened
// receipt, which is not known before.
type Request struct {
	Method string          `json:"method"`
	Path   string          `json:"path"` // below the site's base URL, with the query
	Body   json.RawMessage `json:"body,omitempty"`
	Mark   string          `json:"mark,omitempty"` // JSON pointer to where in Body the receipt's name is put; missing: the other side has no place for it
}

// An Undo is a call of the same connector's that takes a change back. Either
// Action or Irreversible is set.
type Undo struct {
	Action       string          `json:"action,omitempty"`       // "page.restore"
	Args         json.RawMessage `json:"args,omitempty"`         // without what is only known afterwards: the id of what was made, the version after
	Irreversible string          `json:"irreversible,omitempty"` // why nothing takes it back, in a sentence
}

var errChange = errors.New("it does not say what it is, what is sent, and how it is undone or why it cannot be")

// Marshal returns the canonical form of c. It fails if c is not whole.
func (c *Change) Marshal() ([]byte, error) {
	if !c.whole() {
		return nil, fmt.Errorf("write change: %w", errChange)
	}
	b, err := seal.Marshal(c)
	if err == nil && len(b) > MaxChange {
		err = fmt.Errorf("write change: it is longer than %d bytes", MaxChange)
	}
	return b, err
}

// ParseChange reads a change. It must be in canonical form, and whole.
func ParseChange(b []byte) (*Change, error) {
	c := new(Change)
	if len(b) > MaxChange {
		return nil, fmt.Errorf("read change: it is longer than %d bytes", MaxChange)
	}
	if err := seal.Decode(b, c); err != nil {
		return nil, fmt.Errorf("read change: %w", err)
	}
	if !c.whole() {
		return nil, fmt.Errorf("read change: %w", errChange)
	}
	return c, nil
}

func (c *Change) whole() bool {
	return c.Summary != "" && c.Request.Method != "" && c.Request.Path != "" && (c.Undo.Action == "") == (c.Undo.Irreversible != "")
}

// The codes of outcomes that were learned later, of calls that broke off.
const (
	Found    = "found"     // it happened: the house looked for what the receipt's name marks, or for the state
	NotFound = "not_found" // it did not, and can no longer
	Said     = "said"      // a person says so, whom the receipt names
)

// Late is what was learned of a call that broke off.
type Late struct {
	Happened bool
	Target   *policy.Resource // what it made or changed; nil: that is not known, or nothing
	By       string           // the operator who says so; "": the house has looked
}

func (l *Late) outcome() *Outcome {
	out := &Outcome{Status: Done, Code: Found, Target: l.Target}
	if !l.Happened {
		out = &Outcome{Status: Failed, Code: NotFound, Used: map[string]int{}} // it used nothing
	}
	if l.By != "" {
		out.Code = Said
	}
	return out
}

// late reports whether r says what a Late does.
func (r *Receipt) late() bool {
	out, known := r.Outcome, map[Status]string{Done: Found, Failed: NotFound}[r.Outcome.Status]
	return known != "" && (r.By == "" && out.Code == known || r.By != "" && out.Code == Said) &&
		out.Result.IsZero() && out.Size == 0 && out.Upstream == "" && out.Actor == "" && out.Model == nil && out.Connection == nil && out.Lacked == nil && (out.Status == Done || out.Target == nil)
}

// Untold reports whether r says that a call has happened whose agent never had an
// answer: it was learned after the call broke off.
func (r *Receipt) Untold() bool {
	return r.Outcome != nil && r.Outcome.Status == Done && !r.Reported() && (r.Outcome.Code == Found || r.By != "")
}

// Unsettled says why an agent is not let do what it has done, perhaps without
// knowing: the codes of refused calls (spec/receipt.md 9.4).
type Unsettled string

// What may have become of an earlier, identical call of the same job.
const (
	UnderWay Unsettled = "change.open"    // it is not closed: it is under way, or broke off
	Unclear  Unsettled = "change.unknown" // it is closed, and nobody knows yet whether it happened
	Untold   Unsettled = "change.found"   // it broke off, was found to have happened, and the agent has not been told
	Lately   Unsettled = "change.done"    // it happened less than Lull ago: its answer may not have reached the agent
)

// Lull is how long after a change, or after its agent was told of it, the same
// attempt is taken for one whose answer was lost.
const Lull = time.Minute

// Undoer is the agent that takes changes back, and UndoPrefix begins the names of
// the jobs that it does so in. No other agent has such a job, and only operators
// order tokens for it.
const (
	Undoer     = "undo"
	UndoPrefix = "undo-"
)

// Attempt names what an agent asked for: tool, action and arguments. Two calls that
// ask for the same are the same attempt, whatever versions they met, and whatever
// version the house put in the arguments for the agent.
func Attempt(c *policy.Call) seal.Hash {
	args := c.Args
	if !c.Attempt.IsZero() {
		args = c.Attempt
	}
	b, err := seal.Marshal(&policy.Call{Tool: c.Tool, Action: c.Action, Class: c.Class, Args: args})
	if err != nil { // unreachable, as for Call.Digest
		return seal.Hash{}
	}
	return seal.Sum(b)
}

// An Earlier is the same attempt, which stands in the way of another.
type Earlier struct {
	Seq    uint64 // its opened receipt
	State  Unsettled
	Target policy.Resource // what it made or changed, where that was found
}
