// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/api"
)

// jobSettle says what became of a call, in a person's name, where the house cannot
// tell.
func jobSettle(ctx context.Context, c *call) error {
	reason := c.String("reason", "", "how you know, in a line, for the house's log")
	cl, err := c.dial(2, 2)
	if err != nil {
		return err
	}
	job, text, _ := strings.Cut(c.args[0], "/")
	seq, err := strconv.ParseUint(text, 10, 63)
	if err != nil || seq == 0 {
		return usagef("%s is not the name of a receipt\nname the one that opened the call, as the daemon's log does: JOB/SEQ", c.args[0])
	}
	happened := c.args[1] == "happened"
	if !happened && c.args[1] != "not" {
		return usagef("a call happened, or it did not\nsay: clawea job settle %s happened|not -reason TEXT", c.args[0])
	}
	if *reason == "" {
		return usagef("there is no reason\nsay how you know: -reason TEXT")
	}
	if _, err := cl.Settle(ctx, job, &api.Word{Seq: seq, Happened: &happened, Reason: *reason}); err != nil {
		return err
	}
	says := "did not happen"
	if happened {
		says = "happened"
	}
	fmt.Fprintf(c.stdout, "settled    %s: it %s\n", clean(c.args[0]), says)
	return nil
}
