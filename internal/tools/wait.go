// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/hold"
)

// pageHold is how long a call is held after a client has sent somebody to the page.
const pageHold = 40 * time.Second

// elicits is the first version of the protocol in which every request says what its
// client can do, so that any replica knows it.
const elicits = "2026-07-28"

// question is the name of the one request that is made of a client.
const question = "approval"

// Waits is how agents can wait for people. With the zero value they cannot: they send a
// call again.
type Waits struct {
	Approvals hold.Approvals // nil: no call is held
	Pages     string         // where people's browsers find the house, without a slash at its end; "": clients are sent nowhere
}

// ask is the answer that sends the client's person to the page of the question, or nil
// if the client cannot, or has done so. The page asks who they are, and takes a signed
// answer: that somebody was sent there counts for nothing.
func (h *Handler) ask(req *mcp.CallToolRequest, p *gate.Pending) *mcp.CallToolResult {
	can := req.ClientCapabilities()
	_, asked := req.Params.InputResponses[question]
	if asked || h.waits.Pages == "" || req.ProtocolVersion() < elicits || can == nil || can.Elicitation == nil || can.Elicitation.URL == nil {
		return nil
	}
	return &mcp.CallToolResult{
		Meta: mcp.Meta{"clawea/receipt": name(p.Receipt)},
		InputRequests: mcp.InputRequestMap{question: &mcp.ElicitParams{
			Mode: "url", URL: h.waits.Pages + "/approvals/" + url.PathEscape(p.Receipt.Asks),
			Message: "A person must approve the call of " + p.Receipt.Call.Name() + ". Somebody who may can look at it and answer on this page.",
		}},
	}
}

// patience is how long the client of req would wait for a person's answer: as long as
// it prefers (RFC 7240), and a while after it has sent somebody to the page.
func patience(req *mcp.CallToolRequest) time.Duration {
	if answer, ok := req.Params.InputResponses[question].(*mcp.ElicitResult); ok {
		if answer == nil || answer.Action != "accept" {
			return 0
		}
		return pageHold
	}
	if req.Extra == nil {
		return 0
	}
	return hold.Preferred(req.Extra.Header)
}

type goneKey struct{} // of what tells that the client of a request is gone

// withGone lets hold see that the client of r is gone, or that the daemon stops: calls
// of versions before 2026-07-28 do not end with their requests, but need not be held.
func withGone(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), goneKey{}, r.Context().Done()))
}

// hold waits until people have answered the question id, as long as the client of req
// would, and reports whether they have.
func (h *Handler) hold(ctx context.Context, req *mcp.CallToolRequest, id string, t *teller) bool {
	gone, _ := ctx.Value(goneKey{}).(<-chan struct{})
	return h.room.Hold(ctx, hold.Wait{Question: id, Long: patience(req), Gone: gone, Say: t.say})
}
