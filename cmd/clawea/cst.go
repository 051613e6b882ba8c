// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/token"
)

func cstIssue(ctx context.Context, c *call) error {
	connect := c.client()
	wpc := c.String("wpc", "", "the policy's `HASH`")
	job := c.String("job", "", "the `JOB` that the token is good for")
	agent := c.String("agent", "", "the `AGENT` that does the job")
	ttl := c.Duration("ttl", 0, "how long it lives (default: as long as the policy permits)")
	grant := c.String("grant", "", "`FILE` of the part of the policy that it may use: {\"actions\":[],\"resources\":[],\"limits\":{}} (default: all)")
	attest := c.attestFlags()
	key := c.String("jkt", "", "the `THUMBPRINT` of the key that it is bound to (RFC 7638); without it, it is a plain bearer token")
	ticket := c.String("ticket", "", "the `ID` of the ticket that the job is done for")
	attestation := c.String("attestation", "", "`FILE` of a launcher's signed attestation of what the agent runs in, in place of what is said of that here")
	out := c.String("o", "", "write the token to `FILE` instead of standard output")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := c.need("wpc", "job", "agent"); err != nil {
		return err
	}
	order := &api.Order{Agent: *agent, Job: *job, Ticket: *ticket, TTL: int(*ttl / time.Second)}
	if *ttl < 0 || *ttl > 0 && *ttl < time.Second {
		return usagef("-ttl %v is no life for a token\nwant a second or more, like 15m", *ttl)
	}
	var err error
	if order.Policy, err = parseHash(*wpc); err != nil {
		return err
	}
	order.Runtime, order.Key = attest(), *key
	if *grant != "" {
		if order.Grant, err = readGrant(*grant); err != nil {
			return err
		}
	}
	if *attestation != "" {
		if order.Attestation, err = readEnvelope(*attestation); err != nil {
			return err
		}
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	issued, err := cl.Issue(ctx, order)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stderr, "token %s for job %s, until %s\n", clean(string(issued.Claims.ID)), issued.Claims.Job, stamp(time.Unix(issued.Claims.Expires, 0)))
	return c.output(*out, []byte(issued.Token+"\n"))
}

func cstShow(ctx context.Context, c *call) error {
	cl, err := c.dial(1, 1)
	if err != nil {
		return err
	}
	t, err := cl.Record(ctx, token.ID(c.args[0]))
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "id       %s\njob      %s\nagent    %s\npolicy   %s\nissued   %s\nexpires  %s\n",
		clean(string(t.ID)), clean(t.Job), clean(t.Agent), t.Policy, stamp(t.Issued), stamp(t.Expires))
	if t.Revoked != nil {
		fmt.Fprintf(c.stdout, "revoked  %s  %s\n", stamp(*t.Revoked), clean(t.Reason))
	}
	if t.Record != nil {
		fmt.Fprintf(c.stdout, "\n%s\n", clean(string(t.Record.Payload)))
	}
	return nil
}

func cstRevoke(ctx context.Context, c *call) error {
	connect := c.client()
	job := c.String("job", "", "revoke all tokens of `JOB`")
	reason := c.String("reason", "", "why, for the record")
	if err := c.parse(0, 1); err != nil {
		return err
	}
	if (*job == "") == (len(c.args) == 0) {
		return usagef("name a token or a job\nwant: clawea cst revoke ID, or: clawea cst revoke -job JOB")
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	var done *api.Revoked
	if *job != "" {
		done, err = cl.RevokeJob(ctx, *job, *reason)
	} else {
		done, err = cl.Revoke(ctx, token.ID(c.args[0]), *reason)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "revoked %d\n", done.Tokens)
	return nil
}

func jobList(ctx context.Context, c *call) error {
	cl, err := c.dial(0, 0)
	if err != nil {
		return err
	}
	list, err := cl.Jobs(ctx)
	if err != nil {
		return err
	}
	for _, j := range list.Jobs {
		fmt.Fprintf(c.stdout, "%s  %-20s  %-20s  %4d receipts  policy %s\n", stamp(j.Created), clean(j.ID), clean(j.Agent), j.Receipts, j.Policy.Short())
	}
	return nil
}

func jobShow(ctx context.Context, c *call) error {
	cl, err := c.dial(1, 1)
	if err != nil {
		return err
	}
	j, err := cl.Job(ctx, c.args[0])
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "job      %s\nagent    %s\npolicy   %s\ncreated  %s\n", clean(j.ID), clean(j.Agent), j.Policy, stamp(j.Created))
	for _, t := range j.Tokens {
		state := "until " + stamp(t.Expires)
		if t.Revoked != nil {
			state = "revoked " + stamp(*t.Revoked) + " " + t.Reason
		}
		fmt.Fprintf(c.stdout, "token    %s  %s\n", clean(string(t.ID)), clean(strings.TrimSpace(state)))
	}
	list, err := cl.Receipts(ctx, j.ID)
	if err != nil {
		return err
	}
	for _, e := range list.Receipts {
		fmt.Fprintf(c.stdout, "%s\n", clean(receiptLine(e)))
	}
	return nil
}
