// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// A Target is where requests go: the model itself, or a gateway before it.
type Target struct {
	Name    string // as the table says it
	Addr    string // HOST:PORT
	Path    string
	Header  []string // lines, without their end, sent with every request
	Tokens  []Token  // shown in turn, by connection; nil if there are none
	Exact   bool     // answers come through byte for byte
	Process *Process // nil if it is not a gateway

	receipts bool // every answer must name one
	nonce    atomic.Pointer[string]
	sent     atomic.Uint64
}

// Sent returns how many requests have been sent.
func (t *Target) Sent() uint64 { return t.sent.Load() }

// A Token is how a connection authorizes its requests.
type Token struct {
	Raw string
	Job string
	// Prove makes a proof for one request; nil for a plain bearer token.
	Prove func(nonce string) (string, error)
}

// numbers gives every request of this process its own number.
var numbers atomic.Uint64

// A conn is one connection to a target, and belongs to one goroutine.
type conn struct {
	net.Conn
	r      *bufio.Reader
	target *Target
	token  *Token
	kind   Kind

	head     []byte // the request's header, up to what differs between requests
	request  *form
	answer   *form
	proofs   []string // made ahead of time
	unready  int      // proofs that had to be made in between
	out, in  []byte
	expected []byte
}

// dial opens the i-th connection for requests of kind.
func (t *Target) dial(i int, kind Kind) (*conn, error) {
	nc, err := net.Dial("tcp", t.Addr)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: nc, r: bufio.NewReaderSize(nc, 16<<10), target: t, kind: kind, request: kind.request(), answer: kind.answer()}
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: */*\r\nContent-Length: %d\r\n", t.Path, t.Addr, len(c.request.text))
	for _, line := range t.Header {
		fmt.Fprintf(&b, "%s\r\n", line)
	}
	if len(t.Tokens) > 0 {
		c.token = &t.Tokens[i%len(t.Tokens)]
		scheme := "Bearer"
		if c.token.Prove != nil {
			scheme = "DPoP"
		}
		fmt.Fprintf(&b, "Authorization: %s %s\r\n", scheme, c.token.Raw)
	}
	c.head = b.Bytes()
	return c, nil
}

// prepare makes n proofs ahead of time, if requests need them.
func (c *conn) prepare(n int) error {
	for c.token != nil && c.token.Prove != nil && len(c.proofs) < n {
		p, err := c.prove()
		if err != nil {
			return err
		}
		c.proofs = append(c.proofs, p)
	}
	return nil
}

// meet learns the nonce that proofs need now, if t's tokens need proofs.
func (t *Target) meet() error {
	if len(t.Tokens) == 0 || t.Tokens[0].Prove == nil {
		return nil
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+t.Addr+t.Path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("DPoP", "none yet")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	nonce := resp.Header.Get("DPoP-Nonce")
	if nonce == "" {
		return fmt.Errorf("%s gives no nonce: %s", t.Name, resp.Status)
	}
	t.nonce.Store(&nonce)
	return nil
}

func (c *conn) prove() (string, error) {
	nonce := ""
	if n := c.target.nonce.Load(); n != nil {
		nonce = *n
	}
	return c.token.Prove(nonce)
}

// proof returns one that is not used yet.
func (c *conn) proof() (string, error) {
	if n := len(c.proofs); n > 0 {
		p := c.proofs[n-1]
		c.proofs = c.proofs[:n-1]
		return p, nil
	}
	c.unready++
	return c.prove()
}

// do sends a request and reads the answer, which must be the right one.
func (c *conn) do() error {
	n := number(numbers.Add(1))
	c.out = append(c.out[:0], c.head...)
	if c.token != nil && c.token.Prove != nil {
		p, err := c.proof()
		if err != nil {
			return err
		}
		c.out = append(append(append(c.out, "DPoP: "...), p...), "\r\n"...)
	}
	c.out = c.request.fill(append(c.out, "\r\n"...), n)
	c.target.sent.Add(1)
	if _, err := c.Write(c.out); err != nil {
		return fmt.Errorf("send to %s: %w", c.target.Name, err)
	}
	if err := c.read(n); err != nil {
		return fmt.Errorf("%s: %w", c.target.Name, err)
	}
	return nil
}

// read reads the answer to request n.
func (c *conn) read(n []byte) error {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	ok := bytes.HasPrefix(line, []byte("HTTP/1.1 200 "))
	status := strings.TrimSpace(string(line[:min(len(line), 60)]))
	h, err := readHeader(c.r)
	if err != nil {
		return fmt.Errorf("read header: %w", err)
	}
	if h.nonce != "" {
		if old := c.target.nonce.Load(); old == nil || *old != h.nonce {
			c.target.nonce.Store(&h.nonce)
		}
	}
	if c.in, err = h.body(c.r, c.in[:0]); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	switch {
	case !ok:
		return fmt.Errorf("answered %s: %.300s", status, c.in)
	case c.target.receipts && !h.receipt:
		return errors.New("the answer names no receipt")
	}
	return c.check(n)
}

// check compares the body with what the model answers to request n. A gateway
// that writes answers anew must still answer this request, to the end.
func (c *conn) check(n []byte) error {
	c.expected = c.answer.fill(c.expected[:0], n)
	good := bytes.Equal(c.in, c.expected)
	if !c.target.Exact {
		good = bytes.Count(c.in, n) >= len(c.answer.places) && (c.kind.Chunks == 0 || bytes.Contains(c.in, []byte("[DONE]")))
	}
	if !good {
		return fmt.Errorf("a wrong answer: %.300q", c.in)
	}
	return nil
}
