// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/clawea/clawea/seal"
)

// The bounds of an extension on the disk.
const (
	maxFiles = 20_000
	maxBytes = 512 << 20
)

// DigestFolder names what is in a folder, or the one file that path is: SHA-256 of
// the canonical JSON of an object that has the SHA-256 of each file's bytes by its
// path from the folder on, with slashes. Folders without files do not count, nor do
// dates and permissions. Links are refused, wherever they lead, and so is what is no
// file.
func DigestFolder(path string) (seal.Hash, error) {
	files := map[string]seal.Hash{}
	left := int64(maxBytes)
	err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return nil
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is a link, or no file", file)
		}
		if len(files) == maxFiles {
			return fmt.Errorf("%s has more than %d files", path, maxFiles)
		}
		name := filepath.Base(file)
		if file != path {
			if name, err = filepath.Rel(path, file); err != nil {
				return err
			}
		}
		h, n, err := digestFile(file, left)
		left -= n
		files[filepath.ToSlash(name)] = h
		return err
	})
	if err != nil {
		return seal.Hash{}, err
	}
	if len(files) == 0 {
		return seal.Hash{}, fmt.Errorf("%s has no files", path)
	}
	b, err := seal.MarshalUpTo(files, maxBytes)
	if err != nil { // a name that is no UTF-8
		return seal.Hash{}, fmt.Errorf("digest %s: %w", path, err)
	}
	return seal.Sum(b), nil
}

// digestFile returns the SHA-256 of a file of at most left bytes, and how many it has.
func digestFile(file string, left int64) (seal.Hash, int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return seal.Hash{}, 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, left+1))
	if err == nil && n > left {
		err = errors.New("an extension is too large to be looked at")
	}
	return seal.Hash(h.Sum(nil)), n, err
}
