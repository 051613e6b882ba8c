// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package proxy is the model gateway (users say clawproxy): agents' own clients
// speak to it as they would to OpenAI or Anthropic, with a CST in place of an
// API key. Every request is one call through the gate; its bytes and the
// answer's pass through untouched, and the receipts commit to both.
//
// An agent reaches the route NAME at /proxy/NAME/v1/chat/completions (openai)
// or /proxy/NAME/v1/messages (anthropic); "/v1" may be left out, for clients
// whose base URL is expected to end in it or not. Either way the request goes
// to the route's BaseURL with /chat/completions or /messages appended: nothing
// that an agent writes into the path reaches the other side.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

const (
	maxRequest = 16 << 20 // bytes of a request
	maxAnswer  = 64 << 20 // bytes of an answer, all of which are committed to

	// DefaultIdle is how long a stream may be silent.
	DefaultIdle = 5 * time.Minute

	// receiptHeader names the opened receipt of the call: "JOB/SEQ".
	receiptHeader = "Clawea-Receipt"
)

// A Proxy serves /proxy/. Its fields must not change while it serves.
type Proxy struct {
	Gate   *gate.Gate
	Door   *gate.Door
	Routes []Route
	Log    *slog.Logger

	// Transport reaches the providers. It must neither follow redirects nor
	// change bodies, as NewTransport's does not, which is the default.
	Transport http.RoundTripper
	// Idle bounds the silence of a provider in its answer and of an agent that
	// takes it; a stream may last as long as it says something. Default DefaultIdle.
	Idle time.Duration

	once      sync.Once
	transport http.RoundTripper
}

// A Route is a way to a model provider.
type Route struct {
	Name    string // as policies and paths say it
	Dialect string // "openai" or "anthropic"
	BaseURL string // what /chat/completions or /messages is appended to, version included
	// Key fetches the provider's API key, for each request anew. Its error must
	// not hold the key: it is logged.
	Key     func() (string, error)
	Headers map[string]string // sent with every request, over the agent's own
}

// Actions lists what can be asked of models.
func Actions() []policy.Action {
	return []policy.Action{openAI.action, anthropic.action}
}

// NewTransport returns a transport with the time limits that model providers
// need. It leaves compression to the two ends.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  10 * time.Minute, // a long answer that is not streamed has its first byte last
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    64,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
}

// ServeHTTP carries one request through the gate.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route, d, ok := p.find(r)
	if !ok {
		answer(w, d, http.StatusNotFound, "not_found", "there is no such route or endpoint here",
			"POST to /proxy/ROUTE/v1/chat/completions on an OpenAI route, to /proxy/ROUTE/v1/messages on an Anthropic one.")
		return
	}
	shown, ok := p.Door.Present(w, r)
	if !ok {
		p.Door.Challenge(w.Header(), "", "")
		answer(w, d, http.StatusUnauthorized, "token.missing", "the request has no CST, or more than one",
			"start the agent with clawea run; else send the CST as Authorization: DPoP, with a proof, or where plain bearer tokens are good as Authorization: Bearer or x-api-key")
		return
	}
	x := &exchange{proxy: p, route: route, dialect: d, w: w, r: r}
	caller, err := p.Gate.Authenticate(r.Context(), shown, d.action) // before anything of what strangers send is kept
	if err != nil {
		p.refuse(x, err)
		return
	}
	x.body, err = read(w, r)
	if errors.As(err, new(*http.MaxBytesError)) {
		answer(w, d, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the request is longer than %d bytes", maxRequest), "Send less.")
		return
	}
	if err != nil {
		answer(w, d, http.StatusBadRequest, "bad_request", "the request could not be read", "Send it again, with its whole body and without Content-Encoding.")
		return
	}
	p.call(x, caller)
}

// find returns the route and the dialect of the request's path. Without a route
// the dialect is the one that the path looks like.
func (p *Proxy) find(r *http.Request) (*Route, *dialect, bool) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/proxy/"), "/")
	endpoint := strings.TrimPrefix(rest, "v1/")
	d := &openAI
	if endpoint == anthropic.endpoint {
		d = &anthropic
	}
	if r.Method != http.MethodPost || endpoint != d.endpoint || r.URL.RawPath != "" || !strings.HasPrefix(r.URL.Path, "/proxy/") || !d.takes(r.URL.RawQuery) {
		return nil, d, false
	}
	for i := range p.Routes {
		if route := &p.Routes[i]; route.Name == name && route.Dialect == d.name {
			return route, d, true
		}
	}
	return nil, d, false
}

