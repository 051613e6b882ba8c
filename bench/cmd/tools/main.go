// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Tools measures calls of an MCP server's tool through Clawea beside the same
// calls straight to the server and through a bare reverse proxy, and of a server
// that is a program beside the same in Clawea's sandbox.
//
//	go -C bench run ./cmd/tools          # about twelve minutes
//	go -C bench run ./cmd/tools -quick   # about three
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/clawea/clawea/bench/proxy"
	"github.com/clawea/clawea/internal/sandbox"
)

func main() {
	sandbox.Enter() // programs are confined by this one
	ok, err := proxy.Subcommand(os.Args[1:])
	if !ok {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tools:", err)
		os.Exit(1)
	}
}

func run() error {
	quick := flag.Bool("quick", false, "three short rounds of each, for a look")
	only := flag.String("only", "", "measure cases whose names match this `regexp`")
	clawea := flag.String("clawea", "", "measure this `program` instead of building the repository's")
	dir := flag.String("dir", "/var/tmp", "put databases under this `directory`, which must be on a disk")
	write := flag.Bool("write", false, "write the tables into the README")
	flag.Parse()
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	o := proxy.Options{Clawea: *clawea, Pin: proxy.CanPin(), Rounds: 5, Round: 2 * time.Second, Log: os.Stderr}
	if *quick {
		o.Rounds, o.Round = 3, 500*time.Millisecond
	}
	cases := slices.DeleteFunc(proxy.ToolCases(), func(c proxy.ToolCase) bool { return !wanted.MatchString(c.Name()) })
	return measure(o, cases, *dir, *write)
}

// measure measures in a directory of its own under dir, which it leaves if
// something fails.
func measure(o proxy.Options, cases []proxy.ToolCase, dir string, write bool) (err error) {
	if o.Dir, err = os.MkdirTemp(dir, "clawea-bench-"); err != nil {
		return err
	}
	b, err := proxy.OpenTools(o, cases)
	if err != nil {
		return fmt.Errorf("%w\nlogs are in %s", err, o.Dir)
	}
	all, err := b.Run()
	if err := errors.Join(err, b.Close()); err != nil {
		return fmt.Errorf("%w\nlogs are in %s", err, o.Dir)
	}
	report, err := b.Report(all)
	if err != nil {
		return err
	}
	fmt.Print(report)
	if write {
		if err := proxy.WriteReadme("tools", report); err != nil {
			return err
		}
	}
	return os.RemoveAll(o.Dir)
}
