// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seam_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/seam"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

func tool(name, args string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + name + `","arguments":` + args + `}}`
}

func TestExtAuthz(t *testing.T) {
	h := newHouse(t)
	long := strings.Repeat("a", 4<<20)
	for i, test := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		says, book               string // "" of book: no receipt
	}{
		{"a tool", "POST", "/mcp-hub", tool("create_issue", `{"title":"a"}`), nil, 200, "", "opened hub.create_issue allow"},
		{"a tool that is denied", "POST", "/mcp-hub", tool("delete_repo", `{}`), nil, 403, "hub.delete_repo is denied", "opened hub.delete_repo deny"},
		{"a tool that is asked for", "POST", "/mcp-hub", tool("merge", `{}`), nil, 403, "a person must approve", "opened hub.merge ask"},
		{"another method", "POST", "/mcp-hub", rpc("resources/read", map[string]string{"uri": "a:b"}), nil, 200, "", "opened hub.mcp.resources.read allow"},
		{"a tool named as a method", "POST", "/mcp-hub", tool("mcp.resources.read", `{}`), nil, 403, "a tool's name", "opened seam.unknown deny"},
		{"a tool named as a text", "POST", "/mcp-hub", tool("drop all tables", `{}`), nil, 403, "a tool's name", "opened seam.unknown deny"},
		{"a session begins", "POST", "/mcp-hub", rpc("initialize", map[string]string{}), nil, 200, "", ""},
		{"tools are listed", "POST", "/mcp-hub", rpc("tools/list", map[string]string{}), nil, 200, "", ""},
		{"an answer", "POST", "/mcp-hub", `{"jsonrpc":"2.0","id":4,"result":{}}`, nil, 200, "", ""},
		{"a notification", "POST", "/mcp-hub", `{"jsonrpc":"2.0","method":"notifications/cancelled"}`, nil, 200, "", ""},
		{"listening", "GET", "/mcp-hub", "", nil, 200, "", ""},
		{"a session ends", "DELETE", "/mcp-hub", "", nil, 200, "", ""},
		{"a path with a slash at its end", "GET", "/hubs/", "", nil, 200, "", ""},
		{"what is below it", "GET", "/hubs/admin", "", nil, 403, "no route", "opened seam.unknown deny"},
		{"another verb", "PUT", "/mcp-hub", tool("create_issue", `{}`), nil, 403, "MCP is spoken with", "opened seam.unknown deny"},
		{"a batch", "POST", "/mcp-hub", " [" + tool("create_issue", `{}`) + "]", nil, 403, "several messages", "opened seam.unknown deny"},
		{"no body", "POST", "/mcp-hub", "", nil, 403, "not one JSON-RPC message", "opened seam.unknown deny"},
		{"a name twice", "POST", "/mcp-hub", `{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"delete_repo"}}`, nil, 403, "not one JSON-RPC", "opened seam.unknown deny"},
		{"a name in another case", "POST", "/mcp-hub", `{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call","params":{"name":"delete_repo"}}`, nil, 403, "not one JSON-RPC", "opened seam.unknown deny"},
		{"a tool's name in another case", "POST", "/mcp-hub", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_issue","Name":"delete_repo"}}`, nil, 403, "not one JSON-RPC", "opened seam.unknown deny"},
		{"both a call and an answer", "POST", "/mcp-hub", `{"jsonrpc":"2.0","id":1,"method":"tools/call","result":{},"params":{"name":"delete_repo"}}`, nil, 403, "not one JSON-RPC", "opened seam.unknown deny"},
		{"two messages", "POST", "/mcp-hub", rpc("ping", 1) + tool("delete_repo", `{}`), nil, 403, "not one JSON-RPC", "opened seam.unknown deny"},
		{"a packed body", "POST", "/mcp-hub", rpc("ping", 1), []string{"Content-Encoding", "gzip"}, 403, "encoded", "opened seam.unknown deny"},
		{"another alphabet", "POST", "/mcp-hub", rpc("ping", 1), []string{"Content-Type", `application/json; charset="utf-7"`}, 403, "encoded", "opened seam.unknown deny"},
		{"the alphabet", "POST", "/mcp-hub", rpc("ping", 1), []string{"Content-Type", "application/json; charset=UTF-8"}, 200, "", ""},
		{"headers that agree", "POST", "/mcp-hub", tool("create_issue", `{}`), []string{"Mcp-Method", "tools/call", "Mcp-Name", "create_issue"}, 200, "", "opened hub.create_issue allow"},
		{"a header with another tool", "POST", "/mcp-hub", tool("create_issue", `{}`), []string{"Mcp-Name", "delete_repo"}, 403, "a header says", "opened seam.unknown deny"},
		{"a header with another method", "POST", "/mcp-hub", rpc("tools/list", 1), []string{"Mcp-Method", "tools/call"}, 403, "a header says", "opened seam.unknown deny"},
		{"a header with another resource", "POST", "/mcp-hub", rpc("resources/read", map[string]string{"uri": "a:b"}), []string{"Mcp-Name", "a:c"}, 403, "a header says", "opened seam.unknown deny"},
		{"a header with another prompt", "POST", "/mcp-hub", rpc("prompts/get", map[string]string{"name": "a"}), []string{"Mcp-Name", "b"}, 403, "a header says", "opened seam.unknown deny"},
		{"a header with the resource", "POST", "/mcp-hub", rpc("resources/read", map[string]string{"uri": "a:b"}), []string{"Mcp-Name", "a:b"}, 200, "", "opened hub.mcp.resources.read allow"},
		{"a header with the resource, packed", "POST", "/mcp-hub", rpc("resources/read", map[string]string{"uri": "a:ü"}), []string{"Mcp-Name", "=?base64?YTrDvA==?="}, 200, "", "opened hub.mcp.resources.read allow"},
		{"no resource", "POST", "/mcp-hub", rpc("resources/read", map[string]string{"URI": "a:b"}), nil, 403, "not one JSON-RPC", "opened seam.unknown deny"},
		{"another method in a header", "POST", "/invoices/7/send", `{"to":"a"}`, []string{"X-HTTP-Method-Override", "DELETE"}, 403, "another method", "opened seam.unknown deny"},
		{"the same method in a header", "GET", "/desks/a", "", []string{"X-Method-Override", "GET"}, 403, "another method", "opened seam.unknown deny"},
		{"an empty method in a header", "POST", "/mcp-hub", tool("create_issue", `{}`), []string{"X-Http-Method", ""}, 403, "another method", "opened seam.unknown deny"},
		{"part of a body", "POST", "/mcp-hub", tool("create_issue", `{}`), []string{"X-Envoy-Auth-Partial-Body", "true"}, 413, "limit.request", "refused seam.unknown limit.request"},
		{"too large a body", "POST", "/mcp-hub", tool("create_issue", `"`+long+`"`), nil, 413, "limit.request", "refused seam.unknown limit.request"},

		{"the house's tool", "GET", "/desks/a", "", nil, 200, "", "opened desk.read allow"},
		{"the house's tool with a query", "GET", "/desks/a?fields=all", "", nil, 403, "a query or a body", "opened seam.unknown deny"},
		{"the house's tool with a body", "GET", "/desks/a", "{}", nil, 403, "a query or a body", "opened seam.unknown deny"},
		{"an own tool", "POST", "/invoices/7/send", `{"to":"a"}`, nil, 200, "", "opened billing.invoice.send allow"},
		{"an own tool without a body", "POST", "/invoices/7/send", "", nil, 403, "shows no body", "opened seam.unknown deny"},
		{"an own tool that has none", "POST", "/restart", "", nil, 200, "", "opened billing.restart allow"},
		{"another method of a route", "PUT", "/invoices/7/send", "{}", nil, 403, "no route", "opened seam.unknown deny"},
		{"no route", "GET", "/invoices", "", nil, 403, "no route", "opened seam.unknown deny"},
		{"all below", "GET", "/files/a/b.txt", "", nil, 200, "", "opened billing.file.get allow"},
		{"all below, upwards", "GET", "/files/../restart", "", nil, 403, "one form", "opened seam.unknown deny"},
	} {
		job := fmt.Sprintf("job-%d", i)
		a := h.envoy(h.mint(job), test.method, test.path, test.body, test.headers...)
		if a.Code != test.status || !strings.Contains(a.Body.String(), test.says) || h.book(job) != test.book {
			t.Errorf("%s: %d %s, book %q", test.name, a.Code, a.Body, h.book(job))
		}
		if n := strings.Count(strings.TrimSpace(a.Body.String()), "\n"); a.Code != 200 && n != 1 {
			t.Errorf("%s: %d lines: %s", test.name, n+1, a.Body)
		}
		header := func(name string) bool { return a.Header().Get(name) != "" }
		if header("X-Clawea-Receipt") != strings.HasPrefix(test.book, "opened") || header("X-Clawea-Approval") != strings.HasSuffix(test.book, "ask") {
			t.Errorf("%s: %v", test.name, a.Header())
		}
		if a.Code == 200 && !strings.Contains(a.Header().Get("X-Envoy-Auth-Headers-To-Remove"), "X-HTTP-Method-Override, X-Method-Override, X-HTTP-Method") {
			t.Errorf("%s: a header that says another method stays", test.name)
		}
		if remove := a.Header().Get("X-Envoy-Auth-Headers-To-Remove"); (a.Code == 200) != strings.HasPrefix(remove, "Authorization, DPoP") || header("X-Clawea-Ticket") && strings.Contains(remove, "Ticket") {
			t.Errorf("%s: removes %q", test.name, remove)
		}
	}
}

