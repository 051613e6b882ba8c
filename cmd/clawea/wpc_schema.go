// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/clawea/clawea/policy"
)

func wpcSchema(_ context.Context, c *call) error {
	out := c.String("o", "", "write to `FILE` instead of standard output")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	b, err := policy.Schema()
	if err != nil {
		return err
	}
	return c.output(*out, b)
}
