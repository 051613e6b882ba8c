// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/seal"
)

// memory is a DB that can be tampered with.
type memory struct {
	sequencing sync.Mutex

	mu      sync.Mutex
	broken  error // if set, every method fails
	queue   []place
	places  map[place]int64
	records [][]byte
	hashes  []tlog.Hash
	note    []byte
	size    int64
}

type place struct {
	job string
	seq uint64
}

func (p place) entry() []byte { return bundle.LogEntry(p.job, p.seq, seal.Sum([]byte("envelope"))) }

func (m *memory) commit(job string, seqs ...uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, seq := range seqs {
		m.queue = append(m.queue, place{job, seq})
	}
}

// look runs f on the data, as a database does a read.
func (m *memory) look(f func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken == nil {
		f()
	}
	return m.broken
}

func (m *memory) Sequence(ctx context.Context, limit int, fold func(int64, tlog.HashReader, [][]byte) ([]tlog.Hash, []byte, error)) (int, error) {
	if !m.sequencing.TryLock() {
		return 0, nil
	}
	defer m.sequencing.Unlock()
	var taken []place
	var records [][]byte
	if err := m.look(func() { taken = slices.Clone(m.queue[:min(limit, len(m.queue))]) }); err != nil || len(taken) == 0 {
		return 0, err
	}
	for _, p := range taken {
		records = append(records, p.entry())
	}
	hashes, note, err := fold(m.size, m.HashReader(ctx), records)
	if err != nil {
		return 0, err
	}
	return len(taken), m.look(func() {
		for i, p := range taken {
			m.places[p] = m.size + int64(i)
		}
		m.queue = m.queue[len(taken):]
		m.records = append(m.records, records...)
		m.hashes = append(m.hashes, hashes...)
		m.note, m.size = note, m.size+int64(len(taken))
	})
}

func (m *memory) Checkpoint(context.Context) (note []byte, size int64, err error) {
	err = m.look(func() { note, size = m.note, m.size })
	return note, size, err
}

func (m *memory) HashReader(context.Context) tlog.HashReader {
	return tlog.HashReaderFunc(func(positions []int64) (out []tlog.Hash, err error) {
		missing := false
		err = m.look(func() {
			for _, p := range positions {
				if missing = missing || p >= int64(len(m.hashes)); !missing {
					out = append(out, m.hashes[p])
				}
			}
		})
		if missing {
			err = errors.New("no such hash")
		}
		return out, err
	})
}

func (m *memory) LeafIndex(_ context.Context, job string, seq uint64) (leaf int64, err error) {
	err = m.look(func() {
		var ok bool
		if leaf, ok = m.places[place{job, seq}]; !ok {
			leaf = -1
		}
	})
	return leaf, err
}

func (m *memory) Records(_ context.Context, from int64, n int) (out [][]byte, err error) {
	err = m.look(func() {
		from = min(from, int64(len(m.records)))
		out = m.records[from:min(from+int64(n), int64(len(m.records)))]
	})
	return out, err
}
