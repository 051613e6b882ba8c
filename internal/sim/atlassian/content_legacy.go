// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// contentOperations are the interface /content of version 1, which Data Center has, and which Cloud had.
func contentOperations(prefix string, scopes ...string) []operation {
	content := prefix + "/content/{page}"
	return []operation{
		read("GET", prefix+"/content", getContents, scopes...),
		write("POST", prefix+"/content", postContent, scopes...),
		read("GET", content, getContent, scopes...),
		write("PUT", content, putContent, scopes...),
		write("DELETE", content, deleteContent, scopes...),
		read("GET", content+"/history", getContentHistory, scopes...),
		read("GET", content+"/label", getContentLabels, scopes...),
		read("GET", content+"/child/page", getContentChildren, scopes...),
		read("GET", content+"/child/comment", getContentComments, scopes...),
		read("GET", content+"/child/attachment", getContentAttachments, scopes...),
		read("GET", content+"/descendant/page", getContentDescendants, scopes...),
		read("GET", content+"/property", getServerProperties, scopes...),
		write("POST", content+"/property", postContentProperty, scopes...),
		read("GET", content+"/property/{key}", getServerProperty, scopes...),
		write("PUT", content+"/property/{key}", putServerProperty, scopes...),
		write("DELETE", content+"/property/{key}", deleteServerProperty, scopes...),
	}
}

// contentPage answers with a page of results of Confluence v1, by start and limit.
func contentPage(s *Site, c *call, items []object) reply {
	w, refusal := s.window(c, 25, 200)
	if refusal != nil {
		return *refusal
	}
	if start, err := strconv.Atoi(orElse(c.query.Get("start"), "0")); err == nil && start > 0 {
		w.offset = start
	}
	part, more := cut(items, w)
	links := object{"base": c.wiki(), "context": c.context(), "self": c.base + c.path}
	if more {
		links["next"] = fmt.Sprintf("%s?limit=%d&start=%d", c.path[len(c.context()):], w.limit, w.offset+w.limit)
	}
	return ok(object{"results": append([]object{}, part...), "start": w.offset, "limit": w.limit, "size": len(part), "_links": links})
}

func getContents(s *Site, c *call) reply {
	status := orElse(c.query.Get("status"), statusCurrent)
	key, title := c.query.Get("spaceKey"), c.query.Get("title")
	var results []object
	for _, n := range s.sortedNodes() {
		switch {
		case n.kind != kindPage || !n.readable(c.account) || n.status != status && status != "any":
		case key != "" && n.space.key != key:
		case title != "" && n.title() != title:
		default:
			results = append(results, n.v1JSON(c, c.list("expand")))
		}
	}
	return contentPage(s, c, results)
}

func (s *Site) pageContent(c *call) reply {
	n, refusal := s.page(c)
	if refusal != nil {
		return *refusal
	}
	v, expand, status := n.now(), append([]string{"version", "space", "history"}, c.list("expand")...), c.query.Get("status")
	if text := c.query.Get("version"); text != "" && text != "0" { // 0 is the present one
		number, err := strconv.Atoi(text)
		if err != nil || number < 1 || number > len(n.versions) {
			return v1Error(http.StatusNotFound, "No content found with id and version: "+n.id+" "+text)
		}
		v = &n.versions[number-1]
	} else if status != "any" && orElse(status, statusCurrent) != n.status {
		return v1Error(http.StatusNotFound, "No content found with id: ContentId{id="+n.id+"}")
	}
	o := n.v1At(c, v, expand)
	o["_links"].(object)["base"] = c.wiki()
	return ok(o)
}

// contentWrite is content in a request.
type contentWrite struct {
	Type      string      `json:"type"`
	Status    string      `json:"status"`
	Title     string      `json:"title"`
	Space     reference   `json:"space"`
	Ancestors []reference `json:"ancestors"`
	Container reference   `json:"container"`
	Body      *bodyWrite  `json:"body"`
	Version   *struct {
		Number  int    `json:"number"`
		Message string `json:"message"`
	} `json:"version"`
}

// writeParent finds the parent that a write names: the last of the ancestors, which is the nearest.
func (s *Site) writeParent(c *call, in *contentWrite, sp *space, normal *node) (*node, *reply) {
	if len(in.Ancestors) == 0 {
		return normal, nil
	}
	return s.parentIn(c, sp, in.Ancestors[len(in.Ancestors)-1].ID)
}

