// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// follow puts all receipts into the log, and lists them few at a time.
func (h *house) follow(t testing.TB) {
	t.Helper()
	for {
		if n, err := h.Sequence(t.Context(), 1000, fold); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			break
		}
	}
	for {
		if n, err := h.FollowLog(t.Context(), 3); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			return
		}
	}
}

// told is a listed call in a word.
func told(l *Listed) string {
	return fmt.Sprintf("%s/%d %s %s %s %s %d", l.Job, l.Seq, l.Action, l.Effect, l.Outcome, l.Code, l.Closed)
}

func TestFollowLog(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		one, two := h.job(t, "job-1"), h.job(t, "job-2")
		c := call(3, "a")
		c.Resources = []policy.Resource{{Type: "page", ID: "77", Path: []policy.Place{{ID: "space-9"}, {ID: "77"}}}}
		h.mustWrite(t, one, h.opens(one, c, policy.Allow))
		if n, err := h.FollowLog(t.Context(), 10); n != 0 || err != nil {
			t.Errorf("listed %d before the log has it: %v", n, err)
		}
		h.clock.move(time.Minute)
		h.mustWrite(t, one, h.closes(one, 1, 1))
		h.mustWrite(t, two, h.opens(two, call(0, "b"), policy.Deny))
		h.mustWrite(t, one, h.opens(one, c, policy.Allow))
		h.follow(t)
		h.clock.move(time.Minute)
		h.mustWrite(t, one, func(st *receipt.State) (*receipt.Line, error) {
			out := &receipt.Outcome{Status: receipt.Failed, Code: "conflict", Target: &policy.Resource{Type: "page", ID: "made-1"}}
			return receipt.Close(st, &receipt.Receipt{Job: one, Seq: 3, Token: "token-1"}, out).Line(h.gate)
		})
		if n, err := h.Unlisted(t.Context()); n != 1 || err != nil {
			t.Errorf("%d unlisted, %v; want 1", n, err)
		}
		h.follow(t)
		all := []string{
			"job-1/3 confluence.page.get allow failed conflict 4", "job-2/1 confluence.page.get deny   0", "job-1/1 confluence.page.get allow done  2",
		}
		start := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
		for name, test := range map[string]struct {
			search Search
			want   []string
		}{
			"all":          {Search{}, all},
			"job":          {Search{Job: "job-2"}, all[1:2]},
			"agent":        {Search{Agent: "agent"}, all},
			"nobody":       {Search{Agent: "other"}, nil},
			"action":       {Search{Action: "confluence.page.get", Effect: "deny"}, all[1:2]},
			"outcome":      {Search{Outcome: "done"}, all[2:]},
			"code":         {Search{Code: "conflict"}, all[:1]},
			"resource":     {Search{Resource: "77"}, []string{all[0], all[2]}},
			"place":        {Search{Resource: "space-9", Outcome: "done"}, all[2:]},
			"what is made": {Search{Resource: "made-1"}, all[:1]},
			"until":        {Search{To: start.Add(time.Second)}, all[2:]},
			"from":         {Search{From: start.Add(time.Second)}, all[:2]},
			"page":         {Search{Limit: 2}, all[:2]},
		} {
			list, err := h.Find(t.Context(), &test.search)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var got []string
			for _, l := range list {
				got = append(got, told(&l))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		first, err := h.Find(t.Context(), &Search{Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		rest, err := h.Find(t.Context(), &Search{Before: &first[1].ListedSpot})
		if err != nil || len(rest) != 1 || told(&rest[0]) != all[2] {
			t.Errorf("the next page: %v, %v", rest, err)
		}
		checkTallies(t, h, start)
	})
}

func checkTallies(t *testing.T, h *house, start time.Time) {
	t.Helper()
	list, err := h.Tallies(t.Context(), start)
	want := []Tally{{start, "allow", 2}, {start, "deny", 1}, {start, "done", 1}, {start, "failed", 1}}
	if diff := cmp.Diff(want, list); err != nil || diff != "" {
		t.Errorf("tallies: %v\n%s", err, diff)
	}
}

// What model calls cost is counted, and answers are with the time that people took.
func TestTalliesAndAnswers(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		model := &policy.Call{Tool: "model", Action: "responses", Class: policy.Model}
		h.mustWrite(t, job, h.opens(job, model, policy.Allow))
		h.mustWrite(t, job, func(st *receipt.State) (*receipt.Line, error) {
			out := &receipt.Outcome{Status: receipt.Done, Model: &receipt.Generation{Provider: "openai", Usage: &receipt.Usage{Input: 7, Output: 5}, Cost: 900}}
			return receipt.Close(st, &receipt.Receipt{Job: job, Seq: 1, Token: "token-1"}, out).Line(h.gate)
		})
		asked := h.clock.Now()
		q := h.ask(t, job, call(0, "mail"))
		h.clock.move(90 * time.Second)
		paper, a := h.answer(t, q, true)
		if err := h.Answer(t.Context(), q.ID, paper, a); err != nil {
			t.Fatal(err)
		}
		h.mustWrite(t, job, h.opens(job, call(0, "mail"), policy.Allow))
		h.follow(t)
		list, err := h.AnsweredSince(t.Context(), asked, 0)
		want := []Answered{{Approval: "job-1.3", By: "ada@example.com", Yes: true, Asked: asked, At: asked.Add(90 * time.Second)}}
		if diff := cmp.Diff(want, list); err != nil || diff != "" {
			t.Errorf("answers: %v\n%s", err, diff)
		}
		got := map[string]int64{}
		tallies, err := h.Tallies(t.Context(), asked)
		for _, x := range tallies {
			got[x.Name] = x.N
		}
		if got[TallyCost] != 900 || got[TallyTokens] != 12 || got[TallyModel] != 1 || got["ask"] != 1 || err != nil {
			t.Errorf("tallies: %v, %v", got, err)
		}
	})
}

