// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// publishing returns the desk of published bundles, or why there is none.
func (s *Server) publishing() (*pulse.Desk, error) {
	if s.Pulse == nil {
		return nil, &api.Problem{
			Status: http.StatusNotFound, Code: "no_publications", Title: "this house publishes no bundles",
			Hint: "say where they are to be kept, under pulse in its configuration; clawea proof html writes one as a page",
		}
	}
	return s.Pulse, nil
}

// untold says what clients are told of an error of the desk's.
func untold(err error) error {
	r := (*pulse.Refusal)(nil)
	switch {
	case errors.As(err, &r):
		return &api.Problem{Status: http.StatusUnprocessableEntity, Code: "not_published", Title: r.Wrong, Hint: r.Mends}
	case errors.Is(err, store.ErrHeld):
		return &api.Problem{Status: http.StatusConflict, Code: "held", Title: "it is under legal hold", Hint: "see who holds it: clawea pulse show ID; nothing deletes it before that is ended with: clawea pulse release ID"}
	case errors.Is(err, store.ErrConflict):
		return &api.Problem{Status: http.StatusConflict, Code: "conflict", Title: "that cannot be done as things stand", Hint: "look at what became of it: clawea pulse show ID"}
	}
	return err
}

// publishJob publishes the bundle of a job as it stands now.
func (s *Server) publishJob(ctx context.Context, _ *http.Request, o *api.PublicationOrder) (*api.Publication, error) {
	d, err := s.publishing()
	if err != nil {
		return nil, err
	}
	x, err := pulse.ReadDisclosure(o.Disclose)
	if err != nil {
		return nil, untold(err)
	}
	id, err := d.PublishJob(ctx, o.Job, whoIs(ctx), x, pulse.Keep{Until: o.Until, Ever: o.Ever})
	if err != nil {
		return nil, untold(err)
	}
	return s.publication(ctx, d, id)
}

// publishFile publishes a bundle that somebody has.
func (s *Server) publishFile(w http.ResponseWriter, r *http.Request) {
	p, err := s.takeFile(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.writeJSON(w, r, p)
}

func (s *Server) takeFile(w http.ResponseWriter, r *http.Request) (*api.Publication, error) {
	d, err := s.publishing()
	if err != nil {
		return nil, err
	}
	k := pulse.Keep{Ever: r.URL.Query().Get("ever") == "true"}
	if text := r.URL.Query().Get("until"); text != "" {
		if k.Until, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, fmt.Errorf("%w: until is a time like 2026-11-21T14:30:00Z", errArgument)
		}
	}
	file, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bundle.MaxSize))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &api.Problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Title: "no bundle is as large as that", Hint: "give the file as clawea proof export wrote it"}
	}
	if err != nil {
		return nil, errBody
	}
	id, err := d.Publish(r.Context(), file, whoIs(r.Context()), k)
	if err != nil {
		return nil, untold(err)
	}
	return s.publication(r.Context(), d, id)
}

// listPublications lists a page of them, which an answer before names, and how to ask
// for the next.
func (s *Server) listPublications(ctx context.Context, r *http.Request, _ *nothing) (*api.Publications, error) {
	d, err := s.publishing()
	if err != nil {
		return nil, err
	}
	before, limit, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	list, err := d.Publications(ctx, before, limit+1)
	if err != nil {
		return nil, err
	}
	out := &api.Publications{Publications: []api.Publication{}}
	if len(list) > limit {
		list = list[:limit]
		last := &list[limit-1]
		out.Next = strconv.FormatInt(last.At.UnixMilli(), 10) + "." + last.ID.String()
	}
	for i := range list {
		out.Publications = append(out.Publications, s.publicationPaper(&list[i]))
	}
	return out, nil
}

// pageOf reads which page of a list is asked for.
func pageOf(r *http.Request) (before *store.Spot, limit int, err error) {
	q := r.URL.Query()
	if limit = listed; q.Has("limit") {
		if limit, err = strconv.Atoi(q.Get("limit")); err != nil || limit < 1 || limit > listed {
			return nil, 0, fmt.Errorf("%w: limit is a number from 1 to %d", errArgument, listed)
		}
	}
	if text := q.Get("before"); text != "" {
		ms, id, ok := strings.Cut(text, ".")
		at, err := strconv.ParseInt(ms, 10, 64)
		if _, bad := seal.ParseHash(id); !ok || err != nil || at < 0 || bad != nil {
			return nil, 0, fmt.Errorf("%w: before is what the answer before said under next", errArgument)
		}
		before = &store.Spot{At: time.UnixMilli(at), ID: id}
	}
	return before, limit, nil
}

