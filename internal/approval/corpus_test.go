// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package approval_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// Two of the owners must say yes, and security one besides.
const ownersWPC = `{"wpc_version":"v1","tool_policy":{"allow":["mail.*"]},"approvals":{"required_for":["external_send"]},
	"approvers":[{"groups":["owners"],"required":2},{"for":["external_send"],"groups":["security"]}]}`

// govern puts the house under another policy, of whose people it has keys.
func (h *house) govern(t *testing.T, wpc string, names ...string) map[string]seal.Signer {
	t.Helper()
	p, err := policy.Parse([]byte(wpc))
	if err != nil {
		t.Fatal(err)
	}
	if h.policy, err = p.Bind(&policy.Binding{Policy: p.Hash(), At: h.now(), Names: []policy.Bound{}, Servers: h.servers}); err != nil {
		t.Fatal(err)
	}
	h.order(t, token.ID("t-"+p.Hash().String()[7:15]), "ci")
	people := map[string]seal.Signer{"alice@house.test": h.alice}
	for i, name := range names {
		k, v := newKey(t, name, byte(20+i))
		people[name] = k
		h.People = append(h.People, v)
	}
	h.Groups = map[string][]string{"owners": {"alice@house.test", "bo@house.test"}, "security": {"cy@house.test", "alice@house.test"}}
	h.gate.People, h.gate.Groups = h.People, h.Groups
	return people
}

