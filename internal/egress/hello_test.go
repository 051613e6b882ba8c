// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/clawea/clawea/policy"
)

// hello is what Go's client says first.
func hello(t testing.TB, c *tls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		_ = tls.Client(far, c).Handshake()
		far.Close()
	}()
	_ = near.SetDeadline(time.Now().Add(time.Minute))
	head := make([]byte, 5)
	if _, err := io.ReadFull(near, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(near, body); err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

// split makes two records of one.
func split(record []byte, at int) []byte {
	body := record[5:]
	out := append([]byte{record[0], record[1], record[2], byte(at >> 8), byte(at)}, body[:at]...)
	rest := len(body) - at
	return append(append(out, record[0], record[1], record[2], byte(rest>>8), byte(rest)), body[at:]...)
}

// TestReadHello says that the name is found, however the greeting is cut, and that
// what was read is what was sent.
func TestReadHello(t *testing.T) {
	whole := hello(t, &tls.Config{ServerName: "api.example.com", NextProtos: []string{"h2", "http/1.1"}})
	for _, tt := range []struct {
		name string
		sent []byte
		want string
		ok   bool
	}{
		{"whole", whole, "api.example.com", true},
		{"with more behind it", append(bytes.Clone(whole), "early data"...), "api.example.com", true},
		{"in two records", split(whole, 3), "api.example.com", true},
		{"in two records, within the name", split(whole, bytes.Index(whole, []byte("example"))-5), "api.example.com", true},
		{"TLS 1.2", hello(t, &tls.Config{ServerName: "b.example.com", MaxVersion: tls.VersionTLS12}), "b.example.com", true},
		{"no name", hello(t, &tls.Config{InsecureSkipVerify: true}), "", true},
		{"cut off", whole[:len(whole)-1], "", false},
		{"nothing", nil, "", false},
		{"another record", append([]byte{0x17}, whole[1:]...), "", false},
		{"not TLS", []byte("\x16\x03\x01\x00\x04GET "), "", false},
		{"without end", append([]byte{0x16, 3, 1, 0x40, 0}, bytes.Repeat([]byte{1}, 1<<20)...), "", false},
	} {
		for _, r := range []io.Reader{bytes.NewReader(tt.sent), iotest.OneByteReader(bytes.NewReader(tt.sent)), iotest.DataErrReader(bytes.NewReader(tt.sent))} {
			name, read, err := readHello(r)
			if name != tt.want || (err == nil) != tt.ok || !bytes.HasPrefix(tt.sent, read) || len(read) > maxHello {
				t.Errorf("%s: %q, %d bytes, %v", tt.name, name, len(read), err)
			}
		}
	}
}

// FuzzReadHello says: whatever is sent, no more is read than the bound, what was
// read is what was sent, and the same is read each time.
func FuzzReadHello(f *testing.F) {
	whole := hello(f, &tls.Config{ServerName: "api.example.com"})
	f.Add(whole)
	f.Add(split(whole, 40))
	f.Add(whole[:100])
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		name, read, err := readHello(bytes.NewReader(sent))
		if len(read) > maxHello || !bytes.HasPrefix(sent, read) || err != nil && name != "" {
			t.Errorf("%q, %d bytes, %v", name, len(read), err)
		}
		again, _, err2 := readHello(iotest.OneByteReader(bytes.NewReader(sent)))
		if again != name || (err == nil) != (err2 == nil) {
			t.Errorf("%q and %q, %v and %v", name, again, err, err2)
		}
	})
}

// FuzzTarget says: what is asked for is one host by the one spelling that policies
// have of it, or none.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"api.example.com:443", "API.example.com.:443", "[2001:db8::7]:443", "2001:db8::7:443", "127.1:80", "a:0443", "a:65536", ":443", "[a]:443", "a:443:443", "http://a/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x := parseTarget(s)
		if x == nil {
			return
		}
		if id, ok := policy.HostID(x.name, x.port); !ok || id != x.id || strings.ContainsAny(x.name, "[]*") {
			t.Errorf("%q is %+v", s, x)
		}
		if again := parseTarget(x.id); again == nil || *again != *x {
			t.Errorf("%q is %+v, which is %+v", s, x, again)
		}
	})
}
