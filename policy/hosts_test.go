// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
)

// TestHostID says how what clients ask for becomes the one spelling that
// policies go by.
func TestHostID(t *testing.T) {
	for _, tt := range []struct {
		name string
		port uint16
		want string // "" if it is no host
	}{
		{"api.example.com", 443, "api.example.com:443"},
		{"API.Example.COM.", 443, "api.example.com:443"},
		{"_dmarc.example.com", 53, "_dmarc.example.com:53"},
		{"localhost", 1, "localhost:1"},
		{"192.0.2.7", 65535, "192.0.2.7:65535"},
		{"2001:DB8:0::7", 443, "[2001:db8::7]:443"},
		{"[2001:db8::7]", 443, "[2001:db8::7]:443"},
		{"xn--bcher-kva.example", 443, "xn--bcher-kva.example:443"},
		{"api.example.com", 0, ""},
		{"", 443, ""},
		{".", 443, ""},
		{"a..b", 443, ""},
		{"a.example.com..", 443, ""},
		{"-a.example.com", 443, ""},
		{"a-.example.com", 443, ""},
		{"*.example.com", 443, ""},
		{"a b", 443, ""},
		{"a\x00b", 443, ""},
		{"bücher.example", 443, ""},
		{"\u212aelvin.example", 443, ""},
		{"127.1", 443, ""},
		{"2130706433", 443, ""},
		{"0x7f.0.0.1", 443, ""},
		{"192.0.2.07", 443, ""},
		{"192.0.2.7.", 443, "192.0.2.7:443"},
		{"fe80::1%eth0", 443, ""},
		{"::ffff:192.0.2.7", 443, ""},
		{strings.Repeat("a", 64) + ".example", 443, ""},
		{strings.Repeat("a.", 125) + "abc", 443, strings.Repeat("a.", 125) + "abc:443"},
		{strings.Repeat("a.", 125) + "abcd", 443, ""},
	} {
		id, ok := HostID(tt.name, tt.port)
		if ok != (tt.want != "") || ok && id != tt.want {
			t.Errorf("%q at %d: %q, %t; want %q", tt.name, tt.port, id, ok, tt.want)
		}
	}
}

// FuzzHostID says: what is a host is one spelling, which no other host has, and
// an entry of a list by itself.
func FuzzHostID(f *testing.F) {
	for _, s := range []string{"api.example.com", "API.example.com.", "[2001:db8::7]", "::1", "127.1", "192.0.2.7", "*.a", "a:1"} {
		f.Add(s, uint16(443))
	}
	f.Fuzz(func(t *testing.T, name string, port uint16) {
		id, ok := HostID(name, port)
		if !ok {
			return
		}
		host, _, _ := cutHost(id)
		if again, ok := HostID(host, port); !ok || again != id {
			t.Errorf("%q is %q, which is %q", name, id, again)
		}
		if !hostsOf([]string{id}, plainPort).hold(id) || hostsOf([]string{id + "0"}, plainPort).hold(id) || !isHostID(id) {
			t.Errorf("%q is not on its own list", id)
		}
	})
}

// A list outside a policy holds what the same list in a policy permits.
func TestHostList(t *testing.T) {
	l, err := ParseHosts([]string{"api.example.com", "*.pkg.example.com", "git.example.com:22", "192.0.2.7", "[2001:db8::7]:8443"})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{
		"api.example.com:443": true, "a.pkg.example.com:443": true, "a.b.pkg.example.com:443": true, "git.example.com:22": true, "192.0.2.7:443": true, "[2001:db8::7]:8443": true,
		"api.example.com:80": false, "pkg.example.com:443": false, "git.example.com:443": false, "[2001:db8::7]:443": false, "other.example.com:443": false,
		"*.pkg.example.com:443": false, "api.example.com": false, "API.example.com:443": false, "": false,
	} {
		if l.Holds(id) != want || (HostList{}).Holds(id) {
			t.Errorf("%q: %t, want %t", id, !want, want)
		}
	}
	for _, e := range []string{"", "*", "API.example.com", "a b", "https://api.example.com", "127.1", "api.example.com:0", "10.0.0.0/8"} {
		if _, err := ParseHosts([]string{"api.example.com", e}); err == nil {
			t.Errorf("%q is taken for a host", e)
		}
	}
}
