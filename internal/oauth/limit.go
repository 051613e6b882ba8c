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

const (
	// failuresPerMinute is how many failed attempts, by the client's name and the
	// address, are told what is wrong with them.
	failuresPerMinute = 10

	buckets = 4096 // for all pairs of name and address; two that share one share its bound
)

// failures bounds failed attempts, in fixed memory. The zero value is ready.
type failures struct {
	once sync.Once
	seed maphash.Seed
	all  [buckets]*rate.Limiter
}

// tooMany counts a failed attempt in the name of a client, be there one or not,
// and reports whether there have been too many of late.
func (f *failures) tooMany(client, from string, now time.Time) bool {
	return !f.of(client, from).AllowN(now, 1)
}

// of returns the bound of a name and an address.
func (f *failures) of(client, from string) *rate.Limiter {
	f.once.Do(func() {
		f.seed = maphash.MakeSeed()
		for i := range f.all {
			f.all[i] = rate.NewLimiter(rate.Every(time.Minute/failuresPerMinute), failuresPerMinute)
		}
	})
	return f.all[maphash.String(f.seed, from+" "+client)%buckets]
}

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
