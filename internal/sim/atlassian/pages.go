// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stamp writes a time as Confluence does.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (v *version) json() object {
	return object{
		"number": v.number, "message": v.message, "minorEdit": false,
		"authorId": v.author.id, "createdAt": stamp(v.at),
	}
}

// json is the node as Confluence v2 shows it, at one of its versions and without a body.
func (n *node) json(v *version) object {
	o := object{
		"id": n.id, "status": n.status, "title": v.title, "spaceId": n.space.id, "position": nil,
		"authorId": n.author.id, "ownerId": n.owner.id, "lastOwnerId": nil, "createdAt": stamp(n.created),
		"version": v.json(),
		"_links": object{
			"webui":  n.webui(),
			"editui": "/pages/resumedraft.action?draftId=" + n.id,
			"tinyui": "/x/" + n.id,
		},
	}
	if at := n.position(); at >= 0 {
		o["position"] = at
	}
	if n.parent != nil {
		o["parentId"] = n.parent.id
		o["parentType"] = n.parent.kind
	}
	return o
}

func (n *node) webui() string {
	title := strings.ReplaceAll(n.title(), " ", "+")
	if n.kind == kindFolder {
		return "/spaces/" + n.space.key + "/folder/" + n.id
	}
	return "/spaces/" + n.space.key + "/pages/" + n.id + "/" + title
}

// withBody adds the body in the format that the request asks for.
func withBody(c *call, o object, v *version) *reply {
	switch format := c.query.Get("body-format"); format {
	case "":
		o["body"] = object{}
	case "storage":
		o["body"] = object{"storage": object{"representation": "storage", "value": v.body}}
	default:
		refusal := v2Error(http.StatusBadRequest, "The site does not have the body format '"+format+"'; use 'storage'.")
		return &refusal
	}
	return nil
}

// page finds the page of the path that the account may see. Pages that it may not see are not there.
func (s *Site) page(c *call) (*node, *reply) {
	id := c.vars["page"]
	if refusal := badID(id); refusal != nil {
		return nil, refusal
	}
	n := s.nodes[id]
	if n == nil || !n.readable(c.account) {
		refusal := failure(c.path, http.StatusNotFound, "Cannot find content with id '"+id+"', or you may not view it.")
		return nil, &refusal
	}
	return n, nil
}

func badID(id string) *reply {
	if _, err := strconv.ParseInt(id, 10, 64); err == nil {
		return nil
	}
	refusal := v2Error(http.StatusBadRequest, "Provided value {"+id+"} for 'id' is not the correct type. Expected type is long.")
	return &refusal
}

// listedPage is page for operations that know nothing of drafts and the trash.
func (s *Site) listedPage(c *call) (*node, *reply) {
	n, refusal := s.page(c)
	if refusal == nil && !n.listed() {
		missing := failure(c.path, http.StatusNotFound, "Cannot find content with id '"+n.id+"', or you may not view it.")
		return nil, &missing
	}
	return n, refusal
}

func getPage(s *Site, c *call) reply {
	n, refusal := s.page(c)
	if refusal != nil {
		return *refusal
	}
	if n.draft != nil && c.query.Get("get-draft") == "true" && n.editable(c.account) {
		return n.shown(c, n.draft, statusDraft)
	}
	if n.kind != kindPage || !slices.Contains(c.wantedStatuses(), n.status) {
		return v2Error(http.StatusNotFound, "Cannot find a page with id '"+n.id+"' in the wanted status.")
	}
	v, status := n.now(), n.status
	if text := c.query.Get("version"); text != "" {
		number, err := strconv.Atoi(text)
		if err != nil || number < 1 {
			return v2Error(http.StatusBadRequest, "Provided value {"+text+"} for 'version' is not a version number.")
		}
		if number > len(n.versions) {
			return v2Error(http.StatusNotFound, "The page has no version "+text+".")
		}
		if number < len(n.versions) {
			status = "historical"
		}
		v = &n.versions[number-1]
	}
	return n.shown(c, v, status)
}

// shown answers with one page at one of its versions.
func (n *node) shown(c *call, v *version, status string) reply {
	o := n.json(v)
	o["status"] = status
	o["_links"].(object)["base"] = c.base + "/wiki"
	if c.query.Get("include-version") == "false" {
		delete(o, "version")
	}
	n.include(c, o)
	if refusal := withBody(c, o, v); refusal != nil {
		return *refusal
	}
	return ok(o)
}

