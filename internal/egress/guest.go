// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"net/http"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

const (
	codeServerHost = "server-host" // of a connection that the server may not ask for, whatever the policy says
	codeOver       = "over"        // the call is over in whose course it was made
)

// A Guest is an MCP server that the house has started, while it carries a call. It has
// no token: what it connects to are connections of the call's job, under the same policy
// and by the same token, with receipts of their own.
type Guest struct {
	Server string                                                     // its name in the configuration
	Hosts  policy.HostList                                            // all that it may ask for; the policy has to list it as well
	Call   *receipt.Receipt                                           // the opened one of the call that it carries
	Carry  func(context.Context, *gate.Request) (*gate.Result, error) // carries another call of the same caller's
}

// ServeGuest carries one CONNECT of g's through the gate. It is over when ctx is, which
// ends with the call. The connections of servers count as those of their jobs.
func (p *Proxy) ServeGuest(ctx context.Context, w http.ResponseWriter, r *http.Request, g *Guest) {
	p.once.Do(p.prepare)
	x := &exchange{proxy: p, w: w, r: r.WithContext(ctx), guest: g, to: parseTarget(r.RequestURI)}
	switch {
	case r.Method != http.MethodConnect:
		x.tellMethod()
		return
	case ctx.Err() != nil:
		x.tell(http.StatusForbidden, late)
		return
	case p.open.enter(g.Call.Job, &p.limits):
		defer p.open.leave(g.Call.Job)
	default:
		x.crowded = true
	}
	_, err := g.Carry(ctx, &gate.Request{Action: Connect, Text: x.text(), Plan: x.plan})
	switch {
	case x.answered:
		x.unclosed(err, g.Call.Job)
	case ctx.Err() != nil:
		x.tell(http.StatusForbidden, late)
	default:
		x.refuse(err)
	}
}

// admits is why g may not be connected to x.to, or nil.
func (x *exchange) admits(g *Guest) error {
	switch {
	case g == nil:
		return nil
	case !g.Hosts.Holds(x.to.id):
		return &gate.Fault{Code: codeServerHost, Msg: "this server may not connect there\nits operator lists hosts in the house's configuration (upstreams: hosts)"}
	case x.crowded:
		return &gate.Fault{Code: codeTunnels, Msg: crowd}
	}
	return nil
}

// late is what is said where the guest's call is over; crowd, where there are too many
// connections.
const (
	late  = "the call that this was for is over\nconnect while a call is under way"
	crowd = "this job, or all jobs together, have as many connections open as the house allows\nclose some, or ask the house's operator for more"
)
