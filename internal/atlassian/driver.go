// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/clawea/clawea/receipt"
)

// A Driver lets a client speak to a site that has another REST interface than
// Cloud: callers say what they want in Cloud's, and the driver asks for it in the
// site's own. A request that the site has nothing for fails with [NotOffered], and
// nothing is sent.
type Driver interface {
	// Do carries r out. A request that changes nothing may take several of the
	// site's, or none; one that changes something takes exactly one that does.
	Do(ctx context.Context, r *Request, send Send) (*Response, error)
	// Form returns the one request of the site's that carries r out. It may read,
	// but what it returns depends on r alone: if what it reads is not what r is based
	// on, it fails with [Conflict].
	Form(ctx context.Context, r *Request, send Send) (*Request, error)
	// Back returns the request that has this form. What Cloud has no words for in it
	// is left out.
	Back(ctx context.Context, form *Request, send Send) (*Request, error)
}

// Send sends a request to a site as it is. Its errors are *Error.
type Send func(context.Context, *Request) (*Response, error)

// Form returns r as it goes out, for evidence: r itself, unless the site takes a
// driver. Errors are as of Do.
func (c *Client) Form(ctx context.Context, r *Request) (*Request, error) {
	if c.driver == nil {
		return r, nil
	}
	if !c.known(r) {
		return nil, invalid("a request that no operation makes", nil)
	}
	return c.driver.Form(ctx, r, c.reads())
}

// Back returns the request that goes out in this form: the inverse of Form, as
// far as looking for what became of a request needs it.
func (c *Client) Back(ctx context.Context, form *Request) (*Request, error) {
	if c.driver == nil {
		return form, nil
	}
	return c.driver.Back(ctx, form, c.reads())
}

// Record is r, a change, as receipts have it: in the form in which it goes out.
func (c *Client) Record(ctx context.Context, r *Request) (receipt.Request, error) {
	form, err := c.Form(ctx, r)
	if err != nil {
		return receipt.Request{}, err
	}
	return form.record(), nil
}

// Recall is the request of a receipt, which went out to this client's site, as
// callers of Do know it: the inverse of Record.
func (c *Client) Recall(ctx context.Context, r receipt.Request) (receipt.Request, error) {
	path, query, _ := strings.Cut(r.Path, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return receipt.Request{}, invalid("a request whose query cannot be read", nil)
	}
	back, err := c.Back(ctx, &Request{Method: r.Method, Path: path, Query: q, Body: r.Body, Mark: r.Mark})
	if err != nil {
		return receipt.Request{}, err
	}
	return back.record(), nil
}

func (r *Request) record() receipt.Request {
	path := r.Path
	if len(r.Query) > 0 {
		path += "?" + r.Query.Encode()
	}
	return receipt.Request{Method: r.Method, Path: path, Body: r.Body, Mark: r.Mark}
}

// IsCloud reports whether the site is a Cloud site: whether it takes no driver.
func (c *Client) IsCloud() bool { return c.driver == nil }

// drive carries r out by the driver. The driver is held to its promise: a request
// that changes nothing leads to none that does, and one that changes something to
// one at most. What it reads after a change is read although ctx has ended, and if
// that fails, the change may have been made all the same.
func (c *Client) drive(ctx context.Context, r *Request) (*Response, error) {
	var sent, taken atomic.Bool
	res, err := c.driver.Do(ctx, r, func(ctx context.Context, out *Request) (*Response, error) {
		switch {
		case out.changes() && (!r.changes() || sent.Swap(true)):
			return nil, invalid("a change that nobody asked for", nil)
		case taken.Load():
			ctx = context.WithoutCancel(ctx)
		}
		res, err := c.send(ctx, out)
		if err == nil && out.changes() {
			taken.Store(true)
		}
		return res, err
	})
	if e := (*Error)(nil); taken.Load() && errors.As(err, &e) && !e.Uncertain {
		open := *e
		open.Uncertain = true
		return nil, &open
	}
	return res, err
}

// reads sends what changes nothing.
func (c *Client) reads() Send {
	return func(ctx context.Context, out *Request) (*Response, error) {
		if out.changes() {
			return nil, invalid("a change that nobody asked for", nil)
		}
		return c.send(ctx, out)
	}
}
