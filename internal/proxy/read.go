// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/clawea/clawea/internal/gate"
)

// believed is how much of a declared length is made room for before it is there.
const believed = 1 << 20

// hurry gives the agent its time to send the request. Where that is refused
// unread, net/http reads some of it still.
func (x *exchange) hurry() {
	x.control.SetReadDeadline(time.Now().Add(x.proxy.limits.Read)) // not every writer has one
}

// read reads the whole request, and leaves the time limit of reading behind:
// what follows has its own.
func (x *exchange) read() error {
	if e := x.r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return unread
	}
	most := x.proxy.limits.Request
	if x.r.ContentLength > int64(most) {
		return x.tooLong()
	}
	x.body = make([]byte, 0, min(max(x.r.ContentLength, 0), believed)+512)
	for {
		n, err := x.r.Body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		switch {
		case len(x.body) > most:
			return x.tooLong()
		case err == io.EOF:
			x.control.SetReadDeadline(time.Time{})
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			x.w.Header().Set("Connection", "close")
			return &problem{http.StatusRequestTimeout, "timeout", fmt.Sprintf("the request did not arrive within %s", x.proxy.limits.Read), "Send it again, faster."}
		case err != nil:
			return unread
		case len(x.body) == cap(x.body):
			x.body = slices.Grow(x.body, len(x.body))
		}
	}
}

var unread = &problem{http.StatusBadRequest, "bad_request", "the request could not be read", "Send it again, with its whole body and without Content-Encoding."}

// tooLong refuses a request that is not read to its end: the connection has no
// use after it.
func (x *exchange) tooLong() error {
	x.w.Header().Set("Connection", "close")
	return &gate.Beyond{Code: codeRequest, Msg: fmt.Sprintf("the request is longer than %d bytes\nsend less", x.proxy.limits.Request)}
}
