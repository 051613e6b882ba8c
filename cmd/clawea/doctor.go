// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/daemon"
	"github.com/clawea/clawea/internal/sandbox"
	"github.com/clawea/clawea/seal"
)

// doctor says what this machine can do for sandboxed servers. It ends with exit
// code 3 if a part lacks.
func doctor(_ context.Context, c *call) error {
	asJSON := c.Bool("json", false, "in JSON")
	path := c.String("config", "", "a configuration `FILE` to check as well")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	conf := new(config.Config)
	if *path != "" {
		var err error
		if conf, err = loadConfig(*path); err != nil {
			return err
		}
	}
	r := sandbox.Probe()
	if *asJSON {
		b, err := seal.Marshal(&r)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%s\n", b)
	} else {
		c.diagnose(&r)
		if *path != "" {
			fmt.Fprintf(c.stdout, "ok       %-18s %s\n", "configuration", clean(*path))
		}
	}
	if err := c.diagnoseServers(conf.Upstreams, *asJSON); err != nil {
		return err
	}
	if !r.Whole() {
		return errFalse
	}
	return nil
}

// diagnoseServers says of each server that the house is to start whether it can be
// confined as its configuration wants it, and fails for the first that cannot.
func (c *call) diagnoseServers(servers []config.Upstream, quiet bool) error {
	for _, u := range servers {
		if len(u.Command) == 0 {
			continue
		}
		if _, err := daemon.Confine(&u); err != nil {
			return fmt.Errorf("the server %s cannot be started: %w", u.Name, err)
		}
		if quiet {
			continue
		}
		with := "with every part"
		if len(u.Without) > 0 {
			with = "and may go without " + strings.Join(u.Without, ", ")
		}
		if len(u.Hosts) > 0 {
			with += "; reaches " + clean(strings.Join(u.Hosts, ", ")) + " where policies say so too"
		}
		fmt.Fprintf(c.stdout, "ok       %-18s can be confined, %s\n", "server "+u.Name, with)
	}
	return nil
}

// diagnose writes a report for people, a line for each part and one for what mends it.
func (c *call) diagnose(r *sandbox.Report) {
	fmt.Fprintf(c.stdout, "sandboxes of servers, on %s, kernel %s, as user %d\n", r.System, clean(r.Kernel), r.User)
	for _, f := range r.Findings {
		state := "ok"
		if !f.OK {
			state = "missing"
		}
		fmt.Fprintf(c.stdout, "%-8s %-18s %s\n", state, f.Part, clean(f.Why))
		if f.Mends != "" {
			fmt.Fprintf(c.stdout, "%-8s %-18s to mend it: %s\n", "", "", clean(f.Mends))
		}
	}
}
