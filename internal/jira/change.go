// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// After a request that may have taken effect, the change is looked for so often,
// with so long between.
const (
	looks     = 3
	lookPause = 2 * time.Second
	lookFor   = 30 * time.Second
)

// A payload is the body of a request that writes to an issue or a comment.
type payload struct {
	Body       json.RawMessage            `json:"body,omitzero"`       // of a comment
	Fields     map[string]json.RawMessage `json:"fields,omitempty"`    //
	Update     map[string][]verb          `json:"update,omitempty"`    // labels only
	Transition *reference                 `json:"transition,omitzero"` //
	Properties []property                 `json:"properties,omitempty"`
}

// A verb adds or takes away one label.
type verb struct {
	Add    string `json:"add,omitempty"`
	Remove string `json:"remove,omitempty"`
}

// A property is ours in every request that has a place for it, so that who looks
// after Jira finds the receipt.
type property struct {
	Key   string `json:"key"`
	Value trace  `json:"value"`
}

// A trace names the opened receipt of a change, and says why it was made.
type trace struct {
	Created   bool   `json:"created,omitzero"`     // the receipt's call created the issue
	CreatedBy string `json:"created_by,omitempty"` // the receipt of the call of ours that created it, if another
	Message   string `json:"message,omitempty"`
	Receipt   string `json:"receipt"`
}

const (
	propertyKey = "clawea"
	markAt      = "/properties/0/value/receipt"
)

// marked returns p with our property, which says why, and which call of ours made
// the issue, and names no receipt yet.
func (p payload) marked(message, maker string) *payload {
	p.Properties = []property{{propertyKey, trace{Message: message, CreatedBy: maker}}}
	return &p
}

// bytes are the canonical body, with the receipt's name.
func (p *payload) bytes(name string) ([]byte, error) {
	out := *p
	out.Properties = slices.Clone(p.Properties)
	for i := range out.Properties {
		out.Properties[i].Value.Receipt = name
	}
	return seal.Marshal(&out)
}

// A preimage is what was there before a change: all that undoing and finding
// need. Its members depend on the change.
type preimage struct {
	Mark    string                     `json:"mark,omitempty"`   // the receipt that the issue's property named
	Fields  map[string]json.RawMessage `json:"fields,omitempty"` // as Jira had them
	Comment json.RawMessage            `json:"comment,omitzero"` // a comment that is deleted
	Link    *issueLink                 `json:"link,omitzero"`    // a link that is deleted
}

// A mutation is one change of Jira's, decided upon.
type mutation struct {
	what   string   // in words for the agent: "the comment on ENG-1"
	use    string   // of the credential that sends it
	held   []*place // the issues that it touches, as they were when it was decided
	method string
	path   string
	query  url.Values
	marked *payload // the body, with a place for the receipt's name
	plain  []byte   // the body, where Jira has no place for that; nil: none
	change *receipt.Change

	// check looks again at what else was decided on; nil: nothing.
	check func(context.Context) error
	// made reads from Jira's answer what was made or changed; nil: Find tells.
	made func(*atlassian.Response) (*policy.Resource, error)
	// read reads the result back, tells the agent of it, and notes in the result
	// what is not as it was sent.
	read func(ctx context.Context, target *policy.Resource, r *gate.Result) (any, error)
}

// seal completes m and its change: which request it is, what was there, and how
// people see it.
func (m *mutation) seal(c *receipt.Change, method, path string, before *preimage) (err error) {
	if before != nil {
		c.Before, err = seal.Marshal(before)
	}
	m.change, m.method, m.path = c, method, path
	return err
}

// plan is m as a plan of the gate's. Its change says what is sent. What people would
// see no difference of is not planned: they could not tell what they approve.
func (c *Connector) plan(ctx context.Context, call *policy.Call, m *mutation) (*gate.Plan, error) {
	if m.change.Diff == "" {
		return nil, fault("no_change", "the call would leave everything as it is; there is nothing to do")
	}
	r, err := m.request("")
	if err != nil {
		return nil, err
	}
	if m.change.Request, err = c.client(m.use).Record(ctx, r); err != nil {
		return nil, writeFault(err, m.what)
	}
	return &gate.Plan{Call: call, Change: m.change, Act: func(ctx context.Context, opened *receipt.Receipt) (*gate.Result, error) {
		return c.carry(ctx, opened, m)
	}}, nil
}

// carry makes the change, once, if everything is as it was decided upon, and reads
// it back.
func (c *Connector) carry(ctx context.Context, opened *receipt.Receipt, m *mutation) (*gate.Result, error) {
	leave, err := c.turns.take(ctx, m.held)
	if err != nil {
		return stopped(inTime(ctx, said(err, m.what)))
	}
	defer leave()
	if err := inTime(ctx, c.asDecided(ctx, m)); err != nil {
		return stopped(err)
	}
	r, err := m.request(opened.Name())
	if err != nil {
		return nil, err
	}
	res, err := c.client(m.use).Do(ctx, r)
	if err == nil && res.Account != "" {
		c.acted.Store(res.Account, true)
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookFor)
	defer cancel()
	switch {
	case atlassian.IsUncertain(err):
		return c.look(after, opened, m, err)
	case err != nil:
		return refused(err, writeFault(err, m.what))
	}
	return c.readBack(after, opened, m, res)
}

// asDecided fails if something is not as it was when m was decided upon.
func (c *Connector) asDecided(ctx context.Context, m *mutation) error {
	for _, at := range m.held {
		if err := c.again(ctx, at); err != nil {
			return err
		}
	}
	if m.check == nil {
		return nil
	}
	return m.check(ctx)
}

