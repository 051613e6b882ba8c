// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/replay"
	"github.com/clawea/clawea/receipt"
)

// wpcShadow lets a candidate run beside a policy. It is asked about every call,
// what it says goes into the receipts, and no call depends on it.
func wpcShadow(ctx context.Context, c *call) error {
	connect := c.client()
	candidate := c.String("candidate", "", "the candidate's `HASH`")
	stop := c.Bool("stop", false, "stop it")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	if err := c.need("candidate"); err != nil {
		return err
	}
	h, err := parseHash(c.args[0])
	if err != nil {
		return err
	}
	req := &api.Shadowing{Stop: *stop}
	if req.Candidate, err = parseHash(*candidate); err != nil {
		return err
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	list, err := cl.Shadow(ctx, h, req)
	if err != nil {
		return err
	}
	writeShadows(c.stdout, list.Shadows)
	return nil
}

// writeShadows lists the candidates that run beside a policy.
func writeShadows(w io.Writer, list []api.Shadow) {
	for _, s := range list {
		fmt.Fprintf(w, "shadow     %s since %s\n", s.Candidate, stamp(s.Since))
	}
}

// verdictText says what a candidate says of a call: "would deny: ... (/actions)".
func verdictText(v *receipt.Verdict) string {
	if v.Decision == nil {
		return "unknown: " + unknownText(v.Unknown)
	}
	s := "would " + v.Decision.Effect.String()
	for i, r := range v.Decision.Reasons {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		s += sep + r.String()
	}
	return s
}

// unknownText says in words why a verdict is not known.
func unknownText(code string) string {
	switch code {
	case receipt.UnknownPlan:
		return "the call would have been put in other terms under it"
	case receipt.UnknownNames:
		return "the record does not keep the names or labels that it asks for"
	case receipt.UnknownGrant, replay.UnknownToken:
		return "it is not on record what the token was granted"
	case replay.UnknownText:
		return "the text that its conditions look at is gone or damaged"
	case replay.UnknownReceipt:
		return "the receipt is damaged"
	case receipt.UnknownPolicy:
		return "a policy is gone, or does not verify"
	}
	return "the house was in trouble (" + code + ")"
}

// shadowText says what the candidates say of r's call, where they disagree with
// what was decided.
func shadowText(r *receipt.Receipt) string {
	s := ""
	for i := range r.Shadow {
		if v := &r.Shadow[i]; v.Decision == nil || v.Decision.Effect != r.Decision.Effect {
			s += fmt.Sprintf("; candidate %s %s", v.Policy.Short(), verdictText(v))
		}
	}
	return s
}
