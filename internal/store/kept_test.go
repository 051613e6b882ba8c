// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// Pages are kept from commit to commit, and read again as soon as anybody else
// has committed: through another connection to the file, as of another process,
// or through the writer's own.
func TestKept(t *testing.T) {
	h := newHouse(t, sqliteURL(t))
	second := h.open(t)
	job := h.job(t, "job-1")
	seq := uint64(0)
	write := func(c *policy.Call, e policy.Effect) *receipt.State {
		t.Helper()
		var before *receipt.State
		open := h.opens(job, c, e)
		h.mustWrite(t, job, func(st *receipt.State) (*receipt.Line, error) {
			own := *st
			before = &own
			return open(st)
		})
		if seq++; before.Seq != seq-1 {
			t.Fatalf("receipt %d follows %d", seq, before.Seq)
		}
		return before
	}
	write(call(1, "a"), policy.Ask)
	first := h.kept.pages[job]
	if write(call(2, "a"), policy.Allow); first == nil || h.kept.pages[job] != first {
		t.Fatal("the page is not kept")
	}
	if used := write(call(1, "b"), policy.Deny).Used; used["pages"] != 2 {
		t.Errorf("used: %v", used)
	}

	list, err := h.Approvals(t.Context(), Filter{Job: job, Open: true})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	paper, a := h.answer(t, &list[0], true)
	for _, c := range []struct {
		name string
		do   func() error
		seen func(*receipt.State) bool
	}{
		{
			"an answer",
			func() error { return second.Answer(t.Context(), list[0].ID, paper, a, oneDecides) },
			func(st *receipt.State) bool { return len(st.Answers) == 1 && len(st.Pending) == 0 },
		},
		{
			"an order",
			func() error {
				_, err := second.Revoke(t.Context(), Revocation{Revocation: token.Revocation{Kind: token.RevokeAgent, Target: "agent"}, By: "ada"})
				return err
			},
			func(st *receipt.State) bool { return len(st.Revoked) > 0 && st.Revoked[0].Kind == token.RevokeAgent },
		},
		{
			"an order of our own",
			func() error {
				_, err := h.Revoke(t.Context(), Revocation{Revocation: token.Revocation{Kind: token.RevokePolicy, Target: testPolicy.String()}, By: "ada"})
				return err
			},
			func(st *receipt.State) bool {
				return len(st.Revoked) > 0 && st.Revoked[len(st.Revoked)-1].Kind == token.RevokePolicy
			},
		},
		{
			"a receipt",
			func() error {
				seq++
				return second.Write(context.Background(), job, h.opens(job, call(7, "c"), policy.Allow))
			},
			func(st *receipt.State) bool { return st.Used["pages"] >= 7 },
		},
		{
			"another's writing",
			func() error {
				_, err := second.write.ExecContext(t.Context(), `UPDATE chain SET used = '{"pages":7,"odd":3}'`)
				return err
			},
			func(st *receipt.State) bool { return st.Used["odd"] == 3 },
		},
	} {
		write(call(0, "d"), policy.Deny)
		kept := h.kept.pages[job]
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if st := write(call(0, "d"), policy.Deny); kept == nil || h.kept.pages[job] == kept || !c.seen(st) {
			t.Errorf("%s is not seen: %+v", c.name, st)
		}
	}
}

// keptVar holds the URL of the database in which this binary, run again by
// TestKeptByProcesses, revokes an agent.
const keptVar = "STORE_TEST_KEPT_URL"

// TestKeptChild is not a test but the child of TestKeptByProcesses.
func TestKeptChild(t *testing.T) {
	u := os.Getenv(keptVar)
	if u == "" {
		t.Skip("runs as the child of TestKeptByProcesses")
	}
	h := newHouse(t, u)
	if _, err := h.Revoke(t.Context(), Revocation{Revocation: token.Revocation{Kind: token.RevokeAgent, Target: "agent"}, By: "ada"}); err != nil {
		t.Fatal(err)
	}
}

