// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"
	"slices"
	"strings"
)

// CanEver reports whether p could allow a under some facts and arguments, with
// or without a person. It errs only on the side of yes. Tool lists and grants
// are made from it.
func (p *Policy) CanEver(a Action) bool {
	c := &Call{Tool: a.Tool, Action: a.Name, Class: a.Class}
	var t tally
	switch c.Tool {
	case "model":
		return p.hasModels() && p.grants(c)
	case "confluence":
		r := p.doc.Resources
		if r == nil || len(r.Spaces)+len(r.Prefixes) == 0 {
			return false
		}
		p.judgeActions(c, &t, true)
	case "jira":
		if p.doc.Allow == nil || len(p.doc.Allow.Projects) == 0 || !anyOperation(p.doc.Allow.Operations, c) {
			return false
		}
		p.judgeActions(c, &t, false)
	default:
		p.judgeOwnTool(c, &t)
		if len(t.permitted) == 0 {
			return false
		}
	}
	p.judgeTool(c, &t)
	p.judgeDenied(c, &t)
	// A filter is an argument's matter, not the action's.
	t.denied = slices.DeleteFunc(t.denied, func(r Reason) bool { return strings.HasSuffix(r.Clause, "/query_filters_required") })
	return len(t.denied) == 0 && p.grants(c)
}

func (p *Policy) grants(c *Call) bool {
	return p.grant == nil || slices.ContainsFunc(p.grant.Actions, func(s string) bool { return match(s, c) })
}

// match reports whether an entry of a tool list means c: by full name with
// globs, by tool, or by class.
func match(entry string, c *Call) bool {
	return glob(entry, c.Name()) || entry == c.Tool || c.Class != "" && entry == string(c.Class)
}

func anyMatch(entries []string, c *Call) bool {
	return slices.ContainsFunc(entries, func(s string) bool { return match(s, c) })
}

// anyOperation matches entries that name operations without their tool
// ("issue.create") or with it ("jira.issue.create").
func anyOperation(entries []string, c *Call) bool {
	return slices.ContainsFunc(entries, func(s string) bool {
		return c.Tool != "model" && (glob(s, c.Action) || glob(s, c.Name()))
	})
}

// glob matches s against a pattern in which * stands for any run of characters.
func glob(pattern, s string) bool {
	head, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	for {
		part, more, starred := strings.Cut(rest, "*")
		if !starred {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], more
	}
}

// Minimal returns c as it may be recorded: of the names on its resources'
// paths, only those that the policy says itself. Deciding c and deciding the
// minimal c give the same decision, since only such names can match.
func (p *Policy) Minimal(c *Call) *Call {
	out := *c
	out.Resources = slices.Clone(c.Resources)
	for i := range out.Resources {
		r := &out.Resources[i]
		r.Labels = p.saidLabels(r.Labels)
		r.Path = slices.Clone(r.Path)
		name := ""
		for j := range r.Path {
			if j > 0 {
				name += "/"
			}
			name += r.Path[j].Name
			if !p.says(name) {
				for k := j; k < len(r.Path); k++ {
					r.Path[k].Name = ""
				}
				break
			}
		}
	}
	return &out
}

// saidLabels returns those labels that the policy says, in their order.
func (p *Policy) saidLabels(labels []string) []string {
	var out []string
	for _, l := range labels {
		if r := p.doc.Resources; r != nil && slices.Contains(r.Labels, l) {
			out = append(out, l)
		}
	}
	return out
}

// says reports whether name is one of the policy's names, or the beginning of one.
func (p *Policy) says(name string) bool {
	for _, b := range p.bound {
		if full := strings.TrimSuffix(b.Name.Name, "/") + "/"; strings.HasPrefix(full, name+"/") {
			return true
		}
	}
	return false
}

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }
