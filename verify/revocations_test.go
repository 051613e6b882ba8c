// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

// order has an operator revoke something, or restore it: it is in force at once,
// and recorded in the journal and the chains of jobs.
func (h *house) order(kind receipt.Kind, id int64, what token.Revocation, jobs ...string) {
	h.t.Helper()
	r := &receipt.Revocation{ID: id, Revocation: what, By: "ops"}
	if kind == receipt.Revoked {
		h.book.orders = append(h.book.orders, r)
		h.book.cancel(r)
	} else {
		h.book.orders = slices.DeleteFunc(h.book.orders, func(o *receipt.Revocation) bool { return o.ID == id })
	}
	for _, job := range append(jobs, receipt.Journal) {
		err := h.book.Write(context.Background(), job, func(st *receipt.State) (*receipt.Line, error) {
			return receipt.Revoke(st, job, kind, r).Sign(h.gateKey)
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

// cancel drops the questions that r ends, and their answers: spec/token.md 7.4.
func (b *book) cancel(r *receipt.Revocation) {
	job := ""
	if r.Kind == token.RevokeToken {
		job = b.h.claims(token.ID(r.Target)).Job
	}
	for id, q := range b.asked {
		if q.Job == job || r.Ends(b.h.claims(q.Token), policy.Action{Tool: q.Call.Tool, Name: q.Call.Action, Class: q.Call.Class}) {
			b.spent[id] = true // no answer to it counts
			delete(b.pending[q.Job], q.Call.Digest())
		}
	}
}

func (h *house) claims(id token.ID) *token.Claims {
	c := new(token.Claims)
	if err := seal.Decode(h.records[id].Payload, c); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// bind has a token say that it is bound to a key.
func bind(c *token.Claims) {
	c.Confirm = &token.Confirmation{Thumbprint: strings.Repeat("A", 43)}
}

func ends(kind, target string) token.Revocation { return token.Revocation{Kind: kind, Target: target} }

// The receipts of the stopped job, by number.
const (
	stopReadOpened   = 1
	stopAsked        = 3 // answered, and cancelled before the answer was used
	stopAgent        = 4
	stopAgentRefused = 5
	stopAgentBack    = 6
	stopAskedAnew    = 7
	stopWriteOpened  = 8
	stopWrites       = 10
	stopReadOn       = 11
	stopWriteRefused = 13
	stopJob          = 14
	stopJobRefused   = 15
	stopLength       = 15
)

// stoppedStory is a job whose agent is stopped and let go on, that may not write
// any more then, and is stopped at last.
func stoppedStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	raw := h.mint(h.publish(bigPolicy), smallJob, "t1", 10*time.Minute, nil)
	read := request(pageGet, `{"id":"11"}`, policy.Call{Resources: []policy.Resource{page("11", "x")}, Uses: map[string]int{"pages": 1}}, done("a page", nil), nil)
	write := request(pageUpdate, `{"id":"11"}`, policy.Call{Resources: []policy.Resource{page("11", "x")}}, done("ok", nil), nil)
	h.do(raw, read, nil)
	h.do(raw, write, &gate.Pending{})
	h.answer(h.ann, smallJob+".3", true)
	h.order(receipt.Revoked, 1, ends(token.RevokeAgent, "agent-1"), smallJob)
	h.do(raw, read, &gate.Refused{})
	h.order(receipt.Restored, 1, ends(token.RevokeAgent, "agent-1"), smallJob)
	h.do(raw, write, &gate.Pending{})
	h.answer(h.ann, smallJob+".7", true)
	h.do(raw, write, nil)
	h.order(receipt.Revoked, 2, ends(token.RevokeAction, "confluence:write"), smallJob)
	h.do(raw, read, nil)
	h.do(raw, write, &gate.Refused{})
	h.order(receipt.Revoked, 3, ends(token.RevokeJob, smallJob), smallJob)
	h.do(raw, read, &gate.Refused{})
	h.do("not a token", read, &gate.Refused{})
	return h, h.export(smallJob, stopLength)
}

// journalStory is the journal of the house of stoppedStory.
func journalStory(t testing.TB) (*house, *bundle.Bundle) {
	h, _ := stoppedStory(t)
	return h, h.export(receipt.Journal, len(h.book.lines[receipt.Journal]))
}

const journalStranger = 5 // the receipt of who has no token

func TestStopped(t *testing.T) {
	h, b := stoppedStory(t)
	if n := len(h.book.lines[smallJob]); n != stopLength {
		t.Fatalf("the story has %d receipts, want %d", n, stopLength)
	}
	r := check(h, b)
	if !r.Verified() || len(codes(r, verify.Warn)) != 0 {
		t.Errorf("not verified: %v", r.Findings)
	}
	if d := cmp.Diff(verify.Calls{Allowed: 3, Asked: 2, Refused: 3}, r.Calls); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
	for seq, want := range map[int]string{stopAgentRefused: "agent.revoked", stopWriteRefused: "action.revoked", stopJobRefused: "job.revoked"} {
		if got := h.book.lines[smallJob][seq-1].Receipt.Refused; got != want {
			t.Errorf("receipt %d is refused as %q, want %q", seq, got, want)
		}
	}
	if !slices.ContainsFunc(r.Findings, func(f verify.Finding) bool { return f.Code == "receipt.revoked" && strings.HasSuffix(f.Text, ": 4") }) {
		t.Errorf("four orders are not counted: %v", r.Findings)
	}
	if !slices.Contains(codes(r, verify.Pass), "answer.unused") {
		t.Errorf("the answer that was cancelled is not named: %v", r.Findings)
	}
	for n := range stopLength + 1 {
		if r := check(h, h.export(smallJob, n)); !r.Verified() {
			t.Errorf("the first %d receipts: %v", n, r.Findings)
		}
	}
}

func TestJournal(t *testing.T) {
	h, b := journalStory(t)
	r := check(h, b)
	if !r.Verified() {
		t.Fatalf("not verified: %v", r.Findings)
	}
	if d := cmp.Diff(verify.Calls{Refused: 1}, r.Calls); d != "" || r.Receipts != journalStranger {
		t.Errorf("%d receipts, calls (-want +got):\n%s", r.Receipts, d)
	}
	if got := h.book.lines[receipt.Journal][journalStranger-1].Receipt.Refused; got != "token.malformed" {
		t.Errorf("the stranger is refused as %q", got)
	}
	var out bytes.Buffer
	if err := verify.WriteText(&out, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"VERIFIED\n\n", "  job           house\n", "  receipts      5, ", "0 allowed, 0 denied, 0 asked, 1 refused, 0 unclosed\n",
		"  integrity     pass\n  trust         pass\n  completeness  pass\n", "orders that were kept, to revoke and to restore: 4\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "Failed") || strings.Contains(out.String(), "Warnings") {
		t.Errorf("the text has more than passes:\n%s", &out)
	}
	for n := range r.Receipts + 1 {
		if r := check(h, h.export(receipt.Journal, n)); !r.Verified() {
			t.Errorf("the first %d receipts: %v", n, r.Findings)
		}
	}
}

// stopping are lies about what was ordered.
var stopping = []tamper{
	lie("it was another order that restored it", stopAgentBack, func(r *receipt.Receipt) { r.Revocation.ID = 9 }, "receipt.revoked"),
	lie("it was another agent that was restored", stopAgentBack, func(r *receipt.Receipt) { r.Revocation.Target = "agent-2" }, "receipt.revoked"),
	lie("it was everything that was restored", stopAgentBack, func(r *receipt.Receipt) {
		r.Revocation.Revocation = ends(token.RevokeAll, "")
	}, "receipt.revoked"),
	lie("it was not restored, but revoked again", stopAgentBack, func(r *receipt.Receipt) { r.Kind = receipt.Revoked }, "receipt.revoked"),
	lie("it was another agent that was stopped", stopAgent, func(r *receipt.Receipt) { r.Revocation.Target = "agent-2" }, "receipt.revoked"),
	lie("it was restored before it was stopped", stopAgent, func(r *receipt.Receipt) { r.Kind = receipt.Restored }, "receipt.revoked"),
	lie("all was stopped and not only writing", stopWrites, func(r *receipt.Receipt) {
		r.Revocation.Revocation = ends(token.RevokeAction, "*")
	}, "receipt.revoked"),
	lie("reading was stopped, and goes on", stopWrites, func(r *receipt.Receipt) { r.Revocation.Target = "confluence:read" }, "receipt.revoked"),
	lie("the token was stopped, and goes on", stopWrites, func(r *receipt.Receipt) {
		r.Revocation.Revocation = ends(token.RevokeToken, "t1")
	}, "receipt.revoked"),
	lie("an order to end something else by an id in force", stopJob, func(r *receipt.Receipt) { r.Revocation.ID = 2 }, "receipt.revoked"),
	lie("a job restored", stopJob, func(r *receipt.Receipt) { r.Kind = receipt.Restored }, "receipt.revoked"),
	lie("an order that there is not", stopJob, func(r *receipt.Receipt) { r.Revocation.Kind = "world" }, "receipt.revoked"),
	lie("an order with a pattern that there is not", stopWrites, func(r *receipt.Receipt) { r.Revocation.Target = "confluence:delete" }, "receipt.revoked"),
	lie("an order without an order", stopJob, func(r *receipt.Receipt) { r.Revocation = nil }, "receipt.malformed", "policy.receipts"),
	lie("an order by a token", stopJob, func(r *receipt.Receipt) { r.Token = "t1" }, "receipt.malformed", "policy.receipts"),
	lie("a refusal by nobody", stopJobRefused, func(r *receipt.Receipt) { r.Token = "" }, "receipt.token"),
	lie("a permission by nobody", stopReadOn, func(r *receipt.Receipt) { r.Token = "" }, "receipt.malformed", "receipt.closed", "policy.receipts"),
	lie("a refusal that is a permission", stopAgentRefused, func(r *receipt.Receipt) {
		r.Refused, r.Decision.Effect = "", policy.Allow
		r.Facts = &policy.Facts{Now: r.At}
	}, "receipt.revoked", "receipt.facts", "receipt.policy", "receipt.counters"),
}

// journaling are lies in the journal.
var journaling = []tamper{
	lie("a stranger's policy", journalStranger, func(r *receipt.Receipt) { r.Decision.Policy = seal.Sum(nil) }, "receipt.decision"),
	lie("a stranger is permitted", journalStranger, func(r *receipt.Receipt) { r.Decision.Effect = policy.Allow }, "receipt.decision"),
	lie("a stranger is asked", journalStranger, func(r *receipt.Receipt) { r.Asks = "house.5" }, "receipt.asks"),
	lie("a stranger for other reasons", journalStranger, func(r *receipt.Receipt) { r.Decision.Reasons[0].Says = "x" }, "receipt.decision"),
	lie("a stranger with a name", journalStranger, func(r *receipt.Receipt) { r.Token = "t1" }, "receipt.token"),
	lie("a stranger is heard", journalStranger, func(r *receipt.Receipt) {
		r.Refused, r.Facts = "", &policy.Facts{Now: r.At}
	}, "receipt.malformed"),
	{"a token for the journal", func(h *house, b *bundle.Bundle) {
		b.Tokens = append(b.Tokens, *h.records["t1"])
		resign(h.issuer, &b.Tokens[0], func(c *token.Claims) { c.Job = receipt.Journal })
	}, fails("token.malformed")},
	{"a token in the journal", func(h *house, b *bundle.Bundle) {
		b.Tokens = append(b.Tokens, *h.records["t1"])
	}, fails("token.job", "bundle.unused")},
	lie("a job is restored", 4, func(r *receipt.Receipt) { r.Kind = receipt.Restored }, "receipt.revoked"),
}

func TestLiesAboutOrdersAndKeys(t *testing.T) {
	for name, group := range map[string]struct {
		make func(testing.TB) (*house, *bundle.Bundle)
		lies []tamper
	}{"job": {stoppedStory, stopping}, "journal": {journalStory, journaling}, "changes": {repeatedStory, repeating}, "bearers": {boundStory, unbinding}} {
		h, good := group.make(t)
		if r := check(h, good); !r.Verified() {
			t.Fatalf("%s: %v", name, r.Findings)
		}
		for _, x := range group.lies {
			t.Run(name+"/"+x.name, func(t *testing.T) {
				b := clone(good)
				x.do(h, b)
				tampered(t, h, b, x.want)
			})
		}
	}
}

// TestOrdersNotKept has a gate over a book that forgets what was ordered: no
// kind of order goes unnoticed.
func TestOrdersNotKept(t *testing.T) {
	read := request(pageGet, `{}`, policy.Call{Resources: []policy.Resource{page("11", "x")}}, done("ok", nil), nil)
	for _, what := range []token.Revocation{
		ends(token.RevokeToken, "t"), ends(token.RevokeJob, "j"), ends(token.RevokeAgent, "agent-1"), ends(token.RevokePolicy, ""),
		ends(token.RevokeAction, "*"), ends(token.RevokeAction, "confluence"), ends(token.RevokeAction, "confluence.page.get:read"), ends(token.RevokeAll, ""),
	} {
		h := newHouse(t)
		p := h.publish(bigPolicy)
		raw := h.mint(p, "j", "t", time.Minute, nil)
		if what.Kind == token.RevokePolicy {
			what.Target = p.Hash().String()
		}
		h.do(raw, read, nil)
		h.order(receipt.Revoked, 1, what, "j")
		h.do(raw, read, &gate.Refused{})
		if r := check(h, h.export("j", 4)); !r.Verified() {
			t.Errorf("%s is kept: %v", what, r.Findings)
		}
		h.book.orders = nil
		h.do(raw, read, nil)
		r := check(h, h.export("j", 6))
		if d := cmp.Diff(fails("receipt.revoked"), codes(r, verify.Fail)); d != "" {
			t.Errorf("%s is not kept: failing codes (-want +got):\n%s\n%v", what, d, r.Findings)
		}
	}
}

// TestOthersGoOn says that orders about others change nothing.
func TestOthersGoOn(t *testing.T) {
	read := request(pageGet, `{}`, policy.Call{Resources: []policy.Resource{page("11", "x")}}, done("ok", nil), nil)
	h := newHouse(t)
	p := h.publish(bigPolicy)
	raw := h.mint(p, "j", "t", time.Minute, nil)
	h.mint(p, "other", "t2", time.Minute, nil)
	for i, what := range []token.Revocation{
		ends(token.RevokeToken, "t2"), ends(token.RevokeJob, "other"), ends(token.RevokeAgent, "agent-2"), ends(token.RevokePolicy, seal.Sum(nil).String()),
		ends(token.RevokeAction, "*:write"), ends(token.RevokeAction, "jira"), ends(token.RevokeAction, "model"),
	} {
		h.order(receipt.Revoked, int64(i+1), what, "j")
		h.do(raw, read, nil)
	}
	if r := check(h, h.export("j", len(h.book.lines["j"]))); !r.Verified() || r.Calls.Allowed != 7 {
		t.Errorf("%+v: %v", r.Calls, r.Findings)
	}
}

// TestCancelled has a book hand out answers that orders have cancelled.
func TestCancelled(t *testing.T) {
	write := request(pageUpdate, `{}`, policy.Call{Resources: []policy.Resource{page("11", "x")}}, done("ok", nil), nil)
	back := func(h *house, what token.Revocation) {
		h.order(receipt.Revoked, 1, what, "j")
		if what.Kind != token.RevokeToken {
			h.order(receipt.Restored, 1, what, "j")
		}
	}
	for _, x := range []struct {
		what   token.Revocation
		cancel bool
	}{
		{ends(token.RevokeAgent, "agent-1"), true}, {ends(token.RevokeAll, ""), true}, {ends(token.RevokeAction, "confluence:write"), true},
		{ends(token.RevokeToken, "t"), true}, {ends(token.RevokeAction, "confluence:read"), false}, {ends(token.RevokeAgent, "agent-2"), false},
	} {
		h := newHouse(t)
		p := h.publish(bigPolicy)
		raw := h.mint(p, "j", "t", time.Minute, nil)
		h.do(raw, write, &gate.Pending{})
		h.answer(h.ann, "j.1", true)
		back(h, x.what)
		delete(h.book.spent, "j.1") // the book forgets that it was cancelled
		h.do(h.mint(p, "j", "u", time.Minute, nil), write, nil)
		want := fails("receipt.revoked")
		if !x.cancel {
			want = nil
		}
		r := check(h, h.export("j", len(h.book.lines["j"])))
		if d := cmp.Diff(want, codes(r, verify.Fail)); d != "" {
			t.Errorf("%s: failing codes (-want +got):\n%s\n%v", x.what, d, r.Findings)
		}
	}
}

// ordering are the bundles of the stories above, told truly and otherwise.
var ordering = []vector{
	{"3.18-kept", "Orders to revoke and to restore are kept: what they end is refused, and a question that they cancel is asked anew.", stoppedStory, nil},
	{"3.18-not-kept", "A call that is decided after what it stands on was revoked is found, though all signatures hold.", edited(stoppedStory, lied(stopping, "reading was stopped, and goes on")), nil},
	{"3.18-restored-by-another-order", "What one order ends another does not restore.", edited(stoppedStory, lied(stopping, "it was another order that restored it")), nil},
	{"3.18-job-restored", "A job that is stopped stays stopped.", edited(stoppedStory, lied(stopping, "a job restored")), nil},
	{"3.18-cancelled-answer", "An answer from before a revocation does not count after it, though all is restored.", cancelledStory, nil},
	{"3.18-nobody", "Only the journal refuses who has no token to be believed.", edited(stoppedStory, lied(stopping, "a refusal by nobody")), nil},
	{"3.18-journal", "The journal holds every order, and refusals of tokens that nobody can believe.", journalStory, nil},
	{"3.18-journal-permits", "In the journal nothing is permitted.", edited(journalStory, lied(journaling, "a stranger is permitted")), nil},
	{"3.19-another-job", "A bundle that verifies by itself; the one of 2.1-good has a token of the same id.", sharedStory, nil},
	{"3.4-token-for-the-journal", "No token is for the house's own job.", edited(journalStory, lied(journaling, "a token for the journal")), nil},
}

// sharedStory is a job with a token by the id of smallStory's.
func sharedStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	raw := h.mint(h.publish(smallPolicy), "job-other", "t1", time.Minute, nil)
	h.do(raw, request(diff, "d", policy.Call{}, done("r", nil), nil), nil)
	return h, h.export("job-other", 2)
}

// lied is one of the lies by its name.
func lied(list []tamper, name string) func(*house, *bundle.Bundle) {
	return list[slices.IndexFunc(list, func(x tamper) bool { return x.name == name })].do
}

// cancelledStory is a gate that counts an answer which an order has cancelled.
func cancelledStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	raw := h.mint(h.publish(bigPolicy), smallJob, "t1", time.Minute, nil)
	write := request(pageUpdate, `{"id":"11"}`, policy.Call{Resources: []policy.Resource{page("11", "x")}}, done("ok", nil), nil)
	h.do(raw, write, &gate.Pending{})
	h.answer(h.ann, smallJob+".1", true)
	h.order(receipt.Revoked, 1, ends(token.RevokeAll, ""), smallJob)
	h.order(receipt.Restored, 1, ends(token.RevokeAll, ""), smallJob)
	delete(h.book.spent, smallJob+".1")
	h.do(raw, write, nil)
	return h, h.export(smallJob, 5)
}

// TestAcross verifies bundles together: a token is of one job.
func TestAcross(t *testing.T) {
	h := newHouse(t)
	p := h.publish(smallPolicy)
	story := func(job, id string) *verify.Report {
		h.do(h.mint(p, job, id, time.Minute, nil), request(diff, "d", policy.Call{}, done("r", nil), nil), nil)
		r := check(h, h.export(job, len(h.book.lines[job])))
		if !r.Verified() {
			t.Fatalf("%s: %v", job, r.Findings)
		}
		return r
	}
	a, b, c := story("a", "t1"), story("b", "t2"), story("c", "t1")
	d := story("d", "t2")
	shared := func(reports ...*verify.Report) []string {
		var out []string
		for _, f := range verify.Across(reports...) {
			if f.Code != "token.shared" || f.Axis != verify.Integrity || f.Level != verify.Fail {
				t.Errorf("%+v", f)
			}
			out = append(out, f.Text)
		}
		return out
	}
	for name, x := range map[string]struct {
		reports []*verify.Report
		want    []string
	}{
		"none":          {nil, nil},
		"one":           {[]*verify.Report{a}, nil},
		"two":           {[]*verify.Report{a, b}, nil},
		"one job twice": {[]*verify.Report{a, a}, nil},
		"a token twice": {[]*verify.Report{a, b, c}, []string{`token "t1" is in job "a" and in job "c"`}},
		"two tokens":    {[]*verify.Report{a, b, c, d}, []string{`token "t1" is in job "a" and in job "c"`, `token "t2" is in job "b" and in job "d"`}},
		"no bundle":     {[]*verify.Report{a, verify.Bundle(nil, h.trust(), verify.Expect{})}, nil},
	} {
		if diff := cmp.Diff(x.want, shared(x.reports...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
