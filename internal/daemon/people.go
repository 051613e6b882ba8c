// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/console"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/internal/login"
	"github.com/clawea/clawea/internal/notify"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/server"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// openLogin makes the desk where people show who they are.
func (d *Daemon) openLogin(c *config.Config, set *keys.Set, registryKey seal.Verifier) (err error) {
	d.login, err = desk(c, set, registryKey, d.db, d.log, func(w http.ResponseWriter, r *http.Request, e *login.Refusal) {
		d.console.Say(w, r, e.Status, e.Msg, e.Hint)
	})
	return err
}

func desk(c *config.Config, set *keys.Set, registryKey seal.Verifier, db *store.DB, log *slog.Logger, refuse func(http.ResponseWriter, *http.Request, *login.Refusal)) (*login.Desk, error) {
	lc := login.Configured(c)
	lc.DB, lc.Key, lc.Self, lc.Registry, lc.Refuse, lc.Now, lc.Log = db, set.Salt, registryKey, set.Registry, refuse, time.Now, log
	d, err := login.New(lc)
	if err != nil {
		return nil, fmt.Errorf("open login: %w", err)
	}
	return d, nil
}

// Link makes a one-time link by which the local administrator of the house that c
// describes logs in. It opens the house's keys and database itself, beside a running
// daemon: so it is for who runs the house's machine, and for nobody with a token. It
// fails with login.ErrNotLocal or login.ErrNoSite.
func Link(ctx context.Context, c *config.Config, log *slog.Logger) (link string, err error) {
	set, db, _, err := open(ctx, c, log)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	registryKey, err := seal.NewVerifier(set.Registry.Public)
	if err != nil {
		return "", err
	}
	d, err := desk(c, set, registryKey, db, log, nil)
	if err != nil {
		return "", err
	}
	return d.Link(ctx)
}

// FirstLink is the way in for who is to be the house's administrator, once; "" if
// the house has one, or needs none.
func (d *Daemon) FirstLink(ctx context.Context) (string, error) { return d.login.FirstLink(ctx) }

// trusting adds to what the house says its keys are those that it has enrolled ever,
// and when it revoked them: what a passkey has signed before that stays good.
func (d *Daemon) trusting(ctx context.Context, t *verify.Trust) *verify.Trust {
	list, err := d.login.Enrolled(ctx)
	if err != nil {
		d.log.ErrorContext(ctx, "people's passkeys are not read", "err", err)
		return t
	}
	enrol(t, list)
	return t
}

// enrol adds keys to those of t's people.
func enrol(t *verify.Trust, list []login.Enrolled) {
	groups := map[string][]string{}
	for g, names := range t.Groups {
		groups[g] = slices.Clone(names)
	}
	t.Until = map[string]time.Time{}
	for i := range list {
		e := &list[i]
		t.People = append(t.People, e.Key)
		if !e.Until.IsZero() {
			t.Until[seal.KeyID(e.Verifier)] = e.Until
		}
	}
	papers := login.Papers(list)
	for i := range list {
		e := &list[i]
		if papers[e.Person] != e { // of several keys, the latest paper says in which groups a person is
			continue
		}
		for _, g := range e.Groups {
			if !slices.Contains(groups[g], e.Name) { // the configuration may have them there
				groups[g] = append(groups[g], e.Name)
			}
		}
	}
	if len(groups) > 0 {
		t.Groups = groups
	}
}

// A lobby is the desk of login as the console knows it.
type lobby struct{ *login.Desk }

// Person returns nil for nobody.
func (l lobby) Person(r *http.Request) (*console.Person, error) {
	p, csrf, err := l.Session(r)
	if errors.Is(err, login.ErrNoSession) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := &console.Person{ID: p.ID, Name: p.Name, Key: p.Key, CSRF: csrf}
	out.StepUp.Done = l.SteppedUp(p)
	door, passkey := l.StepUp(p)
	out.StepUp.Provider, out.StepUp.Passkey = (*console.Provider)(door), passkey
	for _, role := range p.Roles {
		out.Roles = append(out.Roles, string(role))
	}
	return out, nil
}

