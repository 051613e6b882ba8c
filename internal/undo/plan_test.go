// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

func (h *house) plan(job string) *Plan {
	h.t.Helper()
	p, err := h.desk().Plan(h.t.Context(), job, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// states are a plan's, as "RECEIPT STATE WHY", newest first.
func states(p *Plan) []string {
	var out []string
	for _, x := range p.Items {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", x.Receipt, x.State, x.Why)))
	}
	return out
}

// do writes a call that was carried out.
func (h *house) do(job, action string, c *receipt.Change, after *policy.Resource) *receipt.Receipt {
	h.t.Helper()
	opened := h.open(job, action, c)
	h.close(opened, done(after))
	return opened
}

// undo writes a call that undid another.
func (h *house) undo(job string, c *receipt.Change, undoes string, after *policy.Resource) {
	h.t.Helper()
	c.Undoes = undoes
	h.do(job, "page.restore", c, after)
}

func other(id string) *receipt.Change {
	c := edit("1")
	c.Target = &policy.Resource{Type: "page", ID: id, Version: "1"}
	c.Summary = "Update page " + id
	return c
}

func TestPlanStates(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.update", edit("3"), page7("4")) // 1
	failing := h.open("job-1", "page.update", other("8"))
	h.close(failing, failed)
	mail := other("9")
	mail.Undo = receipt.Undo{Irreversible: "A mail was sent."}
	h.do("job-1", "page.notify", mail, &policy.Resource{Type: "page", ID: "9", Version: "1"}) // 5
	h.do("job-1", "page.update", other("10"), &policy.Resource{Type: "page", ID: "10", Version: "2"})
	h.wiki.blocked["job-1/7"] = "Account 5b1 changed page 10 at 09:30: it is at version 5."
	lost := h.open("job-1", "page.update", other("11")) // 9
	h.close(lost, unclear)
	h.wiki.found["job-1/9"] = &policy.Resource{Type: "page", ID: "11", Version: "2"}
	gone := h.open("job-1", "page.update", other("12")) // 11
	h.close(gone, unclear)
	h.do("job-1", "page.create", making(), nil) // 13: it does not say what it made
	elsewhere := other("13")
	h.close(h.openAs("job-1", &policy.Call{Tool: "gone", Action: "page.update", Class: policy.Write}, elsewhere), done(elsewhere.Target)) // 15
	h.open("job-1", "page.update", other("14"))                                                                                           // 17
	want := []string{
		"job-1/17 unclear It is under way, or broke off; the house looks what became of it, and says so in some minutes.",
		"job-1/15 blocked This house is not connected to gone any more.",
		"job-1/13 blocked Its receipt does not say what it changed. A person must look, and undo it by hand.",
		"job-1/11 unclear Nobody knows yet whether it happened; the house looks, and says so in some minutes.",
		"job-1/9 unclear Nobody knows yet whether it happened; the house looks, and says so in some minutes.",
		"job-1/7 blocked Account 5b1 changed page 10 at 09:30: it is at version 5.",
		"job-1/5 irreversible A mail was sent.",
		"job-1/3 never It did not happen.",
		"job-1/1 ready",
	}
	p := h.plan("job-1")
	if diff := cmp.Diff(want, states(p)); diff != "" {
		t.Error(diff)
	}
	if p.Stopped || p.Lock != "" {
		t.Errorf("%+v", p)
	}
	h.pass(time.Hour)
	h.step(h.settler())
	if diff := cmp.Diff([]string{"job-1/17 never It did not happen.", "job-1/11 never It did not happen.", "job-1/9 ready"}, pick(states(h.plan("job-1")), 0, 3, 4)); diff != "" {
		t.Errorf("when the house has looked: %s", diff)
	}
	one, err := h.desk().Plan(t.Context(), "job-1", 9)
	if err != nil || len(one.Items) != 1 || one.Items[0].Step.Action != "page.restore" || one.Items[0].Step.Says != "Undo Update page 11" {
		t.Errorf("one of them: %+v, %v", one, err)
	}
	h.wiki.err = errors.New("the wiki is down")
	for _, s := range states(h.plan("job-1")) {
		if strings.Contains(s, " ready") || strings.HasPrefix(s, "job-1/9 ") && !strings.Contains(s, "unclear") {
			t.Errorf("while the wiki is down: %s", s)
		}
	}
}

func pick(list []string, at ...int) []string {
	var out []string
	for _, i := range at {
		out = append(out, list[i])
	}
	return out
}

// What is undone stays undone, though what it made is not to be found any more.
func TestPlanUndoneIsNotNever(t *testing.T) {
	h := newHouse(t)
	lost := h.open("job-1", "page.update", edit("3")) // 1
	h.close(lost, unclear)
	h.wiki.found["job-1/1"] = page7("4")
	h.pass(time.Second)
	h.step(h.settler())
	h.job("undo-job-1")
	h.undo("undo-job-1", edit("4"), "job-1/1", page7("5"))
	delete(h.wiki.found, "job-1/1")
	h.pass(time.Hour)
	h.step(h.settler())
	if diff := cmp.Diff([]string{"job-1/1 undone It was undone by undo-job-1/1."}, states(h.plan("job-1"))); diff != "" {
		t.Error(diff)
	}
}

// An undoing whose answer was lost counts once it is learned that it happened.
func TestPlanUndoingIsFound(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.update", edit("3"), page7("4")) // 1
	h.do("job-1", "page.update", edit("4"), page7("5")) // 3
	h.job("undo-job-1")
	back := edit("5")
	back.Undoes = "job-1/3"
	lost := h.open("undo-job-1", "page.restore", back)
	h.close(lost, unclear)
	h.wiki.found[lost.Name()] = page7("6")
	h.pass(time.Second)
	h.step(h.settler())
	want := []string{"job-1/3 undone It was undone by undo-job-1/1.", "job-1/1 ready"}
	if diff := cmp.Diff(want, states(h.plan("job-1"))); diff != "" {
		t.Error(diff)
	}
}

// A person's word is heard. Of what they say has happened it is not known what it
// made, and who did what is only seen by the state of things is not known either.
func TestPlanHearsWords(t *testing.T) {
	h := newHouse(t)
	s := h.settler()
	for i, action := range []string{"page.update", "page.update", "page.move"} {
		c := other(fmt.Sprint("p", i))
		h.close(h.openAs("job-1", &policy.Call{Tool: "wiki", Action: action, Class: policy.Write}, c), unclear) // 1, 3, 5
	}
	s.Connectors["confluence"] = h.wiki
	moved := h.openAs("job-1", &policy.Call{Tool: "confluence", Action: "page.move", Class: policy.Write}, other("p9")) // 7
	h.close(moved, unclear)
	h.wiki.found[moved.Name()] = &policy.Resource{Type: "page", ID: "p9", Version: "1"}
	h.pass(3 * time.Minute)
	for seq, happened := range map[uint64]bool{1: true, 3: false} {
		if err := s.Say(t.Context(), "job-1", seq, happened, "kim"); err != nil {
			t.Fatal(err)
		}
	}
	h.step(s)
	want := []string{
		"job-1/7 blocked Its answer was lost. That it is so now was seen, and not who did it: somebody else may have. A person must look, and undo it by hand.",
		"job-1/5 never It did not happen.",
		"job-1/3 never It did not happen.",
		"job-1/1 blocked Its receipt does not say what it changed. A person must look, and undo it by hand.",
	}
	if diff := cmp.Diff(want, states(h.plan("job-1"))); diff != "" {
		t.Error(diff)
	}
}

// Changes of one thing come off in the order in which they lie upon each other,
// and what each left is told to stand where the undoing of the later one put it.
func TestPlanBackwards(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.create", making(), page7("1"))  // 1
	h.do("job-1", "page.update", edit("1"), page7("2")) // 3
	h.do("job-1", "page.update", edit("2"), page7("3")) // 5
	want := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, states(h.plan("job-1"))); diff != "" {
			t.Fatal(diff)
		}
	}
	waits := " later First %s is to be undone, which changed the same thing later."
	want("job-1/5 ready", "job-1/3"+fmt.Sprintf(waits, "job-1/5"), "job-1/1"+fmt.Sprintf(waits, "job-1/5"))
	h.job("undo-job-1")
	h.undo("undo-job-1", edit("3"), "job-1/5", page7("4"))
	want("job-1/5 undone It was undone by undo-job-1/1.", "job-1/3 ready", "job-1/1"+fmt.Sprintf(waits, "job-1/3"))
	if diff := cmp.Diff(page7("4"), h.wiki.stood["job-1/3"]); diff != "" {
		t.Error("what 3 left stands elsewhere:", diff)
	}
	h.undo("undo-job-1", edit("4"), "job-1/3", page7("5"))
	want("job-1/5 undone It was undone by undo-job-1/1.", "job-1/3 undone It was undone by undo-job-1/3.", "job-1/1 ready")
	if diff := cmp.Diff(page7("5"), h.wiki.stood["job-1/1"]); diff != "" {
		t.Error("what 1 left stands elsewhere:", diff)
	}
	// Somebody else's edit in between is not passed over.
	h.job("job-2")
	h.do("job-2", "page.update", edit("5"), page7("6"))
	h.do("job-2", "page.update", edit("8"), page7("9"))
	h.job("undo-job-2")
	h.undo("undo-job-2", edit("9"), "job-2/3", page7("10"))
	h.plan("job-2")
	if diff := cmp.Diff(page7("6"), h.wiki.stood["job-2/1"]); diff != "" {
		t.Error("what is below another's edit:", diff)
	}
}

