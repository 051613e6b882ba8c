// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"context"

	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// These parts of a house are asked too late: ctx has ended.
type (
	late struct {
		*registry.Registry
		ctx context.Context
	}
	lateTokens struct {
		*store.DB
		ctx context.Context
	}
	lateTexts struct {
		*store.DB
		ctx context.Context
	}
)

func (l late) Policy(_ context.Context, h seal.Hash) (*policy.Policy, error) {
	return l.Registry.Policy(l.ctx, h)
}

func (l lateTokens) Token(_ context.Context, id token.ID) (*store.Token, error) {
	return l.DB.Token(l.ctx, id)
}

func (l lateTexts) Text(_ context.Context, job string, seq uint64, h seal.Hash) (receipt.Text, error) {
	return l.DB.Text(l.ctx, job, seq, h)
}
