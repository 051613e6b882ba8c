// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package approval_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const wpc = `{"wpc_version":"v1","tool_policy":{"allow":["mail.*"]},"approvals":{"required_for":["external_send"]}}`

var send = policy.Action{Tool: "mail", Name: "send", Class: policy.Write}

// A house is a desk, a gate and a store, with a clock that stands still.
type house struct {
	*approval.Desk
	db     *store.DB
	gate   *gate.Gate
	clock  atomic.Int64 // Unix milliseconds
	alice  seal.Signer
	claims *token.Claims
	policy *policy.Policy
	sent   atomic.Int32

	class     policy.Class // of sending; "": write
	version   string       // of what it changes; "": it says of no change
	diff      string       // that it makes then; "": difference
	describes string       // what agents are told that sending does

	server  seal.Hash       // the identity of what carries it; zero: nothing does
	servers []policy.Server // that policies pin
}

func (h *house) now() time.Time       { return time.UnixMilli(h.clock.Load()).UTC() }
func (h *house) move(d time.Duration) { h.clock.Add(d.Milliseconds()) }

// Check and Policy make the house the gate's Tokens and Policies.
func (h *house) Check(context.Context, *token.Presentation) (token.Shown, error) {
	return token.Shown{Claims: h.claims}, nil
}

func (h *house) Policy(context.Context, seal.Hash) (*policy.Policy, error) { return h.policy, nil }

func newKey(t *testing.T, name string, seed byte) (seal.Signer, seal.Verifier) {
	t.Helper()
	k := housetest.NewKey(t, name, seed)
	return k.Signer, k.Verifier
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := new(house)
	h.clock.Store(time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC).UnixMilli())
	h.db = storetest.Open(t, store.Config{Now: h.now})
	h.policy = housetest.Policy(t, wpc)
	h.claims = &token.Claims{
		Issuer: "https://issuer.test", Audience: "https://house.test", Agent: "robot", ID: "t1", Job: "job-1",
		Issued: h.now().Unix(), Expires: h.now().Add(time.Hour).Unix(),
	}
	issuer, _ := newKey(t, "issuer.test", 1)
	catalog := []policy.Action{send}
	if _, _, err := token.Mint(issuer, h.policy, catalog, h.policy.Whole(catalog), h.claims); err != nil {
		t.Fatal(err)
	}
	if err := h.db.CreateJob(t.Context(), store.Job{ID: "job-1", Agent: "robot", Policy: h.policy.Hash(), Created: h.now()}); err != nil {
		t.Fatal(err)
	}
	gateKey, _ := newKey(t, "gate.test", 2)
	h.gate = &gate.Gate{Tokens: h, Policies: h, Book: h.db, Revocations: calm{}, Signer: gateKey, Salt: bytes.Repeat([]byte{9}, 32), PlainBearer: true, Log: slog.New(slog.DiscardHandler)}
	var alice seal.Verifier
	h.alice, alice = newKey(t, "alice@house.test", 3)
	h.Desk = &approval.Desk{DB: h.db, Policies: h, People: []seal.Verifier{alice}, Now: h.now}
	h.gate.People = h.People
	return h
}

// told is how the tool is defined that sends mails.
func (h *house) told(what policy.Action) (seal.Hash, error) {
	return (&gate.Tool{Action: what, Description: h.describes, Schema: []byte(`{"type":"object"}`)}).Definition()
}

// pin has mails sent through an upstream MCP server, which policies pin from now on.
func (h *house) pin(t *testing.T) {
	t.Helper()
	told, err := h.told(send)
	if err != nil {
		t.Fatal(err)
	}
	h.server = seal.Sum([]byte("mail-mcp 1.0.0"))
	h.servers = []policy.Server{{Name: "mail", Identity: h.server, Tools: []policy.PinnedTool{{Name: "send", Definition: told}}}}
}

