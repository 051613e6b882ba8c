// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

func (h *house) reconcile(job string) *Reconciliation {
	h.t.Helper()
	r, err := h.desk().Reconcile(h.t.Context(), job, 2*time.Minute)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// event is a change of a page that the wiki's history has, now.
func (h *house) event(id, version, mark string) change.Event {
	e := change.Event{Resource: policy.Resource{Type: "page", ID: id, Version: version}, What: "page.update", At: h.clock(), By: "writer", Mark: mark}
	h.wiki.events = append(h.wiki.events, e)
	return e
}

func names(list []Missing) (out []string) {
	for _, m := range list {
		out = append(out, m.Receipt)
	}
	return out
}

func strangers(list []Event) (out []string) {
	for _, e := range list {
		out = append(out, fmt.Sprintf("%s@%s %s", e.Resource.ID, e.Resource.Version, e.Mark))
	}
	return out
}

func matches(list []Match) (out []string) {
	for _, m := range list {
		out = append(out, fmt.Sprintf("%s %s@%s", m.Receipt, m.Event.Resource.ID, m.Event.Resource.Version))
	}
	return out
}

func TestReconcile(t *testing.T) {
	h := newHouse(t)
	h.job("job-2")
	begun := h.clock()
	h.do("job-1", "page.update", edit("3"), page7("4")) // 1: by its mark
	h.event("7", "4", "job-1/1")
	h.pass(time.Minute)
	h.do("job-1", "page.update", edit("4"), page7("5")) // 3: by its version
	h.event("7", "5", "")
	h.pass(time.Minute)
	h.do("job-1", "page.comment.create", other("8"), &policy.Resource{Type: "comment", ID: "8"}) // 5: by its time
	for range 2 {
		h.event("8", "", "")
		h.wiki.events[len(h.wiki.events)-1].What = "page.comment.create"
	} //                                                                         // a second one, which no receipt explains
	h.do("job-1", "page.update", other("9"), &policy.Resource{Type: "page", ID: "9", Version: "2"}) // 7: nothing is there
	failing := h.open("job-1", "page.update", other("10"))                                          // 9
	h.close(failing, failed)
	h.event("10", "2", "job-1/9")                       // and yet
	lost := h.open("job-1", "page.update", other("11")) // 11: it is not known, and there
	h.close(lost, unclear)
	h.event("11", "2", "job-1/11")
	h.do("job-2", "page.update", other("12"), &policy.Resource{Type: "page", ID: "12", Version: "2"})
	h.event("12", "2", "job-2/1") // another job's
	h.event("13", "2", "")        // nobody's
	h.event("14", "2", "job-1/1") // says that it is what something else is
	h.event("15", "2", "job-9/4") // says that it is what is not there
	h.event("7", "9", "")         // a version that no receipt says
	ended := h.clock()
	h.pass(time.Hour)
	got := h.reconcile("job-1")
	if diff := cmp.Diff([]string{"job-1/1 7@4", "job-1/3 7@5", "job-1/5 8@", "job-1/11 11@2"}, matches(got.Matches)); diff != "" {
		t.Error("matches:", diff)
	}
	if diff := cmp.Diff([]string{"8@ ", "10@2 job-1/9", "13@2 ", "14@2 job-1/1", "15@2 job-9/4", "7@9 "}, strangers(got.Strange)); diff != "" {
		t.Error("strange:", diff)
	}
	if diff := cmp.Diff([]string{"job-1/7"}, names(got.Missing)); diff != "" {
		t.Error("missing:", diff)
	}
	if got.Others != 1 || len(got.Notes) != 0 || got.Whole() {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff(change.Window{Accounts: []string{"writer"}, From: begun.Add(-2 * time.Minute), To: ended.Add(2 * time.Minute)}, h.wiki.window); diff != "" {
		t.Error("window:", diff)
	}
}

// A mark can be copied by whoever has the account: it counts for the receipt that
// it names, once, in its time and for its version.
func TestReconcileForgedMarks(t *testing.T) {
	h := newHouse(t)
	h.job("job-0")
	h.do("job-0", "page.update", other("20"), &policy.Resource{Type: "page", ID: "20", Version: "2"})
	h.pass(24 * time.Hour)
	h.do("job-1", "page.update", edit("3"), page7("4"))
	h.event("7", "9", "job-1/1")  // another version, of which history tells first
	h.event("20", "3", "job-0/1") // long after
	h.event("20", "2", "job-0/1") // the same, though the version agrees
	h.event("7", "4", "job-1/1")
	h.event("7", "4", "job-1/1")                                                                    // twice
	h.do("job-1", "page.comment.create", edit("4"), &policy.Resource{Type: "comment", ID: "7"})     // 3
	h.event("7", "", "job-1/3")                                                                     // no comment
	h.pass(12 * time.Hour)                                                                          // the window is long
	h.do("job-1", "page.update", other("9"), &policy.Resource{Type: "page", ID: "9", Version: "2"}) // 5
	h.event("9", "2", "job-1/5")                                                                    //
	h.event("7", "", "job-1/1")                                                                     // without a version, and late
	got := h.reconcile("job-1")
	if diff := cmp.Diff([]string{"job-1/1 7@4", "job-1/5 9@2"}, matches(got.Matches)); diff != "" {
		t.Error("matches:", diff)
	}
	want := []string{"7@9 job-1/1", "20@3 job-0/1", "20@2 job-0/1", "7@4 job-1/1", "7@ job-1/3", "7@ job-1/1"}
	if diff := cmp.Diff(want, strangers(got.Strange)); diff != "" {
		t.Error("strange:", diff)
	}
	if diff := cmp.Diff([]string{"job-1/3"}, names(got.Missing)); diff != "" || got.Others != 0 {
		t.Error("missing:", diff)
	}
}

// A creation of which nobody knows what became excuses one creation of its time,
// and that is said, and never called a match.
func TestReconcileUnknownCreation(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.update", edit("3"), page7("4"))
	h.event("7", "4", "job-1/1")
	h.close(h.open("job-1", "page.create", making()), unclear)
	h.event("666", "13", "") // an edit of an old page, by hand
	h.event("30", "1", "")   // what it may have made
	h.event("31", "1", "")   // and one more
	h.wiki.events[2].What, h.wiki.events[3].What = "page.create", "page.create"
	got := h.reconcile("job-1")
	if diff := cmp.Diff([]string{"666@13 ", "31@1 "}, strangers(got.Strange)); diff != "" || len(got.Matches) != 1 {
		t.Errorf("%s %+v", diff, got)
	}
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "job-1/3: it may have made page 30") || got.Whole() {
		t.Error(got.Notes)
	}
}

// What no history shows is said to be so, and is nobody's fault.
func TestReconcileUnseen(t *testing.T) {
	h := newHouse(t)
	h.close(h.openAs("job-1", &policy.Call{Tool: "confluence", Action: "page.label.add", Class: policy.Write}, edit("3")), done(page7("3")))
	d := h.desk()
	d.Connectors = map[string]Connector{"confluence": h.wiki}
	got, err := d.Reconcile(t.Context(), "job-1", 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"job-1/1"}, names(got.Unseen)); diff != "" || len(got.Missing) != 0 || !got.Whole() {
		t.Errorf("%s %+v", diff, got)
	}
}

