// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"fmt"
	"net/netip"

	"github.com/clawea/clawea/policy"
)

// A Connection is what became of a connection to a host, as the gate saw it
// from between (spec/receipt.md 4.9). Nothing of what went through is in it.
type Connection struct {
	Address  string `json:"address,omitempty"` // that was connected to, with its port; missing if none was
	Name     string `json:"name,omitempty"`    // that the client asked a TLS server for; missing if it asked for none
	Sent     int64  `json:"sent"`              // bytes to the host
	Received int64  `json:"received"`          // bytes from the host
	Took     int64  `json:"took_ms"`           // milliseconds from the decision to its end
	Within   uint64 `json:"within,omitzero"`   // the opened receipt of the call in whose course an MCP server asked for it; missing: the agent did
}

// Of reports whether n can be of c: a call of egress.
func (n *Connection) Of(c *policy.Call) bool { return c.Class == policy.Connect }

// String is n as people read it.
func (n *Connection) String() string {
	to := "no address"
	if n.Address != "" {
		to = n.Address
	}
	s := fmt.Sprintf("to %s, %d bytes sent, %d received", to, n.Sent, n.Received)
	if n.Within != 0 {
		s += fmt.Sprintf(", by the server that carried %d", n.Within)
	}
	return s
}

// whole reports whether n, of the call that receipt opened allows, keeps
// spec/receipt.md 4.9. Nil does.
func (n *Connection) whole(opened uint64) bool {
	if n == nil {
		return true
	}
	if n.Within >= opened {
		return false
	}
	if n.Address != "" {
		if a, err := netip.ParseAddrPort(n.Address); err != nil || a.String() != n.Address || a.Port() == 0 || a.Addr().Is4In6() || a.Addr().Zone() != "" {
			return false
		}
	}
	if n.Name != "" {
		if id, ok := policy.HostID(n.Name, 1); !ok || id != n.Name+":1" {
			return false
		}
	}
	counts := func(m int64) bool { return 0 <= m && m <= maxCost }
	return counts(n.Sent) && counts(n.Received) && 0 <= n.Took && n.Took <= maxCount && (n.Address != "" || n.Sent == 0 && n.Received == 0)
}
