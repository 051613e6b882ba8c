// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"context"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Shadows finds the candidates that run beside a policy. internal/store fills it.
type Shadows interface {
	// Candidates returns the hashes of the policies that run in shadow beside h.
	Candidates(ctx context.Context, h seal.Hash) ([]seal.Hash, error)
}

// A candidate runs beside a policy.
type candidate struct {
	hash    seal.Hash
	shadow  *receipt.Shadow
	unknown string // why there is none
}

// beside finds the candidates that run beside p. Whatever is wrong with one is
// its own verdict's matter, never the call's.
func (g *Gate) beside(ctx context.Context, p *policy.Policy, grant policy.Grant) []candidate {
	if g.Shadows == nil {
		return nil
	}
	list, err := g.Shadows.Candidates(ctx, p.Hash())
	if err != nil {
		return []candidate{{unknown: receipt.UnknownCandidates}}
	}
	var out []candidate
	for _, h := range list {
		c, err := g.Policies.Policy(ctx, h)
		if err != nil {
			out = append(out, candidate{hash: h, unknown: receipt.UnknownPolicy})
			continue
		}
		out = append(out, candidate{hash: h, shadow: &receipt.Shadow{Force: p, Candidate: c, Grant: grant}})
	}
	return out
}

// verdicts are what the candidates say of call, the full one, whose exact
// arguments or request are content.
func verdicts(list []candidate, call *policy.Call, f *policy.Facts, content []byte) []receipt.Verdict {
	var out []receipt.Verdict
	for i := range list {
		out = append(out, list[i].verdict(call, f, content))
	}
	return out
}

// verdict survives whatever a candidate does to the deciding.
func (c *candidate) verdict(call *policy.Call, f *policy.Facts, content []byte) (v receipt.Verdict) {
	if c.shadow == nil {
		return receipt.Verdict{Policy: c.hash, Unknown: c.unknown}
	}
	defer func() {
		if recover() != nil {
			v = receipt.Verdict{Policy: c.hash, Unknown: receipt.UnknownFailed}
		}
	}()
	return c.shadow.Decide(call, f, c.shadow.Candidate.Conditions(call, f, content))
}
