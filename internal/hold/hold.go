// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package hold lets agents' requests wait while people are asked, for as long as the
// agent says it would (RFC 7240). Nothing is decided here: whoever held a request asks
// the gate again.
package hold

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/store"
)

const (
	longest = 50 * time.Second // however long a client would wait: it gives up after a minute if nobody tells it otherwise
	glance  = 500 * time.Millisecond
	most    = 64 // requests at once, in each replica; others are answered at once
)

// Approvals tells what became of questions to people. internal/store fills it.
type Approvals interface {
	// Approval fails with store.ErrNotFound.
	Approval(ctx context.Context, id string) (*store.Approval, error)
}

// A Room is where requests wait. Make one with New; nil holds none.
type Room struct {
	approvals Approvals
	places    chan struct{}
	log       *slog.Logger
}

// New returns a room for requests whose questions a knows. Without a it holds none.
func New(a Approvals, log *slog.Logger) *Room {
	if a == nil {
		return nil
	}
	return &Room{approvals: a, places: make(chan struct{}, most), log: log}
}

// Preferred reads how long a request would wait, in Prefer: wait=20.
func Preferred(header http.Header) time.Duration {
	for _, value := range header.Values("Prefer") {
		for part := range strings.SplitSeq(value, ",") {
			name, seconds, _ := strings.Cut(part, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			n, err := strconv.ParseUint(strings.TrimSpace(seconds), 10, 16)
			if err != nil {
				return 0
			}
			return min(time.Duration(n)*time.Second, longest)
		}
	}
	return 0
}

// A Wait is a request that is to be held.
type Wait struct {
	Question string          // the approval's id; the receipt that asks is durable by then
	Long     time.Duration   // at most; 0: it is not held
	Gone     <-chan struct{} // closed when the client is gone, besides the context's end; nil: that is all
	Say      func(string)    // told now and then what it waits for, so that a client does not give up; nil: nobody is
}

// Hold waits until people have answered w's question, as long as w would, and reports
// whether they have.
func (r *Room) Hold(ctx context.Context, w Wait) bool {
	if r == nil || w.Long == 0 {
		return false
	}
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	default:
		return false
	}
	over, look := time.NewTimer(w.Long), time.NewTicker(glance)
	defer over.Stop()
	defer look.Stop()
	w.say("a person must approve it")
	for looks := 1; ; looks++ {
		select {
		case <-ctx.Done():
			return false
		case <-w.Gone:
			return false
		case <-over.C:
			return false
		case <-look.C:
		}
		a, err := r.approvals.Approval(ctx, w.Question)
		if err != nil {
			r.log.WarnContext(ctx, "question cannot be looked at", "approval", w.Question, "err", err)
			return false
		}
		if a.Reply != store.NoReply {
			return true
		}
		if !a.Open(time.Now()) {
			return false
		}
		if looks%10 == 0 {
			w.say("it waits for a person")
		}
	}
}

func (w *Wait) say(what string) {
	if w.Say != nil {
		w.Say(what)
	}
}
