// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/store"
)

// A vault keeps people's grants in the house's database.
type vault struct{ db *store.DB }

func (v vault) Get(ctx context.Context, name string) ([]byte, error) {
	s, err := v.db.Secret(ctx, name)
	return s.Value, vaultError(err)
}

func (v vault) Claim(ctx context.Context, name, claim string, d time.Duration) ([]byte, bool, error) {
	s, err := v.db.ClaimSecret(ctx, name, claim, d)
	return s.Value, s.Broken, vaultError(err)
}

func (v vault) Settle(ctx context.Context, name, claim string, new []byte) error {
	return vaultError(v.db.SettleSecret(ctx, name, claim, new))
}

func vaultError(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return atlassian.ErrAbsent
	case errors.Is(err, store.ErrConflict):
		return atlassian.ErrClaimed
	}
	return err
}

const grantPrefix = "atlassian/"

// grantName is the name of a person's grant to an app.
func grantName(app, user string) string { return grantPrefix + app + "/" + user }

// An App is an app that people let act for them at Atlassian, as the
// configuration has it.
type App struct {
	ID       string
	Uses     []string // what it is for: "jira.read"
	App      atlassian.App
	Scopes   []string // of all uses
	API      string   // Atlassian's API host
	CloudIDs []string // the sites that it works on
	Users    []string // who is to consent, by act_as
}

// Apps lists the apps of accounts with per_user, in the configuration's order.
func Apps(c *config.Config) []App {
	var out []App
	for _, s := range []struct {
		name string
		site *config.Site
	}{{"confluence", c.Confluence}, {"jira", c.Jira}} {
		if s.site == nil {
			continue
		}
		for _, a := range s.site.Accounts() {
			if a.PerUser {
				out = addUse(out, s.name+"."+a.Name, s.site, a.Account)
			}
		}
	}
	return out
}

func addUse(apps []App, use string, s *config.Site, a *config.Account) []App {
	i := slices.IndexFunc(apps, func(x App) bool { return x.ID == a.ClientID })
	if i < 0 {
		i = len(apps)
		apps = append(apps, App{ID: a.ClientID, App: app(a)})
	}
	x := &apps[i]
	x.Uses = append(x.Uses, use)
	x.Scopes = union(x.Scopes, a.Scopes...)
	if u, err := url.Parse(s.API); err == nil { // it has been checked
		x.API = u.Scheme + "://" + u.Host
		x.CloudIDs = union(x.CloudIDs, path.Base(u.Path))
	}
	for _, user := range s.ActAs {
		x.Users = union(x.Users, user)
	}
	return apps
}

func union(list []string, more ...string) []string {
	list = append(list, more...)
	slices.Sort(list)
	return slices.Compact(list)
}

// app is the OAuth client of an account.
func app(a *config.Account) atlassian.App {
	return atlassian.App{ID: a.ClientID, Secret: a.ClientSecret.Get, TokenURL: a.TokenURL}
}

// Consent is the way of a person through x's consent screen.
func (x *App) Consent(redirect string) *atlassian.Consent {
	return &atlassian.Consent{App: x.App, API: x.API, CloudIDs: x.CloudIDs, Redirect: redirect, Scopes: x.Scopes}
}

// Grants are what people have let the house do in their name. They are opened
// beside a running daemon, which sees what changes at once.
type Grants struct{ db *store.DB }

// A Consented is somebody's grant, without its secrets.
type Consented struct {
	App, User string
	Account   string // id at Atlassian
	Name      string // and as it is called there; not to be trusted
	Scopes    []string
	Given     time.Time
	Refreshed time.Time
	State     string // "good", "uncertain" or "ended"
}

// OpenGrants opens the keys and the database that c names. The house must have
// been there before.
func OpenGrants(ctx context.Context, c *config.Config, log *slog.Logger) (*Grants, error) {
	_, db, _, err := open(ctx, c, log)
	if err != nil {
		return nil, err
	}
	return &Grants{db}, nil
}

// Close lets go of the database.
func (g *Grants) Close() error { return g.db.Close() }

// Keep keeps what user has let app do, in the place of what there was.
func (g *Grants) Keep(ctx context.Context, app, user string, grant *atlassian.Grant) error {
	b, err := grant.Encode()
	if err != nil {
		return err
	}
	return g.db.PutSecret(ctx, grantName(app, user), b)
}

// Drop forgets what user has let app do. It fails with store.ErrNotFound if that
// is nothing. At Atlassian the consent holds until the person takes it back there.
func (g *Grants) Drop(ctx context.Context, app, user string) error {
	return g.db.DropSecret(ctx, grantName(app, user))
}

// List lists all grants.
func (g *Grants) List(ctx context.Context) ([]Consented, error) {
	secrets, err := g.db.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	var out []Consented
	for _, s := range secrets {
		name, ok := strings.CutPrefix(s.Name, grantPrefix)
		if !ok {
			continue
		}
		grant, err := atlassian.ParseGrant(s.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		i := strings.LastIndexByte(name, '/') // a person's name holds none
		out = append(out, Consented{
			App: name[:max(i, 0)], User: name[i+1:], Account: grant.Account, Name: grant.Name, Scopes: grant.Scopes,
			Given: grant.Given, Refreshed: grant.Refreshed, State: grant.State(),
		})
	}
	return out, nil
}