// What changes no version, such as labels, neither waits nor is waited for.
func TestPlanLabels(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.label.add", edit("3"), page7("3"))
	h.do("job-1", "page.update", edit("3"), page7("4"))
	p := h.plan("job-1")
	if diff := cmp.Diff([]string{"job-1/3 ready", "job-1/1 ready"}, states(p)); diff != "" {
		t.Error(diff)
	}
	if p.Lock != "it changed labels, which other automation may follow" {
		t.Errorf("lock: %q", p.Lock)
	}
}

func TestPlanLock(t *testing.T) {
	h := newHouse(t)
	for i := range many {
		h.do("job-1", "page.update", other(fmt.Sprint(i)), &policy.Resource{Type: "page", ID: fmt.Sprint(i), Version: "2"})
	}
	failing := h.open("job-1", "page.label.add", other("x"))
	h.close(failing, failed)
	if p := h.plan("job-1"); p.Lock != "" {
		t.Errorf("%d changes: %q", many, p.Lock)
	}
	h.do("job-1", "page.update", other("y"), &policy.Resource{Type: "page", ID: "y", Version: "2"})
	if p := h.plan("job-1"); p.Lock != "it made 11 changes" {
		t.Errorf("one more: %q", p.Lock)
	}
	h.job("job-2")
	h.close(h.openAs("job-2", &policy.Call{Tool: "wiki", Action: "issue.edit", Class: policy.Write, Fields: []string{"labels", "summary"}}, edit("1")), done(page7("2")))
	if p := h.plan("job-2"); p.Lock == "" {
		t.Error("labels in a field: no lock")
	}
}

