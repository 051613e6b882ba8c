// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

// A tamper is a thing that somebody does to a good bundle, and exactly the
// codes that fail then.
type tamper struct {
	name string
	do   func(h *house, b *bundle.Bundle)
	want []string
}

func fails(codes ...string) []string { return slices.Sorted(slices.Values(codes)) }

// resign changes a paper and signs it again with k: what k's thief, or its
// owner, can do.
func resign[T any](k key, e *seal.Envelope, f func(*T)) {
	v := new(T)
	if err := seal.Decode(e.Payload, v); err != nil {
		panic(err)
	}
	f(v)
	*e = *must(seal.Sign(k, e.Type, must(seal.Marshal(v))))
}

// signed seals bytes as they are.
func signed(k key, typ, payload string) seal.Envelope {
	return *must(seal.Sign(k, typ, []byte(payload)))
}

// Somebody without the house's keys edits the file.
var editing = []tamper{
	{"policy signed by a stranger", func(h *house, b *bundle.Bundle) {
		b.Policies[0].Policy = signed(h.stranger, policy.Type, string(b.Policies[0].Policy.Payload))
	}, fails("policy.signature", "receipt.policy")},
	{"policy signed by a stranger as well", func(h *house, b *bundle.Bundle) {
		b.Policies[0].Policy.Add(h.stranger)
	}, fails("policy.signature", "receipt.policy")},
	{"policy without signatures", func(h *house, b *bundle.Bundle) {
		b.Policies[0].Policy.Signatures = nil
	}, fails("policy.signature", "receipt.policy")},
	{"author's signature twice", func(h *house, b *bundle.Bundle) {
		s := b.Policies[0].Policy.Signatures
		b.Policies[0].Policy.Signatures = append(s, s[0])
	}, fails("policy.signature", "receipt.policy")},
	{"binding signed by a stranger", func(h *house, b *bundle.Bundle) {
		b.Policies[0].Binding = signed(h.stranger, policy.BindingType, string(b.Policies[0].Binding.Payload))
	}, fails("binding.signature", "receipt.policy")},
	{"binding signed by the gate", func(h *house, b *bundle.Bundle) {
		b.Policies[0].Binding = signed(h.gateKey, policy.BindingType, string(b.Policies[0].Binding.Payload))
	}, fails("binding.signature", "receipt.policy")},
	{"token signed by a stranger", func(h *house, b *bundle.Bundle) {
		b.Tokens[1] = signed(h.stranger, token.RecordType, string(b.Tokens[1].Payload))
	}, fails("token.signature", "receipt.token")},
	{"token as another type of paper", func(h *house, b *bundle.Bundle) {
		b.Tokens[1] = signed(h.issuer, receipt.Type, string(b.Tokens[1].Payload))
	}, fails("token.signature", "receipt.token")},
	{"receipt signed by a stranger", func(h *house, b *bundle.Bundle) {
		b.Receipts[adminDenied-1] = signed(h.stranger, receipt.Type, string(b.Receipts[adminDenied-1].Payload))
	}, fails("receipt.signature", "disclosure.unknown", "log.proof", "policy.receipts")},
	{"receipt edited", func(h *house, b *bundle.Bundle) {
		e := &b.Receipts[adminDenied-1]
		e.Payload = []byte(strings.Replace(string(e.Payload), "deny", "allow", 1))
	}, fails("receipt.signature", "receipt.chain", "disclosure.unknown", "log.proof", "policy.receipts")},
	{"last receipt edited", func(h *house, b *bundle.Bundle) {
		e := &b.Receipts[bigLength-1]
		e.Payload = []byte(strings.Replace(string(e.Payload), "revoked", "expired", 1))
	}, fails("receipt.signature", "standing.end", "log.proof", "policy.receipts")},
	{"answer signed by a stranger", func(h *house, b *bundle.Bundle) {
		b.Answers[0] = signed(h.stranger, receipt.AnswerType, string(b.Answers[0].Payload))
	}, fails("answer.signature", "receipt.approval")},
	{"answer signed by another person", func(h *house, b *bundle.Bundle) {
		b.Answers[0] = signed(h.ben, receipt.AnswerType, string(b.Answers[0].Payload))
	}, fails("answer.signature", "receipt.approval")},
	{"answer signed by two persons", func(h *house, b *bundle.Bundle) {
		b.Answers[0].Add(h.ben)
	}, fails("answer.signature", "receipt.approval")},
	{"answer signed by the gate", func(h *house, b *bundle.Bundle) {
		b.Answers[0] = signed(h.gateKey, receipt.AnswerType, string(b.Answers[0].Payload))
	}, fails("answer.signature", "receipt.approval")},
	{"standing signed by a stranger", func(h *house, b *bundle.Bundle) {
		*b.Standing = signed(h.stranger, receipt.StandingType, string(b.Standing.Payload))
	}, fails("standing.signature", "policy.receipts")},
	{"no standing", func(h *house, b *bundle.Bundle) { b.Standing = nil }, fails("standing.missing", "policy.receipts")},
	{"job renamed", func(h *house, b *bundle.Bundle) { b.Job = "another" },
		fails("bundle.job", "token.job", "receipt.chain", "log.proof", "policy.receipts")},

	{"first receipt dropped", func(h *house, b *bundle.Bundle) {
		b.Receipts = b.Receipts[1:]
	}, fails("receipt.chain", "receipt.closed", "receipt.counters", "standing.end", "bundle.unused", "log.proof", "disclosure.unknown", "policy.receipts")},
	{"a receipt dropped in the middle", func(h *house, b *bundle.Bundle) {
		b.Receipts = slices.Delete(b.Receipts, adminDenied-1, adminDenied)
	}, fails("receipt.chain", "standing.end", "bundle.unused", "log.proof", "disclosure.unknown", "policy.receipts")},
	{"two receipts swapped", func(h *house, b *bundle.Bundle) {
		r := b.Receipts
		r[readClosed-1], r[adminDenied-1] = r[adminDenied-1], r[readClosed-1]
	}, fails("receipt.chain", "receipt.time", "receipt.counters", "log.proof", "policy.receipts")},
	{"a receipt twice", func(h *house, b *bundle.Bundle) {
		b.Receipts = slices.Insert(b.Receipts, adminDenied, b.Receipts[adminDenied-1])
	}, fails("receipt.chain", "standing.end", "log.proof", "policy.receipts")},
	{"last receipt dropped", func(h *house, b *bundle.Bundle) {
		b.Receipts = b.Receipts[:bigLength-1]
		b.Log.Proofs = b.Log.Proofs[:bigLength-1]
	}, fails("standing.end", "policy.receipts")},
	{"all receipts dropped", func(h *house, b *bundle.Bundle) {
		*b = bundle.Bundle{Job: b.Job, Standing: b.Standing}
	}, fails("standing.end")},
	{"an older standing", func(h *house, b *bundle.Bundle) {
		b.Standing = h.export(bigJob, 4).Standing
	}, fails("standing.end", "policy.receipts")},
	{"the standing of another job", func(h *house, b *bundle.Bundle) {
		resign(h.gateKey, b.Standing, func(s *receipt.Standing) { s.Job = "another" })
	}, fails("bundle.job")},
	{"a standing of another end", func(h *house, b *bundle.Bundle) {
		resign(h.gateKey, b.Standing, func(s *receipt.Standing) { s.Hash = seal.Sum(nil) })
	}, fails("standing.end", "policy.receipts")},
	{"a standing before the end", func(h *house, b *bundle.Bundle) {
		resign(h.gateKey, b.Standing, func(s *receipt.Standing) { s.At = epoch })
	}, fails("receipt.time")},
	{"a standing of another shape", func(h *house, b *bundle.Bundle) {
		*b.Standing = signed(h.gateKey, receipt.StandingType, `{"job":"job-big"} `)
	}, fails("standing.malformed", "policy.receipts")},

	{"policy dropped", func(h *house, b *bundle.Bundle) { b.Policies = nil }, fails("receipt.policy")},
	{"policy twice", func(h *house, b *bundle.Bundle) { b.Policies = append(b.Policies, b.Policies[0]) }, fails("bundle.duplicate")},
	{"token dropped", func(h *house, b *bundle.Bundle) { b.Tokens = b.Tokens[:1] }, fails("receipt.token")},
	{"token twice", func(h *house, b *bundle.Bundle) { b.Tokens = append(b.Tokens, b.Tokens[0]) }, fails("bundle.duplicate")},
	{"answer dropped", func(h *house, b *bundle.Bundle) { b.Answers = b.Answers[1:] }, fails("receipt.approval")},
	{"answer twice", func(h *house, b *bundle.Bundle) { b.Answers = append(b.Answers, b.Answers[0]) }, fails("bundle.duplicate")},
	{"a policy that nothing is under", func(h *house, b *bundle.Bundle) {
		b.Policies = append(b.Policies, h.policies[h.publish(smallPolicy).Hash()].papers)
	}, fails("bundle.unused")},
	{"a token that nothing is by", func(h *house, b *bundle.Bundle) {
		h.mint(h.policies[policyOf(b)].bound, bigJob, "spare", time.Minute, nil)
		b.Tokens = append(b.Tokens, *h.records["spare"])
	}, fails("bundle.unused")},
	{"an answer to no question", func(h *house, b *bundle.Bundle) {
		b.Answers = append(b.Answers, b.Answers[0])
		resign(h.ann, &b.Answers[3], func(n *receipt.Answer) { n.Approval = "job-big.99" })
	}, fails("answer.unasked")},
	{"an answer about another job", func(h *house, b *bundle.Bundle) {
		resign(h.ann, &b.Answers[2], func(n *receipt.Answer) { n.Job = "another" })
	}, fails("bundle.job")},

	{"disclosed text edited", func(h *house, b *bundle.Bundle) { b.Disclosures[1].Text[0] ^= 1 }, fails("disclosure.commitment")},
	{"disclosed salt edited", func(h *house, b *bundle.Bundle) { b.Disclosures[1].Salt[0] ^= 1 }, fails("disclosure.commitment")},
	{"disclosure twice", func(h *house, b *bundle.Bundle) { b.Disclosures = append(b.Disclosures, b.Disclosures[0]) }, fails("bundle.duplicate")},
	{"a text that nothing commits to", func(h *house, b *bundle.Bundle) {
		b.Disclosures = append(b.Disclosures, bundle.Disclosure{Commitment: seal.Commit(seal.Salt{}, []byte("x")), Text: []byte("x")})
	}, fails("disclosure.unknown")},
}

