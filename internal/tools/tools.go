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

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
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
	gate  *gate.Gate
	tools map[string]served // by the name that agents call
	log   *slog.Logger
}

type served struct {
	gate.Tool
	connector Connector
}

// New returns the MCP endpoint for connectors. version is told to clients.
func New(g *gate.Gate, cs []Connector, version string, log *slog.Logger) http.Handler {
	h := &Handler{g, map[string]served{}, log}
	server := mcp.NewServer(&mcp.Implementation{Name: "clawea", Title: "Clawea", Version: version}, &mcp.ServerOptions{
		Instructions: "Tools act under the signed policy of this job. A call that waits for approval is retried unchanged after a person has said yes.",
		Logger:       log,
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}}, // the list does not change within a job
		// What is listed hangs on the token, so nobody between here and the agent may keep it.
		SetCacheable: func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) { c.CacheScope, c.TTLMs = "private", 0 },
	})
	for _, c := range cs {
		for _, t := range c.Tools() {
			h.tools[t.Action.String()] = served{t, c}
			server.AddTool(describe(t), h.call)
		}
	}
	server.AddReceivingMiddleware(h.filter)
	stream := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
		Stateless:                    true, // nothing is kept between requests, so any replica can serve any of them
		Logger:                       log,
		MaxRequestBodyBytes:          MaxBody,
		PropagateRequestCancellation: true,
		// It would turn away all that comes through a TLS proxy on this machine.
		// Nothing here rests on where a request comes from: a browser that is led
		// here has no token to show.
		DisableLocalhostProtection: true,
	})
	return h.challenge(stream)
}

// challenge lets requests with a token that holds through to next, and tells
// others how to come again (RFC 6750 section 3).
func (h *Handler) challenge(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="clawea"`)
		check := func(ctx context.Context, raw string, _ *http.Request) (*auth.TokenInfo, error) {
			info, err := h.authenticate(ctx, raw)
			w.Header().Del("WWW-Authenticate")
			if errors.Is(err, auth.ErrInvalidToken) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="clawea", error="invalid_token"`)
			}
			return info, err
		}
		auth.RequireBearerToken(check, nil)(next).ServeHTTP(w, r)
	})
}

func describe(t gate.Tool) *mcp.Tool {
	reads := t.Action.Class == policy.Read || t.Action.Class == policy.Search
	destructive := !reads
	return &mcp.Tool{
		Name: t.Action.String(), Title: t.Title, Description: t.Description, InputSchema: json.RawMessage(t.Schema),
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: reads, DestructiveHint: &destructive, Title: t.Title},
	}
}

const rawToken = "token"

// authenticate lets a request in if its token holds. The gate checks it again
// for every call; here it guards the list, and turns strangers away early.
func (h *Handler) authenticate(ctx context.Context, raw string) (*auth.TokenInfo, error) {
	narrowed, c, err := h.narrowed(ctx, raw)
	if err != nil {
		return nil, h.turnAway(ctx, raw, err)
	}
	return &auth.TokenInfo{
		UserID: c.job + "/" + c.id, Expiration: c.expires,
		Extra: map[string]any{rawToken: raw, "policy": narrowed},
	}, nil
}

// turnAway leaves a receipt of a request whose token does not hold, where the
// token names a job that can be believed.
func (h *Handler) turnAway(ctx context.Context, raw string, cause error) error {
	_, _, err := h.gate.Do(ctx, raw, &gate.Request{Action: connect, Plan: notFound})
	if refused := (*gate.Refused)(nil); errors.As(err, &refused) {
		return fmt.Errorf("%w: %w; ask for a fresh one: clawea cst issue", auth.ErrInvalidToken, refused.Cause)
	}
	h.log.ErrorContext(ctx, "token not checked", "err", errors.Join(cause, err))
	return errors.New("tokens cannot be checked now; try again later")
}

// filter answers tools/list with what the job's policy can ever allow, and
// sends calls of tools that do not exist to the gate as well.
func (h *Handler) filter(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		switch method {
		case "tools/list":
			res, err := next(ctx, method, req)
			if list, ok := res.(*mcp.ListToolsResult); ok && err == nil {
				h.hide(list, info(req.GetExtra()))
			}
			return res, err
		case "tools/call":
			if call, ok := req.(*mcp.CallToolRequest); ok {
				return h.call(ctx, call)
			}
		}
		return next(ctx, method, req)
	}
}

func (h *Handler) hide(list *mcp.ListToolsResult, t *auth.TokenInfo) {
	p, _ := t.Extra["policy"].(*policy.Policy)
	list.Tools = slices.DeleteFunc(list.Tools, func(t *mcp.Tool) bool {
		return p == nil || !p.CanEver(h.tools[t.Name].Action)
	})
}

func info(e *mcp.RequestExtra) *auth.TokenInfo {
	if e == nil || e.TokenInfo == nil {
		return &auth.TokenInfo{}
	}
	return e.TokenInfo
}

// call carries one tools/call through the gate.
func (h *Handler) call(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	raw, _ := info(req.Extra).Extra[rawToken].(string)
	r, res, err := h.gate.Do(ctx, raw, h.request(req.Params))
	if err != nil {
		return h.failed(ctx, r, err), nil
	}
	return &mcp.CallToolResult{
		Content: []mcp.Content{&mcp.TextContent{Text: string(res.Body)}},
		Meta:    mcp.Meta{"clawea/receipt": name(r)},
	}, nil
}

func (h *Handler) request(p *mcp.CallToolParamsRaw) *gate.Request {
	args := []byte(p.Arguments)
	if len(args) == 0 {
		args = []byte("{}")
	}
	t, ok := h.find(p.Name)
	if !ok {
		return &gate.Request{Action: unknown, Text: args, Plan: notFound}
	}
	canonical, err := seal.Canonical(args)
	if err != nil {
		return &gate.Request{Action: t.Action, Text: args, Plan: malformed(err)}
	}
	return &gate.Request{Action: t.Action, Text: canonical, Plan: func(ctx context.Context, bounds []policy.Bound) (*gate.Plan, error) {
		return t.connector.Plan(ctx, t.Action.Name, canonical, bounds)
	}}
}

// find also takes the spelling with underscores, which models use whose
// function names may not hold dots.
func (h *Handler) find(name string) (served, bool) {
	if t, ok := h.tools[name]; ok {
		return t, true
	}
	for dotted, t := range h.tools {
		if strings.ReplaceAll(dotted, ".", "_") == name {
			return t, true
		}
	}
	return served{}, false
}

func notFound(context.Context, []policy.Bound) (*gate.Plan, error) {
	return nil, &gate.Fault{Code: "unknown_tool", Msg: "there is no such tool; call one that tools/list names"}
}

func malformed(cause error) func(context.Context, []policy.Bound) (*gate.Plan, error) {
	return func(context.Context, []policy.Bound) (*gate.Plan, error) {
		return nil, &gate.Fault{Code: "bad_argument", Msg: fmt.Sprintf("the arguments are not strict JSON: %v; send one object without duplicate names", cause)}
	}
}
