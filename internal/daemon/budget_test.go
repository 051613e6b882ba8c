// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/internal/sim/model"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// budgetPrices make calls on one route free, and on the other worth something. A
// crowd keeps a small machine from looking for revocations as often as it should.
const budgetPrices = `"revocation_bound": "60s",
  "prices": [
    {"route": "sim-openai", "models": "*", "input": 0, "output": 0},
    {"route": "sim-anthropic", "models": "sim-*", "input": 3, "output": 15, "cache_read": 0.3, "cache_made": 3.75},
  ],`

// How calls end, by the model that is asked for.
const (
	tells   = "sim-tells"   // its usage
	exceeds = "sim-exceeds" // it used more than anybody asked for
	hides   = "sim-hides"   // it says nothing of its usage
	breaks  = "sim-breaks"  // off in the middle of a stream
	refuses = "sim-refuses" // too many calls
	stalls  = "sim-stalls"  // in the middle of a stream, until the agent goes away
)

var endings = []string{tells, exceeds, hides, breaks, refuses, stalls}

func reply(name string) model.Reply {
	r := model.Reply{Text: text, Usage: &model.Usage{Input: 20, Output: 12}}
	switch name {
	case exceeds:
		r.Usage = &model.Usage{Input: 90_000, Output: 70_000}
	case hides:
		r.NoUsage = true
	case breaks:
		r.Fault, r.After = model.Cut, 3
	case refuses:
		return model.RateLimited(time.Second)
	case stalls:
		r.Fault, r.After = model.Stall, 3
	}
	return r
}

// A crowd is calls of one job that go on at the same time.
type crowd struct {
	t      *testing.T
	houses []*house
	issued *api.Issued
	client *http.Client
	work   sync.WaitGroup

	mu      sync.Mutex
	left    map[string]bool // calls that nothing is decided of yet
	decided chan struct{}   // closed when there are none
	denials map[string]int  // by what they say
	allowed int
}

func newCrowd(w *world, houses []*house, p seal.Hash, job string) *crowd {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &crowd{t: w.t, houses: houses, issued: houses[0].issue(p, job), client: &http.Client{Transport: transport}, denials: map[string]int{}}
}

// send makes n calls, all at once, and returns when all of them have been denied
// or stand before the provider. Until then no call ends that was allowed.
func (c *crowd) send(n int, each func(i int) (h *house, route, name string)) {
	c.mu.Lock()
	c.left, c.decided = map[string]bool{}, make(chan struct{})
	for i := range n {
		c.left[callID(i)] = true
	}
	decided := c.decided
	c.mu.Unlock()
	for i := range n {
		h, route, name := each(i)
		c.work.Go(func() { c.call(h, route, name, callID(i)) })
	}
	select {
	case <-decided:
	case <-time.After(time.Minute):
		c.t.Fatal("not all calls are decided")
	}
}

// script is a model that answers when all that came with a call is decided.
func (c *crowd) script(conversation model.Conversation) model.Reply {
	<-c.is(conversation.Last().Text)
	return reply(conversation.Model)
}

// is marks a call as decided.
func (c *crowd) is(id string) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left[id] {
		if delete(c.left, id); len(c.left) == 0 {
			close(c.decided)
		}
	}
	return c.decided
}

// callID names a call, all in the same length.
func callID(i int) string { return fmt.Sprintf("call %04d", i) }

// budgetOutput is what every call asks for at most.
const budgetOutput = 100

func budgetBody(name, id string) string {
	stream := name == breaks || name == stalls
	return fmt.Sprintf(`{"model":%q,"max_tokens":%d,"stream":%v,"messages":[{"role":"user","content":%q}]}`, name, budgetOutput, stream, id)
}

// call makes one call, and looks at what its agent sees.
func (c *crowd) call(h *house, route, name, id string) {
	ctx, hangUp := context.WithCancel(c.t.Context())
	defer hangUp()
	path := "/v1/chat/completions"
	if route == "sim-anthropic" {
		path = "/v1/messages"
	}
	req, err := http.NewRequestWithContext(ctx, "POST", h.url+"/proxy/"+route+path, strings.NewReader(budgetBody(name, id)))
	if err != nil {
		c.t.Error(err)
		return
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + c.issued.Token}, "Anthropic-Version": {"2023-06-01"}}
	res, err := c.client.Do(req)
	c.is(id) // else it would wait for itself
	if err != nil {
		c.t.Error(err)
		return
	}
	defer res.Body.Close()
	if name == stalls && res.StatusCode == http.StatusOK {
		res.Body.Read(make([]byte, 1)) // whatever comes, the agent has seen enough
		return
	}
	b, err := io.ReadAll(res.Body)
	if res.StatusCode == http.StatusForbidden {
		c.denied(string(b))
		return
	}
	want := http.StatusOK
	if name == refuses {
		want = http.StatusTooManyRequests
	}
	if res.StatusCode != want || (err != nil) != (name == breaks) {
		c.t.Errorf("%s: %d %s, %v", name, res.StatusCode, b, err)
	}
	c.closed(res.Header.Get("Clawea-Receipt"), name)
}

