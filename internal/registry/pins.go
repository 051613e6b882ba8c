// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// Upstreams asks upstream MCP servers who they are and what tools they have.
// internal/upstream fills it.
type Upstreams interface {
	// Pins returns the servers that p may let agents use, as they are now, in the order
	// that a binding has them in, and the texts behind all their digests. It fails, with
	// the server's name and what mends it, if one cannot be asked.
	Pins(ctx context.Context, p *policy.Policy) ([]policy.Server, []Definition, error)
}

// A ServerError says which MCP server keeps a policy from being published, and what
// mends that: the policy need not be changed.
type ServerError struct{ Err error }

// Error is what is wrong with the server, in one or two lines.
func (e *ServerError) Error() string { return e.Err.Error() }

// Unwrap is what the server's client says.
func (e *ServerError) Unwrap() error { return e.Err }

// A Definition is what a server says of itself or of a tool, in canonical JSON, and
// SHA-256 of that.
type Definition struct {
	Digest seal.Hash
	Body   []byte
}

// The bounds of what servers may say.
const (
	MaxDefinition  = 64 << 10 // bytes of one definition
	MaxDefinitions = 16 << 20 // bytes of all that a policy pins
)

// ask asks the servers that p may let agents use, and returns what they say by its
// digest, nothing of which is missing or more than it may be. Where p uses none, or
// the house has none, there are none. Its errors are two lines for people.
func (r *Registry) ask(ctx context.Context, p *policy.Policy) ([]policy.Server, map[seal.Hash][]byte, error) {
	if !p.Upstream() || r.Upstreams == nil {
		return nil, nil, nil
	}
	servers, said, err := r.Upstreams.Pins(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	if p.CheckServers(servers) != nil {
		return nil, nil, fmt.Errorf("what the MCP servers say of themselves cannot be pinned: a tool is there twice, its name is no plain word, or there are more than %d\nleave the server out of the configuration", policy.MaxServerTools)
	}
	texts := make(map[seal.Hash][]byte, len(said))
	for _, d := range said {
		texts[d.Digest] = d.Body
	}
	total := 0
	for _, d := range digests(servers) {
		body := texts[d.of]
		if err := checkDefinition(d.of, body); err != nil {
			return nil, nil, fmt.Errorf("what %s says of itself %w\nleave the server out of the configuration, or have it say less", d.whose, err)
		}
		total += len(body)
	}
	if total > MaxDefinitions {
		return nil, nil, fmt.Errorf("what the MCP servers say of themselves is %d bytes, and at most %d fit\nleave some of them out of the configuration", total, MaxDefinitions)
	}
	return servers, texts, nil
}

// A pinned is a digest, and whose it is.
type pinned struct {
	of    seal.Hash
	whose string
}

// Shown names servers and extensions as they are to somebody, for [Drafts.PublishShown]; ""
// if there are none.
func Shown(servers []policy.Server, xs []policy.Extension) string {
	b, err := seal.Marshal(&policy.Binding{Servers: servers, Extensions: xs})
	if len(servers)+len(xs) == 0 || err != nil {
		return ""
	}
	return seal.Sum(b).String()
}

// digests are all that pins servers.
func digests(servers []policy.Server) []pinned {
	var out []pinned
	for _, s := range servers {
		out = append(out, pinned{s.Identity, fmt.Sprintf("the MCP server %+.100q", s.Name)})
		for _, t := range s.Tools {
			out = append(out, pinned{t.Definition, fmt.Sprintf("the tool %+.100q of the MCP server %+.100q", t.Name, s.Name)})
		}
	}
	return out
}

var errAltered = errors.New("is not what its digest is of")

func checkDefinition(digest seal.Hash, body []byte) error {
	if len(body) > MaxDefinition {
		return fmt.Errorf("is longer than %d bytes", MaxDefinition)
	}
	if !seal.Sum(body).Equal(digest) {
		return errAltered
	}
	if c, err := seal.Canonical(body); err != nil || !bytes.Equal(c, body) {
		return seal.ErrNotCanonical
	}
	return nil
}

// keep keeps what servers that are about to be pinned say.
func (r *Registry) keep(ctx context.Context, servers []policy.Server, texts map[seal.Hash][]byte) error {
	var list []store.Definition
	for _, d := range digests(servers) {
		list = append(list, store.Definition{Digest: d.of, Body: texts[d.of]})
	}
	if list == nil {
		return nil
	}
	slices.SortFunc(list, func(a, b store.Definition) int { return bytes.Compare(a.Digest[:], b.Digest[:]) }) // replicas lock in one order
	return r.DB.PutDefinitions(ctx, list)
}

// Pins are the MCP servers that a policy was published with and how they are now.
type Pins struct {
	Pinned []policy.Server
	Now    []policy.Server
	Texts  map[seal.Hash][]byte // what is behind the digests of both, as far as it is known
	Fault  error                // why Now is not known
}

// Pins returns the servers that p lets agents use, which pinned are those of, or nil if
// it is not published; and asks them how they are now. That they cannot be asked is
// said in Fault. It fails only if the database does.
func (r *Registry) Pins(ctx context.Context, p *policy.Policy, pinned []policy.Server) (*Pins, error) {
	out := &Pins{Pinned: pinned}
	if out.Now, out.Texts, out.Fault = r.ask(ctx, p); out.Texts == nil {
		out.Texts = map[seal.Hash][]byte{}
	}
	for _, d := range digests(pinned) {
		if out.Texts[d.of] != nil {
			continue
		}
		body, err := r.DB.Definition(ctx, d.of)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return nil, err
		case checkDefinition(d.of, body) == nil: // altered, it tells nothing
			out.Texts[d.of] = body
		}
	}
	return out, nil
}
