// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// wpcLint prints findings on standard error and the hash alone on standard
// output, so that programs can use it.
func wpcLint(_ context.Context, c *call) error {
	strict := c.Bool("strict", false, "fail if there are risks")
	format := c.String("format", "text", "text or json")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	if *format != "text" && *format != "json" {
		return usagef("-format %q\nwant text or json", *format)
	}
	path := c.args[0]
	src, err := readWPC(path)
	if err != nil {
		return err
	}
	found := policy.Lint(src, time.Now())
	if *format == "json" {
		if err := c.writeJSON(found); err != nil {
			return err
		}
	} else {
		c.writeFindings(path, found)
	}
	if slices.ContainsFunc(found, policy.Finding.Refuses) {
		return mistaken(path, found)
	}
	if p, err := policy.Parse(src); err != nil {
		return located(path, err, mendPolicy)
	} else if *format == "text" {
		fmt.Fprintf(c.stdout, "%s\n", p.Hash())
	}
	if *strict && len(found) > 0 {
		return fmt.Errorf("%s: line %d takes the first of %d risks\nmend them, or lint without -strict; docs/lint.md has the codes", path, found[0].Line, len(found))
	}
	return nil
}

// readWPC reads the text of a policy: as its author wrote it, or, of a signed
// one, what was signed.
func readWPC(path string) ([]byte, error) {
	b, err := readFile(path, maxPaper)
	if err != nil {
		return nil, err
	}
	signed := new(seal.Envelope)
	if seal.Unmarshal(b, signed) == nil && signed.Type == policy.Type {
		return signed.Payload, nil
	}
	return b, nil
}

func (c *call) writeFindings(path string, found []policy.Finding) {
	for _, f := range found {
		kind := "risk"
		if f.Refuses() {
			kind = "mistake"
		}
		fmt.Fprintf(c.stderr, "%s:%d:%d: %s: %s (%s)\n    %s\n", clean(path), f.Line, f.Column, kind, clean(f.Says), f.Code, clean(f.Mends))
	}
}

func (c *call) writeJSON(found []policy.Finding) error {
	if found == nil {
		found = []policy.Finding{}
	}
	b, err := json.Marshal(found, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	return c.output("", append(b, '\n'))
}

// mistaken is the error about a policy that does not parse.
func mistaken(path string, found []policy.Finding) error {
	what := "has a mistake"
	if len(found) > 1 {
		what = fmt.Sprintf("has the first of %d mistakes", len(found))
	}
	return fmt.Errorf("%s: line %d %s\nmend that line; spec/policy.md lists every field", path, found[0].Line, what)
}
