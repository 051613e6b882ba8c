// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
)

// DefaultEgress is where the egress proxy listens unless told otherwise.
const DefaultEgress = "127.0.0.1:7434"

// An Egress is the proxy by which agents' processes reach the hosts that their
// policies list.
type Egress struct {
	// Listen is the address and port that it listens on. Default 127.0.0.1:7434: this
	// machine only.
	Listen string `json:"listen"`
	// URL is where others reach it, without a path. Default http:// and Listen. It must
	// be https unless it is this machine: tokens travel there. What ends TLS before it
	// must pass bytes on as they are, as proxies of TCP do.
	URL string `json:"url"`
	// Apart leaves it to a process of its own, clawea egress, which reads this file too
	// and has the same keys and database. Default false: the daemon serves it.
	Apart bool `json:"apart"`
	// Private are hosts of the operator's own network, by name ("wiki.corp.example"), or
	// addresses, each with the ranges in which all of its addresses are ("10.20.0.0/16").
	// Policies list them like others. Optional: without it nothing is connected to but
	// addresses of the internet's.
	Private map[string][]netip.Prefix `json:"private"`
	// Idle is how long a connection may carry nothing: from 1s to 24h. Default 5m.
	Idle Delay `json:"idle"`
	// Longest is how long a connection may be open: from 1s to 24h. Default 1h.
	Longest Delay `json:"longest"`
	// Bytes is how much a connection may carry, both ways together: from 1024 up to
	// 2^40. Default 1 GiB (1073741824).
	Bytes int `json:"bytes"`
	// Job is how many connections a job may have open at once, with each process that
	// serves it: from 1 to 100000. Default 64.
	Job int `json:"connections_per_job"`
	// All is how many there may be at once: from 1 to 100000. Default 1024.
	All int `json:"connections"`
}

const (
	maxOpen        = 100_000
	maxTunnelBytes = 1 << 40
	maxTunnelTime  = Delay(24 * time.Hour)
)

func (c *Config) checkEgress() *problem {
	e := c.Egress
	if e == nil {
		return nil
	}
	if e.Listen != "" || e.URL == "" {
		host, port, err := net.SplitHostPort(cmp.Or(e.Listen, DefaultEgress))
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return &problem{"/egress/listen", "is not an address and a port", "write it like \"" + DefaultEgress + "\""}
		}
		if e.URL == "" && (!local(host) || port == "0") {
			return &problem{"/egress/listen", "says nothing of where others reach the proxy", "write \"url\" too, like \"https://egress.example.com\""}
		}
	}
	if e.URL != "" {
		if msg := wrongURL(e.URL, false); msg != "" {
			return &problem{"/egress/url", msg, "write it like \"https://egress.example.com\""}
		}
	}
	if p := checkPrivate(e.Private); p != nil {
		return p
	}
	return e.checkBounds()
}

func checkPrivate(private map[string][]netip.Prefix) *problem {
	for _, name := range slices.Sorted(maps.Keys(private)) {
		id, ok := policy.HostID(name, 1)
		if !ok || strings.Trim(strings.TrimSuffix(id, ":1"), "[]") != name {
			return &problem{"/egress/private", fmt.Sprintf("%.100q is not a host's name", name), "write it in small letters, without a port, and each host by itself: \"wiki.corp.example\""}
		}
		if len(private[name]) == 0 {
			return &problem{"/egress/private", name + " has no ranges", "write where its addresses are, like [\"10.20.0.0/16\"]"}
		}
		for _, p := range private[name] {
			if p != p.Masked() || p.Addr().Is4In6() {
				return &problem{"/egress/private", fmt.Sprintf("%v is not a range of addresses", p), "write its first address and how many bits of that are fixed, like \"10.20.0.0/16\""}
			}
		}
	}
	return nil
}

func (e *Egress) checkBounds() *problem {
	for _, x := range []struct {
		name     string
		n        int
		min, max int
	}{{"bytes", e.Bytes, minBytes, maxTunnelBytes}, {"connections_per_job", e.Job, 1, maxOpen}, {"connections", e.All, 1, maxOpen}} {
		if x.n != 0 && (x.n < x.min || x.n > x.max) {
			return &problem{"/egress/" + x.name, fmt.Sprintf("is %d, and must be from %d to %d", x.n, x.min, x.max), "write a number in between, or leave it out"}
		}
	}
	for _, x := range []struct {
		name string
		d    Delay
	}{{"idle", e.Idle}, {"longest", e.Longest}} {
		if x.d != 0 && (x.d < minWait || x.d > maxTunnelTime) {
			return &problem{"/egress/" + x.name, fmt.Sprintf("is %s, and must be from 1s to 24h", x.d), "write a time in between, or leave it out"}
		}
	}
	return nil
}

// complete fills in defaults.
func (e *Egress) complete() {
	if e == nil {
		return
	}
	e.Listen = cmp.Or(e.Listen, DefaultEgress)
	e.URL = strings.TrimRight(cmp.Or(e.URL, "http://"+e.Listen), "/")
	e.Idle = cmp.Or(e.Idle, Delay(5*time.Minute))
	e.Longest = cmp.Or(e.Longest, Delay(time.Hour))
	e.Bytes = cmp.Or(e.Bytes, 1<<30)
	e.Job = cmp.Or(e.Job, 64)
	e.All = cmp.Or(e.All, 1024)
}
