// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/confluence"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/jira"
	"github.com/clawea/clawea/internal/proxy"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/tools"
	"github.com/clawea/clawea/policy"
)

// connections are the systems that the house is connected to.
type connections struct {
	list      []tools.Connector
	resolvers map[string]registry.Resolver // the same, for publishing
}

func (c *connections) add(name string, x interface {
	tools.Connector
	registry.Resolver
}) {
	c.list = append(c.list, x)
	c.resolvers[name] = x
}

func connect(c *config.Config, log *slog.Logger) (*connections, error) {
	out := &connections{resolvers: map[string]registry.Resolver{}}
	if s := c.Confluence; s != nil {
		read, write, err := clients(s, log)
		if err != nil {
			return nil, fmt.Errorf("connect to Confluence: %w", err)
		}
		x, err := confluence.New(confluence.Config{
			Site: s.Site, Read: read, Write: write, SharedCredential: s.Shared(), AllowRestricted: s.AllowRestricted, Log: log,
		})
		if err != nil {
			return nil, fmt.Errorf("connect to Confluence: %w", err)
		}
		out.add("confluence", x)
	}
	if s := c.Jira; s != nil {
		read, write, err := clients(s, log)
		if err != nil {
			return nil, fmt.Errorf("connect to Jira: %w", err)
		}
		out.add("jira", jira.New(jira.Config{
			Site: s.Site, Read: read, Write: write, SharedCredential: s.Shared(), AllowRestricted: s.AllowRestricted, Log: log,
		}))
	}
	return out, nil
}

// clients returns a site's reading and writing client; the second is nil if
// nothing may be written there.
func clients(s *config.Site, log *slog.Logger) (read, write *atlassian.Client, err error) {
	base := cmp.Or(s.API, s.Site)
	if read, err = client(base, s.Read, log); err != nil {
		return nil, nil, err
	}
	if s.Write != nil {
		write, err = client(base, s.Write, log)
	}
	return read, write, err
}

func client(base string, a *config.Account, log *slog.Logger) (*atlassian.Client, error) {
	return atlassian.New(atlassian.Config{
		BaseURL: base, Scopes: a.Scopes, Log: log,
		Credential: func(context.Context) (atlassian.Credential, error) {
			secret, err := a.Token.Get()
			if err != nil {
				return atlassian.Credential{}, err
			}
			if a.Email == "" {
				return atlassian.Bearer(secret), nil
			}
			return atlassian.Basic(a.Email, secret), nil
		},
	})
}

// catalog lists all that agents can ask of this house: its connectors' tools,
// and models in each dialect.
func catalog(c *connections) []policy.Action {
	return append(tools.Catalog(c.list), proxy.Actions()...)
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
