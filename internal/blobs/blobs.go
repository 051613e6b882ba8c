// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package blobs keeps files that never change, each under the hash of what is in
// it: in a directory, or in storage that speaks S3. What is kept is sealed, and its
// name there comes from the hash by a key, so that whoever looks at the place learns
// how many there are, how large, and when they came.
package blobs

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/seal"
)

// MaxSize is how large a blob may be, in bytes.
const MaxSize = bundle.MaxSize

// ErrChanged is returned for a blob that is not what was kept.
var ErrChanged = errors.New("it was changed where it is kept, or sealed with another key")

// ErrThere is returned by a Place for a name that is taken.
var ErrThere = errors.New("it is there already")

// A Place is where sealed blobs are, by names of 64 hexadecimal digits. Dir and S3
// are places. Its methods may be called by many goroutines, and by several daemons
// that share it.
type Place interface {
	// Put keeps b under a name, whole or not at all. Unless it is to replace what is
	// there, it fails with ErrThere for a name that is taken.
	Put(ctx context.Context, name string, b []byte, replace bool) error
	// Get returns what is under a name, at most max bytes of it and one. It fails with
	// fs.ErrNotExist if there is nothing.
	Get(ctx context.Context, name string, max int64) ([]byte, error)
	// Delete deletes what is under a name. What is not there is deleted.
	Delete(ctx context.Context, name string) error
}

// A Shelf keeps blobs in a place.
type Shelf struct {
	place Place
	seal  cipher.AEAD
	names []byte // key
}

// New returns a shelf. key is the house's sealing key.
func New(p Place, key []byte) (*Shelf, error) {
	sealing, err := hkdf.Key(sha256.New, key, nil, "clawea pulse blobs v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key of blobs: %w", err)
	}
	names, err := hkdf.Key(sha256.New, key, nil, "clawea pulse names v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key of blobs' names: %w", err)
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &Shelf{p, aead, names}, nil
}

// name is what the place calls a blob.
func (s *Shelf) name(id seal.Hash) string {
	mac := hmac.New(sha256.New, s.names)
	mac.Write(id[:])
	return hex.EncodeToString(mac.Sum(nil))
}

// Put keeps a file under its hash, and has read it back when it returns. What is
// there already stays as it is, if it is that file; else Put mends it.
func (s *Shelf) Put(ctx context.Context, file []byte) (seal.Hash, error) {
	id := seal.Sum(file)
	if len(file) > MaxSize {
		return id, fmt.Errorf("keep blob %s: it is larger than %d bytes", id, MaxSize)
	}
	_, err := s.Get(ctx, id)
	if err == nil {
		return id, nil
	}
	broken := errors.Is(err, ErrChanged)
	if !broken && !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	err = s.place.Put(ctx, s.name(id), s.seal.Seal(nil, nil, file, id[:]), broken)
	if err != nil && !errors.Is(err, ErrThere) { // if it is, another has just put the same
		return id, fmt.Errorf("keep blob %s: %w", id, err)
	}
	_, err = s.Get(ctx, id)
	return id, err
}

// Get returns the file with this hash. It fails with fs.ErrNotExist if it is not
// there, and with ErrChanged if it is another.
func (s *Shelf) Get(ctx context.Context, id seal.Hash) ([]byte, error) {
	most := int64(MaxSize + s.seal.Overhead())
	sealed, err := s.place.Get(ctx, s.name(id), most)
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", id, err)
	}
	if int64(len(sealed)) > most {
		return nil, fmt.Errorf("read blob %s: %w", id, ErrChanged)
	}
	file, err := s.seal.Open(nil, nil, sealed, id[:])
	if err != nil || !seal.Sum(file).Equal(id) {
		return nil, fmt.Errorf("read blob %s: %w", id, ErrChanged)
	}
	return file, nil
}

// Drop deletes a file. One that is not there is deleted.
func (s *Shelf) Drop(ctx context.Context, id seal.Hash) error {
	if err := s.place.Delete(ctx, s.name(id)); err != nil {
		return fmt.Errorf("delete blob %s: %w", id, err)
	}
	return nil
}
