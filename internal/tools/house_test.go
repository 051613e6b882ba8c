// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/gate/gatetest"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/internal/tools"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const wpc = `{"wpc_version":"v1","tool_policy":{"allow":["desk.*"],"deny":["desk.wipe"]},"approvals":{"required_for":["external_send"]}}`

// A desk is a connector whose tools do what their names say.
type desk struct {
	acts    atomic.Int32
	started chan struct{} // a slow act has begun
	release chan struct{} // and may end
}

func (d *desk) Name() string { return "desk" }

func (d *desk) Tools() []gate.Tool {
	var out []gate.Tool
	for name, class := range map[string]policy.Class{
		"read": policy.Read, "post": policy.Write, "wipe": policy.Admin, "break": policy.Write, "lose": policy.Write, "slow.read": policy.Read, "burn": policy.Write,
	} {
		out = append(out, gate.Tool{
			Action: policy.Action{Tool: "desk", Name: name, Class: class}, Title: "Desk " + name, Description: "Does it.",
			Schema:    []byte(`{"type":"object","additionalProperties":false,"properties":{"text":{"type":"string"}}}`),
			Unoffered: name == "burn",
		})
	}
	return out
}

func (d *desk) Plan(_ context.Context, action string, args []byte, _ []policy.Bound) (*gate.Plan, error) {
	var in struct {
		Text string `json:"text"`
	}
	if err := seal.Unmarshal(args, &in); err != nil {
		return nil, &gate.Fault{Code: "bad_argument", Msg: "the text is missing; write one"}
	}
	if action == "burn" {
		return nil, &gate.Fault{Code: "not_offered", Msg: "desks are not burnt here; have a person do it"}
	}
	for _, t := range d.Tools() {
		if t.Action.Name == action {
			c := &policy.Call{Tool: "desk", Action: action, Class: t.Action.Class}
			if action == "post" {
				c.Categories = []string{"external_send"}
			}
			return &gate.Plan{Call: c, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
				d.acts.Add(1)
				return d.act(ctx, action, in.Text)
			}}, nil
		}
	}
	return nil, &gate.Fault{Code: "unknown", Msg: "no such action; look again"}
}

func (d *desk) act(ctx context.Context, action, text string) (*gate.Result, error) {
	switch action {
	case "break":
		return &gate.Result{Outcome: receipt.Outcome{Status: receipt.Failed, Code: "conflict"}},
			&gate.Fault{Code: "conflict", Msg: "somebody else wrote; read it again"}
	case "lose":
		return nil, errors.New("dial tcp 10.0.0.7:5432: secret host")
	case "slow.read":
		close(d.started)
		select {
		case <-ctx.Done():
			return &gate.Result{Outcome: receipt.Outcome{Status: receipt.Aborted, Code: "hangup"}}, ctx.Err()
		case <-d.release:
		}
	}
	return &gate.Result{Body: []byte("you said " + text), Outcome: receipt.Outcome{Status: receipt.Done}}, nil
}

// A house is the MCP endpoint before a real gate, issuer and store.
type house struct {
	challenged string // WWW-Authenticate of the last answer
	*desk
	t      *testing.T
	url    string
	db     *store.DB
	issuer *issuer.Issuer
	gate   *gate.Gate
	policy *policy.Policy
	log    *housetest.Log

	connectors []tools.Connector
	handler    http.Handler
}

// Policy makes the house the gate's Policies: it has one.
func (h *house) Policy(context.Context, seal.Hash) (*policy.Policy, error) { return h.policy, nil }

func newKey(t *testing.T, name string, seed byte) (seal.Signer, seal.Verifier) {
	t.Helper()
	k := housetest.NewKey(t, name, seed)
	return k.Signer, k.Verifier
}

func newHouse(t *testing.T) *house {
	t.Helper()
	d := &desk{started: make(chan struct{}), release: make(chan struct{})}
	return openHouse(t, d, wpc, d)
}

