// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// addRuntime adds what is known of the programs that the job's agent ran in: the attestations
// on which the tokens and traces stand that b has, and the traces, with their commitments to texts.
// What is damaged is left out, for the verifier to name.
func (x *Exporter) addRuntime(ctx context.Context, b *bundle.Bundle, c *chain, traces []*seal.Envelope) error {
	var stood []seal.Hash // in the order of the tokens, then of the traces
	for _, record := range b.Tokens {
		claims := new(token.Claims)
		if seal.Decode(record.Payload, claims) == nil && claims.Runtime != nil {
			stood = append(stood, claims.Runtime.Attestation)
		}
	}
	for _, e := range traces {
		b.Traces = append(b.Traces, *e)
		t := new(receipt.Trace)
		if seal.Decode(e.Payload, t) == nil {
			c.commitments[t.Export], c.exports[t.Export] = true, true
			stood = append(stood, t.Attestation) // a token that nothing was called with is not in the bundle
		}
	}
	for i, hash := range stood {
		if hash.IsZero() || slices.Contains(stood[:i], hash) {
			continue
		}
		if err := x.addAttestation(ctx, b, c, hash); err != nil {
			return err
		}
	}
	return nil
}

func (x *Exporter) addAttestation(ctx context.Context, b *bundle.Bundle, c *chain, hash seal.Hash) error {
	e, err := x.DB.Attestation(ctx, b.Job, hash)
	if errors.Is(err, store.ErrNotFound) {
		x.Log.ErrorContext(ctx, "attestation missing from the database; left out of bundle", "job", b.Job, "attestation", hash.String())
		return nil
	}
	if err != nil {
		return err
	}
	b.Attestations = append(b.Attestations, *e)
	if a, err := receipt.ParseAttestation(e.Payload); err == nil {
		for _, check := range a.Checks {
			c.commitments[check.Output] = true
		}
	}
	return nil
}

// maxTraces bounds the traces of a job: each run of its program has one.
const maxTraces = 100

// ErrTrace is returned for a trace that is not kept. Its text goes on with two lines.
var ErrTrace = errors.New("the trace is not kept")

// A TraceDB keeps traces. internal/store fills it.
type TraceDB interface {
	Job(ctx context.Context, id string) (*store.Job, error)
	Attestation(ctx context.Context, job string, hash seal.Hash) (*seal.Envelope, error)
	PutTrace(ctx context.Context, t store.Trace, max int) error
}

// Traces takes what launchers found that programs say of themselves. Both fields must be set;
// without Launchers it takes nothing.
type Traces struct {
	DB        TraceDB
	Launchers []seal.Verifier // whose word counts
}

// Keep keeps e, a signed trace of job, with texts behind its commitment or its attestation's.
// It fails with ErrTrace, and with store.ErrNotFound for a job that is not there.
func (x *Traces) Keep(ctx context.Context, job string, e *seal.Envelope, texts []receipt.Text) error {
	j, err := x.DB.Job(ctx, job)
	if err != nil {
		return err
	}
	t, err := receipt.OpenTrace(e, x.Launchers...)
	if err != nil {
		return untaken("no launcher that the house lists has signed it, or it is none: "+err.Error(), "have its key listed under launchers in the daemon's configuration, or have the launcher write it anew")
	}
	if t.Job != job || t.Agent != j.Agent {
		return untaken("it is of another job or agent", "send it to the job that it names")
	}
	commitments := map[seal.Hash]bool{}
	if !t.Export.IsZero() {
		commitments[t.Export] = true
	}
	if err := x.attested(ctx, t, commitments); err != nil {
		return err
	}
	for _, text := range texts {
		if !commitments[text.Commitment] || !seal.Commit(text.Salt, text.Bytes).Equal(text.Commitment) {
			return untaken("a text is there twice, or neither it nor its attestation commits to it", "send what it commits to, each once, with its salt")
		}
		delete(commitments, text.Commitment)
	}
	err = x.DB.PutTrace(ctx, store.Trace{Job: job, Envelope: e, Texts: texts}, maxTraces)
	if errors.Is(err, store.ErrTooMany) {
		return untaken(fmt.Sprintf("the job has %d traces already", maxTraces), "start another job")
	}
	return err
}

// attested adds the commitments of t's attestation, which the house must have.
func (x *Traces) attested(ctx context.Context, t *receipt.Trace, commitments map[seal.Hash]bool) error {
	if t.Attestation.IsZero() {
		return nil
	}
	e, err := x.DB.Attestation(ctx, t.Job, t.Attestation)
	if errors.Is(err, store.ErrNotFound) {
		return untaken("it names an attestation on which no token of the job stands", "name the one that the token was ordered on, or none")
	}
	if err != nil {
		return err
	}
	a, err := receipt.ParseAttestation(e.Payload)
	if err != nil {
		return err
	}
	if !t.On(a) { // no proof that has both would verify
		return untaken("it names an attestation for another program, or another launcher's", "have the launcher write it anew, on its own attestation of what ran")
	}
	for _, c := range a.Checks {
		if !c.Output.IsZero() {
			commitments[c.Output] = true
		}
	}
	return nil
}

func untaken(wrong, mends string) error { return fmt.Errorf("%w: %s\n%s", ErrTrace, wrong, mends) }
