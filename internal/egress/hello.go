// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/tunnel"
	"github.com/clawea/clawea/policy"
)

const (
	tlsPort    = 443              // where nothing but TLS is let through
	helloTime  = 10 * time.Second // for a client to say what it asks for, once it has begun
	alertTime  = time.Second      // for a client to take why it is turned away
	handshake  = 0x16             // the first byte of TLS: a record of the handshake (RFC 8446 5.1)
	maxHello   = 64 << 10         // bytes of it that are looked at
	codeTLS    = "not-tls"        // something else than TLS at port 443, or TLS that cannot be read
	codeServer = "server-name"    // another name was asked for than the one that was allowed
)

// unrecognized is the alert that a client is told so by (RFC 6066 section 3,
// RFC 8446 6.2): fatal, unrecognized_name.
var unrecognized = []byte{0x15, 3, 1, 0, 2, 2, 112}

var errHello = errors.New("looked at enough")

// readHello reads from r until a client has said which server it asks for by
// TLS, and returns the name and all that was read. It fails for what is no such
// greeting. What it reads is bounded; nothing is answered.
func readHello(r io.Reader) (name string, read []byte, err error) {
	c := &peeked{from: io.LimitReader(r, maxHello)}
	met := false
	err = tls.Server(c, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		name, met = h.ServerName, true
		return nil, errHello
	}}).Handshake()
	if met {
		err = nil
	}
	return name, c.read.Bytes(), err
}

// peeked is a connection that remembers what was read of it, and says nothing.
type peeked struct {
	net.Conn // nil: nothing else is asked of it
	from     io.Reader
	read     bytes.Buffer
}

func (c *peeked) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.read.Write(b[:n])
	return n, err
}

func (c *peeked) Write(b []byte) (int, error)      { return len(b), nil }
func (c *peeked) Close() error                     { return nil }
func (c *peeked) SetDeadline(time.Time) error      { return nil }
func (c *peeked) SetWriteDeadline(time.Time) error { return nil }

// A greeter reads what a client sends, and lets nothing of it through before it
// has seen that the client asks for the host that was allowed.
type greeter struct {
	client net.Conn
	from   io.Reader // what the client has sent already, and then the rest
	to     *target
	held   []byte // read, and not given on
	met    bool   // it has been seen
	name   string // that was asked for, if any was

	refused *tunnel.Refused // why nothing of it is let through; nil: nothing was found
}

// Read gives on what the client sends. It fails with a *tunnel.Refused.
func (g *greeter) Read(b []byte) (int, error) {
	if !g.met {
		if err := g.meet(); err != nil {
			return 0, err
		}
		if g.refused != nil {
			g.alert()
			return 0, g.refused
		}
		g.met = true
	}
	if len(g.held) > 0 {
		n := copy(b, g.held)
		g.held = g.held[n:]
		return n, nil
	}
	return g.from.Read(b)
}

// meet looks at how the client begins, and refuses what asks for something else. A client that waits for
// the other side to begin is waited for.
func (g *greeter) meet() error {
	var first [1]byte
	if _, err := io.ReadFull(g.from, first[:]); err != nil {
		return err
	}
	g.held = first[:]
	if first[0] != handshake {
		if g.to.port == tlsPort {
			g.refused = &tunnel.Refused{Code: codeTLS, Msg: "what is no TLS is not let through at port 443"}
		}
		return nil
	}
	_ = g.client.SetReadDeadline(time.Now().Add(helloTime))
	name, read, err := readHello(io.MultiReader(bytes.NewReader(first[:]), g.from))
	_ = g.client.SetReadDeadline(time.Time{})
	if err != nil {
		return &tunnel.Refused{Code: codeTLS, Msg: "the greeting cannot be read"} // or its end: what came first is why
	}
	g.held = read
	if id, ok := policy.HostID(name, g.to.port); ok {
		g.name = strings.TrimSuffix(id, id[strings.LastIndexByte(id, ':'):])
	}
	if !g.to.asked(name) {
		g.refused = &tunnel.Refused{Code: codeServer, Msg: "another server was asked for"}
	}
	return nil
}

// alert tells a client of TLS that asked for another server.
func (g *greeter) alert() {
	if g.refused.Code == codeServer {
		_ = g.client.SetWriteDeadline(time.Now().Add(alertTime))
		_, _ = g.client.Write(unrecognized)
	}
}

// asked reports whether a client that asks for a server by name, or by none, asks
// for t: for a host by its name, and for an address by none.
func (t *target) asked(name string) bool {
	if name == "" {
		return t.isAddress()
	}
	id, ok := policy.HostID(name, t.port)
	return ok && id == t.id
}
