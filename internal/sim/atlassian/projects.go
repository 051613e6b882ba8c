// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// project is a Jira project. Its issue types are its own, as in team-managed projects, unless they are shared.
type project struct {
	id         string
	key        string
	oldKeys    []string // still lead to the project
	name       string
	types      []*issueType
	components []*component
	readers    []string // account ids; nil lets everybody browse
	lastNumber int
}

type issueType struct {
	id    string
	name  string
	level int // of the hierarchy: 1 epic, 0 standard, -1 subtask
}

func (t *issueType) subtask() bool { return t.level < 0 }

type component struct {
	id   string
	name string
}

func (p *project) browsable(a *account) bool {
	return p.readers == nil || slices.Contains(p.readers, a.id)
}

// named tells whether the text is the project's id or one of its keys, present or past.
func (p *project) named(text string) bool {
	is := func(key string) bool { return strings.EqualFold(key, text) }
	return p.id == text || is(p.key) || slices.ContainsFunc(p.oldKeys, is)
}

// typeNamed finds the issue type with an id or name; an id goes before a name that looks like it.
func (p *project) typeNamed(idOrName string) *issueType {
	for _, is := range []func(t *issueType) bool{
		func(t *issueType) bool { return t.id == idOrName },
		func(t *issueType) bool { return strings.EqualFold(t.name, idOrName) },
	} {
		if at := slices.IndexFunc(p.types, is); at >= 0 {
			return p.types[at]
		}
	}
	return nil
}

// findProject returns the project with an id or key that the account may browse, or nil. A present key goes before a past
// one of another project.
func (s *Site) findProject(a *account, idOrKey string) *project {
	var old *project
	for _, p := range s.projects {
		switch {
		case !p.browsable(a) || !p.named(idOrKey):
		case p.id == idOrKey || strings.EqualFold(p.key, idOrKey):
			return p
		default:
			old = p
		}
	}
	return old
}

func (s *Site) project(c *call) (*project, *reply) {
	p := s.findProject(c.account, c.vars["project"])
	if p == nil {
		refusal := jiraError(http.StatusNotFound, "No project could be found with key '"+c.vars["project"]+"'.")
		return nil, &refusal
	}
	return p, nil
}

// brief is the project as a field of an issue.
func (p *project) brief(c *call) object {
	return object{
		"self": c.rest() + "/project/" + p.id, "id": p.id, "key": p.key, "name": p.name,
		"projectTypeKey": "software", "simplified": true,
	}
}

func (p *project) json(c *call) object {
	o := p.brief(c)
	o["style"] = "next-gen"
	o["isPrivate"] = p.readers != nil
	o["expand"] = "description,lead,issueTypes,url,projectKeys,permissions,insight"
	return o
}

func (t *issueType) json(c *call) object {
	return object{
		"self": c.rest() + "/issuetype/" + t.id, "id": t.id, "name": t.name, "description": "",
		"iconUrl": c.base + "/images/icons/issuetypes/" + strings.ToLower(t.name) + ".png",
		"subtask": t.subtask(), "hierarchyLevel": t.level,
	}
}

func (m *component) json(c *call) object {
	return object{"self": c.rest() + "/component/" + m.id, "id": m.id, "name": m.name}
}

func getProject(s *Site, c *call) reply {
	p, refusal := s.project(c)
	if refusal != nil {
		return *refusal
	}
	o := p.json(c)
	types, components := []object{}, []object{}
	for _, t := range p.types {
		types = append(types, t.json(c))
	}
	for _, m := range p.components {
		components = append(components, m.json(c))
	}
	o["issueTypes"], o["components"], o["versions"], o["roles"] = types, components, []object{}, object{}
	return ok(o)
}

func getProjects(s *Site, c *call) reply {
	ids, keys := c.list("id"), c.list("keys")
	wanted := strings.ToLower(c.query.Get("query"))
	var hits []*project
	for _, p := range s.projects {
		named := strings.Contains(strings.ToLower(p.name), wanted) || strings.Contains(strings.ToLower(p.key), wanted)
		switch {
		case !p.browsable(c.account) || !named:
		case len(ids) > 0 && !slices.Contains(ids, p.id):
		case len(keys) > 0 && !slices.ContainsFunc(keys, p.named):
		default:
			hits = append(hits, p)
		}
	}
	slices.SortFunc(hits, func(a, b *project) int { return strings.Compare(a.key, b.key) })
	var values []object
	for _, p := range hits {
		values = append(values, p.json(c))
	}
	return pageBean(c, "values", values, 50)
}

// pageOf reads startAt and maxResults.
func (c *call) pageOf(normal, most int) (window, *reply) {
	w := window{limit: normal}
	for key, into := range map[string]*int{"startAt": &w.offset, "maxResults": &w.limit} {
		text := c.query.Get(key)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			refusal := jiraError(http.StatusBadRequest, "The "+key+" parameter must be a number from 0.")
			return w, &refusal
		}
		*into = n
	}
	w.limit = min(w.limit, most)
	return w, nil
}

