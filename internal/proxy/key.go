// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"sync"
	"time"
)

// keyLife is how long a provider's key is used before it is fetched anew.
const keyLife = time.Second

// A heldKey is a provider's key, for a moment: it is a file's content, and there
// may be thousands of calls in a second.
type heldKey struct {
	mu    sync.Mutex
	key   string
	until time.Time
}

// get returns the key, fetched by fetch unless that was a moment ago. What went
// wrong is not kept.
func (k *heldKey) get(fetch func() (string, error)) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if now.Before(k.until) {
		return k.key, nil
	}
	key, err := fetch()
	if err != nil {
		return "", err
	}
	if key == "" {
		return "", errors.New("it is empty")
	}
	k.key, k.until = key, now.Add(keyLife)
	return key, nil
}
