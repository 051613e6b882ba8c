// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/clawea/clawea/policy"
)

func TestOpenAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job := h.job(t, "job-1")
		h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow, text("a")))
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		db := h.open(t)
		if got, err := db.Text(t.Context(), job, 1, text("a").Commitment); err != nil || string(got.Bytes) != "a" {
			t.Errorf("text: %q, %v", got.Bytes, err)
		}
		if got := len(checkChain(t, db, job)); got != 1 {
			t.Errorf("got %d receipts, want 1", got)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		c := h.config
		c.Key = bytes.Repeat([]byte{8}, 32)
		wantError(t, "another key", c, "another sealing key")
		if _, err := h.write.ExecContext(t.Context(), `UPDATE schema_version SET version = version + 1`); err != nil {
			t.Fatal(err)
		}
		wantError(t, "a newer schema", h.config, "use a newer clawea")
	})
	for what, c := range map[string]struct {
		config Config
		want   string
	}{
		"no URL":          {Config{Key: sealingKey}, "use sqlite:PATH or postgres://"},
		"another engine":  {Config{URL: "mysql://u:hunter2@h/db", Key: sealingKey}, "use sqlite:PATH or postgres://"},
		"no path":         {Config{URL: "sqlite:", Key: sealingKey}, "needs the path of a file"},
		"memory":          {Config{URL: "sqlite::memory:", Key: sealingKey}, "needs the path of a file"},
		"no directory":    {Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "a", "b"), Key: sealingKey}, "no such file"},
		"short key":       {Config{URL: sqliteURL(t), Key: sealingKey[:16]}, "needs 32"},
		"bad URL":         {Config{URL: "postgres://u:hunter2@h:x/db", Key: sealingKey}, "not one of PostgreSQL's"},
		"no server":       {Config{URL: "postgres://u:hunter2@127.0.0.1:1/db", Key: sealingKey}, "begin"},
		"not a directory": {Config{URL: "sqlite:" + os.Args[0] + "/x", Key: sealingKey}, "not a directory"},
	} {
		wantError(t, what, c.config, c.want)
	}
}

func wantError(t *testing.T, what string, c Config, want string) {
	t.Helper()
	db, err := Open(t.Context(), c)
	if err == nil {
		db.Close()
		t.Errorf("%s: opened", what)
		return
	}
	if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%s: got %q, want something about %q and no password", what, err, want)
	}
}

func TestFilesArePrivate(t *testing.T) {
	u := sqliteURL(t)
	h := newHouse(t, u)
	h.job(t, "job-1")
	files, err := os.ReadDir(filepath.Dir(strings.TrimPrefix(u, "sqlite:")))
	if err != nil || len(files) != 3 {
		t.Errorf("got %v, %v, want the database, its WAL and its index", files, err)
	}
	for _, f := range files {
		if fi, err := f.Info(); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 600", f.Name(), fi.Mode(), err)
		}
	}
}

// Several daemons start on one empty database.
func TestOpenAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		for _, table := range tables {
			if _, err := h.write.ExecContext(t.Context(), `DROP TABLE `+table); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				db, err := Open(t.Context(), h.config)
				if err != nil {
					t.Error(err)
					return
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		h.job(t, "job-1")
	})
}
