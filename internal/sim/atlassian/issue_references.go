// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"slices"
	"strings"
)

// reference is how a request names something that exists already.
type reference struct {
	ID        string `json:"id"`
	Key       string `json:"key"`
	Name      string `json:"name"`
	Value     string `json:"value"`
	AccountID string `json:"accountId"`
}

// readReference reads one reference; it reports false when the JSON is not an object of strings.
func readReference(raw json.RawMessage) (reference, bool) {
	var ref reference
	err := json.Unmarshal(raw, &ref)
	return ref, err == nil
}

const notReference = "data was not an object"

// referenceFields are the fields that point to something that exists already.
func referenceFields() []*field {
	return []*field{
		{id: "project", name: "Project", kind: "project", clauses: []string{"project"},
			show: func(c *call, i *issue) any { return i.project.brief(c) },
			mark: func(i *issue) mark { return mark{i.project.id, i.project.name} }},
		{id: "issuetype", name: "Issue Type", kind: "issuetype", clauses: []string{"issuetype", "type"},
			show: func(c *call, i *issue) any { return i.kind.json(c) },
			mark: func(i *issue) mark { return mark{i.kind.id, i.kind.name} }, set: setType},
		{id: "parent", name: "Parent", kind: "issuelink", clauses: []string{"parent"}, show: showParent,
			mark: markParent, set: setParent},
		{id: "status", name: "Status", kind: "status", clauses: []string{"status"},
			show: func(c *call, i *issue) any { return i.status.json(c) },
			mark: func(i *issue) mark { return mark{i.status.id, i.status.name} }},
		{id: "resolution", name: "Resolution", kind: "resolution", clauses: []string{"resolution"},
			show: func(c *call, i *issue) any { return i.status.resolution(c) }},
		{id: "priority", name: "Priority", kind: "priority", clauses: []string{"priority"},
			show: func(c *call, i *issue) any { return i.priority.json(c) },
			mark: func(i *issue) mark { return mark{i.priority.id, i.priority.name} }, set: setPriority},
		userField("assignee", "Assignee", func(i *issue) **account { return &i.assignee }),
		userField("reporter", "Reporter", func(i *issue) **account { return &i.reporter }),
		{id: "creator", name: "Creator", kind: "user", clauses: []string{"creator"},
			show: func(c *call, i *issue) any { return i.creator.user(c) }},
		{id: "components", name: "Components", kind: "array", items: "component", clauses: []string{"component"},
			show: showComponents, mark: markComponents, set: setComponents, edit: editComponent},
	}
}

// userField is a field that names an account, or nobody.
func userField(id, name string, at func(*issue) **account) *field {
	return &field{id: id, name: name, kind: "user", clauses: []string{id},
		show: func(c *call, i *issue) any {
			if *at(i) == nil {
				return nil
			}
			return (*at(i)).user(c)
		},
		mark: func(i *issue) mark {
			if *at(i) == nil {
				return mark{}
			}
			return mark{(*at(i)).id, (*at(i)).Name}
		},
		set: func(s *Site, i *issue, raw json.RawMessage) string {
			if isNull(raw) {
				*at(i) = nil
				return ""
			}
			ref, valid := readReference(raw)
			if !valid {
				return notReference
			}
			id := ref.AccountID
			if id == "" {
				id = ref.ID
			}
			if s.config.DataCenter {
				id = ref.Name
			}
			a := s.named(id)
			if a == nil {
				return "Specify a valid value for " + name
			}
			*at(i) = a
			return ""
		},
	}
}

func setType(_ *Site, i *issue, raw json.RawMessage) string {
	ref, valid := readReference(raw)
	if !valid {
		return notReference
	}
	t := i.project.typeNamed(ref.ID)
	if ref.ID == "" {
		t = i.project.typeNamed(ref.Name)
	}
	if t == nil {
		return "Specify a valid issue type"
	}
	if i.kind != nil && i.kind.subtask() != t.subtask() {
		return "The issue type selected is invalid."
	}
	i.kind = t
	return ""
}

