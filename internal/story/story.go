// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package story tells what a bundle says, for people: the job, its policies in
// plain sentences, its tokens, what the agent ran in, and each call with the decision, who approved it,
// what it did, how that is undone and what the agent learned.
//
// It tells only what is signed by keys that the reader trusts, and only texts
// that are the ones committed to. What it leaves out, it says so. Whether the
// bundle holds together is package verify's matter, and its report comes first.
// Like it, this package is pure: it runs in the reader's browser.
package story

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

const (
	// MaxSteps is how many steps are told; of a longer story, the first.
	MaxSteps = 2000
	// MaxText is how much of a disclosed text is told, in bytes.
	MaxText = 128 << 10
	// maxTexts is how much of all texts together is told, in bytes.
	maxTexts = 16 << 20
)

// A Story is what a bundle says. Its strings may be anybody's text, the invisible
// characters of which are made visible (Visible).
type Story struct {
	Job      string   `json:"job"`
	Policies []Policy `json:"policies"`
	Tokens   []Token  `json:"tokens"`

	Attestations []Attestation `json:"attestations"`
	Traces       []Trace       `json:"traces"`

	Steps []Step `json:"steps"`
	More  int    `json:"more"` // steps beyond MaxSteps, which are not told
}

// A Policy is one that was in force, or ran beside it, in plain words.
type Policy struct {
	Number    int       `json:"number"` // its place in the bundle, from 1
	Unread    string    `json:"unread"` // why nothing else of it is told; "": it is
	Hash      string    `json:"hash"`
	Name      string    `json:"name"`
	Signers   []string  `json:"signers"`   // key ids
	Published time.Time `json:"published"` // as the registry says
	Says      []string  `json:"says"`
	Names     []string  `json:"names"` // what its names led to when it was published
	Pins      []string  `json:"pins"`  // the MCP servers that agents could use under it, each with its tools

	Extensions []string `json:"extensions"` // the plugins and skills that agents' programs could load under it
}

// A Token is the issuer's record of one.
type Token struct {
	Number  int       `json:"number"`
	Unread  string    `json:"unread"`
	ID      string    `json:"id"`
	Agent   string    `json:"agent"`
	Client  string    `json:"client"` // who ordered it
	Ticket  string    `json:"ticket"`
	Policy  string    `json:"policy"`
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
	Bound   bool      `json:"bound"` // to a key: whoever steals it cannot use it
	Actions []string  `json:"actions"`
	Places  []string  `json:"places"`
	Limits  []string  `json:"limits"`
}

// Tell tells the file of a bundle to a reader who trusts t, in the light of r,
// which is the report on the same file. It fails for a file that is no bundle.
func Tell(file []byte, t *verify.Trust, r *verify.Report) (*Story, error) {
	b, err := bundle.Read(file)
	if err != nil {
		return nil, err
	}
	n := &narrator{bundle: b, keys: verifiers(t), policies: map[seal.Hash]*policy.Policy{}, room: maxTexts}
	n.remember(r)
	s := &Story{Job: Visible(b.Job), Policies: []Policy{}, Tokens: []Token{}, Attestations: []Attestation{}, Traces: []Trace{}}
	for i := range b.Policies {
		s.Policies = append(s.Policies, n.policy(i))
	}
	for i := range b.Tokens {
		s.Tokens = append(s.Tokens, n.token(i))
	}
	for i := range b.Attestations {
		s.Attestations = append(s.Attestations, n.attestation(i))
	}
	s.Steps, s.More = n.steps()
	for i := range b.Traces { // last: calls have the room for texts before what programs say
		s.Traces = append(s.Traces, n.trace(i))
	}
	return s, nil
}

// A narrator tells one bundle.
type narrator struct {
	bundle   *bundle.Bundle
	keys     *keys
	policies map[seal.Hash]*policy.Policy // bound, if they can be
	findings map[uint64][]verify.Finding  // those of one receipt, but for the good
	texts    map[seal.Hash][]byte         // disclosed, and as committed to
	broken   map[seal.Hash]bool           // disclosed, and something else
	answers  map[string][]answer          // by approval
	stands   []*receipt.Delegation        // and what takes them back
	room     int                          // for texts, in bytes
}

// remember makes what is looked up.
func (n *narrator) remember(r *verify.Report) {
	n.findings = map[uint64][]verify.Finding{}
	for _, f := range r.Findings {
		if f.Seq > 0 && f.Level != verify.Pass {
			f.Text = Visible(f.Text)
			n.findings[f.Seq] = append(n.findings[f.Seq], f)
		}
	}
	n.texts, n.broken = map[seal.Hash][]byte{}, map[seal.Hash]bool{}
	for _, d := range n.bundle.Disclosures {
		if seal.Commit(d.Salt, d.Text).Equal(d.Commitment) {
			n.texts[d.Commitment] = d.Text
		} else {
			n.broken[d.Commitment] = true
		}
	}
	n.readAnswers()
}

// keys are those of the reader's trust, by what they are trusted for.
type keys struct{ publishers, registries, issuers, gates, people, launchers []seal.Verifier }

