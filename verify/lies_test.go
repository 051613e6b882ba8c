// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// lie makes a tamper in which the gate changes one receipt and signs the whole
// chain again with its own key, standing and log included.
func lie(name string, seq uint64, f func(*receipt.Receipt), want ...string) tamper {
	return tamper{name, func(h *house, b *bundle.Bundle) { h.rewrite(b, at(seq, f)) }, fails(want...)}
}

// The gate itself lies, with its real key.
var lying = []tamper{
	lie("a denial becomes a permission", adminDenied, func(r *receipt.Receipt) {
		r.Decision.Effect = policy.Allow
	}, "receipt.decision", "receipt.counters"),
	lie("a permission becomes a denial", lostOpened, func(r *receipt.Receipt) {
		r.Decision.Effect = policy.Deny
	}, "receipt.decision"),
	lie("a question becomes a permission", secretAsked, func(r *receipt.Receipt) {
		r.Decision.Effect, r.Asks = policy.Allow, ""
		r.Call.Uses = nil
	}, "receipt.decision", "receipt.counters", "answer.unasked"),
	lie("a permission for other reasons", readOpened, func(r *receipt.Receipt) {
		r.Decision.Reasons[0].Clause = "/actions"
	}, "receipt.decision"),
	lie("a permission without reasons", readOpened, func(r *receipt.Receipt) {
		r.Decision.Reasons = r.Decision.Reasons[:0]
	}, "receipt.decision"),
	lie("a permission by an approval that was not needed", readOpened, func(r *receipt.Receipt) {
		r.Decision.Approval = "job-big.4"
	}, "receipt.decision", "receipt.reused"),
	lie("a decision by another policy", readOpened, func(r *receipt.Receipt) {
		r.Decision.Policy = seal.Sum(nil)
	}, "receipt.policy"),
	lie("a decision by another binding", readOpened, func(r *receipt.Receipt) {
		r.Decision.Binding = seal.Sum(nil)
	}, "receipt.policy"),
	lie("another target", awayDenied, func(r *receipt.Receipt) {
		r.Call.Resources[0].Path = []policy.Place{{ID: "id:ENG", Name: "ENG"}, {ID: "id:ENG/Runbooks", Name: "Runbooks"}}
	}, "receipt.decision"),
	lie("another target after approval", writeOpened, func(r *receipt.Receipt) {
		r.Call.Resources[0].ID = "12"
	}, "receipt.approval", "receipt.decision"),
	lie("another version after approval", writeOpened, func(r *receipt.Receipt) {
		r.Call.Resources[0].Version = "8"
	}, "receipt.approval", "receipt.decision"),
	lie("a title of a page", readOpened, func(r *receipt.Receipt) {
		r.Call.Resources[0].Path[2].Name = "Restart the queue"
	}, "receipt.minimal"),
	lie("fewer pages used", modelOpened, func(r *receipt.Receipt) {
		r.Facts.Used["pages"] = 0
	}, "receipt.counters"),
	lie("counters left out", modelOpened, func(r *receipt.Receipt) {
		r.Facts.Used = nil
	}, "receipt.counters"),
	lie("a counter from nowhere", modelOpened, func(r *receipt.Receipt) {
		r.Facts.Used["issues"] = 1
	}, "receipt.counters"),
	lie("decided at another time", readOpened, func(r *receipt.Receipt) {
		r.Facts.Now = r.Facts.Now.Add(time.Second)
	}, "receipt.facts"),
	lie("another runtime", readOpened, func(r *receipt.Receipt) {
		r.Facts.Runtime.Workspace = "none"
	}, "receipt.facts"),
	lie("no runtime", readOpened, func(r *receipt.Receipt) {
		r.Facts.Runtime = nil
	}, "receipt.facts", "receipt.decision"),
	lie("a condition that the policy does not have", readOpened, func(r *receipt.Receipt) {
		r.Facts.Conditions["/approvals/1"] = false
	}, "receipt.conditions"),
	lie("a condition by the name of another clause", awayDenied, func(r *receipt.Receipt) {
		r.Facts.Conditions[r.Decision.Reasons[0].Clause] = false
	}, "receipt.conditions"),
	lie("a condition left out", readOpened, func(r *receipt.Receipt) {
		r.Facts.Conditions = nil
	}, "receipt.conditions", "receipt.decision"),
	lie("a condition turned", readOpened, func(r *receipt.Receipt) {
		r.Facts.Conditions["/approvals/0"] = true
	}, "receipt.conditions", "receipt.decision"),

	lie("an approval invented", writeAsked, func(r *receipt.Receipt) {
		r.Facts.Approvals = []policy.Approval{{ID: "x", Call: r.Call.Digest(), By: "ann", Yes: true, At: r.At, Expires: r.At.Add(time.Hour)}}
	}, "receipt.approval", "receipt.decision"),
	lie("a no becomes a yes", issueRejected, func(r *receipt.Receipt) {
		r.Facts.Approvals[0].Yes = true
	}, "receipt.approval", "receipt.decision"),
	lie("a yes of another person", writeOpened, func(r *receipt.Receipt) {
		r.Facts.Approvals[0].By = "ben"
	}, "receipt.approval"),
	lie("a yes that lasts", writeOpened, func(r *receipt.Receipt) {
		r.Facts.Approvals[0].Expires = r.At.Add(1000 * time.Hour)
	}, "receipt.approval"),
	lie("an approval twice", writeOpened, func(r *receipt.Receipt) {
		r.Facts.Approvals = append(r.Facts.Approvals, r.Facts.Approvals[0])
	}, "bundle.duplicate"),
	lie("a yes left out", writeOpened, func(r *receipt.Receipt) {
		r.Facts.Approvals = nil
	}, "receipt.decision"),
	lie("an approval before the question", writeAsked, func(r *receipt.Receipt) {
		r.Asks = ""
	}, "receipt.asks", "receipt.approval"),
	lie("a question of another name", issueAsked, func(r *receipt.Receipt) {
		r.Asks = "job-big.9"
	}, "receipt.asks", "receipt.approval"),
	lie("a question about another call", issueAsked, func(r *receipt.Receipt) {
		r.Asks = "job-big.4"
	}, "receipt.asks", "receipt.approval"),
	lie("a denial that asks", adminDenied, func(r *receipt.Receipt) {
		r.Asks = "job-big.3"
	}, "receipt.asks"),
	lie("a refusal that asks", tokenExpired, func(r *receipt.Receipt) {
		r.Asks = "job-big.4"
	}, "receipt.asks"),
	lie("a refusal that permits", tokenExpired, func(r *receipt.Receipt) {
		r.Decision.Effect = policy.Allow
	}, "receipt.decision"),
	lie("a refusal of a token that holds", tokenRevoked, func(r *receipt.Receipt) {
		refuse(r, "token.expired")
	}, "receipt.refused"),
	lie("a refusal of a token as too early", tokenRevoked, func(r *receipt.Receipt) {
		refuse(r, "token.not-yet")
	}, "receipt.refused"),
	lie("a refusal of a token as another house's", tokenRevoked, func(r *receipt.Receipt) {
		refuse(r, "token.audience")
	}, "receipt.refused"),
	lie("a refusal of a token that fits", tokenRevoked, func(r *receipt.Receipt) {
		refuse(r, "token.scope")
	}, "receipt.refused"),
	lie("a refusal with names", tokenRevoked, func(r *receipt.Receipt) {
		r.Call.Resources = []policy.Resource{elsewhere}
	}, "receipt.minimal"),
	lie("a refusal by another token", tokenRevoked, func(r *receipt.Receipt) {
		r.Token = "nobody's"
	}, "receipt.token"),

	lie("a closing of a denied call", writeClosed, func(r *receipt.Receipt) { r.Opened = adminDenied }, "receipt.closed"),
	lie("a closing of a closed call", writeClosed, func(r *receipt.Receipt) { r.Opened = readOpened }, "receipt.closed"),
	lie("a closing of a waiting call", writeClosed, func(r *receipt.Receipt) { r.Opened = writeAsked }, "receipt.closed"),
	lie("a closing of a closing", writeClosed, func(r *receipt.Receipt) { r.Opened = readClosed }, "receipt.closed"),
	lie("a closing by another token", writeClosed, func(r *receipt.Receipt) { r.Token = "token-2" }, "receipt.closed"),
	lie("an outcome of another kind", writeClosed, func(r *receipt.Receipt) { r.Outcome.Status = "fine" }, "receipt.outcome"),
	lie("a result of a negative length", writeClosed, func(r *receipt.Receipt) { r.Outcome.Size = -1 }, "receipt.outcome", "disclosure.size"),
	lie("more used than reserved", searchClosed, func(r *receipt.Receipt) { r.Outcome.Used["pages"] = 21 }, "receipt.outcome", "receipt.counters"),
	lie("less than nothing used", searchClosed, func(r *receipt.Receipt) { r.Outcome.Used["pages"] = -1 }, "receipt.outcome"),
	lie("something used that was not reserved", writeClosed, func(r *receipt.Receipt) { r.Outcome.Used = map[string]int{"pages": 1} }, "receipt.outcome"),
	lie("a result of another length", readClosed, func(r *receipt.Receipt) { r.Outcome.Size++ }, "disclosure.size"),

	lie("a time before", writeAsked, func(r *receipt.Receipt) {
		r.At = r.At.Add(-time.Minute)
		r.Facts.Now = r.At
	}, "receipt.time", "receipt.token"),
	lie("another job", adminDenied, func(r *receipt.Receipt) { r.Job = "another" }, "receipt.chain", "policy.receipts"),
	lie("another number", adminDenied, func(r *receipt.Receipt) { r.Seq = 30 }, "receipt.chain", "policy.receipts"),
	lie("another receipt before", adminDenied, func(r *receipt.Receipt) { r.Prev = seal.Hash{} }, "receipt.chain", "policy.receipts"),
	lie("a receipt that is neither", adminDenied, func(r *receipt.Receipt) { r.Kind = "half" }, "receipt.malformed", "disclosure.unknown", "policy.receipts"),
	lie("by an expired token", searchOpened, func(r *receipt.Receipt) { r.Token = "token-1" }, "receipt.token", "receipt.closed"),
}