// Only a receipt that says done undoes, and an undoing that was undone does not
// count.
func TestPlanUndone(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.update", edit("3"), page7("4"))
	h.job("undo-job-1")
	state := func() string { return states(h.plan("job-1"))[0] }
	c := edit("4")
	c.Undoes = "job-1/1"
	h.close(h.open("undo-job-1", "page.restore", c), failed)
	h.undo("undo-job-1", edit("5"), "job-2/1", page7("6"))   // another job's
	h.undo("undo-job-1", edit("5"), "job-1/01x", page7("6")) // nobody's
	if state() != "job-1/1 ready" {
		t.Fatal(state())
	}
	h.undo("undo-job-1", edit("4"), "job-1/1", page7("5"))
	if state() != "job-1/1 undone It was undone by undo-job-1/7." {
		t.Fatal(state())
	}
	h.job("undo-undo-job-1")
	h.job("undo-2-job-1")
	h.undo("undo-undo-job-1", edit("5"), "undo-job-1/7", page7("6"))
	if state() != "job-1/1 ready" {
		t.Fatal(state())
	}
	if p := h.plan("undo-job-1"); p.Items[0].State != Undone {
		t.Errorf("of the undoing: %+v", p.Items[0])
	}
	h.undo("undo-2-job-1", edit("4"), "job-1/1", page7("5")) // in the next job
	if state() != "job-1/1 undone It was undone by undo-2-job-1/1." {
		t.Fatal(state())
	}
}

