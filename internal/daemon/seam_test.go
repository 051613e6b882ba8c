// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clawea/clawea/examples"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

const edgeToken = "edge-0123456789abcdef0123456789abcdef"

// gatewayed is a world whose house another gateway may ask.
func gatewayed(t *testing.T) *world {
	w := newWorld(t, "sqlite:clawea.db")
	w.write("edge", edgeToken)
	w.more += ` "seam": {"gateways": [{"name": "edge", "token": "file:edge", "mode": "official_api"}]},`
	return w
}

// publishFor publishes the example policy of a runbook agent, with what it says of the
// house's credentials, which act for no gateway, or without.
func (h *house) publishFor(separate bool) seal.Hash {
	h.t.Helper()
	b, err := examples.Policies.ReadFile("policies/runbook-agent.json")
	if err != nil {
		h.t.Fatal(err)
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(b, &doc); err != nil {
		h.t.Fatal(err)
	}
	if !separate {
		delete(doc, "auth")
	}
	if b, err = json.Marshal(doc); err != nil {
		h.t.Fatal(err)
	}
	p, err := h.client.Publish(h.t.Context(), h.signed(string(b)))
	if err != nil {
		h.t.Fatal(err)
	}
	return p.Hash
}

// post sends a gateway's request and reads the answer into out.
func (h *house) post(path, raw string, body, out any) int {
	h.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), "POST", h.url+path, strings.NewReader(string(b)))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set(api.GatewayHeader, edgeToken)
	if raw != "" {
		req.Header.Set("Authorization", "Bearer "+raw)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode
}