// denied counts a denial by the clause that it names.
func (c *crowd) denied(says string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	clause := says
	for _, s := range []string{"/model_route/max_tokens_per_job", "/model_route/max_cost_per_job"} {
		if strings.Contains(says, s) {
			clause = s
		}
	}
	c.denials[clause]++
}

// closed counts a call that was carried out, and looks at some: by the time its
// agent has its last byte, its closed receipt is there for whoever asks, at any
// replica.
func (c *crowd) closed(id, name string) {
	c.mu.Lock()
	c.allowed++
	look := c.allowed%8 == 1
	c.mu.Unlock()
	if !look {
		return
	}
	var job string
	var seq uint64
	if _, err := fmt.Sscanf(strings.Replace(id, "/", " ", 1), "%s %d", &job, &seq); err != nil {
		c.t.Errorf("receipt %q: %v", id, err)
		return
	}
	at := c.houses[seq%uint64(len(c.houses))]
	agent := &api.Client{URL: at.url, Token: func() (string, error) { return c.issued.Token, nil }}
	both, err := agent.Call(c.t.Context(), job, seq)
	if err != nil || both.Opened == nil || both.Closed == nil && name != breaks { // that one was cut off before it was closed
		c.t.Errorf("%s: receipts of %s: %+v, %v", name, id, both, err)
	}
}

// wait waits until every call has ended and is closed.
func (c *crowd) wait() {
	c.t.Helper()
	c.work.Wait()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		open := 0
		for _, r := range c.receipts() {
			switch {
			case r.Kind == receipt.Closed:
				open--
			case r.Kind == receipt.Opened && r.Decision.Effect == policy.Allow:
				open++
			}
		}
		if open == 0 {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%d calls are not closed", open)
		}
	}
}

func (c *crowd) receipts() []*receipt.Receipt {
	c.t.Helper()
	list, err := c.houses[0].client.Receipts(c.t.Context(), c.issued.Claims.Job)
	if err != nil {
		c.t.Fatal(err)
	}
	out := make([]*receipt.Receipt, len(list.Receipts))
	for i, e := range list.Receipts {
		if out[i], err = receipt.Parse(e.Payload); err != nil {
			c.t.Fatal(err)
		}
	}
	return out
}

// used is what the house says that the job has used.
func (c *crowd) used() map[string]int {
	c.t.Helper()
	j, err := c.houses[0].client.Job(c.t.Context(), c.issued.Claims.Job)
	if err != nil {
		c.t.Fatal(err)
	}
	return j.Used
}

// audit counts again, receipt by receipt in the order of their commits, and
// checks that no counter ever was beyond its cap, that calls were settled by what
// became of them, and that the house's counters are the sum of that.
func (c *crowd) audit(caps map[string]int) {
	c.t.Helper()
	sum, opened, ends := map[string]int{}, map[uint64]*receipt.Receipt{}, map[string]int{}
	for _, r := range c.receipts() {
		if r.Kind == receipt.Opened {
			opened[r.Seq] = r
		}
		for name, n := range r.Uses(opened[r.Opened]) {
			sum[name] += n
		}
		for name, most := range caps {
			if sum[name] > most {
				c.t.Fatalf("after receipt %d, %d %s are used, the cap is %d", r.Seq, sum[name], name, most)
			}
		}
		if r.Kind == receipt.Closed {
			ends[c.settled(opened[r.Opened], r)]++
		}
	}
	if diff := cmp.Diff(receipt.Counted(sum), c.used()); diff != "" {
		c.t.Errorf("used, by the receipts (-) and by the house (+): %s", diff)
	}
	c.t.Logf("%s: ended %v, denied %v, used %v of %v", c.issued.Claims.Job, ends, c.denials, receipt.Counted(sum), caps)
	if len(ends) != len(endings) {
		c.t.Errorf("not every ending happened: %v", ends)
	}
}

// settled checks one call and returns the model that it was of.
func (c *crowd) settled(opened, closed *receipt.Receipt) string {
	c.t.Helper()
	var route, name string
	for _, x := range opened.Call.Resources {
		switch x.Type {
		case "route":
			route = x.ID
		case "model":
			name = x.ID
		}
	}
	var want map[string]int // nil: all that it reserved
	switch name {
	case tells:
		want = map[string]int{receipt.Tokens: 32, receipt.OutputTokens: 12, receipt.Cost: 0}
		if route == "sim-anthropic" {
			want[receipt.Cost] = 20*3 + 12*15
		}
	case exceeds:
		want = opened.Call.Uses
	case refuses:
		want = map[string]int{}
	}
	if diff := cmp.Diff(want, closed.Outcome.Used); diff != "" {
		c.t.Errorf("receipt %d, %s %s on %s: used %s", closed.Seq, name, closed.Outcome.Status, route, diff)
	}
	return name
}

// budgetHouses are two daemons on one database, or one where it is a file.
func budgetHouses(t *testing.T, f func(t *testing.T, w *world, houses []*house)) {
	t.Run("sqlite", func(t *testing.T) {
		w := newWorld(t, "sqlite:clawea.db")
		w.more = budgetPrices
		f(t, w, []*house{w.start()})
	})
	t.Run("postgres", func(t *testing.T) {
		w := newWorld(t, pgtest.New(t))
		w.more = budgetPrices
		f(t, w, []*house{w.start(), w.start()})
	})
}

