// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seam_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/gate/gatetest"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/seam"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/internal/tools"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

const (
	wpc = `{"wpc_version":"v1","tool_policy":{"allow":["desk.*","shell.*","hub.*","billing.*","exec"],"deny":["desk.wipe","hub.delete_repo"]},"approvals":{"required_for":["external_send","hub.merge"]}}`

	envoyToken = "envoy-token-envoy-token-envoy-token"
	kongToken  = "kong-token-kong-token-kong-token-kong"
)

// A desk is a connector.
type desk struct{}

func (desk) Name() string { return "desk" }

func (desk) Tools() []gate.Tool {
	var out []gate.Tool
	for name, class := range map[string]policy.Class{"read": policy.Read, "find": policy.Search, "post": policy.Write, "wipe": policy.Admin} {
		out = append(out, gate.Tool{
			Action: policy.Action{Tool: "desk", Name: name, Class: class}, Title: name, Description: "Does it.",
			Schema: []byte(`{"type":"object","additionalProperties":false,"properties":{"text":{"type":"string"}}}`),
		})
	}
	return out
}

func (d desk) Plan(_ context.Context, action string, args []byte, _ []policy.Bound) (*gate.Plan, error) {
	var in struct {
		Text string `json:"text"`
	}
	if err := seal.Unmarshal(args, &in); err != nil {
		return nil, &gate.Fault{Code: "bad_argument", Msg: "that is no text; write one"}
	}
	for _, t := range d.Tools() {
		if t.Action.Name == action {
			c := &policy.Call{Tool: "desk", Action: action, Class: t.Action.Class, Mode: "official_api", Resources: []policy.Resource{{Type: "desk", ID: in.Text}}}
			if action == "post" {
				c.Categories = []string{"external_send"}
			}
			return &gate.Plan{Call: c, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
				return &gate.Result{Body: []byte("ok"), Outcome: receipt.Outcome{Status: receipt.Done}}, nil
			}}, nil
		}
	}
	return nil, &gate.Fault{Code: "unknown", Msg: "no such action; look again"}
}

// A house is the seam before a real gate, issuer and store.
type house struct {
	t       *testing.T
	now     func() time.Time
	db      *store.DB
	issuer  *issuer.Issuer
	gate    *gate.Gate
	policy  *policy.Policy
	handler *seam.Handler
	mux     *http.ServeMux
	mcp     http.Handler
}

// Policy makes the house the gate's Policies: it has one.
func (h *house) Policy(context.Context, seal.Hash) (*policy.Policy, error) { return h.policy, nil }

func newKey(t testing.TB, name string, seed byte) (seal.Signer, seal.Verifier) {
	t.Helper()
	k := housetest.NewKey(t, name, seed)
	return k.Signer, k.Verifier
}

// routes are what Envoy's requests mean in the test's house.
func routes() []seam.Route {
	return []seam.Route{
		{Kind: seam.MCP, Path: "/mcp-hub", Tool: "hub", Classes: map[string]policy.Class{"get_issue": policy.Read}, Reported: true},
		{Kind: seam.MCP, Path: "/hubs/", Tool: "hub"},
		{Kind: seam.HTTP, Method: "GET", Path: "/desks/{text}", Tool: "desk", Action: "read"},
		{Kind: seam.HTTP, Method: "POST", Path: "/invoices/{id}/send", Tool: "billing", Action: "invoice.send"},
		{Kind: seam.HTTP, Method: "POST", Path: "/restart", Tool: "billing", Action: "restart", Empty: true},
		{Kind: seam.HTTP, Method: "GET", Path: "/files/{path...}", Tool: "billing", Action: "file.get", Class: policy.Read},
	}
}