// What another process commits is seen by the next receipt.
func TestKeptByProcesses(t *testing.T) {
	u := sqliteURL(t)
	h := newHouse(t, u)
	job := h.job(t, "job-1")
	for range 2 {
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow))
	}
	if h.kept.pages[job] == nil || len(h.state(t, job).Revoked) != 0 {
		t.Fatal("nothing is kept")
	}
	child := exec.Command(os.Args[0], "-test.run=^TestKeptChild$")
	child.Env = append(os.Environ(), keptVar+"="+u)
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if st := h.state(t, job); len(st.Revoked) != 1 || st.Seq != 2 {
		t.Errorf("%+v", st)
	}
}

// What was not committed, or may not have been, is not kept.
func TestKeptOfFailures(t *testing.T) {
	h := newHouse(t, sqliteURL(t))
	job := h.job(t, "job-1")
	good := h.opens(job, call(1, "a"), policy.Allow)
	want := 0
	for name, fault := range map[string]func(*sql.Tx) error{"lost": lost, "done": doneButLost} {
		h.mustWrite(t, job, good)
		h.commits(map[int]func(*sql.Tx) error{1: fault})
		if err := h.attempt([]*write{{ctx: t.Context(), job: job, next: good}}); err == nil || h.kept.pages != nil {
			t.Errorf("%s: %v; kept: %v", name, err, h.kept.pages)
		}
		if want++; name == "done" {
			want++
		}
		h.mustWrite(t, job, good)
		want++
		if got := h.state(t, job).Used["pages"]; got != want || len(checkChain(t, h.DB, job)) != want {
			t.Errorf("%s: %d pages are used, want %d", name, got, want)
		}
	}
}

// A connection that is replaced keeps nothing.
func TestKeptOfOneConnection(t *testing.T) {
	h := newHouse(t, sqliteURL(t))
	job := h.job(t, "job-1")
	h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow))
	kept, seen := h.kept.pages[job], h.kept.seen
	h.write.SetMaxIdleConns(-1) // closes it, and each after its use
	h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow))
	if kept == nil || h.kept.pages[job] == kept || h.kept.seen.conn == seen.conn {
		t.Error("a page is kept beyond its connection")
	}
	checkChain(t, h.DB, job)
}

// What is kept has bounds, and is what would be read.
func TestKeptIsBounded(t *testing.T) {
	h := newHouse(t, sqliteURL(t))
	var wishes []wish
	for i := range 3 * maxKept {
		job := h.job(t, fmt.Sprintf("job-%d", i))
		wishes = append(wishes, wish{job, h.opens(job, call(1, "a"), policy.Effect([]policy.Effect{policy.Allow, policy.Ask, policy.Deny}[i%3]))})
	}
	for len(wishes) > 0 {
		n := min(len(wishes), 40)
		for _, err := range h.together(wishes[:n]...) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if wishes = wishes[n:]; len(h.kept.pages) > maxKept || len(h.kept.pages) < n {
			t.Errorf("%d pages are kept", len(h.kept.pages))
		}
	}
	heavy := h.job(t, "heavy")
	for range maxWeight + 1 {
		h.mustWrite(t, heavy, h.opens(heavy, call(1, "a"), policy.Allow))
	}
	if h.kept.pages[heavy] != nil {
		t.Error("a page of many open calls is kept")
	}
	h.mustWrite(t, "job-1", h.opens("job-1", call(2, "b"), policy.Ask))
	kept := h.kept.pages["job-1"]
	if _, err := h.write.ExecContext(t.Context(), `UPDATE chain SET seq = seq WHERE job = 'job-1'`); err != nil {
		t.Fatal(err)
	}
	h.state(t, "job-1")
	fresh := h.kept.pages["job-1"]
	if kept == nil || kept == fresh {
		t.Fatal("nothing to compare")
	}
	opts := []cmp.Option{cmp.AllowUnexported(page{}, owner{}, question{}), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(question{}, "policy", "action", "seq", "asked")}
	if diff := cmp.Diff(fresh, kept, opts...); diff != "" {
		t.Errorf("read, and kept:\n%s", diff)
	}
}