func TestSteps(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow)) // 1, closed by 4
		h.mustWrite(t, job, h.opens(job, call(1, "b"), policy.Deny))  // 2
		h.mustWrite(t, job, h.opens(job, call(1, "c"), policy.Allow)) // 3
		h.mustWrite(t, job, h.closes(job, 1, 1))
		list, err := h.Steps(t.Context(), job, 0, 2)
		if err != nil || len(list) != 2 || list[0].Seq != 1 || list[0].Closed == nil || list[1].Seq != 2 || list[1].Closed != nil || list[1].Broken {
			t.Fatalf("first page: %+v, %v", list, err)
		}
		if _, err := h.write.ExecContext(t.Context(), `UPDATE receipt SET envelope = $1 WHERE job = $2 AND seq = 3`, []byte("garbage"), job); err != nil {
			t.Fatal(err)
		}
		list, err = h.Steps(t.Context(), job, 2, 2)
		if err != nil || len(list) != 1 || !list[0].Broken || list[0].Opened != nil {
			t.Errorf("second page: %+v, %v", list, err)
		}
		if list, err = h.Steps(t.Context(), job, 3, 2); err != nil || len(list) != 0 {
			t.Errorf("behind the end: %+v, %v", list, err)
		}
	})
}

// A receipt that somebody has spoiled does not keep others from being listed.
func TestFollowPassesOver(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Deny))
		h.mustWrite(t, job, h.opens(job, call(1, "b"), policy.Deny))
		if _, err := h.write.ExecContext(t.Context(), `UPDATE receipt SET envelope = $1 WHERE seq = 1`, []byte("garbage")); err != nil {
			t.Fatal(err)
		}
		h.follow(t)
		if list, err := h.Find(t.Context(), new(Search)); err != nil || len(list) != 1 || list[0].Seq != 2 {
			t.Errorf("got %v, %v", list, err)
		}
	})
}

