// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/clawea/clawea/seal"
)

const maxFile = 4 << 10 // bytes; a key's text is about 150

// prepare makes sure that dir holds a whole set. New keys come in two phases:
// all are durable under draft names before the first gets its own. So after a
// crash, drafts alone are of keys that nothing has used, and drafts beside keys
// are the rest of the same set.
func prepare(dir, house string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of keys: %w\nname one that is there, or whose parent the house may write", err)
	}
	if err := checkDir(dir); err != nil {
		return err
	}
	have, err := survey(dir)
	if err != nil {
		return err
	}
	if len(have.keys) == 0 {
		if len(have.others) > 0 {
			return &Error{dir, "holds no keys, but is not empty: " + have.others[0],
				"name an empty directory to begin with new keys, or put this house's keys back"}
		}
		if err := draft(dir, house); err != nil {
			return err
		}
		have.drafts = roles()
	}
	return settle(dir, have)
}

// checkDir refuses a directory that is a link or that others may enter.
func checkDir(dir string) error {
	fi, err := os.Lstat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("look at the directory of keys: %w", err)
	case !fi.IsDir():
		return &Error{dir, "is a link or a file, not a directory", "name the directory itself"}
	case exposed(fi):
		return &Error{dir, fmt.Sprintf("others may enter it (mode %04o)", fi.Mode().Perm()), "chmod 700 " + dir}
	}
	return nil
}

// exposed reports whether anyone but the owner has rights to a file. Windows
// keeps its rights elsewhere.
func exposed(fi fs.FileInfo) bool { return allows(fi, 0o077) }

func allows(fi fs.FileInfo, rights fs.FileMode) bool {
	return runtime.GOOS != "windows" && fi.Mode().Perm()&rights != 0
}

// contents is what a directory of keys holds: the roles that have a key and
// those that have a draft, and the names of files that are no part of a set.
type contents struct{ keys, drafts, others []string }

func survey(dir string) (have contents, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return have, fmt.Errorf("list the directory of keys: %w", err)
	}
	named := map[string]*[]string{}
	role := map[string]string{}
	for _, r := range roles() {
		named[filepath.Base(file(dir, r))] = &have.keys
		role[filepath.Base(file(dir, r))] = r
		named[filepath.Base(draftFile(dir, r))] = &have.drafts
		role[filepath.Base(draftFile(dir, r))] = r
	}
	for _, e := range entries {
		if list := named[e.Name()]; list != nil {
			*list = append(*list, role[e.Name()])
			continue
		}
		have.others = append(have.others, e.Name())
	}
	return have, nil
}

func draftFile(dir, role string) string { return filepath.Join(dir, "."+role+".key.new") }

// draft writes a new set under draft names, over any left by a crash.
func draft(dir, house string) error {
	for _, role := range roles() {
		text, err := generate(role, house)
		if err != nil {
			return err
		}
		path := draftFile(dir, role)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("make a new key: %w", err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("make a new key: %w", err)
		}
		if err := fill(f, text, 0o600); err != nil {
			return err
		}
	}
	if err := syncDir(filepath.Dir(dir)); err != nil { // dir itself may be new
		return err
	}
	return syncDir(dir)
}

func generate(role, house string) (string, error) {
	if slices.Contains(signing[:], role) {
		private, _, err := seal.GenerateKey(rand.Reader, role+"."+house)
		return private, err
	}
	b := make([]byte, secretSize)
	rand.Read(b)
	return hex.EncodeToString(b), nil
}

// settle gives the drafts of missing keys their names, and refuses a set that
// is not whole then.
func settle(dir string, have contents) error {
	for _, role := range roles() {
		if slices.Contains(have.keys, role) {
			continue
		}
		if !slices.Contains(have.drafts, role) {
			return &Error{file(dir, role), "is missing from a set that this house has used",
				"put it back from your backup; a new one cannot take its place: to begin a new house, name an empty directory"}
		}
		if err := publish(draftFile(dir, role), file(dir, role)); err != nil {
			return err
		}
	}
	if len(have.drafts) == 0 {
		return nil
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	for _, role := range have.drafts {
		if err := os.Remove(draftFile(dir, role)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a key's draft: %w", err)
		}
	}
	return nil
}

// publish gives the file from the name to, which must be free: a link, unlike
// a rename, never replaces a key that another process has just begun to use.
func publish(from, to string) error {
	if err := os.Link(from, to); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("name a new key: %w", err)
	}
	return nil
}

// write makes the file path with text, whole and durable or not at all. It
// never replaces one.
func write(path, text string, mode fs.FileMode) error {
	name, err := draftOf(path, text, mode)
	if err != nil {
		return err
	}
	defer os.Remove(name)
	if err := os.Link(name, path); err != nil {
		return fmt.Errorf("name a new key: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// draftOf writes text, on the disk when it returns, under a name of its own
// beside path: ".", path's base, "." and digits.
func draftOf(path, text string, mode fs.FileMode) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", fmt.Errorf("make a key's file: %w", err)
	}
	if err := fill(f, text, mode); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// fill writes a new file, closes it, and does not return before it is on the disk.
func fill(f *os.File, text string, mode fs.FileMode) error {
	_, err := io.WriteString(f, text+"\n")
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write a key's file: %w", err)
	}
	return nil
}

// syncDir makes the names in dir durable. Windows has no such call.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync the directory of keys: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync the directory of keys: %w", err)
	}
	return nil
}

// readPrivate reads a file that only its owner may read.
func readPrivate(path string) (string, error) {
	return read(path, 0o077, "read", "name the file of a private key")
}

// readPublic reads a file that only its owner may write.
func readPublic(path string) (string, error) {
	return read(path, 0o022, "write", "put the file back from your backup of the keys")
}

// read reads a small file that gives others none of the rights that forbidden
// names. The file that is opened is the one that was looked at.
func read(path string, forbidden fs.FileMode, right, hint string) (string, error) {
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &Error{path, "is not there", hint}
	case err != nil:
		return "", fmt.Errorf("look at a key's file: %w", err)
	case !fi.Mode().IsRegular():
		return "", &Error{path, "is not a plain file", "name the file itself, not a link to it"}
	case allows(fi, forbidden):
		return "", &Error{path, fmt.Sprintf("others may %s it (mode %04o)", right, fi.Mode().Perm()), "chmod 600 " + path}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open a key's file: %w", err)
	}
	defer f.Close()
	if opened, err := f.Stat(); err != nil || !os.SameFile(fi, opened) {
		return "", &Error{path, "was replaced while it was being read", "try again"}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", fmt.Errorf("read a key's file: %w", err)
	}
	if len(b) > maxFile {
		return "", &Error{path, fmt.Sprintf("is longer than %d bytes", maxFile), hint}
	}
	return string(b), nil
}
