// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/screen"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// maxScreens is how many policies' rules are held ready.
const maxScreens = 256

// screens hold policies' rules ready for use, by the policy's hash. Rules that
// many policies name are shared: screen sees to that.
type screens struct {
	mu    sync.Mutex
	rules map[seal.Hash]*screen.Rules
}

// of returns the rules of p's policy, nil if it has none. What the policy blocks
// is masked as well: the house keeps requests, and need not keep that.
func (s *screens) of(p *policy.Policy) (*screen.Rules, error) {
	block, mask := p.Screening()
	if len(block)+len(mask) == 0 {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rules[p.Hash()]; r != nil {
		return r, nil
	}
	r, err := screen.For(slices.Concat(block, mask))
	if err != nil {
		return nil, err
	}
	if s.rules == nil || len(s.rules) >= maxScreens {
		s.rules = map[seal.Hash]*screen.Rules{}
	}
	s.rules[p.Hash()] = r
	return r, nil
}

// screen takes out of the request what c's policy says. From here on there is no
// other: it is what is committed to, decided on and sent. Where it cannot be
// screened nothing of it is kept, and the plan fails.
func (x *exchange) screen(c *gate.Caller) {
	rules, err := x.proxy.screens.of(c.Policy())
	if err != nil {
		x.proxy.Log.ErrorContext(x.r.Context(), "screen a request", "policy", c.Policy().Hash().String(), "error", err)
		x.body = nil
		x.unscreened = &gate.Fault{Code: codeScreening, Msg: "the policy's screening rules cannot be used in this house\nTrying again will not help: ask the house's operator."}
		return
	}
	if rules != nil {
		x.rules = rules
		x.body, x.found = rules.Mask(x.body)
	}
}

// screenHeader drops what the policy's rules find something in.
func (x *exchange) screenHeader(h http.Header) {
	if x.rules == nil {
		return
	}
	for name, values := range h {
		if _, found := x.rules.Mask([]byte(strings.Join(values, " "))); len(found) > 0 {
			delete(h, name)
		}
	}
}