func refuse(r *receipt.Receipt, code string) {
	r.Refused = code
	r.Decision.Reasons[0].Says = code
}

// The owners of other keys lie, or papers are wrong that are rightly signed.
var papers = []tamper{
	{"policy not canonical", func(h *house, b *bundle.Bundle) {
		b.Policies[0].Policy = signed(h.author, policy.Type, string(b.Policies[0].Policy.Payload)+" ")
	}, fails("policy.malformed", "receipt.policy")},
	{"policy with an unknown field", func(h *house, b *bundle.Bundle) {
		b.Policies[0].Policy = signed(h.author, policy.Type, `{"allow_all":true,"wpc_version":"v1"}`)
	}, fails("policy.malformed", "receipt.policy")},
	{"another policy", func(h *house, b *bundle.Bundle) {
		b.Policies[0].Policy = signed(h.author, policy.Type, `{"wpc_version":"v1"}`)
	}, fails("policy.binding", "receipt.policy")},
	{"binding of another shape", func(h *house, b *bundle.Bundle) {
		b.Policies[0].Binding = signed(h.registry, policy.BindingType, `{}x`)
	}, fails("policy.malformed", "receipt.policy")},
	{"binding without a name", func(h *house, b *bundle.Bundle) {
		resign(h.registry, &b.Policies[0].Binding, func(x *policy.Binding) { x.Names = x.Names[1:] })
	}, fails("policy.binding", "receipt.policy")},
	{"binding to another id", func(h *house, b *bundle.Bundle) {
		resign(h.registry, &b.Policies[0].Binding, func(x *policy.Binding) { x.Names[0].ID = "id:HR" })
	}, fails("receipt.policy")},
	{"binding to another id, and the gate goes along", func(h *house, b *bundle.Bundle) {
		resign(h.registry, &b.Policies[0].Binding, func(x *policy.Binding) { x.Names[0].ID = "id:HR" })
		h.rewrite(b, func(r *receipt.Receipt) {
			if r.Facts != nil {
				r.Decision.Binding = b.Policies[0].Binding.Hash()
			}
		})
	}, fails("token.fit")},

	{"token of another house", func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[1], func(c *token.Claims) { c.Audience = "other.example" })
	}, fails("token.audience")},
	{"token of another job", func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[1], func(c *token.Claims) { c.Job = "another" })
	}, fails("token.job")},
	{"token that lives too long", func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[1], func(c *token.Claims) { c.Expires = c.Issued + 901 })
	}, fails("token.fit")},
	{"token of another scope", func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[1], func(c *token.Claims) { c.Scope = seal.Sum(nil) })
	}, fails("token.fit")},
	{"token granted more", func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[1], func(c *token.Claims) { c.Details[0].Resources = append(c.Details[0].Resources, "confluence:HR") })
	}, fails("token.fit")},
	{"token granted less", func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[1], func(c *token.Claims) { c.Details[0].Actions = c.Details[0].Actions[1:] })
	}, fails("token.fit")},
	{"token pinned to another policy", func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[1], func(c *token.Claims) { c.Policy = seal.Sum(nil) })
	}, fails("token.fit", "receipt.decision")},
	{"token issued later", func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[1], func(c *token.Claims) { c.Issued += 60 })
	}, fails("receipt.token")},
	{"token without an id", func(h *house, b *bundle.Bundle) {
		resign(h.issuer, &b.Tokens[1], func(c *token.Claims) { c.ID = "" })
	}, fails("token.malformed", "receipt.token")},
	{"token of another shape", func(h *house, b *bundle.Bundle) {
		b.Tokens[1] = signed(h.issuer, token.RecordType, `{"admin":true}`)
	}, fails("token.malformed", "receipt.token")},
	{"receipt of another shape", func(h *house, b *bundle.Bundle) {
		b.Receipts[bigLength-1] = signed(h.gateKey, receipt.Type, `[]`)
		h.stand(b)
		h.prove(b)
	}, fails("receipt.malformed", "policy.receipts")},
	{"answer of another shape", func(h *house, b *bundle.Bundle) {
		b.Answers[0] = signed(h.ann, receipt.AnswerType, `{"yes":true,"always":true}`)
	}, fails("answer.malformed", "receipt.approval")},
	{"answer under another policy", func(h *house, b *bundle.Bundle) {
		resign(h.ann, &b.Answers[0], func(n *receipt.Answer) { n.Policy = seal.Sum(nil) })
	}, fails("receipt.approval", "answer.unasked")},
	{"answer to another question", func(h *house, b *bundle.Bundle) {
		resign(h.ann, &b.Answers[2], func(n *receipt.Answer) { n.Call = seal.Sum(nil) })
	}, fails("answer.unasked")},
}
