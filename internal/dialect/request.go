// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxOffers = 512
	maxNested = 3 // of tools in tools
)

// strangers are members that gateways read as another model, another provider or
// another key than the one that was decided on.
var strangers = []string{
	"models", "fallback", "fallbacks", "fallback_models", "context_window_fallbacks", "content_policy_fallbacks", "model_list",
	"api_key", "api_base", "base_url", "custom_llm_provider", "user_config", "preset", "route",
	"extra_body", "extra_headers", "extra_query", "litellm_params",
}

// wanted are the members of each shape that are decided on. A name that differs
// from one of them in case only is refused: some readers take it for that.
var wanted = [...][]string{
	chat: {
		"model", "stream", "max_tokens", "max_completion_tokens", "max_new_tokens", "max_output_tokens", "n_predict", "num_predict", "n", "best_of", "n_cmpl",
		"tools", "functions", "web_search_options", "search_parameters", "enable_search", "plugins", "context_management",
	},
	responses: {"model", "stream", "max_output_tokens", "tools", "input", "previous_response_id", "conversation", "prompt", "context_management"},
	messages:  {"model", "stream", "max_tokens", "tools", "container", "mcp_servers", "context_management"},
	generate:  {"model", "generationConfig", "generation_config", "tools", "cachedContent", "cached_content"},
}

// A reader reads one request.
type reader struct {
	scanner
	d       *Dialect
	a       *Asked
	model   string   // that the path names, or the body
	limit   int      // tokens of each choice
	entries int      // of lists of tools
	nested  int      // how many tools the one that is being read is in
	others  []string // models that tools name
	picture bool     // it holds a picture in base64
	short   bool     // it holds something short in base64
	problem error    // why the request is refused, if not for its JSON
}

// Read reads a request whose path names model, "" if it does not. It refuses what
// different readers would read differently. Its errors are two lines for people.
func (d *Dialect) Read(body []byte, model string) (*Asked, error) {
	r := &reader{scanner: scanner{b: body, names: make([][]byte, 0, 64)}, d: d, model: model, a: &Asked{Stream: d.stream, Choices: 1}}
	ok := r.distinct(r.member) && r.end()
	switch {
	case r.problem != nil:
		return nil, r.problem
	case !ok:
		return nil, refusal("the request is not a JSON object that all read alike: "+r.wrong, "send JSON as the provider documents it, each name once")
	case !r.ascii() && !utf8.Valid(body):
		return nil, refusal("the request is not valid UTF-8", "send JSON as the provider documents it")
	}
	if err := r.finish(); err != nil {
		return nil, err
	}
	return r.a, nil
}

func refusal(what, mend string) error { return errors.New(what + "\n" + mend) }

// refuse keeps the first reason why the request is refused.
func (r *reader) refuse(what, mend string) bool {
	if r.problem == nil && r.wrong == "" {
		r.problem = refusal(what, mend)
	}
	return false
}

// finish checks and completes what the members have said.
func (r *reader) finish() error {
	a := r.a
	if !isModel(r.model) || r.d.shape == generate && !isGemini(r.model) {
		return refusal("the request names no model, or not as one", `write "model": 1 to 200 letters, digits and . _ : / @ -, beginning with a letter or a digit`)
	}
	for _, m := range r.others {
		if m != r.model {
			return refusal("a tool of the request names another model than the request", "leave out the tool's model")
		}
	}
	a.Model, a.Upstream = r.model, r.model
	a.Refers = a.Refers || r.picture && r.short
	if r.d.Provider == fal.Provider {
		if err := r.routed(); err != nil {
			return err
		}
	}
	a.MaxOutput = r.limit * a.Choices
	slices.Sort(a.Offers)
	a.Offers = slices.Compact(a.Offers)
	return nil
}

// routed reads OpenRouter's name of the model, after which may come what is done
// with the request, and before that.
func (r *reader) routed() error {
	name, ok := strings.CutPrefix(r.model, falPrefix)
	if !ok || !isModel(name) || strings.Contains(name, "@") { // a preset may have another model
		return refusal("the model has no name at OpenRouter", `write "model": "openrouter/VENDOR/MODEL", and no preset after it`)
	}
	r.a.Upstream = name
	if !strings.Contains(strings.ToLower(name)+":", ":online:") {
		return nil
	}
	r.a.Refers = true // the web is searched for it
	if !r.offer([]byte("web")) {
		return r.problem
	}
	return nil
}

// member reads a member of the request.
func (r *reader) member(name []byte) bool {
	if !r.usual(name) {
		return r.refuse("the request has a member that could name another model, provider or key, or differs from one that matters in case only: "+excerpt(name),
			"leave out all of "+strings.Join(strangers, ", ")+"; and write the others as the provider documents them")
	}
	if string(name) == "tools" {
		return r.tools()
	}
	switch r.d.shape {
	case chat:
		return r.chatMember(name)
	case responses:
		return r.responsesMember(name)
	case messages:
		return r.messagesMember(name)
	}
	return r.generateMember(name)
}

// usual reports whether name is not a stranger, nor like a wanted one without
// being it.
func (r *reader) usual(name []byte) bool {
	return slices.Contains(wanted[r.d.shape], string(name)) || !alike(name, wanted[r.d.shape]) && !alike(name, strangers)
}

// excerpt is a name as errors may quote it.
func excerpt(name []byte) string { return fmt.Sprintf("%.40q", name) }

