// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

const (
	// EgressTool is the tool of connections to hosts.
	EgressTool = "egress"
	// EgressAction is the only action of EgressTool; its class is Connect.
	EgressAction = "connect"

	// maxHostName is the longest name of a host, in bytes (RFC 1035 2.3.4).
	maxHostName = 253
	// plainPort is the port of an entry of an allow list that names none.
	plainPort = "443"
)

// hostEntry is an entry of a list of hosts, as far as one expression says it:
// cutHost says the rest.
var hostEntry = regexp.MustCompile(`^((\*\.)?` + hostLabel + `(\.` + hostLabel + `)*|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?$`)

const hostLabel = `[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?`

// numericLabel is the end of what some readers take for an IPv4 address,
// however it is spelled (127.1, 0x7f.1).
var numericLabel = regexp.MustCompile(`^([0-9]+|0x[0-9a-f]*)$`)

// cutHost cuts an entry of a list of hosts (spec/policy.md 2.23). port is "" if
// the entry names none; ok is false if it is no entry.
func cutHost(entry string) (name, port string, ok bool) {
	if !hostEntry.MatchString(entry) {
		return "", "", false
	}
	name = entry
	if i := strings.LastIndexByte(entry, ':'); i > strings.LastIndexByte(entry, ']') {
		name, port = entry[:i], entry[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", "", false
		}
	}
	return name, port, plainName(name)
}

// plainName reports whether a name that hostEntry has is an address in its one
// spelling, or cannot be taken for an address.
func plainName(name string) bool {
	if inner, bracketed := strings.CutPrefix(name, "["); bracketed {
		inner = strings.TrimSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		return err == nil && a.Is6() && !a.Is4In6() && a.String() == inner
	}
	if !numericLabel.MatchString(name[strings.LastIndexByte(name, '.')+1:]) {
		return len(name) <= maxHostName
	}
	a, err := netip.ParseAddr(name)
	return err == nil && a.Is4() && a.String() == name
}

// HostID is how a call names a host and a port: "api.example.com:443",
// "192.0.2.7:443", "[2001:db8::7]:443". Capitals and one dot at the end of a name
// make no difference; name is an address of IPv6 with or without its brackets. ok
// is false for what no policy can name: other spellings of addresses, names with
// letters beyond ASCII, and port 0.
func HostID(name string, port uint16) (id string, ok bool) {
	if strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) { // small letters of which may be ASCII
		return "", false
	}
	name = strings.ToLower(name)
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")); err == nil && a.Is6() {
		name = "[" + a.String() + "]"
	} else {
		name = strings.TrimSuffix(name, ".")
	}
	id = name + ":" + strconv.Itoa(int(port))
	return id, isHostID(id)
}

// isHostID reports whether id is the name of one host, and a port.
func isHostID(id string) bool {
	name, port, ok := cutHost(id)
	return ok && port != "" && !strings.HasPrefix(name, "*")
}

// hosts is a list of hosts as calls are looked up in it: by entry.
type hosts set

// hostsOf makes a list of entries. Entries without a port are of one port, or, if
// that is "", of all.
func hostsOf(entries []string, port string) hosts {
	h := make(hosts, len(entries))
	for _, e := range entries {
		h[withPort(e, port)] = struct{}{}
	}
	return h
}

// withPort is an entry with a port, if it names none.
func withPort(entry, port string) string {
	if _, own, _ := cutHost(entry); own != "" || port == "" {
		return entry
	}
	return entry + ":" + port
}

// hold reports whether an entry holds the host and port of id: its name, or the
// end of it after a dot, with the port or with none.
func (h hosts) hold(id string) bool {
	if len(h) == 0 {
		return false
	}
	name, port, _ := cutHost(id)
	for entry := name; ; {
		if set(h).has(entry) || set(h).has(entry+":"+port) {
			return true
		}
		i := strings.IndexByte(name, '.')
		if i < 0 || name[0] == '[' {
			return false
		}
		name = name[i+1:]
		entry = "*." + name
	}
}

// A HostList is a list of hosts as hosts_allowlist is one (spec/policy.md 2.23), for
// others than policies. The zero value has none.
type HostList struct{ hosts hosts }

// ParseHosts reads a list of hosts. Its error is for people.
func ParseHosts(entries []string) (HostList, error) {
	for _, e := range entries {
		if _, _, ok := cutHost(e); !ok {
			return HostList{}, fmt.Errorf("%.100q is not %s", e, aHost)
		}
	}
	return HostList{hostsOf(entries, plainPort)}, nil
}

// Holds reports whether l lists the host and port that HostID names so.
func (l HostList) Holds(id string) bool { return isHostID(id) && l.hosts.hold(id) }

// host is what a connection is to, or "" if the call does not say that of one
// host, and of nothing else, as HostID spells it.
func (c *Call) host() string {
	if len(c.Resources) != 1 || c.Resources[0].Type != "host" || !isHostID(c.Resources[0].ID) {
		return ""
	}
	return c.Resources[0].ID
}

// judgeHosts hears what the policy says of connections.
func (p *Policy) judgeHosts(c *Call, t *tally) {
	if p.doc.Egress == nil {
		t.deny("/egress", "the policy names no host")
		return
	}
	id := c.host()
	switch {
	case id == "":
		t.deny("/egress", "the call does not name one host and port")
		return
	case !p.rules.hosts.hold(id):
		t.deny("/egress/hosts_allowlist", id+onNoList)
	}
	if p.rules.deniedHosts.hold(id) {
		t.deny("/egress/hosts_denylist", id+" is denied")
	}
}

const onNoList = " is not on the list"

// permitsHost is what permits a connection that nothing denies.
func permitsHost(c *Call) Reason {
	return Reason{"/egress/hosts_allowlist", c.host() + onTheList}
}

// grantsHost reports whether the grant has an entry that holds c's host.
func (p *Policy) grantsHost(c *Call) bool {
	var entries []string
	for _, name := range p.grant.Resources {
		if e, ok := strings.CutPrefix(name, EgressTool+":"); ok {
			entries = append(entries, e)
		}
	}
	id := c.host()
	return id != "" && hostsOf(entries, plainPort).hold(id)
}

// hostNames lists the hosts that may be connected to, as grants have them. They
// are looked up when they are used, so nothing is bound.
func (p *Policy) hostNames() []Name {
	if p.doc.Egress == nil {
		return nil
	}
	return named(nil, EgressTool, Host, p.doc.Egress.Hosts)
}

// opensHosts reports whether d lists a host that may be connected to.
func (d *document) opensHosts() bool { return d.Egress != nil && len(d.Egress.Hosts) > 0 }
