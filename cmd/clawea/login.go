// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/daemon"
)

// loginLink prints a way in for the house's own administrator. It is for who runs the
// house, on its machine: an operator's token does not lead there.
func loginLink(ctx context.Context, c *call) error {
	path := c.String("config", "", "the daemon's configuration `FILE`")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := c.need("config"); err != nil {
		return err
	}
	conf, err := config.Load(*path)
	if err != nil {
		return err
	}
	link, err := daemon.Link(ctx, conf, slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "%s\n", clean(link))
	fmt.Fprintf(c.stderr, "clawea: it is good once, for 15 minutes, and for whoever opens it first\n")
	return nil
}
