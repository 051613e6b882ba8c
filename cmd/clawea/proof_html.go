// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/internal/story"
	"github.com/clawea/clawea/seal"
)

// proofHTML needs nothing but the bundle's file.
func proofHTML(_ context.Context, c *call) error {
	out := c.String("o", "", "write to `FILE` instead of standard output")
	only := c.String("only", "", "disclose the texts of these receipts and no others: `SEQ,...` or none (default: all that the bundle discloses)")
	dir := c.String("verifier", "", "take the verifier from the `DIR` that go generate ./internal/pulse wrote (default: the one in this program)")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	file, err := readFile(c.args[0], bundle.MaxSize)
	if err != nil {
		return err
	}
	b, err := bundle.Read(file)
	if err != nil {
		return fmt.Errorf("%s: %w\nname a file that clawea proof export wrote", c.args[0], err)
	}
	if *only != "" {
		if b, err = redact(b, *only); err != nil {
			return err
		}
		if file, err = b.Marshal(); err != nil {
			return err
		}
	}
	v, err := verifierFor(*dir)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := v.Write(&page, file); err != nil {
		return err
	}
	if err := c.output(*out, page.Bytes()); err != nil {
		return err
	}
	return c.disclosed(b)
}

// redact keeps the texts of the receipts that are listed.
func redact(b *bundle.Bundle, list string) (*bundle.Bundle, error) {
	var seqs []uint64
	for word := range strings.SplitSeq(list, ",") {
		if list == "none" {
			break
		}
		seq, err := strconv.ParseUint(strings.TrimSpace(word), 10, 64)
		if err != nil {
			return nil, usagef("-only %q: %q is no receipt's number\nwant numbers as clawea job show lists them, with commas between, or none", list, word)
		}
		seqs = append(seqs, seq)
	}
	keep, err := story.Of(b, seqs)
	if err != nil {
		return nil, err
	}
	return b.Redact(keep), nil
}

func verifierFor(dir string) (*pulse.Verifier, error) {
	if dir == "" {
		return pulse.Embedded()
	}
	return pulse.ReadVerifier(os.DirFS(dir))
}

// disclosed says what goes out with the page.
func (c *call) disclosed(b *bundle.Bundle) error {
	n := 0
	for _, d := range b.Disclosures {
		n += len(d.Text)
	}
	file, err := b.Marshal()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stderr, "It holds the bundle %s,\nwith %d disclosed texts of %d bytes together.\n", seal.Sum(file), len(b.Disclosures), n)
	return nil
}
