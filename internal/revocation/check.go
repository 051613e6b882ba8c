// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// ErrOrder is returned, with what is wrong, for an order that cannot be given as it is.
var ErrOrder = errors.New("no such order can be given")

// MaxReason bounds what somebody writes about an order, in bytes.
const MaxReason = 1000

// Checks is what orders are held to before they are given. All fields must be set.
type Checks struct {
	Catalog []policy.Action // all that the house's tools can do
	// Known fails with store.ErrNotFound for the hash of no policy. One that no longer
	// verifies can be withdrawn.
	Known func(ctx context.Context, h seal.Hash) error
}

// Check says what is wrong with an order: errors are ErrOrder, or Known's. A slip of the
// pen must not look like a kill switch: what stops nothing that there is, is no order.
func (c *Checks) Check(ctx context.Context, what token.Revocation, reason string) error {
	if len(reason) > MaxReason || strings.ContainsFunc(reason, unicode.IsControl) {
		return fmt.Errorf("%w: want a reason of at most %d bytes on one line", ErrOrder, MaxReason)
	}
	if err := token.CheckRevocation(what); err != nil {
		return fmt.Errorf("%w: %w", ErrOrder, err)
	}
	switch what.Kind {
	case token.RevokeAction:
		p, err := policy.ParsePattern(what.Target)
		if err != nil || !slices.ContainsFunc(c.Catalog, p.Means) {
			return fmt.Errorf("%w: no action of this house's tools is meant by %q, so stopping it would stop nothing", ErrOrder, what.Target)
		}
	case token.RevokePolicy:
		h, err := seal.ParseHash(what.Target)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrOrder, err)
		}
		return c.Known(ctx, h)
	}
	return nil
}
