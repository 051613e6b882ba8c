// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A Dir is a place of files in a directory, which only their owner can read.
type Dir struct{ path string }

// NewDir opens a directory, or makes it.
func NewDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of blobs: %w", err)
	}
	return &Dir{path}, nil
}

func (d *Dir) file(name string) string { return filepath.Join(d.path, name[:2], name) }

// Put keeps b in a file that is on the disk when it returns.
func (d *Dir) Put(_ context.Context, name string, b []byte, replace bool) error {
	path := d.file(name)
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := place(f.Name(), path, replace); err != nil {
		return err
	}
	return errors.Join(syncDir(dir), syncDir(d.path))
}

// place gives a whole file its name.
func place(from, to string, replace bool) error {
	if replace {
		return os.Rename(from, to)
	}
	err := os.Link(from, to) // unlike a rename, it overwrites nothing
	if errors.Is(err, fs.ErrExist) {
		return ErrThere
	}
	if err == nil {
		return nil
	}
	if _, there := os.Lstat(to); there == nil {
		return ErrThere
	}
	return os.Rename(from, to) // there are file systems without links; what could be overwritten is the same file
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Get reads a file.
func (d *Dir) Get(_ context.Context, name string, max int64) ([]byte, error) {
	f, err := os.Open(d.file(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, max+1))
}

// Delete deletes a file.
func (d *Dir) Delete(_ context.Context, name string) error {
	path := d.file(name)
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
