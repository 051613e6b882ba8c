// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package verify checks a bundle against what an auditor trusts (users say
// clawea proof verify). It opens every signature, follows the job's chain,
// makes every decision again, adds up every counter, and says what it found:
// all of it, good and bad, with stable codes, on three separate axes.
//
// It is pure: no clock, files or network, so that it runs wherever an auditor
// does, a browser included. spec/bundle.md section 3 lists the checks.
package verify

import (
	"errors"
	"slices"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// An Expect is what the auditor knows beforehand. Zero values expect nothing.
type Expect struct {
	Policy seal.Hash // every receipt is under this policy
	Job    string    // the bundle is of this job
	Now    time.Time // nothing is dated later than a minute after
}

// skew is how far clocks of a person, a gate and an auditor may differ.
const skew = time.Minute

// Bundle checks the file of a bundle. It never panics and never stops at the
// first finding; a file that is no bundle has the one finding bundle.malformed.
func Bundle(file []byte, t *Trust, e Expect) *Report {
	r := &Report{Bundle: seal.Sum(file), Limits: slices.Clone(limits[:])}
	b, err := bundle.Read(file)
	if err != nil {
		r.find(bundleMalformed, 0, "%v", err)
		return r
	}
	r.Job, r.Receipts = b.Job, len(b.Receipts)
	k, err := t.keys()
	if err != nil {
		r.find(trustMalformed, 0, "%v", err)
		return r
	}
	a := &auditor{
		keys: k, trust: t, expect: e, bundle: b, report: r,
		tokens: map[token.ID]*held{}, calls: map[uint64]*call{}, outside: effects{}, used: map[string]int{},
		about: map[seal.Hash][]*answer{}, questions: map[string]question{}, spent: map[string]uint64{}, voices: map[voice]*heard{},
		askers: map[string]*receipt.Receipt{}, cancelled: map[string]uint64{},
		texts: map[seal.Hash]*bundle.Disclosure{}, committed: map[seal.Hash]bool{}, attested: map[seal.Hash]*attestation{}, told: map[told]*tally{}, tells: map[string]bool{},
	}
	a.audit()
	r.complete = true
	return r
}

// An auditor is one bundle's checking.
type auditor struct {
	keys   *keys
	trust  *Trust
	expect Expect
	bundle *bundle.Bundle
	report *Report

	policies  []*published
	held      []*held
	tokens    map[token.ID]*held // the same, by id
	answers   []*answer
	about     map[seal.Hash][]*answer // the same, by the call's digest
	runtimes  []*attestation
	attested  map[seal.Hash]*attestation // the same, by what tokens call them
	stands    []*delegation
	delegated int // delegations, and what takes them back, that could be read
	texts     map[seal.Hash]*bundle.Disclosure

	// What the job has come to, as the chain is walked.
	head       receipt.Head
	last       time.Time
	used       map[string]int
	calls      map[uint64]*call            // allowed calls, by their opened receipt's number
	outside    effects                     // what may have been changed outside
	questions  map[string]question         // by approval id
	spent      map[string]uint64           // approvals that calls were allowed by, and nobody's yes was counted; and by which receipt
	voices     map[voice]*heard            // what was counted of people in questions
	orders     []order                     // revocations in force
	ordersRead int                         // receipts of orders
	askers     map[string]*receipt.Receipt // by approval id: the receipt that asked first
	cancelled  map[string]uint64           // approvals, and the receipts of the revocations that cancelled them
	committed  map[seal.Hash]bool          // what receipts, attestations and traces commit to
	read       int                         // receipts that could be read
	made       int                         // decisions that could be made again
	summed     int                         // decisions whose counters were added up
	compared   int                         // decisions whose policy was compared with the one that is expected
	ended      bool                        // the standing could be read
	told       map[told]*tally             // what was called, by traces and by receipts
	tells      map[string]bool             // agents whose programs have traces
	runs       []run                       // of which traces tell
	proved     int                         // verdicts of candidates that could be made again
	unproved   int                         // and that could not
}

func (a *auditor) find(c Code, seq uint64, format string, args ...any) {
	a.report.find(c, seq, format, args...)
}

func (a *auditor) audit() {
	a.readTrust()
	a.readPolicies()
	a.readTokens()
	a.readAnswers()
	a.readDelegations()
	a.readAttestations()
	a.readTraces()
	a.readTexts()
	a.walk()
	a.unclosed()
	a.compareTraces()
	a.candidates()
	a.unused()
	a.strays()
	a.standing()
	a.log()
	a.required()
	a.bundled()
	a.emergencies()
	a.expected()
	a.passes()
}

func (a *auditor) readTrust() {
	if k, one, other := a.trust.shared(); k != "" {
		a.find(trustShared, 0, "the key %q is trusted as %s and as %s", k, one, other)
	}
}

// unsigned reports whether err is about who signed rather than what.
func unsigned(err error) bool {
	for _, e := range []error{seal.ErrType, seal.ErrUnsigned, seal.ErrUnknownKey, seal.ErrBadSignature} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// unused finds what is in the file and explained by no receipt.
func (a *auditor) unused() {
	for i, p := range a.policies {
		if !p.used && !p.beside {
			a.find(bundleUnused, 0, "policy %d, %s: no receipt is under it", i+1, p.policy.Hash())
		}
	}
	for _, h := range a.held {
		if !h.used {
			a.find(bundleUnused, 0, "token %q: no receipt is by it", h.claims.ID)
		}
	}
	a.unusedDelegations()
	a.unusedAttestations()
	for _, n := range a.answers {
		q, asked := a.questions[n.Approval]
		switch {
		case n.seen:
		case !asked || q != (question{n.Call, n.Policy}):
			a.find(answerUnasked, 0, "the answer of %q: no receipt asks %q about that call, under that policy", n.By, n.Approval)
		default:
			a.find(answerUnused, 0, "%q was answered by %q, and no call was tried after that, or the person said something else", n.Approval, n.By)
		}
	}
}

// required fails a chain with holes where the policy is not content with that.
func (a *auditor) required() {
	i := slices.IndexFunc(a.policies, func(p *published) bool { return p.inForce() && p.policy.RequiresReceipts() })
	if i < 0 {
		return
	}
	if a.report.failed(receiptChain, receiptSignature, receiptMalformed, standingMissing, standingEnd, standingSignature, standingMalformed) {
		a.find(policyReceipts, 0, "%s requires receipts, and this chain is not whole", a.policies[i].policy.Hash())
	}
	a.report.pass(policyReceipts, "the policy requires receipts, and the chain is whole")
}

func (a *auditor) expected() {
	if want := a.expect.Job; want != "" && want != a.bundle.Job {
		a.find(expectJob, 0, "the bundle is of job %q; you expect %q", a.bundle.Job, want)
	}
	if a.expect.Job != "" {
		a.report.pass(expectJob, "the bundle is of the job that you expect")
	}
	if !a.expect.Policy.IsZero() {
		a.report.checked(a.compared, expectPolicy, "decisions under the policy that you expect, which are all that could be read: %d", a.compared)
	}
}

// passes says what was checked and found right, a line for each subject, and of what
// there was nothing to check.
func (a *auditor) passes() {
	r := a.report
	r.pass(bundleMalformed, "the file is in its one form")
	r.checked(len(a.policies), policySignature, "policies signed by authors whom you trust: %d", len(a.policies))
	if len(a.trust.Environments) > 0 {
		r.checked(len(a.policies), policyApprovals, "policies approved by as many as their environments need: %d", len(a.policies))
	}
	r.checked(len(a.policies), bindingSignature, "bindings signed by a registry that you trust: %d", len(a.policies))
	r.checked(len(a.held), tokenSignature, "token records signed by an issuer that you trust: %d", len(a.held))
	r.checked(a.read, receiptSignature, "receipts signed by a gate that you trust: %d", a.read)
	if all := len(a.bundle.Receipts); a.read == all {
		r.checked(all, receiptChain, "the chain runs from 1 to %d without a gap", all)
	} else {
		r.checked(a.read, receiptChain, "receipts that could be read, each in its place in the chain: %d, of %d", a.read, all)
	}
	if a.made == a.compared && a.read == len(a.bundle.Receipts) {
		r.checked(a.made, receiptDecision, "every decision was made again and came out the same: %d", a.made)
	} else {
		r.checked(a.made, receiptDecision, "decisions that could be made again and came out the same: %d", a.made)
	}
	r.checked(a.summed, receiptCounters, "decisions whose counters add up: %d", a.summed)
	if len(a.bundle.Answers) > 0 {
		r.checked(len(a.answers), answerSignature, "answers signed by the person they name: %d", len(a.answers))
	}
	if len(a.bundle.Delegations) > 0 {
		r.checked(a.delegated, delegationSignature, "delegations, and what took them back, signed by the person they are from: %d", a.delegated)
	}
	if len(a.bundle.Attestations) > 0 {
		r.checked(len(a.attested), attestationSignature, "attestations signed by the launcher they name: %d", len(a.attested))
	}
	if n := a.grounded(); n > 0 {
		r.pass(tokenAttestation, "tokens that stand on an attestation, and have what it attests: %d", n)
	}
	if slices.ContainsFunc(a.policies, func(p *published) bool { return p.policy.Heartbeat() > 0 }) {
		r.Limits = append(r.Limits, silence)
	}
	if len(a.bundle.Disclosures) > 0 {
		r.checked(a.explained(), disclosureCommitment, "disclosed texts that are the ones committed to: %d", a.explained())
	}
	if a.ordersRead > 0 {
		r.pass(receiptRevoked, "orders that were kept, to revoke and to restore: %d", a.ordersRead)
	}
	r.checked(map[bool]int{true: 1}[a.ended], standingEnd, "the chain ends where the gate says")
	a.bare()
}

// bare notes the axes on which nothing was checked: where no receipt could be read,
// though there are some or nobody says that there are none, and where nobody says where
// the chain ends.
func (a *auditor) bare() {
	r := a.report
	if a.read == 0 && (len(a.bundle.Receipts) > 0 || !a.ended) {
		r.bare = append(r.bare, Integrity)
	}
	if !a.ended {
		r.bare = append(r.bare, Completeness)
	}
}

// explained is how many disclosed texts are the ones that some paper commits to.
func (a *auditor) explained() int {
	n := 0
	for c := range a.texts {
		if a.committed[c] {
			n++
		}
	}
	return n
}
