// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"fmt"
	"slices"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// A Step is a call with what became of it, or an order of the house's.
type Step struct {
	Seq       uint64           `json:"seq"`
	At        time.Time        `json:"at"`
	Unread    string           `json:"unread"` // why nothing else of it is told; "": it is
	Name      string           `json:"name"`   // "confluence.page.update", or the order
	Class     string           `json:"class"`
	Effect    string           `json:"effect"` // "allow", "ask", "deny", "refused" or "order"
	Reasons   []Reason         `json:"reasons"`
	Touches   []string         `json:"touches"`
	Carrier   string           `json:"carrier"`  // who carries it out, in words; "": the house
	Through   string           `json:"through"`  // the upstream MCP server that carries it; "": none
	Approval  string           `json:"approval"` // the question's id; "": nobody was asked
	Waits     bool             `json:"waits"`    // it was told to wait for the answer
	Answers   []Answer         `json:"answers"`
	Change    *Change          `json:"change"`
	Outcome   *Outcome         `json:"outcome"`
	Learned   *Outcome         `json:"learned"` // what became of it, as it was learned after it was closed
	Texts     []Text           `json:"texts"`
	Shadow    []string         `json:"shadow"`
	Findings  []verify.Finding `json:"findings"`
	Emergency bool             `json:"emergency"`
}

// A Reason is a clause that spoke, and what the policy says there.
type Reason struct {
	Says   string   `json:"says"`
	Clause string   `json:"clause"`
	Means  []string `json:"means"`
}

