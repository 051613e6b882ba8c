// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

func wpcExplain(ctx context.Context, c *call) error {
	connect := c.client()
	of := c.String("receipt", "", "explain the decision of the receipt `JOB/SEQ`")
	callFile := c.String("call", "", "decide the call in `FILE` and explain that")
	factsFile := c.String("facts", "", "with -call: the facts in `FILE` (default: none)")
	worldFile := c.String("world", "", "with -call: `FILE` of cases whose world says what names lead to (default: to themselves)")
	contentFile := c.String("content", "", "with -call: the exact arguments in `FILE`, for conditions")
	if err := c.parse(0, 1); err != nil {
		return err
	}
	switch {
	case *of != "" && len(c.args) == 0 && *callFile == "":
		return c.explainReceipt(ctx, connect, *of)
	case *of != "" || len(c.args) != 1:
		return usagef("explain one thing\nwant: clawea %s %s", c.cmd.name, c.cmd.args)
	case *callFile != "":
		return c.explainCall(c.args[0], *callFile, *factsFile, *worldFile, *contentFile)
	case *factsFile+*worldFile+*contentFile != "":
		return usagef("-facts, -world and -content are about a call\nname it with -call FILE")
	case strings.HasPrefix(c.args[0], "sha256:"):
		return c.explainPublished(ctx, connect, c.args[0])
	}
	src, p, err := parseWPC(c.args[0])
	if err != nil {
		return err
	}
	c.writeSentences(src, p)
	return nil
}

// explainPublished explains a policy of the daemon's, with what its names led to.
func (c *call) explainPublished(ctx context.Context, connect func() (*api.Client, error), hash string) error {
	h, err := parseHash(hash)
	if err != nil {
		return err
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	src, p, names, err := fetchPolicy(ctx, cl, h)
	if err != nil {
		return err
	}
	c.writeSentences(src, p)
	for _, n := range names {
		fmt.Fprintf(c.stdout, "       When it was published, %s was the %s %s on %s.\n",
			clean(n.Name.String()), strings.ReplaceAll(n.Kind, "_", " "), clean(n.ID), clean(n.Site))
	}
	return nil
}

// fetchPublished gets a published policy, which must be the one asked for, and reads it.
func fetchPublished(ctx context.Context, cl *api.Client, h seal.Hash) (*api.Policy, *policy.Policy, error) {
	published, err := cl.Policy(ctx, h)
	if err != nil {
		return nil, nil, err
	}
	if published.Envelope == nil || !published.Envelope.Hash().Equal(h) {
		return nil, nil, errors.New("the daemon sent another policy than the one asked for\nits database or the way to it is not to be trusted")
	}
	p, err := policy.Parse(published.Envelope.Payload)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", h, err)
	}
	return published, p, nil
}

// fetchPolicy gets a published policy as text with a line to each value.
func fetchPolicy(ctx context.Context, cl *api.Client, h seal.Hash) ([]byte, *policy.Policy, []policy.Bound, error) {
	published, p, err := fetchPublished(ctx, cl, h)
	if err != nil {
		return nil, nil, nil, err
	}
	src := jsontext.Value(published.Envelope.Payload)
	if err := src.Indent(jsontext.WithIndent("  ")); err != nil {
		return nil, nil, nil, fmt.Errorf("read %s: %w", h, err)
	}
	return src, p, published.Names, nil
}

// writeSentences prints what a policy comes to, each sentence after the line
// that says so.
func (c *call) writeSentences(src []byte, p *policy.Policy) {
	for _, s := range p.Explain() {
		line := ""
		if len(s.Clauses) > 0 {
			line = strconv.Itoa(lineOf(src, s.Clauses[0]))
		}
		fmt.Fprintf(c.stdout, "%5s  %s\n", line, clean(s.Says))
	}
}

// lineOf is the line of the value at a JSON pointer, or of what should hold it.
func lineOf(src []byte, pointer string) int { return seal.Errorf(src, pointer, "").Line }

