// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package approval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A Standing is how far a question is.
type Standing struct {
	policy.Heard               // what the answers that hold come to now
	Given        []store.Given // those answers, in their order
	Unproven     int           // how many more there are, which nobody who may answer has signed for this question
}

// A matter is what a question is about, and who answers it.
type matter struct {
	paper  *seal.Envelope // the receipt that asks
	call   *policy.Call
	policy *policy.Policy
	client string
	people *receipt.People
}

// Standings says how far questions are, in their order. Nothing is missing of those
// that are not open, or of which it cannot be told: of them all answers are given that
// are proven, what has expired included.
func (d *Desk) Standings(ctx context.Context, list []store.Approval) ([]Standing, error) {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	given, err := d.DB.Given(ctx, ids...)
	if err != nil {
		return nil, fmt.Errorf("standings: %w", err)
	}
	people, err := d.people(ctx)
	if err != nil {
		return nil, fmt.Errorf("standings: %w", err)
	}
	out := make([]Standing, len(list))
	now := d.Now()
	for i := range list {
		q := &list[i]
		if q.Open(now) {
			if m, err := d.matter(ctx, q); err == nil {
				out[i] = m.standing(now, q, given[q.ID])
				continue
			} // such as a policy that does not verify any more: who looks at the question hears of it
		}
		out[i].Given, out[i].Unproven = proven(people, q, given[q.ID])
	}
	return out, nil
}

// Signed reports whether e is an answer that somebody has signed who may answer, or who
// might when they said no. The database is not trusted with that.
func (d *Desk) Signed(ctx context.Context, e *seal.Envelope) (bool, error) {
	people, err := d.people(ctx)
	if err != nil {
		return false, err
	}
	_, err = people.Open(e)
	return err == nil, nil
}

// proven are those of given whose signatures hold, about q, and how many do not.
func proven(people *receipt.People, q *store.Approval, given []store.Given) (good []store.Given, others int) {
	for i := range given {
		a, err := people.Open(given[i].Paper)
		if err != nil || a.Approval != q.ID || a.Job != q.Job || !a.Call.Equal(q.Call) || !a.Policy.Equal(q.Policy) {
			others++
			continue
		}
		good = append(good, given[i])
	}
	return good, others
}

// people are those whose answers count now.
func (d *Desk) people(ctx context.Context) (*receipt.People, error) {
	p := &receipt.People{Keys: d.People, Groups: d.Groups}
	if d.Enrolled != nil {
		enrolled, err := d.Enrolled.People(ctx)
		if err != nil {
			return nil, fmt.Errorf("find who may answer: %w", err)
		}
		p = p.With(enrolled)
	}
	if d.Absences != nil {
		var err error
		if p.Delegations, err = d.Absences.Delegations(ctx); err != nil {
			return nil, fmt.Errorf("find who stands in for whom: %w", err)
		}
	}
	return p, nil
}

// matter finds what q is about. It fails with ErrAltered where the receipt that asks
// does not say what q says: answers are bound to q, and people are shown the receipt.
// Whose signature that has is for who shows it to check. What it finds of who ordered the token is for early
// refusals: the gate knows it from the token itself.
func (d *Desk) matter(ctx context.Context, q *store.Approval) (*matter, error) {
	m := new(matter)
	var err error
	if m.paper, err = d.DB.Receipt(ctx, q.Job, q.Seq); err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	r, err := receipt.Parse(m.paper.Payload)
	if err != nil {
		return nil, err
	}
	if r.Call == nil || r.Decision == nil || r.Asks != q.ID || r.Job != q.Job || !r.Call.Digest().Equal(q.Call) || !r.Decision.Policy.Equal(q.Policy) {
		return nil, ErrAltered
	}
	m.call = r.Call
	if m.policy, err = d.Policies.Policy(ctx, q.Policy); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if m.client, err = d.client(ctx, r.Token); err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	m.people, err = d.people(ctx)
	return m, err
}

// client is who ordered a token, or "" where there is no record of it.
func (d *Desk) client(ctx context.Context, id token.ID) (string, error) {
	t, err := d.DB.Token(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	e, err := seal.ParseEnvelope(t.Record)
	if err != nil {
		return "", err
	}
	c := new(token.Claims)
	if err := seal.Decode(e.Payload, c); err != nil {
		return "", err
	}
	return c.Client, nil
}

// standing is how far the question is at now, with what people have said to it.
func (m *matter) standing(now time.Time, q *store.Approval, given []store.Given) Standing {
	var s Standing
	given, s.Unproven = proven(m.people, q, given)
	f := &policy.Facts{Now: now}
	for i := range given {
		if g := &given[i]; now.Before(g.Expires) && (!g.Yes || g.Left > 0) && m.people.Speaks(&g.Answer, now) {
			s.Given = append(s.Given, *g)
			f.Approvals = append(f.Approvals, m.people.Fact(&g.Answer, m.client, m.policy.Groups()))
		}
	}
	s.Heard = m.policy.Hear(m.call, m.atLeast(f))
	return s
}

// judge says what signed answers come to: the word for lists. The gate hears the
// same answers again, when the call is tried.
func (m *matter) judge(now time.Time, held []*seal.Envelope) store.Reply {
	f := &policy.Facts{Now: now}
	for _, e := range held {
		a, err := m.people.Open(e)
		if err != nil || !m.people.Speaks(a, now) { // the key has been revoked since, or a delegation is over
			continue
		}
		f.Approvals = append(f.Approvals, m.people.Fact(a, m.client, m.policy.Groups()))
	}
	switch h := m.policy.Hear(m.call, m.atLeast(f)); {
	case h.No:
		return store.No
	case h.Missing == 0:
		return store.Yes
	}
	return store.NoReply
}

// atLeast moves f's time to where all its answers have been given: a person's clock
// may be ahead of ours by a little.
func (m *matter) atLeast(f *policy.Facts) *policy.Facts {
	for _, a := range f.Approvals {
		if a.At.After(f.Now) {
			f.Now = a.At
		}
	}
	return f
}