// What a request meant is what its arguments commit to, to the byte.
func TestExtAuthzCommits(t *testing.T) {
	h := newHouse(t)
	for i, test := range []struct{ method, path, body, want string }{
		{"POST", "/mcp-hub", tool("create_issue", `{"b":1, "a":"ü"}`), `{"a":"ü","b":1}`},
		{"POST", "/mcp-hub", rpc("prompts/get", map[string]string{"name": "x"}), `{"name":"x"}`},
		{"GET", "/desks/a%20b", "", `{"text":"a b"}`},
		{"POST", "/invoices/7/send?copy=1", `{"to": "a"}`, `{"body":{"to":"a"},"method":"POST","path":"/invoices/7/send","query":"copy=1"}`},
		{"POST", "/invoices/7/send", "to=a", `{"method":"POST","path":"/invoices/7/send","text":"to=a"}`},
		{"POST", "/invoices/7/send", `{"to":"a","to":"b"}`, `{"method":"POST","path":"/invoices/7/send","text":"{\"to\":\"a\",\"to\":\"b\"}"}`},
		{"POST", "/invoices/7/send", "\xff", `{"body_sha256":"` + seal.Sum([]byte("\xff")).String() + `","method":"POST","path":"/invoices/7/send"}`},
	} {
		job := fmt.Sprintf("job-%d", i)
		h.envoy(h.mint(job), test.method, test.path, test.body)
		r := h.receipts(job)[0]
		if text, err := h.db.Text(t.Context(), job, 1, r.Call.Args); err != nil || string(text.Bytes) != test.want {
			t.Errorf("%s %s: %s, want %s: %v", test.method, test.path, text.Bytes, test.want, err)
		}
	}
}

