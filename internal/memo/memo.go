// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package memo remembers for a moment what is dear to find out and hardly ever
// changes.
package memo

import (
	"sync"
	"time"
)

// Max is how many values a Memo holds. Beyond them it forgets all.
const Max = 1024

// A Memo holds values by key, each for a while. The zero Memo is ready. It may be
// used by many goroutines; a copy of it may not. What it returns is shared.
type Memo[K comparable, V any] struct {
	mu     sync.Mutex
	values map[K]value[V]
	age    int // how often everything was dropped
}

type value[V any] struct {
	v           V
	from, until time.Time
}

// Get returns the value of k, if it is remembered at now.
func (m *Memo[K, V]) Get(k K, now time.Time) (v V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.values[k]
	if !ok || !now.Before(found.until) || now.Before(found.from) { // a clock that went back makes nothing last
		return v, false
	}
	return found.v, true
}

// Put remembers v for k from now on, for as long as life.
func (m *Memo[K, V]) Put(k K, v V, now time.Time, life time.Duration) {
	m.PutSince(m.Age(), k, v, now, life)
}

// PutSince is Put, unless everything was dropped since the memo had that age: v
// may be what was to be forgotten.
func (m *Memo[K, V]) PutSince(age int, k K, v V, now time.Time, life time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.age != age {
		return
	}
	if m.values == nil || len(m.values) >= Max {
		m.values = map[K]value[V]{}
	}
	m.values[k] = value[V]{v, now, now.Add(life)}
}

// Forget drops everything.
func (m *Memo[K, V]) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values = nil
	m.age++
}

// Age is for PutSince: how often everything was dropped.
func (m *Memo[K, V]) Age() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.age
}
