// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"hash/maphash"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Who fails to authenticate more often than this, by client and address, is not
// listened to for a while.
const (
	failuresPerSecond = 1. / 6
	failuresAtOnce    = 10

	buckets = 4096 // for all pairs of client and address; two that share one share its bound
)

// failures bounds failed attempts, in fixed memory. The zero value is ready.
type failures struct {
	once sync.Once
	seed maphash.Seed
	all  [buckets]*rate.Limiter
}

// of returns the bound of a client at an address. Those that nobody knows are
// one client, "".
func (f *failures) of(client, from string) *rate.Limiter {
	f.once.Do(func() {
		f.seed = maphash.MakeSeed()
		for i := range f.all {
			f.all[i] = rate.NewLimiter(failuresPerSecond, failuresAtOnce)
		}
	})
	return f.all[maphash.String(f.seed, client+" "+from)%buckets]
}

// tooMany reports whether a client at an address has failed too often of late.
func (f *failures) tooMany(client, from string, now time.Time) bool {
	return f.of(client, from).TokensAt(now) < 1
}

// add counts a failed attempt.
func (f *failures) add(client, from string, now time.Time) { f.of(client, from).AllowN(now, 1) }

// source is the address that r comes from, or the network of 2^64 that one
// household has of IPv6. Behind a proxy it is the proxy's.
func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "?"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "?"
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	network, err := ip.Prefix(64)
	if err != nil { // unreachable: an IPv6 address has 64 bits
		return "?"
	}
	return network.String()
}
