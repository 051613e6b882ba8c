// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/daemon"
	"github.com/clawea/clawea/internal/sandbox"
)

// What doctor says, its exit code says too, and every part that lacks has what mends it.
func TestDoctor(t *testing.T) {
	var out bytes.Buffer
	e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: &out, getenv: func(string) string { return "" }}
	err := run(context.Background(), e, []string{"doctor"})
	if err != nil && !errors.Is(err, errFalse) {
		t.Fatal(err)
	}
	if lacks := strings.Contains(out.String(), "\nmissing "); lacks != (err != nil) {
		t.Errorf("%v\n%s", err, out.String())
	}
	for _, p := range sandbox.Parts() {
		if !strings.Contains(out.String(), " "+string(p)+" ") {
			t.Errorf("%s is not in\n%s", p, out.String())
		}
	}
}

func TestDiagnosis(t *testing.T) {
	var out bytes.Buffer
	c := &call{env: &env{stdout: &out}}
	c.diagnose(&sandbox.Report{System: "linux/amd64", Kernel: "6.1", User: 7, Findings: []sandbox.Finding{
		{Part: sandbox.PartLandlock, OK: true, Why: "version 2"},
		{Part: sandbox.PartUser, Why: "operation not permitted", Mends: "allow it"},
	}})
	want := `sandboxes of servers, on linux/amd64, kernel 6.1, as user 7
ok       landlock           version 2
missing  user_namespace     operation not permitted
                            to mend it: allow it
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// Where a server may go is said beside how it is confined.
func TestDoctorSaysHosts(t *testing.T) {
	var out bytes.Buffer
	c := &call{env: &env{stdout: &out}}
	u := config.Upstream{Name: "weather", Command: []string{"/usr/bin/weather"}, Hosts: []string{"api.example.com", "git.example.com:22"}}
	for _, p := range sandbox.Parts() {
		if p != sandbox.PartLandlock && p != sandbox.PartSeccomp {
			u.Without = append(u.Without, string(p))
		}
	}
	if _, err := daemon.Confine(&u); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("skipped: this machine can confine no server at all: " + err.Error())
	}
	if err := c.diagnoseServers([]config.Upstream{u, {Name: "rovo", URL: "https://mcp.example.com"}}, false); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "; reaches api.example.com, git.example.com:22 where policies say so too\n") {
		t.Error(got)
	}
}
