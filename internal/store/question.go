// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// approvals returns the question that r asks, if it does, and the one whose answers
// allow its call, if they do.
func (p *page) approvals(r *receipt.Receipt) (asks *question, cites *use, err error) {
	if r.Kind != receipt.Opened {
		return nil, nil, nil
	}
	d := r.Decision
	if (d.Effect == policy.Ask) != (r.Asks != "") {
		return nil, nil, errors.New("a receipt asks a question if and only if it decides to ask")
	}
	switch {
	case r.Asks != "":
		asks, err = p.ask(r, r.Call.Digest())
		return asks, nil, err
	case d.Effect == policy.Allow && d.Approval != "":
		cites, err = p.mayUse(r, r.Call.Digest())
		return nil, cites, err
	}
	return nil, nil, nil
}

// ask returns the question that r asks, which may wait already, or have had answers
// that were enough and are no longer.
func (p *page) ask(r *receipt.Receipt, digest seal.Hash) (*question, error) {
	for _, q := range p.questions {
		if q.id != r.Asks {
			continue
		}
		if !q.call.Equal(digest) || !q.policy.Equal(r.Decision.Policy) || !q.waits(r.At) && !q.decided(r.At) {
			return nil, fmt.Errorf("it cannot wait for approval %s: %w", q.id, ErrConflict)
		}
		return q, nil
	}
	if r.Asks != fmt.Sprintf("%s.%d", r.Job, r.Seq) {
		return nil, fmt.Errorf("it cannot wait for approval %s: %w", r.Asks, ErrConflict)
	}
	return &question{id: r.Asks, job: r.Job, call: digest, policy: r.Decision.Policy, action: actionText(r.Call), seq: r.Seq, asked: r.At, expires: expired(r.At)}, nil
}

// A use is of a question whose answers allow a call, and of those of its yeses that
// the decision counted.
type use struct {
	*question
	yeses []*said
}

// mayUse returns what r's call uses up. All yeses that the decision counted must
// count, and there must be one.
func (p *page) mayUse(r *receipt.Receipt, digest seal.Hash) (*use, error) {
	id := r.Decision.Approval
	i := slices.IndexFunc(p.questions, func(q *question) bool { return q.id == id && q.call.Equal(digest) })
	if i < 0 || r.Facts == nil {
		return nil, unusable(id)
	}
	u := &use{question: p.questions[i]}
	for _, x := range r.Facts.Approvals {
		if x.ID != id || !x.Yes || x.Own {
			continue
		}
		j := slices.IndexFunc(u.answers, func(g *said) bool {
			return g.fact.Yes && g.counts(r.At) && g.fact.By == x.By && g.fact.At.Equal(x.At) && g.fact.Call.Equal(digest)
		})
		if j < 0 || slices.Contains(u.yeses, u.answers[j]) {
			return nil, unusable(id)
		}
		u.yeses = append(u.yeses, u.answers[j])
	}
	if len(u.yeses) == 0 {
		return nil, unusable(id)
	}
	return u, nil
}

func unusable(id string) error {
	return fmt.Errorf("approval %s is used up, expired, for another call or not a yes: %w", id, ErrConflict)
}

// asksOrUses keeps p's questions in step with r, which p has taken.
func (p *page) asksOrUses(r *receipt.Receipt, asks *question, cites *use) {
	switch {
	case asks != nil && !slices.Contains(p.questions, asks):
		p.asked, p.questions = append(p.asked, asks), append(p.questions, asks)
		p.questioned++
	case asks != nil && asks.reply != NoReply: // the decision knows better than who judged the answers
		asks.reply = NoReply
		p.move(asks)
	case cites != nil:
		cites.reply = Yes
		for _, g := range cites.yeses {
			g.remaining--
		}
		if p.move(cites.question); cites.left() {
			return
		}
		cites.usedBy = r.Seq
		p.questions = slices.DeleteFunc(p.questions, func(q *question) bool { return q == cites.question })
	}
}

func (p *page) move(q *question) {
	if !slices.Contains(p.moved, q) {
		p.moved = append(p.moved, q)
	}
}
