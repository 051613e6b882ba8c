// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Limits bound what a program uses. A bound of zero is that of Default: there is
// no program without bounds.
type Limits struct {
	Memory    int64 `json:"memory_bytes"`    // of all processes together; without PartMemory, private memory of each
	Processes int64 `json:"processes"`       // at once, threads counted
	Files     int64 `json:"files"`           // open at once, in each process
	FileSize  int64 `json:"file_bytes"`      // of each file that is written
	Temporary int64 `json:"temporary_bytes"` // of the temporary folder; without PartMount it has no bound of its own
	CPU       int64 `json:"cpu_seconds"`     // of each process
	Wall      int64 `json:"wall_seconds"`    // from start to end
}

// Default are the limits of a small server.
func Default() Limits {
	return Limits{Memory: 512 << 20, Processes: 64, Files: 1024, FileSize: 16 << 20, Temporary: 32 << 20, CPU: 300, Wall: 3600}
}

// orDefault is l with what is zero as by default.
func (l Limits) orDefault() Limits {
	d := Default()
	return Limits{
		cmp.Or(l.Memory, d.Memory), cmp.Or(l.Processes, d.Processes), cmp.Or(l.Files, d.Files), cmp.Or(l.FileSize, d.FileSize),
		cmp.Or(l.Temporary, d.Temporary), cmp.Or(l.CPU, d.CPU), cmp.Or(l.Wall, d.Wall),
	}
}

// wall is the time that a program has.
func (l Limits) wall() time.Duration { return time.Duration(l.Wall) * time.Second }

// A Command is a program to start.
type Command struct {
	Path     string   // of the program: absolute, and in what is readable
	Args     []string // after its name
	Env      []string // "NAME=value"; HOME and TMPDIR are the temporary folder if they are not among them, and nothing else is added
	Readable []string // files and trees that it may read and execute, by absolute paths: see SystemTrees
	Listen   []uint16 // ports of its loopback address whose connections come to Process.Listener
	Limits   Limits
	Stderr   io.Writer // gets the first MaxStderr bytes of what it says there, until Wait returns; nil is nobody
}

// Bounds on a command.
const (
	MaxStderr   = 64 << 10
	maxOrder    = 256 << 10 // of arguments and environment together
	maxReadable = 64
	maxListen   = 16
)

// SystemTrees are the trees of this machine that programs need in order to run at
// all, such as /usr: those that there are. None of them has secrets on a machine
// that is kept as it should be.
func SystemTrees() []string {
	var trees []string
	for _, p := range []string{"/bin", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl/certs", "/lib", "/lib64", "/usr"} {
		if _, err := os.Stat(p); err == nil {
			trees = append(trees, p)
		}
	}
	return trees
}

// Check says what is wrong with c, wherever it is to run.
func (c *Command) Check() error {
	size := len(c.Path)
	for _, s := range slices.Concat(c.Args, c.Env) {
		if size += len(s); strings.Contains(s, "\x00") {
			return errors.New("an argument or variable of the program has a zero byte in it\ntake it out")
		}
	}
	for _, e := range c.Env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" {
			return errors.New("a variable of the program's environment has no name\nwrite each as NAME=value")
		}
	}
	switch {
	case !clean(c.Path):
		return fmt.Errorf("the program %.200q is not an absolute path\nname it as it is on the disk, such as /usr/bin/node", c.Path)
	case size > maxOrder:
		return fmt.Errorf("the program's arguments and environment have %d bytes\n%d are the most", size, maxOrder)
	case len(c.Readable) > maxReadable || len(c.Listen) > maxListen:
		return fmt.Errorf("the program has %d readable trees and %d ports\n%d and %d are the most", len(c.Readable), len(c.Listen), maxReadable, maxListen)
	case slices.Contains(c.Listen, 0) || len(slices.Compact(sorted(c.Listen))) < len(c.Listen):
		return errors.New("a port of the program is 0 or is there twice\nname each once, from 1 to 65535")
	}
	for _, p := range c.Readable {
		if err := checkReadable(p); err != nil {
			return err
		}
	}
	return c.Limits.check()
}

// checkReadable refuses what would give more than files: the whole disk, devices
// and the kernel's own trees.
func checkReadable(p string) error {
	if !clean(p) {
		return fmt.Errorf("the readable tree %.200q is not an absolute path\nwrite it without . and .. and without a slash at its end", p)
	}
	for _, kept := range []string{"/dev", "/proc", "/sys", "/run"} {
		if p == kept || strings.HasPrefix(p, kept+"/") {
			return fmt.Errorf("%s cannot be readable in a sandbox\nname the files that the program needs, elsewhere", p)
		}
	}
	if p == "/" || p == "/tmp" {
		return fmt.Errorf("%s cannot be readable in a sandbox as a whole\nname the trees that the program needs, such as %s/package", p, strings.TrimSuffix(p, "/"))
	}
	if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the readable tree %s does not exist\ninstall what is to be there, or take it out", p)
	}
	return nil
}

// check refuses bounds that make no sense.
func (l Limits) check() error {
	if min(l.Memory, l.Processes, l.Files, l.FileSize, l.Temporary, l.CPU, l.Wall) < 0 {
		return errors.New("a limit of the program is negative\nleave it out to have the default, or make it positive")
	}
	if l.Wall > 366*24*3600 {
		return errors.New("the time limit of the program is longer than a year\nmake it shorter")
	}
	if l = l.orDefault(); l.Memory < 16<<20 || l.Files < 16 || l.Processes < 8 {
		return errors.New("no program runs with less than 16 MiB of memory, 16 open files and 8 processes\nraise the limit")
	}
	return nil
}

// clean reports whether p is an absolute path in its one spelling.
func clean(p string) bool {
	return filepath.IsAbs(p) && filepath.Clean(p) == p && !strings.Contains(p, "\x00")
}

// sorted is a sorted copy of s that is never nil.
func sorted[T cmp.Ordered](s []T) []T {
	return slices.Sorted(slices.Values(append(make([]T, 0, len(s)), s...)))
}
