// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A Failure is what an agent reads when a call was not carried out, or not
// well: the JSON text of an error result.
type Failure struct {
	Status   string          `json:"status"`             // "denied", "waiting", "refused", "failed", "unavailable" or "unrecorded"
	Code     string          `json:"code,omitempty"`     // a stable word, where there is one
	Message  string          `json:"message"`            // what is wrong
	Hint     string          `json:"hint"`               // what mends it
	Reasons  []policy.Reason `json:"reasons,omitempty"`  // the clauses that spoke
	Approval string          `json:"approval,omitempty"` // what the call waits for
	Receipt  string          `json:"receipt,omitempty"`  // JOB/SEQ
}

// answer is what an agent gets of a call that was carried out.
func (h *Handler) answer(ctx context.Context, r *receipt.Receipt, res *gate.Result) *mcp.CallToolResult {
	out := &mcp.CallToolResult{Meta: mcp.Meta{"clawea/receipt": name(r)}}
	switch res.Form {
	case gate.Text:
		out.Content = []mcp.Content{&mcp.TextContent{Text: string(res.Body)}}
	case gate.Content:
		if err := unpack(res.Body, out); err != nil {
			return h.failed(ctx, r, fmt.Errorf("read a connector's content: %w", err))
		}
	default:
		return h.failed(ctx, r, fmt.Errorf("a connector's answer is of form %d", res.Form))
	}
	return out
}

// unpack reads a body of form gate.Content into out. What else it holds, such as an
// error or a question to the client, is not the connector's to say.
func unpack(body []byte, out *mcp.CallToolResult) error {
	var in struct {
		Content    []json.RawMessage `json:"content"`
		Structured json.RawMessage   `json:"structuredContent,omitzero"`
	}
	if err := seal.Unmarshal(body, &in); err != nil {
		return err
	}
	if in.Content == nil {
		return errors.New("there is no list of contents")
	}
	var read mcp.CallToolResult
	if err := json.Unmarshal(body, &read); err != nil {
		return err
	}
	out.Content = read.Content
	if in.Structured != nil {
		out.StructuredContent = in.Structured
	}
	return nil
}

func (h *Handler) failed(ctx context.Context, r *receipt.Receipt, err error) *mcp.CallToolResult {
	f := explain(err)
	if f.Status == "unavailable" || f.Status == "unrecorded" {
		h.log.ErrorContext(ctx, "call not carried through", "status", f.Status, "receipt", name(r), "err", err)
	}
	if f.Status == "unavailable" && r != nil && r.Kind == receipt.Closed { // it came as far as acting
		f = &Failure{Status: "failed", Code: r.Outcome.Code, Message: "the call broke off, and may have taken effect", Hint: mendLook}
	}
	f.Receipt = name(r)
	text, err := json.Marshal(f)
	if err != nil { // unreachable: a Failure holds only strings
		text = []byte(`{"status":"unavailable"}`)
	}
	res := &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(text)}}, IsError: true}
	if r != nil {
		res.Meta = mcp.Meta{"clawea/receipt": name(r)}
	}
	return res
}

// explain puts an error of the gate into words for an agent. Causes that the
// house would not show to strangers stay in the log.
func explain(err error) *Failure {
	var (
		denied    *gate.Denied
		pending   *gate.Pending
		refused   *gate.Refused
		unsettled *gate.Unsettled
		beyond    *gate.Beyond
		fault     *gate.Fault
	)
	switch {
	case errors.As(err, &denied):
		f := &Failure{Status: "denied", Message: "the policy of this job does not allow this call", Hint: "ask for less, or have the policy changed", Reasons: denied.Receipt.Decision.Reasons}
		if errors.As(denied.Cause, &fault) {
			f.Code, f.Message, f.Hint = fault.Code, fault.Msg, cmp.Or(mends(fault.Code), "mend the arguments, or have the policy changed")
		}
		return f
	case errors.As(err, &pending):
		return &Failure{Status: "waiting", Message: "a person must approve this exact call", Approval: pending.Receipt.Asks, Reasons: pending.Receipt.Decision.Reasons,
			Hint: "send the same call again, unchanged, once somebody has run: clawea approve yes " + pending.Receipt.Asks}
	case errors.As(err, &unsettled):
		errors.As(err, &refused)
		return &Failure{Status: "refused", Code: refused.Code, Message: unsettled.Error(), Hint: refused.Hint()}
	case errors.As(err, &beyond) && errors.As(err, &refused):
		what, _, _ := strings.Cut(beyond.Msg, "\n")
		return &Failure{Status: "refused", Code: refused.Code, Message: what, Hint: refused.Hint()}
	case errors.As(err, &refused):
		return &Failure{Status: "refused", Code: refused.Code, Message: "the call is refused: " + refused.Code, Hint: refused.Hint()}
	case errors.Is(err, gate.ErrUnclosed):
		return &Failure{Status: "unrecorded", Message: "the call was carried out, but its closing receipt could not be written", Hint: "do not send it again; tell the operator of this house"}
	case errors.As(err, &fault):
		return &Failure{Status: "failed", Code: fault.Code, Message: fault.Msg, Hint: mendsActed(fault.Code)}
	}
	return &Failure{Status: "unavailable", Message: "the house cannot carry calls now, and did not carry this one", Hint: "try again later; tell the operator of this house"}
}

func name(r *receipt.Receipt) string {
	if r == nil {
		return ""
	}
	return r.Name()
}
