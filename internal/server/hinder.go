// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/undo"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A footing is what a job's changes would be taken back on: a policy, by one of its
// jobs, and what is revoked of these. It looks for what is known beforehand to stand
// in the way, so that nothing is begun that cannot be done; what it does not find,
// the gate still may.
type footing struct {
	claims  *token.Claims
	policy  *policy.Policy
	revoked []token.Revocation
}

// footing finds what p would be carried out on, in the job by. If nothing can be
// undone on it, the hindrance says why.
func (s *Server) footing(ctx context.Context, p *undo.Plan, own, under seal.Hash, by string) (*footing, *api.Hindrance, error) {
	if under.IsZero() {
		return nil, &api.Hindrance{
			Says: "there is no policy to undo under",
			Hint: "name a published one with -policy HASH, or as undo_policy in the daemon's configuration; write one with: clawea wpc new -shape undo",
		}, nil
	}
	entry, err := s.Registry.Entry(ctx, under)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, &api.Hindrance{Says: "the policy to undo under is not published in this house: " + under.String(), Hint: "publish it, or name another with -policy HASH; list what there is with: clawea wpc list"}, nil
	case errors.Is(err, registry.ErrUnusable):
		return nil, &api.Hindrance{Says: "the policy to undo under does not verify any more: " + under.String(), Hint: "name another with -policy HASH; list what there is with: clawea wpc list"}, nil
	case err != nil:
		return nil, nil, err
	case p.Lock != "" && under.Equal(own):
		return nil, &api.Hindrance{
			Says: "the job's own policy would be locked by this, and nothing can be undone under it then: " + p.Lock,
			Hint: "name another with -policy HASH; write one with: clawea wpc new -shape undo",
		}, nil
	}
	f := &footing{claims: &token.Claims{Agent: receipt.Undoer, Job: by, Policy: under}, policy: entry.Policy}
	if f.revoked, err = s.DB.RevokingJob(ctx, by, receipt.Undoer, under); err != nil {
		return nil, nil, err
	}
	if i := slices.IndexFunc(f.revoked, func(r token.Revocation) bool {
		return r.Kind != token.RevokeAction && r.Ends(f.claims, policy.Action{})
	}); i >= 0 {
		return nil, revokedNow(f.revoked[i]), nil
	}
	return f, nil, nil
}

func revokedNow(r token.Revocation) *api.Hindrance {
	return &api.Hindrance{Says: "nothing is undone while this is revoked: " + r.String(), Hint: "see what is revoked, and what can be lifted: clawea revocation list"}
}

// hinders says why the step of x, or its whole system, would not be let through; nil
// if nothing is known. f may be nil: then it is only held to what the house has.
func (s *Server) hinders(f *footing, x *undo.Item) *api.Hindrance {
	if x.State != undo.Ready && x.State != undo.Later {
		return nil
	}
	tool, _, _ := strings.Cut(x.Call, ".")
	if !slices.Contains(s.UndoTools, tool) {
		return &api.Hindrance{
			Says: "this house has no account that takes changes to " + tool + " back",
			Hint: "configure \"undo\" beside \"read\" and \"write\" under \"" + tool + "\", and start the daemon anew",
		}
	}
	if f == nil || x.Step == nil {
		return nil
	}
	name := tool + "." + x.Step.Action
	i := slices.IndexFunc(s.Issuer.Catalog, func(a policy.Action) bool { return a.String() == name })
	if i < 0 || !f.policy.CanEver(s.Issuer.Catalog[i]) {
		return &api.Hindrance{
			Says: "the policy to undo under never allows " + name,
			Hint: "have it allow that, or name another with -policy HASH; write one with: clawea wpc new -shape undo",
		}
	}
	for _, r := range f.revoked {
		if r.Ends(f.claims, s.Issuer.Catalog[i]) {
			return revokedNow(r)
		}
	}
	return nil
}
