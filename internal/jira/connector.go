// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package jira lets agents search, read and change the issues of one Jira Cloud
// site, in the gate's terms: it says what a request would touch
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
// A change says beforehand what it sends, what was there and how it is taken back
// (receipt.Change), carries the receipt's name into Jira where Jira has a place
// for it, and is read back. All that is known of the operations stands in one
// table ([Operations]).
//
// Text that comes out of issues is other people's and may speak to the agent;
// results say so ("untrusted").
package jira

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// maxArgs bounds the arguments of a call, in bytes.
const maxArgs = 256 << 10

// Config sets up a connector.
type Config struct {
	Site  string            // whose ids policies are bound to: the site's base URL, without a slash at the end
	Read  *atlassian.Client // must be set
	Write *atlassian.Client // if nil, writing is disabled
	Undo  *atlassian.Client // takes changes back; if nil, that is disabled
	// SharedCredential says that Read and Write act by the same credential, which
	// a policy that wants them separate then refuses.
	SharedCredential bool
	// AllowRestricted also shows issues that a security level hides from some
	// people. Without it they are refused: the reading account may see what the
	// person behind the agent may not.
	AllowRestricted bool
	// Accounts are the site's ids of the accounts that this house has there, as far
	// as they are known: what they changed is this house's, whichever of its processes
	// did it, and when.
	Accounts []string
	Log      *slog.Logger // if nil, nothing is logged
}

// A Connector reaches one Jira site. It is safe for concurrent use.
type Connector struct {
	site              string
	read, write, undo *atlassian.Client
	shared            bool
	allowRestricted   bool
	log               *slog.Logger
	rows              []row
	turns             turns
	lists             fieldLists
	written           writtenLog
	accounts          []string      // of this house, as configured
	acted             sync.Map      // accounts that changed something for this house since its start
	pause             time.Duration // between looks for what became of a change
	now               func() time.Time
}

// New returns a connector. It sends nothing.
func New(c Config) *Connector {
	out := &Connector{
		site: strings.TrimRight(c.Site, "/"), read: c.Read, write: c.Write, undo: c.Undo,
		shared: c.SharedCredential, allowRestricted: c.AllowRestricted, accounts: slices.Clone(c.Accounts), log: c.Log,
		rows: table(), pause: lookPause, now: time.Now,
	}
	if out.log == nil {
		out.log = slog.New(slog.DiscardHandler)
	}
	return out
}

// Name returns "jira", the tool's name in policies.
func (c *Connector) Name() string { return tool }

const tool = "jira"

// Plan puts a call in policy terms: action is its name ("issue.get", or in full
// "jira.issue.get"), args its JSON arguments, bounds what the policy names. It
// reads what it needs for that, and changes nothing. Errors are *gate.Fault.
func (c *Connector) Plan(ctx context.Context, action string, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if len(args) > maxArgs {
		return nil, fault("bad_argument", "the arguments are longer than %d bytes; shorten them", maxArgs)
	}
	r := c.find(strings.TrimPrefix(action, tool+"."))
	switch {
	case r == nil:
		return nil, fault("bad_argument", "jira has no action %q; use one of %s", short(action), strings.Join(c.offered(), ", "))
	case !r.Offered:
		return nil, fault("not_offered", "jira does not carry out %s: %s", r.Name, r.Limits)
	}
	return r.plan(c, ctx, args, bounds)
}

// call begins a call that reads, in policy terms.
func (c *Connector) call(action string, class policy.Class) *policy.Call {
	return c.callBy(action, class, atlassian.ForReading)
}

// callBy begins a call whose credential has this use.
func (c *Connector) callBy(action string, class policy.Class, use string) *policy.Call {
	credential := "write"
	switch {
	case c.shared:
		credential = "shared"
	case use == atlassian.ForReading:
		credential = "read"
	}
	return &policy.Call{
		Tool: tool, Action: action, Class: class, Mode: "official_api", Credential: credential, Privilege: c.privilege(use), Site: c.site,
	}
}

// privilege is "least" if the credential that acts is declared to have no more
// scopes than the table says that its use needs.
func (c *Connector) privilege(use string) string {
	client := c.client(use)
	if client != nil && client.HasOnly(atlassian.Scopes(Operations(), use)) {
		return "least"
	}
	return ""
}

func (c *Connector) client(use string) *atlassian.Client {
	switch use {
	case atlassian.ForWriting:
		return c.write
	case atlassian.ForUndoing:
		return c.undo
	}
	return c.read
}

// use is the credential's use for a change that takes back undoes, or nothing. It
// fails where there is no such credential, and for a job that takes nothing back.
func (c *Connector) use(ctx context.Context, undoes string) (string, error) {
	switch {
	case undoes == "" && c.write == nil:
		return "", fault("write_disabled", "writing to Jira is disabled here; an operator enables it by configuring a write credential")
	case undoes == "":
		return atlassian.ForWriting, nil
	case gate.Agent(ctx) != receipt.Undoer:
		return "", fault("not_undoing", "undoes: this job takes nothing back; leave it away")
	case c.undo == nil:
		return "", fault("undo_disabled", "taking back changes in Jira is disabled here; an operator enables it by configuring an undo credential")
	case !receiptName.MatchString(undoes):
		return "", fault("bad_argument", "undoes: %q names no receipt; write JOB/SEQ", short(undoes))
	}
	return atlassian.ForUndoing, nil
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
