// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package storetest opens stores for tests.
package storetest

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/store"
)

// URL is that of a store on SQLite that does not exist yet, and goes when the test ends.
func URL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "house.db") }

// Open opens a store, until the test ends or closes it itself. Without a URL it is a
// new one on SQLite; without a key it has that of all tests.
func Open(t testing.TB, c store.Config) *store.DB {
	t.Helper()
	if c.URL == "" {
		c.URL = URL(t)
	}
	if c.Key == nil {
		c.Key = bytes.Repeat([]byte{7}, 32)
	}
	db, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return db
}

// Raw opens a store on SQLite behind its back, until the test ends.
func Raw(t testing.TB, url string) *sql.DB {
	t.Helper()
	raw, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(url, "sqlite:")+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := raw.Close(); err != nil {
			t.Errorf("close the store's file: %v", err)
		}
	})
	return raw
}
