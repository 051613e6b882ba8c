// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package dialect knows how model providers are spoken to: where their endpoints
// are, what of a request decides what is asked, and what an answer says of
// itself. It changes nothing of what passes, but for a model's name where a
// provider's own differs from the agent's.
//
// Requests are an agent's, and hostile: one that two readers could take for two
// different things is refused. Answers are read after they have gone out, for
// the record only: what of them cannot be read is missing there.
package dialect

import (
	"net/http"
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A Dialect is the format of one endpoint of a kind of provider.
type Dialect struct {
	Provider string // the configuration's word: "openai", "anthropic", "gemini", "fal"
	Action   policy.Action

	shape  shape
	path   string // the endpoint, under the version; Gemini's follows the model's name
	query  string // the one query that may be sent, or ""
	stream bool   // the endpoint itself says that the answer is a stream
}

// A shape is how requests and answers are written.
type shape uint8

const (
	chat      shape = iota // OpenAI's chat completions, which many others speak
	responses              // OpenAI's responses
	messages               // Anthropic's messages
	generate               // Google's generateContent
)

var (
	openAI    = &Dialect{Provider: "openai", Action: action("chat.completions"), shape: chat, path: "chat/completions"}
	openAINew = &Dialect{Provider: "openai", Action: action("responses"), shape: responses, path: "responses"}
	anthropic = &Dialect{Provider: "anthropic", Action: action("messages"), shape: messages, path: "messages", query: "beta=true"}
	gemini    = &Dialect{Provider: "gemini", Action: action("generateContent"), shape: generate, path: ":generateContent", query: "alt=json"}
	fal       = &Dialect{Provider: "fal", Action: action("chat.completions"), shape: chat, path: "chat/completions"}

	// Gemini's streams are server-sent events if the query says so, and else one
	// long array.
	geminiEvents = &Dialect{Provider: "gemini", Action: action("generateContent"), shape: generate, path: ":streamGenerateContent", query: "alt=sse", stream: true}
	geminiArray  = &Dialect{Provider: "gemini", Action: action("generateContent"), shape: generate, path: ":streamGenerateContent", stream: true}
)

func action(name string) policy.Action {
	return policy.Action{Tool: "model", Name: name, Class: policy.Model}
}

// Asked is what a request asks for, as far as it is to be decided on.
type Asked struct {
	Model     string   // as the agent names it, which policies do as well
	Upstream  string   // as the provider names it
	Stream    bool     // the answer is to come as a stream
	MaxOutput int      // tokens that the answer can have at most, all choices of it together; 0: it does not say
	Choices   int      // answers that it asks for, at least 1
	Offers    []string // names of the tools offered, sorted, each once
	Refers    bool     // it has the provider read what is not in it, so that its length bounds nothing

	at, end int // where the body names the model, quotes included; 0 if the path does
}

// Answered is what an answer says of itself. What it does not say is zero.
type Answered struct {
	ID       string         // the provider's id of it: 1 to 128 printable ASCII characters
	Model    string         // that answered
	Finish   string         // why it ended; of several choices: "stop,length"
	Usage    *receipt.Usage // nil if there is none, or if the answer failed or broke off before its last word on it
	Proposed []ToolCall     // in the answer's order, at most 128
	Failed   bool           // it says that it failed, whatever its status
	Whole    bool           // it has its own end: a plain body, or a stream's last event
}

// A ToolCall is one that the model proposes.
type ToolCall struct {
	Name string // as receipts take it, or ""
	Args []byte // as the model wrote them
}

// All are the dialects, in the order in which they are listed to people. No two
// are one endpoint of one provider.
func All() []*Dialect { return []*Dialect{openAI, openAINew, anthropic, gemini, fal} }

// Find returns the dialect of provider whose endpoint a request is for, by what
// follows /proxy/ROUTE/ in its path, and the model that the path names, "" where
// the body does. A query that means anything but the endpoint's usual form is
// not found: it could carry a key, or ask for another form of answer than is read.
func Find(provider, rest, query string) (d *Dialect, model string, ok bool) {
	if provider == gemini.Provider {
		return findGemini(rest, query)
	}
	rest = strings.TrimPrefix(rest, "v1/")
	for _, d := range All() {
		if d.Provider == provider && d.path == rest {
			return d, "", query == "" || query == d.query
		}
	}
	return nil, "", false
}

func findGemini(rest, query string) (*Dialect, string, bool) {
	version, name, ok := strings.Cut(rest, "models/")
	model, method, _ := strings.Cut(name, ":")
	if !ok || version != "" && version != "v1/" && version != "v1beta/" || !isGemini(model) {
		return nil, "", false
	}
	for _, d := range []*Dialect{gemini, geminiEvents, geminiArray} {
		if d.path == ":"+method && (query == d.query || query == "" && d != geminiEvents) {
			return d, model, true
		}
	}
	return nil, "", false
}

// Like returns the dialect that a path looks like, for answers to requests that
// have no route. It is never nil.
func Like(rest string) *Dialect {
	switch {
	case strings.Contains(rest, geminiArray.path):
		return geminiArray
	case strings.HasPrefix(rest, "v1beta/"), strings.HasPrefix(rest, "models/"), strings.Contains(rest, gemini.path):
		return gemini
	case strings.Contains(rest, anthropic.path):
		return anthropic
	case strings.Contains(rest, openAINew.path):
		return openAINew
	}
	return openAI
}

// falPrefix begins the names that agents have for OpenRouter's models.
const falPrefix = "openrouter/"

// Request returns the URL under base, and the body, in which the provider gets
// what a asks; query is the agent's. base has the provider's version. body is the
// one that a was read from; it is not changed, and comes back itself unless the
// provider has another name for the model.
func (d *Dialect) Request(base string, body []byte, a *Asked, query string) (url string, sent []byte) {
	url = strings.TrimRight(base, "/") + "/"
	if d.shape == generate {
		url += "models/" + a.Upstream
	}
	url += d.path
	if query != "" {
		url += "?" + query
	}
	if a.Upstream == a.Model || a.end == 0 {
		return url, body
	}
	return url, slices.Concat(body[:a.at], []byte(`"`+a.Upstream+`"`), body[a.end:]) // names need no escapes
}

// Sign adds the provider's key.
func (d *Dialect) Sign(h http.Header, key string) {
	switch d.Provider {
	case anthropic.Provider:
		h.Set("X-Api-Key", key)
	case gemini.Provider:
		h.Set("X-Goog-Api-Key", key)
	case fal.Provider:
		h.Set("Authorization", "Key "+key)
	default:
		h.Set("Authorization", "Bearer "+key)
	}
}
