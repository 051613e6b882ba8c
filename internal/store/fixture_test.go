// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A house is an open database and what tests need around it.
type house struct {
	*DB
	others map[string]seal.Signer // people, by name
	config Config
	clock  *clock
	gate   seal.Signer
	person seal.Signer
}

// A clock stands still until it is moved.
type clock struct{ ms atomic.Int64 }

func (c *clock) Now() time.Time       { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *clock) move(d time.Duration) { c.ms.Add(d.Milliseconds()) }

var sealingKey = bytes.Repeat([]byte{7}, 32)

// onBoth runs f as a subtest on each engine.
func onBoth(t *testing.T, f func(t *testing.T, h *house)) {
	t.Run("sqlite", func(t *testing.T) { f(t, newHouse(t, sqliteURL(t))) })
	t.Run("postgres", func(t *testing.T) { f(t, newHouse(t, pgtest.New(t))) })
}

func sqliteURL(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "house 100%?#.db")
}

func newHouse(t testing.TB, url string) *house {
	t.Helper()
	c := new(clock)
	c.ms.Store(time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC).UnixMilli())
	h := &house{
		config: Config{URL: url, Key: sealingKey, Now: c.Now},
		clock:  c, gate: newKey(t, "gate.example"), person: newKey(t, "ada@example.com"),
	}
	h.DB = h.open(t)
	return h
}

