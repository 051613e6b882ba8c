// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"net/http"
	"sync"
)

// A reply sends nothing before the request's proof is used up: by the receipt of its
// call, or else by itself. If it cannot be, something else is said instead.
type reply struct {
	http.ResponseWriter
	spend func() bool // uses up the proof, or turns the request away

	once sync.Once
	good bool
}

// begin reports whether the request's answer may be sent. It has it settled.
func (r *reply) begin() bool {
	r.once.Do(func() { r.good = r.spend() })
	return r.good
}

// WriteHeader writes the header, if there is to be an answer.
func (r *reply) WriteHeader(status int) {
	if r.begin() {
		r.ResponseWriter.WriteHeader(status)
	}
}

// Write writes b, or passes over it. Whoever writes has nothing to mend.
func (r *reply) Write(b []byte) (int, error) {
	if !r.begin() {
		return len(b), nil
	}
	return r.ResponseWriter.Write(b)
}

// FlushError sends what is written.
func (r *reply) FlushError() error {
	r.begin()
	return http.NewResponseController(r.ResponseWriter).Flush()
}