func (s *Server) showPublication(ctx context.Context, r *http.Request, _ *nothing) (*api.Publication, error) {
	return s.onPublication(ctx, r, func(*pulse.Desk, seal.Hash) error { return nil })
}

// onPublication does one thing to the publication that r names, and returns what it
// is then.
func (s *Server) onPublication(ctx context.Context, r *http.Request, do func(*pulse.Desk, seal.Hash) error) (*api.Publication, error) {
	d, err := s.publishing()
	if err != nil {
		return nil, err
	}
	id, err := publicationID(r)
	if err != nil {
		return nil, err
	}
	if err := do(d, id); err != nil {
		return nil, untold(err)
	}
	return s.publication(ctx, d, id)
}

func publicationID(r *http.Request) (seal.Hash, error) {
	id, err := seal.ParseHash(r.PathValue("hash"))
	if err != nil {
		return id, fmt.Errorf("%w: %w", errArgument, err)
	}
	return id, nil
}

func (s *Server) holdPublication(ctx context.Context, r *http.Request, n *api.Note) (*api.Publication, error) {
	return s.onPublication(ctx, r, func(d *pulse.Desk, id seal.Hash) error { return d.Hold(ctx, id, whoIs(ctx), n.Note) })
}

func (s *Server) releasePublication(ctx context.Context, r *http.Request, n *api.Note) (*api.Publication, error) {
	return s.onPublication(ctx, r, func(d *pulse.Desk, id seal.Hash) error { return d.Release(ctx, id, whoIs(ctx), n.Note) })
}

func (s *Server) deletePublication(ctx context.Context, r *http.Request, n *api.Note) (*api.Publication, error) {
	return s.onPublication(ctx, r, func(d *pulse.Desk, id seal.Hash) error { return d.Delete(ctx, id, whoIs(ctx), n.Note) })
}

// sharePublication makes a link. Its address is in this answer and nowhere else.
func (s *Server) sharePublication(ctx context.Context, r *http.Request, o *api.ShareOrder) (*api.ShareLink, error) {
	d, err := s.publishing()
	if err != nil {
		return nil, err
	}
	id, err := publicationID(r)
	if err != nil {
		return nil, err
	}
	x, err := pulse.ReadDisclosure(o.Disclose)
	if err != nil {
		return nil, untold(err)
	}
	secret, err := d.Share(ctx, id, whoIs(ctx), o.Note, o.Until, x)
	if err != nil {
		return nil, untold(err)
	}
	return &api.ShareLink{
		ID: seal.Sum([]byte(secret)), By: whoIs(ctx), Note: o.Note, Discloses: x.String(), At: d.Now().UTC(), Expires: o.Until.UTC(), Address: s.Origin + "/share/" + secret,
	}, nil
}

func (s *Server) endShare(ctx context.Context, r *http.Request, _ *nothing) (*struct{}, error) {
	d, err := s.publishing()
	if err != nil {
		return nil, err
	}
	id, err := seal.ParseHash(r.PathValue("link"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errArgument, err)
	}
	return new(struct{}), untold(d.Unshare(ctx, id, whoIs(ctx)))
}

// publication is all that is on record of one.
func (s *Server) publication(ctx context.Context, d *pulse.Desk, id seal.Hash) (*api.Publication, error) {
	p, err := d.Publication(ctx, id)
	if err != nil {
		return nil, err
	}
	out := s.publicationPaper(&p)
	events, err := d.Events(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		out.Events = append(out.Events, api.PublicationEvent{What: e.What, By: e.By, Note: e.Note, At: e.At})
	}
	shares, err := d.Shares(ctx, id, listed)
	if err != nil {
		return nil, err
	}
	for _, l := range shares {
		x, err := pulse.Disclosed(l.Discloses)
		if err != nil {
			return nil, err
		}
		out.Shares = append(out.Shares, api.ShareLink{ID: l.ID, By: l.By, Note: l.Note, Discloses: x.String(), At: l.At, Expires: l.Expires, Ended: l.Revoked})
	}
	return &out, nil
}

func (s *Server) publicationPaper(p *store.Publication) api.Publication {
	return api.Publication{
		ID: p.ID, Job: p.Job, Size: p.Size, By: p.By, At: p.At, Until: p.Until, HeldBy: p.HeldBy, Deleted: p.Deleted, Links: p.Links, Address: s.Origin + "/pulse/" + p.ID.String(),
	}
}
