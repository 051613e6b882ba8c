// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package proof puts a job's bundle together from what the house has on record
// (users say proof bundle). It judges nothing: what the record lacks, the
// bundle lacks, and the verifier says so.
package proof

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// settle is how long an export waits for the ledger to take in a job's last
// receipt. A bundle without inclusion proofs still verifies, with a warning.
const settle = 5 * time.Second

// ErrEmpty is returned for a job that has no receipts yet.
var ErrEmpty = errors.New("no receipts")

// A DB has the job's record. internal/store fills it.
type DB interface {
	Job(ctx context.Context, id string) (*store.Job, error)
	Receipts(ctx context.Context, job string) ([]*seal.Envelope, error)
	Texts(ctx context.Context, job string) ([]receipt.Text, error)
	Token(ctx context.Context, id token.ID) (*store.Token, error)
	Answers(ctx context.Context, job string) ([]*seal.Envelope, error)
	Attestation(ctx context.Context, job string, hash seal.Hash) (*seal.Envelope, error)
	Traces(ctx context.Context, job string) ([]*seal.Envelope, error)
	DelegationsTo(ctx context.Context, absent, standIn string) ([]*seal.Envelope, error)
}

// Policies finds published policies with their papers. internal/registry fills it.
type Policies interface {
	Entry(ctx context.Context, h seal.Hash) (*registry.Entry, error)
}

// A Ledger proves where it has receipts. internal/ledger fills it.
type Ledger interface {
	// Wait returns when the ledger has receipt seq of job.
	Wait(ctx context.Context, job string, seq uint64) error
	// Prove returns the latest checkpoint and inclusion proofs of a job's receipts.
	Prove(ctx context.Context, job string, seqs ...uint64) (*bundle.Log, error)
}

// An Exporter makes bundles. All fields must be set.
type Exporter struct {
	DB       DB
	Policies Policies
	Ledger   Ledger
	Signer   seal.Signer // the gate's, for the standing
	Now      func() time.Time
	Log      *slog.Logger
}

// A Disclosure says which texts behind the commitments are put into a bundle.
type Disclosure uint8

// The disclosures.
const (
	Nothing    Disclosure = iota // the zero value
	Calls                        // what was said to and by the agent, and not what its calls changed outside: that holds what was there before
	Everything                   // those as well
)

// Export returns the bundle of a job as it stands now, in its one spelling, with
// the texts that disclose names. It fails with store.ErrNotFound or ErrEmpty.
func (x *Exporter) Export(ctx context.Context, job string, disclose Disclosure) ([]byte, error) {
	now := x.Now().UTC().Truncate(time.Millisecond) // before reading, so that the standing claims no more than it knows
	j, err := x.DB.Job(ctx, job)
	if err != nil {
		return nil, fmt.Errorf("job %s: %w", job, err)
	}
	traces, err := x.DB.Traces(ctx, job) // before the chain: what they tell of has its receipts by then
	if err != nil {
		return nil, err
	}
	chain, err := x.chain(ctx, j)
	if err != nil {
		return nil, err
	}
	b := &bundle.Bundle{
		Job: job, Policies: []bundle.Policy{}, Tokens: []seal.Envelope{}, Receipts: chain.envelopes,
		Answers: []seal.Envelope{}, Disclosures: []bundle.Disclosure{},
	}
	if err := x.addPapers(ctx, b, chain); err != nil {
		return nil, err
	}
	if err := x.addRuntime(ctx, b, chain, traces); err != nil {
		return nil, err
	}
	if err := x.addAnswers(ctx, b, chain); err != nil {
		return nil, err
	}
	if disclose != Nothing {
		if err := x.addTexts(ctx, b, chain, disclose); err != nil {
			return nil, err
		}
	}
	if err := x.addStanding(ctx, b, chain, j, now); err != nil {
		return nil, err
	}
	x.addLog(ctx, b, chain)
	return b.Marshal()
}

