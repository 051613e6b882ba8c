// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Proxy measures model calls through Clawea beside the same calls straight to
// the model, through a bare reverse proxy, and through other gateways, and
// prints the table of the README.
//
//	go -C bench run ./cmd/proxy          # about twenty minutes
//	go -C bench run ./cmd/proxy -quick   # about four
//	npm ci --prefix bench/peers          # beforehand, to measure Portkey's gateway as well
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
)

func main() {
	ok, err := proxy.Subcommand(os.Args[1:])
	if !ok {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "proxy:", err)
		os.Exit(1)
	}
}

func run() error {
	quick := flag.Bool("quick", false, "three short rounds of each, for a look")
	only := flag.String("only", "", "measure cases whose names match this `regexp`")
	held := flag.Bool("held", true, "measure Clawea on disks that are slower by 1 ms and by 5 ms as well")
	peers := flag.Bool("peers", proxy.HasPortkey(), "measure Portkey's gateway as well: npm ci --prefix bench/peers")
	clawea := flag.String("clawea", "", "measure this `program` instead of building the repository's")
	dir := flag.String("dir", "/var/tmp", "put databases under this `directory`, which must be on a disk")
	write := flag.Bool("write", false, "write the table into the README")
	rounds := flag.Int("rounds", 0, "how many rounds (default 5, or 3 with -quick)")
	round := flag.Duration("round", 0, "how long a round is (default 3s, or 1s with -quick)")
	flag.Parse()
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	o := proxy.Options{Clawea: *clawea, Portkey: *peers, Pin: proxy.CanPin(), Rounds: 5, Round: 3 * time.Second, Log: os.Stderr}
	if *quick {
		o.Rounds, o.Round = 3, time.Second
	}
	if *rounds > 0 {
		o.Rounds = *rounds
	}
	if *round > 0 {
		o.Round = *round
	}
	if *held {
		o.Holds = []proxy.Hold{proxy.Hold(time.Millisecond), proxy.Hold(5 * time.Millisecond)}
	}
	o.Cases = slices.DeleteFunc(proxy.Cases(), func(c proxy.Case) bool { return !wanted.MatchString(c.Name) })
	return measure(o, *dir, *write)
}

// measure measures in a directory of its own under dir, which it leaves if
// something fails.
func measure(o proxy.Options, dir string, write bool) (err error) {
	if o.Dir, err = os.MkdirTemp(dir, "clawea-bench-"); err != nil {
		return err
	}
	b, err := proxy.Open(o)
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
		if err := proxy.WriteReadme("proxy", report); err != nil {
			return err
		}
	}
	return os.RemoveAll(o.Dir)
}
