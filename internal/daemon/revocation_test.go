// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/internal/sim/model"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

// A race is one job on two daemons, until it is revoked at one of them.
type race struct {
	t      *testing.T
	houses []*house
	policy seal.Hash
	issued *api.Issued

	work     sync.WaitGroup
	mu       sync.Mutex
	lastByte time.Time // of a stream, as an agent saw it
	streams  int       // that have begun
}

// start makes every house carry a stream that does not end, and short calls
// one after another, until they are refused.
func (r *race) start() {
	for _, h := range r.houses {
		r.work.Go(func() { r.stream(h) })
		r.work.Go(func() { r.calls(h) })
	}
	for deadline := time.Now().Add(30 * time.Second); r.running() < len(r.houses); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatal("the streams do not begin")
		}
	}
	time.Sleep(20 * time.Millisecond) // in the middle of things
}

func (r *race) running() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streams
}

func (r *race) stream(h *house) {
	res, err := h.stream(r.t.Context(), r.issued.Token, 20000)
	if err != nil {
		r.t.Error(err)
		return
	}
	defer res.Body.Close()
	buf := make([]byte, 4096)
	for first := true; ; first = false {
		_, err := res.Body.Read(buf)
		r.mu.Lock()
		if err == nil {
			r.lastByte = time.Now()
		}
		if first {
			r.streams++
		}
		r.mu.Unlock()
		if errors.Is(err, io.EOF) {
			r.t.Error("the stream came to its own end")
		}
		if err != nil {
			return
		}
	}
}