// open opens h's database once more.
func (h *house) open(t testing.TB) *DB {
	t.Helper()
	db, err := Open(context.Background(), h.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func newKey(t testing.TB, name string) seal.Signer {
	t.Helper()
	return housetest.FreshKey(t, name)
}

var testPolicy = seal.Sum([]byte("policy"))

func (h *house) job(t testing.TB, id string) string {
	t.Helper()
	if err := h.CreateJob(context.Background(), Job{ID: id, Agent: "agent", Policy: testPolicy, Created: h.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	return id
}

func claims(job string) *token.Claims {
	return &token.Claims{Job: job, ID: "token-1", Policy: testPolicy}
}

// call is a call that reserves n pages and whose arguments are args.
func call(n int, args string) *policy.Call {
	c := &policy.Call{Tool: "confluence", Action: "page.get", Class: policy.Read, Args: text(args).Commitment}
	if n > 0 {
		c.Uses = map[string]int{"pages": n}
	}
	return c
}

func text(s string) receipt.Text {
	salt := seal.Salt(bytes.Repeat([]byte{3}, 32))
	return receipt.Text{Commitment: seal.Commit(salt, []byte(s)), Salt: salt, Bytes: []byte(s)}
}

// facts reads a state's answers, in their order.
func facts(st *receipt.State) []policy.Approval {
	var out []policy.Approval
	for _, e := range st.Answers {
		out = append(out, fact(e))
	}
	return out
}

func fact(e *seal.Envelope) policy.Approval {
	a := new(receipt.Answer)
	if err := seal.Decode(e.Payload, a); err != nil {
		panic(err)
	}
	return a.Fact()
}

type next = func(*receipt.State) (*receipt.Line, error)

// opens is a next that opens a receipt of c with effect e. Where e is Allow, it
// cites the last yes to this very call.
func (h *house) opens(job string, c *policy.Call, e policy.Effect, texts ...receipt.Text) next {
	return func(st *receipt.State) (*receipt.Line, error) {
		d := policy.Decision{Effect: e, Policy: testPolicy, Reasons: []policy.Reason{}}
		for _, a := range facts(st) {
			if e == policy.Allow && a.Yes && a.Call == c.Digest() {
				d.Approval = a.ID
			}
		}
		r := receipt.Open(st, claims(job), c, &policy.Facts{Now: st.Now, Used: st.Used, Approvals: facts(st)}, d)
		return r.Line(h.gate, texts...)
	}
}

// limited opens a receipt of c: Allow while fewer than max pages are used, else Deny.
func (h *house) limited(job string, c *policy.Call, max int) next {
	return func(st *receipt.State) (*receipt.Line, error) {
		e := policy.Allow
		if st.Used["pages"]+c.Uses["pages"] > max {
			e = policy.Deny
		}
		return h.opens(job, c, e)(st)
	}
}

// closes is a next that closes receipt opened, of which used pages were used.
func (h *house) closes(job string, opened uint64, used int, texts ...receipt.Text) next {
	return func(st *receipt.State) (*receipt.Line, error) {
		o := &receipt.Receipt{Job: job, Seq: opened, Token: "token-1"}
		out := &receipt.Outcome{Status: receipt.Done, Used: map[string]int{"pages": used}}
		return receipt.Close(st, o, out).Line(h.gate, texts...)
	}
}

// learns says what became of a call that was closed as unknown.
func (h *house) learns(job string, opened uint64, l *receipt.Late) next {
	return func(st *receipt.State) (*receipt.Line, error) {
		return receipt.Learn(st, &receipt.Receipt{Job: job, Seq: opened}, l).Line(h.gate)
	}
}

func (h *house) mustWrite(t testing.TB, job string, n next) {
	t.Helper()
	if err := h.Write(context.Background(), job, n); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// state returns what job has come to, by a write that writes nothing.
func (h *house) state(t testing.TB, job string) *receipt.State {
	t.Helper()
	var st *receipt.State
	err := h.Write(context.Background(), job, func(s *receipt.State) (*receipt.Line, error) {
		st = s
		return nil, errOnlyLooking
	})
	if err != errOnlyLooking {
		t.Fatalf("look: %v", err)
	}
	return st
}

// answer is a's person's signed answer, good for an hour.
func (h *house) answer(t testing.TB, a *Approval, yes bool) ([]byte, *receipt.Answer) {
	t.Helper()
	ans := &receipt.Answer{
		Approval: a.ID, Job: a.Job, Call: a.Call, Policy: a.Policy, Yes: yes, By: h.person.Name(),
		At: h.clock.Now(), Expires: h.clock.Now().Add(time.Hour),
	}
	return h.signAnswer(t, ans), ans
}

// Answer gives an answer to a question that one person decides.
func (h *house) Answer(ctx context.Context, id string, envelope []byte, a *receipt.Answer) error {
	return h.DB.Answer(ctx, id, envelope, a, oneDecides)
}

// oneDecides is a Judge of questions that one yes answers.
func oneDecides(answers []*seal.Envelope) Reply { return decides(1)(answers) }

// decides is a Judge of questions that take some yeses.
func decides(yeses int) Judge {
	return func(answers []*seal.Envelope) Reply {
		n := 0
		for _, e := range answers {
			if !fact(e).Yes {
				return No
			}
			n++
		}
		if n < yeses {
			return NoReply
		}
		return Yes
	}
}

func (h *house) signAnswer(t testing.TB, a *receipt.Answer) []byte {
	t.Helper()
	return signedBy(t, h.person, a)
}

// signerOf is a person's key.
func (h *house) signerOf(t testing.TB, name string) seal.Signer {
	t.Helper()
	if name == h.person.Name() {
		return h.person
	}
	if h.others == nil {
		h.others = map[string]seal.Signer{}
	}
	if h.others[name] == nil {
		h.others[name] = newKey(t, name)
	}
	return h.others[name]
}

func signedBy(t testing.TB, k seal.Signer, a *receipt.Answer) []byte {
	t.Helper()
	e, err := a.Sign(k)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ask opens a receipt that asks about c and returns the question.
func (h *house) ask(t testing.TB, job string, c *policy.Call) *Approval {
	t.Helper()
	h.mustWrite(t, job, h.opens(job, c, policy.Ask))
	list, err := h.Approvals(context.Background(), Filter{Job: job, Open: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if a.Call == c.Digest() {
			return &a
		}
	}
	t.Fatalf("no question about the call: %v", list)
	return nil
}

// checkChain checks that job's receipts are whole and returns them.
func checkChain(t testing.TB, db *DB, job string) []*receipt.Receipt {
	t.Helper()
	list, err := db.Receipts(context.Background(), job)
	if err != nil {
		t.Fatal(err)
	}
	var out []*receipt.Receipt
	head := receipt.Head{}
	for _, e := range list {
		r, err := receipt.Parse(e.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if r.Job != job || r.Seq != head.Seq+1 || r.Prev != head.Hash {
			t.Fatalf("receipt %d of %s does not follow %d", r.Seq, r.Job, head.Seq)
		}
		head = receipt.Head{Seq: r.Seq, Hash: e.Hash()}
		out = append(out, r)
	}
	return out
}