// verifiers reads t's keys. What cannot be read is trusted for nothing.
func verifiers(t *verify.Trust) *keys {
	k := new(keys)
	if t == nil {
		return k
	}
	publishers := slices.Clone(t.Authors)
	for _, q := range t.Environments {
		publishers = append(publishers, q.Approvers...)
	}
	if t.BreakGlass != nil {
		publishers = append(publishers, t.BreakGlass.Approvers...)
	}
	for _, l := range []struct {
		into  *[]seal.Verifier
		texts []string
	}{{&k.publishers, publishers}, {&k.registries, t.Registries}, {&k.issuers, t.Issuers}, {&k.gates, t.Gates}, {&k.people, t.People}, {&k.launchers, t.Launchers}} {
		for _, text := range l.texts {
			if v, err := seal.NewVerifier(text); err == nil {
				*l.into = append(*l.into, v)
			}
		}
	}
	return k
}

func (n *narrator) policy(i int) Policy {
	out := Policy{Number: i + 1}
	e := &n.bundle.Policies[i]
	signers, err := e.Policy.Open(policy.Type, n.keys.publishers...)
	if err != nil {
		out.Unread = "it is not signed by authors whom you trust"
		return out
	}
	if _, err := e.Binding.Open(policy.BindingType, n.keys.registries...); err != nil {
		out.Unread = "what its names led to is not signed by a registry that you trust"
		return out
	}
	p, err := policy.Parse(e.Policy.Payload)
	if err != nil {
		out.Unread = "it is signed, and is no policy"
		return out
	}
	b, err := policy.ParseBinding(e.Binding.Payload)
	if err != nil {
		out.Unread = "its binding is signed, and is none"
		return out
	}
	n.policies[p.Hash()] = p
	if bound, err := p.Bind(b); err == nil { // else the report says so
		n.policies[p.Hash()] = bound
	}
	out.Hash, out.Name, out.Published = p.Hash().String(), Visible(p.Name()), b.At
	for _, s := range signers {
		out.Signers = append(out.Signers, Visible(seal.KeyID(s)))
	}
	for _, s := range p.Explain() {
		out.Says = append(out.Says, Visible(s.Says))
	}
	for _, name := range b.Names {
		out.Names = append(out.Names, Visible(name.String()+" was "+name.ID+" on "+name.Site))
	}
	for _, s := range b.Servers {
		out.Pins = append(out.Pins, Visible(pinned(&s)))
	}
	for _, x := range b.Extensions {
		out.Extensions = append(out.Extensions, extension(x))
	}
	return out
}

// pinned says a server and its tools.
func pinned(s *policy.Server) string {
	names := make([]string, len(s.Tools))
	for i, t := range s.Tools {
		names[i] = t.Name
	}
	return fmt.Sprintf("%s (%s): %s", s.Name, s.Identity, strings.Join(names, ", "))
}

func (n *narrator) token(i int) Token {
	out := Token{Number: i + 1}
	e := &n.bundle.Tokens[i]
	if _, err := e.Open(token.RecordType, n.keys.issuers...); err != nil {
		out.Unread = "it is not signed by an issuer that you trust"
		return out
	}
	c := new(token.Claims)
	if seal.Decode(e.Payload, c) != nil || token.CheckClaims(c) != nil {
		out.Unread = "it is signed, and is no token's record"
		return out
	}
	out.ID, out.Agent, out.Client, out.Ticket = Visible(string(c.ID)), Visible(c.Agent), Visible(c.Client), Visible(c.Ticket)
	out.Policy, out.Bound = c.Policy.String(), c.Bound() != ""
	out.Issued, out.Expires = time.Unix(c.Issued, 0).UTC(), time.Unix(c.Expires, 0).UTC()
	g := c.Grant()
	out.Actions, out.Places, out.Limits = visibles(g.Actions), visibles(g.Resources), counts(g.Limits)
	return out
}

// An answer is a person's, by a key that the reader trusts.
type answer struct {
	*receipt.Answer
	key    string
	origin string // where a passkey signed; "": it was a key file
}

func (n *narrator) readAnswers() {
	for i := range n.bundle.Delegations {
		if d, err := receipt.OpenDelegation(&n.bundle.Delegations[i], n.keys.people...); err == nil { // else the report says so
			n.stands = append(n.stands, d)
		}
	}
	n.answers = map[string][]answer{}
	for i := range n.bundle.Answers {
		e := &n.bundle.Answers[i]
		a, err := receipt.OpenAnswer(e, n.keys.people...)
		if err != nil {
			continue // the report says so
		}
		x := answer{Answer: a, key: e.Signatures[0].KeyID, origin: originOf(e.Signatures[0].Sig)}
		n.answers[a.Approval] = append(n.answers[a.Approval], x)
	}
}

// originOf returns where a passkey's signature was made, and "" for another key's.
func originOf(sig []byte) string {
	a := new(seal.Assertion)
	if seal.Decode(sig, a) != nil {
		return ""
	}
	var client struct {
		Origin string `json:"origin"`
	}
	if seal.Glance(a.ClientData, &client) != nil {
		return "a place that cannot be read"
	}
	return cmp.Or(client.Origin, "a place that is not named")
}
