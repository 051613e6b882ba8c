// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package server is the daemon's door: one table of routes that a person can
// audit, who may pass each of them, and one table of the errors that strangers
// are told.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/oauth"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/replay"
	"github.com/clawea/clawea/internal/revocation"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/undo"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// A Server holds what the routes need. All fields must be set, but for
// UndoPolicy, UndoTools, Pulse and Lost.
type Server struct {
	Registry    *registry.Registry
	Drafts      *registry.Drafts
	Issuer      *issuer.Issuer
	Desk        *approval.Desk
	Revocations *revocation.Desk
	Proofs      *proof.Exporter
	Traces      *proof.Traces
	Replayer    *replay.Replayer
	Undo        *undo.Desk
	Settler     *undo.Settler
	UndoPolicy  seal.Hash // that undoing is done under where nobody says another; zero: none
	UndoTools   []string  // systems for which the house has an account that takes changes back
	DB          *store.DB
	Trust       func(context.Context) *verify.Trust // what the house says its keys are
	Receipts    http.Handler                        // of all jobs, for exports
	Pulse       *pulse.Desk                         // of published bundles; nil: none are published
	Origin      string                              // the house's address as browsers know it
	Presses     http.Handler                        // of buttons in messages
	Pages       []Page                              // for people
	Lost        http.Handler                        // tells people's browsers that there is nothing; nil: they read what programs do
	Operators   []Operator
	OAuth       *oauth.Server
	Gate        *gate.Gate
	Door        *gate.Door
	Routes      []api.Route  // to model providers
	Egress      string       // where the egress proxy is; "": there is none
	Proxy       http.Handler // agents' model calls
	MCP         http.Handler // agents' tool calls
	Seam        Seam         // other gateways
	Local       Local        // programs that agents run in
	Tiles       http.Handler // the public log
	Log         *slog.Logger
}

// Who may pass a route.
type who uint8

const (
	nobody   who = iota // the zero value
	operator            // with one of the configured operators' tokens
	orderer             // an operator, or the OAuth client that ordered the job that the path names
	gateway             // another gateway with a token of its own, which the handler checks
	agent               // with a CST, which the handler checks through the gate
	party               // an operator, or an agent with a CST of the job that the path names
	anyone              // public by design
)

// A Seam answers other gateways. internal/seam fills it.
type Seam interface {
	ServeAuthorize(http.ResponseWriter, *http.Request)
	ServeClose(http.ResponseWriter, *http.Request)
	ServeExtAuthz(http.ResponseWriter, *http.Request)
}

// A Local answers the programs that agents run in. internal/seam fills it.
type Local interface {
	ServeAsk(http.ResponseWriter, *http.Request)
	ServeReport(http.ResponseWriter, *http.Request)
	ServeAlive(http.ResponseWriter, *http.Request)
}

// A Page is what people's browsers come for. Its handler checks who looks: the tables
// are internal/console's and internal/login's.
type Page struct {
	Pattern string
	Handler http.Handler
}

type route struct {
	pattern string
	who     who
	handler http.Handler
}