// Whether somebody tells what became of a call is in its receipt.
func TestExtAuthzReported(t *testing.T) {
	h := newHouse(t)
	a := h.envoy(h.mint("job-1"), "POST", "/mcp-hub", tool("get_issue", `{}`))
	r := h.receipts("job-1")[0]
	if r.Call.Unreported || r.Call.Class != policy.Read || r.Call.Mode != "" {
		t.Errorf("%+v", r.Call)
	}
	path := "/v1/authorize/" + a.Header().Get("X-Clawea-Receipt") + "/close"
	if status, b := h.ask(envoyToken, "", path, fmt.Sprintf(`{"ticket":%q,"status":"done"}`, a.Header().Get("X-Clawea-Ticket"))); status != 200 {
		t.Errorf("%d %s", status, b)
	}
	h.envoy(h.mint("job-2"), "GET", "/desks/a", "")
	r = h.receipts("job-2")[0]
	if !r.Call.Unreported || r.Call.Mode != "mcp_server" {
		t.Errorf("%+v", r.Call)
	}
	if status, _ := h.ask(envoyToken, "", "/v1/authorize/job-2/1/close", fmt.Sprintf(`{"ticket":%q,"status":"done"}`, h.gate.Ticket(r))); status != 404 {
		t.Errorf("a call of which nobody reports is closed: %d", status)
	}
}

