// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// changing asks for deploy.run, which changes something outside.
func changing(acts *int, diff string, change ...func(*policy.Call)) *gate.Request {
	req := request(acts, change...)
	plain := req.Plan
	req.Plan = func(ctx context.Context, bounds []policy.Bound) (*gate.Plan, error) {
		p, err := plain(ctx, bounds)
		if err == nil {
			p.Change = &receipt.Change{
				Summary: "Deploy to prod", Request: receipt.Request{Method: "POST", Path: "/deploy", Body: json.RawMessage(`{"to":"prod"}`)},
				Undo: receipt.Undo{Irreversible: "it is out"}, Diff: diff,
			}
		}
		return p, err
	}
	return req
}

// unplannable is the same request, which cannot be put in policy terms any more.
func unplannable(acts *int) *gate.Request {
	req := changing(acts, "")
	req.Plan = func(context.Context, []policy.Bound) (*gate.Plan, error) {
		return nil, &gate.Fault{Code: "conflict", Msg: "it is at another version; read it again"}
	}
	return req
}

// text is the text behind a commitment of line n, or nothing.
func (h *house) text(n int, of seal.Hash) []byte {
	for _, t := range h.lines[n].Texts {
		if t.Commitment == of {
			return t.Bytes
		}
	}
	return nil
}

func TestChangeIsWrittenDown(t *testing.T) {
	h, acts := newHouse(t), 0
	if _, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, "+ prod")); err != nil || acts != 1 {
		t.Fatalf("%v, %d acts", err, acts)
	}
	c, err := receipt.ParseChange(h.text(0, h.lines[0].Receipt.Call.Change))
	if err != nil || c.Diff != "+ prod" {
		t.Errorf("the opened receipt's change: %v, %v", c, err)
	}
	external := func(c *policy.Call) { c.Categories = []string{"external_send"} }
	asked := func(diff string) string {
		var p *gate.Pending
		if _, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, diff, external)); !errors.As(err, &p) {
			t.Fatalf("got %v, want a question", err)
		}
		if h.text(len(h.lines)-1, p.Receipt.Call.Change) == nil {
			t.Error("who is asked is not shown the change")
		}
		return p.Receipt.Call.Digest().String()
	}
	one, again, two := asked("+ one"), asked("+ one"), asked("+ two")
	if one != again || one == two {
		t.Error("a question is about the exact change, and only about it")
	}
	denied := changing(&acts, "+ prod", func(c *policy.Call) { c.Unresolved = "outside" })
	r, _, err := h.Do(t.Context(), show(h.raw), denied)
	if !is[*gate.Denied](err) || h.text(len(h.lines)-1, r.Call.Change) != nil {
		t.Errorf("%v; of what is denied nothing is kept but what the agent sent", err)
	}
	if acts != 1 {
		t.Errorf("%d acts", acts)
	}
}

func TestChangeTooLong(t *testing.T) {
	h, acts := newHouse(t), 0
	if _, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, strings.Repeat("x", receipt.MaxChange))); err == nil || len(h.lines) > 0 || acts > 0 {
		t.Errorf("%v, %d receipts, %d acts", err, len(h.lines), acts)
	}
}

// at is a request whose arguments have a version that the house has looked up.
func at(acts *int, version string) *gate.Request {
	req := changing(acts, "")
	plain := req.Plan
	req.Plan = func(ctx context.Context, bounds []policy.Bound) (*gate.Plan, error) {
		p, err := plain(ctx, bounds)
		p.Args = []byte(`{"based_on":"` + version + `","to":"prod"}`)
		return p, err
	}
	return req
}

// The receipt has the exact arguments, and beside them what the agent asked for: the
// same asked again is the same attempt, whatever version it meets.
func TestWhatIsLookedUpMakesNoOtherAttempt(t *testing.T) {
	h, acts := newHouse(t), 0
	for i, version := range []string{"7", "8"} {
		if _, _, err := h.Do(t.Context(), show(h.raw), at(&acts, version)); err != nil {
			t.Fatal(err)
		}
		c := h.lines[2*i].Receipt.Call
		if got, want := string(h.text(2*i, c.Args)), `{"based_on":"`+version+`","to":"prod"}`; got != want {
			t.Errorf("the arguments are %s, want %s", got, want)
		}
		if got := string(h.text(2*i, c.Attempt)); got != string(at(&acts, version).Text) {
			t.Errorf("what was asked for is %s", got)
		}
	}
	attempt := receipt.Attempt(h.lines[0].Receipt.Call)
	if !attempt.Equal(receipt.Attempt(h.lines[2].Receipt.Call)) {
		t.Error("on another version it is another attempt")
	}
	h.state.Changes = map[seal.Hash]receipt.Earlier{attempt: {Seq: 1, State: receipt.Unclear}}
	for name, req := range map[string]*gate.Request{"a version": at(&acts, "9"), "no version to be found": unplannable(&acts)} {
		if _, _, err := h.Do(t.Context(), show(h.raw), req); !is[*gate.Unsettled](err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if acts != 2 {
		t.Errorf("%d acts, want 2", acts)
	}
}

// What may have happened is not done again, and what has happened is told.
func TestEarlierCall(t *testing.T) {
	for _, test := range []struct {
		state receipt.Unsettled
		says  string
	}{
		{receipt.UnderWay, "under way, or broke off"},
		{receipt.Unclear, "not known yet"},
		{receipt.Untold, "its answer was lost: see page 123, version 8"},
		{receipt.Lately, "less than a minute ago: see page 123, version 8"},
	} {
		t.Run(string(test.state), func(t *testing.T) {
			h, acts := newHouse(t), 0
			if _, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, "+ a")); err != nil {
				t.Fatal(err)
			}
			attempt := receipt.Attempt(h.lines[0].Receipt.Call)
			h.state.Changes = map[seal.Hash]receipt.Earlier{attempt: {Seq: 1, State: test.state, Target: policy.Resource{Type: "page", ID: "123", Version: "8"}}}
			r, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, "+ a"))
			refused := (*gate.Refused)(nil)
			if !errors.As(err, &refused) || refused.Code != string(test.state) || r.Refused != refused.Code || refused.Status() != http.StatusConflict || refused.Hint() == "" {
				t.Fatalf("got %v, %v", err, r)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("it says %q", err)
			}
			// That what is there has changed since makes it no other attempt.
			for name, req := range map[string]*gate.Request{"another version": changing(&acts, "+ b"), "a plan that cannot be made": unplannable(&acts)} {
				if _, _, err := h.Do(t.Context(), show(h.raw), req); !is[*gate.Unsettled](err) {
					t.Errorf("%s: %v", name, err)
				}
			}
			other := changing(&acts, "+ a")
			other.Text = []byte(`{"to":"test"}`)
			if _, _, err := h.Do(t.Context(), show(h.raw), other); err != nil || acts != 2 {
				t.Errorf("another attempt: %v, %d acts", err, acts)
			}
		})
	}
}

