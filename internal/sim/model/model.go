// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package model is a simulated model provider for tests and demonstrations. It speaks OpenAI's chat completions and
// Anthropic's messages, plain and streaming, and says what a [Script] tells it to.
//
// It follows the published shapes closely enough for the vendors' own clients, refuses what the vendors refuse, and can
// break off, stall and fail as they do. Nothing of it is random: the same requests in the same order get the same bytes,
// up to the clock.
package model

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MaxBody bounds a request's body, in bytes. Longer ones are answered with status 413.
const MaxBody = 32 << 20

// A Config says how a [Provider] behaves. Without a Key every request is refused; without a Script every answer fails.
type Config struct {
	Key        string           // the API key that both dialects ask for
	Script     Script           //
	Models     []string         // the models there are; nil: any name is one
	Now        func() time.Time // nil: time.Now
	ChunkDelay time.Duration    // pause before each event of a stream
}

// A Provider is the simulated provider. It serves POST /v1/chat/completions, POST /v1/messages and GET /v1/models.
//
// A reply with the fault [Cut] ends in a panic with [http.ErrAbortHandler], which is how net/http breaks a connection.
type Provider struct {
	config Config

	mu       sync.Mutex
	requests []Request
}

// A Request is one that arrived, refused ones included. Header holds the key in plain text.
type Request struct {
	ID     string // as answered in x-request-id or request-id
	Method string
	Path   string
	Header http.Header
	Body   []byte // up to MaxBody
}

// New returns a provider.
func New(c Config) *Provider {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Provider{config: c}
}

// Requests returns what has arrived so far, in order of arrival.
func (p *Provider) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// ServeHTTP answers in the dialect of the path, and elsewhere in the one that the headers look like.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d := dialectOf(r)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	x := &exchange{w: w, r: r, wire: d, number: p.record(r, body), delay: p.config.ChunkDelay}
	w.Header().Set(d.idHeader(), requestID(x.number))
	if err != nil {
		x.fail(unread(err))
		return
	}
	if e := p.admit(r, d); e != nil {
		x.fail(e)
		return
	}
	if r.Method == http.MethodGet {
		x.send(http.StatusOK, d.models(p.config.Models, p.config.Now()))
		return
	}
	p.answer(x, body)
}

func (p *Provider) record(r *http.Request, body []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.requests) + 1
	p.requests = append(p.requests, Request{requestID(n), r.Method, r.URL.Path, r.Header.Clone(), bytes.Clone(body)})
	return n
}

func requestID(number int) string { return fmt.Sprintf("req_sim_%d", number) }

func unread(err error) *Error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Error{Status: http.StatusRequestEntityTooLarge, Message: "Request exceeds the maximum size."}
	}
	return invalid("", "The request body could not be read.")
}

func (p *Provider) admit(r *http.Request, d wire) *Error {
	if !p.knows(d.key(r.Header)) {
		return d.unauthorized()
	}
	if e := d.checkHeader(r.Header); e != nil {
		return e
	}
	method, ok := methodOf(r.URL.Path)
	switch {
	case !ok:
		return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("Invalid URL (%s %s)", r.Method, r.URL.Path)}
	case method != r.Method:
		return &Error{Status: http.StatusMethodNotAllowed, Message: fmt.Sprintf("Not allowed to %s on %s", r.Method, r.URL.Path)}
	}
	return nil
}

// knows compares digests, so that neither the key's bytes nor its length show in the time it takes.
func (p *Provider) knows(key string) bool {
	want, got := sha256.Sum256([]byte(p.config.Key)), sha256.Sum256([]byte(key))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && p.config.Key != ""
}

func (p *Provider) answer(x *exchange, body []byte) {
	req, e := x.wire.decode(body)
	if e == nil && p.config.Models != nil && !slices.Contains(p.config.Models, req.Model) {
		e = x.wire.unknownModel(req.Model)
	}
	if e != nil {
		x.fail(e)
		return
	}
	reply := p.reply(req.Conversation)
	if reply.Err != nil {
		x.fail(reply.Err)
		return
	}
	x.fault, x.after = reply.Fault, reply.After
	a := finish(req, reply, x.number, p.config.Now())
	if req.stream {
		x.stream(x.wire.events(a, req.usage))
		return
	}
	x.plain(a)
}

func (p *Provider) reply(c Conversation) Reply {
	if p.config.Script == nil {
		return Reply{Err: &Error{Status: http.StatusInternalServerError, Message: "The simulated model has no script."}}
	}
	reply := p.config.Script(c)
	for _, call := range reply.Calls {
		if c.Dialect == Anthropic && call.Arguments != nil && !json.Valid(call.Arguments) {
			return Reply{Err: &Error{Status: http.StatusInternalServerError, Message: "The script's arguments are not JSON."}}
		}
	}
	return reply
}

// An exchange is one request and its answer on the wire.
type exchange struct {
	w      http.ResponseWriter
	r      *http.Request
	wire   wire
	number int // of the request, from 1
	delay  time.Duration
	fault  Fault
	after  int // chunks until the fault
}

func (x *exchange) fail(e *Error) {
	if e.RetryAfter > 0 {
		x.w.Header().Set("Retry-After", strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
	}
	x.send(e.Status, x.wire.failure(e, requestID(x.number)))
}

func (x *exchange) send(status int, body []byte) {
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	x.w.Write(body) // a client that has gone needs no answer
}

func (x *exchange) plain(a *answer) {
	if x.fault == Fail {
		x.fail(broken())
		return
	}
	body := x.wire.plain(a)
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	half := len(body) / 2
	for _, part := range [][]byte{body[:half], body[half:]} {
		if !x.chunk(part) {
			return
		}
	}
}

func (x *exchange) stream(list []event) {
	x.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	x.w.Header().Set("Cache-Control", "no-cache")
	x.w.WriteHeader(http.StatusOK)
	x.flush()
	for _, e := range list {
		if !x.pause() || !x.chunk(e.bytes()) {
			return
		}
	}
}

// chunk sends one piece, or lets the fault strike if its time has come. It reports whether to go on.
func (x *exchange) chunk(b []byte) bool {
	if x.fault != None && x.after <= 0 {
		x.strike()
		return false
	}
	x.after--
	if _, err := x.w.Write(b); err != nil {
		return false
	}
	return x.flush()
}

func (x *exchange) strike() {
	switch x.fault {
	case Cut:
		panic(http.ErrAbortHandler)
	case Stall:
		<-x.r.Context().Done()
	case Fail:
		x.w.Write(x.wire.abort(broken(), requestID(x.number)).bytes())
		x.flush()
	}
}

func broken() *Error {
	return &Error{Status: http.StatusInternalServerError, Message: "The server had an error while processing your request."}
}

func (x *exchange) flush() bool { return http.NewResponseController(x.w).Flush() == nil }

func (x *exchange) pause() bool {
	if x.delay <= 0 {
		return true
	}
	t := time.NewTimer(x.delay)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}

func methodOf(path string) (string, bool) {
	switch path {
	case "/v1/chat/completions", "/v1/messages":
		return http.MethodPost, true
	case "/v1/models":
		return http.MethodGet, true
	}
	return "", false
}

func dialectOf(r *http.Request) wire {
	switch {
	case r.URL.Path == "/v1/chat/completions":
		return openAI{}
	case r.URL.Path == "/v1/messages", r.Header.Get("X-Api-Key") != "", r.Header.Get("Anthropic-Version") != "":
		return anthropic{}
	}
	return openAI{}
}

func bearer(h http.Header) string {
	scheme, key, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return key
}
