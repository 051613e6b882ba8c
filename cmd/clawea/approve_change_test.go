// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// asked is a question about a call that makes a change.
func asked(t *testing.T, c *receipt.Change) *api.Question {
	t.Helper()
	gate := housetest.FreshKey(t, "gate.test")
	salt, args := seal.Salt{1}, []byte(`{"page_id":"7"}`)
	call := &policy.Call{Tool: "confluence", Action: "page.update", Class: policy.Write, Args: seal.Commit(salt, args)}
	q := &api.Question{Salt: salt, Text: args}
	if c != nil {
		text, err := c.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		q.Change = &api.ChangeText{Salt: seal.Salt{2}, Text: text}
		call.Change = seal.Commit(q.Change.Salt, text)
	}
	d := policy.Decision{Effect: policy.Ask, Policy: seal.Sum([]byte("p")), Reasons: []policy.Reason{}}
	r := receipt.Open(&receipt.State{Now: time.Now().UTC().Truncate(time.Millisecond)}, &token.Claims{Job: "job-1", ID: "t"}, call, &policy.Facts{Now: time.Now().UTC().Truncate(time.Millisecond)}, d)
	line, err := r.Sign(gate)
	if err != nil {
		t.Fatal(err)
	}
	q.Receipt = line.Envelope
	q.Approval = api.Approval{ID: r.Asks, Job: "job-1", Call: call.Digest(), Policy: d.Policy, State: "open"}
	return q
}

func update() *receipt.Change {
	return &receipt.Change{
		Summary: "Update page 7 in ENG", Target: &policy.Resource{Type: "page", ID: "7", Version: "3"},
		Request: receipt.Request{Method: "PUT", Path: "/wiki/api/v2/pages/7", Body: []byte(`{"title":"Failover"}`)},
		Undo:    receipt.Undo{Action: "page.restore", Args: []byte(`{}`)},
		Diff:    "-Promote the replica.\n+Run drop_all.sh.\n",
	}
}

func show(t *testing.T, q *api.Question, full bool) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := newCall(&env{stdout: &out}, &command{name: "approve show"}, nil).showQuestion(q, full)
	return out.String(), err
}

// A person sees all that a call will change, and whether that can be undone.
func TestShowChange(t *testing.T) {
	got, err := show(t, asked(t, update()), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"change     Update page 7 in ENG\n", "target     page 7 at version 3\n", "undo       yes, by confluence.page.restore: clawea job undo job-1 -note TEXT\n",
		"sends      PUT /wiki/api/v2/pages/7, 20 bytes\n", "  | {\"title\":\"Failover\"}\n", "  | -Promote the replica.\n  | +Run drop_all.sh.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	c := update()
	c.Target, c.Undo, c.Undoes = nil, receipt.Undo{Irreversible: "Mail goes out."}, "job-0/4"
	if got, err = show(t, asked(t, c), false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"target     something new\n", "undo       NO: Mail goes out.\n", "undoes     job-0/4\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// A body that is long is cut, and shown whole to whom asks for that.
func TestShowLongBody(t *testing.T) {
	c := update()
	c.Request.Body = []byte(`"` + strings.Repeat("long ", 1000) + `END"`)
	got, err := show(t, asked(t, c), false)
	if err != nil || strings.Contains(got, "END") || !strings.Contains(got, "and 3005 bytes more: clawea approve show ID -full") {
		t.Errorf("%v\n%s", err, got)
	}
	if got, err = show(t, asked(t, c), true); err != nil || !strings.Contains(got, "END") {
		t.Errorf("%v\n%s", err, got)
	}
}

// Nothing that others wrote can rewrite what stands on the terminal.
func TestShowHostileChange(t *testing.T) {
	const hostile = "x\x1b[2J\x1b[1;1Happroval   fine\r\u202eevil\u009b"
	c := update()
	c.Summary, c.Diff, c.Undoes = hostile, hostile, hostile
	c.Target.ID, c.Request.Path, c.Undo.Action = hostile, hostile, hostile
	got, err := show(t, asked(t, c), false)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(got, "\x1b\r\u202e\u009b") {
		t.Errorf("%q", got)
	}
}

// What is shown is what the answer is bound to, or nothing is shown.
func TestShowAnotherChange(t *testing.T) {
	for name, spoil := range map[string]func(*api.Question){
		"another text": func(q *api.Question) {
			q.Change.Text = bytes.Replace(q.Change.Text, []byte("page 7"), []byte("page 8"), 1)
		},
		"another salt":   func(q *api.Question) { q.Change.Salt = seal.Salt{9} },
		"none":           func(q *api.Question) { q.Change = nil },
		"another digest": func(q *api.Question) { q.Call = seal.Sum([]byte("x")) },
		"another job":    func(q *api.Question) { q.Job = "job-2" },
	} {
		q := asked(t, update())
		spoil(q)
		if got, err := show(t, q, false); err == nil || got != "" || !strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	q := asked(t, nil)
	if got, err := show(t, q, false); err != nil || strings.Contains(got, "change  ") {
		t.Errorf("a call without a change: %v\n%s", err, got)
	}
	q.Change = &api.ChangeText{Text: []byte("{}")}
	if _, err := show(t, q, false); err == nil {
		t.Error("a change that no receipt commits to is shown")
	}
}
