// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/seal"
)

var modelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,199}$`)

// strangers are fields that no provider of the two dialects documents, and that
// gateways which speak them read as another model, another provider or another
// key than the one that was decided on.
var strangers = []string{
	"models", "fallback", "fallbacks", "fallback_models", "context_window_fallbacks", "content_policy_fallbacks", "model_list",
	"api_key", "api_base", "base_url", "custom_llm_provider", "user_config",
}

// A member is the text of one field of a request, if it is short.
type member string

// UnmarshalJSON keeps b, unless it is long.
func (m *member) UnmarshalJSON(b []byte) error {
	if len(b) <= 1000 {
		*m = member(b)
	}
	return nil
}

// modelOf returns the one model that a request is for. It refuses what
// different readers would read differently: names that occur twice, and names
// that differ from "model" only in case, which a reader may not care about.
func modelOf(body []byte) (string, *gate.Fault) {
	var fields map[string]member
	if err := seal.Glance(body, &fields); err != nil {
		return "", &gate.Fault{Code: "bad_request", Msg: "the request is not a JSON object whose names occur once: " + excerpt(err.Error()) + "\nsend JSON as the provider documents it"}
	}
	for name := range fields {
		if slices.ContainsFunc(strangers, func(s string) bool { return strings.EqualFold(s, name) }) || name != "model" && strings.EqualFold(name, "model") {
			return "", &gate.Fault{Code: "bad_request", Msg: "the request has a field that could name another model or provider\nleave out all of: " + strings.Join(strangers, ", ") + "; and write \"model\" in lower case"}
		}
	}
	var model string
	if err := seal.Unmarshal([]byte(fields["model"]), &model); err != nil || !modelName.MatchString(model) {
		return "", &gate.Fault{Code: "bad_request", Msg: "the request names no model, or not as one\nwrite \"model\": 1 to 200 letters, digits and . _ : / @ -, beginning with a letter or a digit"}
	}
	return model, nil
}

// excerpt keeps what may quote the request to one line of bounded length.
func excerpt(s string) string {
	s = strings.ReplaceAll(s, "\n", " ")
	return strings.ToValidUTF8(s[:min(len(s), 300)], "")
}

// A headerSet is header names that may pass: in full, or how they begin.
type headerSet struct{ names, prefixes []string }

// What an agent's client may tell a provider. The CST is not among it.
var requestHeaders = headerSet{
	names: []string{
		"accept", "accept-encoding", "content-type", "user-agent", "idempotency-key",
		"anthropic-version", "anthropic-beta", "openai-beta",
	},
	prefixes: []string{"x-stainless-"},
}

// What a provider may tell an agent's client. Names of the house's account are
// not among it, nor cookies.
var answerHeaders = headerSet{
	names: []string{
		"cache-control", "content-encoding", "content-length", "content-type",
		"retry-after", "retry-after-ms", "x-should-retry", "x-request-id", "request-id",
		"openai-processing-ms", "openai-version", "openai-model",
	},
	prefixes: []string{"x-ratelimit-", "anthropic-ratelimit-"},
}

func (s *headerSet) has(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains(s.names, name) || slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// pick returns the headers of h that may pass. One that the sender ties to the
// connection (RFC 9110 section 7.6.1) may not.
func (s *headerSet) pick(h http.Header) http.Header {
	tied := strings.Split(strings.Join(h.Values("Connection"), ","), ",")
	out := http.Header{}
	for name, values := range h {
		if s.has(name) && !slices.ContainsFunc(tied, func(t string) bool { return textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(t)) == name }) {
			out[name] = slices.Clone(values)
		}
	}
	return out
}
