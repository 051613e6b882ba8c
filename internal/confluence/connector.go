// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

const name = "confluence"

// Config is a Confluence site and what reaches it.
type Config struct {
	// Site is the site's identity in policies and receipts, and the beginning of
	// the links that agents get: "https://example.atlassian.net".
	Site string
	// Read is the credential that looks. It must be set.
	Read *atlassian.Client
	// Write is the credential that writes; nil disables writing.
	Write *atlassian.Client
	// Undo is the credential that takes changes back; nil disables that.
	Undo *atlassian.Client
	// SharedCredential says that two of the credentials are one, so that policies
	// which want reading and writing apart can deny.
	SharedCredential bool
	// AllowRestricted lets agents at pages that a read restriction, on them or
	// above them, keeps from some people. Without it such pages are refused: the
	// house's account may see what the person behind the agent may not.
	AllowRestricted bool
	// Quarantine is the id of a page below which pages go that an undo would put
	// into the trash, but must not: others have worked on them. "" for none.
	Quarantine string
	Log        *slog.Logger // if nil, nothing is logged
}

// A Connector plans and carries out calls of the confluence tools. It is safe
// for concurrent use.
type Connector struct {
	site              string
	read, write, undo *atlassian.Client
	shared            bool
	allowRestricted   bool
	quarantine        string
	needs             map[string][]string // that a credential's use needs
	looks             []time.Duration     // the waits before each look at what became of a write without an answer
	log               *slog.Logger
}

// New returns a connector. It sends nothing.
func New(c Config) (*Connector, error) {
	switch {
	case c.Site == "":
		return nil, errors.New("confluence has no site: name it, such as https://example.atlassian.net")
	case c.Read == nil:
		return nil, errors.New("confluence has no read credential: configure one")
	case c.Quarantine != "" && !isID(c.Quarantine):
		return nil, errors.New("confluence's quarantine is not the id of a page: write its digits")
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ops := Operations()
	needs := map[string][]string{}
	for _, use := range []string{atlassian.ForReading, atlassian.ForWriting, atlassian.ForUndoing} {
		needs[use] = atlassian.Scopes(ops, use)
	}
	return &Connector{
		site: strings.TrimRight(c.Site, "/"), read: c.Read, write: c.Write, undo: c.Undo, shared: c.SharedCredential,
		allowRestricted: c.AllowRestricted, quarantine: c.Quarantine, needs: needs,
		looks: []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, log: log,
	}, nil
}

// Name returns "confluence".
func (c *Connector) Name() string { return name }

// Plan reads the arguments of an action ("page.get") and puts the call in
// policy terms. It changes nothing upstream. Its errors are *gate.Fault, unless
// the caller hung up or the house cannot get at its own credential.
func (c *Connector) Plan(ctx context.Context, action string, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	if plan := c.planner(action); plan != nil {
		if err := undoing(ctx, args); err != nil {
			return nil, err
		}
		return plan(ctx, args, bounds)
	}
	if o, ok := operation(action); ok {
		return nil, fault("not_offered", "%s.%s is not offered: %s; have a person do it", name, action, strings.ToLower(o.Title[:1])+o.Title[1:])
	}
	return nil, fault("bad_argument", "there is no action %s.%s; list the tools", name, atlassian.Clean(action, 40))
}

// undoing refuses what says that it takes something back, unless the house's own
// undoing asks for it, before anything is read: the undo credential is for that
// alone. Arguments that cannot be read are for the planner to refuse.
func undoing(ctx context.Context, args []byte) error {
	var given struct {
		Undoes string `json:"undoes"`
	}
	if seal.Glance(args, &given) == nil && given.Undoes != "" && gate.Agent(ctx) != receipt.Undoer {
		return fault("not_undoing", "undoes: this job takes nothing back; leave it away")
	}
	return nil
}

type planner func(context.Context, []byte, []policy.Bound) (*gate.Plan, error)

// planner returns what plans calls of an action, or nil.
func (c *Connector) planner(action string) planner {
	return map[string]planner{
		actionGet:           c.planGet,
		actionChildren:      c.planChildren,
		actionLabels:        c.planLabels,
		actionComments:      c.planComments,
		actionAttachments:   c.planAttachments,
		actionAttachment:    c.planAttachment,
		actionRestrictions:  c.planRestrictions,
		actionVersions:      c.planVersions,
		actionVersion:       c.planVersion,
		actionSearch:        c.planSearch,
		actionCreate:        c.planCreate,
		actionUpdate:        c.planUpdate,
		actionEdit:          c.planEdit,
		actionLabelAdd:      c.planLabelAdd,
		actionLabelRemove:   c.planLabelRemove,
		actionComment:       c.planComment,
		actionMove:          c.planMove,
		actionRestore:       c.planRestore,
		actionTrash:         c.planTrash,
		actionUntrash:       c.planUntrash,
		actionCommentDelete: c.planCommentDelete,
	}[action]
}

// call is the beginning of every call in policy terms: of an action that the
// credential for use carries out.
func (c *Connector) call(action string, class policy.Class, use string) *policy.Call {
	credential := "read"
	if class == policy.Write || class == policy.Admin {
		credential = "write"
	}
	if c.shared {
		credential = "shared"
	}
	return &policy.Call{
		Tool: name, Action: action, Class: class, Mode: "official_api", Credential: credential, Privilege: c.privilege(use), Site: c.site,
	}
}

// privilege is "least" if the credential that acts is declared to have no more
// scopes than its use needs.
func (c *Connector) privilege(use string) string {
	if client := c.client(use); client != nil && client.HasOnly(c.needs[use]) {
		return "least"
	}
	return ""
}

// client is the one that acts by the credential for use, or nil.
func (c *Connector) client(use string) *atlassian.Client {
	switch use {
	case atlassian.ForWriting:
		return c.write
	case atlassian.ForUndoing:
		return c.undo
	}
	return c.read
}

// url is the address of a page for people.
func (c *Connector) url(spaceKey, pageID string) string {
	if !c.read.IsCloud() {
		return c.site + "/pages/viewpage.action?pageId=" + pageID
	}
	return c.site + "/wiki/spaces/" + atlassian.Segment(spaceKey) + "/pages/" + pageID
}

// encode writes a result or request of our own making, which has no text that
// is not UTF-8, since it was read by strict readers.
func encode(v any) ([]byte, error) {
	b, err := seal.Marshal(v)
	if err != nil {
		return nil, fault("upstream", "the text cannot be written as JSON; it has characters that are not Unicode")
	}
	return b, nil
}
