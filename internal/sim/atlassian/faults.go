// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"time"
)

// Stage is a moment in the life of a request to an operation, at which a test can hold it, or make it fail.
type Stage int

// The stages, in their order.
const (
	Received Stage = iota + 1 // authorised, but nothing has happened
	Applied                   // the change is made, nobody has heard of it
	Answered                  // the client has the answer
)

// Fault is what goes wrong at a stage. The zero Fault is that nothing does.
type Fault struct {
	// Drop closes the connection without an answer. At Answered there is nothing left to drop but the connection.
	Drop bool
	// Status is answered in place of the answer, without a body of the operation: 500, 502, 503 or 504.
	Status int
	// RetryAfter goes with a Status, unless it is 0.
	RetryAfter time.Duration
}

// Intercept calls f at every stage of every request to an operation; those that are refused before (401, 403, 404 of a
// path, 429) have none. f may block, to hold the request there, and returns what is to go wrong. The site is not locked
// meanwhile: f can call its methods. All that Intercept is given is called, and the first fault counts.
//
// Dropping needs a real server, such as one of httptest: it panics with [http.ErrAbortHandler].
func (s *Site) Intercept(f func(Stage, Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercepts = append(s.intercepts, f)
}

// strike asks the interceptors, and tells whether one of them has ended the request.
func (s *Site) strike(w http.ResponseWriter, at Stage, r Request) bool {
	s.mu.Lock()
	intercepts := append([]func(Stage, Request) Fault(nil), s.intercepts...)
	s.mu.Unlock()
	var first Fault
	for _, f := range intercepts {
		if fault := f(at, r); first == (Fault{}) {
			first = fault
		}
	}
	switch {
	case first.Drop:
		panic(http.ErrAbortHandler)
	case first.Status == 0 || at == Answered:
		return false
	}
	rep := failure(r.Path, first.Status, http.StatusText(first.Status))
	if first.RetryAfter > 0 {
		rep.header = http.Header{"Retry-After": {wholeSeconds(first.RetryAfter)}}
	}
	send(w, rep)
	return true
}
