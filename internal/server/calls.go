// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
)

// look is what agents come for that ask for receipts, should they be refused.
var look = policy.Action{Tool: "receipts", Name: "get"}

// letParties lets operators through to h, and agents with a CST of the job that
// the path names.
func (s *Server) letParties(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, err := s.known(r); err == nil {
			s.let(h, func(*http.Request) (string, error) { return name, nil }).ServeHTTP(w, r)
			return
		}
		if err := s.checkAgent(w, r); err != nil {
			s.fail(w, r, err)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// checkAgent fails unless r shows a CST of the job that its path names. What is
// another job's is not there, for whoever asks.
func (s *Server) checkAgent(w http.ResponseWriter, r *http.Request) error {
	shown, ok := s.Door.Present(w, r)
	if !ok {
		s.Door.Challenge(w.Header(), "", "")
		return &api.Problem{
			Status: http.StatusUnauthorized, Code: "unauthorized", Title: "this needs an operator's token or a CST of the job, and one of them only",
			Hint: "send the CST as the call itself did; operators send their token as a bearer token",
		}
	}
	c, err := s.Gate.Admit(r.Context(), shown, look)
	if refused := (*gate.Refused)(nil); errors.As(err, &refused) {
		s.Door.Challenge(w.Header(), refused.Code, "")
		return &api.Problem{Status: refused.Status(), Code: refused.Code, Title: "the CST is refused", Detail: refused.Code, Hint: refused.Hint()}
	}
	if err == nil && c.Claims().Job != r.PathValue("job") {
		return noCall(r)
	}
	return err
}

func (s *Server) showCall(ctx context.Context, r *http.Request, _ *nothing) (*api.Call, error) {
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 63)
	if err != nil {
		return nil, noCall(r)
	}
	c, err := s.DB.Call(ctx, r.PathValue("job"), seq)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noCall(r)
	}
	if err != nil {
		return nil, err
	}
	return callPaper(c), nil
}

func callPaper(c *store.Call) *api.Call {
	return &api.Call{Opened: c.Opened, Closed: c.Closed, Learned: c.Learned}
}

// noCall is the one error for what is not there and what is not for who asks.
func noCall(r *http.Request) error {
	return fmt.Errorf("call of receipt %s/%s: %w", r.PathValue("job"), r.PathValue("seq"), store.ErrNotFound)
}
