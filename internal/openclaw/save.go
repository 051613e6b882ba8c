// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Load reads the configuration in a file. There is none where there is no file. What
// is not a regular file, a link say, is refused: nobody could say what is written.
func Load(path string) ([]byte, error) {
	b, err := readRegular(path, MaxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// readRegular reads a regular file of at most so many bytes.
func readRegular(path string, limit int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file\nname the file itself", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is longer than %d bytes\nis it the right file?", path, limit)
	}
	return b, err
}

// Save replaces what was in a file, whole or not at all, and only its owner can read
// it. What was there stays in a file beside, whose path is returned; "" if nothing was. It
// fails if the file is no longer as it was.
func Save(path string, was, is []byte) (backup string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".clawea-*")
	if err != nil {
		return "", fmt.Errorf("write %s: %w\nname a folder that exists and can be written", path, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(is)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	if was != nil {
		if backup, err = keep(path, was); err != nil {
			return "", fmt.Errorf("keep %s: %w", path, err)
		}
	}
	if err := unchanged(path, was); err != nil { // looked at last: disks take their time over the rest
		if backup != "" {
			os.Remove(backup)
		}
		return "", err
	}
	return backup, os.Rename(f.Name(), path)
}

// unchanged fails unless a file is as it was.
func unchanged(path string, was []byte) error {
	now, err := Load(path)
	if err == nil && !bytes.Equal(now, was) {
		err = fmt.Errorf("%s has changed meanwhile\nlook at the difference again", path)
	}
	return err
}

// keep writes b beside path, under the first name that is free.
func keep(path string, b []byte) (string, error) {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.clawea-%d.bak", path, n)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) && n < 10_000 {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(b)
		return name, errors.Join(err, f.Sync(), f.Close())
	}
}
