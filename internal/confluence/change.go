// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// lookTimeout bounds all that comes after a write was sent: the looking, too, where
// no answer came.
const lookTimeout = time.Minute

// seen is the code of a write whose answer was lost and which was found, by the
// same act, to have happened.
const seen = "seen"

// A draft is a write as it was planned: what is sent, and how its ways and its
// end are watched.
type draft struct {
	what   string // for messages: "page 7"
	use    string // the credential that acts
	method string
	path   string
	query  url.Values
	body   func(receipt string) any // with the receipt's name in its place, "" before it is known; nil: no body
	change *receipt.Change          // without its request, which seal fills in

	check   func(context.Context) error                                   // looks again, right before
	answer  func(*atlassian.Response) (*policy.Resource, error)           // what the answer says was made or changed; nil: the change's target
	mark    func(context.Context, *policy.Resource, string) error         // names the receipt by a second request; nil: none
	confirm func(context.Context, *policy.Resource) (result any, _ error) // looks what has become of it, and says so to the agent
}

// request is what the draft sends.
func (d *draft) request(receipt string) (*atlassian.Request, error) {
	r := &atlassian.Request{Method: d.method, Path: d.path, Query: d.query, Mark: d.change.Request.Mark}
	if t := d.change.Target; t != nil && t.Type == "page" {
		if n, err := strconv.Atoi(t.Version); err == nil {
			r.Based = n
		}
	}
	if d.body == nil {
		return r, nil
	}
	var err error
	r.Body, err = encode(d.body(receipt))
	return r, err
}

// plan ends the planning of a write. Its change says what is sent.
func (c *Connector) plan(ctx context.Context, call *policy.Call, d *draft) (*gate.Plan, error) {
	r, err := d.request("")
	if err != nil {
		return nil, err
	}
	if d.change.Request, err = c.client(d.use).Record(ctx, r); err != nil {
		return nil, explainWrite(err, d.what)
	}
	return &gate.Plan{Call: call, Change: d.change, Act: func(ctx context.Context, opened *receipt.Receipt) (*gate.Result, error) {
		return c.carryOut(ctx, d, opened)
	}}, nil
}

// unopened plans a call on what the policy denies: nothing is read of that, and
// nothing is ever done.
func unopened(call *policy.Call) *gate.Plan {
	return &gate.Plan{Call: call, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) { return outside() }}
}

func outside() (*gate.Result, error) {
	err := fault("outside", "the page is not where the policy allows; have the policy changed")
	return failed(err), err
}

// carryOut sends a draft once, and sees it through to where it is known what has
// become of it.
func (c *Connector) carryOut(ctx context.Context, d *draft, opened *receipt.Receipt) (*gate.Result, error) {
	if err := inTime(ctx, d.check(ctx), d.what); err != nil {
		return failed(err), err
	}
	request, err := d.request(opened.Name())
	if err != nil {
		return failed(err), err
	}
	// Until it is on its way the caller's context bounds it. After that it is seen
	// through: a caller who hangs up must not leave a write of which nobody knows the
	// end.
	res, err := c.client(d.use).Do(ctx, request)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	var target *policy.Resource
	if err == nil {
		if target, err = d.changed(res); err != nil {
			c.log.WarnContext(ctx, "write answered in an unknown form", "what", d.what, "request", res.RequestID)
			err = &atlassian.Error{Status: res.Status, Code: atlassian.Upstream, RequestID: res.RequestID, Account: res.Account, Uncertain: true}
		}
	}
	switch {
	case err == nil:
		return c.close(ctx, d, opened, target, done(res, nil))
	case atlassian.IsUncertain(err):
		return c.lookFor(ctx, d, opened, err)
	case atlassian.Code(err) == atlassian.Conflict:
		return failed(err), c.whoCame(ctx, d, err)
	}
	return failed(err), explainWrite(err, d.what)
}

// changed is what the answer to a draft says was made or changed.
func (d *draft) changed(res *atlassian.Response) (*policy.Resource, error) {
	if d.answer == nil {
		return d.change.Target, nil
	}
	return d.answer(res)
}

// whoCame says who wrote the version that a write met.
func (c *Connector) whoCame(ctx context.Context, d *draft, err error) error {
	t := d.change.Target
	if t == nil || t.Type != "page" {
		return explainWrite(err, d.what)
	}
	now, _, failure := c.getPage(ctx, t.ID, false)
	if failure != nil || now.version() == t.Version {
		return explainWrite(err, d.what)
	}
	return newer(now, t.Version)
}

