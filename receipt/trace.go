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
	"github.com/clawea/clawea/token"
)

// TraceType is the payload type of a signed trace.
const TraceType = "application/vnd.clawea.trace.v1+json"

// MaxTraced bounds the calls of a trace.
const MaxTraced = 20_000

// tracedName is how a trace can name a tool: as agents are told of it.
var tracedName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// A Trace is what an agent's program says itself of the calls that it made, as its launcher
// found it and signed it after the program had ended. It is no evidence of what happened: it is held
// against the receipts (spec/receipt.md section 11).
type Trace struct {
	Job         string       `json:"job"`
	Agent       string       `json:"agent"`
	Launcher    string       `json:"launcher"` // the name of the key
	At          time.Time    `json:"at"`       // when the launcher looked
	Program     string       `json:"program"`
	Version     string       `json:"version"`
	Attestation seal.Hash    `json:"attestation"`     // what the program was started on: the run's first; zero: nothing
	Calls       []TracedCall `json:"calls"`           // in the program's order
	Export      seal.Hash    `json:"export,omitzero"` // commitment (5.1) to all that the program says, as it says it
}

// A TracedCall is a call that the program says it made.
type TracedCall struct {
	Kind   TracedKind   `json:"kind"`
	Name   string       `json:"name,omitempty"` // of a tool, as the agent was told of it; "" for a model call
	Status TracedStatus `json:"status"`
	At     time.Time    `json:"at"`
}

// A TracedKind is what was called.
type TracedKind string

// The kinds of calls that programs tell of.
const (
	TracedLocal  TracedKind = "local"  // a tool of the program's own
	TracedRemote TracedKind = "remote" // a tool that the house offers
	TracedModel  TracedKind = "model"  // a model
)

// A TracedStatus is what the program says became of a call.
type TracedStatus string

// What programs say.
const (
	TracedRan     TracedStatus = "ran"     // it was carried out, with whatever result
	TracedBlocked TracedStatus = "blocked" // the program kept it back
)

// Check fails, with what is wrong and what mends it, unless t's members go together.
func (t *Trace) Check() error {
	const anew = "\nhave the launcher write it anew"
	switch {
	case token.CheckName("job", t.Job) != nil || token.CheckName("agent", t.Agent) != nil || !keyName.MatchString(t.Launcher):
		return errors.New("the trace does not say whose it is" + anew)
	case !checkName.MatchString(t.Program) || !programVersion.MatchString(t.Version):
		return errors.New("the trace does not name the program and its version" + anew)
	case len(t.Calls) > MaxTraced:
		return fmt.Errorf("the trace has more than %d calls%s", MaxTraced, anew)
	}
	for _, c := range t.Calls {
		if !slices.Contains([]TracedKind{TracedLocal, TracedRemote, TracedModel}, c.Kind) || !slices.Contains([]TracedStatus{TracedRan, TracedBlocked}, c.Status) ||
			(c.Kind == TracedModel) != (c.Name == "") || c.Name != "" && !tracedName.MatchString(c.Name) {
			return errors.New("a call of the trace is none" + anew)
		}
	}
	return nil
}

// On reports whether t can stand on a: both are one launcher's word for one program, of one
// agent in one job.
func (t *Trace) On(a *Attestation) bool {
	return t.Launcher == a.Launcher && t.Job == a.Job && t.Agent == a.Agent && t.Program == a.Program && t.Version == a.Version
}

// Sign seals t. It fails as Check does.
func (t *Trace) Sign(s seal.Signer) (*seal.Envelope, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	b, err := seal.Marshal(t)
	if err != nil {
		return nil, err
	}
	return seal.Sign(s, TraceType, b)
}

// OpenTrace verifies a signed trace: by exactly one of launchers, who must be the one
// whose word it says it is.
func OpenTrace(e *seal.Envelope, launchers ...seal.Verifier) (*Trace, error) {
	signers, err := e.Open(TraceType, launchers...)
	if err != nil {
		return nil, err
	}
	t := new(Trace)
	if err := seal.Decode(e.Payload, t); err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	if err := t.Check(); err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	if len(signers) != 1 || signers[0].Name() != t.Launcher {
		return nil, fmt.Errorf("%w: the trace is %q's", seal.ErrBadSignature, t.Launcher)
	}
	return t, nil
}
