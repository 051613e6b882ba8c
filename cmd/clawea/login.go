// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
)

// loginLink prints a way in for the house's own administrator.
func loginLink(ctx context.Context, c *call) error {
	cl, err := c.dial(0, 0)
	if err != nil {
		return err
	}
	l, err := cl.LoginLink(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "%s\n", clean(l.Link))
	fmt.Fprintf(c.stderr, "clawea: it is good once, for 15 minutes, and for whoever opens it first\n")
	return nil
}
