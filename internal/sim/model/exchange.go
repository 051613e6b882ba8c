// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/http"
	"strconv"
	"time"
)

// An exchange is one request and its answer on the wire.
type exchange struct {
	w      http.ResponseWriter
	r      *http.Request
	wire   wire
	number int // of the request, from 1
	now    time.Time
	delay  time.Duration
	reply  Reply
	after  int // chunks until the reply's fault
}

func (x *exchange) fail(e *Error) {
	x.wire.pace(x.w.Header(), x.reply.Limits, e.RetryAfter, x.now)
	x.send(e.Status, x.wire.failure(e, x.number))
}

func (x *exchange) send(status int, body []byte) {
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	x.w.Write(body) // a client that has gone needs no answer
}

func (x *exchange) plain(a *answer) {
	if x.reply.Fault == Fail {
		e := x.broken()
		x.wire.pace(x.w.Header(), x.reply.Limits, e.RetryAfter, x.now)
		x.send(x.wire.late(e), x.wire.failure(e, x.number))
		return
	}
	body := x.wire.plain(a)
	x.wire.pace(x.w.Header(), x.reply.Limits, 0, x.now)
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	half := len(body) / 2
	for _, part := range [][]byte{body[:half], body[half:]} {
		if x.due() {
			x.strike(a, 0)
			return
		}
		if !x.write(part) {
			return
		}
	}
}

func (x *exchange) stream(a *answer) {
	list := x.wire.events(a)
	x.wire.pace(x.w.Header(), x.reply.Limits, 0, x.now)
	x.w.Header().Set("Content-Type", x.wire.streamType())
	x.w.Header().Set("Cache-Control", "no-cache")
	x.w.WriteHeader(http.StatusOK)
	x.flush()
	for i, e := range list {
		if !x.pause() {
			return
		}
		if every := x.reply.PingEvery; every > 0 && i%every == 0 && !x.write(x.wire.ping().bytes()) {
			return
		}
		if x.due() {
			x.strike(a, i)
			return
		}
		if !x.write(e.bytes()) {
			return
		}
	}
}

// due reports whether it is time for the fault, and counts the chunk that is sent otherwise.
func (x *exchange) due() bool {
	if x.reply.Fault != None && x.after <= 0 {
		return true
	}
	x.after--
	return false
}

// strike lets the fault happen to a. sent is how many events of it have gone out.
func (x *exchange) strike(a *answer, sent int) {
	switch x.reply.Fault {
	case Cut:
		panic(http.ErrAbortHandler)
	case Stall:
		<-x.r.Context().Done()
	case Fail:
		for _, e := range x.wire.abort(a, x.broken(), sent) {
			x.write(e.bytes())
		}
	}
}

func (x *exchange) broken() *Error {
	if x.reply.Failure != nil {
		return x.reply.Failure
	}
	return &Error{Status: http.StatusInternalServerError, Message: "The server had an error while processing your request."}
}

// write sends b at once and reports whether the client is still there.
func (x *exchange) write(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if _, err := x.w.Write(b); err != nil {
		return false
	}
	return x.flush()
}

func (x *exchange) flush() bool { return http.NewResponseController(x.w).Flush() == nil }

func (x *exchange) pause() bool {
	if x.delay <= 0 {
		return true
	}
	t := time.NewTimer(x.delay)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}
