// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"time"

	"github.com/clawea/clawea/seal"
)

// A State is what is known of a server without asking it anything.
type State struct {
	Is       string    // what it calls itself, with its version, as it was heard last; "": nobody has asked yet
	Identity seal.Hash // as a policy would pin it then
	Tools    int       // how many it had
	Seen     time.Time // when that was
	Failed   time.Time // when it could not be asked, if that is later
	Running  int       // conversations with it, of a process each if the house starts it
}

// State tells what is known of the server.
func (s *Server) State() State {
	out := State{Running: s.pool.running()}
	k := &s.known
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now != nil {
		out.Is, out.Identity, out.Tools, out.Seen = k.now.server, k.now.identity.digest, len(k.now.tools), k.seen
	}
	if k.fault != nil {
		out.Failed = k.tried
	}
	return out
}
