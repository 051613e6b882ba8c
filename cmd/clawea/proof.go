// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

func proofExport(ctx context.Context, c *call) error {
	disclose := c.Bool("disclose", false, "also the texts behind the commitments: prompts, arguments, results")
	out := c.String("o", "", "write to `FILE` instead of standard output")
	cl, err := c.dial(1, 1)
	if err != nil {
		return err
	}
	b, err := cl.Proof(ctx, c.args[0], *disclose)
	if err != nil {
		return err
	}
	return c.output(*out, b)
}

// proofVerify needs nothing but its files: no daemon, no network, no clock of
// anyone else's.
func proofVerify(_ context.Context, c *call) error {
	trust := c.String("trust", "", "`FILE` of the keys that you trust")
	format := c.String("format", "text", "text or json")
	expectPolicy := c.String("expect-policy", "", "fail unless every call was under the policy with this `HASH`")
	expectJob := c.String("expect-job", "", "fail unless this is the proof of `JOB`")
	if err := c.parse(1, maxProofs); err != nil {
		return err
	}
	if err := c.need("trust"); err != nil {
		return err
	}
	write := verify.WriteText
	switch *format {
	case "text":
	case "json":
		write = verify.WriteJSON
	default:
		return usagef("-format %q\nwant text or json", *format)
	}
	expect := verify.Expect{Job: *expectJob, Now: time.Now()}
	if *expectPolicy != "" {
		var err error
		if expect.Policy, err = parseHash(*expectPolicy); err != nil {
			return err
		}
	}
	t, err := readTrust(*trust)
	if err != nil {
		return err
	}
	var reports []*verify.Report
	for _, file := range c.args {
		b, err := readFile(file, bundle.MaxSize)
		if err != nil {
			return err
		}
		reports = append(reports, verify.Bundle(b, t, expect))
	}
	return c.verdict(reports, *format, write)
}

// maxProofs is how many bundles are verified together.
const maxProofs = 1000

// verdict prints the reports on the files that c names, and what they are
// together if there are several. It fails with errFalse unless all is true.
func (c *call) verdict(reports []*verify.Report, format string, write func(io.Writer, *verify.Report) error) error {
	several, verified := len(reports) > 1, true
	for i, r := range reports {
		verified = verified && r.Verified()
		if several && format == "text" {
			fmt.Fprintf(c.stdout, "%s\n", clean(c.args[i]))
		}
		if err := write(c.stdout, r); err != nil {
			return err
		}
		if several && format == "text" {
			fmt.Fprintln(c.stdout)
		}
	}
	shared := verify.Across(reports...)
	if several {
		if err := c.across(len(reports), shared, format); err != nil {
			return err
		}
	}
	if !verified || len(shared) > 0 {
		return errFalse
	}
	return nil
}

// across prints what n bundles are together.
func (c *call) across(n int, shared []verify.Finding, format string) error {
	if format == "json" {
		b, err := seal.Marshal(struct {
			Format   string           `json:"format"`
			Bundles  int              `json:"bundles"`
			Findings []verify.Finding `json:"findings"`
		}{"clawea.across.v1", n, shared})
		if err != nil {
			return err
		}
		_, err = c.stdout.Write(append(b, '\n'))
		return err
	}
	fmt.Fprintf(c.stdout, "Across %d bundles\n", n)
	for _, f := range shared {
		fmt.Fprintf(c.stdout, "  %-22s %s\n", f.Code, clean(f.Text))
	}
	if len(shared) == 0 {
		fmt.Fprintln(c.stdout, "  no token is in those of two jobs")
	}
	return nil
}

func proofTrust(ctx context.Context, c *call) error {
	out := c.String("o", "", "write to `FILE` instead of standard output")
	cl, err := c.dial(0, 0)
	if err != nil {
		return err
	}
	b, err := cl.Trust(ctx)
	if err != nil {
		return err
	}
	return c.output(*out, b)
}

// receiptLine says a receipt in one line.
func receiptLine(e *seal.Envelope) string {
	r, err := receipt.Parse(e.Payload)
	if err != nil {
		return "unreadable receipt: " + err.Error()
	}
	s := fmt.Sprintf("%5d  %s  ", r.Seq, stamp(r.At))
	switch {
	case r.Outcome != nil:
		return s + endLine(r)
	case r.Revocation != nil:
		return s + fmt.Sprintf("%s %s by %s: order %d", r.Kind, r.Revocation.Revocation, r.Revocation.By, r.Revocation.ID)
	case r.Refused != "":
		return s + fmt.Sprintf("refused %s: %s", r.Call.Name(), r.Refused)
	}
	s += fmt.Sprintf("%s %s", r.Decision.Effect, r.Call.Name())
	for _, reason := range r.Decision.Reasons {
		s += "; " + reason.String()
	}
	if !r.Call.Server.IsZero() {
		s += "; through the MCP server " + r.Call.Server.Short()
	}
	if r.Asks != "" {
		s += "; approval " + r.Asks
	}
	if by := r.Call.Elsewhere(); by != "" {
		s += "; " + by
	}
	return s + shadowText(r)
}

// endLine says what a receipt tells of a call's end, and whose word that is.
func endLine(r *receipt.Receipt) string {
	s := fmt.Sprintf("%s %d: %s", r.Kind, r.Opened, r.Outcome.Status)
	if r.Outcome.Code != "" {
		s += " " + r.Outcome.Code
	}
	if r.By != "" {
		s += ", by " + r.By
	}
	if r.Outcome.Model != nil {
		s += "; " + r.Outcome.Model.String()
	}
	if r.Outcome.Connection != nil {
		s += "; " + r.Outcome.Connection.String()
	}
	if r.Outcome.Lacked != nil {
		s += "; " + r.Outcome.Lacked.String()
	}
	return s
}
