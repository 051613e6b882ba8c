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
	"time"

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
	// Based is the version of the page that a change is based on, for sites that
	// compare where Cloud does not; 0: none. It is not sent as such.
	Based int
	// Mark is where in Body the receipt's name is put, as a JSON pointer, or "". It is
	// not sent.
	Mark string
}

// changes reports whether the request may change something.
func (r *Request) changes() bool { return r.Method != http.MethodGet && !r.Safe }

// A Response is the answer to a request that the site took: its status is 2xx.
type Response struct {
	Status    int
	Body      []byte // JSON, or empty
	RequestID string // the site's id of the request, or ""
	Account   string // the site's id of the account that acted (X-AAccountId, or X-AUSERNAME), or ""
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
//
// 429 is waited for as the site asks, within bounds, unless an hour's budget is
// spent; a timeout or 5xx is tried again only if r changes nothing; 401 once, by
// another credential, if there is one. A change that must be compared with what
// is there (a page's next version) is the caller's to try again after reading.
//
// A change is not sent after ctx has ended: with [TooLate] if its deadline has
// passed. Once it is on its way ctx no longer matters, and Timeout bounds it alone.
func (c *Client) Do(ctx context.Context, r *Request) (*Response, error) {
	carry := c.send
	switch {
	case !c.known(r):
		return nil, invalid("a request that no operation makes", nil)
	case c.driver != nil:
		carry = c.drive
	}
	res, err := carry(ctx, r)
	return res, late(ctx, r, err)
}

// send is Do, of a request in the site's own form.
func (c *Client) send(ctx context.Context, r *Request) (*Response, error) {
	target, err := c.target(r)
	if err != nil {
		return nil, err
	}
	waited := new(patience)
	for try := 1; ; try++ {
		res, w, err := c.once(ctx, waited, r, target)
		if err == nil {
			return res, nil
		}
		wait, worth := waited.next(try, r, err, w)
		if !worth || wait > left(ctx, r) || ctx.Err() != nil {
			return nil, err
		}
		c.log.InfoContext(ctx, "waiting for the site", slog.String("method", r.Method), slog.String("path", r.Path), slog.Int("attempt", try),
			slog.String("code", err.Code), slog.Int("status", err.Status), slog.Duration("wait", wait))
		if c.wait(ctx, waited, wait) != nil {
			return nil, err
		}
	}
}

// once waits for its turn and sends r, twice if the site does not take the first
// credential.
func (c *Client) once(ctx context.Context, waited *patience, r *Request, target string) (*Response, wish, *Error) {
	done, fail := c.turn(ctx, waited, r)
	if fail != nil {
		return nil, wish{}, fail
	}
	defer done()
	cred, fail := c.fetchCredential(ctx)
	if fail != nil {
		return nil, wish{}, fail
	}
	res, w, fail := c.try(ctx, r, target, cred)
	if fail == nil || fail.Status != http.StatusUnauthorized || c.refused == nil {
		return res, w, fail
	}
	c.refused(cred)
	other, denied := c.fetchCredential(ctx)
	if denied != nil {
		return nil, wish{}, denied
	}
	if other == cred {
		return res, w, fail
	}
	c.log.InfoContext(ctx, "credential refused, trying its successor", slog.String("method", r.Method), slog.String("path", r.Path))
	return c.try(ctx, r, target, other)
}

// fetchCredential asks for the credential, which must be fit for a header.
func (c *Client) fetchCredential(ctx context.Context) (Credential, *Error) {
	cred, err := c.credential(ctx)
	if err != nil {
		c.log.ErrorContext(ctx, "credential cannot be had", slog.Any("err", err))
		return Credential{}, invalid("the credential cannot be had", err)
	}
	if !cred.usable() {
		return Credential{}, invalid("the credential is empty or not fit for a header", nil)
	}
	return cred, nil
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

// try sends r once. The wish is the site's, if it said no.
func (c *Client) try(ctx context.Context, r *Request, target string, cred Credential) (*Response, wish, *Error) {
	if alien := c.alien.Load(); alien != nil && *alien == cred && r.changes() {
		return nil, wish{}, &Error{Code: WrongAccount, Message: "not sent: this credential is another account's than configured"}
	}
	if ctx.Err() != nil {
		return nil, wish{}, unanswered(ctx, nil, false)
	}
	limited, end := c.depart(ctx, r)
	defer end()
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
	w := c.heed(r, answer)
	if e := c.acted(ctx, r, answer, cred); e != nil {
		return nil, wish{}, e
	}
	res, e := c.read(ctx, r, answer, w)
	return res, w, e
}

// heed takes in what an answer says of the site's limits.
func (c *Client) heed(r *Request, answer *http.Response) wish {
	now := time.Now()
	w := wishOf(answer.Header, now)
	c.pacer.heed(now, r, answer.StatusCode, answer.Header, w, w.pause(1))
	return w
}

// acted fails if the site says that another account acted than the credential's.
func (c *Client) acted(ctx context.Context, r *Request, answer *http.Response, cred Credential) *Error {
	account := accountOf(answer.Header)
	if account != "" {
		c.last.Store(&account)
	}
	if cred.account == "" || account == "" {
		return nil
	}
	if account == cred.account {
		c.alien.Store(nil)
		return nil
	}
	c.alien.Store(&cred)
	e := &Error{
		Status: answer.StatusCode, Code: WrongAccount, Message: "another account acted than configured",
		RequestID: requestID(answer.Header), Account: account,
		Uncertain: r.changes() && (answer.StatusCode < 400 || answer.StatusCode > 499),
	}
	c.log.ErrorContext(ctx, "incident: another account acted than configured", slog.String("method", r.Method), slog.String("path", r.Path),
		slog.Int("status", e.Status), slog.String("want", cred.account), slog.String("acted", account), slog.String("request", e.RequestID), slog.Bool("may have changed something", e.Uncertain))
	return e
}

func (c *Client) read(ctx context.Context, r *Request, answer *http.Response, w wish) (*Response, *Error) {
	res := &Response{Status: answer.StatusCode, RequestID: requestID(answer.Header), Account: accountOf(answer.Header)}
	fail := func(code, message string, uncertain bool) *Error {
		return &Error{
			Status: res.Status, Code: code, Message: message, RequestID: res.RequestID, Account: res.Account,
			Uncertain: uncertain && r.changes(),
		}
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, c.maxBody+1))
	if res.Status < 200 || res.Status > 299 {
		e := fail(codeOf(res.Status), words(body), res.Status < 400 || res.Status > 499)
		if w.said {
			e.Until = time.Now().Add(w.after)
		}
		return nil, e
	}
	switch {
	case err != nil:
		e := unanswered(ctx, err, r.changes())
		e.Status, e.RequestID, e.Account = res.Status, res.RequestID, res.Account
		return nil, e
	case int64(len(body)) > c.maxBody:
		return nil, fail(Upstream, "an answer larger than allowed", true)
	case len(body) > 0 && !isJSON(answer.Header):
		return nil, fail(Upstream, "an answer that is not JSON", true)
	}
	res.Body = body
	return res, nil
}

// accountOf is the account that acted, as the site says: by id in Cloud, by name
// in Data Center.
func accountOf(h http.Header) string {
	if id := safe(h.Get("X-AAccountId")); id != "" {
		return id
	}
	return safe(h.Get("X-AUSERNAME"))
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
		ok := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._:@-", r)
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
