// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package registry publishes policies and serves them by hash (users say
// clawcontrols, the WPC registry). The database under it is not trusted: every
// read verifies the hash and the signatures again.
package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A DB keeps what is published. internal/store fills it.
type DB interface {
	PutPolicy(ctx context.Context, p store.Policy) error
	Policy(ctx context.Context, h seal.Hash) (*store.Policy, error)
	Policies(ctx context.Context) ([]store.Policy, error)
	PutDefinitions(ctx context.Context, list []store.Definition) error
	Definition(ctx context.Context, digest seal.Hash) ([]byte, error)
}

// A Resolver finds the ids that names lead to on one system. Connectors fill it.
type Resolver interface {
	Resolve(ctx context.Context, names []policy.Name) ([]policy.Bound, error)
}

// The reasons to refuse a paper. Each comes wrapped, with what is wrong.
var (
	// ErrUnusable is returned for a policy that is stored but does not verify.
	ErrUnusable = errors.New("policy does not verify")
	// ErrRefused is returned for a paper that may not be published as it is.
	ErrRefused = errors.New("not published")
)

// A Registry publishes policies. All fields must be set but Environments and
// BreakGlass, without which policies have none, and Upstreams, without which they pin
// no MCP servers; Resolvers holds one per system whose names policies may use.
type Registry struct {
	DB           DB
	Authors      []seal.Verifier          // who may write policies
	Environments map[string]policy.Quorum // who approves them, by where they are for
	BreakGlass   *policy.Emergency        // who approves those for an emergency
	Signer       seal.Signer              // signs bindings
	Self         seal.Verifier            // checks Signer's signatures
	Resolvers    map[string]Resolver
	Upstreams    Upstreams // whose tools policies pin
	Now          func() time.Time

	parsed cache
}

// An Entry is a published policy with the papers that prove it.
type Entry struct {
	Policy     *policy.Policy     // bound to ids
	Envelope   *seal.Envelope     // the WPC, as its authors and approvers signed it
	Binding    *seal.Envelope     // what its names led to, signed by the registry
	Bound      *policy.Binding    // the same, read
	Signatures []policy.Signature // who signed, and what that counts as
	Published  time.Time          // as the binding says it
}

// Publish checks a signed WPC, resolves its names to ids, asks the MCP servers that it
// lets agents use who they are, signs what came of that and stores both. Publishing the same paper again changes nothing and
// returns what was published. Plugins and skills that it lists are pinned as xs says that they
// are. It fails with ErrRefused, wrapped with the cause,
// if the paper, who has signed it, one of its names, a server or what is said of an extension is at fault.
func (r *Registry) Publish(ctx context.Context, e *seal.Envelope, xs ...policy.Extension) (*Entry, error) {
	return r.publish(ctx, e, xs, func([]policy.Server, []policy.Extension) error { return nil })
}

// publish is Publish, if check has nothing against what is to be pinned.
func (r *Registry) publish(ctx context.Context, e *seal.Envelope, xs []policy.Extension, check func([]policy.Server, []policy.Extension) error) (*Entry, error) {
	now := r.Now().UTC().Truncate(time.Millisecond)
	p, _, err := r.open(e, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if strings.ContainsFunc(p.Name(), unicode.IsControl) { // not every database holds these, and lists show them
		return nil, fmt.Errorf("%w: the policy's name %q has control characters; write a plain one", ErrRefused, p.Name())
	}
	row, err := r.DB.Policy(ctx, p.Hash())
	if err == nil {
		return r.again(row, xs)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if xs, err = extensions(p, xs); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	binding, err := r.bind(ctx, p, now, xs, check)
	if err != nil {
		return nil, err
	}
	envelope, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	row = &store.Policy{Hash: p.Hash(), Name: p.Name(), Envelope: envelope, Binding: binding, Published: now}
	err = r.DB.PutPolicy(ctx, *row)
	if errors.Is(err, store.ErrConflict) { // another replica was faster
		if row, err = r.DB.Policy(ctx, p.Hash()); err != nil {
			return nil, err
		}
		return r.again(row, xs)
	}
	if err != nil {
		return nil, err
	}
	return r.entry(row)
}

// again is what was published, where the same paper is published again.
func (r *Registry) again(row *store.Policy, xs []policy.Extension) (*Entry, error) {
	e, err := r.entry(row)
	if err != nil {
		return nil, err
	}
	if err := otherwise(e, xs); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return e, nil
}

// bind resolves p's names, keeps what the servers say that it pins, and returns the
// signed binding's canonical bytes.
func (r *Registry) bind(ctx context.Context, p *policy.Policy, now time.Time, xs []policy.Extension, check func([]policy.Server, []policy.Extension) error) ([]byte, error) {
	b, texts, err := r.resolve(ctx, p, now)
	if err != nil {
		return nil, err
	}
	if err := check(b.Servers, xs); err != nil {
		return nil, err
	}
	b.Extensions = xs
	if err := r.keep(ctx, b.Servers, texts); err != nil {
		return nil, err
	}
	payload, err := seal.Marshal(b)
	if err != nil {
		return nil, err
	}
	signed, err := seal.Sign(r.Signer, policy.BindingType, payload)
	if err != nil {
		return nil, err
	}
	return signed.Marshal()
}

// Resolve finds what p's names lead to now and how the MCP servers are that it lets
// agents use, and publishes nothing. It fails with ErrRefused, wrapped with the cause,
// if a name leads nowhere or a server cannot be asked.
func (r *Registry) Resolve(ctx context.Context, p *policy.Policy) (*policy.Binding, error) {
	b, _, err := r.resolve(ctx, p, r.Now().UTC().Truncate(time.Millisecond))
	return b, err
}

// resolve also returns what is behind the digests of servers.
func (r *Registry) resolve(ctx context.Context, p *policy.Policy, now time.Time) (*policy.Binding, map[seal.Hash][]byte, error) {
	names, err := r.resolveNames(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	servers, texts, err := r.ask(ctx, p)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrRefused, &ServerError{err})
	}
	b := &policy.Binding{Policy: p.Hash(), At: now, Names: names, Servers: servers}
	if _, err := p.Bind(b); err != nil {
		return nil, nil, err
	}
	return b, texts, nil
}

func (r *Registry) resolveNames(ctx context.Context, p *policy.Policy) ([]policy.Bound, error) {
	byTool := map[string][]policy.Name{}
	var tools []string
	for _, n := range p.Names() {
		if byTool[n.Tool] == nil {
			tools = append(tools, n.Tool)
		}
		byTool[n.Tool] = append(byTool[n.Tool], n)
	}
	out := []policy.Bound{}
	for _, t := range tools {
		resolver := r.Resolvers[t]
		if resolver == nil {
			return nil, fmt.Errorf("%w: the policy names %s, and this house is not connected to %s; add a %q section to its configuration", ErrRefused, byTool[t][0], t, t)
		}
		bound, err := resolver.Resolve(ctx, byTool[t])
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		out = append(out, bound...)
	}
	return out, nil
}

// Policy returns the published policy h, bound to ids. Its hash and signatures
// are verified on this read.
func (r *Registry) Policy(ctx context.Context, h seal.Hash) (*policy.Policy, error) {
	e, err := r.Entry(ctx, h)
	if err != nil {
		return nil, err
	}
	return e.Policy, nil
}

// Entry returns the published policy h with its papers, all verified on this
// read. It fails with store.ErrNotFound or ErrUnusable.
func (r *Registry) Entry(ctx context.Context, h seal.Hash) (*Entry, error) {
	row, err := r.DB.Policy(ctx, h)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", h, err)
	}
	return r.entry(row)
}