// openHouse serves connectors under a policy. d may be nil.
func openHouse(t *testing.T, d *desk, wpc string, connectors ...tools.Connector) *house {
	t.Helper()
	h := &house{t: t, desk: d, log: new(housetest.Log), connectors: connectors}
	log := slog.New(slog.NewTextHandler(h.log, nil))
	h.db = storetest.Open(t, store.Config{Log: log})
	h.policy = housetest.Policy(t, wpc)
	h.issuer = gatetest.NewIssuer(h.db, h, housetest.NewKey(t, "issuer.test", 1), tools.Catalog(connectors))
	h.gate = gatetest.NewGate(h.issuer, h, h.db, housetest.NewKey(t, "gate.test", 2), log)
	srv := httptest.NewUnstartedServer(nil)
	h.url = "http://" + strings.Replace(srv.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	door := &gate.Door{URL: gatetest.URL, Nonces: h.issuer.Nonces}
	var err error
	if h.handler, err = tools.New(h.gate, door, connectors, nil, tools.Waits{Approvals: h.db, Pages: "https://house.test"}, "test", log); err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = h.handler
	srv.Start()
	t.Cleanup(srv.Close)
	return h
}

// mint returns a token for job that holds actions, or all of the policy.
func (h *house) mint(job string, actions ...string) *issuer.Minted {
	h.t.Helper()
	o := issuer.Order{Agent: "robot", Job: job, Policy: h.policy.Hash()}
	if len(actions) > 0 {
		o.Grant = &policy.Grant{Actions: actions, Resources: []string{}, Limits: map[string]int{}}
	}
	return gatetest.Mint(h.t, h.issuer, o)
}

type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// connect connects the official client.
func (h *house) connect(raw string) *mcp.ClientSession {
	h.t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "robot", Version: "1"}, nil)
	s, err := client.Connect(h.t.Context(), &mcp.StreamableClientTransport{Endpoint: h.url, HTTPClient: &http.Client{Transport: bearer(raw)}}, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { s.Close() })
	return s
}

// call calls a tool and returns its text; for an error result, the Failure too.
func call(t *testing.T, s *mcp.ClientSession, name, args string) (text string, f *tools.Failure, receipt string) {
	t.Helper()
	res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: json.RawMessage(args)})
	if err != nil {
		t.Fatalf("call %s: %v", name, err)
	}
	if len(res.Content) != 1 {
		t.Fatalf("%d contents", len(res.Content))
	}
	text = res.Content[0].(*mcp.TextContent).Text
	receipt, _ = res.Meta["clawea/receipt"].(string)
	if res.IsError {
		f = new(tools.Failure)
		if err := seal.Unmarshal([]byte(text), f); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if f.Message == "" || f.Hint == "" {
			t.Errorf("a failure of one part: %s", text)
		}
		if f.Receipt != receipt {
			t.Errorf("receipt %q in the text, %q beside it", f.Receipt, receipt)
		}
	}
	return text, f, receipt
}

// post sends one raw request and returns the status and the body.
func (h *house) post(raw, body string, header map[string]string) (int, string) {
	h.t.Helper()
	res, said := h.send(raw, body, header)
	h.challenged = res.Header.Get("WWW-Authenticate")
	return res.StatusCode, said
}

// send is post for many at once.
func (h *house) send(raw, body string, header map[string]string) (*http.Response, string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), "POST", h.url, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if raw != "" {
		req.Header.Set("Authorization", "Bearer "+raw)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res, string(b)
}

// asked returns a question once it is there, or nil after a while.
func (h *house) asked(id string) *store.Approval {
	h.t.Helper()
	for range 1000 {
		if q, err := h.db.Approval(h.t.Context(), id); err == nil {
			return q
		}
		time.Sleep(20 * time.Millisecond)
	}
	h.t.Errorf("nobody asks %s", id)
	return nil
}

// reply has alice answer a question, once it is there.
func (h *house) reply(id string, yes bool) {
	h.t.Helper()
	q := h.asked(id)
	if q == nil {
		return
	}
	alice, key := newKey(h.t, "alice@house.test", 5)
	h.gate.People = []seal.Verifier{key}
	now, says := time.Now().UTC().Truncate(time.Millisecond), store.Yes
	if !yes {
		says = store.No
	}
	a := &receipt.Answer{Approval: q.ID, Job: q.Job, Call: q.Call, Policy: q.Policy, Yes: yes, By: "alice@house.test", At: now, Expires: now.Add(time.Hour)}
	e, err := a.Sign(alice)
	if err != nil {
		h.t.Fatal(err)
	}
	paper, err := e.Marshal()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.db.Answer(h.t.Context(), q.ID, paper, a, func([]*seal.Envelope) store.Reply { return says }); err != nil {
		h.t.Fatal(err)
	}
}

