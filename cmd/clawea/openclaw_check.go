// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/internal/openclaw"
)

// openclawCheck compares a configuration, and what is on the disk, with the plan, and
// asks OpenClaw what it makes of them. It ends with exit code 3 if anything drifts.
func openclawCheck(ctx context.Context, c *call) error {
	planned := c.planFlags()
	state := c.String("state", c.getenv("OPENCLAW_STATE_DIR"), "OpenClaw's state `FOLDER` (OPENCLAW_STATE_DIR; default: the configuration's folder)")
	program := c.String("openclaw", "", "the `PROGRAM` to ask (default: openclaw, if there is one; - asks none)")
	out := c.String("o", "", "write the report to `FILE`, as evidence")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	plan, o, err := planned(ctx)
	if err != nil {
		return err
	}
	k := &openclaw.Checkup{Plan: plan, Pinned: o.Extensions, Workspace: o.Workspace, Getenv: c.getenv}
	if k.Config, err = filepath.Abs(c.args[0]); err != nil {
		return err
	}
	if k.State, err = filepath.Abs(cmp.Or(*state, filepath.Dir(k.Config))); err != nil {
		return err
	}
	if k.Program, err = c.program(*program); err != nil {
		return err
	}
	r, err := openclaw.Check(ctx, k, time.Now())
	if err != nil {
		return err
	}
	c.writeReport(r)
	if *out != "" {
		b, err := json.Marshal(r, jsontext.WithIndent("  "))
		if err != nil {
			return err
		}
		if err := c.output(*out, append(b, '\n')); err != nil {
			return err
		}
	}
	if !r.OK {
		return errFalse
	}
	return nil
}

// program is how OpenClaw is started; nil if it is not to be asked, or not there and not named.
func (c *call) program(name string) ([]string, error) {
	if name == "-" {
		return nil, nil
	}
	path, err := exec.LookPath(cmp.Or(name, "openclaw"))
	switch {
	case err == nil:
		path, err = filepath.Abs(path)
		return []string{path}, err
	case name != "":
		return nil, fmt.Errorf("%w\nname the program that starts OpenClaw, or - to ask none", err)
	}
	fmt.Fprintln(c.stderr, "note: OpenClaw is not asked: there is no program openclaw; -openclaw PROGRAM names it")
	return nil, nil
}

func (c *call) writeReport(r *openclaw.Report) {
	for _, d := range r.Drifts {
		fmt.Fprintln(c.stdout, clean(d.String()))
	}
	for _, said := range r.Commands {
		if said.Fault == "" {
			fmt.Fprintf(c.stdout, "openclaw %s: %s\n", said.Command[0], clean(said.Summary))
		}
	}
	if r.OK {
		fmt.Fprintf(c.stdout, "%s is as planned\n", clean(r.Config))
	} else {
		fmt.Fprintf(c.stdout, "%s drifts: %d\n", clean(r.Config), len(r.Drifts))
	}
}