// Known fails with store.ErrNotFound for the hash of no policy that was ever
// published. One that no longer verifies is known.
func (r *Registry) Known(ctx context.Context, h seal.Hash) error {
	_, err := r.DB.Policy(ctx, h)
	if err != nil {
		return fmt.Errorf("policy %s: %w", h, err)
	}
	return nil
}

// A Listed is a line of the registry's list. Fault is not nil if the policy no
// longer verifies; then there is no Entry, and the rest is what the database says.
type Listed struct {
	Hash      seal.Hash
	Name      string
	Entry     *Entry
	Published time.Time
	Fault     error
}

// List returns everything published, oldest first, each verified on this read.
func (r *Registry) List(ctx context.Context) ([]Listed, error) {
	rows, err := r.DB.Policies(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Listed, len(rows))
	for i := range rows {
		e, err := r.entry(&rows[i])
		list[i] = Listed{rows[i].Hash, rows[i].Name, e, rows[i].Published, err}
	}
	return list, nil
}

// entry verifies all that row says. Its errors are ErrUnusable.
func (r *Registry) entry(row *store.Policy) (*Entry, error) {
	e := new(Entry)
	var err error
	if e.Binding, err = seal.ParseEnvelope(row.Binding); err != nil {
		return nil, fmt.Errorf("%w: binding: %w", ErrUnusable, err)
	}
	if _, err := e.Binding.Open(policy.BindingType, r.Self); err != nil {
		return nil, fmt.Errorf("%w: binding: %w", ErrUnusable, err)
	}
	if e.Bound, err = policy.ParseBinding(e.Binding.Payload); err != nil {
		return nil, fmt.Errorf("%w: binding: %w", ErrUnusable, err)
	}
	e.Published = e.Bound.At // signed, as row.Published is not
	if e.Envelope, err = seal.ParseEnvelope(row.Envelope); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	p, signatures, err := r.open(e.Envelope, e.Published)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	if e.Policy, err = p.Bind(e.Bound); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	if !p.Hash().Equal(row.Hash) {
		return nil, fmt.Errorf("%w: stored under %s, and is %s", ErrUnusable, row.Hash, p.Hash())
	}
	e.Signatures = signatures
	return e, nil
}

// open verifies a signed WPC that is published at a time: signed by keys of the
// house only, by those whom it needs, and in canonical form, so that its hash
// has one meaning.
func (r *Registry) open(e *seal.Envelope, at time.Time) (*policy.Policy, []policy.Signature, error) {
	house := policy.Publishers{Authors: r.Authors, Environments: r.Environments, BreakGlass: r.BreakGlass}
	signers, err := e.Open(policy.Type, house.Keys()...)
	if err != nil {
		return nil, nil, err
	}
	p, err := r.parsed.parse(e.Payload)
	if err != nil {
		return nil, nil, err
	}
	signatures, err := house.Check(p, signers, at)
	return p, signatures, err
}

// A cache spares parsing a policy for every call. It is filled only with
// payloads whose signatures hold, and keyed by all their bytes.
type cache struct {
	mu sync.Mutex
	m  map[seal.Hash]*policy.Policy
}

func (c *cache) parse(payload []byte) (*policy.Policy, error) {
	h := seal.Sum(payload)
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.m[h]; p != nil {
		return p, nil
	}
	canonical, err := seal.Canonical(payload)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canonical, payload) {
		return nil, seal.ErrNotCanonical
	}
	p, err := policy.Parse(payload)
	if err != nil {
		return nil, err
	}
	if c.m == nil {
		c.m = map[seal.Hash]*policy.Policy{}
	}
	c.m[h] = p
	return p, nil
}
