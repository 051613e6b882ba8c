// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"runtime/debug"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/daemon"
)

func serveCommand(ctx context.Context, c *call) error {
	path := c.String("config", "", "the configuration `FILE`; docs/clawea.hujson is an example")
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
	log := slog.New(slog.NewJSONHandler(c.stderr, &slog.HandlerOptions{Level: level}))
	d, err := daemon.New(ctx, conf, version(), log)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // what starting has left behind
	letGo()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // what is alive is little, and what calls leave behind is much
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", conf.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("%w\nname another address under \"listen\" in %s", err, *path), d.Close())
	}
	fmt.Fprintf(c.stdout, "clawea serves at %s\n", conf.URL)
	if link, err := d.FirstLink(ctx); err != nil {
		log.WarnContext(ctx, "no link for a first administrator", "err", err)
	} else if link != "" {
		fmt.Fprintf(c.stdout, "its pages have no administrator yet; be it, once, within 15 minutes: %s\n", link)
	}
	return errors.Join(d.Serve(ctx, ln), d.Close())
}

func versionCommand(_ context.Context, c *call) error {
	if err := c.parse(0, 0); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, "clawea", version())
	return nil
}

// version is what the build says of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return info.Main.Version
}

// loadConfig reads a configuration that is to be served.
func loadConfig(path string) (*config.Config, error) {
	conf, err := config.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w\nname a file that exists; docs/clawea.hujson is one to copy", err)
	}
	if errors.As(err, new(*fs.PathError)) {
		return nil, fmt.Errorf("%w\nname a file that you may read", err)
	}
	if err != nil {
		return nil, err
	}
	return conf, conf.Unfinished()
}
