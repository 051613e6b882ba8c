// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/gate"
)

const (
	lookupTime   = 5 * time.Second // for all addresses of a name
	connectTime  = 5 * time.Second // for each address
	maxAddresses = 64              // of a name
	maxTries     = 4               // of its addresses
)

// The words that receipts have for a connection that was not made.
const (
	codeUnresolved  = "unresolved"      // the name leads to no address, or nobody said
	codeAddress     = "address-refused" // it leads where connections must not go
	codeUnreachable = "unreachable"     // nobody answers there
)

// A target is a host and port that a call is for.
type target struct {
	id   string // as policies have it
	name string // without port and brackets
	port uint16
}

// lookup asks the machine's name servers and its file of hosts, by Go's own resolver.
// The dot at the end keeps it from looking for the name in domains of this machine's.
// A name without a dot has none anywhere else.
func lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	r := net.Resolver{PreferGo: true}
	if strings.Contains(name, ".") {
		name += "."
	}
	return r.LookupNetIP(ctx, "ip", name)
}

func dial(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: connectTime, KeepAlive: 30 * time.Second}
	return d.DialContext(ctx, "tcp", a.String())
}

// connect looks t up, once, and connects to one of the addresses that it was
// told then. If one of them is no place to connect to, none is: whoever answers
// for the name does not mean well, or made a mistake.
func (p *Proxy) connect(ctx context.Context, t *target) (net.Conn, netip.AddrPort, error) {
	addresses, err := p.addresses(ctx, t)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	for _, a := range addresses[:min(len(addresses), maxTries)] {
		to := netip.AddrPortFrom(a, t.port)
		c, err := p.dial(ctx, to)
		if err == nil {
			return c, to, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, netip.AddrPort{}, &gate.Fault{Code: codeUnreachable, Msg: fmt.Sprintf("nobody answers at %s\ntry again later", t.id)}
}

// addresses are where t leads, all of which may be connected to.
func (p *Proxy) addresses(ctx context.Context, t *target) ([]netip.Addr, error) {
	found, err := p.find(ctx, t.name)
	if err != nil || len(found) == 0 || len(found) > maxAddresses {
		return nil, &gate.Fault{Code: codeUnresolved, Msg: fmt.Sprintf("%s leads to no address\ncheck the name, and try again later", t.name)}
	}
	found = slices.Clone(found) // a resolver may give the same list to others
	mine, err := p.own()        // each time: a machine gets new ones while it runs
	if err != nil {
		return nil, fmt.Errorf("which addresses are this machine's: %w", err) // fail closed
	}
	ranges, listed := p.Private[t.name]
	for i, a := range found {
		found[i] = a.Unmap() // what a resolver spells as IPv6 is judged and dialled as what it is
		if listed && private(ranges, found[i]) || !listed && public(found[i]) && !slices.Contains(mine, found[i]) {
			continue
		}
		return nil, &gate.Fault{Code: codeAddress, Msg: t.name + " leads to an address that connections must not go to\n" +
			"a host of the operator's own network has to be listed with its addresses (egress.private)"}
	}
	return found, nil
}

// find is the one look-up of a name. An address leads to itself.
func (p *Proxy) find(ctx context.Context, name string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	return p.lookup(ctx, name)
}
