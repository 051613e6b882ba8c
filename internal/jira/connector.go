// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package jira lets agents search, read, create and comment on the issues of one
// Jira Cloud site, in the gate's terms: it says what a request would touch
// ([Connector.Plan]) and carries out what was allowed. It knows no tokens and
// no policies.
//
// Three habits keep it inside what a policy names. Whatever an agent gives as a
// name (an issue's key, a project's key, a field's name) is resolved to Jira's
// immutable id before anything is decided, and the answer's own project counts,
// not the key that was asked for: issues move. A query of an agent's is never
// sent as it came, but parsed, bounded and written anew, and each hit is held to
// the bound again. Issues count by the id of their type, too, and a field that
// may not be read is neither fetched nor searched or sorted by. And what is written is written by this package: field values
// and documents are read against a list of what is harmless and encoded afresh.
//
// Text that comes out of issues is other people's and may speak to the agent;
// results say so ("untrusted").
package jira

import (
	"context"
	"log/slog"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
)

// maxArgs bounds the arguments of a call, in bytes.
const maxArgs = 256 << 10

// Config sets up a connector.
type Config struct {
	Site  string            // whose ids policies are bound to: the site's base URL, without a slash at the end
	Read  *atlassian.Client // must be set
	Write *atlassian.Client // if nil, writing is disabled
	// SharedCredential says that Read and Write act by the same credential, which
	// a policy that wants them separate then refuses.
	SharedCredential bool
	// AllowRestricted also shows issues that a security level hides from some
	// people. Without it they are refused: the reading account may see what the
	// person behind the agent may not.
	AllowRestricted bool
	Log             *slog.Logger // if nil, nothing is logged
}

// A Connector reaches one Jira site. It is safe for concurrent use.
type Connector struct {
	site            string
	read, write     *atlassian.Client
	shared          bool
	allowRestricted bool
	log             *slog.Logger
}

// New returns a connector. It sends nothing.
func New(c Config) *Connector {
	out := &Connector{
		site: strings.TrimRight(c.Site, "/"), read: c.Read, write: c.Write,
		shared: c.SharedCredential, allowRestricted: c.AllowRestricted, log: c.Log,
	}
	if out.log == nil {
		out.log = slog.New(slog.DiscardHandler)
	}
	return out
}

// Name returns "jira", the tool's name in policies.
func (c *Connector) Name() string { return tool }

const tool = "jira"

// The actions, as policies name them.
const (
	actionSearch  = "issue.search"
	actionGet     = "issue.get"
	actionCreate  = "issue.create"
	actionComment = "issue.comment.create"
)

// Plan puts a call in policy terms: action is its name ("issue.get", or in full
// "jira.issue.get"), args its JSON arguments, bounds what the policy names. It
// reads what it needs for that, and changes nothing. Errors are *gate.Fault.
func (c *Connector) Plan(ctx context.Context, action string, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if len(args) > maxArgs {
		return nil, fault("bad_argument", "the arguments are longer than %d bytes; shorten them", maxArgs)
	}
	switch strings.TrimPrefix(action, tool+".") {
	case actionSearch:
		return c.planSearch(ctx, args, bounds)
	case actionGet:
		return c.planGet(ctx, args, bounds)
	case actionCreate:
		return c.planCreate(ctx, args)
	case actionComment:
		return c.planComment(ctx, args)
	}
	return nil, fault("bad_argument", "jira has no action %q; use one of %s", short(action), strings.Join(actionNames(), ", "))
}

func actionNames() []string {
	return []string{actionSearch, actionGet, actionCreate, actionComment}
}

// call begins a call in policy terms.
func (c *Connector) call(action string, class policy.Class) *policy.Call {
	credential := "read"
	switch {
	case c.shared:
		credential = "shared"
	case class == policy.Write:
		credential = "write"
	}
	return &policy.Call{
		Tool: tool, Action: action, Class: class, Mode: "official_api", Credential: credential, Privilege: c.privilege(class), Site: c.site,
	}
}

// The granular scopes that this connector's requests need, by what they are for.
var (
	readScopes = []string{
		"read:issue-details:jira",
		"read:issue-meta:jira",
		"read:field:jira",
		"read:issue.changelog:jira",
		"read:permission:jira",
		"read:project:jira",
		"read:user:jira",
		"read:comment:jira",
	}
	writeScopes = []string{
		"write:issue:jira",
		"write:comment:jira",
	}
)

// privilege is "least" if the credential that acts is declared to have no more
// scopes than its use needs.
func (c *Connector) privilege(class policy.Class) string {
	client, need := c.read, readScopes
	if class == policy.Write {
		client, need = c.write, writeScopes
	}
	if client != nil && client.HasOnly(need) {
		return "least"
	}
	return ""
}

// writable fails where the site is read only.
func (c *Connector) writable() error {
	if c.write == nil {
		return fault("write_disabled", "writing to Jira is disabled here; an operator enables it by configuring a write credential")
	}
	return nil
}

// resource is the issue as a resource: it lies in its project.
func (i *place) resource(version string) policy.Resource {
	return policy.Resource{Type: "issue", ID: i.ID, Version: version, Path: i.Project.path()}
}

func (p *project) path() []policy.Place { return []policy.Place{{ID: p.ID, Name: p.Key}} }

func (p *project) resource() policy.Resource {
	return policy.Resource{Type: "project", ID: p.ID, Path: p.path()}
}

// categories says what else writing into the project is: where customers are
// served, they get mail about it.
func (p *project) categories() []string {
	switch p.TypeKey {
	case "software", "business", "product_discovery":
		return nil
	}
	return []string{"external_send"}
}
