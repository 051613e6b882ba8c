// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/examples"
)

// An agent's client is sent to the question's page, which wants a login before it shows
// anything; once it is answered the agent's call is carried out, without being sent anew
// by the agent.
func TestQuestionPage(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	h := w.start()
	defer h.shut()
	b, err := examples.Policies.ReadFile("policies/runbook-agent.json")
	if err != nil {
		t.Fatal(err)
	}
	wpc := strings.Replace(string(b), `"purpose"`, `"approvals": {"required_for": ["confluence.page.get"]}, "purpose"`, 1)
	p, err := h.client.Publish(t.Context(), h.signed(wpc))
	if err != nil {
		t.Fatal(err)
	}
	var page string
	client := mcp.NewClient(&mcp.Implementation{Name: "robot", Version: "1"}, &mcp.ClientOptions{
		Capabilities: &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{URL: &mcp.URLElicitationCapabilities{}}},
		ElicitationHandler: func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			page = r.Params.URL
			h.click(t, page[strings.LastIndex(page, "/")+1:], true)
			return &mcp.ElicitResult{Action: "accept"}, nil
		},
	})
	s, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: h.url + "/mcp", HTTPClient: &http.Client{Transport: bearer(h.issue(p.Hash, "job-1").Token)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "confluence_page_get", Arguments: json.RawMessage(`{"page_id":"` + w.page + `"}`)})
	if err != nil || res.IsError {
		t.Fatalf("%+v, %v", res, err)
	}
	h.verified("job-1", p.Hash)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	direct := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := direct.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther || !strings.HasPrefix(answer.Header.Get("Location"), "/login?back=") {
		t.Errorf("%s: %d to %q", page, answer.StatusCode, answer.Header.Get("Location"))
	}
}
