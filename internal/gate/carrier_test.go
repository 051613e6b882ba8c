// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// carried is request, for a call that the gateway envoy carries out.
func carried(change ...func(*policy.Call)) *gate.Request {
	req := request(new(int), change...)
	req.Carrier = &gate.Carrier{Name: "envoy", Mode: "mcp_server"}
	return req
}

// open lets a call in for a gateway, and fails the test if it is not allowed.
func (h *house) open(t *testing.T, req *gate.Request) *receipt.Receipt {
	t.Helper()
	h.ReportTime = 10 * time.Minute
	r, err := h.Gate.Open(t.Context(), h.admit(t), req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (h *house) admit(t *testing.T) *gate.Caller {
	t.Helper()
	c, err := h.Authenticate(t.Context(), show(h.raw), deploy)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOpenForAGateway(t *testing.T) {
	h := newHouse(t)
	r := h.open(t, carried(func(c *policy.Call) {
		c.Mode, c.Credential, c.Privilege = "official_api", "write", "least"
		c.Filters, c.Reads = []string{"space"}, []string{"summary"}
	}))
	c := r.Call
	if c.Carrier != "gateway:envoy" || c.Unreported || c.Mode != "mcp_server" {
		t.Errorf("carrier %q, unreported %t, mode %q", c.Carrier, c.Unreported, c.Mode)
	}
	if c.Credential != "" || c.Privilege != "" || c.Filters != nil || c.Reads != nil {
		t.Errorf("it says what only the house's own acting makes true: %+v", c)
	}
	closed, err := h.Report(t.Context(), r, "envoy", h.Ticket(r), receipt.Done, "200", []byte("deployed"))
	if err != nil {
		t.Fatal(err)
	}
	if closed.By != "gateway:envoy" || !closed.Reported() || closed.Outcome.Used != nil || closed.Outcome.Size != 8 || closed.Outcome.Result.IsZero() {
		t.Errorf("closed %+v, outcome %+v", closed, closed.Outcome)
	}
	if want := "opened allow, closed done"; h.kinds() != want {
		t.Errorf("book %q, want %q", h.kinds(), want)
	}
	for _, l := range h.lines {
		if _, err := receipt.Parse(l.Envelope.Payload); err != nil {
			t.Error(err)
		}
	}
}

// A change that the house would make is neither bound nor promised to be taken back,
// where a gateway makes it.
func TestOpenWithoutTheChange(t *testing.T) {
	plan := func(c *receipt.Change) *gate.Request {
		req := carried()
		plain := req.Plan
		req.Plan = func(ctx context.Context, b []policy.Bound) (*gate.Plan, error) {
			p, err := plain(ctx, b)
			p.Change = c
			return p, err
		}
		return req
	}
	h := newHouse(t)
	if r := h.open(t, plan(&receipt.Change{Summary: "Deploy."})); !r.Call.Change.IsZero() {
		t.Error("the call commits to a change of the house's")
	}
	_, err := h.Gate.Open(t.Context(), h.admit(t), plan(&receipt.Change{Summary: "Deploy.", Undoes: "job-0/1"}))
	if denied := (*gate.Denied)(nil); !errors.As(err, &denied) || denied.Receipt.Call.Unresolved != "not_undoing" {
		t.Errorf("what takes something back: %v", err)
	}
}

// Who carries a call out is asked for the way that carries it out.
func TestWhoCarries(t *testing.T) {
	h := newHouse(t)
	acts := 0
	if _, err := h.Gate.Open(t.Context(), h.admit(t), request(&acts)); err == nil {
		t.Error("a call of nobody's is opened")
	}
	req := request(&acts)
	req.Carrier = &gate.Carrier{Name: "envoy"}
	if _, _, err := h.Carry(t.Context(), h.admit(t), req); err == nil || acts != 0 || len(h.lines) != 0 {
		t.Errorf("a gateway's call is carried out here: %v, %d acts, %d receipts", err, acts, len(h.lines))
	}
}

func TestOpenSaysNo(t *testing.T) {
	for _, test := range []struct {
		name, want string
		req        *gate.Request
		err        func(error) bool
	}{
		{"asked", "opened ask", carried(func(c *policy.Call) { c.Categories = []string{"external_send"} }), is[*gate.Pending]},
		{"denied", "opened deny", func() *gate.Request { r := carried(); r.Action.Name = "delete"; return r }(), is[*gate.Denied]},
		{"no name of a gateway", "opened deny", func() *gate.Request { r := carried(); r.Carrier.Name = "En voy"; return r }(), is[*gate.Denied]},
	} {
		h := newHouse(t)
		r, err := h.Gate.Open(t.Context(), h.admit(t), test.req)
		if !test.err(err) || h.kinds() != test.want || r.Call.Carrier == "" {
			t.Errorf("%s: %v, book %q, want %q", test.name, err, h.kinds(), test.want)
		}
		if _, err := h.Report(t.Context(), r, "envoy", h.Ticket(r), receipt.Done, "", nil); !errors.Is(err, gate.ErrNotCarried) {
			t.Errorf("%s: reported on: %v", test.name, err)
		}
	}
}

func TestReportIsTheCarriers(t *testing.T) {
	h := newHouse(t)
	another, silent, ours := carried(), carried(), request(new(int))
	another.Text, silent.Text, ours.Text = []byte("1"), []byte("2"), []byte("3")
	silent.Carrier.Silent = true
	r, other, never := h.open(t, carried()), h.open(t, another), h.open(t, silent)
	own, _, err := h.Carry(t.Context(), h.admit(t), ours)
	if err != nil {
		t.Fatal(err)
	}
	mine := h.lines[own.Opened-1].Receipt
	before := len(h.lines)
	for _, test := range []struct {
		name, gateway, ticket string
		on                    *receipt.Receipt
	}{
		{"another gateway", "kong", h.Ticket(r), r},
		{"no ticket", "envoy", "", r},
		{"another call's ticket", "envoy", h.Ticket(other), r},
		{"a call of the house's own", "", h.Ticket(mine), mine},
		{"a call that is never reported on", "envoy", h.Ticket(never), never},
	} {
		if _, err := h.Report(t.Context(), test.on, test.gateway, test.ticket, receipt.Done, "", nil); !errors.Is(err, gate.ErrNotCarried) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	for _, bad := range []struct {
		status receipt.Status
		code   string
	}{{"fine", ""}, {"", ""}, {receipt.Done, "all of it went well"}} {
		if _, err := h.Report(t.Context(), r, "envoy", h.Ticket(r), bad.status, bad.code, nil); err == nil {
			t.Errorf("%q %q is taken", bad.status, bad.code)
		}
	}
	if len(h.lines) != before {
		t.Errorf("%d receipts of what was not taken", len(h.lines)-before)
	}
}

func TestReportInTime(t *testing.T) {
	for after, late := range map[time.Duration]bool{10 * time.Minute: false, 10*time.Minute + time.Millisecond: true} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			r := h.open(t, carried())
			time.Sleep(after)
			if _, err := h.Report(t.Context(), r, "envoy", h.Ticket(r), receipt.Failed, "503", nil); errors.Is(err, gate.ErrLate) != late {
				t.Errorf("after %v: %v", after, err)
			}
		})
	}
}
