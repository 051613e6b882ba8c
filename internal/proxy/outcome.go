// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net/http"
	"time"

	"github.com/clawea/clawea/internal/dialect"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/receipt"
)

// describe adds to res what the provider's answer says of itself, read from the
// bytes that the agent got, and returns the answer's own id.
func (x *exchange) describe(resp *http.Response, res *gate.Result) string {
	took := time.Since(x.sent)
	said := x.dialect.Answer(resp.Header, x.given(), x.asked.Choices)
	g := &receipt.Generation{Provider: x.dialect.Provider, Model: said.Model, Finish: said.Finish, Usage: said.Usage, First: took.Milliseconds(), Took: took.Milliseconds()}
	if !x.first.IsZero() {
		g.First = x.first.Sub(x.sent).Milliseconds()
	}
	for _, call := range said.Proposed[:min(len(said.Proposed), receipt.MaxProposed)] {
		g.Proposed = append(g.Proposed, receipt.Proposed{Name: call.Name})
		res.Proposed = append(res.Proposed, call.Args)
	}
	out := &res.Outcome
	out.Model, out.Upstream = g, requestID(resp.Header, said.ID)
	if out.Code == codeHangup && (said.Whole || said.Failed) { // clients leave when they have read the last event
		end := ended(resp.StatusCode)
		out.Status, out.Code = end.Status, end.Code
	}
	if out.Status == receipt.Done && said.Failed {
		out.Status, out.Code = failure(said), codeInAnswer
	}
	return said.ID
}

// failure is how a call ended whose answer says that it failed, by a good status.
// Where a model had answered before, what it used is not given back.
func failure(said *dialect.Answered) receipt.Status {
	if said.ID != "" || said.Model != "" || said.Usage != nil || len(said.Proposed) > 0 {
		return receipt.Aborted
	}
	return receipt.Failed
}