// request is what is sent: the change's request, with the receipt's name.
func (m *mutation) request(name string) (*atlassian.Request, error) {
	r := &atlassian.Request{Method: m.method, Path: m.path, Query: m.query}
	if m.marked != nil {
		r.Mark = markAt
	}
	var err error
	r.Body, err = m.body(name)
	return r, err
}

func (m *mutation) body(name string) ([]byte, error) {
	if m.marked == nil {
		return m.plain, nil
	}
	return m.marked.bytes(name)
}

// look is what comes of a request that may have taken effect: it looks whether it
// has, and says that nobody knows if it finds nothing, since it may yet.
func (c *Connector) look(ctx context.Context, opened *receipt.Receipt, m *mutation, cause error) (*gate.Result, error) {
	for try := range looks {
		if try > 0 && atlassian.Sleep(ctx, c.pause) != nil {
			break
		}
		target, err := c.Find(ctx, opened, m.change)
		if err != nil {
			c.log.WarnContext(ctx, "cannot tell what became of a change", "receipt", opened.Name(), "error", err.Error())
			continue
		}
		if target == nil {
			continue
		}
		r := &gate.Result{Outcome: receipt.Outcome{Status: receipt.Done, Code: receipt.Found, Target: target}}
		if e := asError(cause); e != nil {
			r.Outcome.Upstream, r.Outcome.Actor = e.RequestID, e.Account
		}
		if atlassian.Code(cause) == atlassian.WrongAccount { // it happened, and is nothing to go on from
			r.Outcome.Code = atlassian.WrongAccount
			return r, said(cause, m.what)
		}
		return c.tell(ctx, opened, m, target, r)
	}
	return refused(cause, writeFault(cause, m.what))
}

// readBack is what comes of a request that Jira took.
func (c *Connector) readBack(ctx context.Context, opened *receipt.Receipt, m *mutation, res *atlassian.Response) (*gate.Result, error) {
	r := &gate.Result{Outcome: done(res, nil)}
	find := m.made
	if find == nil {
		find = func(*atlassian.Response) (*policy.Resource, error) {
			return c.findBy(ctx, opened, m.change, res.Account)
		}
	}
	target, err := find(res)
	if err != nil || target == nil {
		c.log.WarnContext(ctx, "a change that Jira took cannot be found", "receipt", opened.Name())
		return r, unnamed(m.what)
	}
	told, err := c.tell(ctx, opened, m, target, r)
	if err == nil && m.made == nil && m.marked != nil {
		c.raced(ctx, opened, m.change, told)
	}
	return told, err
}

// raced notes that somebody changed the same fields after the last look and before
// our change, which Jira has no lock against: what they wrote is gone, and is not
// in the pre-image either.
func (c *Connector) raced(ctx context.Context, opened *receipt.Receipt, ch *receipt.Change, r *gate.Result) {
	list, err := c.changelog(ctx, ch.Target.ID)
	if err != nil {
		return
	}
	e := wrote(list, ch.Target.Version, opened.Call.Fields, "")
	if e == nil || e.ID == r.Outcome.Target.Version || r.Outcome.Actor == "" || e.by(r.Outcome.Actor) {
		return
	}
	r.Outcome.Code = "overwrote"
	c.incident(ctx, opened, "a change covered one that somebody made at the same time", r.Outcome.Code, e.ID)
}

// tell reads the result back and puts it into words for the agent.
func (c *Connector) tell(ctx context.Context, opened *receipt.Receipt, m *mutation, target *policy.Resource, r *gate.Result) (*gate.Result, error) {
	r.Outcome.Target = target
	c.written.note(opened.Job, c.now(), m.issues(target)...)
	told, err := m.read(ctx, target, r)
	switch code := r.Outcome.Code; code {
	case outsideCode:
		c.incident(ctx, opened, "a change is not where it was allowed", code, target.ID)
	case differsCode:
		c.incident(ctx, opened, "a written issue is not as it was sent", code, target.ID)
	}
	if err != nil {
		return r, err
	}
	r.Body, err = seal.Marshal(told)
	return r, err
}

// issues are the ids of the issues that m touched.
func (m *mutation) issues(target *policy.Resource) []string {
	var ids []string
	for _, at := range m.held {
		ids = append(ids, at.ID)
	}
	if target.Type == "issue" {
		ids = append(ids, target.ID)
	}
	return ids
}

// turns let writes to one issue follow one another.
type turns struct {
	mu   sync.Mutex
	held map[string]chan struct{} // by the issue's id; closed when it is free
}

// take waits until nobody else writes to the issues. Who has them calls leave.
func (t *turns) take(ctx context.Context, list []*place) (leave func(), err error) {
	var ids []string
	for _, p := range list {
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for {
		busy := t.tryTake(ids)
		if busy == nil {
			return func() { t.leave(ids) }, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another write to the same issue: %w", ctx.Err())
		}
	}
}

// tryTake takes all of the issues, or returns what tells when one of them is free.
func (t *turns) tryTake(ids []string) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		if busy, ok := t.held[id]; ok {
			return busy
		}
	}
	if t.held == nil {
		t.held = map[string]chan struct{}{}
	}
	for _, id := range ids {
		t.held[id] = make(chan struct{})
	}
	return nil
}

func (t *turns) leave(ids []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		close(t.held[id])
		delete(t.held, id)
	}
}
