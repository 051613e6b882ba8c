// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/seal"
)

// blobs are files in a directory, each written once, named by the hash of what is
// in it and sealed, since bundles may disclose texts.
type blobs struct {
	dir  string
	seal cipher.AEAD
}

// newBlobs opens or makes the directory. key is the house's sealing key.
func newBlobs(dir string, key []byte) (*blobs, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of bundles: %w", err)
	}
	own, err := hkdf.Key(sha256.New, key, nil, "clawea pulse blobs v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key of bundles: %w", err)
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &blobs{dir, aead}, nil
}

func (b *blobs) path(id seal.Hash) string {
	name := hex.EncodeToString(id[:])
	return filepath.Join(b.dir, name[:2], name)
}

// put keeps file under its hash. What is there already stays as it is, if it is
// that file; else put mends it.
func (b *blobs) put(file []byte) (seal.Hash, error) {
	id := seal.Sum(file)
	if _, err := b.get(id); err == nil {
		return id, nil
	}
	path := b.path(id)
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return id, fmt.Errorf("keep bundle: %w", err)
	}
	if err := b.write(path, b.seal.Seal(nil, nil, file, id[:])); err != nil {
		return id, fmt.Errorf("keep bundle: %w", err)
	}
	return id, errors.Join(syncDir(dir), syncDir(b.dir))
}

// write writes a whole file or none.
func (b *blobs) write(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// errChanged is returned for a file that is not what was written.
var errChanged = errors.New("it was changed on disk, or sealed with another key")

// get returns the file with this hash. It fails with fs.ErrNotExist if it is not
// there, and with errChanged if it is another.
func (b *blobs) get(id seal.Hash) ([]byte, error) {
	info, err := os.Stat(b.path(id))
	if err != nil {
		return nil, fmt.Errorf("read bundle %s: %w", id, err)
	}
	if info.Size() > bundle.MaxSize+int64(b.seal.Overhead()) {
		return nil, fmt.Errorf("read bundle %s: %w", id, errChanged)
	}
	sealed, err := os.ReadFile(b.path(id))
	if err != nil {
		return nil, fmt.Errorf("read bundle %s: %w", id, err)
	}
	file, err := b.seal.Open(nil, nil, sealed, id[:])
	if err != nil || !seal.Sum(file).Equal(id) {
		return nil, fmt.Errorf("read bundle %s: %w", id, errChanged)
	}
	return file, nil
}

// drop deletes a file. One that is not there is deleted.
func (b *blobs) drop(id seal.Hash) error {
	path := b.path(id)
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete bundle %s: %w", id, err)
	}
	return syncDir(filepath.Dir(path))
}
