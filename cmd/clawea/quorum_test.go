// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// neighbour writes the configuration of a second house beside a demo's, on the same
// site and with its own book, and makes what follows talk to it: neighbour DIR PUBLIC...
// DIR/neighbour.hujson has alice and, by their public keys in files, others as its
// people; alice and bob are owners, cy is security, and alice is an operator, too.
func neighbour(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: neighbour DIR PUBLIC...")
	}
	dir := ts.MkAbs(args[0])
	listen, err := freeAddress()
	ts.Check(err)
	people := ""
	for _, name := range args[1:] {
		people += fmt.Sprintf(", %q", strings.TrimSpace(ts.ReadFile(name)))
	}
	conf := ts.ReadFile(filepath.Join(dir, "clawea.hujson"))
	for _, change := range [][2]string{
		{`"listen": "[^"]+"`, fmt.Sprintf(`"listen": %q`, listen)},
		{`sqlite:clawea.db`, `sqlite:neighbour.db`},
		{`"keys": "keys"`, `"keys": "neighbour-keys"`},
		{`("people": \[[^\]]+)\]`, "${1}" + strings.ReplaceAll(people, "$", "$$") + `], "groups": {"owners": ["alice@demo.example", "bob@demo.example"], "security": ["cy@demo.example"]}`},
		{`("operators": \[[^\]]+)\]`, `${1}, {"name": "alice@demo.example", "token": "file:secrets/alice"}]`},
	} {
		next := regexp.MustCompile(change[0]).ReplaceAllString(conf, change[1])
		if next == conf {
			ts.Fatalf("the demo's configuration has no %s", change[0])
		}
		conf = next
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "neighbour.hujson"), []byte(conf), 0o600))
	ts.Check(os.WriteFile(filepath.Join(dir, "secrets", "alice"), []byte("alice-is-an-operator-too-0123456789\n"), 0o600))
	ts.Setenv("CLAWEA_SERVER", "http://"+listen)
}

// awaitHouse waits until the house answers, or somebody at an address: await [ADDRESS].
func awaitHouse(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 1 {
		awaitPort(ts, args[0])
		return
	}
	for range 1200 {
		if res, err := http.Get(ts.Getenv("CLAWEA_SERVER") + "/healthz"); err == nil {
			res.Body.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the house does not answer")
}
