// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"context"
	"encoding/json"
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
	"github.com/clawea/clawea/verify"
)

var merge = policy.Action{Tool: "repo", Name: "merge", Class: policy.Write}

// The receipts of the job that changes something, by number: one change whose end
// is unknown, and one that is not closed.
const (
	unclearClosed  = 2
	unclearRefused = 3
	unclearTold    = 4 // it was found, which no receipt says
	againOpened    = 5
	brokenOff      = 7
	brokenRefused  = 8
	foundClosed    = 9
	foundTold      = 10
	changesLength  = 12
)

// changingHouse has a token for a job that changes something, its calls, and what
// stands in the way of one.
func changingHouse(t testing.TB) (h *house, raw string, merging func(what string, out receipt.Outcome) *gate.Request, stands func(uint64, receipt.Unsettled)) {
	h = newHouse(t)
	raw = h.mint(h.publish(`{"wpc_version": "v1", "tool_policy": {"allow": ["repo.merge"]}}`), smallJob, "t1", time.Minute, bind)
	branch := policy.Resource{Type: "branch", ID: "main", Version: "7"}
	merging = func(what string, out receipt.Outcome) *gate.Request {
		req := request(merge, what, policy.Call{Resources: []policy.Resource{branch}}, &gate.Result{Body: []byte(what), Outcome: out}, nil)
		plain := req.Plan
		req.Plan = func(ctx context.Context, bounds []policy.Bound) (*gate.Plan, error) {
			p, err := plain(ctx, bounds)
			p.Change = &receipt.Change{
				Summary: "Merge " + what, Target: &branch, Request: receipt.Request{Method: "POST", Path: "/merge", Body: json.RawMessage(`{}`)},
				Undo: receipt.Undo{Irreversible: "history is not rewritten"},
			}
			return p, err
		}
		return req
	}
	stands = func(seq uint64, why receipt.Unsettled) {
		attempt := receipt.Attempt(h.book.lines[smallJob][seq-1].Receipt.Call)
		h.book.changes = map[seal.Hash]receipt.Earlier{attempt: {Seq: seq, State: why}}
	}
	return h, raw, merging, stands
}

// changeStory is a job in which calls break off, and its bundle.
func changeStory(t testing.TB) (*house, *bundle.Bundle) {
	h, raw, merging, stands := changingHouse(t)
	branch := policy.Resource{Type: "branch", ID: "main", Version: "7"}
	a, b := merging("a", receipt.Outcome{Status: receipt.Unknown}), merging("b", receipt.Outcome{Status: receipt.Failed})
	h.do(raw, a, nil)
	for _, why := range []receipt.Unsettled{receipt.Unclear, receipt.Untold} {
		stands(1, why)
		h.do(raw, a, &gate.Refused{})
	}
	h.book.changes = nil
	h.do(raw, merging("a", receipt.Outcome{Status: receipt.Done}), nil)
	h.book.full = true
	h.do(raw, b, gate.ErrUnclosed)
	h.book.full = false
	stands(brokenOff, receipt.UnderWay)
	h.do(raw, b, &gate.Refused{})
	found := &receipt.Outcome{Status: receipt.Done, Code: receipt.Found, Target: &branch}
	err := h.book.Write(t.Context(), smallJob, func(st *receipt.State) (*receipt.Line, error) {
		return receipt.Close(st, h.book.lines[smallJob][brokenOff-1].Receipt, found).Sign(h.gateKey)
	})
	if err != nil {
		t.Fatal(err)
	}
	stands(brokenOff, receipt.Untold)
	h.do(raw, b, &gate.Refused{})
	h.book.changes = nil
	h.do(raw, b, nil)
	return h, h.export(smallJob, changesLength)
}

func TestChanges(t *testing.T) {
	h, b := changeStory(t)
	if r := check(h, b); !r.Verified() {
		t.Fatalf("%+v", r.Findings)
	}
	if r := check(h, b.Redact(nothing)); !r.Verified() {
		t.Errorf("redacted: %+v", r.Findings)
	}
}

// The receipts of the job in which it is learned what became of calls, by number.
const (
	lostClosed   = 2
	lostLearned  = 3
	lostTold     = 4
	wordClosed   = 6
	wordLearned  = 7
	wordOpened   = 8
	learnedStory = 9
)