// routes is every door of the house.
func (s *Server) routes() []route {
	return []route{
		{"POST /v1/wpc", operator, serveJSON(s, s.publish)},
		{"GET /v1/wpc", operator, serveJSON(s, s.listPolicies)},
		{"GET /v1/wpc/{hash}", operator, serveJSON(s, s.showPolicy)},
		{"GET /v1/wpc/{hash}/pins", operator, serveJSON(s, s.showPins)},
		{"POST /v1/drafts", operator, serveJSON(s, s.propose)}, // of policies; signatures decide
		{"GET /v1/drafts", operator, serveJSON(s, s.listDrafts)},
		{"POST /v1/wpc/{hash}/shadow", operator, serveJSON(s, s.shadow)},
		{"POST /v1/wpc/replay", operator, serveJSON(s, s.replay)},

		{"POST /v1/cst", operator, serveJSON(s, s.issue)},
		{"GET /v1/cst/{id}", operator, serveJSON(s, s.showToken)},
		{"POST /v1/cst/{id}/revoke", operator, serveJSON(s, s.revokeToken)},

		{"POST /v1/revocations", operator, serveJSON(s, s.revoke)},
		{"GET /v1/revocations", operator, serveJSON(s, s.listRevocations)},
		{"POST /v1/revocations/{id}/lift", operator, serveJSON(s, s.liftRevocation)},

		{"GET /v1/jobs", operator, serveJSON(s, s.listJobs)},
		{"GET /v1/jobs/{job}", orderer, serveJSON(s, s.showJob)},
		{"POST /v1/jobs/{job}/revoke", orderer, serveJSON(s, s.revokeJob)},
		{"GET /v1/jobs/{job}/receipts", orderer, serveJSON(s, s.listReceipts)},
		{"GET /v1/jobs/{job}/proof", orderer, http.HandlerFunc(s.exportProof)},
		{"POST /v1/jobs/{job}/traces", orderer, http.HandlerFunc(s.keepTrace)}, // the launcher's signature decides
		{"GET /v1/jobs/{job}/undo", operator, serveJSON(s, s.showUndo)},
		{"POST /v1/jobs/{job}/settle", operator, serveJSON(s, s.settleCall)},
		{"GET /v1/jobs/{job}/reconcile", operator, serveJSON(s, s.reconcile)},
		{"GET /v1/receipts/{job}/{seq}", party, serveJSON(s, s.showCall)},

		{"GET /v1/approvals", operator, serveJSON(s, s.listApprovals)},
		{"GET /v1/approvals/{id}", operator, serveJSON(s, s.showApproval)},
		{"POST /v1/approvals/{id}", operator, serveJSON(s, s.answer)}, // the answer's own signature decides
		{"GET /v1/delegations", operator, serveJSON(s, s.listDelegations)},
		{"POST /v1/delegations", operator, serveJSON(s, s.delegate)}, // so does the delegation's

		{"POST /v1/publications", operator, serveJSON(s, s.publishJob)},
		{"POST /v1/publications/file", operator, http.HandlerFunc(s.publishFile)},
		{"GET /v1/publications", operator, serveJSON(s, s.listPublications)},
		{"GET /v1/publications/{hash}", operator, serveJSON(s, s.showPublication)},
		{"POST /v1/publications/{hash}/share", operator, serveJSON(s, s.sharePublication)},
		{"POST /v1/publications/{hash}/hold", operator, serveJSON(s, s.holdPublication)},
		{"POST /v1/publications/{hash}/release", operator, serveJSON(s, s.releasePublication)},
		{"POST /v1/publications/{hash}/delete", operator, serveJSON(s, s.deletePublication)},
		{"POST /v1/publications/links/{link}/end", operator, serveJSON(s, s.endShare)},

		{"GET /v1/receipts", operator, s.Receipts},
		{"POST /v1/notify/slack", anyone, s.Presses}, // by Slack's signature

		{"/proxy/", agent, s.Proxy},
		{"/mcp", agent, s.MCP},

		{"POST /v1/local", agent, http.HandlerFunc(s.Local.ServeAsk)},
		{"POST /v1/local/alive", agent, http.HandlerFunc(s.Local.ServeAlive)},
		{"POST /v1/local/{job}/{seq}/close", agent, http.HandlerFunc(s.Local.ServeReport)}, // by the ticket

		{"POST /v1/authorize", gateway, http.HandlerFunc(s.Seam.ServeAuthorize)},
		{"POST /v1/authorize/{job}/{seq}/close", gateway, http.HandlerFunc(s.Seam.ServeClose)},
		{"/ext_authz/", gateway, http.HandlerFunc(s.Seam.ServeExtAuthz)},

		{"GET /oauth/authorize", anyone, http.HandlerFunc(s.OAuth.ServeAuthorization)}, // says that it gives nothing
		{"POST /oauth/token", anyone, http.HandlerFunc(s.OAuth.ServeToken)},            // these check who asks, as OAuth says
		{"POST /oauth/introspect", anyone, http.HandlerFunc(s.OAuth.ServeIntrospection)},
		{"POST /oauth/revoke", anyone, http.HandlerFunc(s.OAuth.ServeRevocation)},
		{"GET /.well-known/oauth-authorization-server", anyone, http.HandlerFunc(s.OAuth.ServeMetadata)},
		{"GET /.well-known/oauth-protected-resource", anyone, http.HandlerFunc(s.OAuth.ServeResource)},
		{"GET /.well-known/oauth-protected-resource/mcp", anyone, http.HandlerFunc(s.OAuth.ServeResource)},

		{"GET /v1/routes", anyone, serveJSON(s, s.listRoutes)},
		{"GET /.well-known/jwks.json", anyone, http.HandlerFunc(s.serveJWKS)},
		{"GET /v1/trust", anyone, http.HandlerFunc(s.serveTrust)},
		{"GET /healthz", anyone, http.HandlerFunc(s.serveHealth)},
		{"GET /log/", anyone, http.StripPrefix("/log", s.Tiles)},
	}
}

// Handler returns the whole door.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.Handle(r.pattern, s.admit(r.who, r.handler))
	}
	for _, p := range s.Pages {
		mux.Handle(p.Pattern, s.admit(anyone, p.Handler))
	}
	mux.Handle("/", s.admit(nobody, nil))
	return unredirected(mux)
}

// authorizing is where Envoy asks. What follows is the path of the agent's own request.
const authorizing = "/ext_authz/"

// unredirected keeps mux from sending Envoy elsewhere for the path of an agent's request
// that is not in its one form: the handler is to see it as it was sent, and refuses it.
func unredirected(mux *http.ServeMux) http.Handler {
	plain, err := http.NewRequest(http.MethodPost, authorizing, nil)
	if err != nil { // unreachable: it is a path
		return mux
	}
	seam, _ := mux.Handler(plain)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.RequestURI, authorizing) {
			seam.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
