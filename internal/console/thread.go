// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

type jobPage struct {
	frame
	Job      *store.Job
	Undone   string // the job that takes changes back, if there is one
	Tokens   []store.Token
	Used     []use
	Revoking []token.Revocation
	Steps    []step
	First    bool
	Next     string
	Proofs   bool // the house publishes them
}

// A use is one of a job's counters.
type use struct {
	Name string
	N    int
}

// A step is a line of a job's thread, as people read it.
type step struct {
	Seq     uint64
	At      time.Time
	Broken  bool // it does not verify, and nothing of it is told
	Name    string
	Says    string
	Effect  string // a decision's, "refused" or "order"
	Class   policy.Class
	Outcome *outcome
	Reasons []reason
	Touches []resource
	Carrier string // who carries it out, in words; "": the house
	Through string // the upstream MCP server that carries it; "": none
	Asks    string // the question that it waits for
	Link    bool   // who looks may look at that
	Cites   string // the answer that it used
	Answers []answer
	Shadow  []string
	Parts   []part // texts behind it
	Token   token.ID
}

// A part is a text that a receipt commits to.
type part struct {
	Path, Name string
	Untrusted  bool // it is, or holds, what came from outside
}

// An outcome is what acting did.
type outcome struct {
	Seq    uint64
	At     time.Time
	Status receipt.Status
	Code   string
	Made   *resource
	Model  string

	Connection string
	Lacked     string // of its server's sandbox
	Size       int64
	Actor      string
	By         string // whose word it is
	Late       bool   // it was learned later
}

// A reason is a clause that spoke, with what the policy says there.
type reason struct {
	Says, Clause string
	Means        []string
}

// An answer is a person's, as it was signed.
type answer struct {
	By, Reason string
	Yes        bool
	At         time.Time
	For        string // in whose stead; "": their own
}

// perThread is how many steps a page of a thread has.
const perThread = 60

func (c *Console) job(w http.ResponseWriter, r *http.Request) {
	ctx, id := r.Context(), r.PathValue("job")
	j, err := c.DB.Job(ctx, id)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	after := uint64(0)
	if text := r.URL.Query().Get("after"); text != "" {
		if after, err = strconv.ParseUint(text, 10, 62); err != nil {
			c.refuse(w, r, "Begin with the first page of the thread again.")
			return
		}
	}
	p := &jobPage{frame: c.frame(r, "Job "+j.ID), Job: j, First: after == 0, Proofs: c.Proofs != nil && j.Receipts > 0}
	for _, name := range slices.Sorted(maps.Keys(receipt.Counted(j.Used))) {
		p.Used = append(p.Used, use{name, j.Used[name]})
	}
	if err := c.thread(ctx, p, after); err != nil {
		c.fail(w, r, err)
		return
	}
	c.show(w, r, "job", p)
}