// order has the caller's token made anew, by somebody, and puts it on record.
func (h *house) order(t *testing.T, id token.ID, client string) {
	t.Helper()
	c := *h.claims
	c.ID, c.Policy, c.Client = id, seal.Hash{}, client
	issuer, _ := newKey(t, "issuer.test", 1)
	catalog := []policy.Action{send}
	_, record, err := token.Mint(issuer, h.policy, catalog, h.policy.Whole(catalog), &c)
	if err != nil {
		t.Fatal(err)
	}
	paper, err := record.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	job := string("job-" + id)
	c.Job = job
	if err := h.db.CreateJob(t.Context(), store.Job{ID: job, Agent: "robot", Policy: h.policy.Hash(), Client: client, Created: h.now()}); err != nil {
		t.Fatal(err)
	}
	if err := h.db.PutToken(t.Context(), store.Token{ID: id, Job: job, Agent: "robot", Policy: h.policy.Hash(), Record: paper, Issued: h.now(), Expires: h.now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	h.claims = &c
}

// says has somebody say yes to q, but for what change makes of it.
func (h *house) says(t *testing.T, k seal.Signer, q *approval.Question, change func(*receipt.Answer)) error {
	t.Helper()
	h.move(time.Millisecond)
	a := h.yes(q)
	a.By = k.Name()
	if change != nil {
		change(a)
	}
	if !a.Yes && !a.Withdraws {
		a.Expires = a.At.Add(receipt.NoHold)
	}
	e, err := a.Sign(k)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Answer(t.Context(), q.ID, e)
	return err
}

func (h *house) mustSay(t *testing.T, k seal.Signer, q *approval.Question, change func(*receipt.Answer)) {
	t.Helper()
	if err := h.says(t, k, q, change); err != nil {
		t.Fatal(err)
	}
}

// waits tries the call again and returns how many are missing, in words.
func (h *house) waits(t *testing.T, text string, q *approval.Question) string {
	t.Helper()
	_, err := h.send(t.Context(), text)
	pending := (*gate.Pending)(nil)
	if !errors.As(err, &pending) || pending.Receipt.Asks != q.ID {
		t.Fatalf("it does not wait for %s: %v", q.ID, err)
	}
	for _, name := range []string{"alice", "bo@", "cy@"} {
		if strings.Contains(err.Error(), name) {
			t.Errorf("the agent hears who: %v", err)
		}
	}
	r := pending.Receipt.Decision.Reasons
	return r[len(r)-1].Says
}

// The question stays the same while people are missing, and the agent hears how
// many.
func TestQuorum(t *testing.T) {
	h := newHouse(t)
	people := h.govern(t, ownersWPC, "bo@house.test", "cy@house.test")
	q := h.ask(t, "hello")
	if q.Missing != 3 || q.Client != "ci" {
		t.Errorf("the question says %+v of %s", q.Standing, q.Client)
	}
	h.mustSay(t, people["alice@house.test"], q, nil)
	if got := h.waits(t, "hello", q); got != "2 more people have to say yes" {
		t.Error(got)
	}
	h.mustSay(t, people["cy@house.test"], q, nil)
	if got := h.waits(t, "hello", q); got != "1 more person has to say yes" {
		t.Error(got)
	}
	got, err := h.Question(t.Context(), q.ID)
	if err != nil || got.Missing != 1 || len(got.Given) != 2 || !got.Open(h.now()) {
		t.Errorf("%+v, %v", got, err)
	}
	list, err := h.db.Approvals(t.Context(), store.Filter{Open: true})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	if s, err := h.Standings(t.Context(), list); err != nil || s[0].Missing != 1 || len(s[0].Given) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	h.mustSay(t, people["bo@house.test"], q, nil)
	if list, err := h.db.Approvals(t.Context(), store.Filter{Open: true}); err != nil || len(list) != 0 {
		t.Errorf("it is still open: %v, %v", list, err)
	}
	if r, err := h.send(t.Context(), "hello"); err != nil || r.Kind != receipt.Closed || h.sent.Load() != 1 {
		t.Errorf("with all of them: %v; sent %d", err, h.sent.Load())
	}
}

// The known bugs of approving, each refused. Whatever refuses it, nothing is sent.
func TestCorpus(t *testing.T) {
	const hello = "hello"
	cases := []struct {
		name string
		do   func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question)
	}{
		{"changed arguments after approval", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.all(t, people, q)
			h.mustAsk(t, hello+"!", q)
		}},
		{"an approval for another job", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.all(t, people, q)
			h.order(t, "t3", "ci")
			h.mustAsk(t, hello, q)
			other := h.ask(t, hello)
			h.wantRefused(t, h.says(t, h.alice, other, func(a *receipt.Answer) { a.Job = q.Job }), approval.ErrOther)
		}},
		{"who approves has ordered the job", func(t *testing.T, h *house, people map[string]seal.Signer, _ *approval.Question) {
			h.order(t, "t4", "alice@house.test")
			q := h.ask(t, hello)
			h.wantRefused(t, h.says(t, h.alice, q, nil), approval.ErrOwn)
			h.mustSay(t, people["bo@house.test"], q, nil)
			h.mustSay(t, people["cy@house.test"], q, nil)
			h.waits(t, hello, q)
			h.mustSay(t, h.alice, q, func(a *receipt.Answer) { a.Yes = false })
			h.mustDeny(t, hello)
		}},
		{"the policy changed while it waited", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.all(t, people, q)
			h.govern(t, strings.Replace(ownersWPC, `"required":2`, `"required":1`, 1))
			h.mustAsk(t, hello, q)
			h.wantRefused(t, h.says(t, h.alice, q, func(a *receipt.Answer) { a.Policy = h.policy.Hash() }), approval.ErrOther)
		}},
		{"the version that it changes is another", func(t *testing.T, h *house, people map[string]seal.Signer, _ *approval.Question) {
			h.version = "7"
			q := h.ask(t, hello)
			h.all(t, people, q)
			h.version = "8"
			h.mustAsk(t, hello, q)
		}},
		{"the tool is of another class", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.all(t, people, q)
			h.class = policy.Admin
			h.mustAsk(t, hello, q)
		}},
		{"the tool is described otherwise", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.all(t, people, q)
			h.describes = "Sends a mail, and a copy to everybody."
			h.mustAsk(t, hello, q)
		}},
		{"an upstream tool describes itself otherwise", func(t *testing.T, h *house, people map[string]seal.Signer, _ *approval.Question) {
			h.pin(t)
			h.govern(t, strings.Replace(ownersWPC, `{`, `{"connection_mode":["mcp_server"],`, 1))
			q := h.ask(t, hello)
			h.all(t, people, q)
			h.describes = "Sends a mail, and a copy to everybody."
			h.mustDeny(t, hello)
		}},
		{"the upstream server is another by now", func(t *testing.T, h *house, people map[string]seal.Signer, _ *approval.Question) {
			h.pin(t)
			h.govern(t, strings.Replace(ownersWPC, `{`, `{"connection_mode":["mcp_server"],`, 1))
			q := h.ask(t, hello)
			h.all(t, people, q)
			h.server = seal.Sum([]byte("mail-mcp 1.0.1"))
			h.mustDeny(t, hello)
		}},
		{"one person with two keys of one name", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			second, v := newKey(t, "alice@house.test", 99)
			h.People = append(h.People, v)
			h.gate.People = h.People
			h.mustSay(t, h.alice, q, nil)
			h.mustSay(t, second, q, nil)
			h.mustSay(t, people["cy@house.test"], q, nil)
			if got := h.waits(t, hello, q); got != "1 more person has to say yes" {
				t.Error(got)
			}
		}},
		{"one person for two entries", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.mustSay(t, h.alice, q, nil)
			h.mustSay(t, people["bo@house.test"], q, nil)
			if got := h.waits(t, hello, q); got != "1 more person has to say yes" {
				t.Error(got)
			}
		}},
		{"an unknown key", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			mallory, _ := newKey(t, "bo@house.test", 77)
			h.wantRefused(t, h.says(t, mallory, q, nil), seal.ErrUnknownKey)
		}},
		{"a key that was revoked after it had answered", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.all(t, people, q)
			h.People = slices.DeleteFunc(slices.Clone(h.People), func(v seal.Verifier) bool { return v.Name() == "bo@house.test" })
			h.gate.People = h.People
			if got := h.waits(t, hello, q); got != "1 more person has to say yes" { // the same question, open again
				t.Error(got)
			}
			h.wantRefused(t, h.says(t, people["bo@house.test"], q, nil), seal.ErrUnknownKey)
		}},
		{"who has left the group", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.all(t, people, q)
			h.gate.Groups = map[string][]string{"owners": {"alice@house.test"}, "security": {"cy@house.test"}}
			h.waits(t, hello, q)
		}},
		{"an expired yes", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.mustSay(t, h.alice, q, func(a *receipt.Answer) { a.Expires = a.At.Add(time.Minute) })
			h.mustSay(t, people["bo@house.test"], q, nil)
			h.move(time.Minute)
			h.mustSay(t, people["cy@house.test"], q, nil)
			h.waits(t, hello, q)
		}},
		{"a withdrawn yes", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.all(t, people, q)
			h.mustSay(t, people["bo@house.test"], q, func(a *receipt.Answer) { a.Yes, a.Withdraws = false, true })
			h.waits(t, hello, q)
		}},
		{"a yes that is sent again after it was withdrawn", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			a := h.yes(q)
			yes, err := a.Sign(h.alice)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.Answer(t.Context(), q.ID, yes); err != nil {
				t.Fatal(err)
			}
			h.mustSay(t, h.alice, q, func(a *receipt.Answer) { a.Yes, a.Withdraws = false, true })
			_, err = h.Answer(t.Context(), q.ID, yes)
			h.wantRefused(t, err, store.ErrConflict)
		}},
		{"a yes to another difference", func(t *testing.T, h *house, people map[string]seal.Signer, _ *approval.Question) {
			h.version = "7"
			q := h.ask(t, hello)
			h.wantRefused(t, h.says(t, h.alice, q, func(a *receipt.Answer) { a.Shown = receipt.ShownHash("-a\n+c\n") }), approval.ErrShown)
			h.mustSay(t, h.alice, q, func(a *receipt.Answer) { a.Shown = receipt.ShownHash(difference) })
		}},
		{"a no besides enough yeses", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			dee, v := newKey(t, "dee@house.test", 78) // in no group
			h.People = append(h.People, v)
			h.gate.People = h.People
			h.all(t, people, q)
			h.mustSay(t, dee, q, func(a *receipt.Answer) { a.Yes = false })
			h.mustDeny(t, hello)
		}},
		{"more times than are allowed", func(t *testing.T, h *house, people map[string]seal.Signer, q *approval.Question) {
			h.wantRefused(t, h.says(t, h.alice, q, func(a *receipt.Answer) { a.Times = receipt.MaxTimes + 1 }), approval.ErrAnswer)
			h.wantRefused(t, h.says(t, h.alice, q, func(a *receipt.Answer) { a.Times, a.Yes = 2, false }), approval.ErrAnswer)
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			people := h.govern(t, ownersWPC, "bo@house.test", "cy@house.test")
			c.do(t, h, people, h.ask(t, hello))
			if h.sent.Load() != 0 {
				t.Errorf("%d were sent", h.sent.Load())
			}
		})
	}
}

