// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// wpc is a policy whose hosts are those.
func wpc(hosts ...string) string {
	return `{"wpc_version":"v1","egress":{"hosts_allowlist":["` + strings.Join(hosts, `","`) + `"]}}`
}

// portOf is the port of a test's server.
func portOf(t testing.TB, a net.Addr) string {
	t.Helper()
	_, port, err := net.SplitHostPort(a.String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// A listener is a server of TCP on this machine.
func listen(t testing.TB, serve func(*net.TCPConn)) (port string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer c.Close(); serve(c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() { ln.Close(); all.Wait() })
	return portOf(t, ln.Addr())
}

func echo(c *net.TCPConn) { _, _ = io.Copy(c, c) }

// TestTunnel says that a client of the standard library's reaches a listed host by
// TLS, end to end, and that the receipts tell of it and of no content.
func TestTunnel(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "hello %s, %d bytes", r.Host, len(b))
	}))
	defer srv.Close()
	port := portOf(t, srv.Listener.Addr())
	h := newHouse(t, wpc("api.local.test:"+port), Limits{})
	client := h.client(srv)
	res, err := client.Post("https://api.local.test:"+port+"/x", "text/plain", strings.NewReader(strings.Repeat("secret ", 1000)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || string(b) != "hello api.local.test:"+port+", 7000 bytes" {
		t.Fatalf("%s, %v", b, err)
	}
	opened := h.receipts(1)[0]
	want := &policy.Call{Tool: "egress", Action: "connect", Class: policy.Connect, Resources: []policy.Resource{{Type: "host", ID: "api.local.test:" + port}}, Args: opened.Call.Args}
	if diff := cmp.Diff(want, opened.Call); diff != "" || opened.Decision.Effect != policy.Allow {
		t.Errorf("%s%+v", diff, opened.Decision)
	}
	client.CloseIdleConnections()
	r := h.receipts(2)[1].Outcome
	if r.Code != "closed" && r.Code != "hangup" { // a client that has all it wanted may not wait for the server's goodbye
		t.Errorf("outcome = %+v", r)
	}
	n := r.Connection
	if n.Address != "127.0.0.1:"+port || n.Name != "api.local.test" || n.Sent < 7000 || n.Received < 100 {
		t.Errorf("connection = %+v", n)
	}
	for _, line := range h.book.Lines() {
		if strings.Contains(string(line.Envelope.Payload), "secret") {
			t.Error("a receipt has what was said")
		}
	}
}

// TestRefusals has one case for each way of not getting a tunnel.
func TestRefusals(t *testing.T) {
	port := listen(t, echo)
	h := newHouse(t, wpc("api.local.test:"+port, "gone.test", "closed.local.test:1", "mixed.test", "inside.test", "127.0.0.1:"+port, "[::1]:"+port), Limits{})
	h.proxy.Private["closed.local.test"] = loopback
	h.names["closed.local.test"] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	h.names["mixed.test"] = []netip.Addr{netip.MustParseAddr("93.184.215.14"), netip.MustParseAddr("10.0.0.1")}
	h.names["inside.test"] = []netip.Addr{netip.MustParseAddr("::ffff:169.254.169.254")}
	bearer := "Proxy-Authorization: Bearer " + h.cst
	for _, tt := range []struct {
		name, target string
		lines        []string
		status       int
		code, says   string
		receipts     int
	}{
		{"not listed", "evil.test:443", nil, 403, "policy", "evil.test:443 is not on the list", 1},
		{"another port", "api.local.test:443", nil, 403, "policy", "api.local.test:443 is not on the list", 1},
		{"an address in place of a name", "127.0.0.2:" + port, nil, 403, "policy", "is not on the list", 1},
		{"no port", "api.local.test", nil, 400, "policy", "names no host and port", 1},
		{"a short address", "127.1:" + port, nil, 400, "policy", "names no host and port", 1},
		{"an address in hex", "0x7f000001:" + port, nil, 400, "policy", "names no host and port", 1},
		{"a mapped address", "[::ffff:127.0.0.1]:" + port, nil, 400, "policy", "names no host and port", 1},
		{"a zone", "[fe80::1%25eth0]:443", nil, 400, "policy", "names no host and port", 1},
		{"no such name", "gone.test:443", nil, 502, "unresolved", "leads to no address", 2},
		{"nobody there", "closed.local.test:1", nil, 502, "unreachable", "nobody answers", 2},
		{"one address inside", "mixed.test:443", nil, 403, "address-refused", "must not go to", 2},
		{"metadata, mapped", "inside.test:443", nil, 403, "address-refused", "must not go to", 2},
		{"a listed address of this machine", "127.0.0.1:" + port, nil, 403, "address-refused", "must not go to", 2},
		{"a listed address of this machine, IPv6", "[::1]:" + port, nil, 403, "address-refused", "must not go to", 2},
		{"no token", "api.local.test:" + port, []string{"X: y"}, 407, "", "has no CST", 0},
		{"two tokens", "api.local.test:" + port, []string{bearer, bearer}, 407, "", "has no CST", 0},
		{"a token for the server", "api.local.test:" + port, []string{"Authorization: Bearer " + h.cst}, 407, "", "has no CST", 0},
		{"another user", "api.local.test:" + port, []string{"Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("kim:"+h.cst))}, 407, "", "has no CST", 0},
		{"another scheme", "api.local.test:" + port, []string{"Proxy-Authorization: Digest " + h.cst}, 407, "", "has no CST", 0},
		{"a forged token", "api.local.test:" + port, []string{bearer + "x"}, 407, "token.malformed", "the CST is refused", 1},
		{"a proof for elsewhere", "evil.test:443", []string{"Proxy-Authorization: DPoP " + h.cst, "DPoP: x"}, 407, "dpop.url", "the CST is refused", 1},
	} {
		before := len(h.book.Lines())
		res, _, _ := h.ask(tt.target, tt.lines...)
		t.Run(tt.name, func(t *testing.T) {
			says(t, res, tt.status, tt.code, tt.says)
			if got := len(h.receipts(before+tt.receipts)) - before; got != tt.receipts {
				t.Errorf("%d receipts, want %d", got, tt.receipts)
			}
			if (res.StatusCode == 407) != (len(res.Header.Values("Proxy-Authenticate")) == 3) {
				t.Errorf("challenges: %q", res.Header.Values("Proxy-Authenticate"))
			}
		})
	}
	for _, a := range h.dialed {
		if a != netip.MustParseAddrPort("127.0.0.1:1") {
			t.Errorf("dialled %v", a)
		}
	}
	if diff := cmp.Diff([]string{"gone.test", "closed.local.test", "mixed.test", "inside.test"}, h.looked); diff != "" {
		t.Errorf("looked up: %s", diff)
	}
}

// TestOtherMethods says that nothing but CONNECT is known.
func TestOtherMethods(t *testing.T) {
	h := newHouse(t, wpc("api.local.test"), Limits{})
	for _, line := range []string{"GET http://api.local.test/ HTTP/1.1", "GET / HTTP/1.1", "POST http://api.local.test:443/ HTTP/1.1"} {
		method, _, _ := strings.Cut(line, " ")
		res, _, _ := h.send(line+"\r\nHost: api.local.test\r\nContent-Length: 0\r\n\r\n", method)
		says(t, res, http.StatusMethodNotAllowed, "", "knows CONNECT only")
		if res.Header.Get("Allow") != "CONNECT" {
			t.Errorf("%s: Allow: %q", line, res.Header.Get("Allow"))
		}
	}
	if len(h.book.Lines()) != 0 {
		t.Error("it left receipts")
	}
}

// TestShown says in which ways a token may be shown.
func TestShown(t *testing.T) {
	port := listen(t, echo)
	h := newHouse(t, wpc("api.local.test:"+port, "api.local.test"), Limits{})
	for _, line := range []string{
		"Bearer " + h.cst, "bearer  " + h.cst, "DPoP " + h.cst, "Basic " + base64.StdEncoding.EncodeToString([]byte("cst:"+h.cst)),
	} {
		res, c, _ := h.ask("API.local.test.:"+port, "Proxy-Authorization: "+line)
		if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Clawea-Receipt"), "job-1/") {
			t.Errorf("%.12s: %s %v", line, res.Status, res.Header)
		}
		c.Close()
	}
}

// TestRebinding says that a name is looked up once for a connection, and that
// what is dialled is what was looked at.
func TestRebinding(t *testing.T) {
	h := newHouse(t, wpc("rebind.test"), Limits{})
	answers := []string{"93.184.215.14", "127.0.0.1"}
	h.proxy.Lookup = func(_ context.Context, name string) ([]netip.Addr, error) {
		h.looked = append(h.looked, name)
		a := netip.MustParseAddr(answers[min(len(h.looked), len(answers))-1])
		return []netip.Addr{a}, nil
	}
	res, _, _ := h.ask("rebind.test:443")
	says(t, res, 502, "unreachable", "nobody answers")
	res, _, _ = h.ask("rebind.test:443")
	says(t, res, 403, "address-refused", "must not go to")
	if diff := cmp.Diff([]string{"rebind.test", "rebind.test"}, h.looked); diff != "" {
		t.Error(diff)
	}
	if len(h.dialed) != 1 || h.dialed[0].String() != "93.184.215.14:443" {
		t.Errorf("dialled %v", h.dialed)
	}
}

// TestSecondAddress says that an address that nobody answers at is followed by the
// next, of the same look-up.
func TestSecondAddress(t *testing.T) {
	port := listen(t, echo)
	h := newHouse(t, wpc("api.local.test:"+port), Limits{})
	h.names["api.local.test"] = []netip.Addr{netip.MustParseAddr("127.0.0.9"), netip.MustParseAddr("127.0.0.1")}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has more than one loopback address")
	}
	res, c, _ := h.ask("api.local.test:" + port)
	if res.StatusCode != 200 || len(h.looked) != 1 || len(h.dialed) != 2 {
		t.Errorf("%s, looked %v, dialled %v", res.Status, h.looked, h.dialed)
	}
	c.Close()
	if n := h.ends(2, receipt.Done, "closed"); n.Address != "127.0.0.1:"+port {
		t.Errorf("connection = %+v", n)
	}
}

// TestHalves says that each side may end what it says by itself, that what came
// with the request is not lost, and that bytes are counted.
func TestHalves(t *testing.T) {
	port := listen(t, func(c *net.TCPConn) {
		b, _ := io.ReadAll(c) // until the client has ended
		fmt.Fprintf(c, "%d bytes, that is all", len(b))
	})
	h := newHouse(t, wpc("api.local.test:"+port), Limits{})
	target := "api.local.test:" + port
	res, c, br := h.send("CONNECT "+target+" HTTP/1.1\r\nHost: "+target+"\r\nProxy-Authorization: Bearer "+h.cst+"\r\n\r\nearly", http.MethodConnect)
	if res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	if _, err := io.WriteString(c, " and late"); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(br)
	if err != nil || string(b) != "14 bytes, that is all" {
		t.Errorf("%q, %v", b, err)
	}
	n := h.ends(2, receipt.Done, "closed")
	if n.Sent != 14 || n.Received != int64(len(b)) || n.Name != "" {
		t.Errorf("connection = %+v", n)
	}
}

// TestServerFirst says that a server may speak first where TLS is not wanted.
func TestServerFirst(t *testing.T) {
	port := listen(t, func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "220 ready\n")
		echo(c)
	})
	h := newHouse(t, wpc("api.local.test:"+port), Limits{})
	_, c, br := h.ask("api.local.test:" + port)
	if line, err := br.ReadString('\n'); line != "220 ready\n" {
		t.Errorf("%q, %v", line, err)
	}
	_, _ = io.WriteString(c, "EHLO\n")
	if line, err := br.ReadString('\n'); line != "EHLO\n" {
		t.Errorf("%q, %v", line, err)
	}
}

