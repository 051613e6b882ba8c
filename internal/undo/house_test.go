// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A house is a real store with receipts, and a wiki that may or may not have what
// they say.
type house struct {
	t    *testing.T
	db   *store.DB
	gate seal.Signer
	key  seal.Verifier
	salt []byte
	wiki *wiki
	log  *housetest.Log
	mu   sync.Mutex
	now  time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	key := housetest.NewKey(t, "gate.test", 4)
	h := &house{t: t, gate: key, key: key.Verifier, salt: bytes.Repeat([]byte{9}, 32), wiki: newWiki(), log: new(housetest.Log), now: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}
	h.db = storetest.Open(t, store.Config{Now: h.clock})
	h.job("job-1")
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) job(id string) {
	h.t.Helper()
	agent := "robot"
	if strings.HasPrefix(id, "undo-") {
		agent = receipt.Undoer
	}
	h.jobOf(id, agent, "")
}

func (h *house) jobOf(id, agent, client string) {
	h.t.Helper()
	if err := h.db.CreateJob(h.t.Context(), store.Job{ID: id, Agent: agent, Client: client, Policy: seal.Sum([]byte("policy")), Created: h.clock()}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func (h *house) desk() *Desk {
	return &Desk{
		DB: h.db, Connectors: map[string]Connector{"wiki": h.wiki}, Gates: []seal.Verifier{h.key}, Over: 3 * time.Minute, Now: h.clock, Log: h.logger(),
	}
}

func (h *house) settler() *Settler {
	return &Settler{
		DB: h.db, Book: h.db, Connectors: map[string]Connector{"wiki": h.wiki}, Signer: h.gate, Gates: []seal.Verifier{h.key},
		Dead: 3 * time.Minute, Over: 2 * time.Minute, Start: h.clock(), Now: h.clock, Log: h.logger(),
	}
}

// edit is an update of page 7 from a version.
func edit(version string) *receipt.Change {
	return &receipt.Change{
		Summary: "Update page 7", Target: &policy.Resource{Type: "page", ID: "7", Version: version},
		Request: receipt.Request{Method: "PUT", Path: "/pages/7", Body: []byte(`{"v":` + version + `}`)},
		Undo:    receipt.Undo{Action: "page.restore", Args: []byte(`{"page_id":"7","restore":` + version + `}`)},
	}
}

// making is the creation of a page.
func making() *receipt.Change {
	return &receipt.Change{
		Summary: "Create a page", Request: receipt.Request{Method: "POST", Path: "/pages", Body: []byte(`{"title":"x"}`)},
		Undo: receipt.Undo{Action: "page.trash", Args: []byte(`{}`)},
	}
}

func page7(version string) *policy.Resource {
	return &policy.Resource{Type: "page", ID: "7", Version: version}
}

// open writes the opened receipt of an allowed call in a job.
func (h *house) open(job, action string, c *receipt.Change) *receipt.Receipt {
	h.t.Helper()
	return h.openAs(job, &policy.Call{Tool: "wiki", Action: action, Class: policy.Write}, c)
}

func (h *house) openAs(job string, call *policy.Call, c *receipt.Change) *receipt.Receipt {
	h.t.Helper()
	b, err := c.Marshal()
	if err != nil {
		h.t.Fatal(err)
	}
	salt := seal.NewSalt(h.salt, job, b)
	text := receipt.Text{Commitment: seal.Commit(salt, b), Salt: salt, Bytes: b}
	call.Change = text.Commitment
	if c.Target != nil {
		call.Resources = []policy.Resource{*c.Target}
	}
	var r *receipt.Receipt
	h.write(job, func(st *receipt.State) (*receipt.Line, error) {
		r = receipt.Open(st, &token.Claims{Job: job, ID: "t1"}, call, &policy.Facts{Now: st.Now}, policy.Decision{Effect: policy.Allow, Reasons: []policy.Reason{}})
		return r.Sign(h.gate, text)
	})
	return r
}

// close writes the closed receipt.
func (h *house) close(opened *receipt.Receipt, out receipt.Outcome) {
	h.t.Helper()
	h.write(opened.Job, func(st *receipt.State) (*receipt.Line, error) {
		return receipt.Close(st, opened, &out).Sign(h.gate)
	})
}

func (h *house) write(job string, next func(*receipt.State) (*receipt.Line, error)) {
	h.t.Helper()
	if err := h.db.Write(h.t.Context(), job, next); err != nil {
		h.t.Fatal(err)
	}
}

func done(target *policy.Resource) receipt.Outcome {
	return receipt.Outcome{Status: receipt.Done, Code: "200", Target: target, Actor: "writer"}
}

var (
	failed  = receipt.Outcome{Status: receipt.Failed, Code: "conflict"}
	unclear = receipt.Outcome{Status: receipt.Unknown}
)

// ending returns the receipt that says what became of a call, or nil.
func (h *house) ending(opened *receipt.Receipt) *receipt.Receipt {
	h.t.Helper()
	c, err := h.db.Call(h.t.Context(), opened.Job, opened.Seq)
	if err != nil {
		h.t.Fatal(err)
	}
	e := cmp.Or(c.Learned, c.Closed)
	if e == nil {
		return nil
	}
	r, err := receipt.Parse(e.Payload)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// closing returns the outcome of a call, as far as it is known, or nil.
func (h *house) closing(opened *receipt.Receipt) *receipt.Outcome {
	h.t.Helper()
	if r := h.ending(opened); r != nil {
		return r.Outcome
	}
	return nil
}

// standing is what the store says stands in the way of opened's call, or "".
func (h *house) standing(opened *receipt.Receipt) (out receipt.Unsettled) {
	h.t.Helper()
	stop := errors.New("stop")
	err := h.db.Write(h.t.Context(), opened.Job, func(st *receipt.State) (*receipt.Line, error) {
		out = st.Changes[receipt.Attempt(opened.Call)].State
		return nil, stop
	})
	if !errors.Is(err, stop) {
		h.t.Fatal(err)
	}
	return out
}

// A wiki is a system that answers what a test says.
type wiki struct {
	mu      sync.Mutex
	found   map[string]*policy.Resource // by receipt
	err     error                       // of all
	looked  int
	blocked map[string]string           // by receipt: who has edited since
	stood   map[string]*policy.Resource // what Revert was told, by receipt
	agent   string                      // for whom Revert was asked
	events  []change.Event
	window  change.Window
}

func newWiki() *wiki {
	return &wiki{found: map[string]*policy.Resource{}, blocked: map[string]string{}, stood: map[string]*policy.Resource{}}
}

func (w *wiki) Find(_ context.Context, opened *receipt.Receipt, _ *receipt.Change) (*policy.Resource, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked++
	return w.found[opened.Name()], w.err
}

func (w *wiki) Revert(ctx context.Context, opened *receipt.Receipt, c *receipt.Change, after *policy.Resource) (*change.Step, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stood[opened.Name()], w.agent = after, gate.Agent(ctx)
	if why := w.blocked[opened.Name()]; why != "" {
		return &change.Step{Blocked: why}, nil
	}
	return &change.Step{Action: c.Undo.Action, Args: c.Undo.Args, Says: "Undo " + c.Summary}, w.err
}

func (w *wiki) History(_ context.Context, window change.Window) ([]change.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.window = window
	return w.events, w.err
}
