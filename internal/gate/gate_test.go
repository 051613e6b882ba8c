// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const wpc = `{"wpc_version":"v1","tool_policy":{"allow":["deploy.*"],"deny":["deploy.delete"]},"approvals":{"required_for":["external_send"]}}`

var deploy = policy.Action{Tool: "deploy", Name: "run", Class: policy.Write}

// A house is a gate over fakes of one method each.
type house struct {
	gate.Gate
	raw       string
	claims    *token.Claims
	policy    *policy.Policy
	tokenErr  error
	policyErr error

	revoked []token.Revocation      // when the token is checked
	proof   *token.Proof            // that the token came with
	spent   map[string]bool         // proofs
	cut     context.CancelCauseFunc // ends the last call that is watched
	blind   error                   // of watching

	state  receipt.State
	lines  []*receipt.Line
	broken func(written int) error // of the book, before each write
}

func newHouse(t *testing.T) *house {
	t.Helper()
	p := housetest.Policy(t, wpc)
	signer := newSigner(t, "gate.test", 1)
	h := &house{policy: p, broken: func(int) error { return nil }, spent: map[string]bool{}}
	h.claims = &token.Claims{
		Issuer: "https://issuer.test", Audience: "https://house.test", Agent: "robot", ID: "t1", Job: "job-1",
		Issued: time.Now().Unix(), Expires: time.Now().Add(time.Minute).Unix(),
	}
	catalog := []policy.Action{deploy}
	var err error
	if h.raw, _, err = token.Mint(newSigner(t, "issuer.test", 2), p, catalog, p.Whole(catalog), h.claims); err != nil {
		t.Fatal(err)
	}
	h.Gate = gate.Gate{
		Tokens: h, Policies: h, Book: h, Revocations: h, People: []seal.Verifier{housetest.NewKey(t, "alice", 3).Verifier}, Signer: signer, Salt: bytes.Repeat([]byte{7}, 32),
		PlainBearer: true, Log: slog.New(slog.DiscardHandler),
	}
	return h
}

func newSigner(t *testing.T, name string, seed byte) seal.Signer {
	t.Helper()
	return housetest.NewKey(t, name, seed)
}

func (h *house) Check(_ context.Context, p *token.Presentation) (token.Shown, error) {
	if p.Raw != h.raw {
		return token.Shown{}, token.ErrSignature
	}
	return token.Shown{Claims: h.claims, Proof: h.proof, Revoked: h.revoked}, h.tokenErr
}

// show presents a token.
func show(raw string) *token.Presentation {
	return &token.Presentation{Raw: raw, Scheme: token.SchemeBearer}
}

func (h *house) Watch(ctx context.Context, _ *token.Claims, _ policy.Action) (context.Context, func(), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	h.cut = cancel
	return ctx, func() { cancel(nil) }, h.blind
}

func (h *house) Spend(_ context.Context, job string, p receipt.Spent) error {
	if h.spent[job+p.ID] {
		return token.ErrReplayed
	}
	h.spent[job+p.ID] = true
	return nil
}

func (h *house) Policy(context.Context, seal.Hash) (*policy.Policy, error) {
	return h.policy, h.policyErr
}

func (h *house) Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := h.broken(len(h.lines)); err != nil {
		return err
	}
	st := h.state
	st.Now = time.Now().UTC().Truncate(time.Millisecond)
	st.Used = maps.Clone(st.Used)
	l, err := next(&st)
	if err == nil {
		err = l.Sign()
	}
	if err != nil {
		return err
	}
	if l.Spent != nil {
		if err := h.Spend(ctx, job, *l.Spent); err != nil {
			return err
		}
	}
	var opened *receipt.Receipt
	if l.Receipt.Kind == receipt.Closed {
		opened = h.lines[l.Receipt.Opened-1].Receipt
	}
	for k, n := range l.Receipt.Uses(opened) {
		if h.state.Used == nil {
			h.state.Used = map[string]int{}
		}
		h.state.Used[k] += n
	}
	h.lines = append(h.lines, l)
	h.state.Head = receipt.Head{Seq: l.Receipt.Seq, Hash: l.Hash()}
	return nil
}