// first is the first receipt of a job.
func (h *house) first(job string) *receipt.Receipt {
	h.t.Helper()
	list, err := h.client.Receipts(h.t.Context(), job)
	if err != nil || len(list.Receipts) == 0 {
		h.t.Fatalf("%s has no receipts: %v", job, err)
	}
	r, err := receipt.Parse(list.Receipts[0].Payload)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// A call of the house's tools is put in the same terms and decided alike, whether the
// house carries it out or a gateway does. Searches are not: nobody bounds them.
func TestSeamDecidesAsMCP(t *testing.T) {
	w := gatewayed(t)
	h := w.start()
	p := h.publishFor(false)
	other := w.site.AddPage(atlassian.PageSeed{Space: "ENG", Title: "Plans", Body: "<p>Nothing.</p>"})
	for i, test := range []struct{ tool, action, args, effect string }{
		{"confluence", "page.get", `{"page_id":"` + w.page + `"}`, "allow"},
		{"confluence", "page.get", `{"page_id":"` + other + `"}`, "deny"},
		{"confluence", "page.get", `{"page_id":"999999"}`, "deny"},
		{"confluence", "page.get", `{"page":"1"}`, "deny"},
		{"confluence", "page.comments", `{"page_id":"` + w.page + `"}`, "deny"},
		{"confluence", "page.update", `{"page_id":"` + w.page + `","based_on_version":1,"message":"Correct it","body_storage":"<p>Promote it.</p>"}`, "ask"},
		{"confluence", "page.update", `{"page_id":"` + w.page + `","based_on_version":7,"message":"Correct it","body_storage":"<p>Promote it.</p>"}`, "deny"},
		{"jira", "issue.create", `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"Look"}}`, "ask"},
		{"jira", "issue.create", `{"project_key":"OPS","issue_type":"Task","fields":{"summary":"Look"}}`, "deny"},
		{"jira", "issue.create", `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"Look","assignee":{"accountId":"712020:bob"}}}`, "deny"},
		{"jira", "issue.delete", `{"issue_key":"ENG-1"}`, "deny"},
		{"confluence", "page.erase", `{}`, "deny"},
	} {
		here, there := fmt.Sprintf("here-%d", i), fmt.Sprintf("there-%d", i)
		tool(t, h.agent(h.issue(p, here).Token), test.tool+"."+test.action, test.args)
		var v api.Verdict
		status := h.post("/v1/authorize", h.issue(p, there).Token, api.Asking{Tool: test.tool, Action: test.action, Args: json.RawMessage(test.args)}, &v)
		a, b := h.first(here), h.first(there)
		if status != http.StatusOK || v.Effect.String() != test.effect || a.Decision.Effect != b.Decision.Effect {
			t.Errorf("%s.%s %s: %s at /mcp %v, here %d %v", test.tool, test.action, test.args, a.Decision.Effect, a.Decision.Reasons, status, v)
		}
		if b.Call.Carrier != "gateway:edge" || b.Call.Credential != "" || !b.Call.Change.IsZero() {
			t.Errorf("%s.%s: %+v", test.tool, test.action, b.Call)
		}
		if test.action == "page.erase" {
			continue // unknown, each in its place's words
		}
		houses := cmpopts.IgnoreFields(policy.Call{}, "Carrier", "Credential", "Privilege", "Reads", "Filters", "Change", "Definition", "Args")
		if diff := cmp.Diff(a.Call, b.Call, houses, cmp.Comparer(seal.Hash.Equal)); diff != "" {
			t.Errorf("%s.%s %s: at /mcp (-), here (+):\n%s", test.tool, test.action, test.args, diff)
		}
	}
	var v api.Verdict
	raw := h.issue(p, "search").Token
	if h.post("/v1/authorize", raw, api.Asking{Tool: "confluence", Action: "page.search", Args: json.RawMessage(`{"query":"replica"}`)}, &v); v.Effect != policy.Deny {
		t.Errorf("a search: %+v", v)
	}
	raw = h.issue(h.publishFor(true), "separate").Token
	if h.post("/v1/authorize", raw, api.Asking{Tool: "confluence", Action: "page.get", Args: json.RawMessage(`{"page_id":"` + w.page + `"}`)}, &v); v.Effect != policy.Deny || !strings.Contains(fmt.Sprint(v.Reasons), "/auth/credential_separation") {
		t.Errorf("where credentials are separate: %+v", v)
	}
}

// A yes to what a gateway carries out is good for that, and for nothing that the house
// does; what is revoked ends permission, and what happened is told all the same.
func TestSeamStory(t *testing.T) {
	w := gatewayed(t)
	h := w.start()
	p := h.publishFor(false)
	issued := h.issue(p, "job-1")
	args := `{"page_id":"` + w.page + `","based_on_version":1,"message":"Correct it","body_storage":"<p>Promote it with pg_promote.</p>"}`
	update := api.Asking{Tool: "confluence", Action: "page.update", Args: json.RawMessage(args)}
	var v api.Verdict
	if h.post("/v1/authorize", issued.Token, update, &v); v.Effect != policy.Ask || v.Approval == "" || v.Ticket != "" {
		t.Fatalf("%+v", v)
	}
	h.yes(v.Approval)
	if status, _ := tool(t, h.agent(issued.Token), "confluence.page.update", args); status != "waiting" {
		t.Errorf("a yes to a gateway's call is good for the house's: %s", status)
	}
	v = api.Verdict{}
	if h.post("/v1/authorize", issued.Token, update, &v); v.Effect != policy.Allow || v.Ticket == "" {
		t.Fatalf("after a yes: %+v", v)
	}
	if page, _ := w.site.Page(w.page); len(page.Versions) != 1 {
		t.Errorf("the house has changed the page: %+v", page)
	}
	if _, err := h.client.RevokeJob(t.Context(), "job-1", "enough"); err != nil {
		t.Fatal(err)
	}
	var refused api.Problem
	if status := h.post("/v1/authorize", issued.Token, update, &refused); status != http.StatusUnauthorized {
		t.Errorf("after it was revoked: %d %+v", status, refused)
	}
	var reported api.Reported
	if status := h.post("/v1/authorize/"+v.Receipt+"/close", "", api.Report{Ticket: v.Ticket, Status: "done", Code: "200"}, &reported); status != http.StatusOK {
		t.Fatalf("the report: %d", status)
	}
	r := h.verified("job-1", p)
	if r.Calls.Allowed != 1 || r.Calls.Unclosed != 0 || !said(r, "receipt.reported") {
		t.Errorf("%+v", r)
	}
}

func said(r *verify.Report, code verify.Code) bool {
	for _, f := range r.Findings {
		if f.Code == code {
			return true
		}
	}
	return false
}