// pageBean answers with a page of results of Jira, in the shape that says whether it is the last.
func pageBean(c *call, key string, items []object, normal int) reply {
	w, refusal := c.pageOf(normal, 100)
	if refusal != nil {
		return *refusal
	}
	o, more := sheet(key, items, w)
	o["self"] = c.door + c.path + "?" + c.query.Encode()
	o["isLast"] = !more
	if more {
		next := make(url.Values)
		for name, values := range c.query {
			next[name] = values
		}
		next["startAt"] = []string{strconv.Itoa(w.offset + w.limit)}
		o["nextPage"] = c.door + c.path + "?" + next.Encode()
	}
	return ok(o)
}

// sheet is a page of results of Jira without links.
func sheet(key string, items []object, w window) (object, bool) {
	part, more := cut(items, w)
	return object{
		key: append([]object{}, part...), "startAt": w.offset, "maxResults": w.limit, "total": len(items),
	}, more
}

// getCreateTypes answers with the issue types that can be created in a project.
func getCreateTypes(s *Site, c *call) reply {
	p, refusal := s.createProject(c)
	if refusal != nil {
		return *refusal
	}
	var types []object
	for _, t := range p.types {
		types = append(types, t.json(c))
	}
	return metaPage(c, "issueTypes", types)
}

// createProject finds the project; createmeta answers 400 and not 404 when there is none.
func (s *Site) createProject(c *call) (*project, *reply) {
	p := s.findProject(c.account, c.vars["project"])
	if p == nil {
		refusal := jiraError(http.StatusBadRequest, "No project could be found with key '"+c.vars["project"]+"'.")
		return nil, &refusal
	}
	return p, nil
}

// getCreateFields answers with the fields that can be set when an issue of a type is created.
func getCreateFields(s *Site, c *call) reply {
	p, refusal := s.createProject(c)
	if refusal != nil {
		return *refusal
	}
	t := p.typeNamed(c.vars["type"])
	if t == nil || t.id != c.vars["type"] {
		return jiraError(http.StatusBadRequest, "The issue type with id '"+c.vars["type"]+"' is not in the project.")
	}
	var fields []object
	for _, f := range s.fields {
		if f.set == nil && f.id != "project" {
			continue
		}
		fields = append(fields, f.createMeta(c, p, t))
	}
	return metaPage(c, "fields", fields)
}

// metaPage answers with a page of createmeta. Data Center has another name for the list.
func metaPage(c *call, key string, items []object) reply {
	w, refusal := c.pageOf(50, 200)
	if refusal != nil {
		return *refusal
	}
	if c.v2 {
		key = "values"
	}
	o, more := sheet(key, items, w)
	if c.v2 {
		o["isLast"] = !more
	}
	return ok(o)
}

// getEditMeta answers with the fields that can be changed in an issue.
func getEditMeta(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	return ok(object{"fields": i.editMeta(s, c)})
}

func (i *issue) editMeta(s *Site, c *call) object {
	fields := object{}
	for _, f := range s.fields {
		switch {
		case f.set != nil:
			meta := f.createMeta(c, i.project, i.kind)
			delete(meta, "fieldId")
			meta["hasDefaultValue"] = false
			fields[f.id] = meta
		case f.id == "comment" || f.id == "issuelinks":
			fields[f.id] = object{"key": f.id, "name": f.name, "schema": f.schema(), "operations": []string{"add"}, "required": false}
		}
	}
	return fields
}

// getProjectList answers with all projects at once, as Data Center does.
func getProjectList(s *Site, c *call) reply {
	list := []object{}
	for _, p := range s.projects {
		if p.browsable(c.account) {
			list = append(list, p.json(c))
		}
	}
	slices.SortFunc(list, func(a, b object) int { return strings.Compare(a["key"].(string), b["key"].(string)) })
	return ok(list)
}

func (f *field) createMeta(c *call, p *project, t *issueType) object {
	operations := []string{"set"}
	if f.edit != nil {
		operations = []string{"add", "set", "remove"}
	}
	required := f.id == "summary" || f.id == "issuetype" || f.id == "project" || f.id == "parent" && t.subtask()
	o := object{
		"fieldId": f.id, "key": f.id, "name": f.name, "schema": f.schema(), "operations": operations,
		"required": required, "hasDefaultValue": f.id == "priority" || f.id == "reporter",
	}
	var allowed []object
	switch f.id {
	case "project":
		allowed = append(allowed, p.brief(c))
	case "issuetype":
		allowed = append(allowed, t.json(c))
	case "priority":
		for _, p := range priorities() {
			allowed = append(allowed, p.json(c))
		}
	case "components":
		for _, m := range p.components {
			allowed = append(allowed, m.json(c))
		}
	}
	if allowed != nil {
		o["allowedValues"] = allowed
	}
	return o
}