// postContent creates a page, or a comment at the foot of one.
func postContent(s *Site, c *call) reply {
	var in contentWrite
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	if in.Body == nil {
		return v1Error(http.StatusBadRequest, "The body must be specified.")
	}
	body, refusal := in.Body.storage()
	if refusal != nil {
		return *refusal
	}
	if in.Type == "comment" {
		return s.postServerComment(c, in.Container.ID, body)
	}
	sp := s.spaceByKey(in.Space.Key)
	if sp == nil || in.Type != kindPage {
		return v1Error(http.StatusNotFound, "No space with key : "+in.Space.Key)
	}
	parent, refusal := s.writeParent(c, &in, sp, sp.homepage)
	if refusal != nil {
		return *refusal
	}
	status := orElse(in.Status, statusCurrent)
	if refusal := s.checkTitle(sp, status, in.Title, nil); refusal != nil {
		return *refusal
	}
	n := s.addNode(&node{kind: kindPage, status: status, space: sp, author: c.account}, in.Title, body)
	n.attach(sp, parent, -1)
	return n.wholeContent(c)
}

func (n *node) wholeContent(c *call) reply {
	return ok(n.v1JSON(c, []string{"version", "space", "history", "ancestors", "body.storage"}))
}

// putContent makes the next version of a page, and moves it below another parent if it names one. A page in the trash
// comes back by the status current.
func putContent(s *Site, c *call) reply {
	n, refusal := s.editablePage(c)
	if refusal != nil {
		return *refusal
	}
	var in contentWrite
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	status := orElse(in.Status, statusCurrent)
	switch {
	case in.Version == nil || in.Title == "" || in.Type != kindPage:
		return v1Error(http.StatusBadRequest, "The version, title and type must be specified.")
	case in.Version.Number != n.now().number+1:
		return v1Error(http.StatusConflict, fmt.Sprintf("Version must be incremented on update. Current version is: %d", n.now().number))
	case n.status == statusTrashed && status == statusCurrent:
		return s.restorePage(c, n, in.Version.Message)
	}
	body := n.now().body
	if in.Body != nil {
		if body, refusal = in.Body.storage(); refusal != nil {
			return *refusal
		}
	}
	parent, refusal := s.writeParent(c, &in, n.space, n.parent)
	if refusal != nil {
		return *refusal
	}
	if parent != nil && parent.within(n) {
		return v1Error(http.StatusBadRequest, "A page cannot be moved below itself.")
	}
	if refusal := s.checkTitle(n.space, status, in.Title, n); refusal != nil {
		return *refusal
	}
	if parent != n.parent {
		n.detach()
		n.attach(n.space, parent, -1)
	}
	s.addVersion(n, c.account, in.Title, body, in.Version.Message)
	return n.wholeContent(c)
}

func (s *Site) deletePageContent(c *call) reply {
	n, refusal := s.editablePage(c)
	switch {
	case refusal != nil:
		return *refusal
	case n.status == statusTrashed && c.query.Get("status") == statusTrashed:
		s.purge(n)
	case n.status == statusTrashed:
		return v1Error(http.StatusNotFound, "No content found with id: ContentId{id="+n.id+"}")
	default:
		n.trash()
	}
	return reply{status: http.StatusNoContent}
}

func getContentHistory(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	return ok(n.historyJSON(c))
}

func getContentLabels(s *Site, c *call) reply {
	n, refusal := s.page(c)
	if refusal != nil {
		return *refusal
	}
	return ok(n.labelsV1(c))
}

func getContentChildren(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	return contentPage(s, c, n.below(c, false))
}

func getContentDescendants(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	return contentPage(s, c, n.below(c, true))
}

// below is the pages right below a node, or all of them.
func (n *node) below(c *call, all bool) []object {
	var results []object
	for _, child := range n.children {
		if !child.listed() || !child.readable(c.account) {
			continue
		}
		if child.kind == kindPage {
			results = append(results, child.v1JSON(c, c.list("expand")))
		}
		if all {
			results = append(results, child.below(c, true)...)
		}
	}
	return results
}

