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

// New returns the configuration of a store that does not exist yet, on SQLite. It
// goes when the test ends.
func New(t testing.TB) store.Config {
	return store.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "house.db"), Key: bytes.Repeat([]byte{7}, 32)}
}

// Open opens a store, until the test ends or closes it itself. If c says nowhere, it
// is a new one.
func Open(t testing.TB, c store.Config) *store.DB {
	t.Helper()
	if c.URL == "" {
		fresh := New(t)
		c.URL, c.Key = fresh.URL, fresh.Key
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

// Raw opens a store's file on SQLite behind its back, until the test ends.
func Raw(t testing.TB, c store.Config) *sql.DB {
	t.Helper()
	raw, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(c.URL, "sqlite:")+"?_busy_timeout=5000")
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
