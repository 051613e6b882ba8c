// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/policy"
)

// describePolicy writes what a policy is for, who signed it in which role, and
// what its names led to.
func describePolicy(w io.Writer, p *api.Policy) {
	if p.Environment != "" {
		fmt.Fprintf(w, "for        %s\n", clean(p.Environment))
	}
	if r := p.ChangeRecord; r != nil {
		fmt.Fprintf(w, "change     %s\n", clean(strings.Join(strings.Fields(r.System+" "+r.ID+" "+r.URL), " ")))
	}
	if b := p.BreakGlass; b != nil {
		fmt.Fprintf(w, "EMERGENCY  until %s: %s\n", stamp(b.Expires), clean(b.Reason))
	}
	for _, s := range p.Signers {
		fmt.Fprintf(w, "signed by  %s\n", signature(s))
	}
	for _, n := range p.Names {
		fmt.Fprintf(w, "name       %s is %s %s on %s\n", clean(n.Name.String()), n.Kind, clean(n.ID), clean(n.Site))
	}
	writeServers(w, p.Servers)
	for _, x := range p.Extends {
		fmt.Fprintf(w, "pinned     %s %s, as %s\n", clean(x.Kind), clean(x.Name), x.Digest)
	}
}

// writeServers says which MCP servers a policy is published with.
func writeServers(w io.Writer, servers []policy.Server) {
	for _, s := range servers {
		fmt.Fprintf(w, "pinned     %s\n", counted(len(s.Tools), "tool")+" of the MCP server "+clean(s.Name))
	}
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// signature says whose it is and what it counts as.
func signature(s policy.Signature) string {
	if s.Role == policy.RoleNone {
		return clean(s.Key) + " (does not count here)"
	}
	return clean(s.Key) + " as " + clean(string(s.Role))
}

func wpcHistory(ctx context.Context, c *call) error {
	cl, err := c.dial(1, 1)
	if err != nil {
		return err
	}
	list, err := cl.History(ctx, c.args[0])
	if err != nil {
		return err
	}
	if len(list.Policies) == 0 {
		return fmt.Errorf("nothing was published under the name %q\nnames are listed by: clawea wpc list", c.args[0])
	}
	for i := range list.Policies {
		fmt.Fprintln(c.stdout, historyLine(&list.Policies[i]))
	}
	return nil
}

// historyLine is one policy of a name's history.
func historyLine(p *api.Policy) string {
	line := fmt.Sprintf("%s  %s", p.Hash, stamp(p.Published))
	if p.Fault != "" {
		return line + "  DOES NOT VERIFY: " + clean(p.Fault)
	}
	if p.Environment != "" {
		line += "  for " + clean(p.Environment)
	}
	if p.BreakGlass != nil {
		line += "  EMERGENCY until " + stamp(p.BreakGlass.Expires)
	}
	signed := make([]string, len(p.Signers))
	for i, s := range p.Signers {
		signed[i] = signature(s)
	}
	return line + "  signed by " + strings.Join(signed, ", ")
}
