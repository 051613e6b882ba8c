// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package proxy is the model gateway (users say clawproxy): agents' own clients
// speak to it as they would to OpenAI, Anthropic, Google or OpenRouter, with a CST
// in place of an API key. Every request is one call through the gate; its bytes
// and the answer's pass through untouched, and the receipts commit to both.
//
// An agent reaches the route NAME at /proxy/NAME/ and the path that its client
// writes: v1/chat/completions, v1/responses, v1/messages,
// v1beta/models/MODEL:generateContent. The request goes to the route's BaseURL
// with the dialect's own endpoint appended: nothing that an agent writes into the
// path reaches the other side, but for the model that was decided on.
//
// The opened receipt is named in a header before the answer's body. The answer's
// end is held back until the closed receipt is durable.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/dialect"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
)

const (
	// receiptHeader names the opened receipt of the call: "JOB/SEQ".
	receiptHeader = "Clawea-Receipt"
	// closedTrailer names the closed one, after an answer that came in chunks.
	closedTrailer = "Clawea-Receipt-Closed"
)

// A Proxy serves /proxy/. Its fields must not change while it serves.
type Proxy struct {
	Gate   *gate.Gate
	Door   *gate.Door
	Routes []Route
	Prices []Price // what models cost; the first that matches counts
	Limits Limits
	Log    *slog.Logger

	// Transport reaches the providers. It must neither follow redirects nor
	// change bodies, as NewTransport's does not, which is the default.
	Transport http.RoundTripper

	once      sync.Once
	transport http.RoundTripper
	limits    Limits              // without zeros, but for those that mean something
	keys      map[string]*heldKey // by route
	rates     rates
	screens   screens
}

// A Route is a way to a model provider.
type Route struct {
	Name    string // as policies and paths say it
	Dialect string // "openai", "anthropic", "gemini" or "fal"
	BaseURL string // what the dialect's endpoint is appended to, version included
	// Key fetches the provider's API key, at most once a second. Its error must
	// not hold the key: it is logged.
	Key     func() (string, error)
	Headers map[string]string // sent with every request, over the agent's own
	Trace   bool              // whether the provider is told the trace and the job that a request is part of
}

// Actions lists what can be asked of models.
func Actions() []policy.Action {
	var out []policy.Action
	for _, d := range dialect.All() {
		if !slices.Contains(out, d.Action) {
			out = append(out, d.Action)
		}
	}
	return out
}

// NewTransport returns a transport with the time limits that model providers
// need; header bounds the wait for an answer. It leaves compression to the two
// ends.
func NewTransport(header time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  header,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    512,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
}

// open makes what serving needs.
func (p *Proxy) open() {
	p.limits = p.Limits.complete()
	p.rates.jobs.each, p.rates.agents.each = p.limits.JobCalls, p.limits.AgentCalls
	if p.transport = p.Transport; p.transport == nil {
		p.transport = NewTransport(p.limits.Header)
	}
	p.keys = map[string]*heldKey{}
	for i := range p.Routes {
		p.keys[p.Routes[i].Name] = new(heldKey)
	}
}

// ServeHTTP carries one request through the gate.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.once.Do(p.open)
	x, ok := p.find(w, r)
	x.hurry()
	if !ok {
		x.answer(&problem{http.StatusNotFound, "not_found", "there is no such route or endpoint here",
			"POST to /proxy/ROUTE/ and v1/chat/completions or v1/responses on an OpenAI route, v1/messages on an Anthropic one, v1beta/models/MODEL:generateContent on a Gemini one, v1/chat/completions on one to fal."})
		return
	}
	shown, ok := p.Door.Present(w, r)
	if !ok {
		p.Door.Challenge(w.Header(), "", "")
		x.answer(&problem{http.StatusUnauthorized, "token.missing", "the request has no CST, or more than one",
			"start the agent with clawea run; else send the CST as Authorization: DPoP, with a proof, or where plain bearer tokens are good as Authorization: Bearer, x-api-key or x-goog-api-key"})
		return
	}
	caller, err := p.Gate.Authenticate(r.Context(), shown, x.dialect.Action) // before anything of what strangers send is kept
	if err == nil {
		err = x.take(caller)
	}
	if err != nil {
		x.refuse(err)
		return
	}
	x.call(caller)
}