// request is a raw request of a version of the protocol. params are followed by
// what 2026-07-28 wants to know with each request; older versions pass over it.
func (h *house) request(ctx context.Context, raw, version, method, name, params string) *http.Request {
	h.t.Helper()
	body := `{"jsonrpc":"2.0","id":7,"method":"` + method + `","params":{` + params + `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + version +
		`","io.modelcontextprotocol/clientInfo":{"name":"robot","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`
	req, err := http.NewRequestWithContext(ctx, "POST", h.url, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	for k, v := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Authorization": "Bearer " + raw,
		"Mcp-Protocol-Version": version, "Mcp-Method": method,
	} {
		req.Header.Set(k, v)
	}
	if name != "" {
		req.Header.Set("Mcp-Name", name)
	}
	return req
}

// book says what a job's chain holds: "opened desk.read allow", "closed done".
func (h *house) book(job string) string {
	h.t.Helper()
	list, err := h.db.Receipts(context.WithoutCancel(h.t.Context()), job)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		r, err := receipt.Parse(e.Payload)
		if err != nil {
			h.t.Fatal(err)
		}
		switch {
		case r.Kind == receipt.Closed:
			out = append(out, "closed "+string(r.Outcome.Status))
		case r.Refused != "":
			out = append(out, fmt.Sprintf("refused %s %s", r.Call.Name(), r.Refused))
		default:
			if !r.Call.Definition.Equal(h.defined(r.Call.Name())) {
				h.t.Errorf("receipt %s says that its tool was defined as %s", r.Name(), r.Call.Definition)
			}
			out = append(out, fmt.Sprintf("opened %s %s", r.Call.Name(), r.Decision.Effect))
		}
	}
	return strings.Join(out, ", ")
}

// defined is how agents are told of a tool, or nothing if there is none.
func (h *house) defined(name string) seal.Hash {
	h.t.Helper()
	for _, c := range h.connectors {
		for _, t := range c.Tools() {
			if t.Action.String() != name {
				continue
			}
			d, err := t.Definition()
			if err != nil {
				h.t.Fatal(err)
			}
			return d
		}
	}
	return seal.Hash{}
}

func (h *house) wantBook(job, want string) {
	h.t.Helper()
	if got := h.book(job); got != want {
		h.t.Errorf("the book of %s holds %q, want %q", job, got, want)
	}
}

// then checks a token, and something happens.
type then struct {
	gate.Tokens
	happens func()
}

func (s *then) Check(ctx context.Context, p *token.Presentation) (token.Shown, error) {
	defer s.happens()
	return s.Tokens.Check(ctx, p)
}

func (h *house) revoke(kind, target string) {
	h.t.Helper()
	if _, err := h.db.Revoke(context.Background(), store.Revocation{Revocation: token.Revocation{Kind: kind, Target: target}, By: "olga"}); err != nil {
		h.t.Error(err)
	}
}

var errDisk = errors.New("write /var/lib/clawea/house.db: no space left on device")

type noPolicy struct{}

func (noPolicy) Policy(context.Context, seal.Hash) (*policy.Policy, error) { return nil, errDisk }

type noTokens struct{}

func (noTokens) Check(context.Context, *token.Presentation) (token.Shown, error) {
	return token.Shown{}, errDisk
}

type fullBook struct{}

func (fullBook) Spend(context.Context, string, receipt.Spent) error { return errDisk }

func (fullBook) Write(context.Context, string, func(*receipt.State) (*receipt.Line, error)) error {
	return errDisk
}

// A halfBook takes one receipt.
type halfBook struct {
	gate.Book
	n atomic.Int32
}

func (b *halfBook) Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error {
	if b.n.Add(1) > 1 {
		return errDisk
	}
	return b.Book.Write(ctx, job, next)
}
