// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"database/sql"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Run again by TestServerEndsWithProcess, this process prints where its server
// is and dies without any cleaning up.
const childVar = "PGTEST_CHILD"

func TestNewGivesEmptyDatabases(t *testing.T) {
	for range 2 {
		db, err := sql.Open("pgx", New(t))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE thing (id BIGINT)"); err != nil {
			t.Errorf("a second database is not empty: %v", err)
		}
	}
}

func TestServerEndsWithProcess(t *testing.T) {
	if os.Getenv(childVar) != "" {
		New(t)
		s, err := shared()
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("dir=" + s.dir + "\n")
		os.Stdout.Sync()
		p, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		p.Kill()
		select {}
	}
	New(t) // skips where there is no PostgreSQL
	child := exec.Command(os.Args[0], "-test.run=^TestServerEndsWithProcess$")
	child.Env = append(os.Environ(), childVar+"=1")
	out, err := child.Output()
	if err == nil {
		t.Fatal("the child lived to its end")
	}
	_, rest, _ := strings.Cut(string(out), "dir=")
	dir, _, ok := strings.Cut(rest, "\n")
	if !ok {
		t.Fatalf("the child did not say where its server is:\n%s", out)
	}
	for range 1200 {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Errorf("%s is still there after 30 s", dir)
}
