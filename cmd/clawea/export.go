// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/export"
)

const (
	exportPage  = 200
	exportEvery = 2 * time.Second // how often -follow asks for more
)

// exportOCSF writes receipts as OCSF: those of bundles, or the daemon's.
func exportOCSF(ctx context.Context, c *call) error {
	since := c.String("since", "", "begin behind this `RECEIPT`, JOB/SEQ: the last one that you have")
	follow := c.Bool("follow", false, "go on with what comes, until interrupted")
	out := c.String("o", "", "append to `FILE` instead of writing to standard output")
	connect := c.client()
	if err := c.parse(0, maxProofs); err != nil {
		return err
	}
	if len(c.args) > 0 && (*since != "" || *follow) {
		return usagef("a bundle has all that it will ever have\nleave -since and -follow out, or the files, to ask the daemon")
	}
	w, done, err := c.appendTo(*out)
	if err != nil {
		return err
	}
	if len(c.args) > 0 {
		err = c.exportBundles(w)
	} else {
		var cl *api.Client
		if cl, err = connect(); err == nil {
			err = c.exportDaemon(ctx, cl, w, *since, *follow)
		}
	}
	return errors.Join(err, done())
}

// appendTo opens path for writing at its end, or standard output if it is "" or "-".
// A new file is its owner's only.
func (c *call) appendTo(path string) (io.Writer, func() error, error) {
	if path == "" || path == "-" {
		return c.stdout, func() error { return nil }, nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("write %s: %w\nname a file in a directory that exists and can be written", path, err)
	}
	return f, func() error { return errors.Join(f.Sync(), f.Close()) }, nil
}

func (c *call) exportBundles(w io.Writer) error {
	for _, file := range c.args {
		b, err := readFile(file, bundle.MaxSize)
		if err != nil {
			return err
		}
		parsed, err := bundle.Read(b)
		if err != nil {
			return located(file, err, "name a bundle that clawea proof export has written")
		}
		list, err := export.Bundle(parsed)
		if err != nil {
			return located(file, err, "name a bundle that clawea proof export has written")
		}
		if err := writeOCSF(w, list); err != nil {
			return err
		}
	}
	return nil
}

// exportDaemon writes what the daemon has behind the receipt named since, and says in
// the end where to go on.
func (c *call) exportDaemon(ctx context.Context, cl *api.Client, w io.Writer, since string, follow bool) error {
	last := since
	defer func() {
		if last != since {
			fmt.Fprintf(c.stderr, "clawea: the last receipt is %s; go on with -since %s\n", clean(last), clean(last))
		}
	}()
	for {
		page, err := cl.ReceiptsAfter(ctx, last, exportPage)
		if follow && ctx.Err() != nil {
			return nil // interrupted, as it is meant to be
		}
		if err != nil {
			return err
		}
		var list []export.Source
		for i := range page.Receipts {
			s, err := export.Followed(&page.Receipts[i])
			if err != nil {
				return err
			}
			list = append(list, s)
		}
		if err := writeOCSF(w, list); err != nil {
			return err
		}
		switch {
		case len(list) > 0:
			last = list[len(list)-1].Receipt.Name()
		case !follow:
			return nil
		default:
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(exportEvery):
			}
		}
	}
}

// writeOCSF writes all of list at once, so that no line is cut by an interrupt.
func writeOCSF(w io.Writer, list []export.Source) error {
	var b []byte
	for _, s := range list {
		line, err := export.Line(s, version())
		if err != nil {
			return err
		}
		b = append(b, line...)
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
