// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"errors"
	"fmt"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/receipt"
)

// fault is an error for the agent. The format says what is wrong and what mends it.
func fault(code, format string, args ...any) error {
	return &gate.Fault{Code: code, Msg: fmt.Sprintf(format, args...)}
}

func isNotFound(err error) bool {
	f := (*gate.Fault)(nil)
	return errors.As(err, &f) && f.Code == "not_found"
}

// explain turns an error of a read into one for the agent. what names the thing
// read. The site's own words are left out: they may be hostile, and may tell
// about things outside the policy.
func explain(err error, what string) error {
	e := (*atlassian.Error)(nil)
	if !errors.As(err, &e) || errors.Unwrap(e) != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	switch e.Code {
	case atlassian.NotFound:
		return fault("not_found", "%s is not there, or the read credential may not see it; check the id", what)
	case atlassian.Unauthorized:
		return fault("unauthorized", "Confluence does not accept this house's credential; its operator must renew it")
	case atlassian.Forbidden:
		return fault("forbidden", "this house's credential may not read %s; its operator must give it the scope or the permission", what)
	case atlassian.NotOffered:
		return fault("not_offered", "this Confluence is of a kind (Data Center) that has no call for %s; have a person do it", what)
	case atlassian.RateLimited:
		return fault("rate_limited", "Confluence limits this house's calls; try again in some minutes")
	}
	return fault("upstream", "Confluence did not answer as it should about %s; try again later", what)
}

// explainWrite does the same for a request that was to change something.
func explainWrite(err error, what string) error {
	e := (*atlassian.Error)(nil)
	switch {
	case !errors.As(err, &e):
		return fmt.Errorf("write %s: %w", what, err)
	case e.Code == atlassian.TooLate:
		return tooLate(what)
	case e.Uncertain:
		return fault("uncertain", "no answer came that tells whether %s was written; read it before writing again", what)
	case errors.Unwrap(e) != nil:
		return fmt.Errorf("write %s: %w", what, err)
	case e.Code == atlassian.Conflict:
		return fault("conflict", "somebody changed %s meanwhile; read it again and write on the new version", what)
	case e.Code == atlassian.BadRequest:
		return fault("bad_argument", "Confluence does not take %s as it is; the title may be in use in this space, or the body is not valid storage format", what)
	case e.Code == atlassian.NotFound:
		return fault("not_found", "%s is not there for the write credential; its operator must give it access", what)
	case e.Code == atlassian.Forbidden:
		return fault("forbidden", "the write credential may not write %s; its operator must give it the scope or the permission", what)
	}
	return explain(err, what)
}

// tooLate is the error for what was not sent within its time: who looks later what
// became of it must not have it happen after all.
func tooLate(what string) error {
	return fault("too_late", "nothing was sent: it took too long until %s could be written; ask again", what)
}

// inTime is the error of what comes before a write, or that its time has passed.
func inTime(ctx context.Context, err error, what string) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return tooLate(what)
	}
	return err
}

// failed is the result of an act that did not do what it was for. Nothing that
// it reserved was used.
func failed(err error) *gate.Result {
	r := &gate.Result{Outcome: receipt.Outcome{Status: receipt.Failed, Code: "canceled", Used: map[string]int{"pages": 0}}}
	if e := (*atlassian.Error)(nil); errors.As(err, &e) {
		r.Outcome.Code, r.Outcome.Upstream, r.Outcome.Actor = e.Code, e.RequestID, e.Account
		if e.Uncertain {
			r.Outcome.Status = receipt.Unknown
		}
	}
	if f := (*gate.Fault)(nil); errors.As(err, &f) {
		r.Outcome.Code = f.Code
	}
	return r
}

// done is the result of an act that did what it was for.
func done(res *atlassian.Response, body []byte) *gate.Result {
	return &gate.Result{Body: body, Outcome: receipt.Outcome{
		Status: receipt.Done, Code: fmt.Sprint(res.Status), Upstream: res.RequestID, Actor: res.Account,
	}}
}
