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
	for after, more := "", true; more; more = after != "" && !*all {
		list, err := cl.Approvals(ctx, *all, after)
		if err != nil {
			return err
		}
		c.listApprovals(list.Approvals)
		after = list.Next
	}
	return nil
}

func (c *call) listApprovals(list []api.Approval) {
	for _, a := range list {
		fmt.Fprintf(c.stdout, "%-24s  %-7s  asked %s  expires %s  %s\n", clean(a.ID), a.State, stamp(a.Asked), stamp(a.Expires), clean(cmp.Or(said(&a), a.By)))
	}
}

// said says in a line who has answered a question, and what is missing.
func said(a *api.Approval) string {
	var parts []string
	for _, n := range a.Answers {
		s := n.By + " no"
		if n.Yes {
			s = n.By + " yes"
			if n.Left > 1 {
				s += fmt.Sprintf(" (for %d calls)", n.Left)
			}
		}
		if n.For != "" {
			s += " for " + n.For
		}
		parts = append(parts, s)
	}
	if a.Unproven > 0 {
		parts = append(parts, fmt.Sprintf("not counted: %d that nobody has signed who may answer now", a.Unproven))
	}
	switch {
	case a.State != "open":
	case a.Missing == 1:
		parts = append(parts, "1 more yes is missing")
	case a.Missing > 1:
		parts = append(parts, fmt.Sprintf("%d more yeses are missing", a.Missing))
	}
	return strings.Join(parts, ", ")
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
	fmt.Fprintf(c.stdout, "approval   %s (%s)\n", clean(q.ID), q.State)
	if s := said(&q.Approval); s != "" {
		fmt.Fprintf(c.stdout, "answers    %s\n", clean(s))
	}
	fmt.Fprintf(c.stdout, "job        %s\n", clean(q.Job))
	if q.Client != "" {
		fmt.Fprintf(c.stdout, "ordered by %s\n", clean(q.Client))
	}
	fmt.Fprintf(c.stdout, "call       %s\n", clean(r.Call.Name()))
	if by := r.Call.Elsewhere(); by != "" {
		fmt.Fprintf(c.stdout, "elsewhere  %s: the house does not see what is sent, and takes nothing back\n", clean(by))
	}
	if !r.Call.Server.IsZero() {
		fmt.Fprintf(c.stdout, "through    the MCP server %s, by its tool %s (clawea wpc pins %s)\n", r.Call.Server, r.Call.Definition, q.Policy)
	}
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

func approveYes(ctx context.Context, c *call) error {
	hold := c.Duration("hold", time.Hour, "how long the answer waits for its call, at most 24h")
	times := c.Int("times", 1, "how many identical calls the yes is for, at most 20")
	whose := c.String("for", "", "answer in the stead of the person whose key has that `NAME`; they must have delegated to you")
	return c.answer(ctx, func(a *receipt.Answer) {
		a.For, a.Expires = *whose, a.At.Add(*hold)
		if a.Yes = true; *times != 1 {
			a.Times = *times
		}
	})
}

func approveNo(ctx context.Context, c *call) error {
	whose := c.String("for", "", "answer in the stead of the person whose key has that `NAME`; they must have delegated to you")
	return c.answer(ctx, func(a *receipt.Answer) { a.For = *whose })
}

func approveWithdraw(ctx context.Context, c *call) error {
	return c.answer(ctx, func(a *receipt.Answer) { a.Withdraws, a.Shown, a.Expires = true, seal.Hash{}, a.At.Add(time.Hour) })
}

// answer signs a person's answer to a question and sends it. says makes it a yes, a
// no or neither.
func (c *call) answer(ctx context.Context, says func(*receipt.Answer)) error {
	connect := c.client()
	key := c.String("key", "", "your own private key `FILE`")
	reason := c.String("reason", "", "why, for the record; it goes into the bundle")
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
	draft, err := draftAnswer(q, k, *reason, time.Now())
	if err != nil {
		return err
	}
	if says(draft); draft.Times < 0 || draft.Times > receipt.MaxTimes {
		return fmt.Errorf("a yes is for 1 to %d calls\nsay -times %d, or less", receipt.MaxTimes, receipt.MaxTimes)
	}
	e, err := draft.Sign(k)
	if err != nil {
		return err
	}
	a, err := cl.Answer(ctx, q.ID, e)
	if err != nil {
		return err
	}
	if draft.Withdraws {
		fmt.Fprintf(c.stdout, "withdrawn  %s\n", clean(cmp.Or(said(a), a.State)))
		return nil
	}
	fmt.Fprintf(c.stdout, "answered   %s\n", clean(answered(a)))
	return nil
}

// answered says what a question has come to by an answer to it.
func answered(a *api.Approval) string {
	if a.State == "open" {
		return cmp.Or(said(a), a.State)
	}
	return a.State + " by " + a.By
}

// draftAnswer is an answer to q by k's owner, who was shown what it changes: a no, so
// far.
func draftAnswer(q *api.Question, k seal.Signer, reason string, now time.Time) (*receipt.Answer, error) {
	at := now.UTC().Truncate(time.Millisecond)
	a := &receipt.Answer{
		Approval: q.ID, Job: q.Job, Call: q.Call, Policy: q.Policy,
		By: k.Name(), Reason: reason, At: at, Expires: at.Add(receipt.NoHold),
	}
	if q.Change == nil {
		return a, nil
	}
	c, err := receipt.ParseChange(q.Change.Text)
	if err != nil {
		return nil, err
	}
	a.Shown = receipt.ShownHash(c.Diff)
	return a, nil
}
