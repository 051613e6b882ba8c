// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/pins"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// listed is how many jobs or approvals a list holds.
const listed = 200

// maxTTL is far beyond any policy's, and far below what a Duration can hold, in seconds.
const maxTTL = 366 * 24 * 3600

func (s *Server) publish(ctx context.Context, _ *http.Request, in *api.Paper) (*api.Policy, error) {
	entry, err := s.Registry.Publish(ctx, &in.Envelope, in.Extensions...)
	if err != nil {
		return nil, err
	}
	return policyPaper(entry), nil
}

// listPolicies lists all, or those of a name. What no longer verifies is listed
// under the name that the database says, so that it is missed nowhere.
func (s *Server) listPolicies(ctx context.Context, r *http.Request, _ *nothing) (*api.Policies, error) {
	list, err := s.Registry.List(ctx)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	out := &api.Policies{Policies: []api.Policy{}}
	for _, l := range list {
		name := l.Name
		if l.Fault == nil {
			name = l.Entry.Policy.Name()
		}
		if query.Has("name") && name != query.Get("name") {
			continue
		}
		if l.Fault != nil {
			out.Policies = append(out.Policies, api.Policy{Hash: l.Hash, Name: name, Published: l.Published, Fault: l.Fault.Error()})
			continue
		}
		p := policyPaper(l.Entry)
		p.Envelope, p.Binding = nil, nil
		out.Policies = append(out.Policies, *p)
	}
	return out, nil
}

func (s *Server) showPolicy(ctx context.Context, r *http.Request, _ *nothing) (*api.Policy, error) {
	h, err := seal.ParseHash(r.PathValue("hash"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errArgument, err)
	}
	entry, err := s.Registry.Entry(ctx, h)
	if err != nil {
		return nil, err
	}
	out := policyPaper(entry)
	out.Shadows, err = s.shadows(ctx, h)
	return out, err
}

// askServers is for how long servers are asked how they are now.
const askServers = 30 * time.Second

// showPins answers with the MCP servers that a policy was published with, in words, or
// with those that publishing a draft would pin.
func (s *Server) showPins(ctx context.Context, r *http.Request, _ *nothing) (*api.Pins, error) {
	h, err := seal.ParseHash(r.PathValue("hash"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errArgument, err)
	}
	ctx, stop := context.WithTimeout(ctx, askServers)
	defer stop()
	entry, err := s.Registry.Entry(ctx, h)
	if errors.Is(err, store.ErrNotFound) {
		if d, lost := s.Drafts.Draft(ctx, h); lost == nil && d.Policy != nil {
			return s.draftPins(ctx, d)
		}
	}
	if err != nil {
		return nil, err
	}
	p, err := s.Registry.Pins(ctx, entry.Policy, entry.Bound.Servers)
	if err != nil {
		return nil, err
	}
	return pins.Tell(h, p.Pinned, p.Now, p.Texts, p.Fault), nil
}

func (s *Server) draftPins(ctx context.Context, d *registry.Draft) (*api.Pins, error) {
	p, err := s.Registry.Pins(ctx, d.Policy, nil)
	if err != nil {
		return nil, err
	}
	out := pins.Tell(d.ID, p.Now, p.Now, p.Texts, p.Fault)
	out.Draft = true
	return out, nil
}

func policyPaper(e *registry.Entry) *api.Policy {
	return &api.Policy{
		Hash: e.Policy.Hash(), Name: e.Policy.Name(), Purpose: e.Policy.Purpose(), Published: e.Published, Signers: e.Signatures,
		MaxTTL: int(e.Policy.MaxTTL() / time.Second), Names: e.Bound.Names, Servers: e.Bound.Servers, Extends: e.Bound.Extensions, Envelope: e.Envelope, Binding: e.Binding,
		Environment: e.Policy.Environment(), ChangeRecord: e.Policy.ChangeRecord(), BreakGlass: e.Policy.BreakGlass(),
	}
}

func (s *Server) issue(ctx context.Context, _ *http.Request, o *api.Order) (*api.Issued, error) {
	if o.TTL < 0 || o.TTL > maxTTL {
		return nil, fmt.Errorf("%w: ttl_seconds is %d; want 0 to %d, and no more than the policy says", errArgument, o.TTL, maxTTL)
	}
	m, err := s.Issuer.Mint(ctx, issuer.Order{
		Agent: o.Agent, Job: o.Job, Policy: o.Policy, TTL: time.Duration(o.TTL) * time.Second, Grant: o.Grant, Runtime: o.Runtime, Ticket: o.Ticket,
		Client: whoIs(ctx), Key: o.Key, Attestation: o.Attestation, Operator: true,
	})
	if err != nil {
		return nil, err
	}
	return &api.Issued{Token: m.Raw, Claims: m.Claims}, nil
}

