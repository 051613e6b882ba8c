// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package api is the wire form of /v1, shared by the daemon and its clients:
// the requests, the answers, the problem details, and a small client.
package api

import (
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

// A Policy is a published WPC. A list leaves out the papers.
type Policy struct {
	Hash      seal.Hash          `json:"hash"`
	Name      string             `json:"name,omitzero"`
	Purpose   string             `json:"purpose,omitzero"`
	Published time.Time          `json:"published"`
	Signers   []policy.Signature `json:"signers,omitempty"`    // who signed it, and what that counts as
	MaxTTL    int                `json:"max_ttl_seconds"`      // longest life of a token under it
	Names     []policy.Bound     `json:"names,omitempty"`      // what its names led to at publication
	Servers   []policy.Server    `json:"servers,omitempty"`    // the MCP servers that it was published with
	Extends   []policy.Extension `json:"extensions,omitempty"` // the plugins and skills that it was published with
	Fault     string             `json:"fault,omitzero"`       // why it no longer verifies; then nothing is allowed by it

	Environment  string               `json:"environment,omitzero"`
	ChangeRecord *policy.ChangeRecord `json:"change_record,omitzero"`
	BreakGlass   *policy.BreakGlass   `json:"break_glass,omitzero"`

	Shadows []Shadow `json:"shadows,omitempty"` // candidates that run beside it; a list leaves them out

	Envelope *seal.Envelope `json:"envelope,omitzero"` // the WPC as signed
	Binding  *seal.Envelope `json:"binding,omitzero"`  // its names as ids, signed by the registry
}

// Policies is the registry's list.
type Policies struct {
	Policies []Policy `json:"policies"`
}

// A Paper is a policy that is to be published or proposed: its envelope, and how the plugins
// and skills are that it lists.
type Paper struct {
	seal.Envelope
	Extensions []policy.Extension `json:"extensions,omitempty"`
}

// A Draft is a policy that people sign before it is published. The console shows and
// signs it.
type Draft struct {
	Hash    seal.Hash          `json:"hash"`
	Name    string             `json:"name"`
	By      string             `json:"by"` // who began it
	At      time.Time          `json:"at"`
	Signers []policy.Signature `json:"signers"`
	Lacks   []string           `json:"lacks"`                // what is missing, in words
	Fault   string             `json:"fault,omitzero"`       // why it does not verify
	Extends []policy.Extension `json:"extensions,omitempty"` // how the plugins and skills are said to be that it lists
}

// Drafts are the open ones, the newest first.
type Drafts struct {
	Drafts []Draft `json:"drafts"`
}

// An Order asks for a CST.
type Order struct {
	Agent   string          `json:"agent"`
	Job     string          `json:"job"`
	Policy  seal.Hash       `json:"policy"`
	TTL     int             `json:"ttl_seconds,omitzero"` // zero: the policy's maximum
	Grant   *policy.Grant   `json:"grant,omitzero"`       // absent: all that the policy holds
	Runtime *policy.Runtime `json:"runtime,omitzero"`     // what whoever orders says about the agent's surroundings
	Ticket  string          `json:"ticket,omitzero"`      // what the job is done for: a ticket's id
	Key     string          `json:"dpop_jkt,omitzero"`    // thumbprint of the key that the token is bound to; absent: a plain bearer token

	Attestation *seal.Envelope `json:"attestation,omitzero"` // a launcher's signed word for those surroundings, in place of Runtime
}

// Issued is a fresh CST. Token is secret and cannot be had again.
type Issued struct {
	Token  string        `json:"token"`
	Claims *token.Claims `json:"claims"`
}

// A Token is what is on record about a CST; the token itself is not.
type Token struct {
	ID      token.ID       `json:"id"`
	Job     string         `json:"job"`
	Agent   string         `json:"agent"`
	Policy  seal.Hash      `json:"policy"`
	Issued  time.Time      `json:"issued"`
	Expires time.Time      `json:"expires"`
	Revoked *time.Time     `json:"revoked,omitzero"`
	Reason  string         `json:"reason,omitzero"`
	Record  *seal.Envelope `json:"record,omitzero"` // its claims, signed by the issuer
}

// Revocation says why.
type Revocation struct {
	Reason string `json:"reason"`
}

// A RevocationOrder says what to end, and why.
type RevocationOrder struct {
	Kind   string `json:"kind"` // "token", "job", "agent", "policy", "action" or "all": spec/token.md 7.1
	Target string `json:"target,omitzero"`
	Reason string `json:"reason,omitzero"`
}

// Revoked is an order to revoke, and what it came to.
type Revoked struct {
	ID     int64     `json:"id"`
	Kind   string    `json:"kind"`
	Target string    `json:"target,omitzero"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitzero"`
	At     time.Time `json:"at"`

	Lifted   *time.Time `json:"lifted,omitzero"` // when it was taken back, if it was
	LiftedBy string     `json:"lifted_by,omitzero"`

	// Of an answer to an order; a list leaves these out.
	Jobs      []string `json:"jobs,omitempty"`      // concerned, with a token that was still good
	Tokens    int      `json:"tokens"`              // that were still good
	Cancelled []string `json:"cancelled,omitempty"` // approvals
}

// Revocations lists orders, newest first.
type Revocations struct {
	Revocations []Revoked `json:"revocations"`
}

// A Job is what a job has come to.
type Job struct {
	ID       string         `json:"id"`
	Agent    string         `json:"agent"`
	Policy   seal.Hash      `json:"policy"`
	Client   string         `json:"client_id,omitzero"` // who ordered it
	Created  time.Time      `json:"created"`
	Receipts int            `json:"receipts"`
	Used     map[string]int `json:"used,omitempty"`
	Tokens   []Token        `json:"tokens,omitempty"` // only when one job is asked for
}

// Jobs lists jobs, newest first.
type Jobs struct {
	Jobs []Job `json:"jobs"`
}

// Receipts are a job's signed receipts, in order.
type Receipts struct {
	Receipts []*seal.Envelope `json:"receipts"`
}

// A Call is the signed receipts of one call.
type Call struct {
	Opened *seal.Envelope `json:"opened"`
	Closed *seal.Envelope `json:"closed"` // null while there is none; a call that was not carried out never has one

	Learned *seal.Envelope `json:"learned,omitempty"` // says what became of it, if that was not known when it was closed
}

// An Approval is a question to people about one exact call.
type Approval struct {
	ID      string    `json:"id"`
	Job     string    `json:"job"`
	Call    seal.Hash `json:"call"` // digest of the canonical call
	Policy  seal.Hash `json:"policy"`
	Asked   time.Time `json:"asked"`
	Expires time.Time `json:"expires"`
	State   string    `json:"state"`       // "open", "yes", "no", "used", "expired" or "cancelled"
	By      string    `json:"by,omitzero"` // who answered last

	Answers []Answer `json:"answers,omitempty"` // what people have said and not thought better of, in order
	Missing int      `json:"missing,omitzero"`  // of an open one: how many more people have to say yes

	Unproven int `json:"unproven,omitzero"` // answers in the database that nobody has signed who may answer now; they are not among Answers
}

// An Answer is what a person has said to a question, as the house has it: the signed
// answer is in the job's bundle.
type Answer struct {
	By      string    `json:"by"`
	Yes     bool      `json:"yes"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Left    int       `json:"left,omitzero"` // how many calls a yes can still allow
	For     string    `json:"for,omitzero"`  // in whose stead
}

// A Delegation is a person's word that somebody answers in their stead, as the house
// has it: the signed one is in the bundles of the jobs that it matters for.
type Delegation struct {
	ID        string     `json:"id"`
	From      string     `json:"from"`
	To        string     `json:"to"`
	Begins    time.Time  `json:"begins"`
	Ends      time.Time  `json:"ends"`
	At        time.Time  `json:"at"`
	Reason    string     `json:"reason,omitempty"`
	Withdrawn *time.Time `json:"withdrawn,omitempty"` // when it was taken back
}

// Delegations lists delegations that are not over, the first to be made first.
type Delegations struct {
	Delegations []Delegation `json:"delegations"`
}

// Approvals lists questions: those that are open the oldest first, all the newest first.
type Approvals struct {
	Approvals []Approval `json:"approvals"`
	Next      string     `json:"next,omitzero"` // what after= is to say for those that follow; "": there may be none
}

// A Question is an approval with what it is about, for the person who decides
// and for a client that checks that it is shown what it signs for.
type Question struct {
	Approval
	Receipt *seal.Envelope `json:"receipt"`         // the receipt that asks
	Salt    seal.Salt      `json:"salt"`            // of the commitment to Text in that receipt
	Text    []byte         `json:"text"`            // the exact arguments
	Client  string         `json:"client,omitzero"` // who ordered the token of the call: their own yes does not count
	Change  *ChangeText    `json:"change,omitzero"` // what the call will change outside, if its receipt commits to that
}

// A ChangeText is a change as the receipt commits to it.
type ChangeText struct {
	Salt seal.Salt `json:"salt"`
	Text []byte    `json:"text"` // canonical JSON: spec/receipt.md section 9
}

// Trust is what the house says its keys are. An auditor compares it with what
// they got elsewhere: a house cannot vouch for itself.
type Trust = verify.Trust

// A Problem is an error as the daemon tells it (RFC 9457).
type Problem struct {
	Type   string `json:"type"`            // "urn:clawea:problem:" and the code
	Title  string `json:"title"`           // what is wrong
	Status int    `json:"status"`          // HTTP status
	Detail string `json:"detail,omitzero"` // what exactly is wrong
	Hint   string `json:"hint,omitzero"`   // what mends it
	Code   string `json:"code"`            // stable, a word
}

// Error is what is wrong and, on a second line, what mends it.
func (p *Problem) Error() string {
	s := p.Title
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	if p.Hint != "" {
		s += "\n" + p.Hint
	}
	return s
}
