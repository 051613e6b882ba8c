// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"bytes"
	"errors"
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

// The receipts of the job that talks to models, by number.
const (
	countedClosed   = 2 // the provider counted, and a tool was proposed
	uncountedClosed = 4 // it did not
	failedClosed    = 6 // it said no
	beyondRefused   = 7 // one call too many
	modelsLength    = 7
)

// modelStory is a job that calls models, and its bundle.
func modelStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	raw := h.mint(h.publish(`{"wpc_version": "v1", "model_route": {"allowed": ["sim-openai"]}}`), smallJob, "t1", time.Minute, nil)
	generate := func(prompt string, status receipt.Status, g *receipt.Generation, args ...string) {
		reserved := map[string]int{"tokens": 1000, "output_tokens": 400, "cost": 9000}
		res := &gate.Result{Body: []byte("answer to " + prompt), Outcome: receipt.Outcome{Status: status, Code: "200", Model: g}}
		res.Outcome.Used = receipt.Settled(reserved, &res.Outcome)
		for _, a := range args {
			g.Proposed = append(g.Proposed, receipt.Proposed{Name: "lookup"})
			res.Proposed = append(res.Proposed, []byte(a))
		}
		c := policy.Call{Resources: []policy.Resource{{Type: "route", ID: "sim-openai"}, {Type: "model", ID: "gpt-sim"}}, Uses: reserved}
		h.do(raw, request(chat, prompt, c, res, nil), nil)
	}
	usage := &receipt.Usage{Input: 120, Output: 30, CacheRead: 100}
	generate("one", receipt.Done, &receipt.Generation{Provider: "openai", Model: "gpt-sim-2026", Finish: "tool_calls", Usage: usage, Cost: 77, Took: 5}, `{"q":1}`, `{"q":2}`)
	generate("two", receipt.Done, &receipt.Generation{Provider: "openai", Model: "gpt-sim-2026"})
	generate("three", receipt.Failed, &receipt.Generation{Provider: "openai"})
	c, err := h.gate.Authenticate(t.Context(), show(raw), chat)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.gate.TurnAway(t.Context(), c, chat, &gate.Beyond{Code: "limit.rate", Msg: "too many"}); !errors.As(err, new(*gate.Refused)) {
		t.Fatalf("turned away with %v", err)
	}
	return h, h.export(smallJob, modelsLength)
}

func TestModels(t *testing.T) {
	h, b := modelStory(t)
	r := check(h, b)
	if !r.Verified() {
		t.Fatalf("%+v", r.Findings)
	}
	want := []verify.Model{
		{Name: "gpt-sim-2026", Calls: 2, Input: 120, Output: 30, Uncounted: 1, Proposed: 2},
		{Name: "openai", Calls: 1, Uncounted: 1},
	}
	if d := cmp.Diff(want, r.Models); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if want := (verify.Calls{Allowed: 3, Refused: 1}); r.Calls != want {
		t.Errorf("calls %+v, want %+v", r.Calls, want)
	}
	var text, program bytes.Buffer
	if err := errors.Join(verify.WriteText(&text, r), verify.WriteJSON(&program, r)); err != nil {
		t.Fatal(err)
	}
	if line := "  model         gpt-sim-2026: 2 calls, 120 tokens in, 30 out, 2 tool calls proposed; of 1 calls the tokens are unknown\n"; !strings.Contains(text.String(), line) {
		t.Errorf("%s lacks\n%s", &text, line)
	}
	if part := `"models":[{"calls":2,"input":120,"model":"gpt-sim-2026","output":30,"proposed":2,"uncounted":1},`; !strings.Contains(program.String(), part) {
		t.Errorf("%s lacks\n%s", &program, part)
	}
	// What a model proposed can be shown, and need not be.
	shown := func(text string) bool {
		return slices.ContainsFunc(b.Disclosures, func(d bundle.Disclosure) bool { return string(d.Text) == text })
	}
	if !shown(`{"q":1}`) || !shown(`{"q":2}`) {
		t.Error("proposed arguments are not among the texts")
	}
	if r := check(h, b.Redact(nothing)); !r.Verified() {
		t.Errorf("redacted: %+v", r.Findings)
	}
}

