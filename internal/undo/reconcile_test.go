// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
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
	made := []policy.Resource{{Type: "comment", ID: "8"}}
	if diff := cmp.Diff(change.Window{Accounts: []string{"writer"}, From: begun.Add(-2 * time.Minute), To: ended.Add(2 * time.Minute), Made: made}, h.wiki.window); diff != "" {
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

// A call of which nobody knows what became explains nothing by itself, and a
// reconciliation with one is not whole.
func TestReconcileUnknownEnd(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.update", edit("3"), page7("4"))
	h.event("7", "4", "job-1/1")
	h.close(h.open("job-1", "page.update", edit("4")), unclear)
	got := h.reconcile("job-1")
	if got.Whole() || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "what became of job-1/3") {
		t.Errorf("%+v", got)
	}
	h.event("7", "5", "") // by hand, without a mark
	got = h.reconcile("job-1")
	if got.Whole() || len(got.Matches) != 1 || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "job-1/3: it may have made page 7 at version 5") {
		t.Errorf("%+v", got)
	}
}

// A move that makes a version, as on Data Center, explains that version.
func TestReconcileMoveThatMadeAVersion(t *testing.T) {
	h := newHouse(t)
	h.close(h.openAs("job-1", &policy.Call{Tool: "confluence", Action: "page.move", Class: policy.Write}, edit("5")), done(page7("6")))
	h.event("7", "6", "")
	h.event("7", "7", "")
	d := h.desk()
	d.Connectors = map[string]Connector{"confluence": h.wiki}
	got, err := d.Reconcile(t.Context(), "job-1", 2*time.Minute)
	if diff := cmp.Diff([]string{"7@7 "}, strangers(got.Strange)); err != nil || diff != "" || len(got.Matches) != 1 {
		t.Errorf("%v %s %+v", err, diff, got)
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
	d := h.desk()
	d.Accounts = map[string][]string{"wiki": {"writer"}}
	got, err := d.Reconcile(t.Context(), "job-1", time.Minute)
	if err != nil || !got.Whole() || !got.From.Equal(h.clock().Add(-time.Minute)) || !got.To.Equal(h.clock().Add(time.Minute)) {
		t.Errorf("%+v, %v", got, err)
	}
	if got := h.reconcile("job-1"); got.Whole() || len(got.Notes) != 1 {
		t.Errorf("of accounts that nobody names: %+v", got)
	}
}

// What a house's account has done in a job's time is a stranger's, also where the
// job itself has changed nothing, or something else.
func TestReconcileSeesWhatNoReceiptSays(t *testing.T) {
	for name, wrote := range map[string]bool{"a job that only read": false, "a job that wrote elsewhere": true} {
		h := newHouse(t)
		d := h.desk()
		d.Connectors["tracker"] = newWiki()
		d.Accounts = map[string][]string{"wiki": {"writer"}, "tracker": {"writer"}}
		if wrote {
			h.close(h.openAs("job-1", &policy.Call{Tool: "tracker", Action: "issue.label", Class: policy.Write}, other("8")), done(other("8").Target))
		}
		h.pass(time.Minute)
		h.event("7", "2", "")
		h.write("job-1", func(st *receipt.State) (*receipt.Line, error) {
			call := &policy.Call{Tool: "wiki", Action: "page.get", Class: policy.Read}
			return receipt.Open(st, &token.Claims{Job: "job-1", ID: "t1"}, call, &policy.Facts{Now: st.Now}, policy.Decision{Effect: policy.Deny, Reasons: []policy.Reason{}}).Sign(h.gate)
		})
		h.pass(time.Hour)
		got, err := d.Reconcile(t.Context(), "job-1", 0)
		if diff := cmp.Diff([]string{"7@2 "}, strangers(got.Strange)); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

// Whoever copies a mark is told by the account.
func TestReconcileAnotherAccount(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.update", edit("3"), page7("4"))
	h.event("7", "4", "job-1/1")
	h.wiki.events[0].By = "somebody else"
	if got := h.reconcile("job-1"); len(got.Strange) != 1 || len(got.Matches) != 0 || len(got.Missing) != 1 {
		t.Errorf("%+v", got)
	}
}

// What leaves no trace in history explains none.
func TestReconcileMovesExplainNothing(t *testing.T) {
	h := newHouse(t)
	h.event("7", "5", "") // somebody with the house's account
	h.close(h.openAs("job-1", &policy.Call{Tool: "confluence", Action: "page.move", Class: policy.Write}, edit("5")), done(page7("5")))
	d := h.desk()
	d.Connectors = map[string]Connector{"confluence": h.wiki}
	got, err := d.Reconcile(t.Context(), "job-1", 2*time.Minute)
	if err != nil || len(got.Strange) != 1 || len(got.Matches) != 0 || len(got.Unseen) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// What was trashed and taken out of the trash again is there, and excuses nothing.
func TestReconcileTrashedAndBack(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.update", edit("1"), page7("2")) // 1: history knows nothing of it
	h.do("job-1", "page.trash", edit("2"), page7("2"))  // 3
	h.job("undo-job-1")
	c := edit("2")
	c.Undoes = "job-1/3"
	h.do("undo-job-1", "page.untrash", c, page7("3"))
	h.event("7", "3", "undo-job-1/1")
	if got := h.reconcile("job-1"); slices.ContainsFunc(got.Unseen, func(m Missing) bool { return m.Receipt == "job-1/1" }) {
		t.Errorf("the update is excused: %+v", got.Unseen)
	}
}

// Of a link that is gone, history tells as a change of one of its ends.
func TestReconcileLinkThatIsGone(t *testing.T) {
	h := newHouse(t)
	ends := []policy.Resource{{Type: "issue", ID: "100"}, {Type: "issue", ID: "200"}}
	link := func(job, action string, c *receipt.Change) {
		c.Target = nil
		opened := h.openAs(job, &policy.Call{Tool: "wiki", Action: action, Class: policy.Write, Resources: ends}, c)
		h.close(opened, done(&policy.Resource{Type: "link", ID: "90"}))
		h.wiki.events = append(h.wiki.events, change.Event{Resource: ends[1], What: action, At: h.clock(), By: "writer"})
	}
	link("job-1", "issue.link.create", edit("1"))
	h.job("undo-job-1")
	c := edit("1")
	c.Undoes = "job-1/1"
	link("undo-job-1", "issue.link.delete", c)
	if got := h.reconcile("job-1"); !got.Whole() || len(got.Matches) != 1 || got.Others != 1 {
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

// edited is a comment that the wiki's history has, and that was edited since: where
// the wiki does not say any more who wrote it, at is zero.
func (h *house) edited(id string, at time.Time, mark string) {
	e := change.Event{
		Resource: policy.Resource{Type: "comment", ID: id, Version: "1"}, What: "page.comment.create", At: at, By: "writer", Mark: mark,
		Edited: &change.Edit{By: "ann", At: h.clock().Add(time.Hour)},
	}
	if at.IsZero() {
		e.By = ""
	}
	h.wiki.events = append(h.wiki.events, e)
}

// A comment that somebody has edited since is what its receipt says that it is, and
// who has edited it is told. It excuses nothing else.
func TestReconcileEdited(t *testing.T) {
	h := newHouse(t)
	comment := func(id, version string) *policy.Resource {
		return &policy.Resource{Type: "comment", ID: id, Version: version}
	}
	h.do("job-1", "page.comment.create", edit("3"), comment("80", "1")) // 1: Confluence does not say who wrote it first
	h.edited("80", time.Time{}, "")
	h.do("job-1", "page.comment.create", edit("3"), comment("81", "then")) // 3: Jira does, and it names the receipt
	h.edited("81", h.clock(), "job-1/3")
	h.do("job-1", "page.comment.create", edit("3"), comment("82", "when it was found")) // 5: its mark was taken off
	h.edited("82", h.clock(), "")
	h.do("job-1", "page.comment.create", edit("3"), comment("83", "1")) // 7: written at another time, so it is another
	h.edited("83", h.clock().Add(time.Hour), "")
	h.do("job-1", "page.comment.create", edit("3"), comment("84", "1")) // 9: it names another receipt
	h.edited("84", h.clock(), "job-9/1")
	h.edited("85", h.clock(), "")                                                                                                               // no receipt has made it
	h.edited("80", time.Time{}, "")                                                                                                             // twice
	h.wiki.events = append(h.wiki.events, change.Event{Resource: *comment("81", "later"), What: "comment.update", At: h.clock(), By: "writer"}) // by our account, around the house
	got := h.reconcile("job-1")
	if diff := cmp.Diff([]string{"job-1/1 80@1", "job-1/3 81@1", "job-1/5 82@1"}, matches(got.Matches)); diff != "" {
		t.Error("matches:", diff)
	}
	for _, m := range got.Matches {
		if e := m.Event; !strings.Contains(e.What, "page.comment.create (edited since by ann at 20") || e.By != "writer" || e.At.IsZero() {
			t.Errorf("%+v", e)
		}
	}
	if diff := cmp.Diff([]string{"83@1 ", "84@1 job-9/1", "85@1 ", "80@1 ", "81@later "}, strangers(got.Strange)); diff != "" {
		t.Error("strange:", diff)
	}
	if diff := cmp.Diff([]string{"job-1/7", "job-1/9"}, names(got.Missing)); diff != "" || got.Whole() {
		t.Error("missing:", diff)
	}
}

// A comment that somebody has edited since is no disagreement.
func TestReconcileEditedAgrees(t *testing.T) {
	h := newHouse(t)
	h.job("job-2")
	h.do("job-1", "page.comment.create", edit("3"), &policy.Resource{Type: "comment", ID: "80", Version: "1"})
	h.edited("80", h.clock(), "")
	h.do("job-2", "page.comment.create", edit("3"), &policy.Resource{Type: "comment", ID: "81", Version: "1"})
	h.edited("81", time.Time{}, "")
	if got := h.reconcile("job-1"); !got.Whole() || len(got.Matches) != 1 || got.Others != 1 {
		t.Errorf("%+v", got)
	}
}