func TestPlanOfNothing(t *testing.T) {
	h := newHouse(t)
	if _, err := h.desk().Plan(t.Context(), "job-9", 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such job: %v", err)
	}
	if p := h.plan("job-1"); len(p.Items) != 0 {
		t.Errorf("%+v", p)
	}
	h.do("job-1", "page.update", edit("3"), page7("4"))
	d := h.desk()
	d.Gates = nil
	if _, err := d.Plan(t.Context(), "job-1", 0); !errors.Is(err, errReceipt) {
		t.Errorf("receipts that nobody signed: %v", err)
	}
}

// Nobody poses as an undoing: not another agent in a job of that name, not a call
// of another tool, and not one of which it is not certain that it happened.
func TestPlanUndoneByNobodyElse(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.update", edit("3"), page7("4"))
	h.jobOf("undo-job-1", "robot", "")
	h.undo("undo-job-1", other("99"), "job-1/1", page7("5"))
	h.jobOf("undo-2-job-1", receipt.Undoer, "")
	c := other("98")
	c.Undoes = "job-1/1"
	h.close(h.openAs("undo-2-job-1", &policy.Call{Tool: "gone", Action: "page.restore", Class: policy.Write}, c), done(page7("5")))
	h.close(h.open("undo-2-job-1", "page.restore", c), unclear)
	h.wiki.found["undo-2-job-1/3"] = page7("5")
	if got := states(h.plan("job-1")); got[0] != "job-1/1 ready" {
		t.Error(got)
	}
}

func (h *house) revoke(job string) {
	h.t.Helper()
	h.order(token.Revocation{Kind: token.RevokeJob, Target: job})
}

func (h *house) order(r token.Revocation) {
	h.t.Helper()
	if _, err := h.db.Revoke(h.t.Context(), store.Revocation{Revocation: r, By: "olga"}); err != nil {
		h.t.Fatal(err)
	}
}

// Of a plan of one change no other is read, but for those upon the same thing.
func TestPlanOfOneReadsOne(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.update", edit("3"), page7("4")) // 1
	for i := range 5 {
		id := fmt.Sprint("p", i)
		h.do("job-1", "page.update", other(id), &policy.Resource{Type: "page", ID: id, Version: "2"})
	}
	h.do("job-1", "page.update", edit("4"), page7("5")) // 13
	d := h.desk()
	reads := &counted{DB: h.db}
	d.DB = reads
	for seq, want := range map[uint64]int{1: 2, 13: 2, 3: 2} { // one more for Revert, which needs all of it
		reads.n.Store(0)
		if p, err := d.Plan(t.Context(), "job-1", seq); err != nil || len(p.Items) != 1 || int(reads.n.Load()) != want {
			t.Errorf("%d: %d texts read, %v", seq, reads.n.Load(), err)
		}
	}
	p, err := d.Plan(t.Context(), "job-1", 1)
	if err != nil || p.Items[0].State != Later {
		t.Errorf("%+v, %v", p.Items[0], err)
	}
}

type counted struct {
	*store.DB
	n atomic.Int64
}

func (c *counted) Text(ctx context.Context, job string, seq uint64, commitment seal.Hash) (receipt.Text, error) {
	c.n.Add(1)
	return c.DB.Text(ctx, job, seq, commitment)
}

// The undoing job of any job has a name that a job can have, and no two jobs
// share one.
func FuzzJobOf(f *testing.F) {
	f.Add("job-1", "job-2")
	f.Add(strings.Repeat("a", 59), strings.Repeat("a", 60))
	f.Add(strings.Repeat("b", 64), strings.Repeat("b", 63))
	f.Fuzz(func(t *testing.T, a, b string) {
		if token.CheckName("job", a) != nil || token.CheckName("job", b) != nil {
			return
		}
		if err := token.CheckName("job", JobOf(a)); err != nil || JobOf(a) == a {
			t.Errorf("%s: %v", JobOf(a), err)
		}
		if a != b && JobOf(a) == JobOf(b) {
			t.Errorf("%s and %s share %s", a, b, JobOf(a))
		}
		for n := range mostJobs {
			if err := token.CheckName("job", JobAt(a, n+1)); err != nil || JobAt(a, n+1) == JobAt(a, n+2) {
				t.Errorf("%s: %v", JobAt(a, n+1), err)
			}
		}
	})
}
