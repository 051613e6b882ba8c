// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/replay"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// shadow starts or stops a candidate beside a policy. Both must be published
// and verify, so that whoever signs policies has seen them.
func (s *Server) shadow(ctx context.Context, r *http.Request, req *api.Shadowing) (*api.Shadows, error) {
	h, err := seal.ParseHash(r.PathValue("hash"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errArgument, err)
	}
	if h.Equal(req.Candidate) {
		return nil, fmt.Errorf("%w: a policy cannot run in its own shadow", errArgument)
	}
	if req.Stop {
		err = s.DB.DropShadow(ctx, h, req.Candidate)
	} else {
		err = s.startShadow(ctx, h, req.Candidate)
	}
	if err != nil {
		return nil, err
	}
	list, err := s.shadows(ctx, h)
	return &api.Shadows{Shadows: list}, err
}

func (s *Server) startShadow(ctx context.Context, h, candidate seal.Hash) error {
	for _, p := range []seal.Hash{h, candidate} {
		if _, err := s.Registry.Entry(ctx, p); err != nil {
			return err
		}
	}
	err := s.DB.PutShadow(ctx, h, candidate)
	if errors.Is(err, store.ErrConflict) {
		return &api.Problem{
			Status: http.StatusConflict, Code: "too_many", Title: "as many candidates run beside the policy as may", Detail: err.Error(),
			Hint: "stop one of them: clawea wpc shadow HASH -candidate HASH -stop",
		}
	}
	return err
}

// shadows lists what runs beside a policy, never nil.
func (s *Server) shadows(ctx context.Context, h seal.Hash) ([]api.Shadow, error) {
	list, err := s.DB.Shadows(ctx, h)
	if err != nil {
		return nil, err
	}
	out := []api.Shadow{}
	for _, x := range list {
		out = append(out, api.Shadow{Candidate: x.Candidate, Since: x.Since})
	}
	return out, nil
}

// replay answers with one page of what a candidate would have said.
func (s *Server) replay(ctx context.Context, _ *http.Request, req *api.Replay) (*api.Replayed, error) {
	candidate, bound, err := s.Replayer.Candidate(ctx, []byte(req.Policy), req.Names, req.Servers)
	if wrong := (*seal.SyntaxError)(nil); errors.As(err, &wrong) {
		return nil, fmt.Errorf("%w: policy: %w", errJSON, err)
	}
	if errors.Is(err, registry.ErrRefused) {
		return nil, &api.Problem{
			Status: http.StatusUnprocessableEntity, Code: "not_bound", Title: "the candidate's names lead nowhere, or a server cannot be asked", Detail: err.Error(),
			Hint: "mend the names, or the server; a policy cannot be tried without what it names",
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errArgument, err)
	}
	from := store.Mark{At: req.Since}
	if req.After != nil {
		from = store.Mark(*req.After)
	}
	for _, job := range []string{req.Job, from.Job} {
		if job == "" {
			continue
		}
		if err := token.CheckName("job", job); err != nil {
			return nil, fmt.Errorf("%w: %w", errArgument, err)
		}
	}
	page, err := s.Replayer.Page(ctx, candidate, from, req.Job)
	if err != nil {
		return nil, err
	}
	out := &api.Replayed{Policy: candidate.Hash(), Names: bound.Names, Servers: bound.Servers, Calls: page.Calls, Differences: []api.Difference{}}
	for _, d := range page.Differences {
		out.Differences = append(out.Differences, differencePaper(&d))
	}
	if page.Next != nil {
		next := api.Mark(*page.Next)
		out.Next = &next
	}
	return out, nil
}

func differencePaper(d *replay.Difference) api.Difference {
	return api.Difference{Mark: api.Mark{At: d.At, Job: d.Job, Seq: d.Seq}, Call: d.Call, Was: d.Was, Would: d.Would}
}