// A bound token's proof is for what the agent sent to the gateway, and good once.
func TestExtAuthzProof(t *testing.T) {
	h := newHouse(t)
	key, err := token.NewProofKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m, err := h.issuer.Mint(t.Context(), issuer.Order{Agent: "robot", Job: "job-1", Policy: h.policy.Hash(), Key: key.Thumbprint()})
	if err != nil {
		t.Fatal(err)
	}
	prove := func(id, method, url string) string {
		p, err := key.Prove(&token.Proof{ID: id, Method: method, URL: url, Issued: time.Now().Unix(), Token: token.HashToken(m.Raw), Nonce: h.issuer.Nonces.New()})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, test := range []struct {
		name, proof string
		status      int
	}{
		{"for the gateway", prove("1", "POST", "https://gateway.test/mcp-hub"), 200},
		{"the same again", prove("1", "POST", "https://gateway.test/mcp-hub"), 401},
		{"for the house", prove("2", "POST", "https://house.test/mcp-hub"), 401},
		{"for another path", prove("3", "POST", "https://gateway.test/mcp"), 401},
		{"for another method", prove("4", "GET", "https://gateway.test/mcp-hub"), 401},
		{"for what Envoy asks", prove("5", "POST", "https://house.test/ext_authz/mcp-hub"), 401},
	} {
		a := h.envoy("", "POST", "/mcp-hub", tool("create_issue", `{"n":1}`), "Authorization", "DPoP "+m.Raw, "DPoP", test.proof)
		if a.Code != test.status || a.Code == 401 && (a.Header().Get("Www-Authenticate") == "" || a.Header().Get("Dpop-Nonce") == "") {
			t.Errorf("%s: %d %s %v", test.name, a.Code, a.Body, a.Header())
		}
	}
	// As plain JSON, the gateway says what was sent.
	ask := func(proof, sent string) int {
		r := as(httptest.NewRequest("POST", "/v1/authorize", strings.NewReader(`{"tool":"shell","action":"exec"`+sent+`}`)), envoyToken, "")
		r.Header.Set("Authorization", "DPoP "+m.Raw)
		r.Header.Set("DPoP", proof)
		w := httptest.NewRecorder()
		h.mux.ServeHTTP(w, r)
		return w.Code
	}
	const sent = `,"sent":{"method":"POST","path":"/shell"}`
	for _, test := range []struct {
		name   string
		status int
		want   int
	}{
		{"what was sent", ask(prove("11", "POST", "https://gateway.test/shell"), sent), 200},
		{"something else", ask(prove("12", "POST", "https://gateway.test/mcp"), sent), 401},
		{"the house itself", ask(prove("13", "POST", "https://house.test/v1/authorize"), ""), 200},
		{"nothing said of it", ask(prove("14", "POST", "https://gateway.test/shell"), ""), 401},
		{"a path that is none", ask(prove("15", "POST", "https://gateway.test/shell"), `,"sent":{"method":"POST","path":"//shell"}`), 400},
	} {
		if test.status != test.want {
			t.Errorf("%s: %d, want %d", test.name, test.status, test.want)
		}
	}
}

func TestExtAuthzStrangers(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1")
	for _, test := range []struct {
		gateway, raw string
		status       int
	}{{"", raw, 403}, {"nobody", raw, 403}, {envoyToken, "", 401}, {kongToken, raw, 403}} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(tool("create_issue", `{}`)))
		r.RequestURI = seam.Prefix + "/mcp-hub"
		w := httptest.NewRecorder()
		h.handler.ServeExtAuthz(w, as(r, test.gateway, test.raw))
		if w.Code != test.status {
			t.Errorf("%q %t: %d %s", test.gateway, test.raw != "", w.Code, w.Body)
		}
	}
	if want := "opened seam.unknown deny"; h.book("job-1") != want { // kong has no routes
		t.Errorf("book %q, want %q", h.book("job-1"), want)
	}
}