// thread fills in what p needs of the database.
func (c *Console) thread(ctx context.Context, p *jobPage, after uint64) (err error) {
	j := p.Job
	if p.Tokens, err = c.DB.Tokens(ctx, j.ID); err != nil {
		return err
	}
	if p.Revoking, err = c.DB.RevokingJob(ctx, j.ID, j.Agent, j.Policy); err != nil {
		return err
	}
	undo, err := c.DB.Job(ctx, receipt.UndoPrefix+j.ID)
	switch {
	case err == nil:
		p.Undone = undo.ID
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	papers, err := c.DB.Answers(ctx, j.ID)
	if err != nil {
		return err
	}
	steps, err := c.DB.Steps(ctx, j.ID, after, perThread+1)
	if err != nil {
		return err
	}
	if len(steps) > perThread {
		steps = steps[:perThread]
		p.Next = fmt.Sprintf("/jobs/%s?after=%d", j.ID, steps[perThread-1].Seq)
	}
	said := answersOf(papers)
	policies := map[seal.Hash]*policy.Policy{}
	for i := range steps {
		s := c.step(ctx, &steps[i], said, policies)
		s.Link = p.MayRead()
		p.Steps = append(p.Steps, s)
	}
	return nil
}

// answersOf reads signed answers, by the question. Whether their signatures count
// is for the gate and the verifier; here they are told as they were given.
func answersOf(papers []*seal.Envelope) map[string][]answer {
	out := map[string][]answer{}
	for _, e := range papers {
		a := new(receipt.Answer)
		if seal.Decode(e.Payload, a) == nil {
			out[a.Approval] = append(out[a.Approval], answer{Visible(a.By), Visible(a.Reason), a.Yes, a.At, Visible(a.For)})
		}
	}
	return out
}

func (c *Console) step(ctx context.Context, s *store.Step, said map[string][]answer, policies map[seal.Hash]*policy.Policy) step {
	r, good := c.read(s.Opened)
	if !good || s.Broken || r.Seq != s.Seq {
		return step{Seq: s.Seq, Broken: true, Effect: "broken"}
	}
	out := step{Seq: r.Seq, At: r.At, Token: r.Token}
	if r.Revocation != nil {
		out.Effect, out.Name = "order", string(r.Kind)
		out.Says = Visible(fmt.Sprintf("%s %s, by order of %s", r.Revocation.Revocation, r.Kind, r.Revocation.By))
		return out
	}
	c.called(ctx, &out, r, policies)
	out.Answers = append(said[r.Asks], said[out.Cites]...)
	for _, e := range []*seal.Envelope{s.Closed, s.Learned} {
		if e != nil {
			c.closed(&out, r.Call, e)
		}
	}
	return out
}

// called tells an opened receipt.
func (c *Console) called(ctx context.Context, out *step, r *receipt.Receipt, policies map[seal.Hash]*policy.Policy) {
	out.Name, out.Class, out.Touches = Visible(r.Call.Name()), r.Call.Class, c.touches(r.Call)
	out.Says, out.Carrier = Visible(things(r.Call.Resources)), Visible(r.Call.Elsewhere())
	if !r.Call.Server.IsZero() {
		out.Through = through(r, c.policyOf(ctx, r, policies))
	}
	out.Effect, out.Asks = r.Decision.Effect.String(), Visible(r.Asks)
	if r.Refused != "" {
		out.Effect, out.Reasons = "refused", []reason{{Says: Visible(r.Refused)}}
	} else {
		out.Cites, out.Reasons = r.Decision.Approval, c.reasonsBy(ctx, r, policies)
	}
	for _, v := range r.Shadow {
		out.Shadow = append(out.Shadow, verdict(&v))
	}
	base := fmt.Sprintf("/jobs/%s/texts/%d/", r.Job, r.Seq)
	if !r.Call.Args.IsZero() {
		out.Parts = append(out.Parts, part{base + "args", "what was asked for, to the byte", true})
	}
	if !r.Call.Change.IsZero() {
		out.Parts = append(out.Parts, part{base + "change", "what it changes, and how that is undone", true})
	}
}

// closed tells what became of a call.
func (c *Console) closed(out *step, call *policy.Call, e *seal.Envelope) {
	r, good := c.read(e)
	if !good || r.Outcome == nil || r.Opened != out.Seq {
		out.Broken = true
		return
	}
	o := r.Outcome
	x := &outcome{Seq: r.Seq, At: r.At, Status: o.Status, Code: Visible(o.Code), Size: o.Size, Actor: Visible(o.Actor), By: Visible(r.By), Late: r.Kind == receipt.Learned}
	if o.Target != nil {
		made := c.resourceOf(call, o.Target)
		x.Made = &made
	}
	base := fmt.Sprintf("/jobs/%s/texts/%d/", r.Job, r.Seq)
	if !o.Result.IsZero() {
		out.Parts = append(out.Parts, part{base + "result", "what the agent was given", true})
	}
	if o.Connection != nil {
		x.Connection = Visible(o.Connection.String())
	}
	if o.Lacked != nil {
		x.Lacked = Visible(o.Lacked.String())
	}
	if o.Model != nil {
		x.Model = Visible(o.Model.String())
		for i, p := range o.Model.Proposed {
			out.Parts = append(out.Parts, part{base + fmt.Sprintf("proposed-%d", i+1), Visible("what the model proposed: " + p.Name), true})
		}
	}
	out.Outcome = x
}

func (c *Console) touches(call *policy.Call) []resource {
	const most = 30
	var out []resource
	for i := range call.Resources {
		if i == most {
			return append(out, resource{Text: "and " + count(len(call.Resources)-most) + " more"})
		}
		out = append(out, c.resourceOf(call, &call.Resources[i]))
	}
	return out
}

// policyOf is the policy that decided r; nil if it cannot be had: without it the clauses
// are told alone.
func (c *Console) policyOf(ctx context.Context, r *receipt.Receipt, known map[seal.Hash]*policy.Policy) *policy.Policy {
	h := r.Decision.Policy
	p, seen := known[h]
	if !seen {
		p, _ = c.Policies.Policy(ctx, h)
		known[h] = p
	}
	return p
}

// reasonsBy are why r was decided so, with the policies that were read before.
func (c *Console) reasonsBy(ctx context.Context, r *receipt.Receipt, known map[seal.Hash]*policy.Policy) []reason {
	p := c.policyOf(ctx, r, known)
	var out []reason
	for _, why := range r.Decision.Reasons {
		x := reason{Says: Visible(why.Says), Clause: Visible(why.Clause)}
		if p != nil && why.Clause != "" && !strings.HasPrefix(why.Clause, "grant:") {
			for _, s := range p.ExplainClause(why.Clause) {
				x.Means = append(x.Means, Visible(s.Says))
			}
		}
		out = append(out, x)
	}
	return out
}

func verdict(v *receipt.Verdict) string {
	if v.Decision == nil {
		return Visible("a candidate's verdict is not known: " + v.Unknown)
	}
	return "the candidate " + short(v.Policy) + " says " + v.Decision.Effect.String()
}
