// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import "github.com/clawea/clawea/receipt"

// served checks what r says of the MCP server that carried the call which it closes,
// or in whose course it connected somewhere (spec/receipt.md 4.9 and 4.10), and tells
// what its sandbox lacked.
func (a *auditor) served(r, opened *receipt.Receipt) {
	if n := r.Outcome.Connection; n != nil && n.Within != 0 && !a.underWay(n.Within, opened) {
		a.find(receiptOutcome, r.Seq, "a connection of the server that carried %d, which is no call of its token's that a server carried at that time", n.Within)
	}
	switch l := r.Outcome.Lacked; {
	case l == nil:
	case !l.Of(opened.Call):
		a.find(receiptOutcome, r.Seq, "a server's sandbox, of %q, which no server carried", opened.Call.Name())
	default:
		a.find(receiptSandbox, r.Seq, "%q: %s", opened.Call.Name(), l)
	}
}

// underWay reports whether a server carried the call of the receipt seq, which is not
// closed yet, by the token of connecting, which that server asked for.
func (a *auditor) underWay(seq uint64, connecting *receipt.Receipt) bool {
	c := a.calls[seq]
	return c != nil && c.closed == 0 && c.opened.Token == connecting.Token && !c.opened.Call.Server.IsZero()
}