// find returns an exchange with the route and the dialect of the request's path.
// Without a route the dialect is the one that the path looks like.
func (p *Proxy) find(w http.ResponseWriter, r *http.Request) (*exchange, bool) {
	x := &exchange{proxy: p, w: w, control: http.NewResponseController(w), r: r}
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/proxy/"), "/")
	whole := r.Method == http.MethodPost && r.URL.RawPath == "" && strings.HasPrefix(r.URL.Path, "/proxy/")
	for i := range p.Routes {
		if route := &p.Routes[i]; whole && route.Name == name {
			var ok bool
			x.route = route
			if x.dialect, x.named, ok = dialect.Find(route.Dialect, rest, r.URL.RawQuery); ok {
				return x, true
			}
		}
	}
	x.dialect = dialect.Like(rest)
	return x, false
}

// take takes the request in: as long as it may be, as often as it may come, and
// screened.
func (x *exchange) take(c *gate.Caller) error {
	err := x.read()
	if err == nil {
		err = x.pace(c)
	}
	if beyond := (*gate.Beyond)(nil); errors.As(err, &beyond) {
		return x.proxy.Gate.TurnAway(x.r.Context(), c, x.dialect.Action, beyond)
	}
	if err == nil {
		x.screen(c)
	}
	return err
}

// pace refuses what comes too often.
func (x *exchange) pace(c *gate.Caller) error {
	wait := x.proxy.rates.wait(c.Claims(), time.Now())
	if wait == 0 {
		return nil
	}
	seconds := int((wait + time.Second - 1) / time.Second)
	x.w.Header().Set("Retry-After", fmt.Sprint(seconds))
	return &gate.Beyond{Code: codeRate, Msg: fmt.Sprintf("this job or agent calls models more often than the house allows\nwait %d seconds, or ask the house's operator for more", seconds)}
}

// call carries x through the gate and answers.
func (x *exchange) call(c *gate.Caller) {
	ctx := x.r.Context()
	closed, _, err := x.proxy.Gate.Carry(ctx, c, &gate.Request{Action: x.dialect.Action, Text: x.body, Plan: x.plan})
	if err != nil && !x.acted {
		x.refuse(err)
		return
	}
	if err != nil {
		x.proxy.Log.ErrorContext(ctx, "carry model call", "route", x.route.Name, "receipt", x.w.Header().Get(receiptHeader), "error", err)
	}
	if !x.whole || errors.Is(err, gate.ErrUnclosed) {
		panic(http.ErrAbortHandler) // so that the agent does not take a part for the whole, nor what no receipt tells of
	}
	x.finish(closed)
}

// plan puts the request in policy terms.
func (x *exchange) plan(context.Context, []policy.Bound) (*gate.Plan, error) {
	if x.unscreened != nil {
		return nil, x.unscreened
	}
	var err error
	if x.asked, err = x.dialect.Read(x.body, x.named); err != nil {
		return nil, &gate.Fault{Code: "bad_request", Msg: err.Error()}
	}
	return &gate.Plan{
		Call: &policy.Call{
			Tool: x.dialect.Action.Tool, Action: x.dialect.Action.Name, Class: policy.Model,
			Resources: []policy.Resource{{Type: "route", ID: x.route.Name}, {Type: "model", ID: x.asked.Model}},
			Offers:    x.asked.Offers, Found: x.found, Uses: x.proxy.worst(x.route, x.asked, len(x.body)),
		},
		Act: x.act,
	}, nil
}