// send sends a mail through the gate, if a person has said yes to that.
func (h *house) send(ctx context.Context, text string) (*receipt.Receipt, error) {
	what := send
	what.Class = cmp.Or(h.class, send.Class)
	told, err := h.told(what)
	if err != nil {
		return nil, err
	}
	r, _, err := h.gate.Do(ctx, new(token.Presentation), &gate.Request{Action: what, Definition: told, Server: h.server, Text: []byte(text), Plan: func(context.Context, []policy.Bound) (*gate.Plan, error) {
		c := &policy.Call{Tool: "mail", Action: "send", Class: what.Class, Categories: []string{"external_send"}}
		var change *receipt.Change
		if h.version != "" {
			c.Resources = []policy.Resource{{Type: "letter", ID: "1", Version: h.version}}
			change = changing(&c.Resources[0])
			change.Diff = cmp.Or(h.diff, change.Diff)
		}
		return &gate.Plan{Call: c, Change: change, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
			h.sent.Add(1)
			return &gate.Result{Body: []byte("sent"), Outcome: receipt.Outcome{Status: receipt.Done}}, nil
		}}, nil
	}})
	return r, err
}

// ask sends a mail that nobody has approved, and returns the question.
func (h *house) ask(t *testing.T, text string) *approval.Question {
	t.Helper()
	r, err := h.send(t.Context(), text)
	if pending := (*gate.Pending)(nil); !errors.As(err, &pending) {
		t.Fatalf("not asked: %v", err)
	}
	q, err := h.Question(t.Context(), r.Asks)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// yes is alice's yes to q, good for an hour.
func (h *house) yes(q *approval.Question) *receipt.Answer {
	return &receipt.Answer{
		Approval: q.ID, Job: q.Job, Call: q.Call, Policy: q.Policy, Yes: true, By: "alice@house.test", At: h.now(), Expires: h.now().Add(time.Hour),
	}
}

func (h *house) answer(t *testing.T, id string, a *receipt.Answer) error {
	t.Helper()
	e, err := a.Sign(h.alice)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Answer(t.Context(), id, e)
	return err
}

// A person is shown what the answer will be bound to, and can check it.
func TestQuestion(t *testing.T) {
	h := newHouse(t)
	q := h.ask(t, `{"to":"bob@elsewhere.test"}`)
	r, err := receipt.Parse(q.Asked.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if r.Call.Digest() != q.Call || r.Asks != q.ID || r.Decision.Policy != q.Policy {
		t.Error("the receipt is about something else")
	}
	if string(q.Text.Bytes) != `{"to":"bob@elsewhere.test"}` || !seal.Commit(q.Text.Salt, q.Text.Bytes).Equal(r.Call.Args) {
		t.Errorf("the call does not commit to %q", q.Text.Bytes)
	}
	if _, err := h.Question(t.Context(), "job-1.99"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a question that is not there: %v", err)
	}
}

func TestAnswer(t *testing.T) {
	h := newHouse(t)
	q := h.ask(t, "hello")
	want := h.yes(q)
	want.Reason = "checked"
	e, err := want.Sign(h.alice)
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Answer(t.Context(), q.ID, e)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	kept, err := h.db.Answers(t.Context(), "job-1")
	if err != nil || len(kept) != 1 {
		t.Fatalf("%d answers kept, %v", len(kept), err)
	}
	if diff := gocmp.Diff(e, kept[0]); diff != "" {
		t.Error("kept otherwise than signed:", diff)
	}
	if r, err := h.send(t.Context(), "hello"); err != nil || r.Kind != receipt.Closed || h.sent.Load() != 1 {
		t.Errorf("after a yes: %v; sent %d", err, h.sent.Load())
	}
}

func TestNo(t *testing.T) {
	h := newHouse(t)
	q := h.ask(t, "hello")
	no := h.yes(q)
	no.Yes, no.Expires = false, no.At.Add(receipt.NoHold)
	if err := h.answer(t, q.ID, no); err != nil {
		t.Fatal(err)
	}
	_, err := h.send(t.Context(), "hello")
	if denied := (*gate.Denied)(nil); !errors.As(err, &denied) || h.sent.Load() != 0 {
		t.Errorf("after a no: %v; sent %d", err, h.sent.Load())
	}
}

// An answer with one thing wrong does not count, is not kept, and leaves the
// question open for the right one.
func TestWrongAnswers(t *testing.T) {
	for name, change := range map[string]func(a *receipt.Answer){
		"another question":      func(a *receipt.Answer) { a.Approval = "job-1.2" },
		"no question":           func(a *receipt.Answer) { a.Approval = "" },
		"another job":           func(a *receipt.Answer) { a.Job = "job-2" },
		"another call":          func(a *receipt.Answer) { a.Call[0] ^= 1 },
		"no call":               func(a *receipt.Answer) { a.Call = seal.Hash{} },
		"another policy":        func(a *receipt.Answer) { a.Policy[31] ^= 1 },
		"in another's name":     func(a *receipt.Answer) { a.By = "bo@house.test" },
		"in no name":            func(a *receipt.Answer) { a.By = "" },
		"signed long ago":       func(a *receipt.Answer) { a.At = a.At.Add(-5*time.Minute - time.Millisecond) },
		"signed in the future":  func(a *receipt.Answer) { a.At = a.At.Add(time.Minute + time.Millisecond) },
		"never signed":          func(a *receipt.Answer) { a.At = time.Time{} },
		"good for too long":     func(a *receipt.Answer) { a.Expires = a.At.Add(approval.MaxHold + 1) },
		"good for ever":         func(a *receipt.Answer) { a.Expires = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) },
		"good for no time":      func(a *receipt.Answer) { a.Expires = a.At },
		"over before it began":  func(a *receipt.Answer) { a.Expires = a.At.Add(-time.Hour) },
		"without end":           func(a *receipt.Answer) { a.Expires = time.Time{} },
		"expired on its way":    func(a *receipt.Answer) { a.At, a.Expires = a.At.Add(-2*time.Minute), a.At.Add(-time.Minute) },
		"expired at this point": func(a *receipt.Answer) { a.At, a.Expires = a.At.Add(-2*time.Minute), a.At },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			q := h.ask(t, "hello")
			a := h.yes(q)
			change(a)
			if err := h.answer(t, q.ID, a); !errors.Is(err, approval.ErrAnswer) {
				t.Errorf("got %v", err)
			}
			if kept, err := h.db.Answers(t.Context(), "job-1"); err != nil || len(kept) != 0 {
				t.Errorf("%d answers kept, %v", len(kept), err)
			}
			if err := h.answer(t, q.ID, h.yes(q)); err != nil {
				t.Errorf("the right answer after it: %v", err)
			}
		})
	}
}

