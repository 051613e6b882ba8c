// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import "github.com/clawea/clawea/receipt"

// served checks what r says of the sandbox of the MCP server that carried the call
// which it closes (spec/receipt.md 4.10), and tells what that lacked.
func (a *auditor) served(r, opened *receipt.Receipt) {
	switch l := r.Outcome.Lacked; {
	case l == nil:
	case !l.Of(opened.Call):
		a.find(receiptOutcome, r.Seq, "a server's sandbox, of %q, which no server carried", opened.Call.Name())
	default:
		a.find(receiptSandbox, r.Seq, "%q: %s", opened.Call.Name(), l)
	}
}
