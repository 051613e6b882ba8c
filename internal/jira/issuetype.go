// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
)

// An issueType is as much of one as is needed. Some belong to one project, and
// some are shared by many, so that an id means little without a project.
type issueType struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (t *issueType) valid() bool { return t != nil && digits.MatchString(t.ID) && t.Name != "" }

// withTypeOf names the type t of something in p among a call's resources, once.
// A type that Jira did not tell has no id and so lies in nothing that a policy lists.
func withTypeOf(list []policy.Resource, p *project, t issueType) []policy.Resource {
	r := policy.Resource{Type: "issue_type", ID: t.ID, Path: append(p.path(), policy.Place(t))}
	same := func(o policy.Resource) bool { return o.Type == r.Type && slices.Equal(o.Path, r.Path) }
	if slices.ContainsFunc(list, same) {
		return list
	}
	return append(list, r)
}

// typed returns the project's type with an id and name; nil if it has none.
func (p *project) typed(id, name string) *issueType {
	i := slices.IndexFunc(p.IssueTypes, func(t issueType) bool { return t.valid() && t.ID == id && t.Name == name })
	if i < 0 {
		return nil
	}
	return &p.IssueTypes[i]
}

// issueType finds the project's type that an agent means: by id if it is a
// number, else by the exact name, or else by the name in any case. What could
// mean two types means none. Which types there are is not said: the project may
// be one that the agent knows nothing of.
func (p *project) issueType(meant string) (*issueType, error) {
	var hits []issueType
	for _, is := range []func(t issueType) bool{
		func(t issueType) bool { return t.ID == meant },
		func(t issueType) bool { return t.Name == meant && !digits.MatchString(meant) },
		func(t issueType) bool { return strings.EqualFold(t.Name, meant) && !digits.MatchString(meant) },
	} {
		for _, t := range p.IssueTypes {
			if t.valid() && is(t) {
				hits = append(hits, t)
			}
		}
		if len(hits) > 0 {
			break
		}
	}
	switch len(hits) {
	case 0:
		return nil, fault("bad_argument", "issue_type: %q is not an issue type of this project; write a name such as Task, or an id", short(meant))
	case 1:
		return &hits[0], nil
	}
	return nil, fault("bad_argument", "issue_type: more than one is called %q; write an id, such as %s or %s", short(meant), hits[0].ID, hits[1].ID)
}

// An area is where a search may look: a project and, if the policy lists issue
// types, those of its types that the policy lists.
type area struct {
	name    string // the policy's
	project *project
	types   []issueType
}

// holds reports whether the issue lies in the area, by ids.
func (a *area) holds(i *issue, byType bool) bool {
	if i.Fields.Project.ID != a.project.ID {
		return false
	}
	t := i.Fields.IssueType
	return !byType || t.valid() && slices.ContainsFunc(a.types, func(of issueType) bool { return of.ID == t.ID })
}

// areas reads the projects that the policy names on this site as they are now,
// with their issue types, and tells whether the policy lists issue types at all.
// Projects without a listed type are left out then.
func (c *Connector) areas(ctx context.Context, bounds []policy.Bound) (list []area, byType bool, err error) {
	for _, b := range bounds {
		byType = byType || b.Tool == tool && b.Kind == policy.IssueType
		if b.Tool != tool || b.Kind != policy.Project || b.Site != c.site || b.ID == "" {
			continue
		}
		if len(list) == maxProjects {
			return nil, false, fault("outside", "the policy names more than %d projects, which is more than a search can carry; ask for a narrower token", maxProjects)
		}
		p, err := c.project(ctx, b.ID)
		if err != nil {
			return nil, false, err
		}
		if p.ID != b.ID {
			return nil, false, fault("upstream", "Jira answered with another project than was asked for; try again later")
		}
		list = append(list, area{name: b.Name.Name, project: p})
	}
	if len(list) == 0 {
		return nil, false, fault("outside", "the policy names no project of this site; ask for a policy that does")
	}
	if byType {
		list, err = c.byType(list, bounds)
	}
	return list, byType, err
}

// byType gives each area its listed types. A name that leads elsewhere than when
// the policy was published ends the search: a query by the id alone would find
// what the policy's author did not mean.
func (c *Connector) byType(list []area, bounds []policy.Bound) ([]area, error) {
	n := 0
	for _, b := range bounds {
		if b.Tool != tool || b.Kind != policy.IssueType || b.Site != c.site {
			continue
		}
		key, name, _ := strings.Cut(b.Name.Name, "/")
		at := slices.IndexFunc(list, func(a area) bool { return a.name == key })
		if at < 0 {
			continue
		}
		t := list[at].project.typed(b.ID, name)
		if t == nil {
			return nil, fault("outside", "the issue type %s of the policy is not what it was when that was published; ask an operator to publish it anew", b.Name.Name)
		}
		if n++; n > maxTypes {
			return nil, fault("outside", "the policy names more than %d issue types, which is more than a search can carry; ask for a narrower token", maxTypes)
		}
		list[at].types = append(list[at].types, *t)
	}
	if n == 0 {
		return nil, fault("outside", "the policy names no issue type of its projects; ask for a policy or a token that does")
	}
	return slices.DeleteFunc(list, func(a area) bool { return len(a.types) == 0 }), nil
}

// resources names the areas' projects, and then the types that a search is bounded by.
func resources(list []area) []policy.Resource {
	var out []policy.Resource
	for _, a := range list {
		out = append(out, a.project.resource())
	}
	for _, a := range list {
		for _, t := range a.types {
			out = withTypeOf(out, a.project, t)
		}
	}
	return out
}

// typeWords are the words by which a query may mean the areas' types.
func typeWords(list []area) []string {
	var out []string
	for _, a := range list {
		for _, t := range a.types {
			out = append(out, t.Name, t.ID)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return slices.Compact(out)
}
