// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/config"
)

// Configured returns what the configuration says of a desk: the caller adds DB, Key,
// Registry, Self, Refuse, Now and Log.
func Configured(c *config.Config) Config {
	taken := named(c)
	out := Config{
		URL: c.URL, Local: c.Login.Local(), Idle: time.Duration(c.Login.Idle), Longest: time.Duration(c.Login.Longest),
		Reserved: func(name string) bool { return taken[strings.ToLower(name)] },
		Listed:   func(name string) []string { return listed(c, name) },
	}
	for _, p := range c.Login.Providers {
		roles := map[Role][]string{}
		for role, values := range p.Roles {
			roles[Role(role)] = values
		}
		out.Providers = append(out.Providers, Provider{
			Name: p.Name, Title: p.Title, Issuer: p.Issuer, Tenant: p.Tenant, ClientID: p.ClientID, Secret: p.ClientSecret.Get, Scopes: p.Scopes,
			NameClaim: p.NameClaim, Names: p.Names, RolesClaim: p.RolesClaim, Roles: roles, GroupsClaim: p.GroupsClaim, Groups: p.Groups,
			ACR: p.StepUp.ACR, MaxAge: time.Duration(p.StepUp.MaxAge),
		})
	}
	return out
}

// named are the names in the configuration, in lower case: those under which somebody
// acts who need not log in, with a key file, a token or a client's secret; and those of
// the groups' people. Papers tell people apart by name, so nobody may get one of these by
// what a provider says.
func named(c *config.Config) map[string]bool {
	taken := map[string]bool{}
	take := func(name string) { taken[strings.ToLower(name)] = true }
	for _, k := range keysOf(c) {
		take(k.Name())
	}
	for _, o := range c.Operators {
		take(o.Name)
	}
	for _, cl := range c.Clients {
		take(cl.ID)
	}
	for _, id := range c.Identities {
		take(id.Name)
	}
	for _, names := range c.Groups {
		for _, name := range names {
			take(name)
		}
	}
	return taken
}

// keysOf are all keys of people in the configuration.
func keysOf(c *config.Config) []config.Key {
	keys := slices.Concat(c.People, c.Authors)
	for _, e := range c.Environments {
		keys = append(keys, e.Approvers...)
	}
	if c.BreakGlass != nil {
		keys = append(keys, c.BreakGlass.Approvers...)
	}
	return keys
}

// listed are the texts of the keys in the configuration that have a name.
func listed(c *config.Config, name string) []string {
	var out []string
	for _, k := range keysOf(c) {
		if strings.EqualFold(k.Name(), name) {
			out = append(out, k.Text)
		}
	}
	return out
}
