// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// gemini is Google's dialect. It has much of a request in the URL.
type gemini struct {
	model  string
	method string // generateContent, streamGenerateContent or something unknown
	sse    bool   // or a stream is a JSON array
}

func geminiOf(u *url.URL) gemini {
	rest, _ := strings.CutPrefix(u.Path, geminiBase+"/")
	model, method, _ := strings.Cut(rest, ":")
	return gemini{model, method, u.Query().Get("alt") == "sse"}
}

func (g gemini) known() bool {
	return g.model != "" && !strings.Contains(g.model, "/") && (g.streaming() || g.method == "generateContent")
}

func (g gemini) streaming() bool { return g.method == "streamGenerateContent" }

func (gemini) key(h http.Header) string       { return h.Get("X-Goog-Api-Key") }
func (gemini) checkHeader(http.Header) *Error { return nil }
func (gemini) late(e *Error) int              { return e.Status }

// name says nothing: the id is in the answer.
func (gemini) name(http.Header, int) {}

// pace says nothing: how long to wait is in the error's details.
func (gemini) pace(http.Header, *Limits, time.Duration, time.Time) {}

// ping is nothing: Google sends none, and its own clients take a comment for a broken stream.
func (gemini) ping() event { return event{} }

func (g gemini) streamType() string {
	if g.sse {
		return "text/event-stream"
	}
	return "application/json; charset=UTF-8"
}

func (gemini) unauthorized(key string) *Error {
	if key == "" {
		return &Error{Status: http.StatusForbidden, Message: "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API."}
	}
	return &Error{Status: http.StatusBadRequest, Code: "API_KEY_INVALID", Message: "API key not valid. Please pass a valid API key."}
}

func (g gemini) unknownModel(name string) *Error {
	return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf("models/%s is not found for API version v1beta, or is not supported for %s.", name, g.method)}
}

type googleFailure struct {
	Error googleError `json:"error"`
}

type googleError struct {
	Code    int            `json:"code"`
	Message string         `json:"message"`
	Status  string         `json:"status"`
	Details []googleDetail `json:"details,omitempty"`
}

type googleDetail struct {
	Type       string `json:"@type"`
	Reason     string `json:"reason,omitempty"`     // of an ErrorInfo
	Domain     string `json:"domain,omitempty"`     // of an ErrorInfo
	RetryDelay string `json:"retryDelay,omitempty"` // of a RetryInfo
}

// failure is in an array where a stream would have been.
func (g gemini) failure(e *Error, _ int) []byte {
	out := googleError{Code: e.Status, Message: e.Message, Status: e.Type}
	if out.Status == "" {
		out.Status = googleStatus(e.Status)
	}
	if e.Code == "API_KEY_INVALID" {
		out.Details = append(out.Details, googleDetail{Type: "type.googleapis.com/google.rpc.ErrorInfo", Reason: e.Code, Domain: "googleapis.com"})
	}
	if e.RetryAfter > 0 {
		out.Details = append(out.Details, googleDetail{Type: "type.googleapis.com/google.rpc.RetryInfo", RetryDelay: fmt.Sprintf("%ds", seconds(e.RetryAfter))})
	}
	if g.streaming() && !g.sse {
		return encode([]googleFailure{{out}})
	}
	return encode(googleFailure{out})
}

func googleStatus(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	case http.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED"
	}
	if status >= 500 {
		return "INTERNAL"
	}
	return "INVALID_ARGUMENT"
}

type generated struct {
	Candidates    []candidate  `json:"candidates"`
	UsageMetadata *geminiUsage `json:"usageMetadata,omitempty"`
	ModelVersion  string       `json:"modelVersion"`
	ResponseID    string       `json:"responseId"`
}

type candidate struct {
	Content      geminiSaid `json:"content"`
	FinishReason string     `json:"finishReason,omitempty"`
	Index        int        `json:"index"`
}

type geminiSaid struct {
	Parts []geminiSpoken `json:"parts"`
	Role  string         `json:"role"`
}

