// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// Upstream answers chat completions on ln until it is closed. It writes
// answers from memory and knows no more of HTTP than it must, so that it takes
// little of the processor that it shares with the load.
func Upstream(ln net.Listener) error {
	u := &upstream{kinds: make(chan map[Kind]*reply, 1)}
	u.kinds <- map[Kind]*reply{}
	for {
		c, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go u.serve(c) // ends with its connection
	}
}

type upstream struct {
	kinds chan map[Kind]*reply // holds the one map of what is prepared
}

// A reply is an answer as bytes of HTTP: written one after another.
type reply struct{ parts []*form }

// reply returns the answer to k.
func (u *upstream) reply(k Kind) *reply {
	kinds := <-u.kinds
	defer func() { u.kinds <- kinds }()
	if kinds[k] == nil {
		kinds[k] = newReply(k)
	}
	return kinds[k]
}

func newReply(k Kind) *reply {
	if k.Chunks == 0 {
		body := string(k.answer().text)
		return &reply{[]*form{newForm(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: req_%s\r\nContent-Length: %d\r\n\r\n%s", noNumber, len(body), body))}}
	}
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
	r := new(reply)
	for i := range k.Chunks {
		r.parts = append(r.parts, newForm(head+chunk(k.event(i))))
		head = ""
	}
	r.parts = append(r.parts, newForm(chunk(done)+"0\r\n\r\n"))
	return r
}

func chunk(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

func (u *upstream) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReaderSize(c, 128<<10)
	var body, out []byte
	for {
		var err error
		if body, err = readRequest(r, body[:0]); err != nil {
			return
		}
		kind, number, ok := asked(body)
		if !ok {
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			return
		}
		for i, part := range u.reply(kind).parts {
			if i > 0 && kind.Pause > 0 {
				time.Sleep(kind.Pause)
			}
			out = part.fill(out[:0], number)
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}
}

// readRequest reads one request and appends its body to b.
func readRequest(r *bufio.Reader, b []byte) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(line, []byte("POST ")) {
		return nil, errors.New("not a POST")
	}
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	return h.body(r, b)
}

// A header is what both ends need to know of a message's header.
type header struct {
	length  int // of the body; -1 if it comes in chunks
	receipt bool
	nonce   string // the house's, for proofs
}

// readHeader reads the rest of a header, the first line of which is read.
func readHeader(r *bufio.Reader) (h header, err error) {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return h, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			return h, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch len(name) {
		case len("Content-Length"):
			if bytes.EqualFold(name, []byte("Content-Length")) {
				if h.length, err = strconv.Atoi(string(value)); err != nil || h.length < 0 {
					return h, fmt.Errorf("read length %q: %w", value, err)
				}
			}
			if bytes.EqualFold(name, []byte("Clawea-Receipt")) {
				h.receipt = true
			}
		case len("Transfer-Encoding"):
			if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
				h.length = -1
			}
		case len("DPoP-Nonce"):
			if bytes.EqualFold(name, []byte("DPoP-Nonce")) {
				h.nonce = string(value)
			}
		}
	}
}

// body reads the body that follows h and appends it to b.
func (h *header) body(r *bufio.Reader, b []byte) ([]byte, error) {
	if h.length >= 0 {
		return readN(r, b, h.length)
	}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return b, err
		}
		n, err := strconv.ParseUint(string(bytes.TrimRight(line, "\r\n")), 16, 31)
		if err != nil {
			return b, fmt.Errorf("read chunk: %w", err)
		}
		if n == 0 {
			break
		}
		if b, err = readN(r, b, int(n)); err != nil {
			return b, err
		}
		if _, err := r.Discard(len("\r\n")); err != nil {
			return b, err
		}
	}
	for { // the trailer
		line, err := r.ReadSlice('\n')
		if err != nil {
			return b, err
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return b, nil
		}
	}
}

func readN(r *bufio.Reader, b []byte, n int) ([]byte, error) {
	at := len(b)
	if cap(b)-at < n {
		b = append(make([]byte, 0, 2*(at+n)), b...)
	}
	b = b[:at+n]
	_, err := io.ReadFull(r, b[at:])
	return b, err
}
