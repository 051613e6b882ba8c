// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A job is undone in the newest of its undoing jobs that can go on, or else in the
// next.
func TestUndoJob(t *testing.T) {
	h := newHouse(t)
	mine, another := seal.Sum([]byte("policy")), seal.Sum([]byte("mended"))
	want := func(policy seal.Hash, by, want string) {
		t.Helper()
		if got, err := h.desk().UndoJob(t.Context(), "job-1", policy, by); got != want || err != nil {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	want(mine, "olga", "undo-job-1")
	h.jobOf("undo-job-1", "robot", "olga") // from before such names were kept
	want(mine, "olga", "undo-2-job-1")
	h.jobOf("undo-2-job-1", receipt.Undoer, "olga")
	want(mine, "olga", "undo-2-job-1")
	want(seal.Hash{}, "olga", "undo-2-job-1")
	want(another, "olga", "undo-3-job-1")
	want(mine, "eve", "undo-3-job-1")
	h.jobOf("undo-3-job-1", receipt.Undoer, "eve")
	want(mine, "eve", "undo-3-job-1")
	want(mine, "olga", "undo-2-job-1")
	h.revoke("undo-2-job-1")
	want(mine, "olga", "undo-4-job-1")
	if h.plan("job-1").Stopped || !h.plan("undo-2-job-1").Stopped {
		t.Error("which is stopped is not told")
	}
	for n := 4; n <= mostJobs; n++ {
		h.jobOf(JobAt("job-1", n), receipt.Undoer, "eve")
	}
	if _, err := h.desk().UndoJob(t.Context(), "job-1", mine, "olga"); !errors.Is(err, ErrTooMany) {
		t.Errorf("no more names: %v", err)
	}
}

// No two jobs are undone in one.
func TestJobAt(t *testing.T) {
	hash := strings.TrimPrefix(JobOf(strings.Repeat("a", 64)), "undo-")
	seen := map[string]string{}
	for _, job := range []string{"job-1", "2-job-1", "2-2-job-1", "10-job-1", "undo-job-1", strings.Repeat("a", 64), hash, "2-" + hash, "1", "2", "2-1"} {
		for n := 1; n <= 3; n++ {
			name, of := JobAt(job, n), fmt.Sprint(job, " ", n)
			if before, twice := seen[name]; twice || token.CheckName("job", name) != nil {
				t.Errorf("%s: for %s, and for %s", name, before, of)
			}
			seen[name] = of
		}
	}
	if got := JobAt("job-1", 2); got != "undo-2-job-1" {
		t.Errorf("got %s", got)
	}
}

// A step is told to the gate for the job that takes back, once the job is stopped
// and what is to be locked is, and for no other.
func TestStep(t *testing.T) {
	h := newHouse(t)
	h.do("job-1", "page.update", edit("3"), page7("4"))                                                // 1
	h.do("job-1", "page.label.add", other("8"), &policy.Resource{Type: "page", ID: "8", Version: "1"}) // 3
	mail := other("9")
	mail.Undo = receipt.Undo{Irreversible: "A mail was sent."}
	h.do("job-1", "page.notify", mail, &policy.Resource{Type: "page", ID: "9", Version: "1"}) // 5
	step := func(by, undoes, tool string) *change.Step {
		t.Helper()
		s, err := h.desk().Step(t.Context(), by, undoes, tool)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	blocked := func(by, undoes, tool, why string) {
		t.Helper()
		if s := step(by, undoes, tool); !strings.Contains(s.Blocked, why) || s.Action != "" || s.Args != nil {
			t.Errorf("%s undoes %s of %s: %+v, want it blocked: %s", by, undoes, tool, s, why)
		}
	}
	blocked("undo-job-1", "job-1/1", "wiki", "not stopped")
	h.revoke("job-1")
	blocked("undo-job-1", "job-1/1", "wiki", "to be locked first")
	h.order(token.Revocation{Kind: token.RevokePolicy, Target: seal.Sum([]byte("policy")).String()})
	for _, by := range []string{"undo-job-1", "undo-2-job-1"} {
		if s := step(by, "job-1/1", "wiki"); s.Action != "page.restore" || s.Blocked != "" || h.wiki.agent != "robot" {
			t.Errorf("by %s: %+v, for the agent %q", by, s, h.wiki.agent)
		}
	}
	blocked("undo-job-1", "job-1/5", "wiki", "A mail was sent.")
	for _, c := range []struct{ by, undoes, tool string }{
		{"undo-job-2", "job-1/1", "wiki"}, // what it takes back would not count
		{"job-1", "job-1/1", "wiki"}, {"undo-job-1", "job-1/1", "wik"}, {"undo-job-1", "job-1/1", "tracker"}, {"undo-job-1", "job-1/2", "wiki"},
		{"undo-job-1", "job-1/9", "wiki"}, {"undo-job-1", "job-1/0", "wiki"}, {"undo-job-1", "job-1/01", "wiki"}, {"undo-job-1", "job-1", "wiki"}, {"undo-job-1", "", "wiki"},
		{"undo-nobody", "nobody/1", "wiki"},
	} {
		blocked(c.by, c.undoes, c.tool, "There is no change")
	}
	h.wiki.err = errors.New("the wiki is down")
	blocked("undo-job-1", "job-1/1", "wiki", "cannot be told now")
}
