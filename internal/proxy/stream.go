// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/clawea/clawea/receipt"
)

// errIdle is why a silent stream is given up.
var errIdle = errors.New("nothing came for too long")

const (
	// held is how much of an answer whose length is known is gathered before any of
	// it is sent on.
	held = 64 << 10
	// spare is the least room for what comes next.
	spare = 4 << 10
)

// begin takes over the provider's status and headers.
func (x *exchange) begin(resp *http.Response) {
	x.status, x.chunked = resp.StatusCode, resp.ContentLength < 0
	h := x.w.Header()
	for name, values := range answerHeaders.pick(resp.Header) {
		h[name] = values
	}
	if len(h["Content-Type"]) == 0 {
		h["Content-Type"] = nil // no guessing
	}
	h.Set("X-Content-Type-Options", "nosniff")
	first := int64(2 * spare)
	if !x.chunked {
		first = min(resp.ContentLength, believed) + spare
	} else if x.r.ProtoAtLeast(1, 1) {
		h.Set("Trailer", closedTrailer)
	}
	x.got = make([]byte, 0, first)
	if x.chunked { // a client waits for them; what fails here fails again in the body
		x.head()
		x.control.Flush()
	}
}

// head sends the answer's headers.
func (x *exchange) head() {
	if !x.began {
		x.began = true
		x.w.WriteHeader(x.status)
	}
}

// stream passes the answer's body on, as it comes, and returns how it ended. Of
// one whose length is known, the end is left to finish.
func (x *exchange) stream(ctx context.Context, cancel context.CancelCauseFunc, resp *http.Response) receipt.Outcome {
	silence := time.AfterFunc(x.proxy.limits.Idle, func() { cancel(errIdle) })
	defer silence.Stop()
	most := x.proxy.limits.Answer
	for {
		if cap(x.got)-len(x.got) < spare/2 {
			x.got = slices.Grow(x.got, max(len(x.got), spare))
		}
		silence.Reset(x.proxy.limits.Idle)
		n, err := resp.Body.Read(x.got[len(x.got):cap(x.got)])
		silence.Stop() // an agent that is slow to take it has a limit of its own
		if n > 0 && x.first.IsZero() {
			x.first = time.Now()
		}
		long := n > most-len(x.got)
		x.got = x.got[:len(x.got)+min(n, most-len(x.got))]
		x.whole = err == io.EOF && !long
		if x.due(resp.ContentLength, long || err != nil && !x.whole) && x.write(ctx) != nil {
			x.whole = false
			return x.untaken(ctx)
		}
		switch {
		case long:
			return receipt.Outcome{Status: receipt.Aborted, Code: codeTooLong}
		case x.whole:
			return ended(resp.StatusCode)
		case err != nil:
			return x.broken(ctx)
		}
	}
}

// due reports whether what has come is to be sent on now: in a stream at once,
// and else when there is much of it and more will come. When it will not, all
// that there is goes out.
func (x *exchange) due(length int64, broken bool) bool {
	if x.chunked || broken {
		return true
	}
	return len(x.got)-x.taken >= held && int64(len(x.got)) < length
}

func ended(status int) receipt.Outcome {
	out := receipt.Outcome{Status: receipt.Done, Code: strconv.Itoa(status)}
	if status >= 400 {
		out.Status = receipt.Failed
	}
	return out
}

// broken says why the answer's body ended before its end.
func (x *exchange) broken(ctx context.Context) receipt.Outcome {
	code := codeCut
	switch cause := context.Cause(ctx); {
	case x.r.Context().Err() != nil:
		code = codeHangup
	case errors.Is(cause, errIdle):
		code = codeIdle
	case cause != nil: // the house has cut it off, and the gate says why
		x.hangUp()
	}
	return receipt.Outcome{Status: receipt.Aborted, Code: code}
}

// hangUp ends the agent's connection at once, and not when the receipt is
// closed: what has cut the call off may be that the book cannot be reached.
func (x *exchange) hangUp() {
	conn, _, err := x.control.Hijack()
	if err == nil { // else it ends with the handler
		conn.Close()
	}
}

// untaken says why the agent did not take the answer.
func (x *exchange) untaken(ctx context.Context) receipt.Outcome {
	if ctx.Err() != nil && x.r.Context().Err() == nil {
		return x.broken(ctx)
	}
	return receipt.Outcome{Status: receipt.Aborted, Code: codeHangup}
}

// stopWriting ends a write that is under way.
func (x *exchange) stopWriting() {
	x.control.SetWriteDeadline(time.Unix(1, 0)) // not every writer has one
}

// write sends on what has come, at once, and remembers what of it was taken.
func (x *exchange) write(ctx context.Context) error {
	if x.taken == len(x.got) {
		return nil
	}
	x.arm()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	x.head()
	n, err := x.w.Write(x.got[x.taken:])
	x.taken += n
	if err != nil {
		return err
	}
	if err := x.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// arm gives the agent time to take what comes next. Setting a deadline costs more
// than a small write, so it is not set anew for each: it is later by as long as it
// may be kept.
func (x *exchange) arm() {
	now, idle := time.Now(), x.proxy.limits.Idle
	keep := min(time.Second, idle/4)
	if now.Sub(x.armed) > keep {
		x.control.SetWriteDeadline(now.Add(idle + keep)) // not every writer has one
		x.armed = now
	}
}

// finish sends the answer's end, now that its receipt is closed, and leaves the
// connection to the next request. closed is nil where the act has an error to
// show instead of a receipt.
func (x *exchange) finish(closed *receipt.Receipt) {
	if x.chunked && closed != nil && x.r.ProtoAtLeast(1, 1) {
		x.w.Header().Set(closedTrailer, place(closed))
	}
	x.head()
	err := x.write(context.Background())
	x.control.SetWriteDeadline(time.Time{})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}
