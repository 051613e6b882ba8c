// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// MaxText bounds a text, in bytes.
const MaxText = 64 << 20

// maxTexts bounds the texts of one receipt: an answer, and once more what of it
// are the arguments of proposed calls.
const maxTexts = 2*MaxText + 1<<20

const keySize = 32

// nonceSize is how many bytes sealed texts begin with that are random.
const nonceSize = 12

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

// A text's header in what is sealed: its commitment, its salt and its length.
const headerSize = len(seal.Hash{}) + len(seal.Salt{}) + 8

func textsBinding(job string, seq uint64) []byte {
	return fmt.Appendf(nil, "clawea texts v1\n%s\n%d", job, seq)
}

// sealTexts seals the texts behind receipt seq of job, all together. Without any
// it returns nil.
func (db *DB) sealTexts(job string, seq uint64, texts []receipt.Text) ([]byte, error) {
	return db.sealBound(textsBinding(job, seq), texts)
}

// sealBound seals texts together, to be opened under the same binding only.
func (db *DB) sealBound(binding []byte, texts []receipt.Text) ([]byte, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	size := 0
	for _, t := range texts {
		if len(t.Bytes) > MaxText {
			return nil, fmt.Errorf("seal text: %d bytes; at most %d fit", len(t.Bytes), MaxText)
		}
		size += headerSize + len(t.Bytes)
	}
	if size > maxTexts {
		return nil, fmt.Errorf("seal texts: %d bytes; at most %d fit", size, maxTexts)
	}
	plain := make([]byte, 0, size+db.sealer.Overhead())
	for _, t := range texts {
		if !seal.Commit(t.Salt, t.Bytes).Equal(t.Commitment) {
			return nil, errors.New("seal text: its commitment covers something else")
		}
		plain = append(append(plain, t.Commitment[:]...), t.Salt[:]...)
		plain = append(binary.BigEndian.AppendUint64(plain, uint64(len(t.Bytes))), t.Bytes...)
	}
	return db.sealer.Seal(nil, nil, plain, binding), nil
}

// openTexts opens what sealTexts sealed.
func (db *DB) openTexts(job string, seq uint64, sealed []byte) ([]receipt.Text, error) {
	texts, err := db.openBound(textsBinding(job, seq), sealed)
	if err != nil {
		return nil, fmt.Errorf("open texts of receipt %d of job %s: %w", seq, job, err)
	}
	return texts, nil
}

var errChanged = errors.New("they were changed in the database")

// openBound opens what sealBound sealed.
func (db *DB) openBound(binding, sealed []byte) ([]receipt.Text, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	plain, err := db.sealer.Open(nil, nil, sealed, binding)
	if err != nil {
		return nil, errChanged
	}
	var out []receipt.Text
	for len(plain) > 0 {
		if len(plain) < headerSize {
			return nil, errChanged
		}
		t := receipt.Text{Commitment: seal.Hash(plain), Salt: seal.Salt(plain[len(seal.Hash{}):])}
		n := binary.BigEndian.Uint64(plain[headerSize-8:])
		if plain = plain[headerSize:]; n > uint64(len(plain)) {
			return nil, errChanged
		}
		t.Bytes, plain = plain[:n:n], plain[n:]
		out = append(out, t)
	}
	return out, nil
}

// openText opens a text that a house of before sealed by itself: its salt, then
// its bytes.
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
