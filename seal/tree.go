// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// treeType is the type of what is signed for several envelopes together. No
// envelope has it.
const treeType = "application/vnd.clawea.tree.v1+json"

// maxTree is how many envelopes one signature may be for.
const maxTree = 1 << 16

// A Leaf is the place of an envelope in the tree of those that were signed with
// it (RFC 6962 section 2.1). The signature that it belongs to is over the tree's
// root and size.
type Leaf struct {
	Index int    `json:"index"` // from 0
	Path  []byte `json:"path"`  // the hashes beside the way to the root, the leaf's own sister first
	Size  int    `json:"size"`  // how many leaves the tree has, two or more
}

// SignAll seals all of es by one signature of s. Each opens by itself, as if it
// had been signed alone. It is all or none of them.
func SignAll(s Signer, es ...*Envelope) error {
	switch n := len(es); {
	case n == 0:
		return nil
	case n == 1:
		return es[0].Add(s)
	case n > maxTree:
		return fmt.Errorf("sign %d papers together: at most %d can be", n, maxTree)
	}
	id := KeyID(s)
	leaves, paths := make([]tlog.Hash, len(es)), make([][]byte, len(es))
	for i, e := range es {
		if err := e.maySign(id); err != nil {
			return err
		}
		leaves[i] = tlog.RecordHash(pae(e.Type, e.Payload))
		paths[i] = make([]byte, 0, tlog.HashSize*depth(i, len(es)))
	}
	sig, err := s.Sign(treeMessage(grow(leaves, paths), len(es)))
	if err != nil {
		return fmt.Errorf("sign as %s: %w", id, err)
	}
	for i, e := range es {
		e.Signatures = append(e.Signatures, Signature{KeyID: id, Leaf: &Leaf{Index: i, Path: paths[i], Size: len(es)}, Sig: sig})
	}
	return nil
}

// treeMessage is what is signed for a tree.
func treeMessage(root tlog.Hash, size int) []byte {
	return pae(treeType, fmt.Appendf(nil, `{"root":"%v","size":%d}`, Hash(root), size))
}

// message is what is signed for the tree that has l, if l is of an envelope
// whose own message is m.
func (l *Leaf) message(m []byte) []byte {
	return treeMessage(climb(tlog.RecordHash(m), l.Index, l.Size, l.Path), l.Size)
}

// whole reports whether l is a place in a tree, and its path as long as it must
// be there.
func (l *Leaf) whole() bool {
	return 2 <= l.Size && l.Size <= maxTree && 0 <= l.Index && l.Index < l.Size && len(l.Path) == tlog.HashSize*depth(l.Index, l.Size)
}

// grow returns the root over leaves, and adds to the path of each what is beside
// its way there.
func grow(leaves []tlog.Hash, paths [][]byte) tlog.Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := split(len(leaves))
	left, right := grow(leaves[:k], paths[:k]), grow(leaves[k:], paths[k:])
	for i := range paths {
		beside := right
		if i >= k {
			beside = left
		}
		paths[i] = append(paths[i], beside[:]...)
	}
	return tlog.NodeHash(left, right)
}

// climb returns the root to which a whole path leads.
func climb(leaf tlog.Hash, index, size int, path []byte) tlog.Hash {
	if size == 1 {
		return leaf
	}
	path, beside := path[:len(path)-tlog.HashSize], tlog.Hash(path[len(path)-tlog.HashSize:])
	if k := split(size); index < k {
		return tlog.NodeHash(climb(leaf, index, k, path), beside)
	} else {
		return tlog.NodeHash(beside, climb(leaf, index-k, size-k, path))
	}
}

// depth is how many hashes are beside the way from a leaf to the root.
func depth(index, size int) (n int) {
	for ; size > 1; n++ {
		if k := split(size); index < k {
			size = k
		} else {
			index, size = index-k, size-k
		}
	}
	return n
}

// split is how many of n leaves are to the left of a root: the largest power of
// two that is less than n.
func split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }
