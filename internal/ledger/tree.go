// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/bundle"
)

// grow returns the tree of size entries with records added, and the hashes that
// come with these.
func grow(size int64, read tlog.HashReader, records [][]byte) (tlog.Tree, []tlog.Hash, error) {
	o := &overlay{below: read, first: tlog.StoredHashCount(size)}
	for i, r := range records {
		if len(r) > math.MaxUint16 {
			return tlog.Tree{}, nil, fmt.Errorf("entry of %d bytes; at most %d can be served", len(r), math.MaxUint16)
		}
		hashes, err := tlog.StoredHashes(size+int64(i), r, o)
		if err != nil {
			return tlog.Tree{}, nil, err
		}
		o.added = append(o.added, hashes...)
	}
	n := size + int64(len(records))
	root, err := tlog.TreeHash(n, o)
	return tlog.Tree{N: n, Hash: root}, o.added, err
}

// An overlay reads hashes from below and those that are not there yet.
type overlay struct {
	below tlog.HashReader
	first int64 // position of added[0]
	added []tlog.Hash
}

// ReadHashes reads from below only what it must.
func (o *overlay) ReadHashes(positions []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(positions))
	var old []int64
	for i, p := range positions {
		if p < o.first {
			old = append(old, p)
			continue
		}
		out[i] = o.added[p-o.first]
	}
	if len(old) == 0 {
		return out, nil
	}
	hashes, err := o.below.ReadHashes(old)
	if err != nil {
		return nil, err
	}
	for i, p := range positions {
		if p < o.first {
			out[i], hashes = hashes[0], hashes[1:]
		}
	}
	return out, nil
}

// sign returns the checkpoint of t: a signed note of three lines, the origin,
// the size and the root hash (C2SP tlog-checkpoint; spec/ledger.md section 3).
func (l *Ledger) sign(t tlog.Tree) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", l.Origin, t.N, base64.StdEncoding.EncodeToString(t.Hash[:]))
	signed, err := note.Sign(&note.Note{Text: text}, l.Signer)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	return signed, nil
}

// checkpoint returns the latest checkpoint and its size. Before the first
// receipt it is that of the empty tree. It never goes back behind what this
// Ledger has signed.
func (l *Ledger) checkpoint(ctx context.Context) ([]byte, int64, error) {
	before := l.latest().N // first: the log may grow meanwhile
	signed, size, err := l.DB.Checkpoint(ctx)
	if err != nil {
		return nil, 0, err
	}
	if size < before || signed == nil && size > 0 {
		return nil, 0, ErrTampered
	}
	if signed != nil {
		return signed, size, nil
	}
	root, err := tlog.TreeHash(0, l.DB.HashReader(ctx))
	if err != nil {
		return nil, 0, err
	}
	signed, err = l.sign(tlog.Tree{Hash: root})
	return signed, 0, err
}

// Prove returns the latest checkpoint and the inclusion proofs (RFC 6962) of
// those receipts of job that it covers, in the order of seqs.
func (l *Ledger) Prove(ctx context.Context, job string, seqs ...uint64) (*bundle.Log, error) {
	checkpoint, size, err := l.checkpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("prove: %w", err)
	}
	out := &bundle.Log{Checkpoint: string(checkpoint), Proofs: []bundle.Proof{}}
	for _, seq := range seqs {
		leaf, err := l.DB.LeafIndex(ctx, job, seq)
		if err != nil {
			return nil, fmt.Errorf("prove: %w", err)
		}
		if 0 <= leaf && leaf < size { // the log may have grown since
			out.Proofs = append(out.Proofs, bundle.Proof{Seq: seq, Index: leaf})
		}
	}
	if err := prove(out.Proofs, size, l.DB.HashReader(ctx)); err != nil {
		return nil, fmt.Errorf("prove: %w", err)
	}
	return out, nil
}

// prove fills the proofs in. It goes over them twice, to learn which hashes are
// needed and, when these are read all at once, to use them.
func prove(proofs []bundle.Proof, size int64, read tlog.HashReader) error {
	known := map[int64]tlog.Hash{}
	var missing []int64
	learn := tlog.HashReaderFunc(func(positions []int64) ([]tlog.Hash, error) {
		for _, p := range positions {
			if _, ok := known[p]; !ok {
				known[p] = tlog.Hash{}
				missing = append(missing, p)
			}
		}
		return make([]tlog.Hash, len(positions)), nil
	})
	if err := proveAll(proofs, size, learn); err != nil {
		return err
	}
	hashes, err := read.ReadHashes(missing)
	if err != nil {
		return err
	}
	for i, p := range missing {
		known[p] = hashes[i]
	}
	return proveAll(proofs, size, tlog.HashReaderFunc(func(positions []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(positions))
		for i, p := range positions {
			out[i] = known[p]
		}
		return out, nil
	}))
}

func proveAll(proofs []bundle.Proof, size int64, read tlog.HashReader) error {
	for i := range proofs {
		hashes, err := tlog.ProveRecord(size, proofs[i].Index, read)
		if err != nil {
			return err
		}
		proofs[i].Hashes = hashes
	}
	return nil
}
