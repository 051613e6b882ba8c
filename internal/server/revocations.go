// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/revocation"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/token"
)

// checkReason refuses what would not come out of every database and terminal
// as it went in.
func checkReason(reason string) error {
	if len(reason) > revocation.MaxReason || strings.ContainsFunc(reason, unicode.IsControl) {
		return fmt.Errorf("%w: want a reason of at most %d bytes on one line", errArgument, revocation.MaxReason)
	}
	return nil
}

// end carries out an order to revoke, given by whoever r is from.
func (s *Server) end(ctx context.Context, what token.Revocation, reason string) (*api.Revoked, error) {
	checks := revocation.Checks{Catalog: s.Issuer.Catalog, Known: s.Registry.Known}
	if err := checks.Check(ctx, what, reason); errors.Is(err, revocation.ErrOrder) {
		return nil, fmt.Errorf("%w: %w", errArgument, err)
	} else if err != nil {
		return nil, err
	}
	done, err := s.Revocations.Revoke(ctx, store.Revocation{Revocation: what, By: whoIs(ctx), Reason: reason})
	if err != nil && !errors.Is(err, revocation.ErrUnrecorded) { // which holds all the same, and is in the log
		return nil, err
	}
	return revokedPaper(done), nil
}

func revokedPaper(r *store.Revoked) *api.Revoked {
	out := revocationPaper(&r.Revocation)
	out.Jobs, out.Tokens, out.Cancelled = r.Jobs, r.Tokens, r.Cancelled
	return &out
}

func revocationPaper(r *store.Revocation) api.Revoked {
	return api.Revoked{
		ID: r.ID, Kind: r.Kind, Target: r.Target, By: r.By, Reason: r.Reason, At: r.At, Lifted: r.Lifted, LiftedBy: r.LiftedBy,
	}
}

func (s *Server) revoke(ctx context.Context, _ *http.Request, o *api.RevocationOrder) (*api.Revoked, error) {
	return s.end(ctx, token.Revocation{Kind: o.Kind, Target: o.Target}, o.Reason)
}

func (s *Server) revokeToken(ctx context.Context, r *http.Request, o *api.Revocation) (*api.Revoked, error) {
	return s.end(ctx, token.Revocation{Kind: token.RevokeToken, Target: r.PathValue("id")}, o.Reason)
}

func (s *Server) revokeJob(ctx context.Context, r *http.Request, o *api.Revocation) (*api.Revoked, error) {
	return s.end(ctx, token.Revocation{Kind: token.RevokeJob, Target: r.PathValue("job")}, o.Reason)
}

func (s *Server) liftRevocation(ctx context.Context, r *http.Request, _ *nothing) (*api.Revoked, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is not the number of an order", errArgument, r.PathValue("id"))
	}
	done, err := s.Revocations.Lift(ctx, id, whoIs(ctx))
	if errors.Is(err, revocation.ErrUnrecorded) {
		return nil, &api.Problem{
			Status: http.StatusServiceUnavailable, Code: "unrecorded", Title: "the order is taken, and it holds until all of its receipts are written",
			Hint: "that is tried again every minute: see clawea revocation list -all",
		}
	}
	if err != nil {
		return nil, err
	}
	return revokedPaper(done), nil
}

func (s *Server) listRevocations(ctx context.Context, r *http.Request, _ *nothing) (*api.Revocations, error) {
	list, err := s.DB.Revocations(ctx, r.URL.Query().Get("all") == "true", listed)
	if err != nil {
		return nil, err
	}
	out := &api.Revocations{Revocations: []api.Revoked{}}
	for i := range list {
		out.Revocations = append(out.Revocations, revocationPaper(&list[i]))
	}
	return out, nil
}
