// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// openRouter is the dialect of chat completions as OpenRouter has it, behind fal, which checks the key.
type openRouter struct{ openAI }

func (openRouter) key(h http.Header) string { return credential(h, "Key") }
func (openRouter) ping() event              { return comment("OPENROUTER PROCESSING") }

// late is 200: OpenRouter has said so by the time the model speaks.
func (openRouter) late(*Error) int { return http.StatusOK }

func (openRouter) name(h http.Header, number int) {
	h.Set("X-Fal-Request-Id", requestID(number))
	h.Set("X-Generation-Id", generationID(number))
}

func generationID(number int) string { return fmt.Sprintf("gen-sim-%d", number) }

func (openRouter) pace(h http.Header, l *Limits, wait time.Duration, now time.Time) {
	retryAfter(h, wait)
	if l == nil {
		return
	}
	h.Set("X-Ratelimit-Limit", strconv.Itoa(l.Requests))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(l.RequestsLeft))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(now.Add(l.Reset).UnixMilli(), 10))
}

func (openRouter) unauthorized(key string) *Error {
	if key == "" {
		return &Error{Status: http.StatusUnauthorized, Message: "Authentication is required to access this application."}
	}
	return &Error{Status: http.StatusUnauthorized, Message: "No user found for Key ID and Secret"}
}

func (openRouter) unknownModel(name string) *Error {
	return &Error{Status: http.StatusBadRequest, Message: name + " is not a valid model ID"}
}

// A routedError has the HTTP status that the failure would have had for its code.
type routedError struct {
	Message string `json:"message"`
	Code    int    `json:"code"`
}

type routedFailure struct {
	Error routedError `json:"error"`
}

// A gateFailure is fal's own.
type gateFailure struct {
	Detail string `json:"detail"`
}

func (openRouter) failure(e *Error, _ int) []byte {
	if e.Status == http.StatusUnauthorized {
		return encode(gateFailure{e.Message})
	}
	return encode(routedFailure{routedError{e.Message, e.Status}})
}

func (d openRouter) decode(body []byte) (*request, *Error) {
	req, e := decodeChat(body, OpenRouter)
	if e != nil {
		return nil, e
	}
	vendor, name, ok := strings.Cut(req.Model, "/")
	if !ok || vendor == "" || name == "" || strings.Contains(name, "/") {
		return nil, d.unknownModel(req.Model)
	}
	return req, nil
}

// costs are in dollars.
type costs struct {
	Cost    float64    `json:"cost"`
	ByOK    bool       `json:"is_byok"`
	Details costDetail `json:"cost_details"`
}

type costDetail struct {
	All        float64 `json:"upstream_inference_cost"`
	Prompt     float64 `json:"upstream_inference_prompt_cost"`
	Completion float64 `json:"upstream_inference_completions_cost"`
}

// Prices in millionths of a dollar.
const (
	inputPrice  = 1
	outputPrice = 2
)

func routedUsage(a *answer) *chatUsage {
	u := chatUsageOf(a)
	if u != nil {
		in, out := a.usage.Input*inputPrice, a.usage.Output*outputPrice
		total := dollars(in + out)
		u.costs = &costs{Cost: total, Details: costDetail{total, dollars(in), dollars(out)}}
	}
	return u
}

func dollars(millionths int) float64 { return float64(millionths) / 1e6 }

// routedBy names who answered.
const routedBy = "Sim"

func (openRouter) plain(a *answer) []byte {
	c := completion(a)
	c.ID, c.Provider, c.ServiceTier, c.Usage = generationID(a.number), routedBy, "", routedUsage(a)
	c.Choices[0].NativeReason = c.Choices[0].FinishReason
	return encode(c)
}

// events begins with a comment. The last chunk has the usage, whether it was asked for or not, and the finish reason once
// more.
func (d openRouter) events(a *answer) []event {
	list := []event{d.ping()}
	chunks := chunks(a)
	for _, c := range chunks {
		list = append(list, event{data: encode(routed(a, c))})
	}
	if a.usage != nil {
		c := routed(a, chunks[len(chunks)-1])
		c.Usage = optional{usage: routedUsage(a)}
		list = append(list, event{data: encode(c)})
	}
	return append(list, done)
}

func routed(a *answer, c chatChunk) chatChunk {
	c.ID, c.Provider, c.ServiceTier = generationID(a.number), routedBy, ""
	c.Choices[0].NativeReason = c.Choices[0].FinishReason
	return c
}

func (openRouter) abort(a *answer, e *Error, _ int) []event {
	empty, reason := "", "error"
	c := routed(a, chunk(a, chunkChoice{Delta: delta{Content: &empty}, FinishReason: &reason}))
	c.Error = &routedError{e.Message, e.Status}
	return []event{{data: encode(c)}}
}
