// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net/http"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/policy"
)

// propose begins a draft of a policy, or adds the signatures that come with it.
func (s *Server) propose(ctx context.Context, _ *http.Request, in *api.Paper) (*api.Draft, error) {
	id, err := s.Drafts.Propose(ctx, &in.Envelope, whoIs(ctx), in.Extensions...)
	if err != nil {
		return nil, err
	}
	d, err := s.Drafts.Draft(ctx, id)
	if err != nil {
		return nil, err
	}
	return draftPaper(d), nil
}

func (s *Server) listDrafts(ctx context.Context, _ *http.Request, _ *nothing) (*api.Drafts, error) {
	list, err := s.Drafts.Open(ctx)
	if err != nil {
		return nil, err
	}
	out := &api.Drafts{Drafts: []api.Draft{}}
	for _, d := range list {
		out.Drafts = append(out.Drafts, *draftPaper(d))
	}
	return out, nil
}

func draftPaper(d *registry.Draft) *api.Draft {
	out := &api.Draft{Hash: d.ID, Name: d.Name, By: d.By, At: d.At, Signers: []policy.Signature{}, Lacks: append([]string{}, d.Lacks()...), Extends: d.Extensions}
	if d.Standing != nil {
		out.Signers = append(out.Signers, d.Standing.Signatures...)
	}
	if d.Fault != nil {
		out.Fault = d.Fault.Error()
	}
	return out
}
