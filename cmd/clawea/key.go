// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/clawea/clawea/internal/keys"
)

func keyNew(_ context.Context, c *call) error {
	name := c.String("name", "", "whose key it is: a `NAME` without spaces, like alice@example.com")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	if err := c.need("name"); err != nil {
		return err
	}
	public, err := keys.GenerateTo(c.args[0], *name)
	switch told := (*keys.Error)(nil); {
	case errors.As(err, &told):
		return err
	case errors.As(err, new(*fs.PathError)):
		return fmt.Errorf("%w\nname a file in a directory that exists and can be written", err)
	case err != nil:
		return fmt.Errorf("%w\nname a person or a program, like alice@example.com", err)
	}
	fmt.Fprintln(c.stdout, public)
	return nil
}

func keyRotate(_ context.Context, c *call) error {
	dir := c.String("keys", "", "the `DIR` of the house's keys, \"keys\" in the daemon's configuration")
	at := c.Bool("now", false, fmt.Sprintf("switch without waiting %d minutes after the announcement: for a key that has leaked", keys.MinAnnounced/time.Minute))
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := c.need("keys"); err != nil {
		return err
	}
	wait := keys.MinAnnounced
	if *at {
		wait = 0
	}
	r, err := keys.Rotate(*dir, time.Now(), wait)
	if err != nil {
		return err
	}
	c.sayRotation(r, *dir)
	return nil
}

// sayRotation prints what was done, and to standard error what comes next.
func (c *call) sayRotation(r *keys.Rotation, dir string) {
	fmt.Fprintf(c.stdout, "signs      %s\n", r.Signs)
	if r.Switched {
		fmt.Fprintf(c.stdout, "retired    %s\n", r.Retired)
		fmt.Fprintf(c.stderr, "its private half is gone; its tokens are accepted while they last, until %s at most\n", r.Until.Format(time.RFC3339))
		fmt.Fprintf(c.stderr, "now copy %s to every replica, and destroy older copies of it\n", dir)
		return
	}
	fmt.Fprintf(c.stdout, "announced  %s\n", r.Next)
	fmt.Fprintf(c.stderr, "now copy %s to every replica, and give auditors the new trust file: clawea proof trust\n", dir)
	fmt.Fprintf(c.stderr, "switch from %s on, with the same command\n", r.Ready.Format(time.RFC3339))
}
