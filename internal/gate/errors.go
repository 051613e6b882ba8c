// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// ErrUnclosed is returned when an act was carried out and its closed receipt
// could not be written: it may have happened, and the opened receipt says so.
var ErrUnclosed = errors.New("done, but its closing receipt could not be written")

// Denied is the error for a call that the policy does not allow.
type Denied struct {
	Receipt *receipt.Receipt
	Cause   error // why the call could not be put in policy terms, if that is why
}

func (e *Denied) Error() string {
	if e.Cause != nil {
		return "denied: " + e.Cause.Error()
	}
	return "denied: " + reasons(e.Receipt)
}

// Pending is the error for a call that waits for a person.
type Pending struct{ Receipt *receipt.Receipt }

func (e *Pending) Error() string {
	return "waits for approval " + e.Receipt.Asks + ": " + reasons(e.Receipt)
}

// Refused is the error for a call whose token or policy does not hold. Receipt
// is nil if the token names no job that can be believed.
type Refused struct {
	Receipt *receipt.Receipt
	Code    string
	Cause   error
}

func (e *Refused) Error() string { return "refused: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *Refused) Unwrap() error { return e.Cause }

// refusal is the code of err, if that is a *Refused, and else "".
func refusal(err error) string {
	if refused := (*Refused)(nil); errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// Status is the HTTP status of the refusal: whose token is good for other
// actions must not throw it away.
func (e *Refused) Status() int {
	if errors.Is(e.Cause, token.ErrActionRevoked) {
		return http.StatusForbidden
	}
	if errors.As(e.Cause, new(*Unsettled)) {
		return http.StatusConflict
	}
	if errors.As(e.Cause, new(*Beyond)) {
		return http.StatusTooManyRequests
	}
	return http.StatusUnauthorized
}

// Hint is what mends it, in a line.
func (e *Refused) Hint() string {
	var unsettled *Unsettled
	var beyond *Beyond
	switch {
	case errors.As(e.Cause, &beyond):
		_, mends, _ := strings.Cut(beyond.Msg, "\n")
		return mends
	case errors.As(e.Cause, new(*unusable)):
		return "have the house's operator look at the policy: clawea wpc list"
	case errors.As(e.Cause, &unsettled) && (unsettled.State == receipt.Untold || unsettled.State == receipt.Lately):
		return "it is done, nothing was sent now; look at it, and send the call again after a minute only if it is to happen twice"
	case errors.As(e.Cause, &unsettled):
		return "wait a few minutes: the house looks whether it took effect; then send it again, unchanged"
	}
	return token.Hint(e.Code)
}

// Beyond is the error for a call that goes beyond a bound of the house's. Code
// goes into the receipt.
type Beyond struct {
	Code string // "limit.rate", "limit.request", "limit.questions"
	Msg  string // what is wrong, and what mends it
}

func (e *Beyond) Error() string { return e.Msg }

// A Fault is an error of a connector or of the other side that the agent may
// see. Code goes into receipts; Msg does not.
type Fault struct {
	Code string // stable, a word: "not_found", "conflict", "bad_argument"
	Msg  string // what is wrong, and what mends it
}

func (e *Fault) Error() string { return e.Msg }

func code(err error) string {
	if f := (*Fault)(nil); errors.As(err, &f) {
		return f.Code
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return "canceled"
	}
	return "error"
}

func reasons(r *receipt.Receipt) string {
	s := ""
	for i, reason := range r.Decision.Reasons {
		if i > 0 {
			s += "; "
		}
		s += reason.String()
	}
	return s
}