// TestServerName says that a client of TLS gets through that asks for the host that
// was allowed, and no other.
func TestServerName(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.TLS = &tls.Config{SessionTicketsDisabled: true} // a client that closes without having read them resets
	srv.StartTLS()
	defer srv.Close()
	port := portOf(t, srv.Listener.Addr())
	h := newHouse(t, wpc("api.local.test:"+port), Limits{})
	n := 0
	for _, tt := range []struct{ asks, code string }{
		{"api.local.test", "closed"}, {"API.local.test", "closed"}, {"front.local.test", "server-name"}, {"local.test", "server-name"}, {"", "server-name"},
	} {
		_, c, _ := h.ask("api.local.test:" + port)
		tc := tls.Client(c, &tls.Config{ServerName: tt.asks, InsecureSkipVerify: true})
		err := tc.Handshake()
		if err == nil { // who closes with bytes unread breaks off
			_ = tc.CloseWrite()
			_, _ = io.ReadAll(tc)
		}
		tc.Close()
		n += 2
		status := receipt.Aborted
		if tt.code == "closed" {
			status = receipt.Done
		}
		got := h.ends(n, status, tt.code)
		if (err == nil) != (tt.code == "closed") || got.Name != strings.ToLower(tt.asks) {
			t.Errorf("%q: %v, %+v", tt.asks, err, got)
		}
		if tt.code != "closed" && (err == nil || !strings.Contains(err.Error(), "unrecognized name")) {
			t.Errorf("%q is told %v", tt.asks, err)
		}
		if tt.code != "closed" && got.Sent != 0 {
			t.Errorf("%q: %d bytes went through", tt.asks, got.Sent)
		}
	}
}

