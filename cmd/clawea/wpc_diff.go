// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A meaning is what wpc diff finds, as -format json writes it.
type meaning struct {
	A       seal.Hash       `json:"a"`
	B       seal.Hash       `json:"b"`
	Verdict string          `json:"verdict"` // "equal", "narrowed", "changed", "widened"
	Changes []policy.Change `json:"changes"`
}

// wpcDiff compares two policies in meaning. It ends with exit code 3 if the
// second lets more happen, so that a pipeline can stop on it.
func wpcDiff(ctx context.Context, c *call) error {
	format := c.String("format", "text", "`text` or json")
	connect := c.client()
	if err := c.parse(2, 2); err != nil {
		return err
	}
	if *format != "text" && *format != "json" {
		return usagef("-format %s is not a format\nwant -format text or -format json", *format)
	}
	var both [2]*policy.Policy
	for i, arg := range c.args {
		p, err := policyAt(ctx, arg, connect)
		if err != nil {
			return err
		}
		both[i] = p
	}
	changes := policy.Diff(both[0], both[1])
	m := meaning{both[0].Hash(), both[1].Hash(), verdictOn(changes), changes}
	if m.Changes == nil {
		m.Changes = []policy.Change{}
	}
	if err := m.write(c.stdout, *format); err != nil {
		return err
	}
	if policy.Widens(changes) {
		return errFalse
	}
	return nil
}

// policyAt reads a policy from a file, or gets a published one by its hash.
func policyAt(ctx context.Context, arg string, connect func() (*api.Client, error)) (*policy.Policy, error) {
	if !strings.HasPrefix(arg, "sha256:") {
		p, _, err := readPolicy(arg)
		return p, err
	}
	h, err := parseHash(arg)
	if err != nil {
		return nil, err
	}
	cl, err := connect()
	if err != nil {
		return nil, err
	}
	p, err := cl.Policy(ctx, h)
	if err != nil {
		return nil, err
	}
	if p.Envelope == nil || !p.Envelope.Hash().Equal(h) {
		return nil, errors.New("the daemon sent another policy than the one asked for\nits database or the way to it is not to be trusted")
	}
	return policy.Parse(p.Envelope.Payload)
}

// verdictOn sums up changes in one word.
func verdictOn(changes []policy.Change) string {
	verdict := "equal"
	for _, c := range changes {
		switch {
		case c.Widens:
			return "widened"
		case c.Kind != policy.Changed:
			verdict = "narrowed"
		case verdict == "equal":
			verdict = "changed"
		}
	}
	return verdict
}

func (m *meaning) write(w io.Writer, format string) error {
	if format == "json" {
		b, err := seal.Marshal(m)
		if err != nil {
			return fmt.Errorf("write changes: %w", err)
		}
		_, err = fmt.Fprintf(w, "%s\n", b)
		return err
	}
	for _, c := range m.Changes {
		fmt.Fprintf(w, "%s: %s\n", c.Kind, clean(c.Says))
		if e := c.Example; e != nil {
			fmt.Fprintf(w, "    example, %s before, %s now: %s\n", e.Before, e.After, clean(e.String()))
		}
	}
	_, err := fmt.Fprintln(w, m.Verdict)
	return err
}
