// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/config"
)

const defaultServer = "http://127.0.0.1:7433"

// client adds the flags of commands that call the daemon.
func (c *call) client() func() (*api.Client, error) {
	server := c.String("server", cmp.Or(c.getenv("CLAWEA_SERVER"), defaultServer), "the daemon's `URL` (CLAWEA_SERVER)")
	operator := c.String("operator", c.getenv("CLAWEA_OPERATOR"), "where the operator's token is: `file:PATH or env:NAME` (CLAWEA_OPERATOR)")
	return func() (*api.Client, error) {
		if *operator == "" {
			return nil, usagef("no operator's token\nsay where it is with -operator or CLAWEA_OPERATOR, as file:PATH or env:NAME")
		}
		ref, err := config.ParseSecret(*operator, "")
		if err != nil {
			return nil, err
		}
		return &api.Client{URL: *server, Token: ref.Get}, nil
	}
}

// dial reads a command line of min to max arguments, and connects: for commands
// that have nothing to check in between.
func (c *call) dial(min, max int) (*api.Client, error) {
	connect := c.client()
	if err := c.parse(min, max); err != nil {
		return nil, err
	}
	return connect()
}

// output writes b to path, or to standard output if path is "" or "-". A file
// appears whole or not at all, and only its owner can read it.
func (c *call) output(path string, b []byte) error {
	if path == "" || path == "-" {
		_, err := c.stdout.Write(b)
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".clawea-*")
	if err != nil {
		return fmt.Errorf("write %s: %w\nname a directory that exists and can be written", path, err)
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}

// readFile reads a file that must not be larger than max bytes.
func readFile(path string, max int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w\nname a file that exists", err)
	}
	if info.Size() > max {
		return nil, fmt.Errorf("%s is larger than %d bytes\nis it the right file?", path, max)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w\nname a file that you may read", err)
	}
	return b, nil
}
