// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// TestReceiptLine says every kind of receipt in a line.
func TestReceiptLine(t *testing.T) {
	key := housetest.FreshKey(t, "gate")
	st := &receipt.State{Head: receipt.Head{Seq: 4}, Now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	claims := &token.Claims{ID: "t1", Job: "job-1"}
	call := &policy.Call{Tool: "jira", Action: "issue.get", Class: policy.Read}
	denied := policy.Decision{Effect: policy.Deny, Reasons: []policy.Reason{{Clause: "/actions/read", Says: "no"}}}
	opened := receipt.Open(st, claims, call, &policy.Facts{Now: st.Now}, denied)
	opened.Seq = 3
	closed := *opened
	closed.Seq = 2
	agent := &receipt.Revocation{ID: 7, Revocation: token.Revocation{Kind: token.RevokeAgent, Target: "robot"}, By: "ops"}
	generation := &receipt.Generation{
		Provider: "openai", Model: "gpt-x", Finish: "stop", Usage: &receipt.Usage{Input: 12, Output: 3},
		Proposed: []receipt.Proposed{{Name: "lookup", Args: seal.Sum(nil)}},
	}
	for want, r := range map[string]*receipt.Receipt{
		"deny jira.issue.get; ": opened,
		"closed 3: done 200":    receipt.Close(st, opened, &receipt.Outcome{Status: receipt.Done, Code: "200"}),
		"closed 3: done 200; gpt-x: 12 tokens in, 3 out, stop, proposes lookup": receipt.Close(st, opened, &receipt.Outcome{Status: receipt.Done, Code: "200", Model: generation}),
		"closed 3: done said, by kim":                                           receipt.CloseLate(st, opened, &receipt.Late{Happened: true, By: "kim"}),
		"learned 2: done found":                                                 receipt.Learn(st, &closed, &receipt.Late{Happened: true}),
		"learned 2: failed said, by kim":                                        receipt.Learn(st, &closed, &receipt.Late{By: "kim"}),
		"refused jira.issue.get: token.expired":                                 receipt.Refuse(st, claims, call, "token.expired"),
		"refused jira.issue.get: token.signature":                               receipt.RefuseStranger(st, call, "token.signature"),
		"revoked agent:robot by ops: order 7":                                   receipt.Revoke(st, "job-1", receipt.Revoked, agent),
		"restored agent:robot by ops: order 7":                                  receipt.Revoke(st, "job-1", receipt.Restored, agent),
		"revoked all by ops: order 1":                                           receipt.Revoke(st, "job-1", receipt.Revoked, &receipt.Revocation{ID: 1, Revocation: token.Revocation{Kind: token.RevokeAll}, By: "ops"}),
	} {
		line, err := r.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		if got := receiptLine(line.Envelope); !strings.Contains(got, want) || bytes.ContainsRune([]byte(got), '\n') {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	odd := &seal.Envelope{Type: receipt.Type, Payload: []byte("x")}
	if got := receiptLine(odd); !strings.HasPrefix(got, "unreadable receipt: ") {
		t.Errorf("%q", got)
	}
}
