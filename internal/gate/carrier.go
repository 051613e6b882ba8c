// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A Carrier is who carries a call out in the gate's stead: another gateway, or the program
// that the agent runs in. The gate decides and keeps the receipts.
type Carrier struct {
	Name   string // a gateway's, as the configuration names it; "" with Own
	Own    bool   // it is the agent's own program, which carries out tools of its own
	Mode   string // how it reaches the house's systems: "official_api" or "mcp_server"; "": it does not say
	Silent bool   // it never says what becomes of the call
}

// who is k as calls and receipts name it.
func (k *Carrier) who() string {
	if k.Own {
		return policy.RuntimeCarrier
	}
	return policy.Gateway(k.Name)
}

// The reasons not to take a carrier's report.
var (
	ErrNotCarried = errors.New("there is no such call of this carrier's that was allowed and that it reports on")
	ErrLate       = errors.New("the time to report is over")
)

var errCarrier = errors.New("it is not said who carries the call out")

// Open is Carry for a call that req.Carrier carries out: it returns the opened receipt of
// one that is allowed, and the errors of Do for others. Report closes it. What is
// revoked later ends permission for new calls only: nobody here can cut this one.
func (g *Gate) Open(ctx context.Context, c *Caller, req *Request) (r *receipt.Receipt, err error) {
	if req.Carrier == nil {
		return nil, errCarrier
	}
	told := policy.Action{Tool: "seam", Name: cmp.Or(req.Carrier.Name, req.Carrier.who()), Class: req.Action.Class} // agents make up names of their own tools
	ctx, call := g.Telemetry.Call(WithAgent(ctx, c.claims.Agent), c.claims, told)
	defer func() { call.End(r, refusal(err)) }()
	o, err := g.open(ctx, c, req)
	o.stop()
	return o.receipt, err
}

// takes is the plan of a call that k carries out. What only the gate's own acting makes
// true is not said of it: by which credential, how a query is bounded, what is shown, and
// what exactly is changed and how that is taken back (spec/receipt.md 10.2).
func (k *Carrier) takes(plan *Plan, err error) (*Plan, error) {
	call := *plan.Call
	call.Carrier, call.Unreported = k.who(), k.Silent
	call.Credential, call.Privilege, call.Filters, call.Reads = "", "", nil, nil
	if call.Mode != "" { // the house's connectors say so, of systems
		call.Mode = k.Mode
	}
	if err == nil && plan.Change != nil && plan.Change.Undoes != "" {
		err = &Fault{Code: "not_undoing", Msg: "undoes: what a gateway carries out takes nothing back; leave it away"}
		call.Unresolved = code(err)
	}
	return &Plan{Call: &call}, err
}

// Ticket is what shows that who reports on opened was let open it. It differs for each
// call, and cannot be guessed.
func (g *Gate) Ticket(opened *receipt.Receipt) string {
	h := hmac.New(sha256.New, g.Salt)
	fmt.Fprintf(h, "clawea report v1\n%s", opened.Name()) // salts begin otherwise (spec/receipt.md 5.2)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Report closes opened with what the gateway called name, which carried its call out,
// says became of it: a status, a code of receipt.CheckCode, and body, which is what the
// agent got of it, or nil. It is that gateway's word, and the receipt says so. It fails with ErrNotCarried,
// also for a wrong ticket; with ErrLate; and as the book does for a call that is closed.
func (g *Gate) Report(ctx context.Context, opened *receipt.Receipt, name, ticket string, status receipt.Status, code string, body []byte) (*receipt.Receipt, error) {
	return g.report(ctx, opened, policy.Gateway(name), ticket, status, code, body)
}

// ReportOwn is Report for a call that the agent's own program carried out.
func (g *Gate) ReportOwn(ctx context.Context, opened *receipt.Receipt, ticket string, status receipt.Status, code string, body []byte) (*receipt.Receipt, error) {
	return g.report(ctx, opened, policy.RuntimeCarrier, ticket, status, code, body)
}

func (g *Gate) report(ctx context.Context, opened *receipt.Receipt, who, ticket string, status receipt.Status, code string, body []byte) (*receipt.Receipt, error) {
	good := subtle.ConstantTimeCompare([]byte(ticket), []byte(g.Ticket(opened))) == 1
	if !good || opened.Decision == nil || opened.Decision.Effect != policy.Allow || opened.Call.Carrier != who || opened.Call.Unreported {
		return nil, ErrNotCarried
	}
	if err := receipt.CheckCode(code); err != nil || !slices.Contains(receipt.Statuses(), status) {
		return nil, fmt.Errorf("report: bad status or code: %w", cmp.Or(err, errors.New("want done, failed, aborted or unknown")))
	}
	said := &receipt.Outcome{Status: status, Code: code}
	var texts []receipt.Text
	if body != nil {
		t := g.text(opened.Job, body)
		said.Result, said.Size, texts = t.Commitment, int64(len(body)), append(texts, t)
	}
	var closed *receipt.Receipt
	err := g.Book.Write(ctx, opened.Job, func(st *receipt.State) (*receipt.Line, error) {
		if st.Now.Sub(opened.At) > g.ReportTime {
			return nil, ErrLate
		}
		closed = receipt.CloseReported(st, opened, said)
		return closed.Line(g.Signer, texts...)
	})
	if err != nil {
		return nil, fmt.Errorf("close receipt: %w", err)
	}
	return closed, nil
}
