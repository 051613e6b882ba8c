// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"path"
	"strings"
	"sync/atomic"

	"github.com/clawea/clawea/seal"
)

// A Request is one call of the site's REST interfaces.
type Request struct {
	Method string
	Path   string     // below the base URL, escaped: build it with Segment
	Query  url.Values // sent in sorted order
	Body   []byte     // JSON, or nil
	// Safe marks a request other than GET that changes nothing (a search by POST),
	// so that it may be sent again like a GET.
	Safe bool
}

// changes reports whether the request may change something.
func (r *Request) changes() bool { return r.Method != http.MethodGet && !r.Safe }

// A Response is the answer to a request that the site took: its status is 2xx.
type Response struct {
	Status    int
	Body      []byte // JSON, or empty
	RequestID string // the site's id of the request, or ""
	Account   string // the site's id of the account that acted (X-AAccountId), or ""
}

// Glance reads those members of the answer that v names; see [seal.Glance].
func (r *Response) Glance(v any) error {
	if err := seal.Glance(r.Body, v); err != nil {
		return &Error{Status: r.Status, Code: Upstream, Message: "an answer in an unknown form", RequestID: r.RequestID, Account: r.Account}
	}
	return nil
}

// Segment escapes s to stand as one segment of a path. A segment that would
// lead elsewhere ("", ".", "..", or one with a slash) is refused by [Client.Do].
func Segment(s string) string { return url.PathEscape(s) }

// Do sends r and returns the answer. Anything but a 2xx answer is an *Error.
// 429 is waited for as the site asks, within bounds; a timeout or 5xx is tried
// again only if r changes nothing.
func (c *Client) Do(ctx context.Context, r *Request) (*Response, error) {
	target, err := c.target(r)
	if err != nil {
		return nil, err
	}
	waited := patience{}
	for try := 1; ; try++ {
		res, retryAfter, err := c.try(ctx, r, target)
		if err == nil {
			return res, nil
		}
		wait, worth := waited.next(try, r, err, retryAfter)
		if !worth || ctx.Err() != nil {
			return nil, err
		}
		c.log.InfoContext(ctx, "waiting for the site", slog.String("method", r.Method), slog.String("path", r.Path),
			slog.String("code", err.Code), slog.Int("status", err.Status), slog.Duration("wait", wait))
		if sleep(ctx, wait) != nil {
			return nil, err
		}
	}
}

// target returns the address of r, which is below the base URL whatever r says.
func (c *Client) target(r *Request) (string, error) {
	lower := strings.ToLower(r.Path)
	switch {
	case !strings.HasPrefix(r.Path, "/"), path.Clean(r.Path) != r.Path, strings.ContainsAny(r.Path, "?#\\"),
		strings.Contains(lower, "%2f"), strings.Contains(lower, "%2e"), strings.Contains(lower, "%5c"):
		return "", invalid("a path that leads elsewhere", nil)
	}
	target := c.BaseURL() + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	u, err := url.Parse(target)
	if err != nil || u.Host != c.base.Host || u.Scheme != c.base.Scheme || u.User != nil {
		return "", invalid("a path that leads elsewhere", nil)
	}
	return target, nil
}

// try sends r once. retryAfter is the site's wish, if it said no.
func (c *Client) try(ctx context.Context, r *Request, target string) (*Response, wish, *Error) {
	cred, err := c.credential(ctx)
	if err != nil {
		c.log.ErrorContext(ctx, "credential cannot be had", slog.Any("err", err))
		return nil, wish{}, invalid("the credential cannot be had", err)
	}
	if !cred.usable() {
		return nil, wish{}, invalid("the credential is empty or not fit for a header", nil)
	}
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var conn connection
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(limited, conn.trace()), r.Method, target, bytes.NewReader(r.Body))
	if err != nil {
		return nil, wish{}, invalid("not a request", nil)
	}
	req.Header.Set("Authorization", cred.header)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "clawea")
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	// The transport alone, without http.Client, follows no redirect.
	answer, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, wish{}, unanswered(ctx, err, r.changes() && conn.had())
	}
	defer answer.Body.Close()
	return c.read(ctx, r, answer)
}

func (c *Client) read(ctx context.Context, r *Request, answer *http.Response) (*Response, wish, *Error) {
	res := &Response{
		Status:    answer.StatusCode,
		RequestID: requestID(answer.Header),
		Account:   safe(answer.Header.Get("X-AAccountId")),
	}
	fail := func(code, message string, uncertain bool) *Error {
		return &Error{
			Status: res.Status, Code: code, Message: message, RequestID: res.RequestID, Account: res.Account,
			Uncertain: uncertain && r.changes(),
		}
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, c.maxBody+1))
	if res.Status < 200 || res.Status > 299 {
		return nil, wishOf(answer.Header), fail(codeOf(res.Status), words(body), res.Status < 400 || res.Status > 499)
	}
	switch {
	case err != nil:
		e := unanswered(ctx, err, r.changes())
		e.Status, e.RequestID, e.Account = res.Status, res.RequestID, res.Account
		return nil, wish{}, e
	case int64(len(body)) > c.maxBody:
		return nil, wish{}, fail(Upstream, "an answer larger than allowed", true)
	case len(body) > 0 && !isJSON(answer.Header):
		return nil, wish{}, fail(Upstream, "an answer that is not JSON", true)
	}
	res.Body = body
	return res, wish{}, nil
}

func isJSON(h http.Header) bool {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

// A connection learns whether a transport got one.
type connection struct{ asked, got atomic.Bool }

func (c *connection) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { c.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.got.Store(true) },
	}
}

// had errs on the side of yes: a transport that does not tell may have sent.
func (c *connection) had() bool { return c.got.Load() || !c.asked.Load() }

func requestID(h http.Header) string {
	for _, name := range []string{"Atl-Request-Id", "X-Arequestid", "Atl-Traceid", "X-Request-Id"} {
		if id := safe(h.Get(name)); id != "" {
			return id
		}
	}
	return ""
}

// safe keeps of an id from outside what is fit for receipts and logs.
func safe(s string) string {
	var b strings.Builder
	for _, r := range s {
		ok := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._:-", r)
		if ok && b.Len() < 64 {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// IsUncertain reports whether err leaves open if a change has happened.
func IsUncertain(err error) bool {
	e := (*Error)(nil)
	return errors.As(err, &e) && e.Uncertain
}