func TestFindJobs(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		for _, id := range []string{"idle", "lives", "stopped", "waits"} {
			h.job(t, id)
			h.clock.move(time.Minute)
		}
		for _, id := range []string{"lives", "stopped", "waits"} {
			tok := Token{ID: token.ID("t-" + id), Job: id, Agent: "agent", Policy: testPolicy, Record: []byte("{}"), Issued: h.clock.Now(), Expires: h.clock.Now().Add(time.Hour)}
			if err := h.PutToken(t.Context(), tok); err != nil {
				t.Fatal(err)
			}
		}
		h.ask(t, "waits", call(0, "mail"))
		if _, err := h.Revoke(t.Context(), Revocation{Revocation: token.Revocation{Kind: token.RevokeJob, Target: "stopped"}, By: "olga"}); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			search JobSearch
			want   string
		}{
			{JobSearch{}, "waits:waiting stopped:revoked lives:live idle:over"},
			{JobSearch{Agent: "agent", Policy: testPolicy.String(), Limit: 2}, "waits:waiting stopped:revoked"},
			{JobSearch{Agent: "nobody"}, ""},
			{JobSearch{Standing: JobLive}, "lives:live"},
			{JobSearch{Standing: JobRevoked}, "stopped:revoked"},
			{JobSearch{Standing: JobWaiting}, "waits:waiting"},
			{JobSearch{Standing: JobOver}, "idle:over"},
			{JobSearch{To: h.clock.Now().Add(-3*time.Minute - time.Second)}, "idle:over"},
		} {
			list, err := h.FindJobs(t.Context(), &test.search)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, j := range list {
				got = append(got, j.ID+":"+string(j.Standing))
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("%+v: got %q, want %q", test.search, s, test.want)
			}
		}
		list, err := h.FindJobs(t.Context(), &JobSearch{Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		rest, err := h.FindJobs(t.Context(), &JobSearch{Before: &Spot{list[1].Created, list[1].ID}})
		if err != nil || len(rest) != 2 || rest[0].ID != "lives" {
			t.Errorf("the next page: %v, %v", rest, err)
		}
		agents, err := h.Agents(t.Context(), "", 0)
		if err != nil || len(agents) != 1 || agents[0].Name != "agent" || agents[0].Jobs != 4 {
			t.Errorf("agents: %v, %v", agents, err)
		}
	})
}

// With 100,000 jobs, each list of the console's is read from an index, in its
// order.
func TestManyJobs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	onBoth(t, func(t *testing.T, h *house) {
		fill(t, h)
		for name, search := range map[string]*JobSearch{
			"jobs": {}, "next page": {Before: &Spot{h.clock.Now(), "job-50000"}}, "agent": {Agent: "agent-3"}, "policy": {Policy: testPolicy.String()},
			"over": {Standing: JobOver}, "day": {From: h.clock.Now(), To: h.clock.Now().Add(time.Hour)},
			"live": {Standing: JobLive}, "waiting": {Standing: JobWaiting}, "revoked": {Standing: JobRevoked},
		} {
			search.Limit = 50
			query, args := search.query(h.clock.Now())
			checkPlan(t, h, name, search.Standing == "" || search.Standing == JobOver, query, args)
		}
		for name, search := range map[string]*Search{
			"receipts": {}, "next": {Before: &ListedSpot{h.clock.Now(), 5000}}, "by agent": {Agent: "agent-3"}, "by action": {Action: "desk.read"},
			"by effect": {Effect: "deny"}, "by outcome": {Outcome: "failed"}, "by code": {Code: "conflict"}, "by resource": {Resource: "77"},
			"of a job": {Job: "job-500"}, "of an hour": {From: h.clock.Now(), To: h.clock.Now().Add(time.Hour)},
		} {
			search.Limit = 50
			query, args := search.query()
			checkPlan(t, h, name, search.Job == "", query, args)
		}
		checkPlan(t, h, "agents", false, agentsQuery, []any{"", 50})
	})
}