// learningStory is a job in which nobody knew what became of two calls: one was
// found to have happened, and of one an operator said that it had not. Both are
// tried again.
func learningStory(t testing.TB) (*house, *bundle.Bundle) {
	h, raw, merging, stands := changingHouse(t)
	a, b := merging("a", receipt.Outcome{Status: receipt.Unknown}), merging("b", receipt.Outcome{Status: receipt.Aborted})
	learn := func(seq uint64, l *receipt.Late) {
		t.Helper()
		err := h.book.Write(t.Context(), smallJob, func(st *receipt.State) (*receipt.Line, error) {
			return receipt.Learn(st, h.book.lines[smallJob][seq-1].Receipt, l).Sign(h.gateKey)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	h.do(raw, a, nil)
	learn(1, &receipt.Late{Happened: true, Target: &policy.Resource{Type: "branch", ID: "main", Version: "8"}})
	stands(1, receipt.Untold)
	h.do(raw, a, &gate.Refused{})
	h.book.changes = nil
	h.do(raw, b, nil)
	learn(wordClosed-1, &receipt.Late{By: "kim"})
	h.do(raw, b, nil)
	return h, h.export(smallJob, learnedStory)
}

func TestLearned(t *testing.T) {
	h, b := learningStory(t)
	r := check(h, b)
	if !r.Verified() {
		t.Fatalf("%+v", r.Findings)
	}
	if slices.ContainsFunc(r.Findings, func(f verify.Finding) bool { return f.Code == "receipt.unknown" && f.Seq == lostClosed }) {
		t.Error("of the first call it is known what became")
	}
}

func TestLearnedLies(t *testing.T) {
	for _, x := range []tamper{
		lie("it was known", lostClosed, func(r *receipt.Receipt) { r.Outcome.Status = receipt.Failed }, "receipt.learned", "receipt.repeated"),
		lie("it was not closed", wordLearned, func(r *receipt.Receipt) { r.Opened = lostTold }, "receipt.learned"),
		lie("it says the same twice", wordLearned, func(r *receipt.Receipt) { r.Opened = 1 }, "receipt.learned"),
		lie("it did not happen, and the agent is told so", lostLearned, func(r *receipt.Receipt) {
			r.Outcome = &receipt.Outcome{Status: receipt.Failed, Code: receipt.NotFound, Used: map[string]int{}}
		}, "receipt.repeated"),
		lie("it happened, and is done again", wordLearned, func(r *receipt.Receipt) { r.Outcome = &receipt.Outcome{Status: receipt.Done, Code: receipt.Said} }, "receipt.repeated"),
	} {
		h, b := learningStory(t)
		x.do(h, b)
		if d := cmp.Diff(x.want, codes(check(h, b), verify.Fail)); d != "" {
			t.Errorf("%s: failing codes (-want +got):\n%s", x.name, d)
		}
	}
}

// refusedAs makes a refusal one for another reason.
func refusedAs(code string) func(*receipt.Receipt) {
	return func(r *receipt.Receipt) { r.Refused, r.Decision.Reasons[0].Says = code, code }
}

func TestChangesLies(t *testing.T) {
	for _, x := range []tamper{
		lie("under way, and it was closed", unclearRefused, refusedAs("change.open"), "receipt.repeated"),
		lie("closed, and it was not", brokenRefused, refusedAs("change.unknown"), "receipt.repeated"),
		lie("found, and it was not", brokenRefused, refusedAs("change.found"), "receipt.repeated"),
		lie("done lately, and it was not", brokenRefused, refusedAs("change.done"), "receipt.repeated"),
		lie("told twice", unclearRefused, refusedAs("change.found"), "receipt.repeated"),
		lie("nothing stood in its way", unclearClosed, func(r *receipt.Receipt) { r.Outcome.Status = receipt.Done }, "receipt.repeated"),
		lie("the agent was not told", foundTold, refusedAs("limit.rate"), "receipt.repeated"),
		lie("done again before anybody looked", foundClosed, func(r *receipt.Receipt) { r.Opened = againOpened }, "receipt.repeated", "receipt.closed"),
		lie("a refusal for another call's sake", foundTold, func(r *receipt.Receipt) { r.Call.Args = seal.Sum(nil) }, "receipt.repeated"),
		{"a change that is taken back by anybody", func(h *house, b *bundle.Bundle) {
			i := slices.IndexFunc(b.Disclosures, func(d bundle.Disclosure) bool { return strings.Contains(string(d.Text), `"summary":"Merge b"`) })
			d := b.Disclosures[i]
			d.Text = []byte(strings.Replace(string(d.Text), `"undo":{"irreversible":"history is not rewritten"}`, `"undo":{"irreversible":"history is not rewritten"},"undoes":"job-1/1"`, 1))
			d.Commitment = seal.Commit(d.Salt, d.Text)
			b.Disclosures = append(slices.Clone(b.Disclosures), d)
			h.rewrite(b, at(changesLength-1, func(r *receipt.Receipt) { r.Call.Change = d.Commitment }))
		}, fails("receipt.change")},
		lie("a change of something else", brokenOff, func(r *receipt.Receipt) { r.Call.Resources[0].Version = "8" }, "receipt.change"),
	} {
		h, b := changeStory(t)
		x.do(h, b)
		if d := cmp.Diff(x.want, codes(check(h, b), verify.Fail)); d != "" {
			t.Errorf("%s: failing codes (-want +got):\n%s", x.name, d)
		}
	}
}

// lookedUpStory is a job in which the house looks up the version that a call is based
// on: one breaks off and is found to have happened, and the next of the same attempt,
// which meets another version, is refused for it. Then it is let do it again.
func lookedUpStory(t testing.TB) (*house, *bundle.Bundle) {
	h, raw, merging, stands := changingHouse(t)
	at := func(version string) *gate.Request {
		req := merging(`{"branch":"main"}`, receipt.Outcome{Status: receipt.Done})
		plain := req.Plan
		req.Plan = func(ctx context.Context, bounds []policy.Bound) (*gate.Plan, error) {
			p, err := plain(ctx, bounds)
			p.Args = []byte(`{"based_on":"` + version + `","branch":"main"}`)
			return p, err
		}
		return req
	}
	h.book.full = true
	h.do(raw, at("7"), gate.ErrUnclosed)
	h.book.full = false
	found := &receipt.Outcome{Status: receipt.Done, Code: receipt.Found}
	err := h.book.Write(t.Context(), smallJob, func(st *receipt.State) (*receipt.Line, error) {
		return receipt.Close(st, h.book.lines[smallJob][0].Receipt, found).Sign(h.gateKey)
	})
	if err != nil {
		t.Fatal(err)
	}
	stands(1, receipt.Untold)
	h.do(raw, at("8"), &gate.Refused{})
	h.book.changes = nil
	h.do(raw, at("8"), nil)
	return h, h.export(smallJob, 5)
}

// changing are the vectors of calls that change something outside.
var changing = []vector{
	{"3.20-changes", "Calls that broke off: one whose end was unknown, and one that was found to have happened.", changeStory, nil},
	{"3.20-done-again", "What may have happened is not done again before somebody has looked.", edited(changeStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(foundTold, refusedAs("limit.rate")))
	}), nil},
	{"3.20-refused-for-nothing", "Who is refused for an earlier call's sake has made one.", edited(changeStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(brokenRefused, refusedAs("change.found")))
	}), nil},
	{"3.20-another-version", "A call for which the house looked up a version is the same attempt when it finds another.", lookedUpStory, nil},
	{"3.20-not-what-was-asked", "What names an attempt is what the call asks for.", edited(lookedUpStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(1, func(r *receipt.Receipt) { r.Call.Attempt, r.Call.Args = r.Call.Args, r.Call.Attempt }))
	}), nil},
	{"3.20-another-version-done-again", "What may have happened is not done again on another version.", edited(lookedUpStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(3, refusedAs("limit.rate")))
	}), nil},
	{"3.22-learned", "Nobody knew what became of two calls: one was found to have happened, and of one an operator said that it had not.", learningStory, nil},
	{"3.22-learned-twice", "What became of a call is said once.", edited(learningStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(wordLearned, func(r *receipt.Receipt) { r.Opened = 1 }))
	}), nil},
	{"3.22-learned-and-done-again", "What an operator says has happened is not done again.", edited(learningStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(wordLearned, func(r *receipt.Receipt) { r.Outcome = &receipt.Outcome{Status: receipt.Done, Code: receipt.Said} }))
	}), nil},
	{"3.21-change-of-another", "A disclosed change is about what its call names.", edited(changeStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(brokenOff, func(r *receipt.Receipt) { r.Call.Resources[0].ID = "other" }))
	}), nil},
}
