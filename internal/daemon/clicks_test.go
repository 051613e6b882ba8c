// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawea/clawea/examples"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/receipt"
)

// However often a yes is clicked at once, it is one yes: its call is carried out once.
// Of a yes and a no at once, the call finds what people are told it came to.
func TestClicksAtOnce(t *testing.T) {
	for name, url := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "house.db") },
		"postgres": func(t *testing.T) string { return pgtest.New(t) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, url(t))
			h := w.start()
			defer h.shut()
			b, err := examples.Policies.ReadFile("policies/runbook-agent.json")
			if err != nil {
				t.Fatal(err)
			}
			wpc := strings.Replace(string(b), `"purpose"`, `"approvals": {"required_for": ["confluence.page.get"]}, "purpose"`, 1)
			p, err := h.client.Publish(t.Context(), h.signed(wpc))
			if err != nil {
				t.Fatal(err)
			}
			raw := h.issue(p.Hash, "job-1").Token
			get := `{"page_id":"` + w.page + `"}`
			_, yes := tool(t, h.agent(raw), "confluence.page.get", get)
			if taken, conflicts := h.click(t, yes, true, true, true, true); taken < 1 || taken+conflicts != 4 {
				t.Errorf("%d clicks were taken, %d were too late", taken, conflicts)
			}
			var all sync.WaitGroup
			var done atomic.Int32
			for range 6 {
				s := h.agent(raw)
				all.Go(func() {
					if status, _ := tool(t, s, "confluence.page.get", get); status == "done" {
						done.Add(1)
					}
				})
			}
			all.Wait()
			if done.Load() != 1 {
				t.Errorf("carried out %d times", done.Load())
			}
			if taken, _ := h.click(t, yes, true); taken != 0 {
				t.Error("a click after the call was taken")
			}
			_, both := tool(t, h.agent(raw), "confluence.page.get", get)
			h.click(t, both, true, false, true, false)
			q, err := h.client.Question(t.Context(), both)
			if err != nil {
				t.Fatal(err)
			}
			status, _ := tool(t, h.agent(raw), "confluence.page.get", get)
			if want := map[string]string{"yes": "done", "no": "denied"}[q.State]; status != want {
				t.Errorf("the question is %s, and its call %s", q.State, status)
			}
			h.verified("job-1", p.Hash)
		})
	}
}

// click has alice answer a question several times at once, and returns how often that
// was taken and how often it came too late.
func (h *house) click(t *testing.T, id string, says ...bool) (taken, late int32) {
	t.Helper()
	q, err := h.client.Question(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	var all sync.WaitGroup
	var ok, conflicts atomic.Int32
	for i, yes := range says {
		a := &receipt.Answer{Approval: id, Job: q.Job, Call: q.Call, Policy: q.Policy, Yes: yes, By: "alice@house.test", At: now.Add(time.Duration(i/2) * time.Millisecond)}
		a.Expires = a.At.Add(time.Hour)
		if !yes {
			a.Expires = a.At.Add(receipt.NoHold)
		}
		e, err := a.Sign(h.alice)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			_, err := h.client.Answer(t.Context(), id, e)
			problem := (*api.Problem)(nil)
			switch {
			case err == nil:
				ok.Add(1)
			case errors.As(err, &problem) && problem.Status == 409:
				conflicts.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	return ok.Load(), conflicts.Load()
}
