// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
)

// TestPublic has the first and last addresses of what is refused, and what is
// beside it.
func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"0.0.0.0": false, "0.255.255.255": false, "1.0.0.0": true, "1.1.1.1": true, "8.8.8.8": true,
		"9.255.255.255": true, "10.0.0.0": false, "10.255.255.255": false, "11.0.0.0": true,
		"100.63.255.255": true, "100.64.0.0": false, "100.127.255.255": false, "100.128.0.0": true,
		"126.255.255.255": true, "127.0.0.1": false, "127.255.255.255": false, "128.0.0.0": true,
		"169.253.255.255": true, "169.254.169.254": false, "169.255.0.0": true,
		"172.15.255.255": true, "172.16.0.0": false, "172.31.255.255": false, "172.32.0.0": true,
		"192.0.0.0": false, "192.0.0.170": false, "192.0.1.0": true, "192.0.2.7": false, "192.0.3.0": true,
		"192.88.99.1": false, "192.167.255.255": true, "192.168.0.1": false, "192.169.0.0": true,
		"198.17.255.255": true, "198.18.0.0": false, "198.19.255.255": false, "198.20.0.0": true,
		"198.51.100.1": false, "203.0.113.255": false, "203.0.114.0": true,
		"223.255.255.255": true, "224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false, "255.255.255.255": false,

		"::": false, "::1": false, "::7f00:1": false, "::ffff:8.8.8.8": false, "64:ff9b::808:808": false, "64:ff9b::a00:1": false, "64:ff9b:1::1": false,
		"100::1": false, "1fff:ffff::": false, "2000::1": true, "2001::1": false, "2001:2::1": false, "2001:20::1": false, "2001:1ff:ffff::": false, "2001:200::1": true,
		"2001:4860:4860::8888": true, "2001:db8::7": false, "2001:db9::1": true, "2002::1": false, "2002:a00:1::1": false, "2003::1": true,
		"2606:4700:4700::1111": true, "3ffe::1": true, "3fff::1": false, "3fff:fff:ffff::": false, "3fff:1000::1": true, "4000::": false, "5f00::1": false,
		"fc00::1": false, "fd12:3456::1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false, "2606:4700::1%eth0": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is public: %t", text, got)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// TestPrivate says that an exception is for its addresses, and for nothing that is
// no host.
func TestPrivate(t *testing.T) {
	all := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	some := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	for text, want := range map[string][2]bool{
		"10.1.2.3": {true, true}, "10.2.0.1": {true, false}, "8.8.8.8": {true, false}, "127.0.0.1": {true, false},
		"0.0.0.0": {}, "224.0.0.1": {}, "255.255.255.255": {}, "::": {}, "ff02::1": {}, "::1": {true, false}, "fe80::1%eth0": {},
	} {
		a := netip.MustParseAddr(text)
		if got := [2]bool{private(all, a), private(some, a)}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// FuzzPublic says: what is connected to is one unicast address of the internet's
// by Go's own lights too, however it is spelled.
func FuzzPublic(f *testing.F) {
	for _, s := range []string{"8.8.8.8", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "::1", "fe80::1%1", "2606:4700::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return
		}
		if u := a.Unmap(); public(u) && (!u.IsGlobalUnicast() || u.IsPrivate() || u.IsLoopback() || u.IsLinkLocalUnicast() || u.IsMulticast() || u.Zone() != "") {
			t.Errorf("%s is public", s)
		}
	})
}

// TestAddresses says that all addresses of a name are looked at, and that an
// exception is one for all of them.
func TestAddresses(t *testing.T) {
	many := strings.Repeat("8.8.8.8 ", maxAddresses+1)
	p := &Proxy{Private: map[string][]netip.Prefix{
		"intranet.test": {netip.MustParsePrefix("10.1.0.0/16")}, "here.test": {netip.MustParsePrefix("93.184.215.14/32")},
	}}
	p.own = func() ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("93.184.215.14"), netip.MustParseAddr("2606:2800:21f::1")}, nil
	}
	for _, tt := range []struct{ name, leads, code string }{
		{"a.test", "8.8.8.8 2606:4700::1", ""},
		{"a.test", "::ffff:8.8.8.8", ""},
		{"a.test", "::ffff:10.0.0.1", codeAddress},
		{"a.test", "8.8.8.8 127.0.0.1", codeAddress},
		{"a.test", "127.0.0.1 8.8.8.8", codeAddress},
		{"a.test", "10.1.2.3", codeAddress},
		{"a.test", "", codeUnresolved},
		{"a.test", many, codeUnresolved},
		{"intranet.test", "10.1.2.3 10.1.2.4", ""},
		{"intranet.test", "::ffff:10.1.2.3", ""},
		{"intranet.test", "10.1.2.3 8.8.8.8", codeAddress},
		{"intranet.test", "10.2.0.1", codeAddress},
		{"a.test", "93.184.215.14", codeAddress}, // this machine's own, as the internet knows it
		{"a.test", "8.8.8.8 ::ffff:93.184.215.14", codeAddress},
		{"a.test", "2606:2800:21f::1", codeAddress},
		{"93.184.215.14", "", codeAddress},
		{"here.test", "93.184.215.14", ""},
		{"a.test", "93.184.215.15", ""},
		{"10.1.2.3", "", codeAddress},
		{"8.8.8.8", "127.0.0.1", ""}, // an address is not looked up
		{"::1", "", codeAddress},
	} {
		p.lookup = func(context.Context, string) ([]netip.Addr, error) {
			var out []netip.Addr
			for _, s := range strings.Fields(tt.leads) {
				out = append(out, netip.MustParseAddr(s))
			}
			return out, nil
		}
		got, err := p.addresses(t.Context(), &target{name: tt.name})
		code := ""
		if f, ok := err.(*gate.Fault); ok {
			code = f.Code
		}
		if code != tt.code || (code == "") != (len(got) > 0) {
			t.Errorf("%s at %q: %v, %v; want %q", tt.name, tt.leads, got, err, tt.code)
		}
		for _, a := range got {
			if a.Is4In6() {
				t.Errorf("%s: %s is dialled as it is spelled", tt.name, a)
			}
		}
	}
}

// TestInterfaces says that this machine's addresses are among its own, and that
// nothing is connected to where they are not known.
func TestInterfaces(t *testing.T) {
	mine, err := interfaces()
	if err != nil || !slices.Contains(mine, netip.MustParseAddr("127.0.0.1")) && !slices.Contains(mine, netip.IPv6Loopback()) {
		t.Errorf("%v, %v", mine, err)
	}
	p := &Proxy{own: func() ([]netip.Addr, error) { return nil, errors.New("no") }}
	if got, err := p.addresses(t.Context(), &target{name: "8.8.8.8"}); err == nil {
		t.Errorf("%v are connected to", got)
	}
}