// What was undone since may have left no trace in history: that is said, and is
// not held against the receipt.
func TestReconcileUndone(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.create", making(), page7("1"))
	h.job("undo-job-1")
	c := edit("1")
	c.Undoes = "job-1/1"
	h.do("undo-job-1", "page.trash", c, page7("1"))
	got := h.reconcile("job-1")
	if diff := cmp.Diff([]string{"job-1/1"}, names(got.Unseen)); diff != "" || !got.Whole() {
		t.Errorf("%s %+v", diff, got)
	}
}

// History may tell of a link as a change of what it hangs on; of an edit of that,
// the link's receipt says nothing.
func TestReconcileByWhatItHangsOn(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "issue.link.create", edit("3"), &policy.Resource{Type: "link", ID: "90"})
	e := h.event("7", "55", "")
	h.wiki.events[0].What = "issue.link.create"
	h.event("7", "56", "")
	h.wiki.events[1].What = "issue.edit (summary)"
	got := h.reconcile("job-1")
	if len(got.Matches) != 1 || len(got.Strange) != 1 || got.Strange[0].Resource.Version != "56" || got.Matches[0].Event.Resource.Version != e.Resource.Version {
		t.Errorf("%+v", got)
	}
}

// What could not be compared is never called whole.
func TestReconcileInPart(t *testing.T) {
	for name, spoil := range map[string]func(*house, *Desk){
		"no history":   func(h *house, _ *Desk) { h.wiki.err = errors.New("the wiki is down") },
		"no connector": func(_ *house, d *Desk) { d.Connectors = nil },
		"no account":   func(h *house, _ *Desk) {},
	} {
		h := newHouse(t)
		out := done(page7("4"))
		if name == "no account" {
			out.Actor = ""
		}
		h.close(h.open("job-1", "page.update", edit("3")), out)
		d := h.desk()
		spoil(h, d)
		got, err := d.Reconcile(t.Context(), "job-1", time.Minute)
		if err != nil || got.Whole() || len(got.Notes) != 1 || len(got.Missing) != 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestReconcileOfNothing(t *testing.T) {
	h := newHouse(t)
	if _, err := h.desk().Reconcile(t.Context(), "job-9", 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such job: %v", err)
	}
	if got := h.reconcile("job-1"); !got.Whole() || !got.From.IsZero() {
		t.Errorf("%+v", got)
	}
}

// More receipts than are read at once are all read.
func TestReconcileManyReceipts(t *testing.T) {
	h := newHouse(t)
	h.job("job-2")
	h.do("job-1", "page.update", edit("3"), page7("4"))
	h.event("7", "4", "job-1/1")
	for i := range page + 10 {
		h.do("job-2", "page.update", other(fmt.Sprint("p", i)), &policy.Resource{Type: "page", ID: fmt.Sprint("p", i), Version: "2"})
		h.event(fmt.Sprint("p", i), "2", "")
	}
	if got := h.reconcile("job-1"); !got.Whole() || got.Others != page+10 {
		t.Errorf("%d others, %d strange", got.Others, len(got.Strange))
	}
}

// A receipt of another job that is not whole ends it: it may be what explains.
func TestReconcileFailsClosed(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.update", edit("3"), page7("4"))
	d := h.desk()
	d.Gates = nil
	if _, err := d.Reconcile(t.Context(), "job-1", 0); !errors.Is(err, errReceipt) {
		t.Errorf("got %v", err)
	}
	if got := (&receipt.Receipt{Job: "a", Seq: 1}).Name(); got != "a/1" {
		t.Errorf("a receipt is named %s", got)
	}
}