// request asks for deploy.run; its act counts how often it runs.
func request(acts *int, change ...func(*policy.Call)) *gate.Request {
	return &gate.Request{Action: deploy, Text: []byte(`{"to":"prod"}`), Plan: func(context.Context, []policy.Bound) (*gate.Plan, error) {
		c := &policy.Call{Tool: "deploy", Action: "run", Class: policy.Write}
		for _, f := range change {
			f(c)
		}
		return &gate.Plan{Call: c, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
			*acts++
			return &gate.Result{Body: []byte("deployed"), Outcome: receipt.Outcome{Status: receipt.Done}}, nil
		}}, nil
	}}
}

// kinds says what the book holds: "opened allow", "closed done".
func (h *house) kinds() string {
	var out []string
	for _, l := range h.lines {
		switch r := l.Receipt; {
		case r.Kind == receipt.Closed:
			out = append(out, "closed "+string(r.Outcome.Status))
		case r.Refused != "":
			out = append(out, "refused "+r.Refused)
		default:
			out = append(out, "opened "+r.Decision.Effect.String())
		}
	}
	return strings.Join(out, ", ")
}

func TestDo(t *testing.T) {
	external := func(c *policy.Call) { c.Categories = []string{"external_send"} }
	full := errors.New("disk is full")
	for _, test := range []struct {
		name  string
		setup func(h *house, req *gate.Request)
		call  func(*policy.Call)
		raw   string
		want  string // what the book holds
		acts  int
		err   func(error) bool
	}{
		{name: "allowed", want: "opened allow, closed done", acts: 1, err: isNil},
		{name: "asked", call: external, want: "opened ask", err: is[*gate.Pending]},
		{
			name: "denied by the list", want: "opened deny", err: is[*gate.Denied],
			setup: func(_ *house, req *gate.Request) { req.Action.Name = "delete" },
		},
		{
			name: "another tool", want: "opened deny", err: is[*gate.Denied],
			setup: func(_ *house, req *gate.Request) { req.Action = policy.Action{Tool: "shell", Name: "exec"} },
		},
		{
			name: "a plan for another action", want: "opened deny", err: is[*gate.Denied],
			call: func(c *policy.Call) { c.Action = "delete" },
		},
		{
			name: "a plan that cannot be made", want: "opened deny", err: is[*gate.Denied],
			setup: func(_ *house, req *gate.Request) {
				req.Plan = func(context.Context, []policy.Bound) (*gate.Plan, error) {
					return nil, &gate.Fault{Code: "not_found", Msg: "no such page"}
				}
			},
		},
		{
			name: "no book, no act", want: "", err: func(err error) bool { return errors.Is(err, full) && !errors.Is(err, gate.ErrUnclosed) },
			setup: func(h *house, _ *gate.Request) { h.broken = func(int) error { return full } },
		},
		{
			name: "no book after the act", want: "opened allow", acts: 1, err: func(err error) bool { return errors.Is(err, gate.ErrUnclosed) },
			setup: func(h *house, _ *gate.Request) {
				h.broken = func(n int) error {
					if n > 0 {
						return full
					}
					return nil
				}
			},
		},
		{name: "a stranger's token", raw: "stranger", want: "refused token.signature", err: is[*gate.Refused]},
		{
			name: "a revoked token", want: "refused token.revoked", err: is[*gate.Refused],
			setup: func(h *house, _ *gate.Request) { h.tokenErr = token.ErrRevoked },
		},
		{
			name: "a policy that does not verify", want: "refused policy.unusable", err: is[*gate.Refused],
			setup: func(h *house, _ *gate.Request) { h.policy, h.policyErr = nil, errors.New("bad signature") },
		},
		{
			name: "a token for another policy", want: "refused token.policy", err: is[*gate.Refused],
			setup: func(h *house, _ *gate.Request) { h.claims.Policy = seal.Sum([]byte("another")) },
		},
		{
			name: "a token whose scope hash is wrong", want: "refused token.scope", err: is[*gate.Refused],
			setup: func(h *house, _ *gate.Request) { h.claims.Scope = seal.Sum([]byte("another")) },
		},
		{
			name: "tokens cannot be checked", want: "", err: func(err error) bool { return err != nil && !is[*gate.Refused](err) },
			setup: func(h *house, _ *gate.Request) { h.claims, h.tokenErr = nil, full },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, acts := newHouse(t), 0
			req := request(&acts)
			if test.call != nil {
				req = request(&acts, test.call)
			}
			if test.setup != nil {
				test.setup(h, req)
			}
			raw := h.raw
			if test.raw != "" {
				raw = test.raw
			}
			_, _, err := h.Do(t.Context(), show(raw), req)
			if !test.err(err) {
				t.Errorf("error: %v", err)
			}
			if got := h.kinds(); got != test.want {
				t.Errorf("book: %s; want %s", got, test.want)
			}
			if acts != test.acts {
				t.Errorf("acts: %d; want %d", acts, test.acts)
			}
		})
	}
}

