// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package tools serves the house's connectors to agents as an MCP server over
// streamable HTTP (users say execution layer, tool boundary). An agent sees the
// tools that its job's policy can ever allow; every call, also of a tool that
// it cannot see, goes through the gate and leaves a receipt.
package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/hold"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// MaxBody bounds an MCP request, in bytes.
const MaxBody = 4 << 20

// A Connector puts calls of one system's tools into policy terms.
type Connector interface {
	// Name is the tool's name in policies: "confluence".
	Name() string
	// Tools lists what it can do. The list never changes.
	Tools() []gate.Tool
	// Plan reads args for action. It changes nothing upstream.
	Plan(ctx context.Context, action string, args []byte, bounds []policy.Bound) (*gate.Plan, error)
}

// Catalog lists the actions of connectors, in their order.
func Catalog(cs []Connector) []policy.Action {
	var out []policy.Action
	for _, c := range cs {
		for _, t := range c.Tools() {
			out = append(out, t.Action)
		}
	}
	return out
}

// unknown is the action of a call to a tool that does not exist, and connect
// that of a request whose token does not hold.
var (
	unknown = policy.Action{Tool: "mcp", Name: "unknown"}
	connect = policy.Action{Tool: "mcp", Name: "connect"}
)

// A Handler is the MCP server. Make one with New.
type Handler struct {
	gate   *gate.Gate
	door   *gate.Door
	tools  map[string]served // by the names that agents call: as it is listed, and as policies have it
	others Upstreams
	waits  Waits
	log    *slog.Logger

	room      *hold.Room    // of calls that wait for people
	listeners chan struct{} // a place for each stream on which a client listens
	resting   chan struct{} // closed by rest
	rest      func()
	cancels   cancels
	server    *mcp.Server
	front     http.Handler
}

type served struct {
	gate.Tool
	definition seal.Hash
	connector  Connector
}

// Path is where the MCP endpoint is.
const Path = "/mcp"

// New returns the MCP endpoint for connectors and the tools of others, which may be nil.
// version is told to clients, and w is how they can wait for people. It fails for a tool
// that cannot be described, or not called by a name of its own.
func New(g *gate.Gate, d *gate.Door, cs []Connector, others Upstreams, w Waits, version string, log *slog.Logger) (*Handler, error) {
	h := &Handler{
		gate: g, door: d, tools: map[string]served{}, others: others, waits: w, log: log, room: hold.New(w.Approvals, log),
		listeners: make(chan struct{}, maxListening), resting: make(chan struct{}),
	}
	h.rest = sync.OnceFunc(func() { close(h.resting) })
	sdk := slog.New(quiet{log.Handler()})
	server := mcp.NewServer(&mcp.Implementation{Name: "clawea", Title: "Clawea", Version: version}, &mcp.ServerOptions{
		Instructions: "Tools act under the signed policy of this job. A call that waits for approval is retried unchanged after a person has said yes. " +
			"Descriptions name tools by their actions: page.get of confluence is confluence_page_get.",
		Logger:       sdk,
		Capabilities: h.watch(),
		// What is listed hangs on the token, so nobody between here and the agent may keep it.
		SetCacheable: func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) { c.CacheScope, c.TTLMs = "private", 0 },
	})
	h.server = server
	if err := h.take(cs); err != nil {
		return nil, err
	}
	for name, t := range h.tools {
		if name == t.Listed() && !t.Unoffered {
			server.AddTool(describe(t.Tool), h.call)
		}
	}
	server.AddTool(everything(), h.call)
	server.AddReceivingMiddleware(h.filter)
	stream := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
		Stateless:                    true, // nothing is kept between requests, so any replica can serve any of them
		Logger:                       sdk,
		MaxRequestBodyBytes:          MaxBody,
		PropagateRequestCancellation: true,
		// It would turn away all that comes through a TLS proxy on this machine. A
		// browser that is led here says so (admit), and has no token to show.
		DisableLocalhostProtection: true,
	})
	h.front = h.admit(stream)
	return h, nil
}

// ServeHTTP answers agents.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.front.ServeHTTP(w, r) }

