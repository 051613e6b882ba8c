// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

// freeSpace is how many bytes who is not root may write below a directory, which may
// not be there yet.
func freeSpace(dir string) (bytes uint64, known bool, err error) {
	var s syscall.Statfs_t
	err = syscall.Statfs(dir, &s)
	if up := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && up != dir {
		return freeSpace(up)
	}
	if err != nil {
		return 0, false, fmt.Errorf("free space: %w", err)
	}
	return s.Bavail * uint64(s.Bsize), true, nil
}
