// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/clawea/clawea/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Enter()
	os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")) // or each process that tests start waits a second at its end
	testscript.Main(m, map[string]func(){"clawea": func() { os.Exit(start()) }, "worker": worker})
}

// TestStories runs the stories in testdata: each is a session at a terminal.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "SHARED="+shared(), "GORACE="+os.Getenv("GORACE"), "EXAMPLES="+examplesDir(t))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"enter": enter, "exitcode": exitCode, "setfrom": setFrom, "agent": work, "tool": callTool, "meddle": meddle, "same": same, "neighbour": neighbour, "await": awaitHouse, "gateways": gateways, "request": request,
			"egresshouse": egressHouse,
		},
	})
}

func examplesDir(t *testing.T) string {
	dir, err := filepath.Abs("../../examples/policies")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func shared() string {
	dir, err := filepath.Abs("../../../shared")
	if err != nil {
		return ""
	}
	return dir
}

// enter waits until the demo that works in a directory has told ten chapters, and
// makes what follows talk to its house: enter DIR.
func enter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: enter DIR")
	}
	dir := ts.MkAbs(args[0])
	for range 1800 {
		if _, err := os.Stat(filepath.Join(dir, "tampered.proof")); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	conf, err := os.ReadFile(filepath.Join(dir, "clawea.hujson"))
	ts.Check(err)
	listen := regexp.MustCompile(`"listen": "([^"]+)"`).FindSubmatch(conf)
	if listen == nil {
		ts.Fatalf("no address in %s", conf)
	}
	ts.Setenv("CLAWEA_SERVER", "http://"+string(listen[1]))
	ts.Setenv("CLAWEA_OPERATOR", "file:"+filepath.Join(dir, "secrets", "operator"))
}

// exitCode runs clawea in this process and compares its exit code: exitcode N ARGS.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exitcode N ARGS")
	}
	var out, errs bytes.Buffer
	e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: ts.Getenv}
	for i, a := range args {
		if i > 0 && fileExists(ts.MkAbs(a)) {
			args[i] = ts.MkAbs(a)
		}
	}
	if got := report(e, run(context.Background(), e, args[1:])); args[0] != string(rune('0'+got)) {
		ts.Fatalf("exit code %d, want %s\n%s%s", got, args[0], out.String(), errs.String())
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// setFrom sets a variable to what a pattern's group finds in a file: setfrom VAR FILE PATTERN.
func setFrom(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: setfrom VAR FILE PATTERN")
	}
	found := regexp.MustCompile(args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if len(found) < 2 {
		ts.Fatalf("%s is not in %s", args[2], args[1])
	}
	ts.Setenv(args[0], found[1])
}