func showParent(c *call, i *issue) any {
	if i.parent == nil {
		return nil
	}
	p := i.parent
	return object{
		"id": p.id, "key": p.key, "self": p.self(c),
		"fields": object{"summary": p.summary, "status": p.status.json(c), "priority": p.priority.json(c), "issuetype": p.kind.json(c)},
	}
}

func markParent(i *issue) mark {
	if i.parent == nil {
		return mark{}
	}
	return mark{i.parent.id, i.parent.key}
}

// setParent puts an issue under one of the same project that is higher in the hierarchy.
func setParent(s *Site, i *issue, raw json.RawMessage) string {
	if isNull(raw) {
		if i.kind.subtask() {
			return "Issue type is a sub-task but parent issue key or id not specified."
		}
		i.parent = nil
		return ""
	}
	ref, valid := readReference(raw)
	if !valid {
		return notReference
	}
	parent := s.issues[ref.ID]
	if ref.ID == "" {
		parent = s.keys[strings.ToUpper(ref.Key)]
	}
	if parent == nil || parent.project != i.project {
		return "Could not find issue by id or key."
	}
	if parent.kind.level <= i.kind.level || parent.kind.level > i.kind.level+1 {
		return "Given parent issue does not belong to appropriate hierarchy."
	}
	i.parent = parent
	return ""
}

// priority is how urgent an issue is; the list is the same on every site.
type priority struct{ id, name string }

func priorities() []priority {
	return []priority{{"1", "Highest"}, {"2", "High"}, {"3", "Medium"}, {"4", "Low"}, {"5", "Lowest"}}
}

func priorityNamed(idOrName string) (priority, bool) {
	for _, p := range priorities() {
		if p.id == idOrName || strings.EqualFold(p.name, idOrName) {
			return p, true
		}
	}
	return priority{}, false
}

func (p priority) json(c *call) object {
	return object{
		"self": c.rest() + "/priority/" + p.id, "id": p.id, "name": p.name,
		"iconUrl": c.base + "/images/icons/priorities/" + strings.ToLower(p.name) + ".svg",
	}
}

func setPriority(_ *Site, i *issue, raw json.RawMessage) string {
	ref, valid := readReference(raw)
	if !valid {
		return notReference
	}
	wanted := ref.ID
	if wanted == "" {
		wanted = ref.Name
	}
	p, found := priorityNamed(wanted)
	if !found {
		return "Specify a valid 'id' or 'name' for Priority"
	}
	i.priority = p
	return ""
}

func showComponents(c *call, i *issue) any {
	list := []object{}
	for _, m := range i.components {
		list = append(list, m.json(c))
	}
	return list
}

func markComponents(i *issue) mark {
	var ids, names []string
	for _, m := range i.components {
		ids, names = append(ids, m.id), append(names, m.name)
	}
	return mark{strings.Join(ids, ","), strings.Join(names, ", ")}
}

func setComponents(_ *Site, i *issue, raw json.RawMessage) string {
	var list []reference
	if json.Unmarshal(raw, &list) != nil {
		return "data was not an array"
	}
	i.components = nil
	for _, ref := range list {
		wanted := ref.ID
		if wanted == "" {
			wanted = ref.Name
		}
		if problem := editComponent(i, "add", wanted); problem != "" {
			return problem
		}
	}
	return ""
}

// editComponent adds or removes one of the project's components, by id or name.
func editComponent(i *issue, verb, idOrName string) string {
	for _, m := range i.project.components {
		if m.id != idOrName && !strings.EqualFold(m.name, idOrName) {
			continue
		}
		i.components = slices.DeleteFunc(slices.Clone(i.components), func(have *component) bool { return have == m })
		if verb == "add" {
			i.components = append(i.components, m)
		}
		return ""
	}
	return "Component name '" + idOrName + "' is not valid"
}
