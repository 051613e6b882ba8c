// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// checkChange reads what a question's call will change outside, and holds it to
// the receipt that asks. Nil: the receipt commits to nothing.
func checkChange(q *api.Question, r *receipt.Receipt) (*receipt.Change, error) {
	if r.Call.Change.IsZero() && q.Change == nil {
		return nil, nil
	}
	if q.Change == nil || !seal.Commit(q.Change.Salt, q.Change.Text).Equal(r.Call.Change) {
		return nil, errOtherCall
	}
	c, err := receipt.ParseChange(q.Change.Text)
	if err != nil {
		return nil, fmt.Errorf("the daemon shows a change that cannot be read: %w\ndo not answer it; tell the operator of the house", err)
	}
	return c, nil
}

// shown is how many bytes of a request's body are shown to whom does not ask for
// all of it.
const shown = 2000

// showChange prints what a call will change outside, and whether that can be
// undone.
func (c *call) showChange(ch *receipt.Change, tool, job string, full bool) {
	fmt.Fprintf(c.stdout, "change     %s\n", clean(ch.Summary))
	if ch.Target != nil {
		fmt.Fprintf(c.stdout, "target     %s\n", clean(resourceLine(*ch.Target)))
	} else {
		fmt.Fprintf(c.stdout, "target     something new\n")
	}
	if ch.Undoes != "" {
		fmt.Fprintf(c.stdout, "undoes     %s\n", clean(ch.Undoes))
	}
	undo := "yes, by " + tool + "." + ch.Undo.Action + ": clawea job undo " + job + " -note TEXT"
	if ch.Undo.Irreversible != "" {
		undo = "NO: " + ch.Undo.Irreversible
	}
	fmt.Fprintf(c.stdout, "undo       %s\n", clean(undo))
	fmt.Fprintf(c.stdout, "sends      %s %s, %d bytes\n", clean(ch.Request.Method), clean(ch.Request.Path), len(ch.Request.Body))
	body := string(ch.Request.Body)
	if cut := len(body) - shown; cut > 0 && !full {
		body = strings.ToValidUTF8(body[:shown], "") + fmt.Sprintf("\n... and %d bytes more: clawea approve show ID -full", cut)
	}
	if body != "" {
		fmt.Fprint(c.stdout, indent([]byte(body)))
	}
	fmt.Fprintf(c.stdout, "difference (other people's text and the agent's)\n%s", indent([]byte(cmp.Or(ch.Diff, "none is shown: read what is sent"))))
}