// addStanding adds the gate's word on where the chain ended at now, unless the
// chain was longer when j was read: then receipts have been taken away, and the
// gate does not sign that they never were.
func (x *Exporter) addStanding(ctx context.Context, b *bundle.Bundle, c *chain, j *store.Job, now time.Time) error {
	if len(c.envelopes) < j.Receipts {
		x.Log.ErrorContext(ctx, "receipts are missing from the database; bundle without standing", "job", j.ID, "written", j.Receipts, "left", len(c.envelopes))
		return nil
	}
	standing := receipt.Standing{Job: j.ID, Seq: c.last.Seq, Hash: c.envelopes[len(c.envelopes)-1].Hash(), At: later(now, c.last.At)}
	var err error
	b.Standing, err = standing.Sign(x.Signer)
	return err
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// A chain is a job's receipts and what they mention.
type chain struct {
	envelopes   []seal.Envelope
	seqs        []uint64
	last        *receipt.Receipt
	tokens      []token.ID // in order of their first receipt
	asked       map[string]bool
	commitments map[seal.Hash]bool
	changes     map[seal.Hash]bool // of these commitments, those to what calls change
	exports     map[seal.Hash]bool // and those to all that programs say of themselves
	candidates  []seal.Hash        // that ran in shadow, in order of their first verdict
}

func (x *Exporter) chain(ctx context.Context, j *store.Job) (*chain, error) {
	list, err := x.DB.Receipts(ctx, j.ID)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 && j.Receipts > 0 {
		return nil, fmt.Errorf("job %s: all %d receipts are missing from the database", j.ID, j.Receipts)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("job %s: %w", j.ID, ErrEmpty)
	}
	c := &chain{asked: map[string]bool{}, commitments: map[seal.Hash]bool{}, changes: map[seal.Hash]bool{}, exports: map[seal.Hash]bool{}}
	seen := map[token.ID]bool{}
	for _, e := range list {
		r, err := receipt.Parse(e.Payload)
		if err != nil {
			return nil, fmt.Errorf("job %s: %w", j.ID, err)
		}
		c.envelopes = append(c.envelopes, *e)
		c.seqs = append(c.seqs, r.Seq)
		c.last = r
		if r.Token != "" && !seen[r.Token] {
			seen[r.Token] = true
			c.tokens = append(c.tokens, r.Token)
		}
		if r.Asks != "" {
			c.asked[r.Asks] = true
		}
		if r.Call != nil {
			c.commitments[r.Call.Args], c.commitments[r.Call.Attempt] = true, true
			c.commitments[r.Call.Change], c.changes[r.Call.Change] = true, true
		}
		if r.Outcome != nil {
			c.commitments[r.Outcome.Result] = true
			if g := r.Outcome.Model; g != nil {
				for _, p := range g.Proposed {
					c.commitments[p.Args] = true
				}
			}
		}
		for _, v := range r.Shadow {
			if v.Decision != nil && !slices.Contains(c.candidates, v.Policy) {
				c.candidates = append(c.candidates, v.Policy)
			}
		}
	}
	return c, nil
}

// addPapers adds the records of the tokens that were used, their policies, and
// the candidates that ran beside them.
// What is damaged is left out, for the verifier to name; what cannot be read
// just now is an error, or a good job's proof would fail.
func (x *Exporter) addPapers(ctx context.Context, b *bundle.Bundle, c *chain) error {
	var policies []seal.Hash // each once, those in force first
	for _, id := range c.tokens {
		t, err := x.DB.Token(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		record, err := seal.ParseEnvelope(t.Record)
		if err != nil {
			x.Log.ErrorContext(ctx, "token left out of bundle", "job", b.Job, "token", string(id), "err", err)
			continue
		}
		b.Tokens = append(b.Tokens, *record)
		if !slices.Contains(policies, t.Policy) {
			policies = append(policies, t.Policy)
		}
	}
	for _, h := range c.candidates {
		if !slices.Contains(policies, h) {
			policies = append(policies, h)
		}
	}
	return x.addPolicies(ctx, b, policies)
}

func (x *Exporter) addPolicies(ctx context.Context, b *bundle.Bundle, policies []seal.Hash) error {
	for _, h := range policies {
		entry, err := x.Policies.Entry(ctx, h)
		if err != nil && !errors.Is(err, registry.ErrUnusable) && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err != nil {
			x.Log.ErrorContext(ctx, "policy left out of bundle", "job", b.Job, "policy", h.String(), "err", err)
			continue
		}
		b.Policies = append(b.Policies, bundle.Policy{Policy: *entry.Envelope, Binding: *entry.Binding})
	}
	return nil
}

func (x *Exporter) addAnswers(ctx context.Context, b *bundle.Bundle, c *chain) error {
	answers, err := x.DB.Answers(ctx, b.Job)
	if err != nil {
		return err
	}
	for _, e := range answers {
		a := new(receipt.Answer)
		if err := seal.Decode(e.Payload, a); err != nil {
			x.Log.ErrorContext(ctx, "answer left out of bundle", "job", b.Job, "err", err)
			continue
		}
		if !c.asked[a.Approval] { // it came after the chain was read
			continue
		}
		b.Answers = append(b.Answers, *e)
		if err := x.addDelegations(ctx, b, a); err != nil {
			return err
		}
	}
	return nil
}

// addDelegations adds the delegations that cover a, and what took them back, unless
// the bundle has them.
func (x *Exporter) addDelegations(ctx context.Context, b *bundle.Bundle, a *receipt.Answer) error {
	if a.For == "" {
		return nil
	}
	list, err := x.DB.DelegationsTo(ctx, a.For, a.By)
	if err != nil {
		return err
	}
	covers := map[string]bool{} // by id; a withdrawal comes after what it takes back
	for _, e := range list {
		d, err := receipt.ParseDelegation(e.Payload)
		if err != nil {
			x.Log.ErrorContext(ctx, "delegation left out of bundle", "job", b.Job, "err", err)
			continue
		}
		covers[d.ID] = covers[d.ID] || d.Covers(a)
		if covers[d.ID] && !slices.ContainsFunc(b.Delegations, func(o seal.Envelope) bool { return o.Hash().Equal(e.Hash()) }) {
			b.Delegations = append(b.Delegations, *e)
		}
	}
	return nil
}

// maxExports bounds what is disclosed of what programs say of themselves, in bytes: a bundle has
// room for the longest of them, and for the calls' own texts beside it.
const maxExports = 16 << 20

func (x *Exporter) addTexts(ctx context.Context, b *bundle.Bundle, c *chain, disclose Disclosure) error {
	texts, err := x.DB.Texts(ctx, b.Job)
	if err != nil {
		return err
	}
	room := maxExports
	for _, t := range texts {
		if c.exports[t.Commitment] {
			if len(t.Bytes) > room {
				x.Log.WarnContext(ctx, "what a program says is left out of the bundle: there is too much of it", "job", b.Job, "commitment", t.Commitment, "bytes", len(t.Bytes))
				continue
			}
			room -= len(t.Bytes)
		}
		if c.commitments[t.Commitment] && (disclose == Everything || !c.changes[t.Commitment]) {
			b.Disclosures = append(b.Disclosures, bundle.Disclosure{Commitment: t.Commitment, Salt: t.Salt, Text: t.Bytes})
		}
	}
	return nil
}

// addLog adds what the ledger can prove. A ledger in trouble does not keep a
// job's proof back.
func (x *Exporter) addLog(ctx context.Context, b *bundle.Bundle, c *chain) {
	wait, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	err := x.Ledger.Wait(wait, b.Job, c.last.Seq)
	if err == nil {
		b.Log, err = x.Ledger.Prove(ctx, b.Job, c.seqs...)
	}
	if err != nil {
		x.Log.WarnContext(ctx, "bundle without inclusion proofs", "job", b.Job, "err", err)
	}
}
