// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/clawea/clawea/internal/daemon"
)

// egressCommand serves the egress proxy by itself, on the keys and the database that
// the daemon has.
func egressCommand(ctx context.Context, c *call) error {
	path := c.String("config", "", "the daemon's configuration `FILE`, with \"egress\"")
	level := slog.LevelInfo
	c.TextVar(&level, "log", level, "log `LEVEL`: debug, info, warn or error")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := c.need("config"); err != nil {
		return err
	}
	conf, err := loadConfig(*path)
	if err != nil {
		return err
	}
	switch e := conf.Egress; {
	case e == nil:
		return fmt.Errorf("%s has no \"egress\"\nsay there where the proxy listens, as docs/egress.md has it", *path)
	case !e.Apart:
		return fmt.Errorf("in %s the daemon serves the egress proxy itself\nsay \"apart\": true under \"egress\", and start the daemon anew", *path)
	}
	d, err := daemon.New(ctx, conf, version(), slog.New(slog.NewJSONHandler(c.stderr, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", conf.Egress.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("%w\nname another address under \"egress\" in %s", err, *path), d.Close())
	}
	fmt.Fprintf(c.stdout, "clawea egress serves at %s\n", conf.Egress.URL)
	return errors.Join(d.ServeEgress(ctx, ln), d.Close())
}