// admit lets requests with a token that holds through to next, and tells others
// how to come again. The token is checked once for a request, however many calls
// that makes.
func (h *Handler) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The protocol wants it looked at, against DNS rebinding; our own pages call no tools.
		if from := r.Header.Values("Origin"); len(from) > 0 && (len(from) > 1 || from[0] != h.door.URL) {
			http.Error(w, "this is no place for other sites' pages\nuse an MCP client that is no web page", http.StatusForbidden)
			return
		}
		r.Header.Del("X-Api-Key") // that is how models' clients send a key; here it is none
		p, ok := h.door.Present(w, r)
		if !ok {
			h.turnAway(w, "", "the request has no CST, or more than one\nstart the agent with clawea run, or order a token as resource_metadata says", http.StatusUnauthorized)
			return
		}
		c, err := h.gate.Authenticate(r.Context(), p, connect)
		if err != nil {
			h.refuse(w, r, err)
			return
		}
		answer := &reply{ResponseWriter: w, spend: func() bool { return h.spend(w, r, c) }}
		// The SDK takes who calls from its own check of a bearer token only.
		info := func(context.Context, string, *http.Request) (*auth.TokenInfo, error) { return tokenInfo(c), nil }
		r.Header.Set("Authorization", "Bearer admitted")
		auth.RequireBearerToken(info, nil)(next).ServeHTTP(answer, h.listen(withGone(r), c.Claims().Job, answer.begin))
		answer.begin() // also of a request that is answered with nothing
	})
}

// spend uses up c's proof, whether or not its client still waits, or turns r away.
func (h *Handler) spend(w http.ResponseWriter, r *http.Request, c *gate.Caller) bool {
	err := h.gate.Spend(context.WithoutCancel(r.Context()), c, connect)
	if err != nil {
		h.refuse(w, r, err)
	}
	return err == nil
}

// refuse turns r away with an error of the gate's.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if refused := (*gate.Refused)(nil); errors.As(err, &refused) {
		h.turnAway(w, refused.Code, "the CST is refused: "+refused.Code+"\n"+refused.Hint(), http.StatusUnauthorized)
		return
	}
	h.log.ErrorContext(r.Context(), "token not checked", "err", err)
	h.turnAway(w, "", "tokens cannot be checked now; try again later", http.StatusServiceUnavailable)
}

func (h *Handler) turnAway(w http.ResponseWriter, code, says string, status int) {
	if status == http.StatusUnauthorized {
		h.door.Challenge(w.Header(), code, Path)
	}
	http.Error(w, says, status)
}

func describe(t gate.Tool) *mcp.Tool {
	reads := t.Action.Class == policy.Read || t.Action.Class == policy.Search
	destructive := !reads
	return &mcp.Tool{
		Name: t.Listed(), Title: t.Title, Description: t.Description, InputSchema: json.RawMessage(t.Schema),
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: reads, DestructiveHint: &destructive, Title: t.Title},
	}
}

const callerKey = "caller"

// tokenInfo is a caller as the SDK hands it on.
func tokenInfo(c *gate.Caller) *auth.TokenInfo {
	claims := c.Claims()
	return &auth.TokenInfo{
		UserID: claims.Job + "/" + string(claims.ID), Expiration: time.Unix(claims.Expires, 0),
		Extra: map[string]any{callerKey: c},
	}
}

// caller is who sent a request, or nil.
func caller(e *mcp.RequestExtra) *gate.Caller {
	if e == nil || e.TokenInfo == nil {
		return nil
	}
	c, _ := e.TokenInfo.Extra[callerKey].(*gate.Caller)
	return c
}

// anyTool is the SDK's name for all that is called: it answers for tools that it does
// not know by itself, and they are to leave receipts too. No list has it.
const anyTool = "any"

type nameKey struct{} // of the name that an agent called

// offered are the methods that are answered. The SDK answers for features that are not
// there, with empty lists; here a client reads that there are none.
var offered = []string{"initialize", "ping", "server/discover", "subscriptions/listen", "tools/list", "tools/call"}

// errProof is what nobody reads: the reply says more.
var errProof = errors.New("the request's proof is not good")