func TestModelsLies(t *testing.T) {
	for _, x := range []tamper{
		lie("fewer tokens than were counted", countedClosed, func(r *receipt.Receipt) { r.Outcome.Used["tokens"] = 10 }, "receipt.settled", "receipt.counters"),
		lie("more tokens than were counted", countedClosed, func(r *receipt.Receipt) { r.Outcome.Used["tokens"] = 151 }, "receipt.settled", "receipt.counters"),
		lie("a cost that is not the answer's", countedClosed, func(r *receipt.Receipt) { r.Outcome.Used["cost"] = 76 }, "receipt.settled", "receipt.counters"),
		lie("a counter left out", countedClosed, func(r *receipt.Receipt) { delete(r.Outcome.Used, "cost") }, "receipt.settled", "receipt.counters"),
		lie("all used, though it was counted", countedClosed, func(r *receipt.Receipt) { r.Outcome.Used = nil }, "receipt.settled", "receipt.counters"),
		lie("nothing used, and nobody counted", uncountedClosed, func(r *receipt.Receipt) { r.Outcome.Used = map[string]int{} }, "receipt.settled", "receipt.counters"),
		lie("all used, and it failed", failedClosed, func(r *receipt.Receipt) { r.Outcome.Used = nil }, "receipt.settled"),
		lie("a failure with another word for nothing", failedClosed, func(r *receipt.Receipt) { r.Outcome.Used["tokens"] = 0 }, "receipt.settled"),
		lie("a failure hushed up", failedClosed, func(r *receipt.Receipt) { r.Outcome.Status = receipt.Done }, "receipt.settled"),
		lie("a smaller count", countedClosed, func(r *receipt.Receipt) { r.Outcome.Model.Usage.Output = 1 }, "receipt.settled"),
		lie("another provider", countedClosed, func(r *receipt.Receipt) { r.Outcome.Model.Provider = "anthropic" }, "receipt.outcome"),
		lie("a provider that nobody knows", countedClosed, func(r *receipt.Receipt) { r.Outcome.Model.Provider = "skynet" }, "receipt.outcome"),
		lie("a connection of a model call", countedClosed, func(r *receipt.Receipt) { r.Outcome.Connection = &receipt.Connection{} }, "receipt.outcome"),
		lie("another proposal", countedClosed, func(r *receipt.Receipt) { r.Outcome.Model.Proposed[1].Args = seal.Sum(nil) }, "disclosure.unknown"),
		lie("a proposal left out", countedClosed, func(r *receipt.Receipt) { r.Outcome.Model.Proposed = r.Outcome.Model.Proposed[:1] }, "disclosure.unknown"),
		lie("a count that does not add up", countedClosed, func(r *receipt.Receipt) { r.Outcome.Model.Usage.CacheRead = 121 }, "receipt.malformed", "receipt.counters", "disclosure.unknown"),
		lie("a refusal that permits", beyondRefused, func(r *receipt.Receipt) { r.Decision.Effect = policy.Allow }, "receipt.decision"),
	} {
		h, b := modelStory(t)
		x.do(h, b)
		r := check(h, b)
		if d := cmp.Diff(x.want, codes(r, verify.Fail)); d != "" || r.Verified() {
			t.Errorf("%s: failing codes (-want +got):\n%s", x.name, d)
		}
	}
}

// TestModelAnswersNoOtherTool says: what a provider did is not in the outcome of
// another tool's call.
func TestModelAnswersNoOtherTool(t *testing.T) {
	h, b := smallStory(t)
	h.rewrite(b, at(2, func(r *receipt.Receipt) { r.Outcome.Model = &receipt.Generation{Provider: "openai"} }))
	if d := cmp.Diff(fails("receipt.outcome"), codes(check(h, b), verify.Fail)); d != "" {
		t.Errorf("failing codes (-want +got):\n%s", d)
	}
}

// generating are the vectors of calls of models.
var generating = []vector{
	{"3.8-models", "Calls of models: one that the provider counted, one that it did not, one that failed, and one too many.", modelStory, nil},
	{"3.8-models-settled-too-low", "What a provider counted is used, though the gate says less.", edited(modelStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(countedClosed, func(r *receipt.Receipt) { r.Outcome.Used["tokens"] = 10 }))
	}), nil},
	{"3.8-models-uncounted-released", "What nobody counted is used up to its worst.", edited(modelStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(uncountedClosed, func(r *receipt.Receipt) { r.Outcome.Used = map[string]int{} }))
	}), nil},
	{"3.8-models-other-provider", "An answer is of a provider that has the call's action.", edited(modelStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(countedClosed, func(r *receipt.Receipt) { r.Outcome.Model.Provider = "anthropic" }))
	}), nil},
	{"3.9-proposed-edited", "The arguments of a proposed call, where disclosed, are those committed to.", edited(modelStory, func(h *house, b *bundle.Bundle) {
		i := slices.IndexFunc(b.Disclosures, func(d bundle.Disclosure) bool { return string(d.Text) == `{"q":1}` })
		b.Disclosures[i].Text = []byte(`{"q":9}`)
	}), nil},
}