func token32(s string) func() (string, error) { return func() (string, error) { return s, nil } }

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, now: time.Now}
	log := slog.New(slog.DiscardHandler)
	h.db = storetest.Open(t, store.Config{Log: log, Now: func() time.Time { return h.now() }})
	h.policy = housetest.Policy(t, wpc)
	list, key := []tools.Connector{desk{}}, housetest.NewKey(t, "gate.test", 2)
	h.issuer = gatetest.NewIssuer(h.db, h, housetest.NewKey(t, "issuer.test", 1), tools.Catalog(list))
	h.gate = gatetest.NewGate(h.issuer, h, h.db, key, log)
	h.gate.ReportTime = 10 * time.Minute
	door := &gate.Door{URL: gatetest.URL, Nonces: h.issuer.Nonces}
	var err error
	if h.mcp, err = tools.New(h.gate, door, list, nil, tools.Waits{}, "test", log); err != nil {
		t.Fatal(err)
	}
	h.handler, err = seam.New(h.gate, door, h.db, []seal.Verifier{key.Verifier}, []seam.Connector{desk{}}, []string{"wikimcp"}, []seam.Gateway{
		{Name: "envoy", Token: token32(envoyToken), URL: "https://gateway.test", Mode: "mcp_server", Routes: routes()},
		{Name: "kong", Token: token32(kongToken)},
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	h.mux = http.NewServeMux()
	h.mux.HandleFunc("POST /v1/authorize", h.handler.ServeAuthorize)
	h.mux.HandleFunc("POST /v1/authorize/{job}/{seq}/close", h.handler.ServeClose)
	return h
}

// mint returns a plain token for job.
func (h *house) mint(job string) string {
	h.t.Helper()
	return gatetest.Mint(h.t, h.issuer, issuer.Order{Agent: "robot", Job: job, Policy: h.policy.Hash()}).Raw
}

// as adds a gateway's token and an agent's to r.
func as(r *http.Request, gateway, raw string) *http.Request {
	if gateway != "" {
		r.Header.Set(api.GatewayHeader, gateway)
	}
	if raw != "" {
		r.Header.Set("Authorization", "Bearer "+raw)
	}
	return r
}

// ask posts body to path as JSON.
func (h *house) ask(gateway, raw, path, body string) (int, []byte) {
	h.t.Helper()
	w := httptest.NewRecorder()
	h.mux.ServeHTTP(w, as(httptest.NewRequest("POST", path, strings.NewReader(body)), gateway, raw))
	return w.Code, w.Body.Bytes()
}

// verdict asks, and fails the test if that is no decision.
func (h *house) verdict(raw, body string) *api.Verdict {
	h.t.Helper()
	status, b := h.ask(envoyToken, raw, "/v1/authorize", body)
	v := new(api.Verdict)
	if err := seal.Unmarshal(b, v); status != http.StatusOK || err != nil {
		h.t.Fatalf("%s: %d %s", body, status, b)
	}
	return v
}

// envoy asks as Envoy does for a request of the agent's.
func (h *house) envoy(raw, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, "/", in)
	r.RequestURI = seam.Prefix + path
	if body != "" {
		r.Header.Set("X-Envoy-Auth-Partial-Body", "false")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.handler.ServeExtAuthz(w, as(r, envoyToken, raw))
	return w
}

func (h *house) receipts(job string) []*receipt.Receipt {
	h.t.Helper()
	list, err := h.db.Receipts(context.WithoutCancel(h.t.Context()), job)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []*receipt.Receipt
	for _, e := range list {
		r, err := receipt.Parse(e.Payload)
		if err != nil {
			h.t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// book says what a job's chain holds: "opened hub.create_issue allow", "closed done".
func (h *house) book(job string) string {
	h.t.Helper()
	var out []string
	for _, r := range h.receipts(job) {
		switch {
		case r.Kind == receipt.Closed:
			out = append(out, fmt.Sprintf("closed %s by %s", r.Outcome.Status, r.By))
		case r.Refused != "":
			out = append(out, fmt.Sprintf("refused %s %s", r.Call.Name(), r.Refused))
		default:
			out = append(out, fmt.Sprintf("opened %s %s", r.Call.Name(), r.Decision.Effect))
		}
	}
	return strings.Join(out, ", ")
}

// rpc is a JSON-RPC message.
func rpc(method string, params any) string {
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		panic(err)
	}
	return string(b)
}
