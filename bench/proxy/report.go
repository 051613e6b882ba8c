// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Report is the table with what must be known to read it.
func (b *Bench) Report(all Results) (string, error) {
	flush, err := flushTime(b.Dir)
	if err != nil {
		return "", err
	}
	where := "the processors are shared with the load, since they could not be divided"
	if b.Pin {
		where = "what is measured has one core to itself; the load and the model have another"
	}
	return fmt.Sprintf(`Model calls, as many as there are at 1 to 256 connections or at a fixed rate, with requests of 1 KB where nothing else is
said. Clawea does all that it does: the token (bound to a key, with a proof for each request that is made ahead of time; or
plain), the policy, two signed receipts, each flushed to the disk before the call goes on; %d jobs. Of the bare proxy (Go's
httputil.ReverseProxy) the table has what was measured; of others, requests as a share of the bare proxy's, CPU time with the
share of requests that the same time would carry, and latencies as what is added to the bare proxy's. Medians of %d rounds
(and the range) of %v, %s.
%s, %s; flushing 4 KB to the disk takes %.0f µs; in half of the rounds, other processes had %.0f %% or more of the core.

%s`, jobs, b.Rounds, b.Round, where, processor(), runtime.Version(), micros(flush), 100*others(all), b.Table(all)), nil
}

// others is the share of the core that other processes had in the middle one of
// all rounds.
func others(all Results) float64 {
	var list []float64
	for _, targets := range all {
		for _, rounds := range targets {
			for _, r := range rounds {
				list = append(list, r.Others)
			}
		}
	}
	return spreadOf(list).Median
}

// processor is what the machine says it has.
func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	_, rest, found := strings.Cut(string(b), "model name")
	if err != nil || !found {
		return runtime.GOARCH
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Trim(line, "\t :")
}

// flushTime is how long it takes to have 4 KB on the disk that dir is on.
func flushTime(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "flush-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var list []time.Duration
	for range 100 {
		start := time.Now()
		_, err := f.Write(make([]byte, 4096))
		if err := errors.Join(err, f.Sync()); err != nil {
			return 0, err
		}
		list = append(list, time.Since(start))
	}
	slices.Sort(list)
	return list[len(list)/2], nil
}

// What is written for people stands between these lines of the README.
const (
	begin = "<!-- bench/%s -->\n"
	end   = "<!-- /bench/%s -->\n"
)

// WriteReadme puts report into the README, in place of the last one by the program
// of this name.
func WriteReadme(name, report string) error {
	path := filepath.Join(repository(), "README.md")
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := splice(old, name, report)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, text, 0o644)
}

func splice(text []byte, name, report string) ([]byte, error) {
	begin, end := fmt.Sprintf(begin, name), fmt.Sprintf(end, name)
	before, rest, ok1 := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("the lines %q and %q are not there", begin, end)
	}
	return slices.Concat(before, []byte(begin+report+end), after), nil
}
