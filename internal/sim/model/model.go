// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package model is a simulated model provider for tests and demonstrations. It speaks OpenAI's chat completions and
// responses, Anthropic's messages, Google's generateContent, and OpenRouter's chat completions as fal serves them, plain
// and streaming, and says what a [Script] tells it to.
//
// It follows the published shapes closely enough for the vendors' own clients, refuses what the vendors refuse, and can
// break off, stall, hang, limit and fail as they do. Nothing of it is random: the same requests in the same order get the same bytes,
// up to the clock.
package model

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// MaxBody bounds a request's body, in bytes. Longer ones are answered with status 413.
const MaxBody = 32 << 20

// A Config says how a [Provider] behaves. Without a Key every request is refused; without a Script every answer fails.
type Config struct {
	Key        string           // the API key that all dialects ask for
	Script     Script           //
	Models     []string         // the models there are; nil: any name is one
	Now        func() time.Time // nil: time.Now
	ChunkDelay time.Duration    // pause before each event of a stream
}

// A Provider is the simulated provider. It serves the paths that the vendors serve, each in its [Dialect], and GET
// /v1/models and /v1beta/models. It keeps nothing between requests but their log.
//
// A reply with the fault [Cut] ends in a panic with [http.ErrAbortHandler], which is how net/http breaks a connection.
type Provider struct {
	config Config

	mu       sync.Mutex
	requests []Request
}

// A Request is one that arrived, refused ones included. Header holds the key in plain text.
type Request struct {
	ID     string // as answered in x-request-id, request-id or x-fal-request-id; by Gemini as responseId
	Method string
	Path   string
	Query  string // raw
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
	d := wireOf(r)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	x := &exchange{w: w, r: r, wire: d, number: p.record(r, body), now: p.config.Now(), delay: p.config.ChunkDelay}
	d.name(w.Header(), x.number)
	if err != nil {
		x.fail(unread(err))
		return
	}
	if e := p.admit(r, d); e != nil {
		x.fail(e)
		return
	}
	if r.Method == http.MethodGet {
		x.send(http.StatusOK, d.models(p.config.Models, x.now))
		return
	}
	p.answer(x, body)
}

func (p *Provider) record(r *http.Request, body []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.requests) + 1
	p.requests = append(p.requests, Request{requestID(n), r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Clone(), bytes.Clone(body)})
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
	if key := d.key(r.Header); !p.knows(key) {
		return d.unauthorized(key)
	}
	if e := d.checkHeader(r.Header); e != nil {
		return e
	}
	method, ok := methodOf(r.URL.Path, d)
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
	x.reply = p.reply(req.Conversation)
	x.after = x.reply.After
	switch a := finish(req, x.reply, x.number, x.now); {
	case x.reply.Err != nil:
		x.fail(x.reply.Err)
	case x.reply.Fault == Hang:
		<-x.r.Context().Done()
	case req.stream:
		x.stream(a)
	default:
		x.plain(a)
	}
}

func (p *Provider) reply(c Conversation) Reply {
	if p.config.Script == nil {
		return Reply{Err: &Error{Status: http.StatusInternalServerError, Message: "The simulated model has no script."}}
	}
	reply := p.config.Script(c)
	for _, call := range reply.Calls {
		if (c.Dialect == Anthropic || c.Dialect == Gemini) && call.Arguments != nil && !validObject(call.Arguments) {
			return Reply{Err: &Error{Status: http.StatusInternalServerError, Message: "The script's arguments are not a JSON object."}}
		}
	}
	return reply
}

const (
	openRouterBase = "/openrouter/router/openai/v1"
	geminiBase     = "/v1beta/models"
)

func methodOf(path string, d wire) (string, bool) {
	switch path {
	case "/v1/chat/completions", "/v1/responses", "/v1/messages", openRouterBase + "/chat/completions":
		return http.MethodPost, true
	case "/v1/models", geminiBase:
		return http.MethodGet, true
	}
	g, ok := d.(gemini)
	return http.MethodPost, ok && g.known()
}

// wireOf takes the dialect of the path, and for paths that are of none the one that the headers look like.
func wireOf(r *http.Request) wire {
	path := r.URL.Path
	switch {
	case path == "/v1/chat/completions":
		return openAI{}
	case path == "/v1/responses":
		return responses{}
	case strings.HasPrefix(path, "/openrouter/"):
		return openRouter{}
	case strings.HasPrefix(path, "/v1beta/"):
		return geminiOf(r.URL)
	case path == "/v1/messages", r.Header.Get("X-Api-Key") != "", r.Header.Get("Anthropic-Version") != "":
		return anthropic{}
	}
	return openAI{}
}

// credential returns what the Authorization header says in the scheme, "" if it is in another one.
func credential(h http.Header, scheme string) string {
	got, key, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(got, scheme) {
		return ""
	}
	return key
}
