// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// newRoot is where the program's file system is put together: a folder that every
// machine has and that nothing is taken from any more by then.
const newRoot = "/proc"

// temporary is the program's only folder that it can write in.
const temporary = "/tmp"

// devices are those that a program sees. None of them remembers anything.
func devices() []string {
	return []string{"/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"}
}

// papers are the files in /etc that programs look for, and what they say here.
func papers(o *order) map[string]string {
	id := fmt.Sprintf("%d:%d", o.insideID(), o.insideID())
	return map[string]string{
		"/etc/passwd":        "program:x:" + id + "::" + temporary + ":/bin/false\n",
		"/etc/group":         fmt.Sprintf("program:x:%d:\n", o.insideID()),
		"/etc/hosts":         "127.0.0.1 localhost\n",
		"/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
		"/etc/resolv.conf":   "",
	}
}

// A tree is one of the machine's, cut off and read-only, and not yet anywhere.
type tree struct {
	path string
	fd   int
	dir  bool
}

// cut takes a tree with all that is mounted in it.
func cut(path string, attr uint64) (tree, error) {
	var st unix.Stat_t
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return tree{}, &os.PathError{Op: "take", Path: path, Err: err}
	}
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attr, Propagation: unix.MS_PRIVATE})
	if err == nil {
		err = unix.Fstat(fd, &st)
	}
	if err != nil {
		return tree{}, &os.PathError{Op: "close", Path: path, Err: err}
	}
	return tree{path, fd, st.Mode&unix.S_IFMT == unix.S_IFDIR}, nil
}

// put mounts the tree below root, where it was.
func (t *tree) put(root string) error {
	at := filepath.Join(root, t.path)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	err := error(nil)
	if t.dir {
		err = os.MkdirAll(at, 0o755)
	} else {
		err = os.WriteFile(at, nil, 0o444)
	}
	if err != nil {
		return err
	}
	if err := unix.MoveMount(t.fd, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return &os.PathError{Op: "mount", Path: t.path, Err: err}
	}
	return unix.Close(t.fd)
}

// enterRoot makes the file system of an order and moves into it: the machine's own is
// nowhere in it.
func enterRoot(o *order) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	trees, err := cutAll(o.Readable)
	if err != nil {
		return err
	}
	if err := mount("tmpfs", newRoot, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=1m,nr_inodes=4k,mode=755"); err != nil {
		return err
	}
	if err := os.Mkdir(newRoot+temporary, 0o700); err != nil {
		return err
	}
	own := fmt.Sprintf("size=%d,nr_inodes=4k,mode=700,uid=%d,gid=%d", o.Limits.Temporary, o.insideID(), o.insideID())
	if err := mount("tmpfs", newRoot+temporary, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, own); err != nil {
		return err
	}
	for _, t := range trees {
		if err := t.put(newRoot); err != nil {
			return err
		}
	}
	if err := writePapers(o); err != nil {
		return err
	}
	if err := mountProc(o); err != nil {
		return err
	}
	return turn()
}

func mount(kind, at string, flags uintptr, data string) error {
	if err := unix.Mount(kind, at, kind, flags, data); err != nil {
		return fmt.Errorf("mount a %s: %w", kind, err)
	}
	return nil
}

// cutAll takes what is readable, a tree within another with that one, and the devices.
func cutAll(readable []string) ([]tree, error) {
	const attr = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID
	var trees []tree
	for _, p := range slices.Sorted(slices.Values(readable)) {
		if slices.ContainsFunc(trees, func(t tree) bool { return t.path == p || strings.HasPrefix(p, t.path+"/") }) {
			continue
		}
		t, err := cut(p, attr|unix.MOUNT_ATTR_NODEV)
		if err != nil {
			return nil, err
		}
		trees = append(trees, t)
	}
	for _, p := range devices() {
		t, err := cut(p, attr|unix.MOUNT_ATTR_NOEXEC)
		if err != nil {
			return nil, err
		}
		trees = append(trees, t)
	}
	return trees, nil
}

// writePapers writes the files in /etc, unless what is readable has that.
func writePapers(o *order) error {
	if slices.Contains(o.Readable, "/etc") {
		return nil
	}
	if err := os.MkdirAll(newRoot+"/etc", 0o755); err != nil {
		return err
	}
	for path, text := range papers(o) {
		if slices.Contains(o.Readable, path) {
			continue
		}
		if err := os.WriteFile(newRoot+path, []byte(text), 0o444); err != nil {
			return err
		}
	}
	return nil
}

// mountProc shows the program its own processes. Where the kernel does not let us, or
// there are others' to see, it does without: an empty folder.
func mountProc(o *order) error {
	if err := os.MkdirAll(newRoot+"/proc", 0o555); err != nil || !o.has(PartPID) {
		return err
	}
	err := mount("proc", newRoot+"/proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, "subset=pid")
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) {
		return nil // a container hides parts of its own /proc, or the kernel is older than 5.8
	}
	return err
}

// turn makes the new file system the only one.
func turn() error {
	if err := unix.MountSetattr(unix.AT_FDCWD, newRoot, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("close the root: %w", err)
	}
	if err := unix.Chdir(newRoot); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil { // pivot_root(2): the old root is then on top
		return fmt.Errorf("turn to the new root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the old root: %w", err)
	}
	return unix.Chdir("/")
}