// A yes that is used up is not good again, and what was carried out takes no answer.
func TestReplayedApproval(t *testing.T) {
	h := newHouse(t)
	people := h.govern(t, ownersWPC, "bo@house.test", "cy@house.test")
	q := h.ask(t, "hello")
	h.all(t, people, q)
	if _, err := h.send(t.Context(), "hello"); err != nil {
		t.Fatal(err)
	}
	h.mustAsk(t, "hello", q)
	h.wantRefused(t, h.says(t, h.alice, q, nil), store.ErrConflict)
	if h.sent.Load() != 1 {
		t.Errorf("%d were sent", h.sent.Load())
	}
}

// As many identical calls are carried out as all yeses are for, however many come at
// once; clicking twice makes no more of it.
func TestForSeveralCalls(t *testing.T) {
	h := newHouse(t)
	people := h.govern(t, ownersWPC, "bo@house.test", "cy@house.test")
	q := h.ask(t, "hello")
	h.move(time.Millisecond)
	var all sync.WaitGroup
	for name, k := range people {
		a := h.yes(q)
		a.By, a.Times = name, 4
		e, err := a.Sign(k)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // two clicks
			all.Go(func() {
				if _, err := h.Answer(t.Context(), q.ID, e); err != nil && !errors.Is(err, store.ErrConflict) {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	var done atomic.Int32
	for range 16 {
		all.Go(func() {
			if _, err := h.send(t.Context(), "hello"); err == nil {
				done.Add(1)
			}
		})
	}
	all.Wait()
	if done.Load() != 4 || h.sent.Load() != 4 {
		t.Errorf("%d done, %d sent, want 4", done.Load(), h.sent.Load())
	}
}

// A question that has expired is asked anew, under a new id; no agent hears of a no
// that nobody said.
func TestTimeoutIsNoNo(t *testing.T) {
	h := newHouse(t)
	people := h.govern(t, ownersWPC, "bo@house.test", "cy@house.test")
	q := h.ask(t, "hello")
	h.mustSay(t, h.alice, q, func(a *receipt.Answer) { a.Expires = a.At.Add(approval.MaxHold) })
	h.move(store.QuestionLife - time.Minute)
	h.claims.Expires = h.now().Add(time.Hour).Unix()
	h.waits(t, "hello", q)
	h.move(time.Minute)
	_, err := h.send(t.Context(), "hello")
	pending := (*gate.Pending)(nil)
	if !errors.As(err, &pending) || pending.Receipt.Asks == q.ID {
		t.Fatalf("after a day: %v", err)
	}
	h.wantRefused(t, h.says(t, people["bo@house.test"], q, nil), store.ErrConflict)
}

// Who is enrolled elsewhere answers as well, while that holds.
func TestEnrolled(t *testing.T) {
	h := newHouse(t)
	people := h.govern(t, ownersWPC, "cy@house.test")
	bo, v := newKey(t, "bo@house.test", 30)
	roll := &enrolled{people: &receipt.People{Keys: []seal.Verifier{v}, Groups: map[string][]string{"owners": {"bo@house.test"}}}}
	h.Groups = map[string][]string{"owners": {"alice@house.test"}, "security": {"cy@house.test"}}
	h.gate.Groups = h.Groups
	q := h.ask(t, "hello")
	h.wantRefused(t, h.says(t, bo, q, nil), seal.ErrUnknownKey)
	h.Enrolled, h.gate.Enrolled = roll, roll
	h.mustSay(t, bo, q, nil)
	h.mustSay(t, h.alice, q, nil)
	h.mustSay(t, people["cy@house.test"], q, nil)
	roll.err = errors.New("the roll cannot be read")
	if _, err := h.send(t.Context(), "hello"); !errors.Is(err, roll.err) || h.sent.Load() != 0 {
		t.Errorf("without the roll: %v", err)
	}
	roll.err = nil
	if _, err := h.send(t.Context(), "hello"); err != nil || h.sent.Load() != 1 {
		t.Errorf("with it: %v", err)
	}
}

type enrolled struct {
	people *receipt.People
	err    error
}

// People returns those who are enrolled.
func (e *enrolled) People(context.Context) (*receipt.People, error) { return e.people, e.err }

// all has everybody say yes who is wanted.
func (h *house) all(t *testing.T, people map[string]seal.Signer, q *approval.Question) {
	t.Helper()
	for _, name := range []string{"alice@house.test", "bo@house.test", "cy@house.test"} {
		h.mustSay(t, people[name], q, nil)
	}
	if got, err := h.db.Approval(t.Context(), q.ID); err != nil || got.Reply != store.Yes {
		t.Fatalf("it is not answered: %+v, %v", got, err)
	}
}

// mustAsk tries a call that is asked about, by another question than q.
func (h *house) mustAsk(t *testing.T, text string, q *approval.Question) {
	t.Helper()
	_, err := h.send(t.Context(), text)
	if pending := (*gate.Pending)(nil); !errors.As(err, &pending) || pending.Receipt.Asks == q.ID {
		t.Errorf("it is not asked about anew: %v", err)
	}
}

func (h *house) mustDeny(t *testing.T, text string) {
	t.Helper()
	_, err := h.send(t.Context(), text)
	if denied := (*gate.Denied)(nil); !errors.As(err, &denied) {
		t.Errorf("it is not denied: %v", err)
	}
}

func (h *house) wantRefused(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

const difference = "-a\n+b\n"

// changing is what a call changes that meets a version.
func changing(target *policy.Resource) *receipt.Change {
	return &receipt.Change{
		Summary: "Send it", Target: target, Request: receipt.Request{Method: "POST", Path: "/send", Body: json.RawMessage(`{}`)},
		Undo: receipt.Undo{Irreversible: "it is gone"}, Diff: difference,
	}
}
