// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/confluence"
	"github.com/clawea/clawea/internal/datacenter"
	"github.com/clawea/clawea/internal/egress"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/jira"
	"github.com/clawea/clawea/internal/proxy"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/tools"
	"github.com/clawea/clawea/internal/undo"
	"github.com/clawea/clawea/internal/upstream"
	"github.com/clawea/clawea/policy"
)

// connections are the systems that the house is connected to.
type connections struct {
	list      []tools.Connector
	resolvers map[string]registry.Resolver // the same, for publishing
	later     map[string]undo.Connector    // the same, for looking at changes after the fact
	accounts  map[string][]string          // that the house has there, as far as the configuration says
	systems   map[string]upstream.System   // the same as in list, for other servers' tools
	sites     map[string]string            // their base URLs
}

func (c *connections) add(name string, x interface {
	tools.Connector
	registry.Resolver
	undo.Connector
	upstream.System
}, site string) {
	c.list = append(c.list, x)
	c.resolvers[name] = x
	c.later[name] = x
	c.systems[name], c.sites[name] = x, site
}

func connect(c *config.Config, db *store.DB, log *slog.Logger) (*connections, error) {
	out := &connections{resolvers: map[string]registry.Resolver{}, later: map[string]undo.Connector{}, accounts: map[string][]string{}, systems: map[string]upstream.System{}, sites: map[string]string{}}
	if s := c.Confluence; s != nil {
		reach, err := newClients(s, confluence.Operations(), datacenter.Confluence, db, log)
		if err != nil {
			return nil, fmt.Errorf("connect to Confluence: %w", err)
		}
		x, err := confluence.New(confluence.Config{
			Site: s.Site, Read: reach.read, Write: reach.write, Undo: reach.undo, SharedCredential: s.Shared() || s.UndoShared(), AllowRestricted: s.AllowRestricted, Quarantine: s.Quarantine, Log: log,
		})
		if err != nil {
			return nil, fmt.Errorf("connect to Confluence: %w", err)
		}
		out.add("confluence", x, s.Site)
		out.accounts["confluence"] = s.IDs()
	}
	if s := c.Jira; s != nil {
		reach, err := newClients(s, jira.Operations(), datacenter.Jira, db, log)
		if err != nil {
			return nil, fmt.Errorf("connect to Jira: %w", err)
		}
		out.add("jira", jira.New(jira.Config{
			Site: s.Site, Read: reach.read, Write: reach.write, Undo: reach.undo, SharedCredential: s.Shared() || s.UndoShared(), AllowRestricted: s.AllowRestricted, Accounts: s.IDs(), Log: log,
		}), s.Site)
		out.accounts["jira"] = s.IDs()
	}
	return out, nil
}

// catalog lists all that agents can ask of this house: its connectors' tools, those
// of other servers that are no system's, and models in each dialect.
func catalog(c *connections, others *upstream.Set) []policy.Action {
	out := append(tools.Catalog(c.list), proxy.Actions()...)
	for _, s := range others.Servers {
		if s.System == nil {
			out = append(out, s.Actions()...)
		}
	}
	return out
}

// withEgress is a catalog with connections to hosts, if the house has a proxy for them, or
// starts servers that reach some.
func withEgress(c *config.Config, catalog []policy.Action) []policy.Action {
	if c.Egress == nil && !slices.ContainsFunc(c.Upstreams, func(u config.Upstream) bool { return len(u.Hosts) > 0 }) {
		return catalog
	}
	return append(catalog, egress.Connect)
}

// undoTools are the systems for which there is an account that takes changes back.
func undoTools(c *config.Config) []string {
	var out []string
	if c.Confluence != nil && c.Confluence.Undo != nil {
		out = append(out, "confluence")
	}
	if c.Jira != nil && c.Jira.Undo != nil {
		out = append(out, "jira")
	}
	return out
}

// routes says which model providers agents can be pointed at.
func routes(c *config.Config) []api.Route {
	var out []api.Route
	for _, m := range c.Providers {
		out = append(out, api.Route{Name: m.Name, Dialect: m.Dialect})
	}
	return out
}

func newProxy(c *config.Config, g *gate.Gate, d *gate.Door, log *slog.Logger) http.Handler {
	p := &proxy.Proxy{Gate: g, Door: d, Prices: prices(c), Limits: limits(&c.Limits), Log: log}
	for _, m := range c.Providers {
		p.Routes = append(p.Routes, proxy.Route{Name: m.Name, Dialect: m.Dialect, BaseURL: m.BaseURL, Key: m.Key.Get, Headers: m.Headers, Trace: m.Trace})
	}
	return p
}

func limits(l *config.Limits) proxy.Limits {
	return proxy.Limits{
		JobCalls: l.JobCalls, AgentCalls: l.AgentCalls, Request: l.Request, Answer: l.Answer,
		Read: time.Duration(l.Read), Header: time.Duration(l.Header), Idle: time.Duration(l.Silence),
	}
}