func (r *reader) chatMember(name []byte) bool {
	switch string(name) {
	case "model":
		return r.modelMember()
	case "stream":
		return r.streamMember()
	case "max_tokens", "max_completion_tokens", "max_new_tokens", "max_output_tokens", "n_predict", "num_predict":
		return r.limitMember()
	case "n", "best_of", "n_cmpl":
		return r.choicesMember()
	case "functions":
		return r.list(r.function)
	case "web_search_options":
		return r.hosted("web_search_options")
	case "search_parameters":
		return r.hosted("web")
	case "enable_search":
		if r.next() == 'f' {
			return r.skip()
		}
		return r.hosted("web")
	case "plugins":
		return r.list(r.plugin)
	case "context_management":
		return r.reference()
	}
	return r.walk(anywhere)
}

func (r *reader) responsesMember(name []byte) bool {
	switch string(name) {
	case "model":
		return r.modelMember()
	case "stream":
		return r.streamMember()
	case "max_output_tokens":
		return r.limitMember()
	case "prompt": // a stored one, which may have tools
		return r.hosted("prompt")
	case "previous_response_id", "conversation", "context_management": // the last may have parts read twice
		return r.reference()
	case "input":
		return r.input()
	}
	return r.walk(anywhere)
}

func (r *reader) messagesMember(name []byte) bool {
	switch string(name) {
	case "model":
		return r.modelMember()
	case "stream":
		return r.streamMember()
	case "max_tokens":
		return r.limitMember()
	case "container", "context_management":
		return r.reference()
	case "mcp_servers":
		return r.hosted("mcp_servers")
	}
	return r.walk(anywhere)
}

func (r *reader) generateMember(name []byte) bool {
	switch string(name) {
	case "model":
		return r.sameModel()
	case "generationConfig":
		return !r.spelledTwice("generation_config") && r.config()
	case "generation_config":
		return !r.spelledTwice("generationConfig") && r.config()
	case "cachedContent": // which may have tools
		return !r.spelledTwice("cached_content") && r.hosted("cachedContent")
	case "cached_content":
		return !r.spelledTwice("cachedContent") && r.hosted("cachedContent")
	}
	return r.walk(anywhere)
}

// spelledTwice refuses a member whose other spelling has come before: Google
// reads both.
func (r *reader) spelledTwice(other string) bool {
	for _, n := range r.names {
		if string(n) == other {
			r.fail("a name that occurs twice, as " + other)
			return true
		}
	}
	return false
}

func (r *reader) modelMember() bool {
	r.next()
	start := r.i
	if r.next() != '"' {
		return r.refuse("the request names no model, or not as one", `write "model" as a string`)
	}
	b, ok := r.text()
	r.model, r.a.at, r.a.end = string(b), start, r.i
	return ok
}

// sameModel reads the model in the body of a request whose path names it.
func (r *reader) sameModel() bool {
	if r.null() {
		return true
	}
	b, ok := r.text()
	if ok && strings.TrimPrefix(string(b), "models/") != r.model {
		return r.refuse("the request names another model than its path", `leave out "model"`)
	}
	return ok
}

func (r *reader) streamMember() bool {
	c := r.next()
	if c != 't' && c != 'f' && c != 'n' {
		return r.fail("neither true nor false")
	}
	r.a.Stream = c == 't'
	return r.skip()
}

// limitMember reads a bound of the answer's tokens. Of several the largest counts.
func (r *reader) limitMember() bool {
	if r.null() {
		return true
	}
	n, ok := r.count()
	r.limit = max(r.limit, n)
	return ok
}

const maxChoices = 1 << 16

func (r *reader) choicesMember() bool {
	if r.null() {
		return true
	}
	n, ok := r.count()
	if ok && n > maxChoices {
		return r.fail("too many choices")
	}
	r.a.Choices = max(r.a.Choices, n)
	return ok
}

var (
	limitNames  = []string{"maxOutputTokens", "max_output_tokens"}
	choiceNames = []string{"candidateCount", "candidate_count"}
	routeNames  = []string{"routingConfig", "routing_config", "modelSelectionConfig", "model_selection_config", "modelConfig", "model_config"}
)

// config reads Gemini's generationConfig.
func (r *reader) config() bool {
	if r.null() {
		return true
	}
	var limited, chosen bool
	return r.distinct(func(name []byte) bool {
		switch {
		case alike(name, limitNames):
			return r.once(&limited, name, limitNames) && r.limitMember()
		case alike(name, choiceNames):
			return r.once(&chosen, name, choiceNames) && r.choicesMember()
		case alike(name, routeNames):
			return r.refuse("the request has a member that could name another model: "+excerpt(name), "leave it out")
		}
		return r.skip()
	})
}

// once refuses the second of several spellings, and one that is none of them.
func (r *reader) once(seen *bool, name []byte, names []string) bool {
	if *seen || !slices.Contains(names, string(name)) {
		return r.fail("a name that occurs twice, or in a spelling of its own: " + excerpt(name))
	}
	*seen = true
	return true
}

// alike reports whether name is one of names, but for case.
func alike(name []byte, names []string) bool {
	for _, s := range names {
		if len(name) >= len(s) && bytes.EqualFold(name, []byte(s)) {
			return true
		}
	}
	return false
}

// reference reads a member that has the provider read what it keeps.
func (r *reader) reference() bool {
	if r.null() {
		return true
	}
	r.a.Refers = true
	return r.skip()
}

// hosted is reference for one that may bring tools which the request does not
// name: it is offered by its own name.
func (r *reader) hosted(name string) bool {
	if r.null() {
		return true
	}
	r.a.Refers = true
	return r.offer([]byte(name)) && r.skip()
}

// offer notes a tool's name.
func (r *reader) offer(name []byte) bool {
	if !isTool(name) {
		return r.refuse("a tool of the request has no name, or not one: "+excerpt(name), "name tools with 1 to 128 letters, digits and _ . : / -")
	}
	if len(r.a.Offers) == maxOffers {
		return r.tooMany()
	}
	r.a.Offers = append(r.a.Offers, string(name))
	return true
}
