// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/seal"
)

// wpcPins shows what a policy pins and how that differs from what is there now, or what
// publishing a draft would pin.
func wpcPins(ctx context.Context, c *call) error {
	connect := c.client()
	asJSON := c.Bool("json", false, "print JSON")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	h, err := parseHash(c.args[0])
	if err != nil {
		return err
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	p, err := cl.Pins(ctx, h)
	if err != nil {
		return err
	}
	if *asJSON {
		b, err := seal.MarshalUpTo(p, maxPins)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%s\n", b)
	} else {
		writePins(c.stdout, p)
	}
	switch {
	case p.Fault != "":
		return fmt.Errorf("how the servers are now is not known: %s", indented(p.Fault, "  "))
	case len(p.Differences) > 0:
		return errFalse
	}
	return nil
}

// maxPins bounds the JSON of what a policy pins, in bytes: a few times what servers can say.
const maxPins = 64 << 20

func writePins(w io.Writer, p *api.Pins) {
	if p.Draft {
		fmt.Fprintln(w, "a draft: this is what publishing it would pin now")
	}
	if len(p.Servers) == 0 && p.Fault == "" {
		fmt.Fprintln(w, "nothing is pinned: no MCP server may be used under this policy")
	}
	for _, s := range p.Servers {
		fmt.Fprintf(w, "server %s, pinned as %s\n", clean(s.Name), s.Identity)
		if s.Lost {
			fmt.Fprintln(w, "  what it said of itself is not kept, or damaged")
		}
		for _, f := range s.Is {
			fmt.Fprintf(w, "  %s: %s\n", clean(f.Name), clean(f.Value))
		}
		for i := range s.Tools {
			writePinnedTool(w, &s.Tools[i])
		}
	}
	if p.Fault != "" || p.Draft {
		return
	}
	if len(p.Differences) == 0 {
		fmt.Fprintln(w, "now: as it was")
		return
	}
	fmt.Fprintln(w, "now, it is not as it was:")
	for _, d := range p.Differences {
		fmt.Fprintf(w, "  %s\n", clean(strings.Join(strings.Fields(d.Server+": "+d.Says), " ")))
		if d.Lines != "" {
			fmt.Fprintf(w, "    %s\n", indented(strings.TrimSuffix(d.Lines, "\n"), "    "))
		}
	}
}

func writePinnedTool(w io.Writer, t *api.PinnedTool) {
	fmt.Fprintf(w, "  tool %s, pinned as %s\n", clean(t.Name), t.Definition)
	if t.Lost {
		fmt.Fprintln(w, "    what it said of itself is not kept, or damaged")
	}
	if t.Title != "" {
		fmt.Fprintf(w, "    title: %s\n", clean(t.Title))
	}
	if t.Description != "" {
		fmt.Fprintf(w, "    says: %s\n", indented(t.Description, "          "))
	}
	for _, h := range t.Hints {
		fmt.Fprintf(w, "    says that %s\n", clean(h))
	}
	for _, a := range t.Arguments {
		required := ""
		if a.Required {
			required = ", required"
		}
		fmt.Fprintf(w, "    argument %s%s: %s\n", clean(a.Name), required, clean(a.Schema))
		if a.Description != "" {
			fmt.Fprintf(w, "      %s\n", indented(a.Description, "      "))
		}
	}
	for _, f := range t.More {
		fmt.Fprintf(w, "    %s: %s\n", clean(f.Name), clean(f.Value))
	}
}

// indented is text of several lines, each clean and all but the first behind a margin.
func indented(text, margin string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n"+margin)
}
