// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

func approveList(ctx context.Context, c *call) error {
	all := c.Bool("all", false, "also what has been answered")
	cl, err := c.dial(0, 0)
	if err != nil {
		return err
	}
	list, err := cl.Approvals(ctx, *all)
	if err != nil {
		return err
	}
	for _, a := range list.Approvals {
		fmt.Fprintf(c.stdout, "%-24s  %-7s  asked %s  expires %s  %s\n", clean(a.ID), a.State, stamp(a.Asked), stamp(a.Expires), clean(a.By))
	}
	return nil
}

func approveShow(ctx context.Context, c *call) error {
	full := c.Bool("full", false, "show all of what is sent, however long it is")
	cl, err := c.dial(1, 1)
	if err != nil {
		return err
	}
	q, err := cl.Question(ctx, c.args[0])
	if err != nil {
		return err
	}
	return c.showQuestion(q, *full)
}

// showQuestion prints a question after checking that it is what it says.
func (c *call) showQuestion(q *api.Question, full bool) error {
	r, err := checkQuestion(q)
	if err != nil {
		return err
	}
	change, err := checkChange(q, r)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "approval   %s (%s)\njob        %s\ncall       %s\n", clean(q.ID), q.State, clean(q.Job), clean(r.Call.Name()))
	for _, res := range r.Call.Resources {
		fmt.Fprintf(c.stdout, "touches    %s\n", clean(resourceLine(res)))
	}
	if len(r.Call.Fields) > 0 {
		fmt.Fprintf(c.stdout, "writes     %s\n", clean(strings.Join(r.Call.Fields, ", ")))
	}
	for _, reason := range r.Decision.Reasons {
		fmt.Fprintf(c.stdout, "because    %s\n", clean(reason.String()))
	}
	fmt.Fprintf(c.stdout, "policy     %s\ndigest     %s\nexpires    %s\n", q.Policy, q.Call, stamp(q.Expires))
	if change != nil {
		c.showChange(change, r.Call.Tool, r.Job, full)
	}
	fmt.Fprintf(c.stdout, "arguments  (written by the agent: read them as you would a stranger's letter)\n%s\n", indent(q.Text))
	return nil
}

func resourceLine(r policy.Resource) string {
	s := r.Type + " " + r.ID
	if r.Version != "" {
		s += " at version " + r.Version
	}
	var in []string
	for _, p := range r.Path {
		in = append(in, cmp.Or(p.Name, p.ID))
	}
	if len(in) > 0 {
		s += " in " + strings.Join(in, "/")
	}
	return s
}

func indent(b []byte) string {
	out := ""
	for line := range strings.Lines(string(b)) {
		out += "  | " + clean(strings.TrimSuffix(line, "\n")) + "\n"
	}
	return out
}

var errOtherCall = errors.New("the daemon shows another call than the one to be answered\ndo not answer it; its database or the way to it is not to be trusted")

// checkQuestion holds a question to itself: what is shown is what an answer is
// bound to.
func checkQuestion(q *api.Question) (*receipt.Receipt, error) {
	if q.Receipt == nil {
		return nil, errOtherCall
	}
	r, err := receipt.Parse(q.Receipt.Payload)
	if err != nil || r.Call == nil || r.Decision == nil {
		return nil, errOtherCall
	}
	if r.Job != q.Job || r.Asks != q.ID || !r.Call.Digest().Equal(q.Call) || !r.Decision.Policy.Equal(q.Policy) {
		return nil, errOtherCall
	}
	if !seal.Commit(q.Salt, q.Text).Equal(r.Call.Args) {
		return nil, errOtherCall
	}
	return r, nil
}

func approveYes(ctx context.Context, c *call) error { return c.answer(ctx, true) }
func approveNo(ctx context.Context, c *call) error  { return c.answer(ctx, false) }

func (c *call) answer(ctx context.Context, yes bool) error {
	connect := c.client()
	key := c.String("key", "", "your own private key `FILE`")
	reason := c.String("reason", "", "why, for the record; it goes into the bundle")
	hold := c.Duration("hold", time.Hour, "how long the answer waits for its call, at most 24h")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	if err := c.need("key"); err != nil {
		return err
	}
	k, err := keys.LoadSigner(*key)
	if err != nil {
		return err
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	q, err := cl.Question(ctx, c.args[0])
	if err != nil {
		return err
	}
	if err := c.showQuestion(q, false); err != nil {
		return err
	}
	e, err := signAnswer(q, k, yes, *reason, *hold, time.Now())
	if err != nil {
		return err
	}
	a, err := cl.Answer(ctx, q.ID, e)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "answered   %s by %s\n", a.State, clean(a.By))
	return nil
}

// signAnswer signs a person's answer to q with their own key.
func signAnswer(q *api.Question, k seal.Signer, yes bool, reason string, hold time.Duration, now time.Time) (*seal.Envelope, error) {
	at := now.UTC().Truncate(time.Millisecond)
	a := &receipt.Answer{
		Approval: q.ID, Job: q.Job, Call: q.Call, Policy: q.Policy,
		Yes: yes, By: k.Name(), Reason: reason, At: at, Expires: at.Add(hold),
	}
	return a.Sign(k)
}
