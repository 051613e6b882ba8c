// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// The words that receipts have for how a call ended, where it is not the
// provider's status.
const (
	codeCredential  = "credential"  // the provider's key could not be fetched
	codeUnreachable = "unreachable" // no connection: nothing was sent
	codeNoAnswer    = "no-answer"   // sent, and nothing came back
	codeRedirect    = "redirect"    // the provider pointed elsewhere
	codeHangup      = "hangup"      // the agent went away
	codeCut         = "cut"         // the provider broke off
	codeIdle        = "idle"        // the provider fell silent
	codeTooLong     = "too-long"    // more than can be committed to
)

// errIdle is why a silent stream is given up.
var errIdle = errors.New("nothing came for too long")

// An exchange is one request on its way. It belongs to one goroutine.
type exchange struct {
	proxy   *Proxy
	route   *Route
	dialect *dialect
	w       http.ResponseWriter
	r       *http.Request
	body    []byte

	acted bool   // the gate let the call happen
	whole bool   // all of the answer is sent
	sent  []byte // the answer's body so far, as the agent's connection took it
}

// act sends the request to the provider and streams the answer to the agent.
func (x *exchange) act(ctx context.Context, opened *receipt.Receipt) (*gate.Result, error) {
	x.acted = true
	x.cite(opened)
	out := x.forward(ctx)
	return &gate.Result{Body: x.sent, Outcome: out}, nil
}

func (x *exchange) forward(ctx context.Context) receipt.Outcome {
	log := x.proxy.Log.With("route", x.route.Name, "receipt", x.w.Header().Get(receiptHeader))
	key, err := x.route.Key()
	if err == nil && key == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		log.ErrorContext(ctx, "fetch the provider's key", "error", err)
		return x.fail(receipt.Failed, codeCredential)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, out := x.send(ctx, key)
	if resp == nil {
		if out.Code != codeHangup {
			log.WarnContext(ctx, "reach the provider", "code", out.Code)
		}
		return out
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		log.WarnContext(ctx, "the provider redirects", "status", resp.StatusCode)
		return x.fail(receipt.Failed, codeRedirect)
	}
	x.begin(resp)
	// An agent that takes nothing is not waited for when it is cut off.
	defer context.AfterFunc(ctx, x.stopWriting)()
	out = x.stream(ctx, cancel, resp)
	out.Upstream = requestID(resp.Header)
	return out
}

// send sends the request and returns the provider's answer, or how it ended
// without one.
func (x *exchange) send(ctx context.Context, key string) (*http.Response, receipt.Outcome) {
	var connected atomic.Bool // the transport tells from a goroutine of its own
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := x.request(traced, key)
	if err != nil {
		return nil, x.fail(receipt.Failed, codeUnreachable)
	}
	resp, err := x.proxy.roundTripper().RoundTrip(req)
	switch {
	case err == nil:
		return resp, receipt.Outcome{}
	case x.r.Context().Err() != nil:
		return nil, receipt.Outcome{Status: receipt.Aborted, Code: codeHangup}
	case revoked(ctx) != "":
		return nil, x.ended(revoked(ctx))
	case connected.Load():
		return nil, x.fail(receipt.Unknown, codeNoAnswer)
	}
	return nil, x.fail(receipt.Failed, codeUnreachable)
}

func (x *exchange) request(ctx context.Context, key string) (*http.Request, error) {
	url := strings.TrimRight(x.route.BaseURL, "/") + "/" + x.dialect.endpoint
	if q := x.r.URL.RawQuery; q != "" {
		url += "?" + q
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(x.body))
	if err != nil {
		return nil, err
	}
	req.Header = requestHeaders.pick(x.r.Header)
	// Under its usual spelling, this header makes net/http send a request anew
	// that may have arrived. An act happens once; whether to retry is the agent's
	// to say.
	if v, ok := req.Header["Idempotency-Key"]; ok {
		delete(req.Header, "Idempotency-Key")
		req.Header["idempotency-key"] = v
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "clawea")
	}
	for name, value := range x.route.Headers {
		req.Header.Set(name, value)
	}
	x.dialect.sign(req.Header, key)
	return req, nil
}

// revoked returns the code of what ended ctx, if that is a revocation.
func revoked(ctx context.Context) string {
	if cause := context.Cause(ctx); cause != nil && token.Code(cause) != token.CodeUnknown {
		return token.Code(cause)
	}
	return ""
}

// ended answers a call that a revocation has cut off before the provider answered.
func (x *exchange) ended(code string) receipt.Outcome {
	x.proxy.Door.Challenge(x.w.Header(), code, "")
	answer(x.w, x.dialect, http.StatusUnauthorized, code, "the call was cut off: "+code, token.Hint(code))
	x.whole = true
	return receipt.Outcome{Status: receipt.Aborted, Code: code}
}

