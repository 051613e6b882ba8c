// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// bearer adds a token to an MCP client's requests.
type bearer string

// RoundTrip sends r with the token.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

func dial(t *testing.T, h *house, token, version string) (*mcp.ClientSession, error) {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "visitor", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint:   h.url + "/mcp",
		HTTPClient: &http.Client{Transport: bearer(token)},
	}, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err == nil {
		t.Cleanup(func() { session.Close() }) // a house that holds no sessions has nothing to say to it
	}
	return session, err
}

// connect opens a session in the newest version of the protocol.
func connect(t *testing.T, h *house, token string) *mcp.ClientSession {
	t.Helper()
	session, err := dial(t, h, token, "")
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func listTools(t *testing.T, session *mcp.ClientSession) []*mcp.Tool {
	t.Helper()
	list, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return list.Tools
}

func toolNames(t *testing.T, session *mcp.ClientSession) []string {
	t.Helper()
	var names []string
	for _, tool := range listTools(t, session) {
		names = append(names, tool.Name)
	}
	return names
}

// send calls a tool and returns its one text.
func send(t *testing.T, session *mcp.ClientSession, name, args string) (text string, res *mcp.CallToolResult) {
	t.Helper()
	res, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: json.RawMessage(args)})
	if err != nil {
		t.Fatalf("%s %s: %v", name, args, err)
	}
	if len(res.Content) != 1 {
		t.Fatalf("%s %s: got %d contents", name, args, len(res.Content))
	}
	content, ok := res.Content[0].(*mcp.TextContent)
	if !ok {
		t.Fatalf("%s %s: got a %T", name, args, res.Content[0])
	}
	return content.Text, res
}

// callTool calls a tool that must do what it is told.
func callTool(t *testing.T, session *mcp.ClientSession, name, args string) string {
	t.Helper()
	text, res := send(t, session, name, args)
	if res.IsError {
		t.Fatalf("%s %s: %s", name, args, text)
	}
	return text
}

// callFor calls a tool and reads its answer into v.
func callFor(t *testing.T, session *mcp.ClientSession, name, args string, v any) {
	t.Helper()
	text := callTool(t, session, name, args)
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%s: answer is no JSON: %v\n%s", name, err, text)
	}
}

// A failure is what an agent reads of a call that was not carried out.
type failure struct {
	Status, Code, Message, Hint, Approval, Receipt string
	Reasons                                        []struct{ Clause, Says string }
}

// failTool calls a tool that must not do what it is told.
func failTool(t *testing.T, session *mcp.ClientSession, name, args string) failure {
	t.Helper()
	text, res := send(t, session, name, args)
	if !res.IsError {
		t.Fatalf("%s %s: got %s, want a failure", name, args, text)
	}
	var f failure
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatalf("%s: failure is no JSON: %v\n%s", name, err, text)
	}
	if f.Message == "" || f.Hint == "" || f.Receipt == "" || res.Meta["clawea/receipt"] != f.Receipt {
		t.Errorf("%s: an agent learns too little: %s, meta %v", name, text, res.Meta)
	}
	return f
}

// wantClause fails the test unless a clause of the policy is among the reasons.
func (f failure) wantClause(t *testing.T, clause string) {
	t.Helper()
	for _, r := range f.Reasons {
		if r.Clause == clause {
			return
		}
	}
	t.Errorf("got reasons %+v, want one of clause %s", f.Reasons, clause)
}