// newer is the conflict of who wrote on an old version.
func newer(now *page, based string) error {
	return fault("conflict", "page %s is at version %d, not %s: account %s wrote it at %s; read it again and write on that version",
		now.ID, now.Version.Number, based, account(now.Version.AuthorID), atlassian.Clean(now.Version.CreatedAt, 40))
}

// lookFor looks what became of a write to which no answer came. A write that may
// still be under way is not called failed.
func (c *Connector) lookFor(ctx context.Context, d *draft, opened *receipt.Receipt, cause error) (*gate.Result, error) {
	result := failed(cause)
	by := c.actor(ctx, d.use, cause)
	for _, wait := range c.looks {
		if atlassian.Sleep(ctx, wait) != nil {
			break
		}
		found, over, err := c.seek(ctx, opened, d.change, by)
		switch {
		case err != nil:
			c.log.WarnContext(ctx, "cannot tell yet whether a write took effect", "what", d.what, "receipt", opened.Name(), "err", err)
		case found != nil:
			result.Outcome.Status, result.Outcome.Code, result.Outcome.Used = receipt.Done, seen, nil
			return c.close(ctx, d, opened, found, result)
		case over:
			err := fault("conflict", "no answer came, and %s was not written: somebody else was first; read it again and write on the new version", d.what)
			result.Outcome.Status, result.Outcome.Code = receipt.Failed, "conflict"
			return result, err
		}
	}
	return result, explainWrite(cause, d.what)
}

// close looks, after a write, at what has become of it. The write has happened
// in any case; what ended up elsewhere, or otherwise, is a matter for a person.
func (c *Connector) close(ctx context.Context, d *draft, opened *receipt.Receipt, target *policy.Resource, result *gate.Result) (*gate.Result, error) {
	result.Outcome.Target = target
	if d.mark != nil {
		if err := d.mark(ctx, target, opened.Name()); err != nil { // it is found by its state all the same
			c.log.WarnContext(ctx, "write not marked", "what", d.what, "receipt", opened.Name(), "err", err)
			result.Outcome.Code = "unmarked"
		}
	}
	shown, err := d.confirm(ctx, target)
	if err == nil {
		result.Body, err = encode(shown)
	}
	if err != nil { // docs/operations.md says what an operator does then
		result.Outcome.Code = failed(err).Outcome.Code
		c.log.ErrorContext(ctx, "incident: a write is not where or what it should be", "receipt", opened.Name(),
			"target", target.Type+" "+target.ID, "code", result.Outcome.Code, "err", err)
	}
	return result, err
}

// unconfirmed is the error for what was written and is not found as it should be.
func unconfirmed(what, how string) error {
	return fault("unconfirmed", "%s was written, but %s; have a person look at it", what, how)
}

const (
	markBegins = "(clawea "
	markEnds   = ")"
)

// marked is a message with the name of the receipt behind it: "TEXT (clawea
// JOB/SEQ)". Before the name is known it is the message alone.
func marked(message, receipt string) string {
	if receipt == "" {
		return message
	}
	return strings.TrimPrefix(message+" "+markBegins+receipt+markEnds, " ")
}

// markOf returns the name of the receipt that a message ends with, or "".
func markOf(message string) string {
	rest, ok := strings.CutSuffix(message, markEnds)
	i := strings.LastIndex(rest, markBegins)
	if !ok || i < 0 || i > 0 && rest[i-1] != ' ' {
		return ""
	}
	mark := rest[i+len(markBegins):]
	if checkUndoes(mark) != nil {
		return ""
	}
	return mark
}

// changeable refuses to plan a write for which the house has no credential.
func (c *Connector) changeable(use string) error {
	switch {
	case use == atlassian.ForUndoing && c.undo == nil:
		return fault("undo_disabled", "this house has no credential that takes changes to Confluence back; its operator must configure \"undo\" beside \"read\" and \"write\"")
	case use == atlassian.ForWriting && c.write == nil:
		return fault("write_disabled", "this house has no credential that writes to Confluence; its operator must configure one")
	}
	return nil
}

// credentialFor is what an operation of the write credential is sent by: that, or
// the undo credential if it takes something back.
func credentialFor(undoes string) string {
	if undoes != "" {
		return atlassian.ForUndoing
	}
	return atlassian.ForWriting
}

// without returns a sorted list without a word.
func without(list []string, word string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == word })
}

// with returns a sorted list with a word.
func with(list []string, word string) []string {
	out := append(without(list, word), word)
	slices.Sort(out)
	return out
}
