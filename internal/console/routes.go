// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package console is what people see of the house in a browser: pages of plain
// HTML that work without a script, from one table of routes that says who may
// see which. It shows what the papers say and decides nothing. All text that
// comes from agents, pages, tickets and other systems is hostile: it is escaped,
// bounded, its invisible characters are made visible, and none of it is a link.
package console

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/memo"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/revocation"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// The roles that a person can have.
const (
	Author   = "author"   // writes policies
	Approver = "approver" // answers questions
	Operator = "operator" // runs the house
	Auditor  = "auditor"  // reads everything, changes nothing
	Admin    = "admin"    // says who has which role
)

// A Person is who looks at a page.
type Person struct {
	ID    string // stable
	Name  string // as people call them
	Key   string // the name of their keys, which answers say
	Roles []string
	CSRF  string // of their session, for forms

	StepUp StepUp // the zero one: they have not, and cannot
}

// A Door knows who sends a request. It returns nil for nobody, and an error if it
// cannot tell.
type Door interface {
	Person(r *http.Request) (*Person, error)
}

// A Site is a system whose pages may be linked to. Calls name it by its URL.
type Site struct {
	Tool string // "confluence", "jira"
	URL  string // without a slash at its end
	Wiki string // what goes before the path of a page of Confluence: "/wiki" in the cloud
}

// A Setting is one line of what is configured. It never holds a secret.
type Setting struct{ Name, Value string }

// A Section is what is configured of one thing.
type Section struct {
	Title    string
	Settings []Setting
}

// A Server is an MCP server of other people's, as the house knows it without asking.
type Server struct {
	Name, Adapter string
	Started       bool      // by the house; else it is somewhere else
	Kept          string    // how its processes are confined
	Is            string    // what it calls itself, as it was heard last; "": it was not asked yet
	Identity      seal.Hash // by which policies would pin it then
	Tools         int       // how many it had
	Seen          time.Time // when that was
	Failed        time.Time // when it could not be asked; zero: it could, last
	Running       int       // conversations with it
}

// A Check is one thing that must be well for the house to do its work.
type Check struct {
	Name string // "log"
	OK   bool
	Says string // a sentence
}

// A Console holds what the pages are made of. All fields must be set, but for
// Settings, Servers, Checks, Accounts, Sites, StepUp and Proofs.
type Console struct {
	Door     Door
	Passkeys Passkeys
	Proofs   Proofs // published bundles; nil: the house publishes none
	DB       *store.DB
	Policies *registry.Registry
	Desk     *approval.Desk
	Drafts   *registry.Drafts
	Orders   *revocation.Desk // to revoke
	Gates    []seal.Verifier  // whose receipts are shown as good
	Catalog  []policy.Action  // all that the house's tools can do
	House    string           // its name, above every page
	Settings func() []Section
	Servers  func() []Server
	Checks   func(context.Context) []Check // what the console cannot see by itself
	Accounts func(ctx context.Context, after string, limit int) ([]Account, error)
	Sites    []Site
	StepUp   string // which yeses want a step-up
	Now      func() time.Time
	Log      *slog.Logger

	diffs memo.Memo[[2]seal.Hash, []policy.Change] // of two policies, which never change
}

// Who may see what. Each is a list of roles, one of which is enough.
var (
	everybody = []string{Author, Approver, Operator, Auditor, Admin}
	watchers  = []string{Approver, Operator, Auditor, Admin}
	keepers   = []string{Operator, Auditor, Admin}
	readers   = []string{Approver, Auditor, Admin} // of texts: what agents wrote and read
	auditors  = []string{Auditor, Admin}
	answerers = []string{Approver, Admin}
	admins    = []string{Admin}

	proposers  = []string{Author, Admin}
	signers    = []string{Author, Approver, Admin} // of policies, as their keys are listed
	operators  = []string{Operator, Admin}         // who publish and revoke, proofs too
	discarders = []string{Author, Operator, Admin}
)

// A route is a page, and who may see it.
type route struct {
	pattern string
	roles   []string // nil: public
	serve   func(http.ResponseWriter, *http.Request)
}