// TestPort443 says that nothing but TLS is let through there.
func TestPort443(t *testing.T) {
	port := listen(t, echo)
	h := newHouse(t, wpc("api.local.test"), Limits{})
	h.proxy.Dial = func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
		return dial(ctx, netip.MustParseAddrPort("127.0.0.1:"+port))
	}
	for i, sent := range []string{"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n", "\x16\x03\x01\x00\x05hello", "\x80\x2e\x01\x00\x02", "\x16\x03\x01\xff\xff" + strings.Repeat("a", 1<<17)} {
		_, c, br := h.ask("api.local.test:443")
		_, _ = io.WriteString(c, sent)
		if b, _ := io.ReadAll(br); len(b) > 0 {
			t.Errorf("%.20q: %q came back", sent, b)
		}
		if n := h.ends(2*i+2, receipt.Aborted, "not-tls"); n.Sent != 0 {
			t.Errorf("%.20q: %d bytes went through", sent, n.Sent)
		}
	}
}

// TestLimits says how the bounds of a connection end it.
func TestLimits(t *testing.T) {
	port := listen(t, echo)
	for code, l := range map[string]Limits{
		"idle":        {Idle: 30 * time.Millisecond},
		"limit.time":  {Total: 30 * time.Millisecond},
		"limit.bytes": {Bytes: 100},
	} {
		h := newHouse(t, wpc("api.local.test:"+port), l)
		_, c, br := h.ask("api.local.test:" + port)
		if code == "limit.bytes" {
			_, _ = io.WriteString(c, strings.Repeat("a", 101))
		}
		_, _ = io.ReadAll(br)
		h.ends(2, receipt.Aborted, code)
	}
}