func (s *Site) postServerComment(c *call, page, body string) reply {
	n := s.nodes[page]
	if n == nil || !n.listed() || !n.readable(c.account) {
		return v1Error(http.StatusNotFound, "No container with id: "+page)
	}
	comment := &pageComment{id: s.newID(), page: n, author: c.account}
	comment.versions = []version{{number: 1, body: body, author: c.account, at: s.now()}}
	s.comments[comment.id] = comment
	return ok(comment.v1JSON(c))
}

// propertyByKey finds a page's property by its key.
func (s *Site) propertyByKey(c *call) (*node, *contentProperty, *reply) {
	find := s.editablePage
	if c.method == http.MethodGet {
		find = s.page
	}
	n, refusal := find(c)
	if refusal != nil {
		return nil, nil, refusal
	}
	for _, p := range n.properties {
		if p.key == c.vars["key"] {
			return n, p, nil
		}
	}
	missing := v1Error(http.StatusNotFound, "No property found with key: "+c.vars["key"])
	return n, nil, &missing
}

func getServerProperties(s *Site, c *call) reply {
	n, refusal := s.page(c)
	if refusal != nil {
		return *refusal
	}
	var results []object
	for _, p := range n.properties {
		results = append(results, p.json())
	}
	return contentPage(s, c, results)
}

func getServerProperty(s *Site, c *call) reply {
	_, p, refusal := s.propertyByKey(c)
	if refusal != nil {
		return *refusal
	}
	return ok(p.json())
}

// putServerProperty changes a property; its version must be the next one. One that is not there is made with version 1.
func putServerProperty(s *Site, c *call) reply {
	n, p, refusal := s.propertyByKey(c)
	if n == nil {
		return *refusal
	}
	var in propertyWrite
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	if p == nil {
		p = &contentProperty{id: s.newID(), key: c.vars["key"]}
	}
	switch {
	case in.Version == nil || len(in.Value) == 0 || !json.Valid(in.Value) || len(in.Value) > maxProperty:
		return v1Error(http.StatusBadRequest, "The property's value and version must be specified.")
	case in.Version.Number != p.version.number+1:
		return v1Error(http.StatusConflict, fmt.Sprintf("Version must be incremented on update. Current version is: %d", p.version.number))
	}
	if !slices.Contains(n.properties, p) {
		n.properties = append(n.properties, p)
	}
	p.value = in.Value
	p.version = version{number: in.Version.Number, message: in.Version.Message, author: c.account, at: s.now()}
	return ok(p.json())
}

func deleteServerProperty(s *Site, c *call) reply {
	n, p, refusal := s.propertyByKey(c)
	if refusal != nil {
		return *refusal
	}
	n.properties = slices.DeleteFunc(n.properties, func(other *contentProperty) bool { return other == p })
	return reply{status: http.StatusNoContent}
}

func getServerSpaces(s *Site, c *call) reply {
	var results []object
	keys := c.list("spaceKey")
	for _, sp := range s.spaces {
		if len(keys) == 0 || slices.Contains(keys, sp.key) {
			results = append(results, sp.v1JSON(c))
		}
	}
	slices.SortFunc(results, func(a, b object) int {
		return compareIDs(a["id"].(json.Number).String(), b["id"].(json.Number).String())
	})
	return contentPage(s, c, results)
}

func getServerSpace(s *Site, c *call) reply {
	sp := s.spaceByKey(c.vars["space"])
	if sp == nil {
		return v1Error(http.StatusNotFound, "No space with key : "+c.vars["space"])
	}
	o := sp.v1JSON(c)
	if slices.Contains(c.list("expand"), "homepage") {
		o["homepage"] = sp.homepage.v1JSON(c, nil)
	}
	return ok(o)
}

// getServerVersions answers with the history of a page, the newest version first.
func getServerVersions(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	var results []object
	for i := range n.versions {
		results = append(results, n.versions[i].v1JSON(c))
	}
	slices.Reverse(results)
	return contentPage(s, c, results)
}

func getServerVersion(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	number, err := strconv.Atoi(c.vars["version"])
	if err != nil || number < 1 || number > len(n.versions) {
		return v1Error(http.StatusNotFound, "No version "+c.vars["version"]+" of the content")
	}
	v := &n.versions[number-1]
	o := v.v1JSON(c)
	if slices.Contains(c.list("expand"), "content.body.storage") {
		o["content"] = n.v1At(c, v, []string{"body.storage"})
	}
	return ok(o)
}