// include adds the lists that the request wants to have with a page.
func (n *node) include(c *call, o object) {
	list := func(what string, results []object) {
		o[what] = object{"results": results, "meta": object{"hasMore": false}, "_links": object{"self": c.path + "/" + what}}
	}
	if c.query.Get("include-labels") == "true" {
		list("labels", n.labelsJSON(""))
	}
	if c.query.Get("include-properties") == "true" {
		properties := []object{}
		for _, p := range n.properties {
			properties = append(properties, p.json())
		}
		list("properties", properties)
	}
	if c.query.Get("include-operations") == "true" {
		list("operations", n.operations(c.account))
	}
	if c.query.Get("include-versions") == "true" {
		versions := []object{}
		for i := range n.versions {
			versions = append(versions, n.versions[i].json())
		}
		slices.Reverse(versions)
		list("versions", versions)
	}
}

// operations are what the account may do with the page.
func (n *node) operations(a *account) []object {
	names := []string{"read", "export"}
	if n.editable(a) {
		names = append(names, "update", "delete", "move", "copy", "restore", "archive")
	}
	list := []object{}
	for _, name := range names {
		list = append(list, object{"operation": name, "targetType": n.kind})
	}
	return list
}

func getOperations(s *Site, c *call) reply {
	n, refusal := s.page(c)
	if refusal != nil {
		return *refusal
	}
	return ok(object{"operations": n.operations(c.account)})
}

// wantedStatuses are the statuses that a request for one page accepts. Unasked, neither drafts nor the trash are seen.
func (c *call) wantedStatuses() []string {
	if c.query.Get("get-draft") == "true" {
		return []string{statusDraft}
	}
	if wanted := c.list("status"); len(wanted) > 0 {
		return wanted
	}
	return []string{statusCurrent, statusArchived}
}

// list reads a query key that takes many values, repeated or with commas.
func (c *call) list(key string) []string { return splitList(c.query[key]) }

// splitList cuts texts at their commas.
func splitList(texts []string) []string {
	var list []string
	for _, value := range texts {
		for part := range strings.SplitSeq(value, ",") {
			if part != "" {
				list = append(list, part)
			}
		}
	}
	return list
}

func getPages(s *Site, c *call) reply {
	return s.listPages(c, s.sortedNodes())
}

func getSpacePages(s *Site, c *call) reply {
	sp := s.spaces[c.vars["space"]]
	if sp == nil {
		return v2Error(http.StatusNotFound, "Cannot find a space with id '"+c.vars["space"]+"'.")
	}
	rootsOnly := c.query.Get("depth") == "root"
	nodes := slices.DeleteFunc(s.sortedNodes(), func(n *node) bool {
		return n.space != sp || rootsOnly && n.parent != nil
	})
	return s.listPages(c, nodes)
}

// listPages answers with those of the nodes that are pages, may be seen, and pass the filters of the query.
func (s *Site) listPages(c *call, nodes []*node) reply {
	ids, spaces, statuses := c.list("id"), c.list("space-id"), c.list("status")
	title := c.query.Get("title")
	if len(statuses) == 0 {
		statuses = []string{statusCurrent, statusArchived}
	}
	var hits []*node
	for _, n := range nodes {
		switch {
		case n.kind != kindPage || !n.readable(c.account) || !slices.Contains(statuses, n.status):
		case len(ids) > 0 && !slices.Contains(ids, n.id):
		case len(spaces) > 0 && !slices.Contains(spaces, n.space.id):
		case title != "" && n.title() != title:
		default:
			hits = append(hits, n)
		}
	}
	sortPages(hits, c.query.Get("sort"))
	results := make([]object, 0, len(hits))
	for _, n := range hits {
		o := n.json(n.now())
		if refusal := withBody(c, o, n.now()); refusal != nil {
			return *refusal
		}
		results = append(results, o)
	}
	return v2List(s, c, results)
}

// sortPages sorts by a field of the documented sort parameter, backwards after a minus.
func sortPages(pages []*node, by string) {
	field, backwards := strings.CutPrefix(by, "-")
	slices.SortStableFunc(pages, func(a, b *node) int {
		order := 0
		switch field {
		case "title":
			order = strings.Compare(a.title(), b.title())
		case "created-date":
			order = a.created.Compare(b.created)
		case "modified-date":
			order = a.now().at.Compare(b.now().at)
		default:
			order = compareIDs(a.id, b.id)
		}
		if backwards {
			return -order
		}
		return order
	})
}

