// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/clawea/clawea/seal"
)

// Current returns, as JSON, what based_on of a call of an action would have to be
// now; args are the call's other arguments. It is for callers whose interface knows
// no versions, such as other people's MCP servers: they overwrite what is there, and
// between this look and the change it is held to what was there all the same. It
// reads where the issue is and when it was changed, and nothing of what is in it;
// whether the call is allowed is [Connector.Plan]'s to say. Errors are *gate.Fault.
func (c *Connector) Current(ctx context.Context, action string, args []byte) (json.RawMessage, error) {
	name := strings.TrimPrefix(action, tool+".")
	if !slices.Contains([]string{actionEdit, actionTransition, actionAssign}, name) {
		return nil, fault("bad_argument", "jira.%s is based on no version; leave based_on away", short(name))
	}
	var a issueArgs
	if len(args) > maxArgs || seal.Glance(args, &a) != nil {
		return nil, fault("bad_argument", "the arguments do not say which issue is meant; give issue_key")
	}
	k, err := key(a.IssueKey)
	if err != nil {
		return nil, err
	}
	// Not locate: whether an issue is restricted is no answer to give before its
	// place is held to the policy.
	i, _, err := c.anyIssue(ctx, k, nil, false)
	if err != nil {
		return nil, err
	}
	return seal.Marshal(i.place().version())
}
