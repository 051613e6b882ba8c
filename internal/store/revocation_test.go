// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// revoke orders what must succeed.
func (h *house) revoke(t testing.TB, kind, target, reason string) *Revoked {
	t.Helper()
	out, err := h.Revoke(context.Background(), Revocation{Revocation: token.Revocation{Kind: kind, Target: target}, By: "ada", Reason: reason})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// owned makes a job of an agent under a policy, with a token that is good for an
// hour.
func (h *house) owned(t testing.TB, job, agent string, p seal.Hash) {
	t.Helper()
	if err := h.CreateJob(context.Background(), Job{ID: job, Agent: agent, Policy: p, Created: h.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := h.token(job, agent, p, token.ID("token-"+job)); err != nil {
		t.Fatal(err)
	}
}

func (h *house) token(job, agent string, p seal.Hash, id token.ID) error {
	now := h.clock.Now()
	return h.PutToken(context.Background(), Token{ID: id, Job: job, Agent: agent, Policy: p, Issued: now, Expires: now.Add(time.Hour)})
}

var otherPolicy = seal.Sum([]byte("other policy"))

// Each kind of order: what it ends, whom it concerns, what it cancels, and whose
// next token it forbids.
func TestRevoke(t *testing.T) {
	questions := []string{"job-1.1", "job-1.2", "job-2.1", "job-3.1"} // page.get, page.update, page.get, page.get
	cases := []struct {
		kind, target string
		jobs         []string
		tokens       int
		cancelled    []string
		silent       []string // jobs that get no tokens any more
	}{
		{token.RevokeToken, "token-job-1", []string{"job-1"}, 1, questions[:2], nil},
		{token.RevokeJob, "job-1", []string{"job-1"}, 1, questions[:2], []string{"job-1"}},
		{token.RevokeAgent, "ann", []string{"job-1", "job-2"}, 2, questions[:3], []string{"job-1", "job-2"}},
		{token.RevokePolicy, otherPolicy.String(), []string{"job-2"}, 1, questions[2:3], []string{"job-2"}},
		{token.RevokeAction, "confluence.page.update", []string{"job-1", "job-2", "job-3"}, 0, questions[1:2], nil},
		{token.RevokeAction, "*:read", []string{"job-1", "job-2", "job-3"}, 0, []string{questions[0], questions[2], questions[3]}, nil},
		{token.RevokeAction, "jira", []string{"job-1", "job-2", "job-3"}, 0, nil, nil},
		{token.RevokeAll, "", []string{"job-1", "job-2", "job-3"}, 3, questions, []string{"job-1", "job-2", "job-3"}},
	}
	for _, c := range cases {
		r := token.Revocation{Kind: c.kind, Target: c.target}
		t.Run(r.String(), func(t *testing.T) {
			onBoth(t, func(t *testing.T, h *house) {
				ctx := t.Context()
				h.owned(t, "job-1", "ann", testPolicy)
				h.owned(t, "job-2", "ann", otherPolicy)
				h.owned(t, "job-3", "bob", testPolicy)
				update := call(0, "u")
				update.Action, update.Class = "page.update", policy.Write
				h.ask(t, "job-1", call(0, "a"))
				h.ask(t, "job-1", update)
				h.ask(t, "job-2", call(0, "a"))
				h.ask(t, "job-3", call(0, "a"))
				h.clock.move(time.Second)

				would, err := h.WouldRevoke(ctx, Revocation{Revocation: r, By: "ada", Reason: "why"})
				if err != nil {
					t.Fatal(err)
				}
				got := h.revoke(t, c.kind, c.target, "why")
				would.ID = 1
				if diff := cmp.Diff(would, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("it was to be:\n%s", diff)
				}
				if again, err := h.WouldRevoke(ctx, Revocation{Revocation: r}); err != nil || again.ID != 1 || again.By != "ada" {
					t.Errorf("given already: %+v, %v", again, err)
				}
				want := &Revoked{Revocation: Revocation{ID: 1, Revocation: r, By: "ada", Reason: "why", At: h.clock.Now()}, Jobs: c.jobs, Tokens: c.tokens, Cancelled: c.cancelled}
				if c.kind == token.RevokeToken || c.kind == token.RevokeJob {
					want.Job = "job-1"
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("revoked:\n%s", diff)
				}
				want.Tokens, want.Cancelled = 0, nil
				first := want.At
				h.clock.move(time.Second)
				if diff := cmp.Diff(want, h.revoke(t, c.kind, c.target, "again"), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("revoked again:\n%s", diff)
				}
				h.checkCancelled(t, questions, c.cancelled, first)
				for i, job := range []string{"job-1", "job-2", "job-3"} {
					concerned := []token.Revocation{r}
					if !slices.Contains(c.jobs, job) {
						concerned = nil
					}
					if diff := cmp.Diff(concerned, h.state(t, job).Revoked); diff != "" {
						t.Errorf("in force for %s:\n%s", job, diff)
					}
					agent, under := []string{"ann", "ann", "bob"}[i], []seal.Hash{testPolicy, otherPolicy, testPolicy}[i]
					if err := h.token(job, agent, under, token.ID("next-"+job)); errors.Is(err, ErrRevoked) != slices.Contains(c.silent, job) {
						t.Errorf("next token of %s: %v", job, err)
					}
				}
				list, err := h.Revoking(ctx, []string{"job-2", "job-3", "nobody"})
				about := slices.Contains(c.jobs, "job-2") || slices.Contains(c.jobs, "job-3")
				if err != nil || (len(list) == 1) != about {
					t.Errorf("revoking: %v, %v", list, err)
				}
			})
		})
	}
}

// checkCancelled checks which questions count no more, in every respect.
func (h *house) checkCancelled(t *testing.T, questions, cancelled []string, at time.Time) {
	t.Helper()
	list, err := h.Approvals(t.Context(), Filter{Open: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range questions {
		a, err := h.Approval(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		gone := slices.Contains(cancelled, id)
		if (a.Cancelled != nil) != gone || gone && !a.Cancelled.Equal(at) || a.Open(h.clock.Now()) == gone {
			t.Errorf("%s: cancelled %v, open %t, want it to be gone: %t", id, a.Cancelled, a.Open(h.clock.Now()), gone)
		}
		if listed := slices.ContainsFunc(list, func(b Approval) bool { return b.ID == id }); listed == gone {
			t.Errorf("%s is listed as open: %t", id, listed)
		}
		if _, pending := h.state(t, a.Job).Pending[a.Call]; pending == gone {
			t.Errorf("%s is pending: %t", id, pending)
		}
		paper, answer := h.answer(t, a, true)
		if err := h.Answer(t.Context(), id, paper, answer); errors.Is(err, ErrConflict) != gone {
			t.Errorf("answer %s: %v", id, err)
		}
	}
}

// A yes that no call has used is cancelled as well, and does not come back.
func TestRevokeCancelsYes(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.owned(t, "job-1", "ann", testPolicy)
		c := call(0, "a")
		q := h.ask(t, "job-1", c)
		paper, a := h.answer(t, q, true)
		if err := h.Answer(t.Context(), q.ID, paper, a); err != nil {
			t.Fatal(err)
		}
		r := h.revoke(t, token.RevokeAgent, "ann", "")
		if diff := cmp.Diff([]string{q.ID}, r.Cancelled); diff != "" {
			t.Errorf("cancelled:\n%s", diff)
		}
		if _, err := h.Lift(t.Context(), r.ID, "ada"); err != nil {
			t.Fatal(err)
		}
		h.settle(t)
		h.mustRestore(t)
		if st := h.state(t, "job-1"); len(st.Revoked) != 0 || len(st.Answers) != 0 || len(st.Pending) != 0 {
			t.Errorf("it counts: %v, %v", facts(st), st.Pending)
		}
		cites := func(st *receipt.State) (*receipt.Line, error) {
			d := policy.Decision{Effect: policy.Allow, Policy: testPolicy, Approval: q.ID, Reasons: []policy.Reason{}}
			return receipt.Open(st, claims("job-1"), c, &policy.Facts{Now: st.Now}, d).Line(h.gate)
		}
		if err := h.Write(t.Context(), "job-1", cites); !errors.Is(err, ErrConflict) {
			t.Errorf("a cancelled yes allows: got %v, want ErrConflict", err)
		}
		if again := h.ask(t, "job-1", c); again.ID == q.ID {
			t.Errorf("question %s came back", q.ID)
		}
		if answers, err := h.Answers(t.Context(), "job-1"); err != nil || len(answers) != 1 {
			t.Errorf("the signed answer is gone: %v, %v", answers, err)
		}
	})
}

// Jobs whose tokens are all over are not concerned, unless they are named or a
// question of theirs is cancelled.
func TestConcerned(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		for _, job := range []string{"old", "asked", "stopped", "halved"} {
			h.owned(t, job, "ann", testPolicy)
		}
		h.ask(t, "asked", call(0, "a"))
		h.clock.move(time.Hour)
		for _, job := range []string{"stopped", "halved"} {
			if err := h.token(job, "ann", testPolicy, token.ID("second-"+job)); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.token("halved", "ann", testPolicy, "third-halved"); err != nil {
			t.Fatal(err)
		}
		if r := h.revoke(t, token.RevokeJob, "old", ""); r.Tokens != 0 || !slices.Equal(r.Jobs, []string{"old"}) {
			t.Errorf("a job without a good token: %+v", r)
		}
		if r := h.revoke(t, token.RevokeToken, "third-halved", ""); r.Tokens != 1 {
			t.Errorf("one token: %+v", r)
		}
		if r := h.revoke(t, token.RevokeJob, "stopped", ""); r.Tokens != 1 {
			t.Errorf("one job: %+v", r)
		}
		r := h.revoke(t, token.RevokeAll, "", "")
		if r.Tokens != 1 || !slices.Equal(r.Jobs, []string{"asked", "halved"}) {
			t.Errorf("everything: %d tokens of %v, want the second of halved, and asked", r.Tokens, r.Jobs)
		}
	})
}

func TestRevokeRefuses(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.owned(t, "job-1", "ann", testPolicy)
		for r, want := range map[token.Revocation]error{
			{Kind: token.RevokeToken, Target: "nobody's"}:          ErrNotFound,
			{Kind: token.RevokeJob, Target: "nobody"}:              ErrNotFound,
			{Kind: token.RevokeJob, Target: receipt.Journal}:       ErrConflict,
			{Kind: token.RevokeAgent, Target: "No Name"}:           nil,
			{Kind: token.RevokeAction, Target: "jira issue"}:       nil,
			{Kind: "house", Target: ""}:                            nil,
			{}:                                                     nil,
			{Kind: token.RevokeAll, Target: "the rest"}:            nil,
			{Kind: token.RevokePolicy, Target: "sha256:something"}: nil,
		} {
			if _, err := h.Revoke(ctx, Revocation{Revocation: r}); err == nil || want != nil && !errors.Is(err, want) {
				t.Errorf("%v: got %v, want %v", r, err, want)
			}
		}
		if list, err := h.Revocations(ctx, true, 0); err != nil || len(list) != 0 {
			t.Errorf("got %v, %v, want no orders", list, err)
		}
		job, one, agent := h.revoke(t, token.RevokeJob, "job-1", ""), h.revoke(t, token.RevokeToken, "token-job-1", ""), h.revoke(t, token.RevokeAgent, "ann", "")
		if _, err := h.Lift(ctx, agent.ID, "ada"); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{"a job": second(h.Lift(ctx, job.ID, "ada")), "a token": second(h.Lift(ctx, one.ID, "ada")), "an agent again": second(h.Lift(ctx, agent.ID, "ada"))} {
			if !errors.Is(err, ErrConflict) {
				t.Errorf("lift %s: got %v, want ErrConflict", what, err)
			}
		}
		if _, err := h.Lift(ctx, 99, "ada"); !errors.Is(err, ErrNotFound) {
			t.Errorf("lift what is not there: got %v, want ErrNotFound", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// Two daemons write and revoke at once: no receipt is committed after an order
// that it has not seen.
func TestRevokeRace(t *testing.T) {
	const jobs, writes = 4, 8
	onBoth(t, func(t *testing.T, h *house) {
		daemons := []*DB{h.DB, h.open(t)}
		for round := range 8 {
			agent := fmt.Sprintf("agent-%d", round)
			var seen [jobs][writes + 1]bool // by seq
			var wg sync.WaitGroup
			for i := range jobs {
				job := fmt.Sprintf("job-%d-%d", round, i)
				h.owned(t, job, agent, testPolicy)
				wg.Go(func() {
					for range writes {
						if err := daemons[i%2].Write(t.Context(), job, func(st *receipt.State) (*receipt.Line, error) {
							seen[i][st.Seq+1] = len(st.Revoked) > 0
							time.Sleep(time.Millisecond) // between looking and committing
							return h.opens(job, call(0, "a"), policy.Deny)(st)
						}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			time.Sleep(3 * time.Millisecond)
			if _, err := daemons[round%2].Revoke(t.Context(), Revocation{Revocation: token.Revocation{Kind: token.RevokeAgent, Target: agent}}); err != nil {
				t.Error(err)
			}
			var before [jobs]int
			for i := range jobs {
				list, err := h.Receipts(t.Context(), fmt.Sprintf("job-%d-%d", round, i))
				if err != nil {
					t.Error(err)
				}
				before[i] = len(list)
			}
			wg.Wait()
			for i := range jobs {
				for seq := 1; seq <= writes; seq++ {
					if seq > before[i] && !seen[i][seq] {
						t.Errorf("round %d: receipt %d of job %d was committed after the order and has not seen it", round, seq, i)
					}
				}
			}
		}
	})
}

// A receipt that is on its way makes an order wait for it.
func TestRevokeWaits(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		other := h.open(t)
		h.owned(t, "job-1", "ann", testPolicy)
		release := h.hold(t, "job-1")
		done := make(chan error, 1)
		go func() {
			_, err := other.Revoke(context.Background(), Revocation{Revocation: token.Revocation{Kind: token.RevokeAll}})
			done <- err
		}()
		select {
		case err := <-done:
			t.Errorf("the order did not wait: %v", err)
			done <- err
		case <-time.After(50 * time.Millisecond):
		}
		release()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
