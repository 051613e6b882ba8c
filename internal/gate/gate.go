// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package gate is the one way through the house: authenticate, resolve the
// call into policy terms, decide, open a receipt, act once, close the receipt.
// Users say execution layer, tool boundary.
//
// Nothing is sent to the outside unless the opened receipt is durable; what has
// been sent gets its closed receipt even if the agent hangs up.
package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/memo"
	"github.com/clawea/clawea/internal/telemetry"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// Tokens authenticates. internal/issuer fills it.
type Tokens interface {
	// Check verifies a token and the proof that it comes with, and whether what it
	// stands on is revoked, but not whether the proof was used before. Claims that
	// can be believed come back even with an error, so that the refusal can be
	// recorded, and so does a proof that holds, so that it is used up.
	Check(ctx context.Context, p *token.Presentation) (token.Shown, error)
}

// Policies finds policies by hash. internal/registry fills it.
type Policies interface {
	// Policy returns the published policy h, bound to ids, its hash and
	// signatures verified on this read or lately.
	Policy(ctx context.Context, h seal.Hash) (*policy.Policy, error)
}

// A Book holds every job's chain of receipts. internal/store fills it.
type Book interface {
	// Write locks the job, calls next with what the job has come to, and commits
	// the line that next returns. It returns nil only when the line is durable.
	// If next fails, nothing is written. It fails with token.ErrReplayed if the
	// line uses up a proof that the job has used.
	Write(ctx context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error
	// Spend uses up a proof by itself. It fails with token.ErrReplayed.
	Spend(ctx context.Context, job string, p receipt.Spent) error
}

// Revocations cuts calls that are under way. internal/revocation fills it.
type Revocations interface {
	// Watch returns a context that ends when what c's call of a stands on is
	// revoked, with a cause that token.Code knows, and what lets go of it. It fails
	// if this replica cannot see what is revoked.
	Watch(ctx context.Context, c *token.Claims, a policy.Action) (context.Context, func(), error)
}

// Undoing knows how changes are taken back. internal/undo fills it.
type Undoing interface {
	// Step returns how a call of tool's, in the job by, takes back the change of the
	// opened receipt undoes as things are now. Where it does not, Blocked says why.
	Step(ctx context.Context, by, undoes, tool string) (*change.Step, error)
}

// Enrolled finds who may answer besides those whom the configuration names.
// internal/login fills it.
type Enrolled interface {
	// People returns the keys whose enrolment holds now, and the groups of their
	// people.
	People(ctx context.Context) (*receipt.People, error)
}

// Absences finds who answers in whose stead. internal/approval fills it.
type Absences interface {
	// Delegations lists the signed delegations that are not over, and what takes
	// them back. The gate verifies them itself.
	Delegations(ctx context.Context) ([]*seal.Envelope, error)
}

// A Gate carries calls. All fields must be set, but for Shadows, Undoing, Groups,
// Enrolled, Absences, PlainBearer and ReportTime; without People, what asks for a person is never done.
type Gate struct {
	Tokens      Tokens
	Policies    Policies
	Book        Book
	Revocations Revocations
	Shadows     Shadows             // nil: no candidates run beside policies
	Undoing     Undoing             // nil: nothing is taken back
	People      []seal.Verifier     // whose answers count
	Groups      map[string][]string // by group: the names of its people
	Enrolled    Enrolled            // nil: nobody besides People answers
	Absences    Absences            // nil: nobody answers in another's stead
	Signer      seal.Signer         // signs receipts
	Salt        []byte              // secret key of commitments' salts, 32 bytes or more
	PlainBearer bool                // whether tokens that are bound to no key are good where their policy does not say
	ReportTime  time.Duration       // how long after its opening a carrier may say what became of a call; zero: it may not
	Telemetry   *telemetry.Recorder // nil: nobody is told
	Log         *slog.Logger

	refusals limiter
	fits     memo.Memo[*token.Claims, fitted] // of tokens and policies that are shared between calls
}

// A fitted is a policy, and what it was narrowed to for a token.
type fitted struct{ whole, narrowed *policy.Policy }

// A Caller is who has shown a token that holds, and the policy that it holds
// under. Only Authenticate and Admit make one.
type Caller struct {
	claims  *token.Claims
	whole   *policy.Policy     // as published
	policy  *policy.Policy     // narrowed to the token's grant
	revoked []token.Revocation // when the token was checked
	proof   proof
}

// Claims are what the caller's token says.
func (c *Caller) Claims() *token.Claims { return c.claims }

// Policy is the policy that the caller's token pins, narrowed to its grant.
func (c *Caller) Policy() *policy.Policy { return c.policy }

// CanEver reports whether the caller could ever be allowed to do a.
func (c *Caller) CanEver(a policy.Action) bool { return c.policy.CanEver(a) }

// Do carries one call through the house and returns its last receipt, with the
// result if it was carried out. The error is a *Denied or *Pending when the
// policy says no or asks for a person, a *Refused when the token or policy does
// not hold, a *Fault from the act, and anything else when the house itself is
// in trouble, in which case nothing was done unless the error is ErrUnclosed.
func (g *Gate) Do(ctx context.Context, p *token.Presentation, req *Request) (*receipt.Receipt, *Result, error) {
	c, err := g.Authenticate(ctx, p, req.Action)
	if refused := (*Refused)(nil); errors.As(err, &refused) {
		return refused.Receipt, nil, err
	}
	if err != nil {
		return nil, nil, err
	}
	return g.Carry(ctx, c, req)
}

// Admit authenticates who may then make several calls, such as those of one
// HTTP request, and uses up the proof. a says what they come for, should they be
// refused. Errors are as of Do.
func (g *Gate) Admit(ctx context.Context, p *token.Presentation, a policy.Action) (*Caller, error) {
	c, err := g.Authenticate(ctx, p, a)
	if err == nil {
		err = g.Spend(ctx, c, a)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Authenticate checks the token, its proof, its policy, and that they fit, for
// one call of a, or the same call again: its first receipt uses up the proof, and without a
// call Spend has to. Errors are as of Do.
func (g *Gate) Authenticate(ctx context.Context, p *token.Presentation, a policy.Action) (*Caller, error) {
	shown, err := g.Tokens.Check(ctx, p)
	c := &Caller{claims: shown.Claims, revoked: shown.Revoked}
	if shown.Proof != nil {
		c.proof.spent = &receipt.Spent{ID: shown.Proof.Key + " " + token.HashToken(shown.Proof.ID), Until: shown.Proof.Until()}
	}
	if err == nil {
		err = g.fit(ctx, c)
	}
	if err != nil {
		_, err := g.refuse(ctx, c.claims, c.proof.spent, a, err)
		g.Telemetry.Refused(a, refusal(err))
		return nil, err
	}
	return c, nil
}

// TurnAway refuses a call of c before it is put in policy terms, because it goes
// beyond a bound of the house's. It returns a *Refused with cause, unless the
// house is in trouble.
func (g *Gate) TurnAway(ctx context.Context, c *Caller, a policy.Action, cause *Beyond) error {
	_, err := g.turnDown(ctx, c, a, cause)
	g.Telemetry.Refused(a, refusal(err))
	return err
}

// fit finds the policy that c's token is pinned to, and narrows it.
func (g *Gate) fit(ctx context.Context, c *Caller) error {
	var err error
	if c.whole, err = g.Policies.Policy(ctx, c.claims.Policy); err != nil {
		return &unusable{err}
	}
	now := time.Now()
	if f, ok := g.fits.Get(c.claims, now); ok && f.whole == c.whole {
		c.policy = f.narrowed
	} else if c.policy, err = c.claims.Fit(c.whole); err != nil {
		return err
	}
	g.fits.Put(c.claims, fitted{c.whole, c.policy}, now, time.Second)
	if c.claims.Bound() == "" && !bearer(c.whole, g.PlainBearer) {
		return token.ErrBearer
	}
	return nil
}

// bearer reports whether p takes tokens that are bound to no key.
func bearer(p *policy.Policy, byDefault bool) bool {
	if allowed, said := p.Bearer(); said {
		return allowed
	}
	return byDefault
}

// Carry carries one call of c. Errors are as of Do.
func (g *Gate) Carry(ctx context.Context, c *Caller, req *Request) (r *receipt.Receipt, res *Result, err error) {
	ctx, call := g.Telemetry.Call(WithAgent(ctx, c.claims.Agent), c.claims, req.Action)
	defer func() { call.End(r, refusal(err)) }()
	return g.carry(ctx, c, req)
}

func (g *Gate) carry(ctx context.Context, c *Caller, req *Request) (*receipt.Receipt, *Result, error) {
	if req.Carrier != nil {
		return nil, nil, errCarrier // fail closed: it would be done twice
	}
	o, err := g.open(ctx, c, req)
	defer o.stop()
	if err != nil {
		return o.receipt, nil, err
	}
	act := o.plan.Act
	if o.plan.Change != nil {
		timely, cancel := context.WithDeadline(o.watched, o.begun.Add(Patience))
		defer cancel()
		o.watched, act = timely, inTime(o.plan.Act)
	}
	return g.act(o.watched, o.receipt, act, req.tell)
}

// An opening is a call that has been let in, with its opened receipt.
type opening struct {
	watched context.Context // ends when what the call stands on does
	stop    func()          // lets go of watched; never nil
	plan    *Plan
	begun   time.Time // when receipt was dated
	receipt *receipt.Receipt
}

// open decides a call of c, and opens its receipt. It fails unless the call is allowed;
// what it returns is never nil.
func (g *Gate) open(ctx context.Context, c *Caller, req *Request) (*opening, error) {
	o := &opening{stop: func() {}}
	if r := token.Ended(c.revoked, c.claims, req.Action); r != nil { // before anything is looked up for it
		var err error
		o.receipt, err = g.turnDown(ctx, c, req.Action, r.Err())
		return o, err
	}
	watched, stop, err := g.Revocations.Watch(ctx, c.claims, req.Action)
	if err != nil {
		return o, fmt.Errorf("watch for revocations: %w", err) // fail closed
	}
	o.watched, o.stop = watched, stop
	plan, planErr := g.plan(watched, c, req)
	req.tell(Planned)
	o.plan = plan
	text, texts := g.arguments(c.claims.Job, plan, req)
	plan.Call.Definition, plan.Call.Server = req.Definition, req.Server
	if !req.Server.IsZero() { // also of a call that could not be planned
		plan.Call.Mode = policy.ServerMode
	}
	change, err := g.change(c.claims.Job, plan)
	if err != nil {
		return o, fmt.Errorf("say what is changed: %w", err) // fail closed
	}
	full := plan.Call
	plan.Call = c.policy.Minimal(full)
	beside := g.beside(ctx, c.whole, c.claims.Grant())
	people, err := g.people(ctx)
	if err != nil {
		return o, fmt.Errorf("find who may answer: %w", err) // fail closed: a no may be among the answers
	}

	var opened *receipt.Receipt
	var ended error
	next := func(st *receipt.State) (*receipt.Line, error) {
		o.begun = time.Now()
		texts := slices.Clip(texts)
		if ended = over(st, c.claims, req.Action); ended != nil { // while the call was being resolved
			opened = receipt.Refuse(st, c.claims, plan.Call, token.Code(ended))
		} else if e := earlier(st, plan.Call); e != nil {
			ended, opened = e, receipt.Refuse(st, c.claims, plan.Call, string(e.State))
		} else {
			f := facts(st, c, plan, people)
			f.Conditions = c.policy.Conditions(plan.Call, f, text)
			opened = receipt.Open(st, c.claims, plan.Call, f, c.policy.Decide(plan.Call, f))
			opened.Shadow = verdicts(beside, full, f, text)
			if ended = floods(st, opened); ended != nil {
				opened = receipt.Refuse(st, c.claims, plan.Call, codeQuestions)
			} else if opened.Decision.Effect != policy.Deny { // nothing is kept of what the agent may not touch
				texts = append(texts, change...)
			}
		}
		return opened.Line(g.Signer, texts...)
	}
	err = g.use(ctx, c, req.Action, func(spent *receipt.Spent) error { return g.write(ctx, c.claims.Job, spent, next) })
	if refused := (*Refused)(nil); errors.As(err, &refused) { // the proof was used before
		o.receipt = refused.Receipt
		return o, err
	}
	if err != nil {
		return o, fmt.Errorf("open receipt: %w", err) // fail closed: nothing has happened
	}
	o.receipt = opened
	if ended != nil {
		return o, &Refused{opened, opened.Refused, ended}
	}
	switch opened.Decision.Effect {
	case policy.Allow:
		req.tell(Opened)
		return o, nil
	case policy.Ask:
		return o, &Pending{opened}
	default:
		return o, &Denied{opened, planErr}
	}
}

// over says why a token that held no longer does, at st.
func over(st *receipt.State, c *token.Claims, a policy.Action) error {
	if st.Now.Unix() >= c.Expires {
		return token.ErrExpired
	}
	if r := token.Ended(st.Revoked, c, a); r != nil {
		return r.Err()
	}
	return nil
}

func (g *Gate) plan(ctx context.Context, c *Caller, req *Request) (*Plan, error) {
	plan, err := g.planHere(ctx, c, req)
	if req.Carrier == nil {
		return plan, err
	}
	return req.Carrier.takes(plan, err)
}

// planHere is plan, of a call that the gate carries out.
func (g *Gate) planHere(ctx context.Context, c *Caller, req *Request) (*Plan, error) {
	p := c.policy
	bare := &Plan{Call: &policy.Call{Tool: req.Action.Tool, Action: req.Action.Name, Class: req.Action.Class}}
	if req.Action.Class != "" && !p.CanEver(req.Action) {
		return bare, nil // Decide says why
	}
	plan, err := req.Plan(ctx, p.Bounds(req.Action.Tool))
	if err == nil && (plan.Call.Name() != req.Action.String() || plan.Call.Class != req.Action.Class) {
		err = &Fault{Code: "plan", Msg: "the plan is for another action"}
	}
	if err == nil && plan.Change != nil && plan.Change.Undoes != "" {
		err = g.takesBack(ctx, c.claims, plan, req.Text)
	}
	if err != nil {
		bare.Call.Unresolved = code(err)
		return bare, err
	}
	return plan, nil
}

// unusable is the error for a policy that cannot be used.
type unusable struct{ error }

func (e *unusable) Unwrap() error { return e.error }

// refuse records that a call was refused for its token's or its policy's sake:
// in its job's chain if the token says which that is and can be believed, and
// otherwise in the journal. The proof is used up all the same. Nothing is kept
// of what was sent: whoever is refused could fill the house with it. The error
// is a *Refused, unless the house is in trouble.
func (g *Gate) refuse(ctx context.Context, c *token.Claims, spent *receipt.Spent, a policy.Action, cause error) (*receipt.Receipt, error) {
	code := token.Code(cause)
	var beyond *Beyond
	switch {
	case errors.As(cause, &beyond):
		code = beyond.Code
	case errors.As(cause, new(*unusable)):
		code = "policy.unusable"
	case code == token.CodeUnknown: // nothing is wrong with the token: it could not be checked
		return nil, fmt.Errorf("check token: %w", cause)
	case errors.Is(cause, token.ErrProofNonce): // a step of the protocol: the sender comes again with a nonce
		return nil, &Refused{nil, code, cause}
	}
	job := receipt.Journal
	if c != nil {
		job = c.Job
	}
	if !g.refusals.allow(job) {
		g.Log.WarnContext(ctx, "refused without a receipt: too many in a while", "job", job, "code", code)
		return nil, g.refuseUnrecorded(ctx, job, spent, &Refused{nil, code, cause})
	}
	call := &policy.Call{Tool: a.Tool, Action: a.Name, Class: a.Class, Args: g.text(job, nil).Commitment}
	var r *receipt.Receipt
	err := g.write(ctx, job, spent, func(st *receipt.State) (*receipt.Line, error) {
		if r = receipt.RefuseStranger(st, call, code); c != nil {
			r = receipt.Refuse(st, c, call, code)
		}
		return r.Line(g.Signer)
	})
	if errors.Is(err, token.ErrReplayed) {
		return g.refuse(ctx, c, nil, a, token.ErrReplayed)
	}
	if err != nil {
		return nil, fmt.Errorf("record refusal %s: %w", code, err)
	}
	return r, &Refused{r, code, cause}
}

func (g *Gate) text(job string, b []byte) receipt.Text {
	salt := seal.NewSalt(g.Salt, job, b)
	return receipt.Text{Commitment: seal.Commit(salt, b), Salt: salt, Bytes: slices.Clone(b)}
}
