// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"strings"
)

// What the seeding methods ask for must be there; if it is not, the calling program is wrong.

func (s *Site) mustBeFree(projectKey string) {
	for _, p := range s.projects {
		if p.named(projectKey) {
			panic("atlassian: a project has or had the key " + projectKey)
		}
	}
}

func (s *Site) mustProject(idOrKey string) *project {
	if p := s.projects[idOrKey]; p != nil {
		return p
	}
	for _, p := range s.projects {
		if p.named(idOrKey) {
			return p
		}
	}
	panic("atlassian: no project has the key or id " + idOrKey)
}

func (s *Site) mustType(p *project, name string) *issueType {
	t := p.typeNamed(name)
	if t == nil {
		panic("atlassian: the project " + p.key + " has no issue type " + name)
	}
	return t
}

func (s *Site) issueNamed(idOrKey string) *issue {
	if i := s.issues[idOrKey]; i != nil {
		return i
	}
	return s.keys[strings.ToUpper(idOrKey)]
}

func (s *Site) mustIssue(idOrKey string) *issue {
	i := s.issueNamed(idOrKey)
	if i == nil {
		panic("atlassian: no issue has the key or id " + idOrKey)
	}
	return i
}

func (s *Site) mustField(id string) *field {
	f := s.field(id)
	if f == nil || f.set == nil {
		panic("atlassian: the field " + id + " cannot be set")
	}
	return f
}

func must(problem string) {
	if problem != "" {
		panic("atlassian: " + problem)
	}
}

// known returns what a look-up by name has found.
func known[T any](found T, there bool) T {
	if !there {
		panic("atlassian: there is no status or priority of this name")
	}
	return found
}

func mustJSON[T string | reference](v T) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // unreachable: strings always marshal
	}
	return raw
}

func orElse(text, normal string) string {
	if text == "" {
		return normal
	}
	return text
}
