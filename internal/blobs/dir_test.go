// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package blobs_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/clawea/clawea/internal/blobs"
	"github.com/clawea/clawea/internal/blobs/blobtest"
)

func openDir(t *testing.T) (*blobtest.Thing, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "proofs")
	d, err := blobs.NewDir(path)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(path, name[:2], name) }
	return &blobtest.Thing{
		Place: d,
		Names: func() (names []string) {
			files, err := filepath.Glob(filepath.Join(path, "*", "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				names = append(names, filepath.Base(f))
			}
			return names
		},
		Object: func(name string) []byte {
			b, err := os.ReadFile(file(name))
			if err != nil {
				t.Fatal(err)
			}
			return b
		},
		Change: func(name string, b []byte) {
			if err := os.WriteFile(file(name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	}, path
}

func TestDir(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) *blobtest.Thing { p, _ := openDir(t); return p })
}

// Only their owner reads the files.
func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes here")
	}
	p, path := openDir(t)
	if err := p.Place.Put(t.Context(), "00ff", []byte("x"), false); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o700, filepath.Join(path, "00"): 0o700, filepath.Join(path, "00", "00ff"): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(path, "00", ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q %v", left, err)
	}
}

func TestNoDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := blobs.NewDir(file); err == nil {
		t.Error("a file in its place: no error")
	}
}
