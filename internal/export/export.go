// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package export gives receipts to auditors and to systems that watch (SIEM), as
// lines of JSON in the Open Cybersecurity Schema Framework (OCSF). docs/export.md
// says what becomes what.
//
// A line is a copy for searching, and no evidence: it is not signed, and the
// receipt that it names is. It holds ids, names, hashes and counts, and no text of
// an agent's, a person's, a page's or a model's.
package export

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A Source is a receipt and what is known beside it.
type Source struct {
	Receipt *receipt.Receipt
	Opened  *receipt.Receipt // the one that it closes or says something of later; nil: none, or not known
	Agent   string           // whose call it is; "": not known
	Client  string           // who ordered the job; "": not known
}

// Bundle returns the receipts of a bundle, in order. It reads them and verifies
// nothing: that is package verify's matter.
func Bundle(b *bundle.Bundle) ([]Source, error) {
	who := map[token.ID]*token.Claims{}
	for i := range b.Tokens {
		c := new(token.Claims)
		if err := seal.Glance(b.Tokens[i].Payload, c); err != nil {
			return nil, fmt.Errorf("read token's record: %w", err)
		}
		who[c.ID] = c
	}
	opened := map[uint64]*receipt.Receipt{}
	var out []Source
	for i := range b.Receipts {
		r, err := receipt.Parse(b.Receipts[i].Payload)
		if err != nil {
			return nil, err
		}
		s := Source{Receipt: r, Opened: opened[r.Opened]}
		if r.Kind == receipt.Opened {
			opened[r.Seq] = r
		}
		id := r.Token
		if id == "" && s.Opened != nil {
			id = s.Opened.Token
		}
		if c := who[id]; c != nil {
			s.Agent, s.Client = c.Agent, c.Client
		}
		out = append(out, s)
	}
	return out, nil
}

// Followed reads what the daemon says. It verifies nothing.
func Followed(f *api.FollowedReceipt) (Source, error) {
	if f.Receipt == nil {
		return Source{}, errors.New("the daemon's answer has no receipt where one should be")
	}
	r, err := receipt.Parse(f.Receipt.Payload)
	if err != nil {
		return Source{}, err
	}
	s := Source{Receipt: r, Agent: f.Agent, Client: f.Client}
	if f.Opened != nil {
		s.Opened, err = receipt.Parse(f.Opened.Payload)
	}
	return s, err
}

// A DB has the receipts. internal/store fills it.
type DB interface {
	ReceiptsAfter(ctx context.Context, job string, seq uint64, limit int) ([]store.Followed, error)
}

// A Feed answers GET /v1/receipts?after=JOB/SEQ&limit=N. Who may ask is not its
// matter: it tells of all jobs. Both fields must be set.
type Feed struct {
	DB  DB
	Log *slog.Logger
}

// maxPage is how many receipts one answer has at most.
const maxPage = 500

// ServeHTTP answers with api.Followed.
func (f *Feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := f.page(r)
	if err != nil {
		f.refuse(r.Context(), w, err)
		return
	}
	body, err := seal.MarshalUpTo(out, 64<<20)
	if err != nil {
		f.refuse(r.Context(), w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(body)
}

var errArgument = errors.New("after is a receipt's name, JOB/SEQ, and limit a number from 1")

func (f *Feed) page(r *http.Request) (*api.Followed, error) {
	query, limit := r.URL.Query(), 100
	if text := query.Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
			return nil, errArgument
		}
	}
	job, seq, err := parseName(query.Get("after"))
	if err != nil {
		return nil, err
	}
	list, err := f.DB.ReceiptsAfter(r.Context(), job, seq, min(limit, maxPage))
	if err != nil {
		return nil, err
	}
	out := &api.Followed{Receipts: []api.FollowedReceipt{}}
	for _, x := range list {
		p := api.FollowedReceipt{Agent: x.Agent, Client: x.Client}
		if p.Receipt, err = seal.ParseEnvelope(x.Envelope); err != nil {
			return nil, err
		}
		if x.Opened != nil {
			if p.Opened, err = seal.ParseEnvelope(x.Opened); err != nil {
				return nil, err
			}
		}
		out.Receipts = append(out.Receipts, p)
	}
	return out, nil
}

// parseName reads JOB/SEQ; "" is before the first receipt.
func parseName(name string) (job string, seq uint64, err error) {
	if name == "" {
		return "", 0, nil
	}
	job, number, _ := strings.Cut(name, "/")
	seq, err = strconv.ParseUint(number, 10, 63)
	if err != nil || seq == 0 || token.CheckName("job", job) != nil {
		return "", 0, errArgument
	}
	return job, seq, nil
}

func (f *Feed) refuse(ctx context.Context, w http.ResponseWriter, err error) {
	p := &api.Problem{Status: http.StatusInternalServerError, Code: "internal", Title: "the house could not answer", Hint: "look into the daemon's log"}
	switch {
	case errors.Is(err, errArgument):
		p = &api.Problem{Status: http.StatusBadRequest, Code: "bad_request", Title: "an argument is wrong", Detail: errArgument.Error(), Hint: "mend it and ask again"}
	case errors.Is(err, store.ErrNotFound):
		p = &api.Problem{Status: http.StatusNotFound, Code: "not_found", Title: "there is no such receipt", Hint: "begin without after, or name the last receipt that you have"}
	default:
		f.Log.ErrorContext(ctx, "receipts not exported", "err", err)
	}
	p.Type = "urn:clawea:problem:" + p.Code
	body, err := seal.Marshal(p)
	if err != nil { // unreachable
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	w.Write(body)
}