// An Answer is a person's yes or no.
type Answer struct {
	Yes     bool      `json:"yes"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Reason  string    `json:"reason"`
	Key     string    `json:"key"`     // its id
	Origin  string    `json:"origin"`  // where the passkey signed; "": a key file
	Counted bool      `json:"counted"` // the decision saw it

	Withdraws bool     `json:"withdraws"` // it is neither yes nor no: it takes back what they said before
	Times     int      `json:"times"`     // how many identical calls a yes is for
	Shown     bool     `json:"shown"`     // it names the difference that they were shown
	Groups    []string `json:"groups"`    // that they were in for the decision, as the house says
	Own       bool     `json:"own"`       // they, or whom they stand in for, ordered the job: their yes does not count

	For   string   `json:"for"`   // in whose stead they answer; "": their own
	Under []string `json:"under"` // by which delegations of that person, and until when
}

// A Change is what a call was about to change outside. Redacted: all that is
// known is that it was committed to.
type Change struct {
	Redacted     bool   `json:"redacted"`
	Summary      string `json:"summary"`
	Target       string `json:"target"` // "": something new
	Undoes       string `json:"undoes"`
	Undo         string `json:"undo"`
	Irreversible string `json:"irreversible"`
	Sends        string `json:"sends"`
	Diff         []Line `json:"diff"`
}

// An Outcome is what acting did.
type Outcome struct {
	Seq    uint64 `json:"seq"` // the receipt that says so
	By     string `json:"by"`  // whose word it is, an operator's or a gateway's; "": the house knows
	Status string `json:"status"`
	Code   string `json:"code"`
	Target string `json:"target"`
	Actor  string `json:"actor"`
	Size   int64  `json:"size"` // of what the agent got
	Model  string `json:"model"`
}

// steps tells the receipts, calls with their closings, and how many are left out.
func (n *narrator) steps() (steps []Step, more int) {
	steps = []Step{}
	at := map[uint64]int{} // by number of the opened receipt
	for i := range n.bundle.Receipts {
		r, unread := n.receipt(&n.bundle.Receipts[i])
		if r != nil && r.Outcome != nil {
			if j, ok := at[r.Opened]; ok {
				n.end(&steps[j], r)
				continue
			}
		}
		if len(steps) == MaxSteps {
			more++
			continue
		}
		if r == nil {
			steps = append(steps, Step{Seq: uint64(i + 1), Unread: unread, Findings: n.findings[uint64(i+1)]})
			continue
		}
		if r.Kind == receipt.Opened {
			at[r.Seq] = len(steps)
		}
		steps = append(steps, n.step(r))
	}
	return steps, more
}

func (n *narrator) receipt(e *seal.Envelope) (*receipt.Receipt, string) {
	if _, err := e.Open(receipt.Type, n.keys.gates...); err != nil {
		return nil, "it is not signed by a gate that you trust"
	}
	r, err := receipt.Parse(e.Payload)
	if err != nil {
		return nil, "it is signed, and is no receipt"
	}
	return r, ""
}

func (n *narrator) step(r *receipt.Receipt) Step {
	s := Step{Seq: r.Seq, At: r.At, Findings: slices.Clone(n.findings[r.Seq])}
	switch {
	case r.Revocation != nil:
		s.Effect, s.Name = "order", Visible(fmt.Sprintf("%s %s by %s", r.Kind, r.Revocation.Revocation, r.Revocation.By))
	case r.Outcome != nil:
		s.Unread = fmt.Sprintf("it says what became of receipt %d, which is not told", r.Opened)
	default:
		n.open(&s, r)
	}
	return s
}

func (n *narrator) open(s *Step, r *receipt.Receipt) {
	s.Name, s.Class, s.Carrier = Visible(r.Call.Name()), Visible(string(r.Call.Class)), Visible(r.Call.Elsewhere())
	for _, x := range r.Call.Resources {
		s.Touches = append(s.Touches, resource(x))
	}
	s.Texts = append(s.Texts, n.text("What was asked for, to the byte", r.Call.Args)...)
	if !r.Call.Attempt.IsZero() {
		s.Texts = append(s.Texts, n.text("The same, without what the house looked up for it", r.Call.Attempt)...)
	}
	if !r.Call.Change.IsZero() {
		s.Change = n.change(r.Call)
		s.Texts = append(s.Texts, n.text("The change, as it was written down before", r.Call.Change)...)
	}
	s.Through = n.through(r)
	if r.Refused != "" {
		s.Effect, s.Reasons = "refused", []Reason{{Says: Visible("nothing was decided: " + r.Refused)}}
		return
	}
	s.Effect, s.Emergency = r.Decision.Effect.String(), r.Decision.BreakGlass
	p := n.policies[r.Decision.Policy]
	for _, why := range r.Decision.Reasons {
		s.Reasons = append(s.Reasons, reason(p, why))
	}
	n.approval(s, r)
	for _, v := range r.Shadow {
		s.Shadow = append(s.Shadow, verdict(v))
	}
}

// through says which MCP server carries r's call, and by which of its tools.
func (n *narrator) through(r *receipt.Receipt) string {
	if r.Call.Server.IsZero() {
		return ""
	}
	if r.Decision != nil && n.policies[r.Decision.Policy] != nil {
		if server, tool := n.policies[r.Decision.Policy].Through(r.Call); server != "" {
			return Visible("the tool " + tool + " of the MCP server " + server)
		}
	}
	return "an MCP server that its policy does not pin so: " + r.Call.Server.String()
}

func reason(p *policy.Policy, r policy.Reason) Reason {
	out := Reason{Says: Visible(r.Says), Clause: Visible(r.Clause)}
	if p == nil || r.Clause == "" {
		return out
	}
	for _, s := range p.ExplainClause(r.Clause) {
		out.Means = append(out.Means, Visible(s.Says))
	}
	return out
}

func verdict(v receipt.Verdict) string {
	if v.Decision == nil {
		return Visible("a candidate's verdict is unknown: " + v.Unknown)
	}
	return "the candidate " + v.Policy.String() + " says " + v.Decision.Effect.String()
}

// approval tells who was asked, and what people said. An answer counted if it is
// among what the decision saw.
func (n *narrator) approval(s *Step, r *receipt.Receipt) {
	id := r.Decision.Approval
	if r.Asks != "" {
		id, s.Waits = r.Asks, true
	}
	if id == "" {
		return
	}
	s.Approval = Visible(id)
	for _, a := range n.answers[id] {
		if a.Call != r.Call.Digest() {
			continue // about another call: the report says so
		}
		told := a.tell(r.Facts)
		told.Under = n.under(&a)
		s.Answers = append(s.Answers, told)
	}
}

// under tells the delegations that cover a.
func (n *narrator) under(a *answer) []string {
	var out []string
	for _, d := range n.stands {
		if !d.Covers(a.Answer) {
			continue
		}
		line := fmt.Sprintf("%s, from %s to %s", d.ID, stamp(d.Begins), stamp(d.Ends))
		if d.Reason != "" {
			line += ": " + d.Reason
		}
		for _, w := range n.stands {
			if w.TakesBack(d) {
				line += " (taken back at " + stamp(w.At) + ")"
			}
		}
		out = append(out, Visible(line))
	}
	return out
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// tell tells a, as f has it.
func (a *answer) tell(f *policy.Facts) Answer {
	out := Answer{
		Yes: a.Yes, By: Visible(a.By), At: a.At, Expires: a.Expires, Reason: Visible(a.Reason), Key: Visible(a.key), Origin: Visible(a.origin),
		Withdraws: a.Withdraws, Times: a.Calls(), Shown: !a.Shown.IsZero(), For: Visible(a.For),
	}
	for _, x := range f.Approvals {
		if x.ID == a.Approval && x.By == a.By && x.For == a.For && x.Yes == a.Yes && x.At.Equal(a.At) {
			out.Counted, out.Groups, out.Own = true, visibles(x.Groups), x.Own
		}
	}
	return out
}

func (n *narrator) change(c *policy.Call) *Change {
	text, ok := n.texts[c.Change]
	if !ok {
		return &Change{Redacted: true}
	}
	ch, err := receipt.ParseChange(text)
	if err != nil {
		return &Change{Summary: "it cannot be read"}
	}
	out := &Change{
		Summary: Visible(ch.Summary), Undoes: Visible(ch.Undoes), Irreversible: Visible(ch.Undo.Irreversible),
		Sends: Visible(fmt.Sprintf("%s %s, %d bytes", ch.Request.Method, ch.Request.Path, len(ch.Request.Body))),
		Diff:  n.diff(ch.Diff),
	}
	if ch.Target != nil {
		out.Target = resource(*ch.Target)
	}
	if ch.Undo.Action != "" {
		out.Undo = Visible(c.Tool + "." + ch.Undo.Action)
	}
	return out
}

// end adds what became of a call: when it was closed, or as was learned later. What
// is said twice, the report finds.
func (n *narrator) end(s *Step, r *receipt.Receipt) {
	s.Findings = append(s.Findings, n.findings[r.Seq]...)
	into := &s.Outcome
	if r.Kind == receipt.Learned {
		into = &s.Learned
	}
	if *into != nil {
		return
	}
	o := r.Outcome
	*into = &Outcome{Seq: r.Seq, By: Visible(r.By), Status: Visible(string(o.Status)), Code: Visible(o.Code), Actor: Visible(o.Actor), Size: o.Size}
	if o.Target != nil {
		(*into).Target = resource(*o.Target)
	}
	s.Texts = append(s.Texts, n.text("What the agent learned", o.Result)...)
	if o.Model == nil {
		return
	}
	(*into).Model = Visible(o.Model.String())
	for i, p := range o.Model.Proposed {
		s.Texts = append(s.Texts, n.text(Visible(fmt.Sprintf("What the model proposed, %d: %s", i+1, p.Name)), p.Args)...)
	}
}

// Of returns what the receipts with these numbers commit to: what Redact keeps
// to disclose their texts and no others. It fails for a number that the bundle
// does not have. It needs no trust: whoever redacts has the texts.
func Of(b *bundle.Bundle, seqs []uint64) (keep func(seal.Hash) bool, err error) {
	kept := map[seal.Hash]bool{}
	for _, seq := range seqs {
		if seq < 1 || seq > uint64(len(b.Receipts)) {
			return nil, fmt.Errorf("there is no receipt %d\nits receipts are 1 to %d", seq, len(b.Receipts))
		}
		r, err := receipt.Parse(b.Receipts[seq-1].Payload)
		if err != nil {
			return nil, fmt.Errorf("receipt %d cannot be read: %w\ncheck the bundle with: clawea proof verify", seq, err)
		}
		for _, h := range commitments(r) {
			kept[h] = true
		}
	}
	delete(kept, seal.Hash{})
	return func(h seal.Hash) bool { return kept[h] }, nil
}

func commitments(r *receipt.Receipt) (out []seal.Hash) {
	if r.Call != nil {
		out = append(out, r.Call.Args, r.Call.Attempt, r.Call.Change)
	}
	if r.Outcome == nil {
		return out
	}
	out = append(out, r.Outcome.Result)
	if g := r.Outcome.Model; g != nil {
		for _, p := range g.Proposed {
			out = append(out, p.Args)
		}
	}
	return out
}
