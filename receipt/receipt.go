// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package receipt says what was asked, what was decided and what happened
// (users say gateway receipt, tool receipt). The receipts of a job form a
// chain: an opened receipt before anything happens, or instead of it; a closed
// one after. spec/receipt.md is the definition.
package receipt

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// Type is the payload type of a receipt's envelope.
const Type = "application/vnd.clawea.receipt.v1+json"

// A Kind is a receipt's place in the story of a call.
type Kind string

// The kinds.
const (
	Opened Kind = "opened" // before the act, or instead of it
	Closed Kind = "closed" // after the act

	Learned Kind = "learned" // after both: what became of a call that was closed and nobody knew

	Revoked  Kind = "revoked"  // something was ended that this job stands on
	Restored Kind = "restored" // and may go on
)

// A Head is the end of a job's chain. The zero Head is before the first receipt.
type Head struct {
	Seq  uint64
	Hash seal.Hash
}

// A State is what a job has come to before its next receipt.
type State struct {
	Head
	Now     time.Time
	Used    map[string]int        // counters, reservations of open calls included
	Answers []*seal.Envelope      // people's signed answers that no call has used up; nobody has verified them
	Pending map[seal.Hash]string  // questions without an answer: digest of the call, and the approval's id
	Decided map[seal.Hash]string  // questions whose answers were enough when they were given, and still hold
	Revoked []token.Revocation    // what is in force and may concern the job
	Changes map[seal.Hash]Earlier // calls that changed something, by Attempt, of which it is not settled what became
	Heard   *time.Time            // when the plugin in the agent's runtime was last heard of; nil: never
}

// Silence is for how many seconds, rounded up, the plugin in the agent's runtime has been
// silent at st; nil: it was never heard of. One that was heard of in a time to come was not:
// a clock was wrong, or somebody wrote it there.
func (st *State) Silence() *int {
	if st.Heard == nil || st.Heard.After(st.Now.Add(token.Leeway)) {
		return nil
	}
	n := int((max(st.Now.Sub(*st.Heard), 0) + time.Second - 1) / time.Second)
	return &n
}

// A Receipt is one signed line of a job's story. It holds no text of the
// agent's, the model's or a page's, only commitments to it.
type Receipt struct {
	Kind  Kind      `json:"kind"`
	Job   string    `json:"job"`
	Seq   uint64    `json:"seq"`  // counts from 1, attempts included
	Prev  seal.Hash `json:"prev"` // hash of the receipt before, zero for the first
	At    time.Time `json:"at"`
	Token token.ID  `json:"token"` // "" where there is none that can be believed, and of an order

	// Of an opened receipt.
	Call     *policy.Call     `json:"call,omitempty"`
	Facts    *policy.Facts    `json:"facts,omitempty"`    // all that the decision saw, so that anyone can decide again
	Decision *policy.Decision `json:"decision,omitempty"` //
	Asks     string           `json:"asks,omitempty"`     // the approval that the call waits for
	Refused  string           `json:"refused,omitempty"`  // why there was no deciding: a code like "token.revoked"
	Shadow   []Verdict        `json:"shadow,omitempty"`   // what candidates say that run beside the policy

	// Of a closed receipt, and of a learned one.
	Opened  uint64   `json:"opened,omitzero"` // the receipt whose call this closes, or is about
	Outcome *Outcome `json:"outcome,omitempty"`
	By      string   `json:"by,omitempty"` // whose word the outcome is: an operator's, or that of the carrier of the call; missing: the house knows

	// Of a revoked or restored one.
	Revocation *Revocation `json:"revocation,omitempty"`
}

// A Status is how an act ended.
type Status string

// The statuses.
const (
	Done    Status = "done"    // it happened
	Failed  Status = "failed"  // the other side said no, or an error came before it could act
	Aborted Status = "aborted" // cut off midway; what was sent so far is committed to
	Unknown Status = "unknown" // sent, and no answer: it may have happened
)