// TestTooMany says that a job may have so many connections at once, and another
// job its own.
func TestTooMany(t *testing.T) {
	port := listen(t, echo)
	h := newHouse(t, wpc("api.local.test:"+port), Limits{Job: 2, All: 3})
	target := "api.local.test:" + port
	_, first, _ := h.ask(target)
	h.ask(target)
	res, _, _ := h.ask(target)
	says(t, res, http.StatusTooManyRequests, "limit.tunnels", "as many connections open")
	other := "Proxy-Authorization: Bearer " + h.mint(h.policy, "job-2")
	if res, _, _ := h.ask(target, other); res.StatusCode != 200 {
		t.Errorf("another job: %s", res.Status)
	}
	res, _, _ = h.ask(target, other)
	says(t, res, http.StatusTooManyRequests, "limit.tunnels", "as many connections open")
	first.Close()
	h.receipts(6) // three opened, two refused, one closed
	h.opened(2)   // which is so a moment after its receipt is
	if res, _, _ := h.ask(target); res.StatusCode != 200 {
		t.Errorf("after one was closed: %s", res.Status)
	}
}

// TestCut says that a revocation ends a connection, and the receipt says so.
func TestCut(t *testing.T) {
	port := listen(t, echo)
	h := newHouse(t, wpc("api.local.test:"+port), Limits{})
	_, c, br := h.ask("api.local.test:" + port)
	_, _ = io.WriteString(c, "x")
	if _, err := br.ReadByte(); err != nil {
		t.Fatal(err)
	}
	h.book.Cut(token.ErrJobRevoked)
	if _, err := br.ReadByte(); err == nil {
		t.Error("more came")
	}
	if n := h.ends(2, receipt.Aborted, "job.revoked"); n.Sent != 1 || n.Received != 1 {
		t.Errorf("connection = %+v", n)
	}
}

// TestApproval says that a connection may wait for a person.
func TestApproval(t *testing.T) {
	h := newHouse(t, `{"wpc_version":"v1","egress":{"hosts_allowlist":["api.local.test"]},"approvals":[{"when":"content.contains('\"api.local.test\"')","require":"human_approval"}]}`, Limits{})
	res, _, _ := h.ask("api.local.test:443")
	says(t, res, http.StatusForbidden, "approval", "waits for approval")
	if len(h.looked) != 0 {
		t.Error("the name was looked up before anyone said yes")
	}
	h.receipts(1)
}

// TestNoBook says: no book, no act.
func TestNoBook(t *testing.T) {
	port := listen(t, echo)
	h := newHouse(t, wpc("api.local.test:"+port), Limits{})
	h.book.Broken = receipt.Opened
	res, _, _ := h.ask("api.local.test:" + port)
	says(t, res, http.StatusServiceUnavailable, "", "nothing was connected")
	if len(h.looked)+len(h.dialed) != 0 {
		t.Error("something happened without a receipt")
	}
}
