// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/clawea/clawea/seal"
)

// The bounds of what a program's files are.
const (
	maxFiles = 200_000
	maxBytes = 4 << 30
)

// A reader of trees digests files and what is in directories. What looks as it did
// (by names, sizes and times of change) is not read again.
type trees struct {
	mu   sync.Mutex
	seen map[string]tree
}

type tree struct{ look, digest seal.Hash }

// digest returns the digest of the file or tree at path: of each thing in it, in
// order, its kind, its path, and what it holds or leads to.
func (t *trees) digest(path string) (seal.Hash, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	look, err := walk(path, func(h hash.Hash, _ string, d fs.FileInfo) error {
		fmt.Fprintf(h, "%d %d", d.Size(), d.ModTime().UnixNano())
		return nil
	})
	if err != nil {
		return seal.Hash{}, err
	}
	if known, ok := t.seen[path]; ok && known.look == look {
		return known.digest, nil
	}
	digest, err := walk(path, hold)
	if err != nil {
		return seal.Hash{}, err
	}
	if t.seen == nil {
		t.seen = map[string]tree{}
	}
	t.seen[path] = tree{look, digest}
	return digest, nil
}

// walk hashes what of says of everything below root.
func walk(root string, of func(hash.Hash, string, fs.FileInfo) error) (seal.Hash, error) {
	h := sha256.New()
	files, bytes := 0, int64(0)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if files, bytes = files+1, bytes+info.Size(); files > maxFiles || bytes > maxBytes {
			return fmt.Errorf("%s holds more than %d files or %d bytes", root, maxFiles, int64(maxBytes))
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %q ", info.Mode().Type()|info.Mode().Perm(), below)
		return of(h, path, info)
	})
	if err != nil {
		return seal.Hash{}, err
	}
	return seal.Hash(h.Sum(nil)), nil
}

// hold hashes what a file holds, or where a link leads.
func hold(h hash.Hash, path string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		fmt.Fprintf(h, "%q\n", to)
		return err
	case !info.Mode().IsRegular():
		fmt.Fprintln(h)
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintf(h, "%d\n", info.Size())
	_, err = io.Copy(h, io.LimitReader(f, info.Size()+1))
	return err
}