// An Outcome is what acting did.
type Outcome struct {
	Status   Status           `json:"status"`
	Code     string           `json:"code,omitempty"`     // the other side's status ("200") or the connector's code ("conflict")
	Result   seal.Hash        `json:"result,omitzero"`    // commitment to the bytes that the agent got
	Size     int64            `json:"size,omitzero"`      // how many bytes those are
	Used     map[string]int   `json:"used,omitzero"`      // what was used of what the call reserved; empty: nothing; missing: all of it
	Target   *policy.Resource `json:"target,omitempty"`   // what was made or changed, with its version after
	Upstream string           `json:"upstream,omitempty"` // the other side's id of the request
	Actor    string           `json:"actor,omitempty"`    // the other side's id of the account that acted
	Model    *Generation      `json:"model,omitempty"`    // what a model provider did

	Connection *Connection `json:"connection,omitempty"`     // what became of a connection to a host
	Lacked     Lacked      `json:"sandbox_lacked,omitempty"` // of the sandbox of the MCP server that carried the call; empty: nothing, or there is none
}

// A Text is what a commitment covers. Texts are stored encrypted and disclosed
// one by one.
type Text struct {
	Commitment seal.Hash
	Salt       seal.Salt
	Bytes      []byte
}

// A Line is a receipt ready to be committed, with the texts behind it. The receipt
// must not be changed any more. Whoever commits lines signs those that are not:
// all that it commits together by one signature.
type Line struct {
	Receipt  *Receipt
	Envelope *seal.Envelope
	Signer   seal.Signer // signs the envelope, if it has no signature
	Texts    []Text
	Spent    *Spent // the proof that it uses up; nil: none

	says  *Receipt       // what paper says, if it is known
	paper *seal.Envelope //
}

// Signed reports whether l is signed.
func (l *Line) Signed() bool { return len(l.Envelope.Signatures) > 0 }

// Sign signs l by itself, unless it is signed.
func (l *Line) Sign() error {
	switch {
	case l.Signed():
		return nil
	case l.Signer == nil:
		return seal.ErrUnsigned
	}
	return l.Envelope.Add(l.Signer)
}

// Says returns what l's envelope says, as Parse does. It reads it only if it was
// not Line that wrote it.
func (l *Line) Says() (*Receipt, error) {
	if l.Envelope.Type != Type {
		return nil, fmt.Errorf("%w: %q, want %q", seal.ErrType, l.Envelope.Type, Type)
	}
	if l.says != nil && l.paper == l.Envelope {
		return l.says, nil
	}
	return Parse(l.Envelope.Payload)
}

// Name is how the receipt is named outside: JOB/SEQ.
func (r *Receipt) Name() string { return fmt.Sprintf("%s/%d", r.Job, r.Seq) }

// Hash names the receipt in the chain.
func (l *Line) Hash() seal.Hash { return l.Envelope.Hash() }

// Open starts the story of call: what was decided at st, and by what facts.
func Open(st *State, c *token.Claims, call *policy.Call, f *policy.Facts, d policy.Decision) *Receipt {
	r := next(st, Opened, c.Job, c.ID)
	r.Call, r.Facts, r.Decision = call, f, &d
	if d.Effect == policy.Ask {
		digest := call.Digest()
		if r.Asks = cmp.Or(st.Pending[digest], st.Decided[digest]); r.Asks == "" {
			r.Asks = fmt.Sprintf("%s.%d", r.Job, r.Seq)
		}
	}
	return r
}

// Refuse records a call that never came to be decided: its token or policy does not hold.
func Refuse(st *State, c *token.Claims, call *policy.Call, code string) *Receipt {
	r := next(st, Opened, c.Job, c.ID)
	r.Call, r.Refused, r.Decision = call, code, refusal(c, code)
	return r
}

// Close ends the story that opened began. What of out.Model does not fit a
// receipt is left out of it; out is not changed.
func Close(st *State, opened *Receipt, out *Outcome) *Receipt {
	r := next(st, Closed, opened.Job, opened.Token)
	r.Opened, r.Outcome = opened.Seq, out
	if out.Model != nil {
		fitting := *out
		fitting.Model = out.Model.fit()
		r.Outcome = &fitting
	}
	return r
}

