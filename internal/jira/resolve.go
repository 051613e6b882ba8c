// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"fmt"

	"github.com/clawea/clawea/policy"
)

const kindProject = "project"

// Resolve returns the ids that a policy's names of projects stand for, in the
// same order, at the policy's publication. A name must be the project's present
// key: a key that was given up could be taken by another project tomorrow. The
// error names the name that leads nowhere, and what mends it.
func (c *Connector) Resolve(ctx context.Context, names []policy.Name) ([]policy.Bound, error) {
	out := make([]policy.Bound, 0, len(names))
	for _, n := range names {
		if n.Tool != tool || n.Kind != kindProject {
			return nil, fmt.Errorf("%s is a %s %s, which Jira does not have; ask the connector that does", n, n.Tool, n.Kind)
		}
		if !projectKey.MatchString(n.Name) {
			return nil, fmt.Errorf("%s is not a project's key; write it in capitals, such as ENG", n)
		}
		p, err := c.project(ctx, n.Name)
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", n, err)
		}
		switch {
		case p.Key != n.Name && projectKey.MatchString(p.Key):
			return nil, fmt.Errorf("the project %s is called %s now; write %s in the policy", n.Name, p.Key, p.Key)
		case p.Key != n.Name:
			return nil, fmt.Errorf("the project %s has another key now; write that in the policy", n.Name)
		case p.Archived:
			return nil, fmt.Errorf("the project %s is archived; restore it or leave it out of the policy", n.Name)
		}
		out = append(out, policy.Bound{Name: n, Site: c.site, ID: p.ID})
	}
	return out, nil
}