// filter answers tools/list with what the job's policy can ever allow, and
// sends calls of tools that do not exist to the gate as well. What is no call uses up
// its proof before anything is done for it.
func (h *Handler) filter(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if c := caller(req.GetExtra()); c != nil && method != "tools/call" && h.gate.Spend(context.WithoutCancel(ctx), c, connect) != nil {
			return nil, errProof
		}
		switch {
		case method == "tools/list":
			res, err := next(ctx, method, req)
			if list, ok := res.(*mcp.ListToolsResult); ok && err == nil {
				h.hide(list, caller(req.GetExtra()))
				if c := caller(req.GetExtra()); c != nil && h.others != nil && list.NextCursor == "" {
					list.Tools = append(list.Tools, h.others.Tools(ctx, c)...)
				}
			}
			return res, err
		case method == "subscriptions/listen":
			return h.listening(ctx, method, req, next)
		case method == "tools/call":
			if call, ok := req.(*mcp.CallToolRequest); ok && call.Params != nil {
				ctx = context.WithValue(ctx, nameKey{}, call.Params.Name)
				call.Params.Name = anyTool
			}
		case !slices.Contains(offered, method) && !strings.HasPrefix(method, "notifications/"):
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "this server offers tools, and nothing else"}
		}
		return next(ctx, method, req)
	}
}

func (h *Handler) hide(list *mcp.ListToolsResult, c *gate.Caller) {
	list.Tools = slices.DeleteFunc(list.Tools, func(t *mcp.Tool) bool {
		known, ok := h.tools[t.Name]
		return c == nil || !ok || !c.CanEver(known.Action)
	})
}

// call carries one tools/call through the gate, and again if people have answered while
// its client waited.
func (h *Handler) call(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	c := caller(req.Extra)
	if c == nil { // unreachable: admit has let it in
		return nil, errors.New("nobody has let this request in")
	}
	if s, ok := ctx.Value(sentKey{}).(sent); ok {
		var letGo func()
		ctx, letGo = h.cancels.begin(ctx, s)
		defer letGo()
	}
	t := h.tell(ctx, req)
	defer t.stop()
	ask := h.request(ctx, c, req.Params)
	ask.Tell = t.step
	r, res, err := h.gate.Carry(ctx, c, ask)
	if pending := (*gate.Pending)(nil); errors.As(err, &pending) {
		if out := h.ask(req, pending); out != nil {
			return out, nil
		}
		if h.hold(ctx, req, pending.Receipt.Asks, t) {
			r, res, err = h.gate.Carry(ctx, c, ask)
		}
	}
	if err != nil {
		return h.failed(ctx, r, err), nil
	}
	return h.answer(ctx, r, res), nil
}

func (h *Handler) request(ctx context.Context, c *gate.Caller, p *mcp.CallToolParamsRaw) *gate.Request {
	args := []byte(p.Arguments)
	if len(args) == 0 {
		args = []byte("{}")
	}
	called, _ := ctx.Value(nameKey{}).(string)
	t, ok := h.tools[called]
	if !ok {
		if req := h.upstream(ctx, c, called, args); req != nil {
			return req
		}
		return &gate.Request{Action: unknown, Text: args, Plan: notFound}
	}
	canonical, err := seal.Canonical(args)
	if err != nil {
		return &gate.Request{Action: t.Action, Definition: t.definition, Text: args, Plan: malformed(err)}
	}
	return &gate.Request{Action: t.Action, Definition: t.definition, Text: canonical, Plan: func(ctx context.Context, bounds []policy.Bound) (*gate.Plan, error) {
		return t.connector.Plan(ctx, t.Action.Name, canonical, bounds)
	}}
}

func notFound(context.Context, []policy.Bound) (*gate.Plan, error) {
	return nil, &gate.Fault{Code: "unknown_tool", Msg: "there is no such tool"}
}

func malformed(cause error) func(context.Context, []policy.Bound) (*gate.Plan, error) {
	return func(context.Context, []policy.Bound) (*gate.Plan, error) {
		return nil, &gate.Fault{Code: "bad_argument", Msg: fmt.Sprintf("the arguments are not strict JSON: %v; send one object without duplicate names", cause)}
	}
}