// routes is every page of the console.
func (c *Console) routes() []route {
	return []route{
		{"GET /{$}", everybody, c.overview},
		{"GET /approvals", watchers, c.approvals},
		{"GET /approvals/{id}", readers, c.approval},
		{"POST /approvals/{id}/offer", answerers, c.offer},
		{"POST /approvals/{id}/answer", answerers, c.answer},
		{"GET /policies", everybody, c.policies},
		{"GET /policies/{hash}", everybody, c.policy},
		{"GET /policies/new", proposers, c.newDraft},
		{"POST /policies/drafts", proposers, c.propose},
		{"GET /policies/drafts/{id}", everybody, c.draft},
		{"GET /policies/drafts/{id}/envelope", everybody, c.draftEnvelope},
		{"POST /policies/drafts/{id}/add", signers, c.addToDraft},
		{"POST /policies/drafts/{id}/offer", signers, c.offerDraft},
		{"POST /policies/drafts/{id}/sign", signers, c.signDraft},
		{"POST /policies/drafts/{id}/publish", operators, c.publishDraft},
		{"POST /policies/drafts/{id}/discard", discarders, c.discardDraft},
		{"GET /jobs", watchers, c.jobs},
		{"GET /jobs/{job}", watchers, c.job},
		{"GET /jobs/{job}/receipts/{seq}", watchers, c.receipt},
		{"GET /jobs/{job}/texts/{seq}/{part}", readers, c.text},
		{"GET /agents", watchers, c.agents},
		{"GET /revocations", keepers, c.revocations},
		{"GET /revocations/new", operators, c.newRevocation},
		{"POST /revocations/check", operators, c.checkRevocation},
		{"POST /revocations", operators, c.revoke},
		{"GET /revocations/{id}/lift", operators, c.lifting},
		{"POST /revocations/{id}/lift", operators, c.lift},
		{"GET /settings", keepers, c.settings},
		{"GET /settings/people", admins, c.people},
		{"GET /audit", auditors, c.audit},
		{"POST /jobs/{job}/publish", operators, c.publishProof},
		{"GET /pulse", keepers, c.proofs},
		{"GET /pulse/{id}/about", keepers, c.proof},
		{"POST /pulse/{id}/share", operators, c.shareProof},
		{"POST /pulse/{id}/links/{link}/end", keepers, c.unshareProof},
		{"POST /pulse/{id}/hold", auditors, c.holdProof},
		{"POST /pulse/{id}/release", auditors, c.releaseProof},
		{"POST /pulse/{id}/delete", operators, c.deleteProof},
		{"GET /login", nil, c.login},
		{"GET /account", nil, c.account}, // for everybody who is logged in, which it checks itself
		{"POST /account/delegations/offer", answerers, c.offerDelegation},
		{"POST /account/delegations", answerers, c.delegate},
		{"GET /assets/{name}", nil, c.asset},
	}
}

// Patterns lists the routes, for the table of the server that holds the console.
func (c *Console) Patterns() []string {
	var out []string
	for _, r := range c.routes() {
		out = append(out, r.pattern)
	}
	return out
}

// Handler returns the console.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range c.routes() {
		mux.Handle(r.pattern, c.guard(r))
	}
	mux.Handle("/", c.guard(route{roles: everybody, serve: c.lost}))
	return mux
}

// followed is how many receipts are listed at once, and followEvery how often
// there may be new ones.
const (
	followed    = 100
	followEvery = time.Second
)

// Run keeps what can be searched and counted up to date until ctx ends. It works
// at most a tenth of the time: calls come first, and what is searched can be late.
func (c *Console) Run(ctx context.Context) {
	for ctx.Err() == nil {
		start := time.Now()
		n, err := c.DB.FollowLog(ctx, followed)
		if err != nil && ctx.Err() == nil {
			c.Log.WarnContext(ctx, "receipts are not listed for searches", "err", err)
		}
		pause := 9 * time.Since(start)
		if n < followed {
			pause = followEvery
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// may reports whether p has one of the roles.
func (p *Person) may(roles []string) bool {
	return slices.ContainsFunc(p.Roles, func(r string) bool { return slices.Contains(roles, r) })
}

// A tab is a page in the navigation.
type tab struct {
	Path, Name string
	roles      []string
	Here       bool
}

// tabs are the pages that p may see.
func tabs(p *Person, path string) []tab {
	var out []tab
	for _, t := range []tab{
		{"/", "Overview", everybody, false}, {"/approvals", "Approvals", watchers, false}, {"/policies", "Policies", everybody, false},
		{"/jobs", "Jobs", watchers, false}, {"/agents", "Agents", watchers, false}, {"/revocations", "Revocations", keepers, false},
		{"/audit", "Audit", auditors, false}, {"/pulse", "Proofs", keepers, false}, {"/settings", "Settings", keepers, false},
	} {
		t.Here = path == t.Path || t.Path != "/" && strings.HasPrefix(path, t.Path+"/")
		if p.may(t.roles) {
			out = append(out, t)
		}
	}
	return out
}