// getAncestors answers with the ancestors nearest to the page, the highest of them first. There is no cursor: for more,
// clients ask for the ancestors of the first one.
func getAncestors(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	w, refusal := s.window(c, 25, 250)
	if refusal != nil {
		return *refusal
	}
	up := n.ancestors()
	up = up[max(0, len(up)-w.limit):]
	results := make([]object, 0, len(up))
	for _, a := range up {
		results = append(results, object{"id": a.id, "type": a.kind})
	}
	return ok(object{"results": results, "_links": object{"base": c.base + "/wiki"}})
}

func getChildren(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	results := []object{}
	for i, child := range n.children {
		if child.listed() && child.readable(c.account) {
			results = append(results, object{
				"id": child.id, "status": child.status, "title": child.title(), "type": child.kind,
				"spaceId": child.space.id, "childPosition": i,
			})
		}
	}
	return v2List(s, c, results)
}

// getChildPages is the older form of getChildren, which knows pages alone.
func getChildPages(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	results := []object{}
	for i, child := range n.children {
		if child.kind == kindPage && child.listed() && child.readable(c.account) {
			results = append(results, object{
				"id": child.id, "status": child.status, "title": child.title(), "spaceId": child.space.id, "childPosition": i,
			})
		}
	}
	return v2List(s, c, results)
}

func getDescendants(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	depth := 2
	if text := c.query.Get("depth"); text != "" {
		d, err := strconv.Atoi(text)
		if err != nil || d < 1 || d > 10 {
			return v2Error(http.StatusBadRequest, "Provided value {"+text+"} for 'depth' is not between 1 and 10.")
		}
		depth = d
	}
	return v2List(s, c, n.descendants(c.account, 1, depth))
}

func (n *node) descendants(a *account, level, depth int) []object {
	results := []object{}
	if level > depth {
		return results
	}
	for i, child := range n.children {
		if !child.listed() || !child.readable(a) {
			continue
		}
		results = append(results, object{
			"id": child.id, "status": child.status, "title": child.title(), "type": child.kind,
			"parentId": n.id, "depth": level, "childPosition": i,
		})
		results = append(results, child.descendants(a, level+1, depth)...)
	}
	return results
}

func getVersions(s *Site, c *call) reply {
	n, refusal := s.page(c)
	if refusal != nil {
		return *refusal
	}
	results := []object{}
	for _, v := range n.versions {
		o := v.json()
		shown := object{"id": n.id, "title": v.title}
		if refusal := withBody(c, shown, &v); refusal != nil {
			return *refusal
		}
		o["page"] = shown
		results = append(results, o)
	}
	if c.query.Get("sort") != "modified-date" {
		slices.Reverse(results)
	}
	return v2List(s, c, results)
}

func getVersion(s *Site, c *call) reply {
	n, refusal := s.page(c)
	if refusal != nil {
		return *refusal
	}
	number, err := strconv.Atoi(c.vars["version"])
	if err != nil || number < 1 || number > len(n.versions) {
		return v2Error(http.StatusNotFound, "The page has no version "+c.vars["version"]+".")
	}
	o := n.versions[number-1].json()
	o["contentTypeModified"] = false
	o["collaborators"] = []string{n.versions[number-1].author.id}
	if number > 1 {
		o["prevVersion"] = number - 1
	}
	if number < len(n.versions) {
		o["nextVersion"] = number + 1
	}
	return ok(o)
}

func getFolder(s *Site, c *call) reply {
	id := c.vars["folder"]
	if refusal := badID(id); refusal != nil {
		return *refusal
	}
	n := s.nodes[id]
	if n == nil || n.kind != kindFolder || !n.listed() || !n.readable(c.account) {
		return v2Error(http.StatusNotFound, "Cannot find a folder with id '"+id+"', or you may not view it.")
	}
	o := n.json(n.now())
	o["type"] = kindFolder
	delete(o, "lastOwnerId")
	o["_links"] = object{"webui": n.webui(), "base": c.base + "/wiki"}
	return ok(o)
}
