// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/receipt"
)

// A problem is what is wrong with a request, and what mends it.
type problem struct {
	status           int
	code, what, mend string
}

func (e *problem) Error() string { return e.what + "\n" + e.mend }

// answer answers in the house's own words, in the dialect's shape.
func (x *exchange) answer(e *problem) {
	b := x.dialect.Problem(e.status, e.code, e.what, e.mend)
	problemHeader(x.w.Header(), b)
	x.w.WriteHeader(e.status)
	x.w.Write(b) // the agent may be gone; there is no one else to tell
}

func problemHeader(h http.Header, body []byte) {
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
}

// refuse answers a call that was not carried out.
func (x *exchange) refuse(err error) {
	var wrong *problem
	var denied *gate.Denied
	var pending *gate.Pending
	var refused *gate.Refused
	switch {
	case errors.As(err, &wrong):
		x.answer(wrong)
	case errors.As(err, &denied):
		x.cite(denied.Receipt)
		x.answer(denial(denied))
	case errors.As(err, &pending):
		x.cite(pending.Receipt)
		x.answer(&problem{http.StatusForbidden, "approval_required", pending.Error(),
			"Once a person has said clawea approve yes " + pending.Receipt.Asks + ", send the very same request again."})
	case errors.As(err, &refused):
		x.cite(refused.Receipt)
		x.answer(x.refusal(refused))
	default:
		x.proxy.Log.ErrorContext(x.r.Context(), "carry model call", "route", x.route.Name, "error", err)
		x.answer(&problem{http.StatusServiceUnavailable, "unavailable", "the call could not be recorded, so it was not made",
			"Try again later; the operator's log says more."})
	}
}

// denial has status 403 also where the house is to blame: clients try again for
// minutes after any other.
func denial(denied *gate.Denied) *problem {
	var fault *gate.Fault
	if !errors.As(denied.Cause, &fault) {
		return &problem{http.StatusForbidden, "denied", denied.Error(),
			"Trying again will not help: use a route, a model and tools that the policy allows, ask for less, or ask its author."}
	}
	status := http.StatusBadRequest
	if fault.Code == codeScreening {
		status = http.StatusForbidden
	}
	what, mend, _ := strings.Cut(fault.Msg, "\n")
	return &problem{status, fault.Code, what, mend}
}

// refusal says why there was no deciding. Nothing is wrong with the token where a
// bound of the house's is.
func (x *exchange) refusal(refused *gate.Refused) *problem {
	var beyond *gate.Beyond
	if !errors.As(refused.Cause, &beyond) {
		x.proxy.Door.Challenge(x.w.Header(), refused.Code, "")
		return &problem{refused.Status(), refused.Code, "the CST is refused: " + refused.Code, refused.Hint()}
	}
	status := http.StatusTooManyRequests
	if beyond.Code == codeRequest {
		status = http.StatusRequestEntityTooLarge
	}
	what, mend, _ := strings.Cut(beyond.Msg, "\n")
	return &problem{status, beyond.Code, what, mend}
}

// cite names a receipt in the answer's headers.
func (x *exchange) cite(r *receipt.Receipt) {
	if r != nil {
		x.w.Header().Set(receiptHeader, place(r))
	}
}

func place(r *receipt.Receipt) string { return r.Job + "/" + strconv.FormatUint(r.Seq, 10) }