// fill makes 100,000 jobs, with a token and a listed call each: fewer on SQLite,
// whose plans do not depend on how many there are.
func fill(t *testing.T, h *house) {
	t.Helper()
	upTo := func(n int) string {
		return fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `, n)
	}
	numbers, fewer := upTo(100_000), upTo(100_000)
	if !h.engine.concurrent {
		fewer = upTo(1000)
	}
	ms := h.clock.Now().UnixMilli()
	for _, s := range []string{
		fmt.Sprintf(`INSERT INTO job (id, agent, policy, created) %sSELECT 'job-' || i, 'agent-' || (i %% 20), '%s', %d + i * 1000 FROM n`, numbers, testPolicy, ms),
		`INSERT INTO chain (job, seq, hash, at) ` + numbers + `SELECT 'job-' || i, 0, 'h', 0 FROM n`,
		fmt.Sprintf(`INSERT INTO token (id, job, agent, policy, record, issued, expires) %sSELECT 't-' || i, 'job-' || i, 'agent', 'p', 'x', %d, %d + i * 1000 FROM n`, fewer, ms, ms-99990*1000),
		fmt.Sprintf(`INSERT INTO listing (id, job, seq, at, agent, action, effect, outcome, code) %sSELECT i, 'job-' || i, 1, %d + i * 1000, 'agent-' || (i %% 20),
			CASE WHEN i %% 7 = 0 THEN 'desk.read' ELSE 'desk.post' END, CASE WHEN i %% 50 = 0 THEN 'deny' ELSE 'allow' END,
			CASE WHEN i %% 90 = 0 THEN 'failed' ELSE 'done' END, CASE WHEN i %% 90 = 0 THEN 'conflict' ELSE '' END FROM n`, fewer, ms),
		fmt.Sprintf(`INSERT INTO listing_resource (resource, at, id) %sSELECT '' || (i %% 1000), %d + i * 1000, i FROM n`, fewer, ms),
	} {
		if h.engine.concurrent {
			s = strings.ReplaceAll(s, `'p', 'x',`, `'p', 'x'::bytea,`)
		} else {
			s = strings.ReplaceAll(s, `'p', 'x',`, `'p', x'78',`)
		}
		if _, err := h.write.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if h.engine.concurrent {
		if _, err := h.write.ExecContext(t.Context(), `ANALYZE`); err != nil {
			t.Fatal(err)
		}
	}
}

// checkPlan checks that a query walks no whole table of jobs, tokens, receipts or
// listed calls, and that it need not sort them, if it is ordered by an index.
func checkPlan(t *testing.T, h *house, name string, ordered bool, query string, args []any) {
	t.Helper()
	explain := `EXPLAIN `
	if !h.engine.concurrent {
		explain = `EXPLAIN QUERY PLAN `
	}
	rows, err := h.read.QueryContext(t.Context(), explain+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	lines, err := read(rows, func(scan scanner) (s string, err error) {
		if h.engine.concurrent {
			return s, scan(&s)
		}
		var id, parent, unused int
		err = scan(&id, &parent, &unused, &s)
		return s, err
	})
	if err != nil {
		t.Fatal(err)
	}
	plan := strings.Join(lines, "\n")
	for _, line := range lines {
		line = strings.TrimSpace(line)
		walks := strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, "INDEX") && !strings.Contains(line, "CONSTANT") && line != "SCAN name"
		for _, table := range []string{"job", "chain", "token", "listing", "listing_resource", "receipt"} {
			walks = walks || strings.Contains(line, "Seq Scan on "+table+" ")
		}
		sorts := strings.HasPrefix(line, "USE TEMP B-TREE FOR ORDER BY") || strings.HasPrefix(line, "->  Sort") || strings.HasPrefix(line, "Sort ")
		if walks || ordered && sorts {
			t.Errorf("%s: %q in the plan\n%s\nof %s", name, line, plan, query)
		}
	}
	if !strings.Contains(strings.ToUpper(plan), "INDEX") && !strings.Contains(plan, "PRIMARY KEY") {
		t.Errorf("%s: no index in the plan\n%s", name, plan)
	}
}
