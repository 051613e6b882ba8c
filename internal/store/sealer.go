// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// MaxText bounds one text, in bytes.
const MaxText = 64 << 20

const keySize = 32

// newSealer returns AES-256-GCM, which puts a random nonce before what it
// seals. That is good for 2^32 texts under one key (NIST SP 800-38D, 8.3).
func newSealer(key []byte) (cipher.AEAD, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("open database: the sealing key has %d bytes; it needs %d", len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errors.New("open database: the sealing key is unusable")
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// The strings that sealed values are bound to. That of a text cannot be that of
// the key check: a job's name holds no spaces.
const keyCheckBinding = "clawea sealing key check v1"

func textBinding(job string, commitment seal.Hash) []byte {
	return []byte("clawea text v1\n" + job + "\n" + commitment.String())
}

func (db *DB) keyCheck() []byte {
	return db.sealer.Seal(nil, nil, nil, []byte(keyCheckBinding))
}

func (db *DB) opensKeyCheck(sealed []byte) bool {
	_, err := db.sealer.Open(nil, nil, sealed, []byte(keyCheckBinding))
	return err == nil
}

// sealText seals t for job: salt, then bytes.
func (db *DB) sealText(job string, t receipt.Text) ([]byte, error) {
	if len(t.Bytes) > MaxText {
		return nil, fmt.Errorf("seal text: %d bytes; at most %d fit", len(t.Bytes), MaxText)
	}
	if !seal.Commit(t.Salt, t.Bytes).Equal(t.Commitment) {
		return nil, errors.New("seal text: its commitment covers something else")
	}
	plain := slices.Concat(t.Salt[:], t.Bytes)
	return db.sealer.Seal(nil, nil, plain, textBinding(job, t.Commitment)), nil
}

func (db *DB) openText(job string, commitment seal.Hash, sealed []byte) (receipt.Text, error) {
	t := receipt.Text{Commitment: commitment}
	plain, err := db.sealer.Open(nil, nil, sealed, textBinding(job, commitment))
	if err != nil || len(plain) < len(t.Salt) {
		return receipt.Text{}, fmt.Errorf("open text %s of job %s: it was changed in the database", commitment, job)
	}
	copy(t.Salt[:], plain)
	t.Bytes = plain[len(t.Salt):]
	return t, nil
}
