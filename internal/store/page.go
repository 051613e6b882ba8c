// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A page is one job in a book: what it has come to, and what of that is new.
type page struct {
	owner
	head       receipt.Head
	at         time.Time // of the last receipt
	heard      time.Time // when the plugin in the agent's runtime was last heard of; 1970: never
	used       map[string]int
	reserved   map[uint64]*receipt.Reservation // by open calls, by their receipts
	executed   int                             // how many of used say how often one exact call was carried out
	questioned int                             // how many questions were ever asked
	questions  []*question                     // that no call has used up
	revoked    []token.Revocation              // in force
	debts      map[int64]*debt                 // by order: what of it the chain has
	attempted  int                             // how many changes were ever allowed
	changes    []*change                       // that are not settled

	changed bool
	touched map[string]bool // counters of exact calls
	asked   []*question     // new ones
	moved   []*question     // whose replies are others, or whose answers have been used
	spent   map[string]bool // proofs
}

// A question is an approval that may still count.
type question struct {
	id, job   string
	call      seal.Hash
	policy    seal.Hash
	expires   time.Time
	reply     Reply
	usedBy    uint64  // the receipt whose call used up the last yes
	cancelled bool    //
	answers   []*said // the last of each person

	// Of a new one.
	action string
	seq    uint64
	asked  time.Time
}

func newPage() *page {
	return &page{
		used: map[string]int{}, reserved: map[uint64]*receipt.Reservation{}, debts: map[int64]*debt{}, touched: map[string]bool{},
		spent: map[string]bool{},
	}
}

// waits reports whether q is open at now: people are to answer, or have said yes with a
// clock that is ahead.
func (q *question) waits(now time.Time) bool {
	return now.Before(q.expires) && (q.reply == NoReply || slices.ContainsFunc(q.answers, func(g *said) bool {
		return g.holds(now) && g.ahead(now)
	}))
}

// decided reports whether q was decided by answers of which some hold at now.
func (q *question) decided(now time.Time) bool {
	return now.Before(q.expires) && q.reply != NoReply && slices.ContainsFunc(q.answers, func(g *said) bool { return g.holds(now) })
}

// left reports whether some yes of q's can allow another call.
func (q *question) left() bool {
	return slices.ContainsFunc(q.answers, func(g *said) bool { return g.fact.Yes && g.remaining > 0 })
}

// state is what p has come to. Nothing in it is shared with p, but for the papers
// of answers, which nobody changes.
func (p *page) state(now time.Time) *receipt.State {
	now = now.UTC().Truncate(time.Millisecond)
	if now.Before(p.at) {
		now = p.at // a clock that went back does not make receipts go back
	}
	st := &receipt.State{Head: p.head, Now: now, Used: maps.Clone(p.used), Pending: map[seal.Hash]string{}, Revoked: slices.Clone(p.revoked), Heard: since(p.heard)}
	for _, c := range p.changes {
		if !c.gone && !c.past(now) {
			if st.Changes == nil {
				st.Changes = map[seal.Hash]receipt.Earlier{}
			}
			st.Changes[c.call] = c.earlier()
		}
	}
	for _, q := range p.questions {
		for _, g := range q.answers {
			if g.counts(now) {
				st.Answers = append(st.Answers, g.paper)
			}
		}
		switch {
		case q.waits(now):
			st.Pending[q.call] = q.id
		case q.decided(now):
			if st.Decided == nil {
				st.Decided = map[seal.Hash]string{}
			}
			st.Decided[q.call] = q.id
		}
	}
	return st
}

// take adds e to p, or says why not and changes nothing.
func (p *page) take(e *entry) error {
	r := e.receipt
	uses, err := p.uses(r)
	if err != nil {
		return err
	}
	if e.spent != nil && p.spent[e.spent.ID] {
		return token.ErrReplayed
	}
	paid, err := p.pays(r)
	if err != nil {
		return fmt.Errorf("receipt %d of job %s: %w", r.Seq, r.Job, err)
	}
	used, err := p.add(uses)
	if err != nil {
		return fmt.Errorf("receipt %d of job %s: %w", r.Seq, r.Job, err)
	}
	asks, cites, err := p.approvals(r)
	if err != nil {
		return fmt.Errorf("receipt %d of job %s: %w", r.Seq, r.Job, err)
	}
	if err := p.settles(r); err != nil {
		return fmt.Errorf("receipt %d of job %s: %w", r.Seq, r.Job, err)
	}
	p.changed, p.at, p.head = true, r.At, receipt.Head{Seq: r.Seq, Hash: e.hash}
	p.count(used)
	delete(p.reserved, r.Opened)
	if r.Kind == receipt.Opened && r.Decision.Effect == policy.Allow && !r.Call.Unreported { // that one is never closed
		held := receipt.Reserve(r.Call)
		held.Uses = maps.Clone(held.Uses) // r is the caller's
		p.reserved[r.Seq] = held
	}
	if e.spent != nil {
		p.spent[e.spent.ID] = true
	}
	if paid != nil {
		paid.pay(r)
	}
	p.asksOrUses(r, asks, cites)
	return nil
}

// uses is what r changes in p's counters. It fails if r closes what is not open.
func (p *page) uses(r *receipt.Receipt) (map[string]int, error) {
	if r.Kind == receipt.Opened && r.Decision.Effect == policy.Allow && !r.Call.Unreported && len(p.reserved) >= maxOpen {
		return nil, fmt.Errorf("job %s has %d open calls: %w", r.Job, len(p.reserved), ErrConflict)
	}
	if r.Kind != receipt.Closed {
		return r.Uses(nil), nil
	}
	held := p.reserved[r.Opened]
	if held == nil {
		return nil, fmt.Errorf("receipt %d of job %s closes %d, which is not open: %w", r.Seq, r.Job, r.Opened, ErrConflict)
	}
	return r.GivesBack(held), nil
}

// count sets counters.
func (p *page) count(used map[string]int) {
	for name, n := range used {
		if receipt.Execution(name) {
			if _, known := p.used[name]; !known {
				p.executed++
			}
			p.touched[name] = true
		}
		p.used[name] = n
	}
}

// counters is how chain.used says p's.
func (p *page) counters() ([]byte, error) { return seal.Marshal(receipt.Counted(p.used)) }

const (
	maxCounter = 1<<53 - 1 // what has one form in JSON
	// maxOpen is how many calls of a job may be open: all of them are in the row
	// that each of its receipts writes.
	maxOpen = 1024
)

// add returns what the counters in uses become.
func (p *page) add(uses map[string]int) (map[string]int, error) {
	out := map[string]int{}
	for name, n := range uses {
		sum := p.used[name] + n
		if sum < 0 || n > 0 && sum < n || sum > maxCounter {
			return nil, fmt.Errorf("counter %q cannot become %d", name, sum)
		}
		out[name] = sum
	}
	return out, nil
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
