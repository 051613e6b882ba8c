// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/clawea/clawea/internal/dialect"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/screen"
	"github.com/clawea/clawea/internal/telemetry"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// The words that receipts have for how a call ended, where it is not the
// provider's status.
const (
	codeCredential  = "credential"      // the provider's key could not be fetched
	codeUnreachable = "unreachable"     // no connection: nothing was sent
	codeNoAnswer    = "no-answer"       // sent, and nothing came back
	codeRedirect    = "redirect"        // the provider pointed elsewhere
	codeHangup      = "hangup"          // the agent went away
	codeCut         = "cut"             // the provider broke off
	codeIdle        = "idle"            // the provider fell silent
	codeTooLong     = "too-long"        // more than the house takes
	codeInAnswer    = "error-in-answer" // the status is good, and the answer says that it failed

	codeScreening = "screening"     // the policy's screening rules cannot be used
	codeRate      = "limit.rate"    // more calls than the house allows
	codeRequest   = "limit.request" // a longer request than the house takes
)

// An exchange is one request on its way. It belongs to one goroutine.
type exchange struct {
	proxy   *Proxy
	route   *Route
	dialect *dialect.Dialect
	named   string // the model that the path names
	w       http.ResponseWriter
	control *http.ResponseController
	r       *http.Request

	body       []byte         // the request, screened
	found      map[string]int // what screening found
	rules      *screen.Rules  // what it was screened by, nil where nothing is
	unscreened error          // why it could not be screened
	asked      *dialect.Asked // once it is planned

	acted   bool // the gate let the call happen
	began   bool // the answer's headers are on their way
	whole   bool // all of the answer is in got
	status  int  // of the answer
	chunked bool // the answer's length is not known before its end

	got   []byte    // the answer's body so far, as it came
	taken int       // how much of it the agent's connection took
	armed time.Time // when the agent's time to take it was last extended
	sent  time.Time // when the request was sent
	first time.Time // when the answer's body began
}

// act sends the request to the provider and streams the answer to the agent.
func (x *exchange) act(ctx context.Context, opened *receipt.Receipt) (*gate.Result, error) {
	x.acted = true
	x.cite(opened)
	x.sent = time.Now()
	resp, out := x.forward(ctx)
	res := &gate.Result{Outcome: out}
	if resp != nil {
		telemetry.Answered(ctx, x.asked.Stream, x.describe(resp, res))
	}
	x.proxy.settle(ctx, x.route, x.asked, opened.Call.Uses, &res.Outcome)
	res.Body = x.given()
	return res, nil
}

// given is what the agent gets of the answer.
func (x *exchange) given() []byte {
	if x.whole {
		return x.got
	}
	return x.got[:x.taken]
}

// forward carries the request to the provider and its answer back, and returns
// how that ended, with the provider's answer if there is one.
func (x *exchange) forward(ctx context.Context) (*http.Response, receipt.Outcome) {
	key, err := x.proxy.keys[x.route.Name].get(x.route.Key)
	if err != nil {
		x.proxy.Log.ErrorContext(ctx, "fetch the provider's key", "route", x.route.Name, "receipt", x.w.Header().Get(receiptHeader), "error", err)
		return nil, x.fail(receipt.Failed, codeCredential)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, out := x.send(ctx, key)
	if resp == nil {
		x.warn(ctx, out.Code)
		return nil, out
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 599 { // no status that there is: nothing is known of what it did
		x.warn(ctx, codeNoAnswer)
		return nil, x.fail(receipt.Unknown, codeNoAnswer)
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		x.warn(ctx, codeRedirect)
		return nil, x.fail(receipt.Failed, codeRedirect)
	}
	x.begin(resp)
	// An agent that takes nothing is not waited for when it is cut off.
	defer context.AfterFunc(ctx, x.stopWriting)()
	out = x.stream(ctx, cancel, resp)
	return resp, out
}

// warn tells the operator that a provider was not reached, unless it is the agent
// that went away.
func (x *exchange) warn(ctx context.Context, code string) {
	if code != codeHangup {
		x.proxy.Log.WarnContext(ctx, "reach the provider", "route", x.route.Name, "receipt", x.w.Header().Get(receiptHeader), "code", code)
	}
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
	resp, err := x.proxy.transport.RoundTrip(req)
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
	url, body := x.dialect.Request(x.route.BaseURL, x.body, x.asked, x.r.URL.RawQuery)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = requestHeaders.pick(x.r.Header)
	x.screenHeader(req.Header)
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
	req.Header.Set("Accept-Encoding", encoding(x.r.Header["Accept-Encoding"]))
	for name, value := range x.route.Headers {
		req.Header.Set(name, value)
	}
	if x.route.Trace {
		telemetry.Inject(ctx, req.Header)
	}
	x.dialect.Sign(req.Header, key)
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
	x.instead(&problem{http.StatusUnauthorized, code, "the call was cut off: " + code, token.Hint(code)})
	return receipt.Outcome{Status: receipt.Aborted, Code: code}
}

// fail answers in the provider's place and returns the outcome to record.
func (x *exchange) fail(status receipt.Status, code string) receipt.Outcome {
	what := "the model provider could not be reached"
	if status == receipt.Unknown {
		what = "the model provider did not answer"
	}
	x.instead(&problem{http.StatusBadGateway, code, what, "Try again later, or tell the house's operator."})
	return receipt.Outcome{Status: status, Code: code}
}

// instead is the answer in the provider's place. It goes out when its receipt is
// closed.
func (x *exchange) instead(e *problem) {
	x.got = x.dialect.Problem(e.status, e.code, e.what, e.mend)
	problemHeader(x.w.Header(), x.got)
	x.status, x.whole = e.status, true
}
