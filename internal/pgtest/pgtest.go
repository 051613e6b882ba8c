// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package pgtest gives tests a throw-away PostgreSQL, made with the installed
// binaries. The tests of one process share a server; each call gets a database
// of its own. Nothing needs to be started or stopped by the caller:
//
//	db, err := store.Open(ctx, store.Config{URL: pgtest.New(t), Key: key})
//
// The server does not wait for the disk. Who measures turns that on again, with
// ALTER SYSTEM SET fsync = on and pg_reload_conf().
package pgtest

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// shared is the one server of this process, started by the first New. It is
// global because the tests of a process have nothing else in common.
var shared = sync.OnceValues(start)

// New returns the URL of an empty database, which is dropped when the test
// ends. It skips the test where PostgreSQL is not installed, except when CI=true
// is set, where that is a failure.
func New(t testing.TB) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	if s == nil {
		absent(t)
	}
	name := fmt.Sprintf("test_%d", s.count.Add(1))
	if err := s.run(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.run(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return s.url(name)
}

func absent(t testing.TB) {
	t.Helper()
	const msg = "PostgreSQL is not installed: no initdb and postgres in PATH or /usr/lib/postgresql/*/bin; install it, e.g. with apt-get install postgresql"
	if os.Getenv("CI") == "true" {
		t.Fatal(msg)
	}
	t.Skip(msg)
}

// A server is a running PostgreSQL that only this machine's owner of dir can
// reach, by the socket in dir.
type server struct {
	dir   string
	alive io.Closer    // the server lives until this is closed
	count atomic.Int64 // databases made
}

func (s *server) url(db string) string {
	return "postgres://postgres@/" + db + "?host=" + s.dir
}

// run executes one statement in the maintenance database.
func (s *server) run(ctx context.Context, stmt string) error {
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, stmt)
	return err
}

// start returns nil if there is no PostgreSQL.
func start() (*server, error) {
	bin := find()
	if bin == "" {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "pgtest-") // its path must be short: it holds a socket
	if err != nil {
		return nil, err
	}
	who, err := unprivileged(dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"),
		"--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.SysProcAttr, initdb.Dir = who, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	s := &server{dir: dir}
	if err := s.launch(bin, who); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return s, s.wait()
}

// keeper runs the server until its standard input ends, which is when the test
// process does, however that dies; then it stops the server and removes it.
const keeper = `
echo "fsync = off" >>"$2/data/postgresql.conf"
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=200 </dev/null >"$2/log" 2>&1 &
pid=$!
read -r _
kill -QUIT $pid
wait $pid
cd /
rm -rf "$2"
`

func (s *server) launch(bin string, who *attr) error {
	sh := exec.Command("/bin/sh", "-c", keeper, "sh", bin, s.dir)
	sh.SysProcAttr, sh.Dir = detached(who), s.dir
	var err error
	if s.alive, err = sh.StdinPipe(); err != nil { // held open by this process, and by no child of it
		return err
	}
	return sh.Start()
}

func (s *server) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		err := s.run(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("it does not answer: %w\n%s", err, log)
		}
	}
}

// find returns the directory of PostgreSQL's binaries, "" if there is none. Of
// several versions it takes the last by name.
func find() string {
	var dirs []string
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(p))
		}
	}
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is good
	slices.Reverse(installed)
	for _, d := range append(dirs, installed...) {
		if isFile(filepath.Join(d, "initdb")) && isFile(filepath.Join(d, "postgres")) {
			return d
		}
	}
	return ""
}

func isFile(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular()
}
