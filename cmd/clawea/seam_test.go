// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// gateways writes the configuration of a second house beside a demo's, on the same site
// and with its own book, that another gateway may ask, and makes what follows talk to
// it: gateways DIR SEAM. SEAM is a file with the configuration's section.
func gateways(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gateways DIR SEAM")
	}
	dir := ts.MkAbs(args[0])
	listen, err := freeAddress()
	ts.Check(err)
	conf := ts.ReadFile(filepath.Join(dir, "clawea.hujson"))
	for _, change := range [][2]string{
		{`"listen": "[^"]+"`, fmt.Sprintf(`"listen": %q, "seam": %s`, listen, strings.ReplaceAll(ts.ReadFile(args[1]), "$", "$$"))},
		{`sqlite:clawea.db`, `sqlite:gateways.db`},
		{`"keys": "keys"`, `"keys": "gateways-keys"`},
	} {
		next := regexp.MustCompile(change[0]).ReplaceAllString(conf, change[1])
		if next == conf {
			ts.Fatalf("the demo's configuration has no %s", change[0])
		}
		conf = next
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "gateways.hujson"), []byte(conf), 0o600))
	ts.Setenv("CLAWEA_SERVER", "http://"+listen)
}

// request sends a request to the house as it is written, and prints the answer's status,
// its headers and its body: request METHOD PATH [BODY [NAME:VALUE]...]. A header's value
// @FILE is a bearer token in that file.
func request(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: request METHOD PATH [BODY [NAME:VALUE]...]")
	}
	body := ""
	if len(args) > 2 {
		body = args[2]
	}
	u, err := url.Parse(ts.Getenv("CLAWEA_SERVER"))
	ts.Check(err)
	u.Opaque = args[1] // to the byte
	req := &http.Request{Method: args[0], URL: u, Host: u.Host, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
	for _, h := range args[min(len(args), 3):] {
		name, value, _ := strings.Cut(h, ":")
		if file, ok := strings.CutPrefix(value, "@"); ok {
			value = "Bearer " + strings.TrimSpace(ts.ReadFile(file))
		}
		req.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	ts.Check(err)
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), res.StatusCode)
	var names []string
	for name := range res.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(ts.Stdout(), "%s: %s\n", name, strings.Join(res.Header[name], ", "))
	}
	fmt.Fprintf(ts.Stdout(), "\n%s\n", said)
}