func (s *Server) showToken(ctx context.Context, r *http.Request, _ *nothing) (*api.Token, error) {
	t, err := s.DB.Token(ctx, token.ID(r.PathValue("id")))
	if err != nil {
		return nil, err
	}
	return tokenPaper(t)
}

func tokenPaper(t *store.Token) (*api.Token, error) {
	e, err := seal.ParseEnvelope(t.Record)
	if err != nil {
		return nil, err
	}
	return &api.Token{
		ID: t.ID, Job: t.Job, Agent: t.Agent, Policy: t.Policy, Issued: t.Issued, Expires: t.Expires,
		Revoked: t.Revoked, Reason: t.Reason, Record: e,
	}, nil
}

func (s *Server) listJobs(ctx context.Context, _ *http.Request, _ *nothing) (*api.Jobs, error) {
	list, err := s.DB.Jobs(ctx, listed)
	if err != nil {
		return nil, err
	}
	out := &api.Jobs{Jobs: []api.Job{}}
	for i := range list {
		out.Jobs = append(out.Jobs, jobPaper(&list[i]))
	}
	return out, nil
}

func (s *Server) showJob(ctx context.Context, r *http.Request, _ *nothing) (*api.Job, error) {
	j, err := s.DB.Job(ctx, r.PathValue("job"))
	if err != nil {
		return nil, err
	}
	out := jobPaper(j)
	tokens, err := s.DB.Tokens(ctx, j.ID)
	if err != nil {
		return nil, err
	}
	for i := range tokens {
		t, err := tokenPaper(&tokens[i])
		if err != nil {
			return nil, err
		}
		t.Record = nil
		out.Tokens = append(out.Tokens, *t)
	}
	return &out, nil
}

func jobPaper(j *store.Job) api.Job {
	return api.Job{ID: j.ID, Agent: j.Agent, Policy: j.Policy, Client: j.Client, Created: j.Created, Receipts: j.Receipts, Used: receipt.Counted(j.Used)}
}

func (s *Server) listReceipts(ctx context.Context, r *http.Request, _ *nothing) (*api.Receipts, error) {
	if _, err := s.DB.Job(ctx, r.PathValue("job")); err != nil {
		return nil, err
	}
	list, err := s.DB.Receipts(ctx, r.PathValue("job"))
	if err != nil {
		return nil, err
	}
	return &api.Receipts{Receipts: append([]*seal.Envelope{}, list...)}, nil
}

// exportProof writes the bundle's own bytes, since they are what is verified.
func (s *Server) exportProof(w http.ResponseWriter, r *http.Request) {
	disclose := r.URL.Query().Get("disclose")
	if disclose != "" && disclose != "all" && disclose != "none" {
		s.fail(w, r, fmt.Errorf("%w: disclose is %q; want all or none", errArgument, disclose))
		return
	}
	what := proof.Nothing
	if _, isOperator := s.operator(r); disclose == "all" && isOperator {
		what = proof.Everything
	} else if disclose == "all" {
		what = proof.Calls // what the house has read to undo a change is not for who ordered the job
	}
	b, err := s.Proofs.Export(r.Context(), r.PathValue("job"), what)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.clawea.bundle.v1+json")
	s.write(w, r, b)
}

func (s *Server) serveJWKS(w http.ResponseWriter, r *http.Request) {
	set, err := s.Issuer.JWKS()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	b, err := json.Marshal(set) // go-jose's own JSON form
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	s.write(w, r, b)
}

func (s *Server) serveTrust(w http.ResponseWriter, r *http.Request) {
	b, err := s.Trust(r.Context()).Marshal()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	s.write(w, r, b)
}

// serveHealth answers 200 if the book can be reached, since without it nothing
// is carried.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	if err := s.DB.Ping(r.Context()); err != nil {
		s.fail(w, r, &api.Problem{Status: http.StatusServiceUnavailable, Code: "no_book", Title: "the database does not answer; nothing is carried", Hint: "its log says why"})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	s.write(w, r, []byte("ok\n"))
}

// listRoutes says what agents can be pointed at. It tells nobody anything that
// a configured agent does not have in its settings.
func (s *Server) listRoutes(context.Context, *http.Request, *nothing) (*api.Routes, error) {
	return &api.Routes{Routes: append([]api.Route{}, s.Routes...), MCP: true, Egress: s.Egress}, nil
}
