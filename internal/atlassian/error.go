// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/clawea/clawea/seal"
)

// The codes of errors. Each is also a code that connectors give to agents.
const (
	BadRequest   = "bad_request"  // 400, 413, 422 and other 4xx: the site does not take the request
	Unauthorized = "unauthorized" // 401: the credential is wrong or has expired
	Forbidden    = "forbidden"    // 403: the credential may not
	NotFound     = "not_found"    // 404, 410: not there, or the credential may not see it
	Conflict     = "conflict"     // 409: changed meanwhile
	RateLimited  = "rate_limited" // 429: still, after the waiting that is worth it; or refused here, so as not to provoke it
	Upstream     = "upstream"     // 5xx, a redirect, or an answer that makes no sense
	Unreachable  = "unreachable"  // no answer
	Invalid      = "invalid"      // refused on our side: nothing was sent
	NotOffered   = "not_offered"  // the site's REST interface has nothing for it (Data Center): nothing was sent
	TooLate      = "too_late"     // a change whose time (the context's deadline) had passed before it was sent: nothing was sent
	// WrongAccount: the site says that another account acted than the credential's.
	// What it answered is kept back. A change may have been made by that account
	// (Uncertain): a person must look. Not Uncertain: nothing was sent.
	WrongAccount = "wrong_account"
)

// An Error is a request that did not do what it was for.
type Error struct {
	Status    int    // HTTP status, 0 without an answer
	Code      string // one of this package's codes
	Message   string // what the site says, shortened and without control characters; may be empty, never to be trusted
	RequestID string // the site's id of the request, or ""
	Account   string // the site's id of the account that acted, or ""
	// Uncertain means that the request was sent, could change something, and may
	// have: no answer came, or none that tells.
	Uncertain bool
	// Until is when it is worth trying again, as the site says; zero if it does not.
	Until time.Time

	cause error
}

// Error says what happened, and the site's own words in short.
func (e *Error) Error() string {
	s := "site: " + strings.ReplaceAll(e.Code, "_", " ")
	if e.Status != 0 {
		s += " (" + strconv.Itoa(e.Status) + ")"
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	if !e.Until.IsZero() {
		s += "; again after " + e.Until.UTC().Format(time.RFC3339)
	}
	return s
}

// Unwrap returns what is beneath: a context's error, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Code returns the code of an *Error in err's chain, or "".
func Code(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func codeOf(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return Unauthorized
	case status == http.StatusForbidden:
		return Forbidden
	case status == http.StatusNotFound, status == http.StatusGone:
		return NotFound
	case status == http.StatusConflict:
		return Conflict
	case status == http.StatusTooManyRequests:
		return RateLimited
	case status >= 400 && status < 500:
		return BadRequest
	}
	return Upstream
}

func invalid(message string, cause error) *Error {
	return &Error{Code: Invalid, Message: message, cause: cause}
}

// unanswered is the error of a request to which no whole answer came. The
// cause's own text may hold addresses, so only contexts' errors are kept.
func unanswered(ctx context.Context, err error, uncertain bool) *Error {
	e := &Error{Code: Unreachable, Message: "no answer", Uncertain: uncertain}
	switch {
	case ctx.Err() != nil:
		e.cause = ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		e.Message = "no answer in time"
	}
	return e
}

// A complaint is what Jira and Confluence v1 answer with when they say no.
type complaint struct {
	Messages []string          `json:"errorMessages"` // Jira
	Fields   map[string]string `json:"errors"`        // Jira
	Message  string            `json:"message"`       // Confluence v1
}

// A complaintV2 is what Confluence v2 answers with.
type complaintV2 struct {
	Errors []struct {
		Title string `json:"title"`
	} `json:"errors"`
}

// words are the site's own words in an answer that says no, made harmless.
func words(body []byte) string {
	var list []string
	var v2 complaintV2
	if seal.Glance(body, &v2) == nil {
		for _, e := range v2.Errors {
			list = append(list, e.Title)
		}
	}
	var c complaint
	if seal.Glance(body, &c) == nil {
		list = append(list, c.Messages...)
		for _, field := range slices.Sorted(maps.Keys(c.Fields)) {
			list = append(list, field+": "+c.Fields[field])
		}
		list = append(list, c.Message)
	}
	list = slices.DeleteFunc(list, func(s string) bool { return s == "" })
	return Clean(strings.Join(list, "; "), 200)
}

// Clean makes text from outside fit for a message: white space becomes single
// blanks, control and format characters go, and it is cut after most characters.
func Clean(s string, most int) string {
	var b strings.Builder
	n := 0
	blank := false
	for _, r := range strings.ToValidUTF8(s, "") {
		switch {
		case unicode.IsSpace(r):
			blank = n > 0
			continue
		case !unicode.IsPrint(r):
			continue
		case blank:
			b.WriteByte(' ')
			n, blank = n+1, false
		}
		if n >= most {
			return strings.TrimSuffix(b.String(), " ") + "…"
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
