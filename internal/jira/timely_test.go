// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/receipt"
)

// planned is a call that was decided upon and not carried out yet.
func (h *house) planned(seq uint64, action, args string) (*gate.Plan, *receipt.Receipt) {
	h.t.Helper()
	p, err := h.c.Plan(h.t.Context(), action, []byte(args), h.policy.Bounds(tool))
	if err != nil {
		h.t.Fatal(err)
	}
	return p, &receipt.Receipt{Kind: receipt.Opened, Job: "j", Seq: seq, At: time.Now(), Call: p.Call}
}

// TestTooLate says: no change is sent when its time has passed, wherever the time went.
func TestTooLate(t *testing.T) {
	tests := map[string]struct {
		within time.Duration
		slow   time.Duration // each request
		turn   bool          // another change of the issue goes on and on
	}{
		"before it began":         {within: -time.Second},
		"in the looks before it":  {within: 30 * time.Millisecond, slow: 50 * time.Millisecond},
		"until it was its turn":   {within: 30 * time.Millisecond, turn: true},
		"long before, and a turn": {within: -time.Second, turn: true},
	}
	for name, test := range tests {
		for action, args := range map[string]string{
			actionComment: `{"issue_key":"ENG-1","body":"x"}`,
			actionEdit:    `"fields":{"summary":"y"}`,
			actionAssign:  `"account_id":"READER"`,
			actionLink:    `{"issue_key":"ENG-1","phrase":"blocks","other_key":"PLAT-1","message":"m"}`,
		} {
			h := newWideHouse(t)
			if args = strings.ReplaceAll(args, "READER", h.reader); !strings.HasPrefix(args, "{") {
				args = h.on("ENG-1", args)
			}
			p, opened := h.planned(1, action, args)
			at, err := h.c.locate(t.Context(), "ENG-1")
			if err != nil {
				t.Fatal(err)
			}
			if test.turn {
				leave, err := h.c.turns.take(t.Context(), []*place{at})
				if err != nil {
					t.Fatal(err)
				}
				defer leave()
			}
			h.intercept(func(http.ResponseWriter, *http.Request) bool { time.Sleep(test.slow); return false })
			ctx, cancel := context.WithTimeout(t.Context(), test.within)
			r, err := p.Act(ctx, opened)
			cancel()
			if code(err) != "too_late" || r.Outcome.Status != receipt.Failed || r.Outcome.Code != "too_late" || h.writes() != 0 {
				t.Errorf("%s, %s: %+v, %v after %d writes", action, name, r.Outcome, err, h.writes())
			}
		}
	}
}

// TestCrowd has many change one issue at once, each with a little time: what does not have its turn in time is not sent.
func TestCrowd(t *testing.T) {
	h := newWideHouse(t)
	h.intercept(func(http.ResponseWriter, *http.Request) bool { time.Sleep(5 * time.Millisecond); return false })
	const many = 40
	within := 200 * time.Millisecond
	counts := map[receipt.Status]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	var acts []func(context.Context)
	for i := range many {
		p, opened := h.planned(uint64(i+1), actionComment, fmt.Sprintf(`{"issue_key":"ENG-1","body":"x%d"}`, i))
		acts = append(acts, func(ctx context.Context) {
			r, err := p.Act(ctx, opened)
			mu.Lock()
			defer mu.Unlock()
			counts[r.Outcome.Status]++
			if err != nil && code(err) != "too_late" && code(err) != "conflict" {
				t.Errorf("%+v, %v", r.Outcome, err)
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for _, act := range acts {
		all.Go(func() { act(ctx) })
	}
	all.Wait()
	if counts[receipt.Done] != h.writes() || counts[receipt.Done]+counts[receipt.Failed] != many || counts[receipt.Failed] == 0 {
		t.Errorf("%v, and %d writes", counts, h.writes())
	}
}

// TestCallerGone says: what is on its way is seen through, though its time passes and its caller is gone.
func TestCallerGone(t *testing.T) {
	h := newWideHouse(t)
	p, opened := h.planned(1, actionEdit, h.on("ENG-1", `"fields":{"summary":"y"}`))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == "PUT" {
			cancel()
			time.Sleep(time.Millisecond)
		}
		return false
	})
	if r, err := p.Act(ctx, opened); err != nil || r.Outcome.Status != receipt.Done || r.Outcome.Code == receipt.Found {
		t.Errorf("%+v, %v", r.Outcome, err)
	}
}

// TestMarkTakenOff has somebody take our mark off the issue: that it is not there is no longer said of a change that is.
func TestMarkTakenOff(t *testing.T) {
	h := newWideHouse(t)
	h.c.write = h.clientBy(h.c.site, atlassian.Basic("writer@example.com", "w").For(h.writer), atlassian.ForWriting)
	anybody, err := atlassian.New(atlassian.Config{BaseURL: h.c.site, Credential: func(context.Context) (atlassian.Credential, error) {
		return atlassian.Basic("undoer@example.com", "u"), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	h.did(actionEdit, h.on("ENG-1", `"fields":{"summary":"ours"}`))
	if found, err := h.c.Find(t.Context(), h.opened, h.change); found == nil || err != nil {
		t.Fatal(found, err)
	}
	if _, err := anybody.Do(t.Context(), &atlassian.Request{Method: "DELETE", Path: api + "/issue/ENG-1/properties/" + propertyKey}); err != nil {
		t.Fatal(err)
	}
	if found, err := h.c.Find(t.Context(), h.opened, h.change); found != nil || err == nil {
		t.Errorf("a change that was made: %+v, %v", found, err)
	}
}

// TestOthersEdits says: what others do to the same field does not hide that ours was not made, if it is known who we are.
func TestOthersEdits(t *testing.T) {
	for _, known := range []bool{true, false} {
		h := newWideHouse(t)
		if known {
			h.c.write = h.clientBy(h.c.site, atlassian.Basic("writer@example.com", "w").For(h.writer), atlassian.ForWriting)
		}
		args := h.on("ENG-1", `"fields":{"summary":"ours"}`)
		h.site.Intercept(func(at sim.Stage, r sim.Request) sim.Fault {
			return sim.Fault{Drop: at == sim.Received && r.Account == h.writer}
		})
		if _, r, err := h.do(actionEdit, args, nil); err == nil || r.Outcome.Status != receipt.Unknown {
			t.Fatal(r, err)
		}
		h.edit("ENG-1", h.reader, "priority", `{"name":"High"}`)
		if found, err := h.c.Find(t.Context(), h.opened, h.change); found != nil || err != nil {
			t.Errorf("known %v, another field: %+v, %v", known, found, err)
		}
		h.edit("ENG-1", h.reader, "summary", `"theirs"`)
		if found, err := h.c.Find(t.Context(), h.opened, h.change); found != nil || (err == nil) != known {
			t.Errorf("known %v, the same field: %+v, %v", known, found, err)
		}
	}
}