type geminiSpoken struct {
	Text         *string     `json:"text,omitempty"`
	FunctionCall *geminiCall `json:"functionCall,omitempty"`
}

type geminiUsage struct {
	Prompt     int             `json:"promptTokenCount"`
	Cached     int             `json:"cachedContentTokenCount,omitempty"`
	Candidates int             `json:"candidatesTokenCount,omitempty"`
	Thoughts   int             `json:"thoughtsTokenCount,omitempty"`
	Total      int             `json:"totalTokenCount"`
	Details    []modalityCount `json:"promptTokensDetails"`
}

type modalityCount struct {
	Modality   string `json:"modality"`
	TokenCount int    `json:"tokenCount"`
}

// usageMetadata counts as the vendor does: thoughts are not the candidates', but of the total. said is how many tokens of
// output have been shown so far, at most.
func usageMetadata(a *answer, said int) *geminiUsage {
	if a.usage == nil {
		return nil
	}
	u := *a.usage
	shown := min(said, u.Output-u.Reasoning)
	return &geminiUsage{u.Input, u.Cached, shown, u.Reasoning, u.Input + shown + u.Reasoning, []modalityCount{{"TEXT", u.Input}}}
}

func (gemini) plain(a *answer) []byte {
	return encode(generatedOf(a, spokenBy(a, a.text), googleReason(a), everything))
}

// everything is more tokens than there are.
const everything = math.MaxInt

func generatedOf(a *answer, parts []geminiSpoken, reason string, said int) generated {
	return generated{
		Candidates:    []candidate{{Content: geminiSaid{parts, "model"}, FinishReason: reason}},
		UsageMetadata: usageMetadata(a, said), ModelVersion: a.model, ResponseID: requestID(a.number),
	}
}

func spokenBy(a *answer, text string) []geminiSpoken {
	var parts []geminiSpoken
	if text != "" || len(a.calls) == 0 {
		parts = append(parts, geminiSpoken{Text: &text})
	}
	for _, c := range a.calls {
		parts = append(parts, geminiSpoken{FunctionCall: &geminiCall{c.ID, c.Name, c.Arguments}})
	}
	return parts
}

func googleReason(a *answer) string {
	if a.end == truncated {
		return "MAX_TOKENS"
	}
	return "STOP"
}

// events carries text by the piece and calls whole. Each chunk tells the usage so far; they don't add up.
func (g gemini) events(a *answer) []event {
	var list []generated
	said := ""
	for _, s := range pieces(a.text) {
		said += s
		list = append(list, generatedOf(a, []geminiSpoken{{Text: &s}}, "", tokens(said)))
	}
	list = append(list, generatedOf(a, spokenBy(a, ""), googleReason(a), everything))
	out := make([]event, len(list))
	for i, v := range list {
		out[i] = g.frame(encode(v), i)
	}
	if !g.sse {
		out = append(out, event{raw: []byte("\n]")})
	}
	return out
}

// frame has lines end as Google's do.
func (g gemini) frame(data []byte, index int) event {
	switch {
	case g.sse:
		return event{raw: fmt.Appendf(nil, "data: %s\r\n\r\n", data)}
	case index == 0:
		return event{raw: fmt.Appendf(nil, "[%s", data)}
	}
	return event{raw: fmt.Appendf(nil, ",\r\n%s", data)}
}

func (g gemini) abort(a *answer, e *Error, sent int) []event {
	body := gemini{model: g.model}.failure(e, a.number) // bare, since the frame makes the array
	list := []event{g.frame(body, sent)}
	if !g.sse {
		list = append(list, event{raw: []byte("\n]")})
	}
	return list
}

type geminiModel struct {
	Name    string   `json:"name"`
	Methods []string `json:"supportedGenerationMethods"`
}

type geminiModels struct {
	Models []geminiModel `json:"models"`
}

func (gemini) models(names []string, _ time.Time) []byte {
	out := geminiModels{Models: []geminiModel{}}
	for _, name := range names {
		out.Models = append(out.Models, geminiModel{"models/" + name, []string{"generateContent", "streamGenerateContent"}})
	}
	return encode(out)
}