func TestMCPList(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	all := []string{
		"confluence_page_children", "confluence_page_comment_create", "confluence_page_create", "confluence_page_edit", "confluence_page_get",
		"confluence_page_label_add", "confluence_page_label_remove", "confluence_page_labels", "confluence_page_move", "confluence_page_search",
		"confluence_page_update",
		"jira_issue_comment_create", "jira_issue_create", "jira_issue_get", "jira_issue_search",
	}
	for _, test := range []struct {
		name, grant string
		want        []string
	}{
		{"whole", "", all},
		{"narrow", readsOnly, []string{"confluence_page_get"}},
	} {
		token := h.issue(t, test.name, test.grant)
		for _, version := range []string{"2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"} {
			t.Run(test.name+" in "+version, func(t *testing.T) {
				session, err := dial(t, h, token, version)
				if err != nil {
					t.Fatal(err)
				}
				if got := session.InitializeResult().ProtocolVersion; got != version {
					t.Errorf("got version %s", got)
				}
				if diff := cmp.Diff(test.want, toolNames(t, session)); diff != "" {
					t.Errorf("tools (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// A found is the part of a search's answer that is of interest here.
type found struct {
	Untrusted bool
	Results   []struct{ Page page }
}

type page struct {
	ID, Title string
	Version   int
}

func TestMCPCalls(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	session := connect(t, h, h.issue(t, "calls", ""))
	var want calls

	var hits found
	callFor(t, session, "confluence.page.search", `{"cql":"title = \"Database failover\" and space = ENG"}`, &hits)
	want.Allowed++
	if len(hits.Results) != 1 || !hits.Untrusted || hits.Results[0].Page.Version != 2 {
		t.Fatalf("got %+v", hits)
	}
	id := hits.Results[0].Page.ID
	var before struct {
		Page      page
		Body      string
		Untrusted bool
	}
	callFor(t, session, "confluence.page.get", fmt.Sprintf(`{"page_id":%q}`, id), &before)
	want.Allowed++
	if before.Page != (page{id, "Database failover", 2}) || !strings.Contains(before.Body, "pg_promote") || !before.Untrusted {
		t.Errorf("got %+v", before)
	}
	if text := callTool(t, session, "jira_issue_search", `{"jql":"project = ENG","fields":["summary"]}`); !strings.Contains(text, "Run the failover drill") {
		t.Errorf("got %s", text)
	}
	want.Allowed++

	// A person is asked, says yes, and the very same call goes through, once.
	update := fmt.Sprintf(`{"page_id":%q,"based_on_version":2,"message":"whom to ring","body_storage":"<p>Ring the owner.</p>"}`, id)
	waiting := failTool(t, session, "confluence.page.update", update)
	want.Asked++
	waiting.wantClause(t, "/actions/write/approval_gate")
	if waiting.Status != "waiting" || waiting.Approval == "" {
		t.Fatalf("got %+v", waiting)
	}
	h.clawea(t, "approve", "yes", waiting.Approval, "-key", h.path("alice.key"), "-reason", "it is so")
	callTool(t, session, "confluence.page.update", update)
	want.Allowed++
	again := strings.Replace(update, ":2,", ":3,", 1)
	if f := failTool(t, session, "confluence.page.update", again); f.Status != "waiting" || f.Approval == waiting.Approval {
		t.Errorf("got %+v", f)
	}
	want.Asked++
	after := before
	callFor(t, session, "confluence.page.get", fmt.Sprintf(`{"page_id":%q}`, id), &after)
	want.Allowed++
	if after.Page.Version != 3 || !strings.Contains(after.Body, "Ring the owner.") {
		t.Errorf("got %+v", after)
	}
	h.wantProof(t, "calls", want)
}

func TestMCPDenials(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	session := connect(t, h, h.issue(t, "denials", ""))

	denied := failTool(t, session, "jira.issue.create",
		`{"project_key":"ENG","issue_type":"Task","fields":{"summary":"Read this","assignee":{"accountId":"712020:bob"}}}`)
	denied.wantClause(t, "/deny/fields_write_denylist")
	if denied.Status != "denied" || denied.Receipt != "denials/1" {
		t.Errorf("got %+v", denied)
	}
	for i, args := range []string{`{}`, `{"page_id":7}`, `{"page_id":"7","x":1}`} {
		if f := failTool(t, session, "confluence.page.get", args); f.Status != "denied" || f.Code != "bad_argument" || f.Receipt != fmt.Sprintf("denials/%d", i+2) {
			t.Errorf("%s: got %+v", args, f)
		}
	}
	if f := failTool(t, session, "confluence.space.delete", `{"space":"ENG"}`); f.Status != "denied" || f.Receipt != "denials/5" {
		t.Errorf("a tool that does not exist: got %+v", f)
	}
	h.wantProof(t, "denials", calls{Denied: 5})

	// What a token cannot list, it cannot call either.
	narrow := connect(t, h, h.issue(t, "narrow", readsOnly))
	f := failTool(t, narrow, "confluence.page.search", `{"cql":"space = ENG"}`)
	f.wantClause(t, "grant:/actions")
	if f.Status != "denied" || f.Receipt != "narrow/1" {
		t.Errorf("got %+v", f)
	}
	h.wantProof(t, "narrow", calls{Denied: 1})
}

func TestMCPStrangers(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	for _, version := range []string{"2026-07-28", "2025-06-18"} {
		if _, err := dial(t, h, "letmein", version); err == nil {
			t.Errorf("a stranger is let in with version %s", version)
		}
	}
	token := h.issue(t, "revoked", "")
	session := connect(t, h, token)
	callTool(t, session, "confluence.page.search", `{"cql":"space = ENG"}`)
	h.clawea(t, "cst", "revoke", "-job", "revoked", "-reason", "over")
	res, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "confluence.page.search", Arguments: json.RawMessage(`{"cql":"space = ENG"}`)})
	if err == nil {
		t.Errorf("a revoked token is good for %+v", res)
	}
	h.wantProof(t, "revoked", calls{Allowed: 1, Refused: 1}, 1)
}
