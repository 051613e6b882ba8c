// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
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
	// SharedCredential says that Read and Write act by the same credential, so
	// that policies which want them apart can deny.
	SharedCredential bool
	// AllowRestricted lets agents at pages that a read restriction, on them or
	// above them, keeps from some people. Without it such pages are refused: the
	// house's account may see what the person behind the agent may not.
	AllowRestricted bool
	Log             *slog.Logger // if nil, nothing is logged
}

// A Connector plans and carries out calls of the confluence tools. It is safe
// for concurrent use.
type Connector struct {
	site            string
	read, write     *atlassian.Client
	shared          bool
	allowRestricted bool
	log             *slog.Logger
}

// New returns a connector. It sends nothing.
func New(c Config) (*Connector, error) {
	switch {
	case c.Site == "":
		return nil, errors.New("confluence has no site: name it, such as https://example.atlassian.net")
	case c.Read == nil:
		return nil, errors.New("confluence has no read credential: configure one")
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Connector{
		site: strings.TrimRight(c.Site, "/"), read: c.Read, write: c.Write,
		shared: c.SharedCredential, allowRestricted: c.AllowRestricted, log: log,
	}, nil
}

// Name returns "confluence".
func (c *Connector) Name() string { return name }

// Plan reads the arguments of an action ("page.get") and puts the call in
// policy terms. It changes nothing upstream. Its errors are *gate.Fault, unless
// the caller hung up or the house cannot get at its own credential.
func (c *Connector) Plan(ctx context.Context, action string, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	switch action {
	case actionGet:
		return c.planGet(ctx, args, bounds)
	case actionSearch:
		return c.planSearch(ctx, args, bounds)
	case actionCreate:
		return c.planCreate(ctx, args, bounds)
	case actionUpdate:
		return c.planUpdate(ctx, args, bounds)
	}
	return nil, fault("bad_argument", "there is no action %s.%s; list the tools", name, atlassian.Clean(action, 40))
}

// call is the beginning of every call in policy terms.
func (c *Connector) call(action string, class policy.Class) *policy.Call {
	credential := "read"
	if class == policy.Write {
		credential = "write"
	}
	if c.shared {
		credential = "shared"
	}
	return &policy.Call{
		Tool: name, Action: action, Class: class, Mode: "official_api", Credential: credential, Privilege: c.privilege(class), Site: c.site,
	}
}

// The granular scopes that this connector's requests need, by what they are for.
var (
	readScopes = []string{
		"read:page:confluence",
		"read:space:confluence",
		"read:folder:confluence",
		"read:content.metadata:confluence",
		"read:content-details:confluence",
		"read:content.permission:confluence",
		"read:hierarchical-content:confluence",
		"search:confluence",
	}
	writeScopes = []string{
		"write:page:confluence",
		"write:comment:confluence",
		"write:label:confluence",
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

// url is the address of a page for people.
func (c *Connector) url(spaceKey, pageID string) string {
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
