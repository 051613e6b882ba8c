// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A question is one that waits for people, as lists show it.
type question struct {
	ID, Job, Agent string
	Says           string // what is asked for, without any text of the agent's
	Risk           Risk
	Asked, Expires time.Time

	asks *receipt.Receipt // nil: it does not verify
}

// questions are those that people may still answer, the oldest first, from after one on.
func (c *Console) questions(ctx context.Context, after string, limit int) ([]question, error) {
	list, err := c.DB.Approvals(ctx, store.Filter{Open: true, After: after, Limit: limit})
	if err != nil {
		return nil, err
	}
	out := make([]question, len(list))
	for i, a := range list {
		if out[i], err = c.question(ctx, &a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *Console) question(ctx context.Context, a *store.Approval) (question, error) {
	q := question{ID: a.ID, Job: a.Job, Asked: a.Asked, Expires: a.Expires}
	e, err := c.DB.Receipt(ctx, a.Job, a.Seq)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return q, err
	}
	j, err := c.DB.Job(ctx, a.Job)
	if err != nil {
		return q, err
	}
	q.Agent = j.Agent
	r, good := c.read(e)
	if !good || r.Call == nil || r.Job != a.Job || r.Asks != a.ID || !r.Call.Digest().Equal(a.Call) {
		q.Says, q.Risk = "The receipt that asks does not verify. Do not answer it.", unproven()
		return q, nil
	}
	change, err := c.changeOf(ctx, a, r.Call)
	q.Says, q.Risk, q.asks = Sentence(j.Agent, r.Call), risk(r.Call, change), r
	return q, err
}

// changeOf is what a question's call commits to change, or nil: it commits to nothing,
// or that is not kept.
func (c *Console) changeOf(ctx context.Context, a *store.Approval, call *policy.Call) (*receipt.Text, error) {
	if call.Change.IsZero() {
		return nil, nil
	}
	t, err := c.DB.Text(ctx, a.Job, a.Seq, call.Change)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return &t, err
}

// read reads a receipt, and says whether a gate of this house has signed it. A
// receipt that nobody has signed is nil.
func (c *Console) read(e *seal.Envelope) (*receipt.Receipt, bool) {
	if e == nil {
		return nil, false
	}
	if _, err := e.Open(receipt.Type, c.Gates...); err != nil {
		return nil, false
	}
	r, err := receipt.Parse(e.Payload)
	return r, err == nil
}

type approvalsPage struct {
	frame
	Questions []question
	At        time.Time
	Next      string // the last that is listed, if there may be more
}

// listed is how many questions a page lists.
const listed = 200

func (c *Console) approvals(w http.ResponseWriter, r *http.Request) {
	list, err := c.questions(r.Context(), r.URL.Query().Get("after"), listed)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	p := &approvalsPage{frame: c.frame(r, "Approvals"), Questions: list, At: c.Now()}
	if len(list) == listed {
		p.Next = list[listed-1].ID
	}
	c.show(w, r, "approvals", p)
}

// An approvalPage is a question with all that an answer will be bound to.
type approvalPage struct {
	frame
	question
	Open    bool
	Touches []resource
	Through string // the upstream MCP server that carries it; "": none
	Policy  seal.Hash
	Reasons []reason
	Client  string // who ordered the job's token: their yes does not count
	Answers []answer
	Missing int // how many more people have to say yes
	Args    body
	Change  *changeView
	Read    []seen   // what the agent had read before
	Stands  bool     // it takes a no, and what takes an answer back: its call has not been made
	Mine    bool     // who looks has answered
	Absent  []string // whom who looks stands in for
	Unshown bool     // who looks has to step up before they say yes

	Unproven int // answers that nobody has signed who may answer
}

// Again is where who looks logs in again and comes back, or "".
func (p *approvalPage) Again() string { return p.Person.StepUp.again(pathOf(p.ID)) }

// MayAnswer reports whether who looks may answer: a no always, as long as the call has
// not been made.
func (p *approvalPage) MayAnswer() bool { return p.Stands && p.Person.may(answerers) }

// Ordered reports whether who looks ordered the token of the call: their yes does not
// count.
func (p *approvalPage) Ordered() bool { return p.Client != "" && p.Client == Visible(p.Person.Key) }

// Whole reports whether all that is asked for is on the page.
func (p *approvalPage) Whole() bool { return !p.Args.Cut && (p.Change == nil || p.Change.whole()) }

// MayApprove reports whether a yes of who looks is wanted, and would count.
func (p *approvalPage) MayApprove() bool {
	return p.Open && p.MayAnswer() && !p.Ordered() && p.Whole() && !p.Unshown
}

func (c *Console) approval(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	a, err := c.DB.Approval(ctx, r.PathValue("id"))
	if err != nil {
		c.fail(w, r, err)
		return
	}
	p := &approvalPage{frame: c.frame(r, "A question"), Open: a.Open(c.Now()), Stands: stands(a, c.Now()), Policy: a.Policy}
	if p.question, err = c.question(ctx, a); err != nil {
		c.fail(w, r, err)
		return
	}
	if p.asks == nil {
		c.warn(w, r, "The receipt that asks does not verify, or asks something else.")
		return
	}
	q, err := c.Desk.Question(ctx, a.ID)
	if errors.Is(err, approval.ErrAltered) {
		c.warn(w, r, "The receipt that asks does not say what the question says.")
		return
	}
	if err != nil {
		c.fail(w, r, err)
		return
	}
	if err := c.describe(p, q); err != nil {
		c.warn(w, r, "What it is about is not what its receipt commits to.")
		return
	}
	if p.Absent, err = c.Desk.Absent(ctx, p.Person.Key); err != nil {
		c.fail(w, r, err)
		return
	}
	p.Absent = slices.DeleteFunc(p.Absent, func(name string) bool { return name == q.Client }) // their yes would be the client's own
	known := map[seal.Hash]*policy.Policy{}
	p.Reasons = c.reasonsBy(ctx, p.asks, known)
	if !p.asks.Call.Server.IsZero() {
		p.Through = through(p.asks, c.policyOf(ctx, p.asks, known))
	}
	if p.Read, err = c.readBefore(ctx, a.Job, a.Seq); err != nil {
		c.fail(w, r, err)
		return
	}
	c.looked(r, a.Job, a.Seq, "question")
	c.show(w, r, "approval", p)
}

// stands reports whether a question takes a no, and what takes an answer back: it is
// open, or its answers still count for a call that has not been made.
func stands(a *store.Approval, now time.Time) bool {
	return a.UsedBy == 0 && a.Cancelled == nil && now.Before(a.Expires)
}

// warn says that a question must not be answered.
func (c *Console) warn(w http.ResponseWriter, r *http.Request, why string) {
	c.say(w, r, http.StatusConflict, "Do not answer this question", why+" Tell the operator of the house: somebody has changed its database.")
}

// describe tells what a question is about, and who has answered. It fails for texts
// that its receipt does not commit to.
func (c *Console) describe(p *approvalPage, q *approval.Question) (err error) {
	call := p.asks.Call
	if !seal.Commit(q.Text.Salt, q.Text.Bytes).Equal(call.Args) {
		return errors.New("the arguments are others than the call commits to")
	}
	at := textsOf(p.Job, p.asks.Seq)
	p.Args, p.Touches, p.Client = bodyOf(q.Text.Bytes, maxAsked), c.touches(call), Visible(q.Client)
	p.Args.Pieces = at + "args?from=0"
	p.Missing, p.Unproven, p.Risk = q.Missing, q.Unproven, c.riskOf(q)
	p.Unshown = c.wantsStepUp(p.Risk, p.Person)
	for _, g := range q.Given {
		p.Answers = append(p.Answers, answer{Visible(g.By), Visible(g.Reason), g.Yes, g.At, Visible(g.For)})
		p.Mine = p.Mine || g.By == p.Person.Key
	}
	if q.Change == nil {
		return nil
	}
	p.Change, err = c.change(call, q.Change, at)
	return err
}

// A seen is something that an agent had read. What it holds may be anybody's.
type seen struct {
	Job  string
	Seq  uint64
	At   time.Time
	Says string
}

// remembered is how many steps before a question are looked through, and shown.
const (
	remembered = 100
	shownSeen  = 20
)

// readBefore lists what an agent read in its job shortly before a receipt, the
// newest first.
func (c *Console) readBefore(ctx context.Context, job string, seq uint64) ([]seen, error) {
	from := uint64(0)
	if seq > 2*remembered {
		from = seq - 2*remembered
	}
	steps, err := c.DB.Steps(ctx, job, from, 2*remembered)
	if err != nil {
		return nil, err
	}
	var out []seen
	for i := len(steps) - 1; i >= 0 && len(out) < shownSeen; i-- {
		r, good := c.read(steps[i].Opened)
		if !good || r.Seq >= seq || r.Call == nil || steps[i].Closed == nil {
			continue
		}
		if cl := r.Call.Class; cl != policy.Read && cl != policy.Search {
			continue
		}
		says := r.Call.Name()
		if len(r.Call.Resources) > 0 {
			says += ": " + things(r.Call.Resources)
		}
		out = append(out, seen{job, r.Seq, r.At, Visible(says)})
	}
	return out, nil
}
