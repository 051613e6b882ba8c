// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// tell answers with two lines: what is wrong, and what mends it.
func (x *exchange) tell(status int, says string) {
	h := x.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close") // a client that goes on is somebody else's
	x.w.WriteHeader(status)
	_, _ = io.WriteString(x.w, says+"\n")
}

// tellMethod answers what is no CONNECT.
func (x *exchange) tellMethod() {
	x.w.Header().Set("Allow", http.MethodConnect)
	x.tell(http.StatusMethodNotAllowed, "this proxy knows CONNECT only\nask for https, or have the client make a tunnel for http too (curl: --proxytunnel)")
}

// cite names the receipt that an answer is in, to who has the token for it.
func (x *exchange) cite(r *receipt.Receipt) {
	if r != nil && x.guest == nil {
		x.w.Header().Set(receiptHeader, r.Name())
	}
}

// refuse answers a request that got no tunnel.
func (x *exchange) refuse(err error) {
	var denied *gate.Denied
	var pending *gate.Pending
	var refused *gate.Refused
	var fault *gate.Fault
	switch {
	case errors.As(err, &denied):
		x.cite(denied.Receipt)
		x.w.Header().Set(refusedHeader, "policy")
		if errors.As(denied.Cause, &fault) {
			x.tell(unplanned(fault.Code), fault.Msg)
			return
		}
		x.tell(http.StatusForbidden, denied.Error()+"\nask whoever writes the job's policy, if the host is needed")
	case errors.As(err, &pending):
		x.cite(pending.Receipt)
		x.w.Header().Set(refusedHeader, "approval")
		x.tell(http.StatusForbidden, pending.Error()+"\nconnect again after a person has said yes")
	case errors.As(err, &refused):
		x.cite(refused.Receipt)
		x.refuseToken(refused)
	case errors.As(err, &fault):
		x.w.Header().Set(refusedHeader, fault.Code)
		status := http.StatusBadGateway
		if fault.Code == codeAddress {
			status = http.StatusForbidden
		}
		x.tell(status, fault.Msg)
	case token.Code(err) != token.CodeUnknown: // cut off before there was a tunnel
		x.w.Header().Set(refusedHeader, token.Code(err))
		x.tell(http.StatusForbidden, "the call was cut off: "+token.Code(err)+"\n"+token.Hint(token.Code(err)))
	default:
		x.proxy.Log.ErrorContext(x.r.Context(), "carry a connection", "error", err)
		x.tell(http.StatusServiceUnavailable, "the house is in trouble, and nothing was connected\ntry again later, or tell the house's operator")
	}
}

// unplanned is the status of a request that could not be put in policy terms.
func unplanned(code string) int {
	switch code {
	case codeServerHost:
		return http.StatusForbidden
	case codeTunnels:
		return http.StatusTooManyRequests
	}
	return http.StatusBadRequest
}

// refuseToken answers a request whose token does not hold.
func (x *exchange) refuseToken(e *gate.Refused) {
	status := e.Status()
	if status == http.StatusUnauthorized {
		status = http.StatusProxyAuthRequired
		x.challenge(e.Code)
	}
	x.w.Header().Set(refusedHeader, e.Code)
	says := "the CST is refused: " + e.Code
	if beyond := (*gate.Beyond)(nil); errors.As(e.Cause, &beyond) {
		says, _, _ = strings.Cut(beyond.Msg, "\n")
	}
	x.tell(status, says+"\n"+e.Hint())
}

// challenge tells how to show a token (RFC 9110 11.7.1, RFC 9449 section 7.1). code
// is why the one that was shown is refused, or "".
func (x *exchange) challenge(code string) {
	bearer, dpop := `Bearer realm="clawea"`, `DPoP realm="clawea", algs="`+strings.Join(token.ProofAlgorithms(), " ")+`"`
	switch {
	case code == token.Code(token.ErrProofNonce):
		dpop += `, error="use_dpop_nonce"`
	case strings.HasPrefix(code, "dpop."):
		dpop += `, error="invalid_dpop_proof"`
	case code != "":
		bearer += `, error="invalid_token"`
		dpop += `, error="invalid_token"`
	}
	if strings.HasPrefix(code, "dpop.") {
		x.w.Header().Set("DPoP-Nonce", x.proxy.Nonces.New())
	}
	x.w.Header()["Proxy-Authenticate"] = []string{`Basic realm="clawea"`, bearer, dpop} // in this order: some clients read the first only
}
