// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

func fault(code, format string, args ...any) *gate.Fault {
	return &gate.Fault{Code: code, Msg: fmt.Sprintf(format, args...)}
}

// said turns an error of the transport into what the agent may know. what names
// the thing asked for, in the agent's own words. Nothing of Jira's text is kept.
func said(err error, what string) *gate.Fault {
	if atlassian.Code(err) == atlassian.TooLate {
		return tooLate()
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault("canceled", "the call was given up before Jira answered; ask again")
	}
	if f := (*gate.Fault)(nil); errors.As(err, &f) { // the credential says it
		return f
	}
	switch atlassian.Code(err) {
	case atlassian.NotFound:
		return fault("not_found", "%s is not there, or this account cannot see it; check the spelling", what)
	case atlassian.Forbidden:
		return fault("forbidden", "Jira does not let this account reach %s; ask an operator for the permission", what)
	case atlassian.Unauthorized:
		return fault("upstream", "Jira refuses the credential; an operator must renew it")
	case atlassian.WrongAccount:
		return fault("wrong_account", "Jira says that another account acts than this house is configured with; an operator must look, and correct the credential")
	case atlassian.RateLimited:
		return fault("rate_limited", "Jira asks to slow down; try again in a few minutes")
	case atlassian.Conflict:
		return fault("conflict", "%s changed meanwhile; read it again and repeat the call", what)
	case atlassian.BadRequest:
		return fault("bad_argument", "Jira does not take %s; check the arguments", what)
	case atlassian.NotOffered:
		return fault("not_offered", "this Jira is of a kind (Data Center) that has no call for %s; have a person do it", what)
	}
	return fault("upstream", "Jira gave no usable answer; try again later")
}

// tooLate is the error for what was not sent within its time: who looks later what
// became of it must not have it happen after all.
func tooLate() *gate.Fault {
	return fault("too_late", "nothing was sent: it took too long until the change could be made; ask again")
}

// inTime is the error of what comes before a write, or that its time has passed.
func inTime(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return tooLate()
	}
	return err
}

// refused is the result of an act that came to nothing, or that may have
// happened if err leaves that open.
func refused(err error, f *gate.Fault) (*gate.Result, error) {
	out := receipt.Outcome{Status: receipt.Failed, Code: f.Code}
	if e := asError(err); e != nil {
		out.Upstream, out.Actor = e.RequestID, e.Account
	}
	if atlassian.IsUncertain(err) {
		out.Status = receipt.Unknown
		f = fault(f.Code, "the request was sent and no answer tells whether it took effect; look in Jira before repeating it")
	}
	return &gate.Result{Outcome: out}, f
}

// stopped is the result of an act that this side gave up before sending a change.
func stopped(err error) (*gate.Result, error) {
	out := receipt.Outcome{Status: receipt.Failed, Code: "error"}
	if f := (*gate.Fault)(nil); errors.As(err, &f) {
		out.Code = f.Code
	}
	return &gate.Result{Outcome: out}, err
}

// done is the outcome of an act that Jira carried out.
func done(res *atlassian.Response, target *policy.Resource) receipt.Outcome {
	return receipt.Outcome{
		Status: receipt.Done, Code: strconv.Itoa(res.Status), Target: target,
		Upstream: res.RequestID, Actor: res.Account,
	}
}

func asError(err error) *atlassian.Error {
	e := (*atlassian.Error)(nil)
	errors.As(err, &e)
	return e
}

// quote makes text from outside a quotation, so that it is not taken for ours.
func quote(s string) string { return strconv.Quote(atlassian.Clean(s, 200)) }
