// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/policy"
)

// ownTools is a policy under which an agent's program has tools of its own.
const ownTools = `{"wpc_version":"v1","tool_policy":{"allow":["exec","read","write","confluence.page.get"],"deny":["browser"]},"approvals":{"required_for":["write"]}}`

// A program asks of its own tools with its agent's token, people are asked as for any
// other call, and a stranger finds in the bundle whose word the end is.
func TestLocalStory(t *testing.T) {
	h := newWorld(t, "sqlite:clawea.db").start()
	published, err := h.client.Publish(t.Context(), h.signed(ownTools))
	if err != nil {
		t.Fatal(err)
	}
	raw := h.issue(published.Hash, "job-1").Token
	ask := func(tool string) (v api.Verdict) {
		t.Helper()
		if status := h.post("/v1/local", raw, api.OwnCall{Tool: tool, Args: json.RawMessage(`{"path":"a"}`)}, &v); status != http.StatusOK {
			t.Fatalf("%s: %d", tool, status)
		}
		return v
	}
	if v := ask("browser"); v.Effect != policy.Deny || !strings.Contains(v.Reasons[0].Clause, "/tool_policy/deny") {
		t.Errorf("%+v", v)
	}
	if v := ask("confluence"); v.Effect != policy.Deny || v.Code != "unknown_tool" {
		t.Errorf("%+v", v)
	}
	v := ask("write")
	if v.Effect != policy.Ask {
		t.Fatalf("%+v", v)
	}
	h.yes(v.Approval)
	if v = ask("write"); v.Effect != policy.Allow {
		t.Fatalf("after a yes: %+v", v)
	}
	if v.Until.IsZero() || v.Ticket == "" {
		t.Errorf("%+v", v)
	}
	var reported api.Reported
	if status := h.post("/v1/local/"+v.Receipt+"/close", "", api.Report{Ticket: v.Ticket, Status: "done", Code: "0"}, &reported); status != http.StatusOK || reported.Receipt != "job-1/5" {
		t.Fatalf("the report: %d %+v", status, reported)
	}
	if r := h.verified("job-1", published.Hash); r.Calls.Allowed != 1 || r.Calls.Unclosed != 0 || !said(r, "receipt.reported") {
		t.Errorf("%+v", r)
	}
}
