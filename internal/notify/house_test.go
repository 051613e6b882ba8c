// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A house is a database with questions in it, and a clock that stands still.
type house struct {
	*store.DB
	config store.Config
	clock  atomic.Int64
	gate   seal.Signer
	kim    seal.Signer
	log    housetest.Log
}

var thePolicy = seal.Sum([]byte("policy"))

func (h *house) now() time.Time       { return time.UnixMilli(h.clock.Load()).UTC() }
func (h *house) move(d time.Duration) { h.clock.Add(d.Milliseconds()) }

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{gate: housetest.NewKey(t, "gate.test", 1), kim: housetest.NewKey(t, "kim@house.test", 2)}
	h.clock.Store(time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC).UnixMilli())
	h.config = store.Config{URL: storetest.URL(t), Now: h.now}
	h.DB = storetest.Open(t, h.config)
	if _, err := h.NoticesFrom(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.CreateJob(t.Context(), store.Job{ID: "job-1", Agent: "triage-bot", Policy: thePolicy, Created: h.now()}); err != nil {
		t.Fatal(err)
	}
	return h
}

// hostile is what a page or an agent would have people read.
const hostile = "</td>&<!channel>\r\nBcc: eve@evil.test\r\n<https://evil.test|approved> *yes* @here :tada:"

const secretWords = "the salaries of the board"

func text(s string) receipt.Text {
	salt := seal.Salt(bytes.Repeat([]byte{3}, 32))
	return receipt.Text{Commitment: seal.Commit(salt, []byte(s)), Salt: salt, Bytes: []byte(s)}
}

// edit is a call that edits an issue, and the texts behind it.
func edit(t testing.TB, id string) (*policy.Call, []receipt.Text) {
	t.Helper()
	change, err := (&receipt.Change{
		Summary: "Edit " + secretWords + " " + hostile, Request: receipt.Request{Method: "PUT", Path: "/x", Body: json.RawMessage(`"` + secretWords + `"`)},
		Undo: receipt.Undo{Action: "issue.restore"}, Diff: "- " + secretWords,
	}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	args, about := text(secretWords+id), text(string(change))
	return &policy.Call{
		Tool: "jira", Action: "issue.edit", Class: policy.Write, Categories: []string{"external_send"},
		Resources: []policy.Resource{{Type: "issue", ID: id, Version: "7", Labels: []string{secretWords}, Path: []policy.Place{{ID: "1", Name: secretWords}}}},
		Fields:    []string{"summary"}, Args: args.Commitment, Change: about.Commitment,
	}, []receipt.Text{args, about}
}

func (h *house) write(t testing.TB, next func(*receipt.State) (*receipt.Receipt, []receipt.Text)) *receipt.Receipt {
	t.Helper()
	var out *receipt.Receipt
	err := h.Write(t.Context(), "job-1", func(st *receipt.State) (*receipt.Line, error) {
		r, texts := next(st)
		out = r
		return r.Line(h.gate, texts...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var claims = &token.Claims{Job: "job-1", ID: "token-1", Policy: thePolicy}

// ask has a question asked about issue id.
func (h *house) ask(t testing.TB, id string) *store.Approval {
	t.Helper()
	c, texts := edit(t, id)
	r := h.write(t, func(st *receipt.State) (*receipt.Receipt, []receipt.Text) {
		return receipt.Open(st, claims, c, &policy.Facts{Now: st.Now}, policy.Decision{
			Effect: policy.Ask, Policy: thePolicy, Reasons: []policy.Reason{{Clause: "/approvals/required_for/0", Says: "write needs a person"}},
		}), texts
	})
	a, err := h.Approval(t.Context(), r.Asks)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// answer has kim answer a.
func (h *house) answer(t testing.TB, a *store.Approval, yes bool) {
	t.Helper()
	x := &receipt.Answer{
		Approval: a.ID, Job: a.Job, Call: a.Call, Policy: a.Policy, Yes: yes, By: h.kim.Name(), Reason: secretWords, At: h.now(), Expires: h.now().Add(time.Hour),
	}
	e, err := x.Sign(h.kim)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Answer(t.Context(), a.ID, b, x, one); err != nil {
		t.Fatal(err)
	}
}

// one is a Judge for whom the last answer decides.
func one(answers []*seal.Envelope) store.Reply {
	x := new(receipt.Answer)
	switch {
	case len(answers) == 0:
		return store.NoReply
	case seal.Decode(answers[len(answers)-1].Payload, x) == nil && x.Yes:
		return store.Yes
	}
	return store.No
}

// do carries out the call about issue id, which a allows.
func (h *house) do(t testing.TB, a *store.Approval, id string) {
	t.Helper()
	c, texts := edit(t, id)
	opened := h.write(t, func(st *receipt.State) (*receipt.Receipt, []receipt.Text) {
		var known []policy.Approval
		for _, e := range st.Answers {
			x := new(receipt.Answer)
			if err := seal.Decode(e.Payload, x); err != nil {
				t.Fatal(err)
			}
			known = append(known, x.Fact())
		}
		return receipt.Open(st, claims, c, &policy.Facts{Now: st.Now, Approvals: known}, policy.Decision{
			Effect: policy.Allow, Policy: thePolicy, Approval: a.ID, Reasons: []policy.Reason{},
		}), texts
	})
	h.write(t, func(st *receipt.State) (*receipt.Receipt, []receipt.Text) {
		return receipt.Close(st, opened, &receipt.Outcome{Status: receipt.Done, Code: "200"}), nil
	})
}

// A told is a Sender that keeps what it is told.
type told struct {
	mu    sync.Mutex
	all   []News
	fails int   // how often it fails at first
	err   error // and how
}

func (s *told) Send(_ context.Context, n *News) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, *n)
	if s.fails > 0 {
		s.fails--
		return "", s.err
	}
	return fmt.Sprint("place ", len(s.all)), nil
}

func (s *told) events() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.all {
		out = append(out, n.Event)
	}
	return out
}

func (h *house) notifier(db DB, channels ...Channel) *Notifier {
	return &Notifier{DB: db, Channels: channels, URL: "https://house.test", Remind: 30 * time.Minute, Now: h.now, Log: slog.New(slog.NewTextHandler(&h.log, nil))}
}

// settle follows, and tells all that is due.
func (h *house) settle(t testing.TB, n *Notifier) {
	t.Helper()
	if _, err := n.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range n.Channels {
		for more := true; more; {
			var err error
			if more, err = n.Deliver(t.Context(), &n.Channels[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
}
