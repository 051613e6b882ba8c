// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/internal/blobs"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
)

// vector reads the bundle of one of testdata/vectors.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	a, err := txtar.ParseFile("../../testdata/vectors/bundle-" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		if f.Name == "bundle.json" {
			return f.Data
		}
	}
	t.Fatal("no bundle")
	return nil
}

// A house is a desk and what tests need around it.
type house struct {
	*pulse.Desk
	db  *store.DB
	dir string
	log housetest.Log

	mu  sync.Mutex
	now time.Time
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{dir: filepath.Join(t.TempDir(), "pulse"), now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	key := bytes.Repeat([]byte{7}, 32)
	log := slog.New(slog.NewTextHandler(&h.log, nil))
	h.db = storetest.Open(t, store.Config{Now: h.clock, Log: log})
	dir, err := blobs.NewDir(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	shelf, err := blobs.New(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	h.Desk = pulse.New(pulse.Config{Blobs: shelf, Store: h.db, Log: log, Now: h.clock})
	return h
}

// files are those of the published bundles.
func (h *house) files(t testing.TB) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// verifier stands in for the real one, where pages are not run.
func verifier() *pulse.Verifier {
	return &pulse.Verifier{Wasm: []byte("wasm"), Exec: []byte("exec();\n"), Licence: []byte("Licence.\n")}
}