// A desk says of each change how it is taken back.
type desk struct {
	step *change.Step
	err  error
	by   string // the job of the last call
}

func (d *desk) Step(_ context.Context, by, undoes, tool string) (*change.Step, error) {
	d.by = by + " " + undoes + " " + tool
	return d.step, d.err
}

// What takes a change back does it as the house itself would, in a job that takes
// changes back; only the note is a person's.
func TestTakingBack(t *testing.T) {
	restore := change.Step{Action: "run", Args: []byte(`{"based_on": 4, "message": "Undo of job-1/1", "to": "3"}`)}
	for _, test := range []struct {
		name string
		job  string
		desk *desk
		text string
		want string // the code of the fault; "": it is done
	}{
		{"as the house would", "undo-job-1", &desk{step: &restore}, `{"to":"3","based_on":4,"message":"The drill was wrong."}`, ""},
		{"without a note", "undo-job-1", &desk{step: &restore}, `{"to":"3","based_on":4}`, ""},
		{"something else", "undo-job-1", &desk{step: &restore}, `{"to":"2","based_on":4}`, "other_undo"},
		{"something more", "undo-job-1", &desk{step: &restore}, `{"to":"3","based_on":4,"also":true}`, "other_undo"},
		{"no JSON", "undo-job-1", &desk{step: &restore}, `{`, "other_undo"},
		{"by another action", "undo-job-1", &desk{step: &change.Step{Action: "stop", Args: restore.Args}}, `{"to":"3","based_on":4}`, "other_undo"},
		{"of no arguments", "undo-job-1", &desk{step: &change.Step{Action: "run"}}, `{`, "other_undo"},
		{"not offered", "undo-job-1", &desk{step: &change.Step{Blocked: "Somebody has edited it since."}}, `{}`, "conflict"},
		{"nobody knows", "undo-job-1", &desk{err: errors.New("the database is down")}, `{}`, "error"},
		{"an ordinary job", "job-1", &desk{step: &restore}, `{"to":"3","based_on":4}`, "not_undoing"},
		{"no desk", "undo-job-1", nil, `{"to":"3","based_on":4}`, "not_undoing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, acts := newHouse(t), 0
			h.claims.Job, h.claims.Agent = test.job, receipt.Undoer
			if test.desk != nil {
				h.Undoing = test.desk
			}
			req := changing(&acts, "- prod")
			req.Text = []byte(test.text)
			plain := req.Plan
			req.Plan = func(ctx context.Context, bounds []policy.Bound) (*gate.Plan, error) {
				p, err := plain(ctx, bounds)
				p.Change.Undoes = "job-1/1"
				return p, err
			}
			r, _, err := h.Do(t.Context(), show(h.raw), req)
			if test.want == "" {
				if err != nil || acts != 1 || test.desk.by != "undo-job-1 job-1/1 deploy" {
					t.Errorf("%v, %d acts, asked %q", err, acts, test.desk.by)
				}
				return
			}
			if !is[*gate.Denied](err) || acts != 0 || r.Call.Unresolved != test.want {
				t.Errorf("%v, %d acts, %q", err, acts, r.Call.Unresolved)
			}
		})
	}
}

// lagging is a book whose first commit is durable long before it says so.
type lagging struct {
	gate.Book
	lag time.Duration
}

func (b *lagging) Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error {
	err := b.Book.Write(ctx, job, next)
	time.Sleep(b.lag)
	b.lag = 0
	return err
}

// When others may say by now that it did not happen, nothing is sent any more.
func TestTooLateToSend(t *testing.T) {
	for lag, sent := range map[time.Duration]bool{gate.Patience - time.Second: true, gate.Patience: false} {
		synctest.Test(t, func(t *testing.T) {
			h, acts := newHouse(t), 0
			h.claims.Expires = time.Now().Add(time.Hour).Unix()
			h.Book = &lagging{h, lag}
			r, _, err := h.Do(t.Context(), show(h.raw), changing(&acts, ""))
			if (acts == 1) != sent || (err == nil) != sent || (r.Outcome.Status == receipt.Done) != sent {
				t.Errorf("after %v: %d acts, %v, %+v", lag, acts, err, r.Outcome)
			}
			if !sent && (r.Outcome.Status != receipt.Failed || r.Outcome.Code != "late") {
				t.Errorf("closed as %+v", r.Outcome)
			}
		})
	}
}
