// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A version is a published policy, as lists show it.
type version struct {
	Hash      seal.Hash
	Name      string
	For       string
	Published time.Time
	State     string // "verifies", "does not verify" or "emergency"
	Fault     string
	Signed    []string
	Wrote     []string // keys of its authors
	Approved  []string // and of its approvers
}

func versionOf(l *registry.Listed) version {
	v := version{Hash: l.Hash, Name: Visible(l.Name), Published: l.Published, State: "verifies"}
	if l.Fault != nil {
		v.State, v.Fault = "does not verify", Visible(l.Fault)
		return v
	}
	p := l.Entry.Policy
	v.Name, v.For, v.Published = Visible(p.Name()), Visible(p.Environment()), l.Entry.Published
	if p.BreakGlass() != nil {
		v.State = "emergency"
	}
	for _, s := range l.Entry.Signatures {
		v.Signed = append(v.Signed, signature(s))
		switch s.Role {
		case policy.RoleAuthor:
			v.Wrote = append(v.Wrote, Visible(s.Key))
		case policy.RoleApprover:
			v.Approved = append(v.Approved, Visible(s.Key))
		}
	}
	return v
}

// signature says whose it is, and what it counts as.
func signature(s policy.Signature) string {
	if s.Role == policy.RoleNone {
		return Visible(s.Key) + " (does not count here)"
	}
	return Visible(s.Key) + " as " + string(s.Role)
}

type policiesPage struct {
	frame
	Versions []version
	Drafts   []proposal
}

func (c *Console) policies(w http.ResponseWriter, r *http.Request) {
	list, err := c.Policies.List(r.Context())
	if err != nil {
		c.fail(w, r, err)
		return
	}
	drafts, err := c.Drafts.Open(r.Context())
	if err != nil {
		c.fail(w, r, err)
		return
	}
	p := &policiesPage{frame: c.frame(r, "Policies")}
	for _, d := range drafts {
		p.Drafts = append(p.Drafts, proposalOf(d))
	}
	for i := range list {
		p.Versions = append(p.Versions, versionOf(&list[i]))
	}
	slices.SortStableFunc(p.Versions, func(a, b version) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), b.Published.Compare(a.Published))
	})
	c.show(w, r, "policies", p)
}

type policyPage struct {
	frame
	version
	Purpose      string
	ChangeRecord string
	Emergency    *policy.BreakGlass
	MaxTTL       time.Duration
	Sentences    []policy.Sentence
	Names        []policy.Bound
	Body         body
	History      []version
	Before       *version // the one of this name before it
	Changes      []policy.Change
	Widens       bool
	Shadows      []store.Shadow
	Pinned       *pinned // nil: it uses no MCP servers
	Loads        []load
}

func (c *Console) policy(w http.ResponseWriter, r *http.Request) {
	h, err := seal.ParseHash(r.PathValue("hash"))
	if err != nil {
		c.lost(w, r)
		return
	}
	entry, err := c.Policies.Entry(r.Context(), h)
	if errors.Is(err, registry.ErrUnusable) {
		c.say(w, r, http.StatusConflict, "This policy does not verify", "Nothing is allowed by it. "+Visible(err))
		return
	}
	if err != nil {
		c.fail(w, r, err)
		return
	}
	p := &policyPage{frame: c.frame(r, "Policy")}
	p.describe(entry)
	if err := c.history(r.Context(), p, entry); err != nil {
		c.fail(w, r, err)
		return
	}
	servers, err := c.asked(r.Context(), entry.Policy, entry.Bound.Servers)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	if servers != nil {
		p.Pinned = pinnedOf(servers, servers.Pinned)
	}
	c.show(w, r, "policy", p)
}

// describe tells what entry's papers say.
func (p *policyPage) describe(entry *registry.Entry) {
	is := entry.Policy
	p.version = versionOf(&registry.Listed{Hash: is.Hash(), Entry: entry})
	if p.Name != "" {
		p.Title = "Policy " + p.Name
	}
	p.Purpose, p.Emergency, p.MaxTTL = Visible(is.Purpose()), is.BreakGlass(), is.MaxTTL()
	p.Sentences, p.Names, p.Body = is.Explain(), entry.Bound.Names, wholeBody(entry.Envelope.Payload)
	if r := is.ChangeRecord(); r != nil {
		p.ChangeRecord = Visible(strings.Join(strings.Fields(r.System+" "+r.ID+" "+r.URL), " "))
	}
}

// history finds what was published under the same name, and in what p differs
// from the one before it.
func (c *Console) history(ctx context.Context, p *policyPage, entry *registry.Entry) (err error) {
	if p.Shadows, err = c.DB.Shadows(ctx, p.Hash); err != nil {
		return err
	}
	list, err := c.Policies.List(ctx) // oldest first
	if err != nil {
		return err
	}
	var before *registry.Entry
	for i := range list {
		l := &list[i]
		if l.Entry == nil || p.Name == "" || l.Entry.Policy.Name() != entry.Policy.Name() {
			continue
		}
		v := versionOf(l)
		p.History = append(p.History, v)
		if l.Entry.Published.Before(entry.Published) {
			before, p.Before = l.Entry, &v
		}
	}
	slices.Reverse(p.History)
	p.Loads = loadsOf(entry.Policy, entry.Bound.Extensions, "whoever published it", before)
	if before != nil {
		p.Changes = c.diff(before.Policy, entry.Policy)
		p.Widens = policy.Widens(p.Changes)
	}
	return nil
}

// remember is how long a difference is kept: finding it may take a while.
const remember = time.Hour

// diff is in what b differs from a in meaning.
func (c *Console) diff(a, b *policy.Policy) []policy.Change {
	key := [2]seal.Hash{a.Hash(), b.Hash()}
	if known, ok := c.diffs.Get(key, c.Now()); ok {
		return known
	}
	found := policy.Diff(a, b)
	c.diffs.Put(key, found, c.Now(), remember)
	return found
}