// read reads the whole request, and leaves the time limit of reading behind:
// what follows has its own.
func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, errors.New("the body is encoded")
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return nil, err
	}
	http.NewResponseController(w).SetReadDeadline(time.Time{}) // not every writer has one
	return b, nil
}

// call carries x through the gate and answers, unless the act has done so.
func (p *Proxy) call(x *exchange, c *gate.Caller) {
	_, _, err := p.Gate.Carry(x.r.Context(), c, &gate.Request{
		Action: x.dialect.action,
		Text:   x.body,
		Plan:   x.plan,
	})
	switch {
	case err == nil:
	case x.acted: // the act has answered, or it may have happened: nothing to add
		p.Log.ErrorContext(x.r.Context(), "carry model call", "route", x.route.Name, "receipt", x.w.Header().Get(receiptHeader), "error", err)
	default:
		p.refuse(x, err)
		return
	}
	if !x.whole {
		panic(http.ErrAbortHandler) // so that the agent does not take a part for the whole
	}
}

// refuse answers a call that was not carried out.
func (p *Proxy) refuse(x *exchange, err error) {
	var denied *gate.Denied
	var pending *gate.Pending
	var refused *gate.Refused
	var fault *gate.Fault
	switch {
	case errors.As(err, &denied) && errors.As(denied.Cause, &fault):
		x.cite(denied.Receipt)
		what, mend, _ := strings.Cut(fault.Msg, "\n")
		answer(x.w, x.dialect, http.StatusBadRequest, fault.Code, what, mend)
	case errors.As(err, &denied):
		x.cite(denied.Receipt)
		answer(x.w, x.dialect, http.StatusForbidden, "denied", denied.Error(),
			"Trying again will not help: use a route and a model that the policy allows, or ask its author.")
	case errors.As(err, &pending):
		x.cite(pending.Receipt)
		answer(x.w, x.dialect, http.StatusForbidden, "approval_required", pending.Error(),
			"Once a person has said clawea approve yes "+pending.Receipt.Asks+", send the very same request again.")
	case errors.As(err, &refused):
		x.cite(refused.Receipt)
		p.Door.Challenge(x.w.Header(), refused.Code, "")
		answer(x.w, x.dialect, refused.Status(), refused.Code, "the CST is refused: "+refused.Code, refused.Hint())
	default:
		p.Log.ErrorContext(x.r.Context(), "carry model call", "route", x.route.Name, "error", err)
		answer(x.w, x.dialect, http.StatusServiceUnavailable, "unavailable", "the call could not be recorded, so it was not made",
			"Try again later; the operator's log says more.")
	}
}

// cite names a receipt in the answer's headers.
func (x *exchange) cite(r *receipt.Receipt) {
	if r != nil {
		x.w.Header().Set(receiptHeader, fmt.Sprintf("%s/%d", r.Job, r.Seq))
	}
}

func (p *Proxy) roundTripper() http.RoundTripper {
	p.once.Do(func() {
		if p.transport = p.Transport; p.transport == nil {
			p.transport = NewTransport()
		}
	})
	return p.transport
}

func (p *Proxy) idle() time.Duration {
	if p.Idle > 0 {
		return p.Idle
	}
	return DefaultIdle
}

// plan puts the request in policy terms.
func (x *exchange) plan(context.Context, []policy.Bound) (*gate.Plan, error) {
	model, fault := modelOf(x.body)
	if fault != nil {
		return nil, fault
	}
	return &gate.Plan{
		Call: &policy.Call{
			Tool: x.dialect.action.Tool, Action: x.dialect.action.Name, Class: policy.Model,
			Resources: []policy.Resource{{Type: "route", ID: x.route.Name}, {Type: "model", ID: model}},
		},
		Act: x.act,
	}, nil
}
