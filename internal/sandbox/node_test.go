// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// node is the command of a script for Node, in the way a server from a registry is started.
func node(t testing.TB, script string) *Command {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		absent(t, "Node is not installed")
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		t.Fatal(err)
	}
	return &Command{Path: path, Args: []string{"-e", script}, Readable: append(SystemTrees(), path), Limits: Limits{Wall: 300}}
}

// An honest program of Node's does not notice where it is: it prints, has processes and
// threads, writes to its temporary folder, and reaches what is served to it.
func TestNode(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartNet, PartMount)
	var said strings.Builder
	c := node(t, `
		const fs = require("fs"), os = require("os"), { Worker } = require("worker_threads"), { execFileSync } = require("child_process");
		(async () => {
			fs.writeFileSync(os.tmpdir() + "/x", "written");
			console.log(fs.readFileSync("/tmp/x", "utf8"));
			console.log(await (await fetch("http://127.0.0.1:8080/rest")).text());
			console.log(await (await fetch("http://localhost:8080/rest", { method: "POST", body: "b" })).text());
			console.log(execFileSync("/bin/echo", ["child"]).toString().trim());
			console.log(await new Promise((yes) => new Worker("require('worker_threads').parentPort.postMessage('thread')", { eval: true }).on("message", yes)));
			console.log(os.userInfo().username, os.homedir(), os.hostname(), process.memoryUsage().rss > 0, os.networkInterfaces().lo[0].address);
			console.log(Object.keys(process.env).sort().join());
			require("crypto").randomBytes(8);
		})().catch((e) => { console.error(e); process.exit(1) });`)
	c.Listen, c.Stderr, c.Env = []uint16{8080}, &said, []string{"JIRA_HOST=http://127.0.0.1:8080"}
	p, err := s.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Method, r.URL.Path, string(b))
	})}
	defer srv.Close()
	go srv.Serve(p.Listener(8080))
	b, err := io.ReadAll(p.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	want := "written\nGET/rest\nPOST/restb\nchild\nthread\nprogram /tmp sandbox true 127.0.0.1\nHOME,JIRA_HOST,TMPDIR\n"
	if err := p.Wait(); err != nil || string(b) != want {
		t.Errorf("%v\n%s\n%q\n%q", err, said.String(), b, want)
	}
}

// A hostile one of Node's finds nothing and nobody.
func TestHostileNode(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartNet, PartMount, PartPID)
	said(t, s, node(t, `
		const fs = require("fs"), net = require("net"), cp = require("child_process"), dgram = require("dgram"), dns = require("dns");
		const say = (what, f) => { try { f(); console.log(what, "worked") } catch (e) { console.log(what, e.code || e.errno || e.message) } };
		say("shadow", () => fs.readFileSync("/etc/shadow"));
		say("home", () => fs.readdirSync("/root"));
		say("house", () => fs.readdirSync("/home"));
		say("list", () => fs.readdirSync("/"));
		say("write", () => fs.writeFileSync("/usr/x", "x"));
		say("own", () => fs.writeFileSync(process.execPath, "x"));
		say("setuid", () => process.setuid(0));
		say("kill", () => process.kill(`+fmt.Sprint(os.Getpid())+`, 9));
		say("socket", () => { const s = net.createServer().listen("/tmp/s"); s.on("error", (e) => console.log("unix", e.code)) });
		net.connect(80, "192.0.2.1").on("error", (e) => console.log("tcp", e.code));
		dgram.createSocket("udp4").on("error", (e) => console.log("udp", e.code)).send("x", 53, "192.0.2.1", (e) => { console.log("udp", e && e.code); process.exitCode = 0; setTimeout(() => process.exit(0), 300) });
		dns.lookup("example.com", (e) => console.log("dns", e && e.code));`),
		"shadow ENOENT", "home ENOENT", "house ENOENT", "list EACCES", "write EROFS", "own EROFS", "setuid E", "kill ESRCH", "socket worked",
		"unix EAFNOSUPPORT", "tcp ENETUNREACH", "udp ENETUNREACH", "dns")
}

// said runs a command that must say each of these in a line, in whatever order, and
// nothing else.
func said(t *testing.T, s *Sandbox, c *Command, want ...string) {
	t.Helper()
	got, err := outcome(t, s, c)
	if err != nil || len(got) != len(want) {
		t.Errorf("%v: %q", err, got)
	}
	all := "\n" + strings.Join(got, "\n")
	for _, w := range want {
		if !strings.Contains(all, "\n"+w) {
			t.Errorf("%q is not said: %q", w, got)
		}
	}
}

// Too much memory ends it, in the heap of JavaScript and beside it.
func TestNodeMemory(t *testing.T) {
	s := newSandbox(t)
	need(t, s, PartMemory)
	c := node(t, `const all = []; for (let i = 0; i < 400; i++) all.push(Buffer.alloc(1 << 20, i)); console.log("no end")`)
	c.Limits.Memory = 128 << 20
	if got, err := outcome(t, s, c); !errors.Is(err, ErrMemory) {
		t.Errorf("%q, %v", got, err)
	}
}

// BenchmarkStart is what a sandbox costs, around a program that does nothing.
func BenchmarkStart(b *testing.B) {
	s := newSandbox(b)
	for b.Loop() {
		p, err := s.Start(b.Context(), &Command{Path: "/bin/true", Readable: SystemTrees()})
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlain is the same program without one.
func BenchmarkPlain(b *testing.B) {
	for b.Loop() {
		if err := exec.CommandContext(b.Context(), "/bin/true").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
