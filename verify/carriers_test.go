// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/verify"
)

var shellExec = policy.Action{Tool: "shell", Name: "exec", Class: policy.Write}

// The receipts of the job whose calls gateways carry out, by number.
const (
	carriedOpened = 1
	carriedClosed = 2
	carriedOpen   = 3 // not reported
	carriedSilent = 4 // never reported
	ownClosed     = 7
	carriedLength = 7
)

// carriedStory is a job in which a gateway carries calls out, one of which it reports,
// and the house one.
func carriedStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	h.gate.ReportTime = 10 * time.Minute
	raw := h.mint(h.publish(`{"wpc_version": "v1", "tool_policy": {"allow": ["shell.*"]}, "approvals": {"required_for": ["external_send"]}}`), smallJob, "t1", time.Minute, bind)
	open := func(text string, silent bool, c policy.Call) *receipt.Receipt {
		caller := must(h.gate.Authenticate(t.Context(), show(raw), shellExec))
		req := request(shellExec, text, c, nil, nil)
		req.Carrier = &gate.Carrier{Name: "envoy", Silent: silent}
		r, err := h.gate.Open(t.Context(), caller, req)
		if (err != nil) != (len(c.Categories) > 0) {
			t.Fatal(err)
		}
		return r
	}
	first := open("ls", false, policy.Call{})
	must(h.gate.Report(t.Context(), first, "envoy", h.gate.Ticket(first), receipt.Done, "0", []byte("a b c")))
	open("cat", false, policy.Call{})
	open("rm", true, policy.Call{})
	open("mail", false, policy.Call{Categories: []string{"external_send"}})
	h.do(raw, request(shellExec, "pwd", policy.Call{}, done("/", nil), nil), nil)
	return h, h.export(smallJob, carriedLength)
}

// A job that gateways carry out in part verifies, and says in words whose word is what.
func TestCarried(t *testing.T) {
	h, b := carriedStory(t)
	for _, r := range []*verify.Report{check(h, b), check(h, b.Redact(nothing))} {
		if !r.Verified() || r.Calls.Unclosed != 2 {
			t.Fatalf("%+v", r.Findings)
		}
		for _, want := range []struct {
			seq  uint64
			says string
		}{
			{carriedClosed, `"shell.exec" was carried out by gateway:envoy: that it is done is its word, and not the house's`},
			{carriedOpen, `"shell.exec" was allowed to gateway:envoy, which has not reported, and has no closing receipt: it may have happened`},
			{carriedSilent, `"shell.exec" was allowed to gateway:envoy, which never reports, and has no closing receipt: it may have happened`},
		} {
			if !slices.ContainsFunc(r.Findings, func(f verify.Finding) bool { return f.Seq == want.seq && f.Level == verify.Warn && f.Text == want.says }) {
				t.Errorf("nobody says of %d that %s: %+v", want.seq, want.says, r.Findings)
			}
		}
	}
}

// carrying are lies about who carried a call out, and whose word is what.
var carrying = []vector{
	{"3.8-reported", "A gateway carries calls out: of one it says what became of it, of one it has not, and of one it never does.", carriedStory, nil},
	{"3.8-reported-as-known", "What a gateway says is not what the house knows.", edited(carriedStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(carriedClosed, func(r *receipt.Receipt) { r.By = "" }))
	}), nil},
	{"3.8-reported-by-another", "Nobody but who carried a call out says what became of it.", edited(carriedStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(carriedClosed, func(r *receipt.Receipt) { r.By = "gateway:kong" }))
	}), nil},
	{"3.8-own-as-reported", "What became of the house's own calls is not for a gateway to say.", edited(carriedStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(ownClosed, func(r *receipt.Receipt) { r.By = "gateway:envoy" }))
	}), nil},
	{"3.8-never-reported", "A call of which nobody ever says what became of it is not closed.", edited(carriedStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(carriedClosed, func(r *receipt.Receipt) { r.Opened = carriedOpened }))
		h.rewrite(b, at(carriedOpened, func(r *receipt.Receipt) { r.Call.Unreported = true }))
	}), nil},
	{"3.6-credential-elsewhere", "A gate that says of a gateway's call by which credential it acts is found out.", edited(carriedStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(carriedOpen, func(r *receipt.Receipt) { r.Call.Credential = "write" }))
	}), nil},
}

func TestCarriedLies(t *testing.T) {
	for _, v := range carrying[1:] {
		h, b := v.make(t)
		r := check(h, b)
		want := "receipt.closed"
		if strings.HasPrefix(v.name, "3.6") {
			want = "receipt.decision"
		}
		if got := codes(r, verify.Fail); r.Verified() || !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v", v.name, got)
		}
	}
}