// A call that is of no class is denied by every policy, and the agent hears what is wrong with it rather than that
// the policy is not for it.
func TestACallOfNoClassIsToldWhy(t *testing.T) {
	h, acts := newHouse(t), 0
	req := request(&acts)
	req.Action = policy.Action{Tool: "mcp", Name: "unmapped"}
	req.Plan = func(context.Context, []policy.Bound) (*gate.Plan, error) {
		return nil, &gate.Fault{Code: "unmapped", Msg: "this tool does not delete; use another"}
	}
	_, _, err := h.Do(t.Context(), show(h.raw), req)
	var denied *gate.Denied
	if !errors.As(err, &denied) || denied.Receipt.Call.Unresolved != "unmapped" || !is[*gate.Fault](denied.Cause) || acts != 0 {
		t.Errorf("%v, %d acts", err, acts)
	}
}

func isNil(err error) bool { return err == nil }

func is[T error](err error) bool { return errors.As(err, new(T)) }

// An agent that hangs up in the middle of an act leaves both receipts.
func TestHangUp(t *testing.T) {
	h, acts := newHouse(t), 0
	ctx, cancel := context.WithCancel(t.Context())
	req := request(&acts)
	plan := req.Plan
	req.Plan = func(ctx context.Context, b []policy.Bound) (*gate.Plan, error) {
		p, err := plan(ctx, b)
		p.Act = func(ctx context.Context, opened *receipt.Receipt) (*gate.Result, error) {
			cancel()
			return &gate.Result{Body: []byte("half"), Outcome: receipt.Outcome{Status: receipt.Aborted}}, ctx.Err()
		}
		return p, err
	}
	_, _, err := h.Do(ctx, show(h.raw), req)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	if got := h.kinds(); got != "opened allow, closed aborted" {
		t.Errorf("book: %s", got)
	}
	closed := h.lines[1]
	if closed.Receipt.Outcome.Size != 4 || !seal.Commit(closed.Texts[0].Salt, []byte("half")).Equal(closed.Receipt.Outcome.Result) {
		t.Error("the closed receipt does not commit to what was sent")
	}
}

// An act that breaks down may have happened, and the receipt says so.
func TestActBreaksDown(t *testing.T) {
	for name, act := range map[string]gate.Act{
		"panic":     func(context.Context, *receipt.Receipt) (*gate.Result, error) { panic("secret text") },
		"no result": func(context.Context, *receipt.Receipt) (*gate.Result, error) { return nil, errors.New("lost") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			req := request(new(int))
			plan := req.Plan
			req.Plan = func(ctx context.Context, b []policy.Bound) (*gate.Plan, error) {
				p, err := plan(ctx, b)
				p.Act = act
				return p, err
			}
			if _, _, err := h.Do(t.Context(), show(h.raw), req); err == nil {
				t.Error("no error")
			}
			if got := h.kinds(); got != "opened allow, closed unknown" {
				t.Errorf("book: %s", got)
			}
			for _, l := range h.lines {
				if bytes.Contains(l.Envelope.Payload, []byte("secret")) {
					t.Error("the receipt quotes the panic")
				}
			}
		})
	}
}

