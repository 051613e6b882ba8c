// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package vectors runs the cases of testdata/vectors. Each is a txtar archive
// named after the clause that it proves, whose file "expect" says what comes of
// the others. It is for tests.
package vectors

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the expectation of vectors that have none; never changes one")

// Run runs every vector whose name begins with prefix and a dash, seen from the
// folder of a package at the top of the tree. run does what the files of one ask
// for and says what came of it; a line end after that makes no difference.
func Run(t *testing.T, prefix string, run func(t *testing.T, files map[string][]byte) string) {
	t.Helper()
	paths, err := filepath.Glob("../testdata/vectors/" + prefix + "-*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { runOne(t, path, run) })
	}
}

func runOne(t *testing.T, path string, run func(*testing.T, map[string][]byte) string) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := Files(a)
	got := strings.TrimSuffix(run(t, files), "\n")
	want, ok := files["expect"]
	if !ok && *update {
		a.Files = append(a.Files, txtar.File{Name: "expect", Data: []byte(got + "\n")})
		if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !ok {
		t.Fatal("the vector expects nothing: run with -update, and read what it wrote")
	}
	if diff := cmp.Diff(strings.TrimSuffix(string(want), "\n"), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Files are an archive's files by name.
func Files(a *txtar.Archive) map[string][]byte {
	files := map[string][]byte{}
	for _, f := range a.Files {
		files[f.Name] = f.Data
	}
	return files
}
