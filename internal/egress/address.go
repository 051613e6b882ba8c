// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// global is what of IPv6 may be connected to: the only part that addresses of
// hosts are given out of (RFC 4291 2.4, IANA). All else is loopback, local, an
// address of IPv4 in another spelling (::/96, ::ffff:0:0/96, 64:ff9b::/96,
// 64:ff9b:1::/48), multicast, or nobody's.
var global = netip.MustParsePrefix("2000::/3")

// special are addresses that are no hosts of the internet's, as IANA's registries
// of special-purpose addresses have them (RFC 6890), but for anycast services
// that anyone may use.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network: RFC 791
	netip.MustParsePrefix("10.0.0.0/8"),      // private: RFC 1918
	netip.MustParsePrefix("100.64.0.0/10"),   // carriers' own: RFC 6598
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback: RFC 1122
	netip.MustParsePrefix("169.254.0.0/16"),  // link-local, clouds' metadata: RFC 3927
	netip.MustParsePrefix("172.16.0.0/12"),   // private: RFC 1918
	netip.MustParsePrefix("192.0.0.0/24"),    // protocols' own: RFC 6890
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation: RFC 5737
	netip.MustParsePrefix("192.88.99.0/24"),  // relays of 6to4: RFC 7526
	netip.MustParsePrefix("192.168.0.0/16"),  // private: RFC 1918
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks: RFC 2544
	netip.MustParsePrefix("198.51.100.0/24"), // documentation: RFC 5737
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation: RFC 5737
	netip.MustParsePrefix("224.0.0.0/4"),     // multicast: RFC 5771
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast: RFC 1112, RFC 8190

	netip.MustParsePrefix("2001::/23"),     // protocols' own, Teredo (IPv4 within), benchmarks, ORCHID: RFC 2928
	netip.MustParsePrefix("2001:db8::/32"), // documentation: RFC 3849
	netip.MustParsePrefix("2002::/16"),     // 6to4 (IPv4 within): RFC 3056
	netip.MustParsePrefix("3fff::/20"),     // documentation: RFC 9637
}

// never are addresses that are no host anywhere.
var never = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("255.255.255.255/32"),
	netip.MustParsePrefix("::/128"), netip.MustParsePrefix("ff00::/8"),
}

// public reports whether a is an address of a host of the internet's. a must be
// unmapped.
func public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" || a.Is4In6() || a.Is6() && !global.Contains(a) {
		return false
	}
	return !within(special, a)
}

// interfaces are the addresses of this machine, public ones among them: what listens
// there may take whoever comes from here for one of the house.
func interfaces() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, a := range all {
		host, _, _ := strings.Cut(a.String(), "/")
		addr, err := netip.ParseAddr(host)
		if err != nil {
			return nil, err
		}
		out = append(out, addr.Unmap().WithZone(""))
	}
	return out, nil
}

// within reports whether a is in one of the prefixes.
func within(prefixes []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// private reports whether a may be connected to for a host of the operator's own
// network, which is in one of the prefixes.
func private(prefixes []netip.Prefix, a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !within(never, a) && within(prefixes, a)
}
