// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"regexp"
	"slices"
	"strings"
)

// judgeHosts hears the lists of hosts (4.40).
func (p oracle) judgeHosts(c *Call, t *oracleTally) {
	if p.doc.Egress == nil {
		t.deny("/egress", "the policy names no host")
		return
	}
	host := oracleHost(c)
	if host == "" {
		t.deny("/egress", "the call does not name one host and port")
		return
	}
	if !oracleHostHeld(p.doc.Egress.Hosts, host, "443") {
		t.deny("/egress/hosts_allowlist", "%s is not on the list", host)
	}
	if oracleHostHeld(p.doc.Egress.Denied, host, "") {
		t.deny("/egress/hosts_denylist", "%s is denied", host)
	}
	t.permit("/egress/hosts_allowlist", host+" is on the list")
}

var oraclePort = regexp.MustCompile(`:[0-9]+$`)

// oracleHost is the host and port that c names, and nothing else, or "".
func oracleHost(c *Call) string {
	if len(c.Resources) != 1 || c.Resources[0].Type != "host" {
		return ""
	}
	host := c.Resources[0].ID
	if _, _, ok := cutHost(host); !ok || strings.Contains(host, "*") || !oraclePort.MatchString(host) {
		return ""
	}
	return host
}

// oracleHostHeld matches a host and port against every entry. An entry without a
// port has the port otherwise, or all of them, if that is "".
func oracleHostHeld(entries []string, host, otherwise string) bool {
	port := strings.TrimPrefix(oraclePort.FindString(host), ":")
	name := oraclePort.ReplaceAllString(host, "")
	return host != "" && slices.ContainsFunc(entries, func(e string) bool {
		want := strings.TrimPrefix(oraclePort.FindString(e), ":")
		if want == "" {
			want = otherwise
		}
		e = oraclePort.ReplaceAllString(e, "")
		end, below := strings.CutPrefix(e, "*")
		return (want == "" || want == port) && (e == name || below && strings.HasSuffix(name, end))
	})
}

// grantedHosts are the entries of hosts that the grant has.
func (p oracle) grantedHosts() []string {
	var out []string
	for _, n := range p.hostNames() {
		if p.granted(n) {
			out = append(out, n.Name)
		}
	}
	return out
}
