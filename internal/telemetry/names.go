// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import "sync"

const (
	maxNames = 200 // that a label takes
	other    = "other"
)

// Names are the values that a label has taken. Agents can make up names, and
// each would cost memory here and at the receiver for good: so there is an end
// to them, and what comes after is "other".
type names struct {
	mu   sync.RWMutex
	seen map[string]bool
}

func newNames() *names { return &names{seen: map[string]bool{}} }

// label returns name if it is known, or plain and there is room for it, and
// else "other". Only with learn is it known from now on.
func (n *names) label(name string, learn bool) string {
	if name == "" {
		return ""
	}
	n.mu.RLock()
	known, full := n.seen[name], len(n.seen) >= maxNames
	n.mu.RUnlock()
	switch {
	case known:
		return name
	case full || !learn || !plain(name):
		return other
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.seen) >= maxNames && !n.seen[name] {
		return other
	}
	n.seen[name] = true
	return name
}

// plain reports whether a name is one of programs: 1 to 128 letters, digits and
// a few signs, and no text.
func plain(name string) bool {
	for i := range len(name) {
		switch b := name[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case b == '.' || b == '-' || b == '_' || b == ':' || b == '/' || b == '@' || b == '+':
		default:
			return false
		}
	}
	return name != "" && len(name) <= 128
}

// told returns name as a span may hold it.
func told(name string) string {
	if plain(name) {
		return name
	}
	return other
}
