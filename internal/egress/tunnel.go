// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/tunnel"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// The words that receipts have for how a connection ended.
const (
	codeClosed  = "closed"      // both sides had said all
	codeHangup  = "hangup"      // the client broke off
	codeCut     = "cut"         // the host did
	codeIdle    = "idle"        // nothing came for too long
	codeTime    = "limit.time"  // it was open for too long
	codeBytes   = "limit.bytes" // it carried too much
	codeStopped = "stopped"     // the house went away
)

// An exchange is one CONNECT on its way. It belongs to one goroutine.
type exchange struct {
	proxy *Proxy
	w     http.ResponseWriter
	r     *http.Request
	to    *target // nil: the request names none
	guest *Guest  // who asks, if that is a server of the house's; nil: an agent

	crowded  bool // the guest has as many connections as there may be
	answered bool // the client has its tunnel, and nothing more can be answered
}

// act connects to the host and carries what the two sides say.
func (x *exchange) act(ctx context.Context, opened *receipt.Receipt) (*gate.Result, error) {
	begun := time.Now()
	n := new(receipt.Connection)
	if x.guest != nil {
		n.Within = x.guest.Call.Seq
	}
	out := receipt.Outcome{Connection: n}
	err := x.carry(ctx, opened, n, &out)
	n.Took = time.Since(begun).Milliseconds()
	return &gate.Result{Outcome: out}, err
}

// carry fills in n and out.
func (x *exchange) carry(ctx context.Context, opened *receipt.Receipt, n *receipt.Connection, out *receipt.Outcome) error {
	far, to, err := x.proxy.connect(ctx, x.to)
	if err != nil {
		out.Status, out.Code = receipt.Failed, codeUnreachable
		if f := (*gate.Fault)(nil); errors.As(err, &f) {
			out.Code = f.Code
		}
		return err
	}
	defer far.Close()
	n.Address = netip.AddrPortFrom(to.Addr().Unmap(), to.Port()).String()
	near, early, err := x.take(opened)
	if err != nil {
		out.Status, out.Code = receipt.Aborted, codeHangup
		return err
	}
	defer near.Close()
	g := &greeter{client: near, from: early, to: x.to}
	l := x.proxy.limits
	var count tunnel.Count
	err = tunnel.Join(ctx, tunnel.End{Conn: near, Reader: g}, tunnel.End{Conn: far}, tunnel.Limits{Idle: l.Idle, Total: l.Total, Bytes: l.Bytes}, &count)
	if g.refused != nil { // whatever came after it: who was refused can have its call end at once
		err = g.refused
	}
	n.Sent, n.Received, n.Name = count.Sent(), count.Received(), g.name
	out.Status, out.Code = ended(err)
	if x.guest != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		out.Code = codeOver
	}
	return nil
}

// take takes the connection over and tells the client that it has its tunnel. What
// the client has sent already comes first of what is read.
func (x *exchange) take(opened *receipt.Receipt) (net.Conn, io.Reader, error) {
	near, buffered, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	x.answered = true
	_ = near.SetDeadline(time.Time{})
	_ = near.SetWriteDeadline(time.Now().Add(helloTime))
	line := "HTTP/1.1 200 Connection established\r\n"
	if x.guest == nil {
		line += receiptHeader + ": " + opened.Name() + "\r\n"
	}
	_, err = io.WriteString(near, line+"\r\n")
	if err != nil {
		near.Close()
		return nil, nil, err
	}
	_ = near.SetWriteDeadline(time.Time{})
	return near, early(buffered.Reader, near), nil
}

// early reads what is buffered, and then what comes.
func early(buffered *bufio.Reader, c net.Conn) io.Reader {
	b, _ := buffered.Peek(buffered.Buffered())
	return io.MultiReader(bytes.NewReader(bytes.Clone(b)), c)
}

// ended says how a tunnel ended that ended with err.
func ended(err error) (receipt.Status, string) {
	if err == nil {
		return receipt.Done, codeClosed
	}
	if refused := (*tunnel.Refused)(nil); errors.As(err, &refused) {
		return receipt.Aborted, refused.Code
	}
	for _, e := range []struct {
		err  error
		code string
	}{{tunnel.ErrNear, codeHangup}, {tunnel.ErrFar, codeCut}, {tunnel.ErrIdle, codeIdle}, {tunnel.ErrTotal, codeTime}, {tunnel.ErrBytes, codeBytes}} {
		if errors.Is(err, e.err) {
			return receipt.Aborted, e.code
		}
	}
	if code := token.Code(err); code != token.CodeUnknown { // a revocation
		return receipt.Aborted, code
	}
	return receipt.Aborted, codeStopped
}
