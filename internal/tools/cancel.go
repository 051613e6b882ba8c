// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"

	"github.com/clawea/clawea/seal"
)

// cancels are the calls under way here that their clients can take back with a notice
// of their own: those of versions before 2026-07-28, which do not by hanging up. Nothing
// ties a client's requests together, so calls are known by their job and the number that
// the client gave them. The zero value is ready.
type cancels struct {
	mu    sync.Mutex
	calls map[sent][]*context.CancelFunc
}

// A sent is a request as its client speaks of it.
type sent struct{ job, id string }

type sentKey struct{} // of the sent of a request

// begin returns a context that ends when the call s is taken back, and what lets go of it.
func (c *cancels) begin(ctx context.Context, s sent) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		c.calls = map[sent][]*context.CancelFunc{}
	}
	mine := &cancel
	c.calls[s] = append(c.calls[s], mine)
	return ctx, func() {
		cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		rest := c.calls[s][:0]
		for _, other := range c.calls[s] {
			if other != mine {
				rest = append(rest, other)
			}
		}
		if c.calls[s] = rest; len(rest) == 0 {
			delete(c.calls, s)
		}
	}
}

// end takes the call s back. If two clients of a job have given their calls the same
// number, nobody knows which is meant, and both go on.
func (c *cancels) end(s sent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if list := c.calls[s]; len(list) == 1 {
		(*list[0])()
	}
}

// A notice is what is read of a message before the SDK reads it.
type notice struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// listen reads which call r is, or takes back, in a version where that takes a notice.
// It does so only if r may.
func (h *Handler) listen(r *http.Request, job string, may func() bool) *http.Request {
	if r.Method != http.MethodPost || r.Body == nil || r.Header.Get("Mcp-Protocol-Version") >= elicits {
		return r
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	r.Body = &rest{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
	if err != nil { // the SDK meets it again
		return r
	}
	n, taken := readNotice(body)
	switch {
	case taken != "":
		if may() {
			h.cancels.end(sent{job, taken})
		}
	case n.Method == "tools/call" && len(n.ID) > 0:
		return r.WithContext(context.WithValue(r.Context(), sentKey{}, sent{job, string(n.ID)}))
	}
	return r
}

// readNotice reads a message; taken is the number of the call that it takes back, or "".
func readNotice(body []byte) (n notice, taken string) {
	if err := seal.Glance(body, &n); err != nil {
		return notice{}, ""
	}
	if n.Method != "notifications/cancelled" || len(n.ID) > 0 {
		return n, ""
	}
	var params struct {
		Request json.RawMessage `json:"requestId"`
	}
	if err := seal.Glance(n.Params, &params); err != nil {
		return n, ""
	}
	return n, string(params.Request)
}

// A rest is a body of which the beginning has been read.
type rest struct {
	io.Reader
	io.Closer
}
