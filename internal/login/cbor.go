// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"encoding/binary"
	"errors"
	"math"
	"unicode/utf8"
)

// The kinds of items of CBOR (RFC 8949, 3.1).
const (
	cborUint  = 0
	cborNint  = 1 // -1 - n
	cborBytes = 2
	cborText  = 3
	cborArray = 4
	cborMap   = 5
	cborOther = 7 // true, false, null and numbers with fractions
)

const maxDepth = 8

var errCBOR = errors.New("not CBOR as authenticators write it")

// An item is a value of CBOR. Texts and strings of bytes are part of what was read.
type item struct {
	kind  byte
	n     uint64 // the number; how long it is
	bytes []byte // of strings
	list  []item // of arrays; of maps, names and values in turn
}

// integer returns a whole number.
func (v item) integer() (int64, bool) {
	switch {
	case v.n > math.MaxInt64:
		return 0, false
	case v.kind == cborUint:
		return int64(v.n), true
	case v.kind == cborNint:
		return -1 - int64(v.n), true
	}
	return 0, false
}

// named returns the value of a text name in a map.
func (v item) named(name string) (item, bool) {
	return v.find(func(k item) bool { return k.kind == cborText && string(k.bytes) == name })
}

// numbered returns the value of a whole number in a map.
func (v item) numbered(name int64) (item, bool) {
	return v.find(func(k item) bool { n, ok := k.integer(); return ok && n == name })
}

func (v item) find(is func(item) bool) (found item, ok bool) {
	if v.kind != cborMap {
		return item{}, false
	}
	for i := 0; i+1 < len(v.list); i += 2 {
		if is(v.list[i]) {
			if ok { // twice: which one counts, nobody can say
				return item{}, false
			}
			found, ok = v.list[i+1], true
		}
	}
	return found, ok
}

// readCBOR reads one value from the beginning of b, and returns what follows it. It
// takes what CTAP2's canonical form has (lengths are said, tags are not there), in
// whatever order.
func readCBOR(b []byte) (v item, rest []byte, err error) { return readItem(b, maxDepth) }

func readItem(b []byte, depth int) (v item, rest []byte, err error) {
	if len(b) == 0 || depth == 0 {
		return v, nil, errCBOR
	}
	v.kind = b[0] >> 5
	if v.n, rest, err = readHead(b); err != nil {
		return v, nil, err
	}
	count := v.n
	switch v.kind {
	case cborUint, cborNint, cborOther:
		return v, rest, nil
	case cborBytes, cborText:
		if v.n > uint64(len(rest)) || v.kind == cborText && !utf8.Valid(rest[:v.n]) {
			return v, nil, errCBOR
		}
		v.bytes = rest[:v.n:v.n]
		return v, rest[v.n:], nil
	case cborArray:
	case cborMap:
		count *= 2
	default:
		return v, nil, errCBOR
	}
	if v.n > uint64(len(rest)) { // each takes a byte
		return v, nil, errCBOR
	}
	for range count {
		var one item
		if one, rest, err = readItem(rest, depth-1); err != nil {
			return v, nil, err
		}
		v.list = append(v.list, one)
	}
	return v, rest, nil
}

// readHead reads the number that an item begins with.
func readHead(b []byte) (n uint64, rest []byte, err error) {
	low, b := b[0]&0x1f, b[1:]
	if low < 24 {
		return uint64(low), b, nil
	}
	size := 1 << (low - 24)
	if low > 27 || len(b) < size {
		return 0, nil, errCBOR
	}
	var full [8]byte
	copy(full[8-size:], b)
	return binary.BigEndian.Uint64(full[:]), b[size:], nil
}