// CloseReported ends the story of opened's call by the word of the gateway that carried
// it out: its status, a code of CheckCode and what it says of the result, and nothing
// else. What the call reserved counts as used.
func CloseReported(st *State, opened *Receipt, out *Outcome) *Receipt {
	r := Close(st, opened, &Outcome{Status: out.Status, Code: out.Code, Result: out.Result, Size: out.Size})
	r.By = opened.Call.Carrier
	return r
}

// Learn says what became of opened's call, which was closed and nobody knew.
func Learn(st *State, opened *Receipt, l *Late) *Receipt {
	r := next(st, Learned, opened.Job, "")
	r.Opened, r.Outcome, r.By = opened.Seq, l.outcome(), l.By
	return r
}

// CloseLate ends the story of opened's call, which broke off.
func CloseLate(st *State, opened *Receipt, l *Late) *Receipt {
	r := Close(st, opened, l.outcome())
	r.By = l.By
	return r
}

func next(st *State, k Kind, job string, id token.ID) *Receipt {
	return &Receipt{Kind: k, Job: job, Seq: st.Seq + 1, Prev: st.Hash, At: st.Now, Token: id}
}

// Line makes r, with the texts behind its commitments, a line that s is to sign.
func (r *Receipt) Line(s seal.Signer, texts ...Text) (*Line, error) {
	b, err := seal.Marshal(r)
	if err != nil {
		return nil, err
	}
	l := &Line{Receipt: r, Envelope: &seal.Envelope{Payload: b, Type: Type}, Signer: s, Texts: texts}
	if r.valid() {
		l.says, l.paper = r, l.Envelope
	}
	return l, nil
}

// Sign is Line, and signs it at once.
func (r *Receipt) Sign(s seal.Signer, texts ...Text) (*Line, error) {
	l, err := r.Line(s, texts...)
	if err == nil {
		err = l.Sign()
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Parse reads a receipt's payload. It must be in canonical form.
func Parse(payload []byte) (*Receipt, error) {
	r := new(Receipt)
	if err := seal.Decode(payload, r); err != nil {
		return nil, fmt.Errorf("read receipt: %w", err)
	}
	if r.valid() {
		return r, nil
	}
	return nil, fmt.Errorf("read receipt: not a whole %q receipt", r.Kind)
}

// valid reports whether Parse takes r.
func (r *Receipt) valid() bool {
	return r.Seq > 0 && token.CheckName("job", r.Job) == nil && r.whole()
}

// whole reports whether r has the members of its kind, and no others.
func (r *Receipt) whole() bool {
	opened := r.Call != nil || r.Facts != nil || r.Decision != nil || r.Asks != "" || r.Refused != "" || r.Shadow != nil
	closed := r.Outcome != nil || r.Opened != 0 || r.By != ""
	switch r.Kind {
	case Opened:
		return !closed && r.Revocation == nil && r.Call != nil && r.Decision != nil && (r.Facts != nil) != (r.Refused != "") &&
			(r.Token != "" || r.Refused != "") && (r.Shadow == nil || r.Facts != nil) && !slices.ContainsFunc(r.Shadow, func(v Verdict) bool { return !v.whole() })
	case Closed:
		return !opened && r.Revocation == nil && r.Outcome != nil && r.Opened > 0 && r.Opened < r.Seq && r.Token != "" && r.Outcome.Model.whole() && r.Outcome.Connection.whole(r.Opened) && r.Outcome.Lacked.whole() && r.spoken()
	case Learned:
		return !opened && r.Revocation == nil && r.Outcome != nil && r.Opened > 0 && r.Opened+1 < r.Seq && r.Token == "" && r.late()
	case Revoked, Restored:
		return !opened && !closed && r.Revocation != nil && r.Token == ""
	}
	return false
}
