// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

func keepHosts(to, from *document) { to.Egress = from.Egress }

// hostOptions are every host that is named, one below each name that stands for
// those below it, and another one; each at every port that an entry about it
// says, and at another.
func hostOptions(w *comparison, _ head, judged func(option) option) []option {
	entries := w.both(func(d *document) []string {
		if d.Egress == nil {
			return nil
		}
		return slices.Concat(d.Egress.Hosts, d.Egress.Denied)
	})
	ports := portsOf(entries)
	below := unsaidLabel(entries)
	var out []option
	for _, name := range append(slices.Sorted(maps.Keys(ports)), below) {
		host, to := name, "to "+name
		if rest, wild := strings.CutPrefix(name, "*."); wild {
			host, to = below+"."+rest, "to hosts below "+rest
		} else if name == below {
			to = "to hosts that neither policy names"
		}
		said := portsAbout(ports, host)
		for _, port := range said {
			out = append(out, judged(hostOption(host+":"+port, to+" at port "+port)))
		}
		says := to + " at other ports"
		if len(said) == 0 {
			says = to
		}
		out = append(out, judged(hostOption(host+":"+unsaidPort(said), says)))
	}
	return out
}

func hostOption(id, says string) option {
	return option{says: says, set: func(e *Example) { e.Call.Resources = []Resource{{Type: "host", ID: id}} }}
}

// portsOf are the ports that entries say of each name. Who says none may mean 443.
func portsOf(entries []string) map[string][]string {
	out := map[string][]string{}
	for _, e := range entries {
		name, port, _ := cutHost(e)
		if port == "" {
			port = plainPort
		}
		if !slices.Contains(out[name], port) {
			out[name] = append(out[name], port)
		}
	}
	return out
}

// portsAbout are the ports that entries about a host say: of its name, or of
// those below which it is.
func portsAbout(ports map[string][]string, host string) []string {
	out := slices.Clone(ports[host])
	for rest, more := host, true; more; {
		if _, rest, more = strings.Cut(rest, "."); more {
			out = append(out, ports["*."+rest]...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// unsaidPort is a port that is not among those.
func unsaidPort(said []string) string {
	for n := 8443; n < 1<<16; n++ {
		if s := strconv.Itoa(n); !slices.Contains(said, s) {
			return s
		}
	}
	return "1"
}

// unsaidLabel is a part of names that no entry has.
func unsaidLabel(entries []string) string {
	said := set{}
	for _, e := range entries {
		name, _, _ := cutHost(e)
		for label := range strings.SplitSeq(name, ".") {
			said[label] = struct{}{}
		}
	}
	label := "other"
	for n := 1; said.has(label); n++ {
		label = "other" + strconv.Itoa(n)
	}
	return label
}