func (h *house) publishBudget(route string) seal.Hash {
	h.t.Helper()
	p, err := h.client.Publish(h.t.Context(), h.signed(`{"model_route":`+route+`,"runtime":{"max_ttl_seconds":3600},"wpc_version":"v1"}`))
	if err != nil {
		h.t.Fatal(err)
	}
	return p.Hash
}

// A thousand calls at the same time, on every replica, that end in every way:
// no counter ever passes its cap, and in the end it is what was used.
func TestBudgetHoldsAgainstACrowd(t *testing.T) {
	budgetHouses(t, func(t *testing.T, w *world, houses []*house) {
		calls := 1000
		if testing.Short() {
			calls = 100
		}
		caps := map[string]int{receipt.Tokens: 130 * calls, receipt.Cost: 600 * calls}
		p := houses[0].publishBudget(fmt.Sprintf(`{"max_cost_per_job":%g,"max_tokens_per_job":%d}`, float64(caps[receipt.Cost])/1e6, caps[receipt.Tokens]))
		c := newCrowd(w, houses, p, "crowd")
		w.script = c.script
		routes := []string{"sim-openai", "sim-anthropic"}
		all := func(i int) (*house, string, string) {
			return houses[i%len(houses)], routes[i/2%2], endings[i/4%len(endings)]
		}
		c.send(calls, all)
		for name, n := range c.used() {
			if most, ok := caps[name]; ok && n > most {
				t.Errorf("while they go on, %d %s are used of %d", n, name, most)
			}
		}
		c.wait()
		if len(c.denials) == 0 || c.allowed == 0 {
			t.Errorf("%d allowed, denied %v", c.allowed, c.denials)
		}
		c.send(calls/4, all) // with what was given back
		c.wait()
		c.audit(caps)
		if r := houses[0].verified("crowd", p); r.Calls.Unclosed > 0 {
			t.Errorf("%+v", r.Calls)
		}
		for _, h := range houses {
			if !strings.Contains(h.log.String(), "the provider counts more than was reserved") {
				t.Error("the operator is not told of usage beyond what was reserved")
			}
		}
	})
}

// As many calls are allowed as fit at their worst, and not one more; the others
// are denied by the clause that they do not fit.
func TestBudgetFitsExactly(t *testing.T) {
	budgetHouses(t, func(t *testing.T, w *world, houses []*house) {
		tokens := len(budgetBody(tells, callID(0))) + budgetOutput
		worst := map[string]int{receipt.Tokens: tokens, receipt.OutputTokens: budgetOutput, receipt.Cost: ((tokens-budgetOutput)*375+99)/100 + budgetOutput*15}
		caps := map[string]int{receipt.Tokens: 30 * tokens, receipt.Cost: 12 * worst[receipt.Cost]}
		p := houses[0].publishBudget(fmt.Sprintf(`{"max_cost_per_job":%.6f,"max_tokens_per_job":%d}`, float64(caps[receipt.Cost])/1e6, caps[receipt.Tokens]))
		c := newCrowd(w, houses, p, "exact")
		w.script = c.script
		on := func(route string) func(int) (*house, string, string) {
			return func(i int) (*house, string, string) { return houses[i%len(houses)], route, tells }
		}
		c.send(20, on("sim-anthropic"))
		c.wait()
		if diff := cmp.Diff(map[string]int{"/model_route/max_cost_per_job": 8}, c.denials); diff != "" || c.allowed != 12 {
			t.Errorf("%d allowed, denied %s", c.allowed, diff)
		}
		if diff := cmp.Diff(worst, c.receipts()[0].Call.Uses); diff != "" {
			t.Errorf("reserved: %s", diff)
		}
		free := caps[receipt.Tokens] - 12*32 // the first ones have told what they used
		c.send(40, on("sim-openai"))
		c.wait()
		if fits := free / tokens; c.allowed != 12+fits || c.denials["/model_route/max_tokens_per_job"] != 40-fits {
			t.Errorf("%d allowed, want %d; denied %v", c.allowed-12, fits, c.denials)
		}
		houses[0].verified("exact", p)
	})
}

// Where a policy limits what is not known of a call, the call is denied: here, what
// it costs.
func TestBudgetOfTheUnknown(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	w.more = budgetPrices
	h := w.start()
	c := newCrowd(w, []*house{h}, h.publishBudget(`{"max_cost_per_job":1000}`), "unknown")
	w.script = c.script
	c.send(1, func(int) (*house, string, string) { return h, "sim-anthropic", "claude-sim-1" })
	c.wait()
	if c.allowed != 0 || c.denials["/model_route/max_cost_per_job"] != 1 {
		t.Errorf("%d allowed, denied %v", c.allowed, c.denials)
	}
	if opened := c.receipts()[0]; opened.Call.Uses[receipt.Tokens] == 0 {
		t.Errorf("what is known is not on record: %v", opened.Call.Uses)
	}
}
