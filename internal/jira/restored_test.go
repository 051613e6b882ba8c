// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"net/http"
	"testing"
	"time"

	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// anew plans a call under the name of a lost one, as a house does whose database was
// restored from before that, and does not send it.
func (h *house) anew(lost deed, action, args string) (*receipt.Receipt, *receipt.Change) {
	h.t.Helper()
	p, opened := h.planned(lost.opened.Seq, action, args)
	opened.Job, opened.At = lost.opened.Job, time.Now().Add(5*time.Minute)
	return opened, h.sealed(p.Change)
}

// found looks for what a call made, and says in a word what is told of it.
func (h *house) found(opened *receipt.Receipt, ch *receipt.Change) (string, *policy.Resource) {
	h.t.Helper()
	r, err := h.c.Find(h.t.Context(), opened, ch)
	switch {
	case err == nil && r == nil:
		return "", nil
	case err == nil:
		return "one", r
	case r != nil:
		h.t.Errorf("found %+v, and %v", r, err)
	}
	return "error", nil
}

// TestMarkOfLostTime gives names of receipts a second time: what the first call of a
// name made is not what the second was to make.
func TestMarkOfLostTime(t *testing.T) {
	tests := map[string]struct{ action, first, second, want string }{
		"an issue of another type and summary": {actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`, `{"project_key":"ENG","issue_type":"Bug","fields":{"summary":"b"}}`, "error"},
		"an issue of another type":             {actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`, `{"project_key":"ENG","issue_type":"Bug","fields":{"summary":"a"}}`, "error"},
		"an issue of another summary":          {actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"b"}}`, "error"},
		"an issue elsewhere":                   {actionCreate, `{"project_key":"PLAT","issue_type":"Task","fields":{"summary":"a"}}`, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`, ""},
		"a comment":                            {actionComment, `{"issue_key":"ENG-1","body":"a"}`, `{"issue_key":"ENG-1","body":"b"}`, "error"},
		"a comment elsewhere":                  {actionComment, `{"issue_key":"ENG-1","body":"a"}`, `{"issue_key":"ENG-2","body":"b"}`, ""},
	}
	for name, test := range tests {
		h := newWideHouse(t)
		h.known()
		opened, ch := h.anew(h.deed(test.action, test.first), test.action, test.second)
		if got, r := h.found(opened, ch); got != test.want {
			t.Errorf("%s: %q, %+v", name, got, r)
		}
	}
}

// TestMadeAnew says: of two things that bear one name, the one that is as it was sent counts.
func TestMadeAnew(t *testing.T) {
	tests := map[string]struct{ action, first, second string }{
		"an issue":  {actionCreate, `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"a"}}`, `{"project_key":"ENG","issue_type":"Bug","fields":{"summary":"b"}}`},
		"a comment": {actionComment, `{"issue_key":"ENG-1","body":"a"}`, `{"issue_key":"ENG-1","body":"b"}`},
	}
	for name, test := range tests {
		h := newWideHouse(t)
		h.deed(test.action, test.first)
		h.seq-- // the name is given out again
		again := h.deed(test.action, test.second)
		if got, r := h.found(again.opened, again.change); got != "one" || r.ID != again.after.ID {
			t.Errorf("%s: %q, %+v, want %+v", name, got, r, again.after)
		}
	}
}

// TestEditOfLostTime says: where an issue bore a name already, its mark tells nothing of
// a call of this name.
func TestEditOfLostTime(t *testing.T) {
	for name, then := range map[string]func(h *house){
		"as it was":             func(*house) {},
		"the same by somebody":  func(h *house) { h.edit("ENG-1", h.reader, "summary", `"never sent"`) },
		"something by somebody": func(h *house) { h.edit("ENG-1", h.reader, "priority", `{"name":"Low"}`) },
	} {
		h := newWideHouse(t)
		h.known()
		opened, ch := h.anew(h.deed(actionEdit, h.on("ENG-1", `"fields":{"summary":"lost"}`)), actionEdit, h.on("ENG-1", `"fields":{"summary":"never sent"}`))
		then(h)
		if got, r := h.found(opened, ch); got != "error" {
			t.Errorf("%s: %q, %+v", name, got, r)
		}
	}
}

// TestEditMarkedBySomebody has the mark of a call that was never sent come to stand on
// the issue: it is believed only of what changed as it was to change.
func TestEditMarkedBySomebody(t *testing.T) {
	const both, mark = `"fields":{"summary":"ours","priority":{"name":"High"}},"labels_add":["x"]`, "/issue/ENG-1/properties/" + propertyKey
	tests := map[string]func(h *house){
		"nothing else":   func(*house) {},
		"another field":  func(h *house) { h.edit("ENG-1", h.reader, "duedate", `"2026-12-01"`) },
		"one of several": func(h *house) { h.edit("ENG-1", h.reader, "summary", `"theirs"`) },
		"one by one": func(h *house) {
			h.edit("ENG-1", h.reader, "summary", `"ours"`)
			h.edit("ENG-1", h.reader, "priority", `{"name":"High"}`)
			h.edit("ENG-1", h.reader, "labels", `["ops","x"]`)
		},
	}
	for name, then := range tests {
		h := newWideHouse(t)
		h.known()
		_, do := h.person("ann@example.com", "a")
		p, opened := h.planned(7, actionEdit, h.on("ENG-1", both))
		then(h)
		do("PUT", mark, `{"receipt":"`+opened.Name()+`"}`)
		if got, r := h.found(opened, h.sealed(p.Change)); got != "error" {
			t.Errorf("%s: %q, %+v", name, got, r)
		}
	}
}

// TestFindEditAmongOthers has a person be quicker with the same field, and the answer get
// lost: what is found is our entry, also if what we sent of a field was there already.
func TestFindEditAmongOthers(t *testing.T) {
	h := newWideHouse(t)
	h.known()
	summary := h.issue("ENG-1").Summary
	args := h.on("ENG-1", `"fields":{"summary":"`+summary+`","priority":{"name":"High"},"description":"new"},"labels_add":["x"]`)
	h.site.OnWrite(func(r sim.Request) bool { return r.Account == h.writer }, func(sim.Request) { h.edit("ENG-1", h.reader, "priority", `{"name":"Low"}`) })
	h.site.Intercept(func(at sim.Stage, r sim.Request) sim.Fault {
		if at == sim.Applied && r.Account == h.writer && r.Method != http.MethodGet {
			return sim.Fault{Drop: true}
		}
		return sim.Fault{}
	})
	_, result := h.did(actionEdit, args)
	changes := h.issue("ENG-1").Changes
	if o := result.Outcome; o.Code != receipt.Found || o.Target == nil || o.Target.Version != changes[len(changes)-1].ID || o.Target.Version == changes[0].ID {
		t.Errorf("got %+v of %+v", result.Outcome, changes)
	}
}
