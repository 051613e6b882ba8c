// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"time"

	"github.com/clawea/clawea/internal/memo"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// believed is for how long a policy that was verified is not read again.
const believed = time.Second

// A Recent serves policies to those who ask for each call. What it was asked for
// within the last second it does not read and verify again: a hash never means
// another policy. It may not be copied.
type Recent struct {
	Registry *Registry

	policies memo.Memo[seal.Hash, *policy.Policy]
}

// Policy returns the published policy h, bound to ids. It fills gate.Policies.
func (r *Recent) Policy(ctx context.Context, h seal.Hash) (*policy.Policy, error) {
	now := r.Registry.Now()
	if p, ok := r.policies.Get(h, now); ok {
		return p, nil
	}
	p, err := r.Registry.Policy(ctx, h)
	if err != nil {
		return nil, err
	}
	r.policies.Put(h, p, now, believed)
	return p, nil
}