// Clocks differ a little, either way.
func TestClockSkew(t *testing.T) {
	for _, skew := range []time.Duration{-5 * time.Minute, time.Minute} {
		h := newHouse(t)
		q := h.ask(t, "hello")
		a := h.yes(q)
		a.At = a.At.Add(skew)
		a.Expires = a.At.Add(approval.MaxHold)
		if err := h.answer(t, q.ID, a); err != nil {
			t.Errorf("a clock that is off by %v: %v", skew, err)
		}
	}
}

// Only an enrolled person's own key answers.
func TestStrangers(t *testing.T) {
	h := newHouse(t)
	q := h.ask(t, "hello")
	mallory, _ := newKey(t, "mallory@house.test", 8)
	impostor, _ := newKey(t, "alice@house.test", 9)
	bo, boKey := newKey(t, "bo@house.test", 10)
	sign := func(k seal.Signer) *seal.Envelope {
		e, err := h.yes(q).Sign(k)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	both := sign(h.alice)
	if err := both.Add(bo); err != nil {
		t.Fatal(err)
	}
	changed := sign(h.alice)
	changed.Payload = bytes.Replace(changed.Payload, []byte(`"yes":true`), []byte(`"yes":fals`), 1)
	bare := sign(h.alice)
	bare.Signatures = nil
	retyped := sign(h.alice)
	retyped.Type = receipt.StandingType
	h.People = append(h.People, boKey)
	for name, e := range map[string]*seal.Envelope{
		"not enrolled": sign(mallory), "alice's name and another key": sign(impostor), "bo for alice": sign(bo),
		"two at once": both, "changed": changed, "not signed": bare, "another type of paper": retyped, "nothing": {},
	} {
		if _, err := h.Answer(t.Context(), q.ID, e); !errors.Is(err, approval.ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.People = nil
	if err := h.answer(t, q.ID, h.yes(q)); !errors.Is(err, approval.ErrAnswer) {
		t.Errorf("a house without people: %v", err)
	}
}

func TestUnknownQuestion(t *testing.T) {
	h := newHouse(t)
	q := h.ask(t, "hello")
	a := h.yes(q)
	a.Approval = "job-1.99"
	if err := h.answer(t, "job-1.99", a); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if err := h.answer(t, "job-1.99", h.yes(q)); err == nil {
		t.Error("an answer counts under another question's address")
	}
}

func TestExpiredQuestion(t *testing.T) {
	h := newHouse(t)
	q := h.ask(t, "hello")
	h.move(store.QuestionLife)
	if err := h.answer(t, q.ID, h.yes(q)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v", err)
	}
}

// A question takes one answer of each person, also if they give several at once.
func TestSecondAnswer(t *testing.T) {
	h := newHouse(t)
	q := h.ask(t, "hello")
	bo, boKey := newKey(t, "bo@house.test", 10)
	h.People = append(h.People, boKey)
	var taken atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		a, k := h.yes(q), h.alice
		if i%2 == 1 {
			a.By, k = "bo@house.test", bo
		}
		e, err := a.Sign(k)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			_, err := h.Answer(t.Context(), q.ID, e)
			if err == nil {
				taken.Add(1)
			} else if !errors.Is(err, store.ErrConflict) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if kept, err := h.db.Answers(t.Context(), "job-1"); taken.Load() != 2 || len(kept) != 2 || err != nil {
		t.Errorf("%d taken, %d kept, %v", taken.Load(), len(kept), err)
	}
}

// A yes lets its call happen once, whoever sends it at the same time.
func TestSingleUse(t *testing.T) {
	h := newHouse(t)
	q := h.ask(t, "hello")
	if err := h.answer(t, q.ID, h.yes(q)); err != nil {
		t.Fatal(err)
	}
	var done, waiting atomic.Int32
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			_, err := h.send(t.Context(), "hello")
			switch pending := (*gate.Pending)(nil); {
			case err == nil:
				done.Add(1)
			case errors.As(err, &pending):
				waiting.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if done.Load() != 1 || h.sent.Load() != 1 || waiting.Load() != 31 {
		t.Errorf("%d done, %d sent, %d waiting", done.Load(), h.sent.Load(), waiting.Load())
	}
	used, err := h.Question(t.Context(), q.ID)
	if err != nil || used.UsedBy == 0 {
		t.Errorf("the question is not used up: %+v, %v", used, err)
	}
}

// A yes is for one text and for a while.
func TestYesIsExact(t *testing.T) {
	h := newHouse(t)
	q := h.ask(t, "hello")
	a := h.yes(q)
	a.Expires = a.At.Add(time.Minute)
	if err := h.answer(t, q.ID, a); err != nil {
		t.Fatal(err)
	}
	var pending *gate.Pending
	if _, err := h.send(t.Context(), "hello "); !errors.As(err, &pending) {
		t.Errorf("another text: %v", err)
	}
	h.move(time.Minute)
	if _, err := h.send(t.Context(), "hello"); !errors.As(err, &pending) || pending.Receipt.Asks == q.ID || h.sent.Load() != 0 {
		t.Errorf("when it is over: %v; sent %d", err, h.sent.Load())
	}
}

// Trouble with the database is not the person's fault.
func TestDatabaseInTrouble(t *testing.T) {
	h := newHouse(t)
	q := h.ask(t, "hello")
	e, err := h.yes(q).Sign(h.alice)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Answer(ctx, q.ID, e); err == nil || errors.Is(err, approval.ErrAnswer) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("answer: %v", err)
	}
	if _, err := h.Question(ctx, q.ID); err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), q.ID) {
		t.Errorf("question: %v", err)
	}
}

// calm cuts no call off.
type calm struct{}

// Watch returns ctx.
func (calm) Watch(ctx context.Context, _ *token.Claims, _ policy.Action) (context.Context, func(), error) {
	return ctx, func() {}, nil
}