// A house in trouble lets nothing through.
func TestExtAuthzTrouble(t *testing.T) {
	h := newHouse(t)
	raw := h.mint("job-1")
	h.gate.Enrolled = nobodyKnows{}
	if a := h.envoy(raw, "POST", "/mcp-hub", tool("create_issue", `{}`)); a.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if status, b := h.ask(envoyToken, raw, "/v1/authorize", `{"tool":"shell","action":"exec"}`); status != http.StatusServiceUnavailable || strings.Contains(string(b), "disk") {
		t.Errorf("%d %s", status, b)
	}
}

// nobodyKnows is a house that cannot read who may answer.
type nobodyKnows struct{}

func (nobodyKnows) People(context.Context) (*receipt.People, error) {
	return nil, errors.New("the disk is full")
}

func TestRoutesThatCannotBe(t *testing.T) {
	h := newHouse(t)
	for name, routes := range map[string][]seam.Route{
		"no kind":                 {{Path: "/a", Tool: "billing", Action: "a"}},
		"no path":                 {{Kind: seam.HTTP, Method: "GET", Path: "a", Tool: "billing", Action: "a"}},
		"no method":               {{Kind: seam.HTTP, Path: "/a", Tool: "billing", Action: "a"}},
		"a host":                  {{Kind: seam.HTTP, Method: "GET house.test/", Path: "/a", Tool: "billing", Action: "a"}},
		"no action":               {{Kind: seam.HTTP, Method: "GET", Path: "/a", Tool: "billing"}},
		"a write of the house's":  {{Kind: seam.HTTP, Method: "POST", Path: "/a", Tool: "desk", Action: "post"}},
		"a search of the house's": {{Kind: seam.HTTP, Method: "GET", Path: "/a", Tool: "desk", Action: "find"}},
		"none of the house's":     {{Kind: seam.HTTP, Method: "GET", Path: "/a", Tool: "desk", Action: "burn"}},
		"a model":                 {{Kind: seam.HTTP, Method: "GET", Path: "/a", Tool: "model", Action: "messages"}},
		"MCP for the house's":     {{Kind: seam.MCP, Path: "/a", Tool: "desk"}},
		"MCP for an upstream":     {{Kind: seam.MCP, Path: "/a", Tool: "wikimcp"}},
		"an upstream's action":    {{Kind: seam.HTTP, Method: "GET", Path: "/a", Tool: "wikimcp", Action: "look"}},
		"MCP with a method":       {{Kind: seam.MCP, Path: "/a", Tool: "hub", Method: "POST"}},
		"MCP with a pattern":      {{Kind: seam.MCP, Path: "/{a}", Tool: "hub"}},
		"one twice":               {{Kind: seam.MCP, Path: "/a", Tool: "hub"}, {Kind: seam.MCP, Path: "/a", Tool: "hub"}},
		"a broken pattern":        {{Kind: seam.HTTP, Method: "GET", Path: "/{a", Tool: "billing", Action: "a"}},
		"an overlap":              {{Kind: seam.HTTP, Method: "GET", Path: "/{a}/b", Tool: "billing", Action: "a"}, {Kind: seam.HTTP, Method: "GET", Path: "/a/{b}", Tool: "billing", Action: "a"}},
	} {
		_, err := seam.New(h.gate, &gate.Door{}, h.db, nil, []seam.Connector{desk{}}, []string{"wikimcp"}, []seam.Gateway{{Name: "g", Routes: routes}}, slog.New(slog.DiscardHandler))
		if err == nil || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