// A token that runs out while the call is being resolved no longer opens anything.
func TestExpiresWhileResolving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, acts := newHouse(t), 0
		req := request(&acts)
		plan := req.Plan
		req.Plan = func(ctx context.Context, b []policy.Bound) (*gate.Plan, error) {
			time.Sleep(2 * time.Minute) // a slow site
			return plan(ctx, b)
		}
		_, _, err := h.Do(t.Context(), show(h.raw), req)
		if refused := (*gate.Refused)(nil); !errors.As(err, &refused) || refused.Code != "token.expired" {
			t.Errorf("error: %v", err)
		}
		if got := h.kinds(); got != "refused token.expired" || acts != 0 {
			t.Errorf("book: %s; acts: %d", got, acts)
		}
	})
}

func signed(t *testing.T, a *receipt.Answer, s seal.Signer) *seal.Envelope {
	t.Helper()
	e, err := a.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A yes to this exact call lets it happen; to any other it does not.
func TestApproval(t *testing.T) {
	h, acts := newHouse(t), 0
	req := request(&acts, func(c *policy.Call) { c.Categories = []string{"external_send"} })
	r, _, err := h.Do(t.Context(), show(h.raw), req)
	if !is[*gate.Pending](err) || r.Asks != "job-1.1" {
		t.Fatalf("asks %q: %v", r.Asks, err)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	yes := &receipt.Answer{
		Approval: r.Asks, Job: r.Job, Call: r.Call.Digest(), Policy: h.policy.Hash(),
		Yes: true, By: "alice", At: now.Add(-time.Second), Expires: now.Add(time.Hour),
	}
	for name, forge := range map[string]func(a *receipt.Answer, s *seal.Signer){
		"signed by another":        func(_ *receipt.Answer, s *seal.Signer) { *s = newSigner(t, "alice", 4) },
		"in another person's name": func(a *receipt.Answer, _ *seal.Signer) { a.By = "bob" },
		"of another job":           func(a *receipt.Answer, _ *seal.Signer) { a.Job = "job-2" },
		"under another policy":     func(a *receipt.Answer, _ *seal.Signer) { a.Policy = seal.Sum(nil) },
		"expired":                  func(a *receipt.Answer, _ *seal.Signer) { a.Expires = now },
	} {
		a, s := *yes, newSigner(t, "alice", 3)
		forge(&a, &s)
		h.state.Answers = []*seal.Envelope{signed(t, &a, s)}
		if _, _, err := h.Do(t.Context(), show(h.raw), req); !is[*gate.Pending](err) || acts != 0 {
			t.Errorf("a yes %s: %v", name, err)
		}
	}
	h.state.Answers = []*seal.Envelope{signed(t, yes, newSigner(t, "alice", 3))}

	other := request(&acts, func(c *policy.Call) { c.Categories = []string{"external_send"} })
	other.Text = []byte(`{"to":"elsewhere"}`)
	if _, _, err := h.Do(t.Context(), show(h.raw), other); !is[*gate.Pending](err) {
		t.Errorf("another call: %v", err)
	}
	if _, _, err := h.Do(t.Context(), show(h.raw), req); err != nil || acts != 1 {
		t.Fatalf("acts: %d: %v", acts, err)
	}
	if got := h.lines[len(h.lines)-2].Receipt.Decision.Approval; got != "job-1.1" {
		t.Errorf("the decision cites %q", got)
	}
}

// The same question, asked again before it is answered, stays one question.
func TestAskedAgain(t *testing.T) {
	h := newHouse(t)
	req := request(new(int), func(c *policy.Call) { c.Categories = []string{"external_send"} })
	first, _, _ := h.Do(t.Context(), show(h.raw), req)
	h.state.Pending = map[seal.Hash]string{first.Call.Digest(): first.Asks}
	again, _, _ := h.Do(t.Context(), show(h.raw), req)
	if again.Asks != first.Asks {
		t.Errorf("asks %q, then %q", first.Asks, again.Asks)
	}
}
