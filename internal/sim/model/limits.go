// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/http"
	"strconv"
	"time"
)

// Limits is how much the client may still ask for, as the vendors say it in headers of their own. Gemini says none.
// OpenRouter says the requests only.
type Limits struct {
	Requests, RequestsLeft int           // per minute
	Tokens, TokensLeft     int           // per minute
	Reset                  time.Duration // until all of it is left again
}

// RateLimited is a reply that the client is to try again after wait: status 429, with Retry-After and the vendor's
// headers, or in the Gemini dialect with the details that it has in their place.
func RateLimited(wait time.Duration) Reply {
	return Reply{
		Err:    &Error{Status: http.StatusTooManyRequests, Code: "rate_limit_exceeded", Message: "Rate limit reached. Try again later.", RetryAfter: wait},
		Limits: &Limits{Requests: 60, Tokens: 100_000, TokensLeft: 90_000, Reset: wait},
	}
}

func retryAfter(h http.Header, wait time.Duration) {
	if wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(seconds(wait), 10))
	}
}

// seconds rounds up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

const sse = "text/event-stream; charset=utf-8"

// comment is one that clients of server-sent events skip.
func comment(text string) event { return event{raw: []byte(": " + text + "\n\n")} }
