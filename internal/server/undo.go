// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/store"
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
	j, err := s.DB.Job(ctx, r.PathValue("job"))
	if err != nil {
		return nil, err
	}
	p, err := s.Undo.Plan(ctx, j.ID, seq)
	if err != nil {
		return nil, err
	}
	by, err := s.Undo.UndoJob(ctx, p.Job, under, whoIs(ctx))
	if err != nil {
		return nil, err
	}
	f, hindered, err := s.footing(ctx, p, j.Policy, under, by)
	if err != nil {
		return nil, err
	}
	out := &api.Undo{Job: p.Job, Stopped: p.Stopped, UndoJob: by, Policy: s.UndoPolicy, Lock: p.Lock, Hindered: hindered, Changes: []api.Change{}}
	for _, x := range p.Items {
		paper := changePaper(x)
		paper.Hindered = s.hinders(f, x)
		out.Changes = append(out.Changes, paper)
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
	err := s.Settler.Say(ctx, job, w.Seq, *w.Happened, whoIs(ctx))
	if errors.Is(err, store.ErrNotFound) {
		return nil, &api.Problem{
			Status: http.StatusNotFound, Code: "not_found", Title: "there is nothing to settle", Detail: missing(err),
			Hint: "name the receipt that let the call through, as the daemon's log does: JOB/SEQ; see clawea job show JOB",
		}
	}
	if err != nil {
		return nil, err
	}
	s.Log.WarnContext(ctx, "a person has said what became of a call", "receipt", fmt.Sprintf("%s/%d", job, w.Seq), "happened", *w.Happened, "by", whoIs(ctx), "reason", w.Reason)
	c, err := s.DB.Call(ctx, job, w.Seq)
	if err != nil {
		return nil, err
	}
	return callPaper(c), nil
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
	j, err := s.DB.Job(ctx, r.PathValue("job"))
	if err != nil {
		return nil, err
	}
	got, err := s.Undo.Reconcile(ctx, j.ID, margin)
	if err != nil {
		return nil, err
	}
	return reconciliationPaper(got), nil
}

func reconciliationPaper(r *undo.Reconciliation) *api.Reconciliation {
	out := &api.Reconciliation{
		Job: r.Job, From: r.From, To: r.To, Others: r.Others, Notes: append([]string{}, r.Notes...), Agreeing: r.Whole(),
		Accounts: []api.Accounts{}, Matches: []api.Match{}, Strange: []api.Event{}, Missing: claims(r.Missing), Unseen: claims(r.Unseen),
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
