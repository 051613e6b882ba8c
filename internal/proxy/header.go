// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// A headerSet is header names that may pass, in canonical form: in full, or how
// they begin.
type headerSet struct {
	names    map[string]bool
	prefixes []string
	longest  int // bytes of all values of one; 0: any number
}

// What an agent's client may tell a provider. The CST is not among it. No receipt
// commits to it, so it is short: not a way to send texts out.
var requestHeaders = headerSet{
	names: map[string]bool{
		"Accept": true, "Content-Type": true, "User-Agent": true, "Idempotency-Key": true, "X-Client-Request-Id": true,
		"Anthropic-Version": true, "Anthropic-Beta": true, "Openai-Beta": true, "X-Goog-Api-Client": true, "X-Server-Timeout": true,
		"X-Stainless-Arch": true, "X-Stainless-Async": true, "X-Stainless-Custom-Poll-Interval": true, "X-Stainless-Helper": true,
		"X-Stainless-Helper-Method": true, "X-Stainless-Lang": true, "X-Stainless-Os": true, "X-Stainless-Package-Version": true,
		"X-Stainless-Poll-Helper": true, "X-Stainless-Read-Timeout": true, "X-Stainless-Retry-Count": true, "X-Stainless-Runtime": true,
		"X-Stainless-Runtime-Version": true, "X-Stainless-Timeout": true,
	},
	longest: 512,
}

// What a provider may tell an agent's client. Names of the house's account are
// not among it, nor cookies.
var answerHeaders = headerSet{
	names: map[string]bool{
		"Cache-Control": true, "Content-Encoding": true, "Content-Length": true, "Content-Type": true,
		"Retry-After": true, "Retry-After-Ms": true, "X-Should-Retry": true, "X-Request-Id": true, "Request-Id": true, "X-Fal-Request-Id": true, "X-Generation-Id": true,
		"Openai-Processing-Ms": true, "Openai-Version": true, "Openai-Model": true,
	},
	prefixes: []string{"X-Ratelimit-", "Anthropic-Ratelimit-"},
}

func (s *headerSet) has(name string) bool {
	return s.names[name] || slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// pick returns the headers of h that may pass. One that the sender ties to the
// connection (RFC 9110 section 7.6.1) may not.
func (s *headerSet) pick(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		if s.has(name) && (s.longest == 0 || size(values) <= s.longest) {
			out[name] = values
		}
	}
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			delete(out, textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
	return out
}

func size(values []string) int {
	n := 0
	for _, v := range values {
		n += len(v)
	}
	return n
}

// encoding is the one encoding that a provider may use in its answer: gzip, if
// the agent takes that, since its usage can then be read, and else none.
func encoding(accept []string) string {
	for _, list := range accept {
		for item := range strings.SplitSeq(list, ",") {
			name, param, _ := strings.Cut(item, ";")
			if name = strings.TrimSpace(name); strings.EqualFold(name, "gzip") && wanted(param) {
				return "gzip"
			}
		}
	}
	return "identity"
}

// wanted reports whether the weight of an encoding is not 0 (RFC 9110 section
// 12.4.2).
func wanted(param string) bool {
	q, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(param, " ", "")), "q=")
	weight, err := strconv.ParseFloat(q, 64)
	return !ok && param == "" || err == nil && weight > 0
}

// requestID returns the provider's id of the request, or nothing if it has none
// that can go into a receipt. said is the one that the answer itself has.
func requestID(h http.Header, said string) string {
	for _, name := range []string{"X-Request-Id", "Request-Id", "X-Fal-Request-Id"} {
		if id := h.Get(name); id != "" {
			return plainID(id)
		}
	}
	return plainID(said)
}

func plainID(id string) string {
	odd := func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == ':' || c == '-')
	}
	if len(id) > 128 || strings.ContainsFunc(id, odd) {
		return ""
	}
	return id
}
