// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"net/http"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/token"
)

type agentsPage struct {
	frame
	Agents []store.Agent
	Ended  map[string]bool // agents that are revoked
	Next   string          // the name that the next page begins behind
}

func (c *Console) agents(w http.ResponseWriter, r *http.Request) {
	f := formOf(r)
	if f.wrong != "" {
		c.refuse(w, r, f.wrong)
		return
	}
	list, err := c.DB.Agents(r.Context(), f.Field("after"), perPage+1)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	orders, err := c.DB.Revocations(r.Context(), false, 1000)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	p := &agentsPage{frame: c.frame(r, "Agents"), Agents: list, Ended: map[string]bool{}}
	for _, o := range orders {
		if o.Kind == token.RevokeAgent {
			p.Ended[o.Target] = true
		}
	}
	if len(list) > perPage {
		p.Agents, p.Next = list[:perPage], list[perPage-1].Name
	}
	c.show(w, r, "agents", p)
}

type revocationsPage struct {
	frame
	All    bool
	Orders []store.Revocation
}

func (c *Console) revocations(w http.ResponseWriter, r *http.Request) {
	p := &revocationsPage{frame: c.frame(r, "Revocations"), All: r.URL.Query().Get("all") == "true"}
	var err error
	if p.Orders, err = c.DB.Revocations(r.Context(), p.All, 200); err != nil {
		c.fail(w, r, err)
		return
	}
	c.show(w, r, "revocations", p)
}

type settingsPage struct {
	frame
	Sections []Section
	Servers  []mcpServer
	Checks   []Check
}

// An mcpServer is an MCP server, and what policies say of it.
type mcpServer struct {
	Server
	Pins int // policies that pin one of this name
	Now  int // and those of them that pin it as it was seen last
}

// State is a word for how the server is.
func (s mcpServer) State() string {
	switch {
	case !s.Failed.IsZero():
		return "failed"
	case s.Seen.IsZero():
		return "not asked yet"
	}
	return "there"
}

// servers tells what is known of MCP servers, and which policies pin them.
func (c *Console) servers(ctx context.Context) ([]mcpServer, error) {
	if c.Servers == nil {
		return nil, nil
	}
	var out []mcpServer
	for _, s := range c.Servers() {
		out = append(out, mcpServer{Server: s})
	}
	if out == nil {
		return nil, nil
	}
	list, err := c.Policies.List(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Entry == nil { // it does not verify, and lets nothing be used
			continue
		}
		for _, pin := range list[i].Entry.Bound.Servers {
			for j := range out {
				if s := &out[j]; s.Name == pin.Name {
					s.Pins++
					if pin.Identity.Equal(s.Identity) {
						s.Now++
					}
				}
			}
		}
	}
	return out, nil
}

func (c *Console) settings(w http.ResponseWriter, r *http.Request) {
	p := &settingsPage{frame: c.frame(r, "Settings"), Checks: c.checks(r.Context())}
	if c.Settings != nil {
		p.Sections = c.Settings()
	}
	var err error
	if p.Servers, err = c.servers(r.Context()); err != nil {
		c.fail(w, r, err)
		return
	}
	c.show(w, r, "settings", p)
}

// MayPeople reports whether the link to the people leads anywhere for who looks.
func (p *settingsPage) MayPeople() bool { return p.Person.may(admins) }

// An Account is somebody who has logged in.
type Account struct {
	ID, Key, Name string // Key is the name of their keys
	Roles         []string
	Entered       time.Time // when they logged in last
	Sessions      int       // that are open
	Passkeys      []Passkey
}

type peoplePage struct {
	frame
	Accounts []Account
	Next     string // the key name that the next page begins behind
}

// people lists who has logged in. What is done about them, internal/login does: its
// doors take the page's forms, and look again who sends them.
func (c *Console) people(w http.ResponseWriter, r *http.Request) {
	f := formOf(r)
	if f.wrong != "" {
		c.refuse(w, r, f.wrong)
		return
	}
	p := &peoplePage{frame: c.frame(r, "People")}
	if c.Accounts == nil {
		c.show(w, r, "people", p)
		return
	}
	var err error
	if p.Accounts, err = c.Accounts(r.Context(), f.Field("after"), perPage+1); err != nil {
		c.fail(w, r, err)
		return
	}
	if len(p.Accounts) > perPage {
		p.Accounts, p.Next = p.Accounts[:perPage], p.Accounts[perPage-1].Key
	}
	c.show(w, r, "people", p)
}
