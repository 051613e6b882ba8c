// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package seam lets other gateways ask what the house decides and leave receipts with it,
// while the traffic stays theirs: as plain JSON at /v1/authorize, and as Envoy's HTTP
// service for external authorization at /ext_authz.
//
// A gateway shows two things: a token of its own, and how the agent has shown its CST.
// The house decides as at its own doors. What the gateway then does is its word, and the
// receipts say so (spec/receipt.md section 10).
package seam

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// MaxBody bounds what a gateway sends, in bytes.
const MaxBody = 4 << 20

const minToken = 32 // characters of a gateway's token

// A Connector puts calls of one system's tools into policy terms.
type Connector interface {
	// Name is the tool's name in policies: "confluence".
	Name() string
	// Tools lists what it can do. The list never changes.
	Tools() []gate.Tool
	// Plan reads args for action. It changes nothing upstream.
	Plan(ctx context.Context, action string, args []byte, bounds []policy.Bound) (*gate.Plan, error)
}

// Receipts finds opened receipts. internal/store fills it.
type Receipts interface {
	// Receipt returns one receipt, as it is stored. It fails with store.ErrNotFound.
	Receipt(ctx context.Context, job string, seq uint64) (*seal.Envelope, error)
}

// A Gateway is another gateway that may ask.
type Gateway struct {
	Name   string                 // stands in receipts
	Token  func() (string, error) // fetched for every request, so that it can be changed under a running daemon
	URL    string                 // where agents reach it, without a slash at the end: their proofs are for that; "": they show none
	Mode   string                 // how it reaches the house's systems: gate.Carrier
	Routes []Route                // what comes through Envoy; without any, nothing does
}

// A Handler answers gateways. Make one with New.
type Handler struct {
	gate     *gate.Gate
	door     *gate.Door
	db       Receipts
	gates    []seal.Verifier
	gateways []gateway
	tools    map[string]tool // of connectors, by full name
	reserved []string        // names of tools that are no agent's own
	log      *slog.Logger
}

type gateway struct {
	Gateway
	routes *http.ServeMux
}

type tool struct {
	gate.Tool
	connector Connector
}

// unknown is the action of a call that is none of any tool, pass that of what passes
// without being one, and asking that of a call whose token does not hold: nobody is
// believed then what it would have been.
var (
	asking  = policy.Action{Tool: "seam", Name: "ask"}
	unknown = policy.Action{Tool: "seam", Name: "unknown"}
	pass    = policy.Action{Tool: "seam", Name: "pass"}
)

// New returns a handler for gateways. gates verify receipts that the house signed; others
// are names of tools that are neither connectors' nor to be taken by agents' own. It fails,
// in two lines, for routes that cannot be.
func New(g *gate.Gate, d *gate.Door, db Receipts, gates []seal.Verifier, cs []Connector, others []string, gateways []Gateway, log *slog.Logger) (*Handler, error) {
	h := &Handler{gate: g, door: d, db: db, gates: gates, tools: map[string]tool{}, log: log}
	h.reserved = append([]string{"confluence", "jira", "model", "mcp", "receipts", policy.EgressTool, unknown.Tool}, others...)
	for _, c := range cs {
		h.reserved = append(h.reserved, c.Name())
		for _, t := range c.Tools() {
			h.tools[t.Action.String()] = tool{t, c}
		}
	}
	for _, gw := range gateways {
		mux, err := h.mux(gw.Routes)
		if err != nil {
			return nil, fmt.Errorf("gateway %s: %w", gw.Name, err)
		}
		h.gateways = append(h.gateways, gateway{gw, mux})
	}
	return h, nil
}

// from returns the gateway whose token r carries, or nil. Every gateway's token is
// compared, so that the time tells nothing.
func (h *Handler) from(r *http.Request) *gateway {
	given := r.Header.Values(api.GatewayHeader)
	if len(given) != 1 || given[0] == "" {
		return nil
	}
	want := sha256.Sum256([]byte(given[0]))
	var found *gateway
	for i := range h.gateways {
		secret, err := h.gateways[i].Token()
		if err != nil || len(secret) < minToken {
			h.log.ErrorContext(r.Context(), "gateway's token is shorter than 32 characters or cannot be read", "name", h.gateways[i].Name, "err", err)
			continue
		}
		have := sha256.Sum256([]byte(secret))
		if subtle.ConstantTimeCompare(want[:], have[:]) == 1 {
			found = &h.gateways[i]
		}
	}
	return found
}

// present reads how the agent shows its token to gw, to which it sent method and path,
// or to the house itself if method is "". It is false if there is none, or more than one.
func (h *Handler) present(w http.ResponseWriter, r *http.Request, gw *gateway, method, path string) (*token.Presentation, bool) {
	r.Header.Del("X-Api-Key") // that is how models' clients send a key; here it is none
	r.Header.Del("X-Goog-Api-Key")
	p, ok := h.door.Present(w, r)
	if !ok || method == "" {
		return p, ok
	}
	p.Method, p.URL = method, ""
	if gw.URL != "" {
		p.URL = gw.URL + path // otherwise no proof is for it
	}
	return p, true
}

// own reports whether name can be that of a tool of an agent's own.
func (h *Handler) own(name string) bool {
	return toolName.MatchString(name) && len(name) <= maxName && !slices.Contains(h.reserved, name)
}
