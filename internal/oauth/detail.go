// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const detailType = "clawea_wpc"

// A detail is the one entry of authorization_details (RFC 9396): what a token
// is ordered for, and in the answer what it was issued for.
type detail struct {
	Type      string          `json:"type"`
	Policy    seal.Hash       `json:"policy_hash,omitzero"`
	Agent     string          `json:"agent,omitempty"`
	Job       string          `json:"job,omitempty"`
	Actions   []string        `json:"actions,omitzero"`
	Resources []string        `json:"resources,omitzero"`
	Limits    map[string]int  `json:"limits,omitzero"`
	TTL       *int            `json:"ttl_seconds,omitzero"`
	Ticket    string          `json:"ticket,omitempty"`
	Runtime   *policy.Runtime `json:"runtime,omitzero"`

	// Attestation is of an order only: what was issued says in Runtime on which it stands.
	Attestation *seal.Envelope `json:"attestation,omitzero"`
}

// maxTTL bounds ttl_seconds: more would not fit a Duration. Policies permit less.
const maxTTL = 365 * 24 * 60 * 60

// readDetail reads authorization_details: one object of our type, with nothing
// in it that this house does not know (RFC 9396 section 5).
func readDetail(text string) (*detail, error) {
	if text == "" {
		return nil, bad(invalidDetails, `authorization_details is missing: say what the token is for, [{"type":"clawea_wpc","policy_hash":"sha256:..."}]`)
	}
	var types []struct {
		Type string `json:"type"`
	}
	if err := seal.Glance([]byte(text), &types); err != nil {
		return nil, bad(invalidDetails, "authorization_details: "+err.Error())
	}
	if len(types) != 1 || types[0].Type != detailType {
		return nil, bad(invalidDetails, "authorization_details must be a list of one object, of type clawea_wpc")
	}
	var list []detail
	if err := seal.Unmarshal([]byte(text), &list); err != nil {
		return nil, bad(invalidDetails, "authorization_details: "+err.Error())
	}
	return &list[0], list[0].check()
}

func (d *detail) check() error {
	switch {
	case d.Policy.IsZero():
		return bad(invalidDetails, "authorization_details: policy_hash is missing")
	case (d.Actions == nil) != (d.Resources == nil) || d.Limits != nil && d.Actions == nil:
		return bad(invalidDetails, "authorization_details: actions and resources go together, and limits with them; leave them out for all that the policy holds")
	case d.TTL != nil && (*d.TTL < 1 || *d.TTL > maxTTL):
		return bad(invalidDetails, "authorization_details: ttl_seconds must be 1 or more, and no more than the policy permits")
	}
	return nil
}

// A bound is what somebody may order.
type bound struct {
	agents   []string
	policies []seal.Hash // nil: any
}

// An orderer is who orders, and all the bounds that hold for it.
type orderer struct {
	name   string
	bounds []bound // at least one
}

// detail reads what is ordered. Who may order under one policy only need not say which:
// clients that know nothing of authorization_details, MCP's among them, cannot.
func (o *orderer) detail(text string) (*detail, error) {
	if own := o.bounds[0].policies; text == "" && len(own) == 1 {
		return &detail{Type: detailType, Policy: own[0]}, nil
	}
	return readDetail(text)
}

// order puts d into the issuer's terms, within what o may order.
func (o *orderer) order(d *detail) (*issuer.Order, error) {
	agent := d.Agent
	if own := o.bounds[0].agents; agent == "" && len(own) == 1 {
		agent = own[0]
	}
	if agent == "" {
		return nil, bad(invalidDetails, "authorization_details: agent is missing, and there are several to choose from")
	}
	for _, b := range o.bounds {
		if !slices.Contains(b.agents, agent) {
			return nil, bad(invalidDetails, "authorization_details: agent: "+o.name+" may not order for it")
		}
		if b.policies != nil && !slices.ContainsFunc(b.policies, d.Policy.Equal) {
			return nil, bad(invalidDetails, "authorization_details: policy_hash: "+o.name+" may not order under it")
		}
	}
	out := &issuer.Order{Agent: agent, Job: d.Job, Policy: d.Policy, Runtime: d.Runtime, Ticket: d.Ticket, Client: o.name, Attestation: d.Attestation}
	if out.Job == "" {
		out.Job = newJob()
	}
	if d.TTL != nil {
		out.TTL = time.Duration(*d.TTL) * time.Second
	}
	if d.Actions != nil {
		out.Grant = &policy.Grant{Actions: d.Actions, Resources: d.Resources, Limits: d.Limits}
		if out.Grant.Limits == nil {
			out.Grant.Limits = map[string]int{}
		}
	}
	return out, nil
}

// newJob names a job that nobody has.
func newJob() string {
	b := make([]byte, 10)
	rand.Read(b) // never fails (crypto/rand since Go 1.24)
	return "job-" + hex.EncodeToString(b)
}

// granted says what a token was issued for, in the terms of an order
// (RFC 9396 section 7).
func granted(c *token.Claims) []detail {
	g, ttl := c.Grant(), int(c.Expires-c.Issued)
	return []detail{{
		Type: detailType, Policy: c.Policy, Agent: c.Agent, Job: c.Job,
		Actions: g.Actions, Resources: g.Resources, Limits: g.Limits,
		TTL: &ttl, Ticket: c.Ticket, Runtime: c.Runtime,
	}}
}
