// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"

	"github.com/clawea/clawea/seal"
)

// sign signs b's lines, those of one signer by one signature, and writes their
// envelopes. It drops the writes for whose lines that fails and returns how many
// they are: with them, b cannot be flushed.
func (b *book) sign() (failed int) {
	unsigned := map[string][]*entry{}
	for _, e := range b.entries {
		if !e.line.Signed() {
			id := seal.KeyID(e.line.Signer)
			unsigned[id] = append(unsigned[id], e)
		}
	}
	for _, id := range sortedKeys(unsigned) {
		if err := signAll(unsigned[id]); err != nil {
			for _, e := range unsigned[id] {
				e.by.drop(err)
			}
		}
	}
	for _, e := range b.entries {
		if !e.by.dropped {
			e.write()
		}
		if e.by.dropped {
			failed++
		}
	}
	return failed
}

// signAll signs lines of one signer. A panic of the signer's is an error: the
// writer serves everyone.
func signAll(list []*entry) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("sign receipts: panic: %v", v)
		}
	}()
	papers := make([]*seal.Envelope, len(list))
	for i, e := range list {
		papers[i] = e.line.Envelope
	}
	return seal.SignAll(list[0].line.Signer, papers...)
}

// write writes e's envelope, which is signed.
func (e *entry) write() {
	var err error
	if e.envelope, err = e.line.Envelope.Marshal(); err != nil {
		e.by.drop(err)
	}
	e.sum = seal.Sum(e.envelope)
}
