// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/sandbox"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A Program is a server that the house starts.
type Program struct {
	Box     *sandbox.Sandbox
	Command sandbox.Command          // without Port and what Secrets returns
	Secrets func() ([]string, error) // more of its environment, "NAME=value"; nil: none
	Port    uint16                   // where it finds the house: its facade, and the proxy to Hosts; 0: it has neither
	Hosts   []string                 // that it may reach
	Own     []string                 // of what Command makes readable, the files and trees that are the server's and not the system's
	Log     *slog.Logger

	trees trees
}

// Dial starts the program in its sandbox. It is a Dialer.
func (p *Program) Dial(ctx context.Context, serve http.Handler) (*Connection, error) {
	c := p.Command
	if p.Port != 0 {
		c.Listen = []uint16{p.Port}
	}
	if p.Secrets != nil {
		more, err := p.Secrets()
		if err != nil {
			return nil, err
		}
		c.Env = append(c.Env[:len(c.Env):len(c.Env)], more...)
	}
	origin, err := p.origin(c.Env)
	if err != nil {
		return nil, err
	}
	running, err := p.Box.Start(ctx, &c)
	if err != nil {
		return nil, err
	}
	end := func() error {
		running.Kill()
		_ = running.Wait() // that it was killed is no news
		return running.Stdout.Close()
	}
	if origin.Sandbox, err = running.Profile().Asked().Canonical(); err != nil {
		return nil, errors.Join(err, end())
	}
	front := &http.Server{Handler: serve, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(p.Log.Handler(), slog.LevelDebug)}
	if ln := running.Listener(p.Port); ln != nil {
		go func() { _ = front.Serve(ln) }() // it ends with the program
	}
	return &Connection{
		Transport: &wire{&mcp.IOTransport{Reader: io.NopCloser(running.Stdout), Writer: running.Stdin, MaxLineLength: maxMessage}, running.Kill},
		Origin:    origin,
		Lacked:    lacked(running.Profile()),
		Close:     func() error { return errors.Join(end(), front.Close()) },
	}, nil
}

// lacked are the parts that a program runs without.
func lacked(p *sandbox.Profile) (out receipt.Lacked) {
	for _, part := range p.Missing { // sorted
		out = append(out, string(part))
	}
	return out
}

// origin says what is started with env: the command, and what its files hold.
func (p *Program) origin(env []string) (Origin, error) {
	out := Origin{Command: append([]string{p.Command.Path}, p.Command.Args...), Files: map[string]seal.Hash{}, Hosts: slices.Sorted(slices.Values(p.Hosts))}
	for i, v := range env {
		if name, _, ok := strings.Cut(v, "="); ok && i >= len(p.Command.Env) { // a secret
			v = name
		}
		out.Env = append(out.Env, v)
	}
	for _, path := range append(out.Command[:len(out.Command):len(out.Command)], p.Own...) {
		if _, err := os.Stat(path); !filepath.IsAbs(path) || err != nil {
			continue // an argument that is no file
		}
		d, err := p.trees.digest(path)
		if err != nil {
			return out, fmt.Errorf("look at what is started: %w", err)
		}
		out.Files[path] = d
	}
	return out, nil
}
