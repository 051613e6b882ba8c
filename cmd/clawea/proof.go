// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
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
	if err := c.parse(1, 1); err != nil {
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
	paper, err := readFile(*trust, maxPaper)
	if err != nil {
		return err
	}
	t, err := verify.ParseTrust(paper)
	if err != nil {
		return located(*trust, err)
	}
	b, err := readFile(c.args[0], bundle.MaxSize)
	if err != nil {
		return err
	}
	report := verify.Bundle(b, t, expect)
	if err := write(c.stdout, report); err != nil {
		return err
	}
	if !report.Verified() {
		return errFalse
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
	case r.Kind == receipt.Closed:
		return s + fmt.Sprintf("closed %d: %s %s", r.Opened, r.Outcome.Status, r.Outcome.Code)
	case r.Refused != "":
		return s + fmt.Sprintf("refused %s: %s", r.Call.Name(), r.Refused)
	}
	s += fmt.Sprintf("%s %s", r.Decision.Effect, r.Call.Name())
	for _, reason := range r.Decision.Reasons {
		s += "; " + reason.String()
	}
	if r.Asks != "" {
		s += "; approval " + r.Asks
	}
	return s + shadowText(r)
}
