// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/receipt"
)

const told = "<p>deployed</p>"

// planned is a comment that was decided upon and not carried out yet.
func (h *house) planned(seq uint64) (*gate.Plan, *receipt.Receipt) {
	h.t.Helper()
	p, err := h.c.Plan(h.t.Context(), actionComment, []byte(args(`{"page_id":%q,"body_storage":%q}`, h.deploy, told)), h.policy.Bounds("confluence"))
	if err != nil {
		h.t.Fatal(err)
	}
	return p, &receipt.Receipt{Kind: receipt.Opened, Job: "job-1", Seq: seq, At: time.Now(), Call: p.Call}
}

// TestCommentBefore says: an equal comment that was there before is not taken for one that was never sent.
func TestCommentBefore(t *testing.T) {
	for _, many := range []int{1, 30} {
		h := newHouse(t, fullPolicy, nil)
		for range many {
			h.site.CommentPage(h.deploy, h.writer, told)
		}
		p, opened := h.planned(99)
		if found, err := h.c.Find(t.Context(), opened, p.Change); found != nil || err != nil {
			t.Errorf("%d before: %+v, %v", many, found, err)
		}
		h.first(sim.Received, sim.Fault{Drop: true})
		if r, err := p.Act(t.Context(), opened); err == nil || r.Outcome.Status != receipt.Unknown {
			t.Errorf("%d before, lost: %+v, %v", many, r.Outcome, err)
		}
		id := h.site.CommentPage(h.deploy, h.writer, told)
		if found, err := h.c.Find(t.Context(), opened, p.Change); found == nil || found.ID != id || err != nil {
			t.Errorf("%d before, and then: %+v, %v", many, found, err)
		}
	}
}

// TestCommentUntold says: where it cannot be told whose a comment is, nobody guesses.
func TestCommentUntold(t *testing.T) {
	tests := map[string]struct {
		come func(h *house)
		want string // "" nothing, "one", "error"
	}{
		"nothing":          {func(*house) {}, ""},
		"another text":     {func(h *house) { h.site.CommentPage(h.deploy, h.writer, "<p>else</p>") }, ""},
		"ours":             {func(h *house) { h.site.CommentPage(h.deploy, h.writer, told) }, "one"},
		"by somebody else": {func(h *house) { h.site.CommentPage(h.deploy, h.reader, told) }, "error"},
		"ours, and a copy of it": {func(h *house) {
			h.site.CommentPage(h.deploy, h.writer, told)
			h.site.CommentPage(h.deploy, h.reader, told)
		}, "one"},
		"two of ours": {func(h *house) {
			h.site.CommentPage(h.deploy, h.writer, told)
			h.site.CommentPage(h.deploy, h.writer, told)
		}, "error"},
		"on a page with others": {func(h *house) {
			h.site.CommentPage(h.deploy, h.writer, told)
			h.site.CommentPage(h.deploy, h.reader, "<p>else</p>")
		}, "one"},
		"nobody knows who acts": {func(h *house) {
			h.c.write = connect(h.t, h.c.write.BaseURL(), "writer", "w-token")
			h.site.CommentPage(h.deploy, h.writer, told)
		}, "error"},
	}
	for name, test := range tests {
		h := newHouse(t, fullPolicy, nil)
		p, opened := h.planned(99)
		test.come(h)
		found, err := h.c.Find(t.Context(), opened, p.Change)
		got := ""
		switch {
		case err != nil:
			got = "error"
		case found != nil:
			got = "one"
		}
		if got != test.want {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}

// TestCommentActorLearned says: without a word about the credential's account, who acted by it last counts.
func TestCommentActorLearned(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	h.c.write = connect(t, h.c.write.BaseURL(), "writer", "w-token")
	h.want(h.comment(h.deploy, "<p>first</p>"), "done")
	p, opened := h.planned(99)
	id := h.site.CommentPage(h.deploy, h.writer, told)
	if found, err := h.c.Find(t.Context(), opened, p.Change); found == nil || found.ID != id || err != nil {
		t.Errorf("found %+v, %v", found, err)
	}
}

// TestCommentTwiceAtOnce says: a comment is not sent where an equal one has come since it was planned.
func TestCommentTwiceAtOnce(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	first, one := h.planned(1)
	second, two := h.planned(2)
	if r, err := first.Act(t.Context(), one); err != nil {
		t.Fatal(r.Outcome, err)
	}
	mark := len(h.site.Requests())
	r, err := second.Act(t.Context(), two)
	if r.Outcome.Status != receipt.Failed || r.Outcome.Code != "conflict" {
		t.Errorf("got %+v, %v", r.Outcome, err)
	}
	h.quiet(mark)
}

// TestTooLate says: no change is sent when its time has passed, wherever the time went.
func TestTooLate(t *testing.T) {
	for action, do := range changes() {
		for _, past := range []bool{true, false} { // before the checks, or in them
			t.Run(fmt.Sprint(action, " ", past), func(t *testing.T) {
				h := newHouse(t, fullPolicy, nil)
				mark := len(h.site.Requests())
				e := do(h, func() {
					within := -time.Second
					if !past {
						within = 30 * time.Millisecond
						h.site.Intercept(slow)
					}
					ctx, cancel := context.WithTimeout(t.Context(), within)
					t.Cleanup(cancel)
					h.acting = ctx
				})
				h.want(e, "too_late")
				if o := e.result.Outcome; o.Status != receipt.Failed || o.Code != "too_late" {
					t.Errorf("outcome %+v", o)
				}
				h.quiet(mark)
			})
		}
	}
}

// slow takes more than half of the time of an act for each request.
func slow(at sim.Stage, _ sim.Request) sim.Fault {
	if at == sim.Received {
		time.Sleep(20 * time.Millisecond)
	}
	return sim.Fault{}
}

// TestTimePassesOnTheWay says: what is on its way is seen through, though its time passes and its caller is gone.
func TestTimePassesOnTheWay(t *testing.T) {
	for action, do := range changes() {
		h := newHouse(t, fullPolicy, nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		h.acting = ctx
		h.site.Intercept(func(at sim.Stage, r sim.Request) sim.Fault {
			if r.Method != http.MethodGet && at == sim.Received {
				cancel()
				time.Sleep(time.Millisecond)
			}
			return sim.Fault{}
		})
		e := do(h)
		h.want(e, "done")
		if e.result.Outcome.Code == seen {
			t.Errorf("%s: its answer was not waited for: %+v", action, e.result.Outcome)
		}
	}
}