// fail answers in the provider's place and returns the outcome to record.
func (x *exchange) fail(status receipt.Status, code string) receipt.Outcome {
	what := "the model provider could not be reached"
	if status == receipt.Unknown {
		what = "the model provider did not answer"
	}
	b := x.dialect.problemBody(http.StatusBadGateway, code, what, "Try again later, or tell the house's operator.")
	problemHeader(x.w.Header(), b)
	x.w.WriteHeader(http.StatusBadGateway)
	x.whole = x.write(x.r.Context(), b) == nil
	return receipt.Outcome{Status: status, Code: code}
}

// begin sends the provider's status and headers on.
func (x *exchange) begin(resp *http.Response) {
	h := x.w.Header()
	for name, values := range answerHeaders.pick(resp.Header) {
		h[name] = values
	}
	if len(h["Content-Type"]) == 0 {
		h["Content-Type"] = nil // no guessing
	}
	h.Set("X-Content-Type-Options", "nosniff")
	x.w.WriteHeader(resp.StatusCode)
	http.NewResponseController(x.w).Flush() // a client waits for them; what fails here fails again in the body
}

// stream passes the answer's body on, as it comes, and returns how it ended.
func (x *exchange) stream(ctx context.Context, cancel context.CancelCauseFunc, resp *http.Response) receipt.Outcome {
	silence := time.AfterFunc(x.proxy.idle(), func() { cancel(errIdle) })
	defer silence.Stop()
	buf := make([]byte, 32<<10)
	for {
		silence.Reset(x.proxy.idle())
		n, err := resp.Body.Read(buf)
		silence.Stop() // an agent that is slow to take it has a limit of its own
		room := maxAnswer - len(x.sent)
		if x.write(ctx, buf[:min(n, room)]) != nil {
			return x.untaken(ctx)
		}
		switch {
		case n > room:
			return receipt.Outcome{Status: receipt.Aborted, Code: codeTooLong}
		case err == io.EOF:
			x.whole = true
			return ended(resp.StatusCode)
		case err != nil:
			return x.broken(ctx)
		}
	}
}

func ended(status int) receipt.Outcome {
	out := receipt.Outcome{Status: receipt.Done, Code: strconv.Itoa(status)}
	if status >= 400 {
		out.Status = receipt.Failed
	}
	return out
}

// broken says why the answer's body ended before its end.
func (x *exchange) broken(ctx context.Context) receipt.Outcome {
	code := codeCut
	switch cause := context.Cause(ctx); {
	case x.r.Context().Err() != nil:
		code = codeHangup
	case errors.Is(cause, errIdle):
		code = codeIdle
	case cause != nil: // the house has cut it off, and the gate says why
		x.hangUp()
	}
	return receipt.Outcome{Status: receipt.Aborted, Code: code}
}

// hangUp ends the agent's connection at once, and not when the receipt is
// closed: what has cut the call off may be that the book cannot be reached.
func (x *exchange) hangUp() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err == nil { // else it ends with the handler
		conn.Close()
	}
}

// untaken says why the agent did not take the answer.
func (x *exchange) untaken(ctx context.Context) receipt.Outcome {
	if ctx.Err() != nil && x.r.Context().Err() == nil {
		return x.broken(ctx)
	}
	return receipt.Outcome{Status: receipt.Aborted, Code: codeHangup}
}

// stopWriting ends a write that is under way.
func (x *exchange) stopWriting() {
	http.NewResponseController(x.w).SetWriteDeadline(time.Unix(1, 0)) // not every writer has one
}

// write sends b to the agent at once and remembers what of it was taken.
func (x *exchange) write(ctx context.Context, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	c := http.NewResponseController(x.w)
	c.SetWriteDeadline(time.Now().Add(x.proxy.idle())) // not every writer has one
	if ctx.Err() != nil {
		return ctx.Err()
	}
	defer c.SetWriteDeadline(time.Time{})
	n, err := x.w.Write(b)
	x.sent = append(x.sent, b[:n]...)
	if err != nil {
		return err
	}
	if err := c.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

var unsafeID = regexp.MustCompile(`[^A-Za-z0-9._:-]`)

// requestID returns the provider's id of the request, or nothing if it has
// none that can go into a receipt.
func requestID(h http.Header) string {
	id := h.Get("X-Request-Id")
	if id == "" {
		id = h.Get("Request-Id")
	}
	if len(id) > 64 || unsafeID.MatchString(id) {
		return ""
	}
	return id
}