func policyOf(b *bundle.Bundle) seal.Hash { return b.Policies[0].Policy.Hash() }

// Somebody edits the ledger's part.
var logging = []tamper{
	{"checkpoint signed by a stranger", func(h *house, b *bundle.Bundle) {
		b.Log.Checkpoint = h.note(checkpointText(b), h.stranger)
	}, fails("log.signature")},
	{"checkpoint signed by a stranger as well", func(h *house, b *bundle.Bundle) {
		b.Log.Checkpoint = h.note(checkpointText(b), h.log, h.stranger)
	}, fails("log.signature")},
	{"checkpoint edited", func(h *house, b *bundle.Bundle) {
		b.Log.Checkpoint = strings.Replace(b.Log.Checkpoint, "\n27\n", "\n28\n", 1)
	}, fails("log.signature")},
	{"checkpoint with a signature twice", func(h *house, b *bundle.Bundle) {
		_, sigs, _ := strings.Cut(b.Log.Checkpoint, "\n\n")
		b.Log.Checkpoint += sigs
	}, fails("log.malformed")},
	{"checkpoint that is no note", func(h *house, b *bundle.Bundle) { b.Log.Checkpoint = "27" }, fails("log.malformed")},
	{"checkpoint without a root", func(h *house, b *bundle.Bundle) { b.Log.Checkpoint = h.note(origin+"\n27\n", h.log) }, fails("log.malformed")},
	{"checkpoint with a size of two spellings", func(h *house, b *bundle.Bundle) {
		b.Log.Checkpoint = h.note(strings.Replace(checkpointText(b), "\n27\n", "\n027\n", 1), h.log)
	}, fails("log.malformed")},
	{"checkpoint with a short root", func(h *house, b *bundle.Bundle) { b.Log.Checkpoint = h.note(origin+"\n27\nAAAA\n", h.log) }, fails("log.malformed")},
	{"checkpoint of another log", func(h *house, b *bundle.Bundle) {
		b.Log.Checkpoint = h.note(strings.Replace(checkpointText(b), origin, "other.example", 1), h.log)
	}, fails("log.origin")},
	{"checkpoint of another tree", func(h *house, b *bundle.Bundle) {
		b.Log.Checkpoint = h.note(checkpoint(origin, 27, tlog.Hash{1}), h.log)
	}, fails("log.proof")},
	{"proof of another index", func(h *house, b *bundle.Bundle) { b.Log.Proofs[2].Index++ }, fails("log.proof")},
	{"proof of a negative index", func(h *house, b *bundle.Bundle) { b.Log.Proofs[2].Index = -1 }, fails("log.proof")},
	{"proof cut short", func(h *house, b *bundle.Bundle) { b.Log.Proofs[2].Hashes = b.Log.Proofs[2].Hashes[1:] }, fails("log.proof")},
	{"proof of another receipt", func(h *house, b *bundle.Bundle) {
		b.Log.Proofs[2].Seq, b.Log.Proofs[3].Seq = 4, 3
	}, fails("log.proof")},
	{"proof twice", func(h *house, b *bundle.Bundle) { b.Log.Proofs = append(b.Log.Proofs, b.Log.Proofs[0]) }, fails("bundle.duplicate")},
	{"proof of no receipt", func(h *house, b *bundle.Bundle) {
		b.Log.Proofs = append(b.Log.Proofs, b.Log.Proofs[0])
		b.Log.Proofs[bigLength].Seq = bigLength + 1
	}, fails("bundle.unused")},
	{"proof of receipt 0", func(h *house, b *bundle.Bundle) { b.Log.Proofs[0].Seq = 0 }, fails("bundle.unused", "log.gap")},
	{"proof dropped in the middle", func(h *house, b *bundle.Bundle) { b.Log.Proofs = slices.Delete(b.Log.Proofs, 4, 5) }, fails("log.gap")},
}

func checkpointText(b *bundle.Bundle) string {
	text, _, _ := strings.Cut(b.Log.Checkpoint, "\n\n")
	return text + "\n"
}

func TestTampers(t *testing.T) {
	h := bigStory(t)
	good := h.export(bigJob, bigLength)
	for _, group := range [][]tamper{editing, logging, lying, papers} {
		for _, x := range group {
			t.Run(x.name, func(t *testing.T) {
				b := clone(good)
				now := h.now
				x.do(h, b)
				h.now = now
				r := verify.Bundle(must(b.Marshal()), h.trust(), verify.Expect{})
				if r.Verified() {
					t.Error("verified")
				}
				if d := cmp.Diff(x.want, codes(r, verify.Fail)); d != "" {
					t.Errorf("failing codes (-want +got):\n%s\n%v", d, r.Findings)
				}
			})
		}
	}
}