// explainReceipt explains the decision that a receipt records.
func (c *call) explainReceipt(ctx context.Context, connect func() (*api.Client, error), name string) error {
	job, number, ok := strings.Cut(name, "/")
	seq, err := strconv.ParseUint(number, 10, 64)
	if !ok || job == "" || err != nil {
		return usagef("%q is not a receipt\nwant JOB/SEQ, as the header Clawea-Receipt and clawea job show say it", name)
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	r, err := openedReceipt(ctx, cl, job, seq)
	if err != nil {
		return err
	}
	if r.Refused != "" {
		fmt.Fprintf(c.stdout, "refused %s: %s\n  Nothing was decided: the token did not hold.\n", clean(r.Call.Name()), clean(r.Refused))
		return nil
	}
	src, p, _, err := fetchPolicy(ctx, cl, r.Decision.Policy)
	if err != nil {
		return err
	}
	c.writeDecision(src, p, r.Call, r.Decision)
	if r.Asks != "" {
		fmt.Fprintf(c.stdout, "  It waited for a person: clawea approve show %s\n", clean(r.Asks))
	}
	return nil
}

// openedReceipt gets the receipt that opened a call, by its number or by that of the
// one that closed it.
func openedReceipt(ctx context.Context, cl *api.Client, job string, seq uint64) (*receipt.Receipt, error) {
	both, err := cl.Call(ctx, job, seq)
	if p := (*api.Problem)(nil); errors.As(err, &p) && p.Status == http.StatusNotFound {
		return nil, fmt.Errorf("job %s has no receipt %d of a call\nits receipts are listed by: clawea job show %s", job, seq, job)
	}
	if err != nil {
		return nil, err
	}
	if both.Opened == nil {
		return nil, errors.New("the daemon's answer lacks a receipt\nis this a Clawea daemon, of this version?")
	}
	r, err := receipt.Parse(both.Opened.Payload)
	if err != nil {
		return nil, fmt.Errorf("read a receipt of %s: %w", job, err)
	}
	if r.Call == nil || r.Job != job || r.Decision == nil && r.Refused == "" {
		return nil, errors.New("the daemon's answer is another receipt\nlook into its log")
	}
	return r, nil
}

// explainCall decides a call from files and explains that.
func (c *call) explainCall(path, callFile, factsFile, worldFile, contentFile string) error {
	src, p, err := parseWPC(path)
	if err != nil {
		return err
	}
	w := new(caseWorld)
	if worldFile != "" {
		cases := new(casesFile)
		if err := readStrict(worldFile, cases); err != nil {
			return err
		}
		w = &cases.World
	}
	if p, err = w.bind(p); err != nil {
		return err
	}
	k := testCase{}
	if err := readStrict(callFile, &k.Call); err != nil {
		return err
	}
	if factsFile != "" {
		if err := readStrict(factsFile, &k.Facts); err != nil {
			return err
		}
	}
	if contentFile != "" {
		b, err := readFile(contentFile, maxPaper)
		if err != nil {
			return err
		}
		k.Content = string(b)
	}
	asked, d := k.decide(p, w)
	c.writeDecision(src, p, asked, &d)
	return nil
}

// parseWPC reads a policy's text and the policy.
func parseWPC(path string) ([]byte, *policy.Policy, error) {
	src, err := readWPC(path)
	if err != nil {
		return nil, nil, err
	}
	p, err := policy.Parse(src)
	if err != nil {
		return nil, nil, located(path, err, mendPolicy)
	}
	return src, p, nil
}

func readStrict(path string, v any) error {
	b, err := readFile(path, maxPaper)
	if err != nil {
		return err
	}
	if err := seal.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w\nmend it there", path, err)
	}
	return nil
}

// writeDecision prints a decision and, for every clause that gave it, where the
// policy has it and what it comes to.
func (c *call) writeDecision(src []byte, p *policy.Policy, asked *policy.Call, d *policy.Decision) {
	fmt.Fprintf(c.stdout, "%s %s\n", d.Effect, clean(asked.Name()))
	if d.BreakGlass {
		fmt.Fprintf(c.stdout, "  The policy is one for an emergency.\n")
	}
	for _, r := range d.Reasons {
		c.writeReason(src, p, r)
	}
}

func (c *call) writeReason(src []byte, p *policy.Policy, r policy.Reason) {
	switch {
	case r.Clause == "":
		fmt.Fprintf(c.stdout, "  %s\n      No clause of the policy says this; spec/policy.md 4.2 to 4.5 and 4.28 do.\n", clean(r.Says))
	case strings.HasPrefix(r.Clause, "grant:"):
		fmt.Fprintf(c.stdout, "  %s (%s)\n      The policy is not the reason: the token was granted only a part of it (clawea cst show ID).\n", clean(r.Says), clean(r.Clause))
	default:
		line := lineOf(src, r.Clause)
		fmt.Fprintf(c.stdout, "  %s (%s)\n      line %d: %s\n", clean(r.Says), clean(r.Clause), line, clean(textOf(src, line)))
		for _, s := range p.ExplainClause(r.Clause) {
			fmt.Fprintf(c.stdout, "      %s\n", clean(s.Says))
		}
	}
}

// textOf is a line of src, cut to what fits on a terminal.
func textOf(src []byte, line int) string {
	s := strings.TrimSpace(strings.Split(string(src), "\n")[line-1])
	if r := []rune(s); len(r) > 100 {
		return string(r[:100]) + "..."
	}
	return s
}