// calls asks for a model that answers at once.
func (r *race) calls(h *house) {
	body := `{"model":"sim-small","messages":[{"role":"user","content":"at once"}]}`
	for r.t.Context().Err() == nil {
		req, err := http.NewRequestWithContext(r.t.Context(), "POST", h.url+"/proxy/sim-openai/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			r.t.Error(err)
			return
		}
		req.Header.Set("Authorization", "Bearer "+r.issued.Token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return // cut off before the first byte
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if code := res.Header.Get("Clawea-Refused"); code != "" && !strings.HasSuffix(code, ".revoked") {
			r.t.Errorf("refused as %q", code)
		}
		if err != nil || res.StatusCode != http.StatusOK {
			return
		}
	}
}

// end revokes at one house, waits until nothing goes on, and returns how long
// after the order was sent the last call was accepted and the last byte of a
// stream arrived.
func (r *race) end(at *house, o *api.RevocationOrder) (accepted, streamed time.Duration) {
	sent := time.Now()
	done, err := at.client.End(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.work.Wait()
	list, err := at.client.Receipts(r.t.Context(), r.issued.Claims.Job)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range list.Receipts {
		x, err := receipt.Parse(e.Payload)
		if err != nil {
			r.t.Fatal(err)
		}
		if x.Kind == receipt.Opened && x.Decision.Effect == policy.Allow {
			accepted = max(accepted, x.At.Sub(sent))
		}
	}
	if !slices.Contains(done.Jobs, r.issued.Claims.Job) {
		r.t.Errorf("%s/%s concerns jobs %v", o.Kind, o.Target, done.Jobs)
	}
	return accepted, max(0, r.lastByte.Sub(sent))
}

// What is revoked at one daemon ends at both: new calls at once, streams under
// way well within a second. Each job's proof says so.
func TestRevocationReachesEveryReplica(t *testing.T) {
	w := newWorld(t, pgtest.New(t))
	w.script = func(c model.Conversation) model.Reply {
		if c.Model == "sim-small" {
			return model.Reply{Text: "done"}
		}
		return model.Reply{Text: strings.Repeat(text+" ", 2000)}
	}
	one, two := w.start(), w.start()
	p := one.publish()
	rounds := 36
	if testing.Short() {
		rounds = 6
	}
	var accepted, streamed []time.Duration
	for i := range rounds {
		r := &race{t: t, houses: []*house{one, two}, policy: p}
		agent, job := fmt.Sprintf("robot-%d", i), fmt.Sprintf("job-%d", i)
		var err error
		if r.issued, err = one.client.Issue(t.Context(), &api.Order{Agent: agent, Job: job, Policy: p}); err != nil {
			t.Fatal(err)
		}
		order := []*api.RevocationOrder{
			{Kind: token.RevokeToken, Target: string(r.issued.Claims.ID)}, {Kind: token.RevokeJob, Target: job}, {Kind: token.RevokeAgent, Target: agent},
			{Kind: token.RevokePolicy, Target: p.String()}, {Kind: token.RevokeAction, Target: "model"}, {Kind: token.RevokeAll},
		}[i%6]
		at := r.houses[i/6%2]
		r.start()
		a, s := r.end(at, order)
		accepted, streamed = append(accepted, a), append(streamed, s)
		r.proved(at, job)
		r.lift(at)
	}
	for name, list := range map[string][]time.Duration{"last call accepted": accepted, "last byte of a stream": streamed} {
		slices.Sort(list)
		median := list[len(list)/2]
		t.Logf("%s after the order was sent, in %d rounds on two daemons: median %v, p99 %v, worst %v", name, len(list), median, list[len(list)*99/100], list[len(list)-1])
		if median >= time.Second { // the slowest say how busy this machine is
			t.Errorf("%s: the median is %v", name, median)
		}
	}
}

// proved verifies the job's bundle: it was revoked, no call was decided after
// that, and the streams were cut.
func (r *race) proved(h *house, job string) {
	r.t.Helper()
	report := h.verified(job, r.policy)
	for deadline := time.Now().Add(30 * time.Second); report.Calls.Unclosed > 0 && time.Now().Before(deadline); { // an agent is cut off before its receipt is closed
		time.Sleep(10 * time.Millisecond)
		report = h.verified(job, r.policy)
	}
	list, err := h.client.Receipts(r.t.Context(), job)
	if err != nil {
		r.t.Fatal(err)
	}
	revoked, cut := 0, 0
	for _, e := range list.Receipts {
		x, err := receipt.Parse(e.Payload)
		if err != nil {
			r.t.Fatal(err)
		}
		if x.Kind == receipt.Revoked {
			revoked++
		}
		if x.Kind == receipt.Closed && x.Outcome.Status == receipt.Aborted && strings.HasSuffix(x.Outcome.Code, ".revoked") {
			cut++
		}
	}
	if revoked != 1 || cut < len(r.houses) || report.Calls.Unclosed > 0 {
		r.t.Errorf("job %s: %d receipts of its revocation, %d streams cut off, %d calls open", job, revoked, cut, report.Calls.Unclosed)
	}
}

// lift takes back what can be, for the next round.
func (r *race) lift(h *house) {
	r.t.Helper()
	list, err := h.client.Revocations(r.t.Context(), false)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, x := range list.Revocations {
		if x.Kind == token.RevokeToken || x.Kind == token.RevokeJob {
			continue
		}
		if _, err := h.client.Lift(r.t.Context(), x.ID); err != nil {
			r.t.Fatal(err)
		}
	}
}

// The journal of a house is a chain like any other: it can be proved.
func TestJournal(t *testing.T) {
	onBoth(t, func(t *testing.T, store string) {
		h := newWorld(t, store).start()
		p := h.publish()
		issued := h.issue(p, "job-1")
		if status, _ := h.ask("stranger"); status != http.StatusUnauthorized {
			t.Errorf("a stranger: %d", status)
		}
		if status, _ := h.ask(issued.Token); status != http.StatusOK {
			t.Fatalf("before: %d", status)
		}
		order, err := h.client.End(t.Context(), &api.RevocationOrder{Kind: token.RevokeAction, Target: "model:model", Reason: "a test"})
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := h.ask(issued.Token); status != http.StatusForbidden {
			t.Errorf("stopped: %d", status)
		}
		if _, err := h.client.Lift(t.Context(), order.ID); err != nil {
			t.Fatal(err)
		}
		if status, body := h.ask(issued.Token); status != http.StatusOK {
			t.Errorf("after it was lifted: %d %s", status, body)
		}
		if r := h.verified("job-1", p); r.Calls != (verify.Calls{Allowed: 2, Refused: 1}) {
			t.Errorf("%+v", r.Calls)
		}
		if r := h.verified(receipt.Journal, seal.Hash{}); r.Calls.Refused != 1 || r.Receipts != 3 {
			t.Errorf("the journal: %d receipts, %+v", r.Receipts, r.Calls)
		}
		if _, err := h.client.Issue(t.Context(), &api.Order{Agent: "robot", Job: receipt.Journal, Policy: p}); err == nil {
			t.Error("a token for the journal")
		}
	})
}
