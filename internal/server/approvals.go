// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net/http"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

func (s *Server) listApprovals(ctx context.Context, r *http.Request, _ *nothing) (*api.Approvals, error) {
	asked := r.URL.Query()
	list, err := s.DB.Approvals(ctx, store.Filter{Open: asked.Get("all") != "true", After: asked.Get("after"), Limit: listed})
	if err != nil {
		return nil, err
	}
	standings, err := s.Desk.Standings(ctx, list)
	if err != nil {
		return nil, err
	}
	out := &api.Approvals{Approvals: []api.Approval{}}
	for i := range list {
		out.Approvals = append(out.Approvals, s.approvalPaper(&list[i], &standings[i]))
	}
	if len(list) == listed {
		out.Next = list[listed-1].ID
	}
	return out, nil
}

func (s *Server) approvalPaper(a *store.Approval, st *approval.Standing) api.Approval {
	out := api.Approval{
		ID: a.ID, Job: a.Job, Call: a.Call, Policy: a.Policy, Asked: a.Asked, Expires: a.Expires,
		State: state(a, s.Desk.Now()), Unproven: st.Unproven,
	}
	for _, g := range st.Given {
		if g.By == a.By { // as the row says
			out.By = a.By
		}
		out.Answers = append(out.Answers, api.Answer{By: g.By, Yes: g.Yes, At: g.At, Expires: g.Expires, Left: g.Left, For: g.For})
	}
	if out.State == "open" {
		out.Missing = st.Missing
	}
	return out
}

// state says what became of a question.
func state(a *store.Approval, now time.Time) string {
	switch {
	case a.UsedBy > 0:
		return "used"
	case a.Cancelled != nil:
		return "cancelled"
	case !now.Before(a.Expires):
		return "expired"
	case a.Reply == store.NoReply:
		return "open"
	}
	return string(a.Reply)
}

func (s *Server) showApproval(ctx context.Context, r *http.Request, _ *nothing) (*api.Question, error) {
	q, err := s.Desk.Question(ctx, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	out := &api.Question{Approval: s.approvalPaper(&q.Approval, &q.Standing), Receipt: q.Asked, Salt: q.Text.Salt, Text: q.Text.Bytes, Client: q.Client}
	if q.Change != nil {
		out.Change = &api.ChangeText{Salt: q.Change.Salt, Text: q.Change.Bytes}
	}
	return out, nil
}

func (s *Server) listDelegations(ctx context.Context, _ *http.Request, _ *nothing) (*api.Delegations, error) {
	list, err := s.Desk.Delegations(ctx)
	if err != nil {
		return nil, err
	}
	out := &api.Delegations{Delegations: []api.Delegation{}}
	for i := range list {
		p := delegationPaper(&list[i].Delegation)
		p.Withdrawn = list[i].Withdrawn
		out.Delegations = append(out.Delegations, *p)
	}
	return out, nil
}

// delegate takes a signed delegation, or what takes one back.
func (s *Server) delegate(ctx context.Context, _ *http.Request, e *seal.Envelope) (*api.Delegation, error) {
	d, err := s.Desk.Delegate(ctx, e)
	if err != nil {
		return nil, err
	}
	p := delegationPaper(d)
	if d.Withdraws {
		p.Withdrawn = &d.At
	}
	s.Log.InfoContext(ctx, "delegated", "delegation", d.ID, "from", d.From, "to", d.To, "withdraws", d.Withdraws)
	return p, nil
}

func delegationPaper(d *receipt.Delegation) *api.Delegation {
	return &api.Delegation{ID: d.ID, From: d.From, To: d.To, Begins: d.Begins, Ends: d.Ends, At: d.At, Reason: d.Reason}
}

func (s *Server) answer(ctx context.Context, r *http.Request, e *seal.Envelope) (*api.Approval, error) {
	if _, err := s.Desk.Answer(ctx, r.PathValue("id"), e); err != nil {
		return nil, err
	}
	a, err := s.DB.Approval(ctx, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	standings, err := s.Desk.Standings(ctx, []store.Approval{*a})
	if err != nil {
		return nil, err
	}
	out := s.approvalPaper(a, &standings[0])
	return &out, nil
}
