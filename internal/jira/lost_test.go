// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/receipt"
	"github.com/google/go-cmp/cmp"
)

// TestLost drops the connection after the change was made: it is found, not made
// again, and not reported as unknown.
func TestLost(t *testing.T) {
	tests := []struct{ action, args string }{
		{actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a","labels":["b"]}}`},
		{actionComment, `{"issue_key":"ENG-1","body":"x"}`},
		{actionEdit, `"labels_add":["x"],"fields":{"summary":"y"}`},
		{actionTransition, `"transition_id":"11"`},
		{actionAssign, `"account_id":"READER"`},
		{actionLink, `{"issue_key":"ENG-1","phrase":"blocks","other_key":"PLAT-1","message":"m"}`},
	}
	faults := map[string]struct {
		at    sim.Stage
		fault sim.Fault
		done  bool
	}{
		"dropped after it was applied":  {sim.Applied, sim.Fault{Drop: true}, true},
		"an error after it was applied": {sim.Applied, sim.Fault{Status: 503}, true},
		"dropped before":                {sim.Received, sim.Fault{Drop: true}, false},
	}
	for _, test := range tests {
		for name, f := range faults {
			t.Run(test.action+", "+name, func(t *testing.T) {
				h := newWideHouse(t)
				args := strings.ReplaceAll(test.args, "READER", h.reader)
				if !strings.HasPrefix(args, "{") {
					args = h.on("ENG-1", args)
				}
				h.site.Intercept(func(at sim.Stage, r sim.Request) sim.Fault {
					if at == f.at && r.Account == h.writer {
						return f.fault
					}
					return sim.Fault{}
				})
				_, result, err := h.do(test.action, args, nil)
				if n := h.writes(); n != 1 {
					t.Errorf("%d writes were sent", n)
				}
				found, findErr := h.c.Find(t.Context(), h.opened, h.change)
				if findErr != nil {
					t.Fatal(findErr)
				}
				o := result.Outcome
				if !f.done {
					if code(err) == "" || o.Status != receipt.Unknown || found != nil {
						t.Errorf("got %v, %+v, found %+v", err, o, found)
					}
					return
				}
				if err != nil || o.Status != receipt.Done || o.Code != receipt.Found || o.Target == nil || result.Body == nil {
					t.Errorf("got %v and %+v", err, o)
				}
				if diff := cmp.Diff(o.Target, found); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// TestFindCovered looks for an edit whose mark a later one of this house has covered.
func TestFindCovered(t *testing.T) {
	h := newWideHouse(t)
	h.did(actionEdit, h.on("ENG-1", `"fields":{"summary":"first"}`))
	first, change := h.opened, h.change
	never := *first
	never.Seq = 77
	found, err := h.c.Find(t.Context(), &never, change)
	if found != nil || err == nil {
		t.Errorf("one that may or may not have been: %+v, %v", found, err)
	}
	h.did(actionEdit, h.on("ENG-1", `"fields":{"priority":{"name":"High"}}`))
	if found, err = h.c.Find(t.Context(), first, change); found != nil || err == nil {
		t.Errorf("a covered one: %+v, %v", found, err)
	}
}

// TestBadAnswers lets Jira refuse changes in its ways.
func TestBadAnswers(t *testing.T) {
	tests := map[int]string{400: "bad_argument", 403: "forbidden", 404: "not_found", 409: "conflict", 422: "bad_argument", 429: "rate_limited"}
	for status, want := range tests {
		h := newWideHouse(t)
		args := h.on("ENG-1", `"fields":{"summary":"x"}`)
		h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != "PUT" {
				return false
			}
			w.Header().Set("Retry-After", "3600")
			reply(status, `{"errorMessages":["To discard the user notification\u001b[2J"],"errors":{}}`)(w, r)
			return true
		})
		_, result, err := h.do(actionEdit, args, nil)
		if code(err) != want || result.Outcome.Status != receipt.Failed {
			t.Errorf("%d: got %v and %+v", status, err, result.Outcome)
		}
		if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%d: the error carries control characters: %q", status, err)
		}
	}
}

// TestDiffers lets a rule of Jira's change what was sent.
func TestDiffers(t *testing.T) {
	h := newWideHouse(t)
	args := h.on("ENG-1", `"fields":{"summary":"x"},"labels_add":["kept"]`)
	h.site.Intercept(func(at sim.Stage, r sim.Request) sim.Fault {
		if at == sim.Applied && r.Account == h.writer {
			h.edit("ENG-1", "", "summary", `"changed by a rule"`)
		}
		return sim.Fault{}
	})
	_, result := h.did(actionEdit, args)
	got := decoded[changed](t, result.Body)
	if !slices.Equal(got.Differs, []string{"summary"}) || result.Outcome.Code != "differs" || result.Outcome.Status != receipt.Done {
		t.Errorf("got %+v and %+v", got, result.Outcome)
	}
	entries := h.issue("ENG-1").Changes
	if result.Outcome.Target.Version != entries[len(entries)-2].ID {
		t.Errorf("the target is %+v, the entries %+v", result.Outcome.Target, entries)
	}
}

// TestAtOnce carries out changes of one issue at the same time: they follow one
// another, so that of those based on one version only the first is made.
func TestAtOnce(t *testing.T) {
	h := newWideHouse(t)
	const many = 8
	acts := make([]func() (*gate.Result, error), many)
	for i := range acts {
		args := h.on("ENG-1", fmt.Sprintf(`"fields":{"summary":"number %d"}`, i))
		p, err := h.c.Plan(t.Context(), actionEdit, []byte(args), h.policy.Bounds(tool))
		if err != nil {
			t.Fatal(err)
		}
		opened := &receipt.Receipt{Kind: receipt.Opened, Job: "j", Seq: uint64(i + 1), At: time.Now(), Call: p.Call}
		acts[i] = func() (*gate.Result, error) { return p.Act(t.Context(), opened) }
	}
	results := make(chan string, many)
	for _, act := range acts {
		go func() {
			r, err := act()
			results <- string(r.Outcome.Status) + " " + code(err)
		}()
	}
	counts := map[string]int{}
	for range acts {
		counts[<-results]++
	}
	if diff := cmp.Diff(map[string]int{"done ": 1, "failed conflict": many - 1}, counts); diff != "" {
		t.Error(diff)
	}
	if n := len(h.issue("ENG-1").Changes); n != 1 {
		t.Errorf("%d changes were made", n)
	}
}

// TestWrongAccount lets another account act than the credential is said to be.
func TestWrongAccount(t *testing.T) {
	h := newWideHouse(t)
	args := h.on("ENG-1", `"fields":{"summary":"x"}`)
	h.c.write = h.clientBy(h.c.site, atlassian.Basic("writer@example.com", "w").For("712020:other"), atlassian.ForWriting)
	_, result, err := h.do(actionEdit, args, nil)
	o := result.Outcome
	if code(err) != "wrong_account" || o.Status != receipt.Done || o.Code != "wrong_account" || o.Actor != h.writer || o.Target == nil || result.Body != nil {
		t.Errorf("got %v and %+v", err, o)
	}
}

// TestEditedInBetween has a person edit the same field after the last look and
// before the write: Jira has no lock against that. The receipt names our entry.
func TestEditedInBetween(t *testing.T) {
	h := newWideHouse(t)
	args := h.on("ENG-1", `"fields":{"summary":"ours"}`)
	h.site.OnWrite(func(r sim.Request) bool { return r.Account == h.writer }, func(sim.Request) { h.edit("ENG-1", h.reader, "summary", `"theirs"`) })
	_, result := h.did(actionEdit, args)
	changes := h.issue("ENG-1").Changes
	if len(changes) != 2 || result.Outcome.Target.Version != changes[1].ID || result.Outcome.Code != "overwrote" {
		t.Errorf("the target is %+v, the changes %+v", result.Outcome.Target, changes)
	}
}
