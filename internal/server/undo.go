// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/undo"
	"github.com/clawea/clawea/seal"
)

// showUndo says how a job's changes are taken back. It changes nothing.
func (s *Server) showUndo(ctx context.Context, r *http.Request, _ *nothing) (*api.Undo, error) {
	seq := uint64(0)
	if text := r.URL.Query().Get("seq"); text != "" {
		var err error
		if seq, err = strconv.ParseUint(text, 10, 63); err != nil || seq == 0 {
			return nil, fmt.Errorf("%w: seq is the number of a receipt, from 1", errArgument)
		}
	}
	under := s.UndoPolicy
	if text := r.URL.Query().Get("policy"); text != "" {
		var err error
		if under, err = seal.ParseHash(text); err != nil {
			return nil, fmt.Errorf("%w: %w", errArgument, err)
		}
	}
	p, err := s.Undo.Plan(ctx, r.PathValue("job"), seq)
	if err != nil {
		return nil, err
	}
	by, err := s.Undo.UndoJob(ctx, p.Job, under, whoIs(ctx))
	if err != nil {
		return nil, err
	}
	out := &api.Undo{Job: p.Job, Stopped: p.Stopped, UndoJob: by, Policy: s.UndoPolicy, Lock: p.Lock, Changes: []api.Change{}}
	for _, x := range p.Items {
		out.Changes = append(out.Changes, changePaper(x))
	}
	return out, nil
}

func changePaper(x *undo.Item) api.Change {
	out := api.Change{
		Receipt: x.Receipt, Seq: x.Seq, Call: x.Call, At: x.At, Summary: x.Summary, Target: x.Target,
		State: string(x.State), Why: x.Why, By: x.By,
	}
	if x.Step != nil {
		tool, _, _ := strings.Cut(x.Call, ".")
		out.Tool, out.Args, out.Says = tool+"."+x.Step.Action, x.Step.Args, x.Step.Says
	}
	return out
}

// settleCall takes a person's word for what became of a call. The log says whose.
func (s *Server) settleCall(ctx context.Context, r *http.Request, w *api.Word) (*api.Call, error) {
	job := r.PathValue("job")
	if err := checkReason(w.Reason); err != nil {
		return nil, err
	}
	if w.Seq == 0 || w.Seq > math.MaxInt64 || w.Reason == "" || w.Happened == nil {
		return nil, fmt.Errorf("%w: want the number of the opened receipt, whether its call happened, and the reason for saying so", errArgument)
	}
	if err := s.Settler.Say(ctx, job, w.Seq, *w.Happened); err != nil {
		return nil, err
	}
	s.Log.WarnContext(ctx, "a person has said what became of a call", "receipt", fmt.Sprintf("%s/%d", job, w.Seq), "happened", *w.Happened, "by", whoIs(ctx), "reason", w.Reason)
	c, err := s.DB.Call(ctx, job, w.Seq)
	if err != nil {
		return nil, err
	}
	return &api.Call{Opened: c.Opened, Closed: c.Closed}, nil
}

// The margins of a reconciliation: two clocks differ a little.
const (
	usualMargin = 2 * time.Minute
	maxMargin   = 24 * time.Hour
)

// reconcile compares a job's receipts with the systems' own history.
func (s *Server) reconcile(ctx context.Context, r *http.Request, _ *nothing) (*api.Reconciliation, error) {
	margin := usualMargin
	if text := r.URL.Query().Get("margin"); text != "" {
		var err error
		if margin, err = time.ParseDuration(text); err != nil || margin < 0 || margin > maxMargin {
			return nil, fmt.Errorf("%w: margin is a time like 2m, at most %v", errArgument, maxMargin)
		}
	}
	got, err := s.Undo.Reconcile(ctx, r.PathValue("job"), margin)
	if err != nil {
		return nil, err
	}
	return reconciliationPaper(got), nil
}

func reconciliationPaper(r *undo.Reconciliation) *api.Reconciliation {
	out := &api.Reconciliation{
		Job: r.Job, Others: r.Others, Notes: append([]string{}, r.Notes...), Agreeing: r.Whole(),
		Accounts: []api.Accounts{}, Matches: []api.Match{}, Strange: []api.Event{}, Missing: claims(r.Missing), Unseen: claims(r.Unseen),
	}
	if !r.From.IsZero() {
		out.From, out.To = &r.From, &r.To
	}
	for _, tool := range slices.Sorted(maps.Keys(r.Accounts)) {
		out.Accounts = append(out.Accounts, api.Accounts{Tool: tool, IDs: r.Accounts[tool]})
	}
	for _, m := range r.Matches {
		out.Matches = append(out.Matches, api.Match{Receipt: m.Receipt, Event: eventPaper(m.Event)})
	}
	for _, e := range r.Strange {
		out.Strange = append(out.Strange, eventPaper(e))
	}
	return out
}

func eventPaper(e undo.Event) api.Event {
	return api.Event{Tool: e.Tool, Resource: e.Resource, What: e.What, At: e.At.UTC(), By: e.By, Mark: e.Mark}
}

func claims(list []undo.Missing) []api.Claim {
	out := []api.Claim{}
	for _, m := range list {
		out = append(out, api.Claim(m))
	}
	return out
}
