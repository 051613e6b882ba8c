// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

type attr = syscall.SysProcAttr

// unprivileged returns how to run PostgreSQL, which refuses to be root: as an
// unprivileged user, who is given dir. Other users run it as themselves.
func unprivileged(dir string) (*attr, error) {
	if os.Geteuid() != 0 {
		return &attr{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			return nil, err
		}
		return &attr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, errors.New("there is neither a user postgres nor nobody to run it as")
}

// detached is who in a process group of its own: an interrupt from the terminal
// ends the test, and only then the server.
func detached(who *attr) *attr {
	a := *who
	a.Setpgid = true
	return &a
}
