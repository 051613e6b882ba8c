// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
)

// Resolve returns the ids that a policy's names of projects and issue types
// stand for, in the same order, at the policy's publication. A name must be the
// project's present key, and the type's present name in that project, letter for
// letter: a name that was given up could be taken by another tomorrow. The error
// names the name that leads nowhere, and what mends it.
func (c *Connector) Resolve(ctx context.Context, names []policy.Name) ([]policy.Bound, error) {
	projects := map[string]*project{} // by key, each read once
	out := make([]policy.Bound, 0, len(names))
	for _, n := range names {
		if n.Tool != tool || n.Kind != policy.Project && n.Kind != policy.IssueType {
			return nil, fmt.Errorf("%s is a %s %s, which Jira does not have; ask the connector that does", n, n.Tool, n.Kind)
		}
		key, typeName, typed := strings.Cut(n.Name, "/")
		if !projectKey.MatchString(key) || typed != (n.Kind == policy.IssueType) {
			return nil, misnamed(n)
		}
		p, known := projects[key]
		if !known {
			var err error
			if p, err = c.present(ctx, n, key); err != nil {
				return nil, err
			}
			projects[key] = p
		}
		id := p.ID
		if typed {
			t, err := p.listed(typeName)
			if err != nil {
				return nil, err
			}
			id = t.ID
		}
		out = append(out, policy.Bound{Name: n, Site: c.site, ID: id})
	}
	return out, nil
}

func misnamed(n policy.Name) error {
	if n.Kind == policy.IssueType {
		return fmt.Errorf("%s is not an issue type of a project; write the project's key in capitals, a slash and the type's name, such as ENG/Task", n)
	}
	return fmt.Errorf("%s is not a project's key; write it in capitals, such as ENG", n)
}

// present reads the project whose key is this now.
func (c *Connector) present(ctx context.Context, n policy.Name, key string) (*project, error) {
	p, err := c.project(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", n, err)
	}
	switch {
	case p.Key != key && projectKey.MatchString(p.Key):
		return nil, fmt.Errorf("the project %s is called %s now; write %s in the policy", key, p.Key, p.Key)
	case p.Key != key:
		return nil, fmt.Errorf("the project %s has another key now; write that in the policy", key)
	case p.Archived:
		return nil, fmt.Errorf("the project %s is archived; restore it or leave it out of the policy", key)
	}
	return p, nil
}

// listed finds the one issue type of the project that a policy lists by name.
func (p *project) listed(name string) (*issueType, error) {
	var hit *issueType
	var names []string
	for i := range p.IssueTypes {
		t := &p.IssueTypes[i]
		if !t.valid() {
			continue
		}
		names = append(names, atlassian.Clean(t.Name, 40))
		switch {
		case t.Name != name:
		case hit != nil && hit.ID != t.ID:
			return nil, fmt.Errorf("the project %s has more than one issue type %q, %s and %s; rename one in Jira, or leave it out of the policy", p.Key, short(name), hit.ID, t.ID)
		default:
			hit = t
		}
	}
	switch {
	case hit != nil:
		return hit, nil
	case len(names) == 0:
		return nil, fmt.Errorf("the project %s shows no issue types to this account, %q neither; have an administrator of Jira look at it", p.Key, short(name))
	}
	slices.Sort(names)
	return nil, fmt.Errorf("the project %s has no issue type %q; write one of: %s", p.Key, short(name), strings.Join(names[:min(len(names), 20)], ", "))
}