func (l lobby) Providers() (list []console.Provider, local bool) {
	for _, d := range l.Doors() {
		list = append(list, console.Provider(d))
	}
	return list, l.Local
}

func (l lobby) List(r *http.Request) ([]console.Passkey, error) {
	p, _, err := l.Session(r)
	if err != nil {
		return nil, err
	}
	list, err := l.Passkeys(r.Context(), p.ID)
	return passkeys(list), err
}

// accounts lists who has logged in.
func (l lobby) accounts(ctx context.Context, after string, limit int) ([]console.Account, error) {
	list, err := l.Accounts(ctx, after, limit)
	var out []console.Account
	for _, a := range list {
		x := console.Account{ID: a.ID, Key: a.Key, Name: a.Name, Entered: a.Entered, Sessions: a.Sessions, Passkeys: passkeys(a.Passkeys)}
		for _, role := range a.Roles {
			x.Roles = append(x.Roles, string(role))
		}
		out = append(out, x)
	}
	return out, err
}

func passkeys(list []login.PasskeyInfo) []console.Passkey {
	var out []console.Passkey
	for _, k := range list {
		out = append(out, console.Passkey{ID: k.ID, Label: k.Label, Key: k.Key, Public: k.Public, Created: k.Created, Revoked: k.Revoked != nil})
	}
	return out
}

func (l lobby) Check(r *http.Request) error {
	_, csrf, err := l.Session(r)
	if err != nil {
		return err
	}
	return l.Checked(r, csrf)
}

func (l lobby) Ask(r *http.Request, typ string, payload []byte) (any, error) {
	p, _, err := l.Session(r)
	if err != nil {
		return nil, err
	}
	return l.Desk.Ask(r.Context(), p, typ, payload)
}

func (l lobby) Signed(r *http.Request, typ string, payload, answer []byte) (*seal.Envelope, error) {
	p, _, err := l.Session(r)
	if err != nil {
		return nil, err
	}
	a := new(login.Asserted)
	if err := seal.Glance(answer, a); err != nil {
		return nil, login.ErrPasskey
	}
	return l.Desk.Signed(r.Context(), p, typ, payload, a)
}

// sites are the systems that the console may link to.
func sites(c *config.Config) []console.Site {
	var out []console.Site
	for tool, s := range map[string]*config.Site{"confluence": c.Confluence, "jira": c.Jira} {
		if s == nil {
			continue
		}
		site := console.Site{Tool: tool, URL: strings.TrimSuffix(s.Site, "/")}
		if s.Deployment != config.DataCenter {
			site.Wiki = "/wiki"
		}
		out = append(out, site)
	}
	return out
}

// pages are what people's browsers come for. Each checks itself who looks.
func (d *Daemon) pages() []server.Page {
	var out []server.Page
	h := d.console.Handler()
	for _, pattern := range d.console.Patterns() {
		out = append(out, server.Page{Pattern: pattern, Handler: h})
	}
	for _, r := range d.login.Routes() {
		out = append(out, server.Page{Pattern: r.Pattern, Handler: r.Handler})
	}
	return append(out, d.proofPages()...)
}

// openNotices makes the notifier that tells people of questions, and returns what
// takes the presses of its messages' buttons.
func (d *Daemon) openNotices(c *config.Config, policies *registry.Recent, desk *approval.Desk) http.Handler {
	channels, presses := notify.Configured(c.Notify, d.db, time.Now)
	d.notices = &notify.Notifier{DB: d.db, Channels: channels, URL: c.URL, Asked: asked(policies), Signed: desk.Signed, Now: time.Now, Log: d.log}
	if c.Notify != nil {
		d.notices.Remind = time.Duration(c.Notify.Remind)
	}
	presses.Notifier = d.notices
	return presses
}

// asked says which groups a question asks, by the policy that asks it.
func asked(policies *registry.Recent) func(context.Context, *receipt.Receipt) ([]string, error) {
	return func(ctx context.Context, r *receipt.Receipt) ([]string, error) {
		p, err := policies.Policy(ctx, r.Decision.Policy)
		if err != nil {
			return nil, err
		}
		return p.Asks(r.Call), nil
	}
}
