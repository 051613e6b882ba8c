// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// hosts looks at where an agent's processes may connect to.
func (l *linter) hosts(d *document) {
	e := d.Egress
	if e == nil {
		return
	}
	const at = "/egress/hosts_allowlist"
	if len(e.Hosts) == 0 {
		l.add(at, "hosts-none", "list hosts, or leave the section out", "no host may be connected to")
	}
	denied := hostsOf(e.Denied, "")
	for i, entry := range e.Hosts {
		at := fmt.Sprintf("%s/%d", at, i)
		l.host(at, entry)
		if denied.covers(withPort(entry, plainPort)) {
			l.add(at, "allow-covered", "leave one of them out", "%q is denied by hosts_denylist", entry)
		}
	}
	for i, entry := range e.Denied {
		if !slices.ContainsFunc(e.Hosts, func(allowed string) bool { return hostsMeet(entry, withPort(allowed, plainPort)) }) {
			l.add(fmt.Sprintf("/egress/hosts_denylist/%d", i), "deny-idle", "leave it out, or mend the name", "nothing may connect there anyway")
		}
	}
	l.idleHosts(d)
}

// host looks at one host that may be connected to.
func (l *linter) host(at, entry string) {
	name, port, _ := cutHost(entry)
	rest, below := strings.CutPrefix(name, "*.")
	switch {
	case below && isShared(rest):
		l.add(at, "hosts-wide", "list the hosts that are needed", "anyone can have a name below %s", rest)
	case below:
		l.add(at, "glob-allowed", "list what is needed", "%q also means what is added later", entry)
	case name[0] == '[' || numericLabel.MatchString(name[strings.LastIndexByte(name, '.')+1:]):
		l.add(at, "host-address", "name the host, so that the name which a client asks a server for can be held to it", "%q is an address, and may be another's tomorrow", entry)
	}
	if port == "80" {
		l.add(at, "host-plain", "connect by TLS (443)", "what is sent to port 80 can be read and changed under way")
	}
}

// isShared reports whether names below a name are most likely had by anyone, as
// those below com and co.uk are.
func isShared(name string) bool {
	first, last, two := strings.Cut(name, ".")
	return !two || !strings.Contains(last, ".") && len(last) == 2 && len(first) <= 3
}

// idleHosts finds lists of tools that leave out what the section speaks of.
func (l *linter) idleHosts(d *document) {
	const says = "this section speaks of egress, which %s leaves out"
	if d.Tool != nil && !slices.Contains(d.tools(), EgressTool) {
		l.add("/egress", "section-idle", "add egress to tool, or leave the section out", says, "tool")
	}
	connecting := &Call{Tool: EgressTool, Action: EgressAction, Class: Connect}
	for _, t := range d.toolPolicies() {
		if t.Allow != nil && !slices.ContainsFunc(t.Allow, func(e string) bool { return match(e, connecting) }) {
			l.add("/egress", "section-idle", "add egress to "+t.at[1:]+"/allow, or leave the section out", says, t.at[1:]+"/allow")
		}
	}
}

// covers reports whether the list holds all that an entry with a port means.
func (h hosts) covers(entry string) bool {
	rest, below := strings.CutPrefix(entry, "*.")
	if !below {
		return h.hold(entry)
	}
	name, _, _ := cutHost(entry)
	return set(h).has(entry) || set(h).has(name) || h.hold(rest) && !set(h).has(rest) && !set(h).has(strings.TrimPrefix(name, "*."))
}

// hostsMeet reports whether some host is meant by two entries of lists. An entry
// without a port means all of them.
func hostsMeet(a, b string) bool {
	x, xPort, _ := cutHost(a)
	y, yPort, _ := cutHost(b)
	if xPort != yPort && xPort != "" && yPort != "" {
		return false
	}
	under := func(name, of string) bool { return strings.HasPrefix(of, "*.") && strings.HasSuffix(name, of[1:]) }
	return x == y || under(x, y) || under(y, x)
}
