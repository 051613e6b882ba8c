// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// guests serves the proxy of h to a server that may reach hosts while it carries the call
// of h's first receipt. The function ends that call.
func (h *house) guests(hosts ...string) (over func()) {
	h.t.Helper()
	h.ask("nowhere.test:443") // the first receipt
	list, err := policy.ParseHosts(hosts)
	if err != nil {
		h.t.Fatal(err)
	}
	caller, err := h.proxy.Gate.Authenticate(h.t.Context(), &token.Presentation{Raw: h.cst, Scheme: token.SchemeBearer}, Connect)
	if err != nil {
		h.t.Fatal(err)
	}
	g := &Guest{Server: "weather", Hosts: list, Call: h.receipts(1)[0], Carry: func(ctx context.Context, req *gate.Request) (*gate.Result, error) {
		_, res, err := h.proxy.Gate.Carry(ctx, caller, req)
		return res, err
	}}
	ctx, over := context.WithCancel(h.t.Context())
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.proxy.ServeGuest(ctx, w, r, g) }))
	h.t.Cleanup(front.Close)
	h.addr = front.Listener.Addr().String()
	return over
}

// TestGuest says that a server reaches what its operator and the job's policy both list,
// and nothing else; that each connection is the job's, says in the course of which call it
// was, and ends with that.
func TestGuest(t *testing.T) {
	port := listen(t, echo)
	h := newHouse(t, wpc("api.local.test:"+port, "denied.test", "inside.test", "down.test", "127.0.0.1:"+port), Limits{Job: 1})
	h.names["inside.test"] = []netip.Addr{netip.MustParseAddr("10.0.0.1")}
	h.names["down.test"] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	h.names["own.test"] = []netip.Addr{netip.MustParseAddr("93.184.215.14")}
	over := h.guests("api.local.test:"+port, "inside.test", "down.test", "own.test")
	n := 1
	for _, x := range []struct {
		name, target string
		status       int
		code, says   string
		receipts     int
	}{
		{"not on the server's list", "denied.test:443", 403, "policy", "its operator lists hosts", 1},
		{"not on the policy's", "own.test:443", 403, "policy", "own.test:443 is not on the list", 1},
		{"on neither", "evil.test:443", 403, "policy", "its operator lists hosts", 1},
		{"another port", "api.local.test:22", 403, "policy", "its operator lists hosts", 1},
		{"an address in place of a name", "127.0.0.1:" + port, 403, "policy", "its operator lists hosts", 1},
		{"a name that leads inside", "inside.test:443", 403, "address-refused", "must not go to", 2},
		{"a name that leads to this machine", "down.test:443", 403, "address-refused", "must not go to", 2},
		{"no host", "x", 400, "policy", "names no host and port", 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			res, _, _ := h.ask(x.target, "Clawea-Job: other", "Proxy-Authorization: Bearer "+h.cst)
			says(t, res, x.status, x.code, x.says)
			if res.Header.Get(receiptHeader) != "" {
				t.Error("a server is told of receipts")
			}
			n += x.receipts
			h.receipts(n)
		})
	}
	if len(h.dialed) != 0 {
		t.Fatalf("connected to %v", h.dialed)
	}
	res, err := http.Get("http://" + h.addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	says(t, res, http.StatusMethodNotAllowed, "", "CONNECT only")

	_, c, br := h.ask("api.local.test:"+port, "X: y")
	if _, err := c.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	if s, err := br.ReadString('\n'); err != nil || s != "hello\n" {
		t.Errorf("%q, %v", s, err)
	}
	opened := h.receipts(n + 1)[n]
	if string(h.text(opened)) != `{"host":"api.local.test","port":`+port+`,"server":"weather"}` {
		t.Errorf("the receipt is about %s", h.text(opened))
	}
	crowded, _, _ := h.ask("api.local.test:"+port, "X: y")
	says(t, crowded, http.StatusTooManyRequests, "policy", "as many connections")
	h.receipts(n + 2)
	over()
	if _, err := br.ReadByte(); err == nil {
		t.Error("the connection lives on")
	}
	if got := h.ends(n+3, receipt.Aborted, "over"); got.Within != 1 || got.Sent != 6 || got.Received != 6 {
		t.Errorf("connection = %+v", got)
	}
	late, _, _ := h.ask("api.local.test:"+port, "X: y")
	says(t, late, http.StatusForbidden, "", "is over")
	h.receipts(n + 3)
}

// text is what the call of a receipt commits to.
func (h *house) text(r *receipt.Receipt) []byte {
	for _, line := range h.book.Lines() {
		for _, text := range line.Texts {
			if text.Commitment.Equal(r.Call.Args) {
				return text.Bytes
			}
		}
	}
	return nil
}

// A server does not get by TLS what is behind the same address as a host of its list.
func TestGuestAsksForAnotherName(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer srv.Close()
	port := portOf(t, srv.Listener.Addr())
	h := newHouse(t, wpc("api.local.test:"+port, "front.local.test:"+port), Limits{})
	over := h.guests("front.local.test:" + port)
	client := h.client(srv)
	tr := client.Transport.(*http.Transport)
	res, err := client.Get("https://front.local.test:" + port + "/")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%+v, %v", res, err)
	}
	res.Body.Close()
	client.CloseIdleConnections()
	h.receipts(3) // the connection has ended
	tr.TLSClientConfig.ServerName = "api.local.test"
	if _, err := client.Get("https://front.local.test:" + port + "/"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("%v", err)
	}
	over() // at once: what it has tried is in the receipt all the same
	h.ends(5, receipt.Aborted, "server-name")
}
