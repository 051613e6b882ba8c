// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// addLabel puts a label on a node unless it has it.
func (s *Site) addLabel(n *node, prefix, name string) {
	name = strings.ToLower(name)
	for _, l := range n.labels {
		if l.prefix == prefix && l.name == name {
			return
		}
	}
	n.labels = append(n.labels, label{id: s.labelID(prefix, name), prefix: prefix, name: name})
}

// removeLabel takes a label off a node and reports whether it was there.
func (n *node) removeLabel(name string) bool {
	before := len(n.labels)
	n.labels = slices.DeleteFunc(n.labels, func(l label) bool { return l.name == strings.ToLower(name) })
	return len(n.labels) < before
}

// labelID returns the id of a label; the same label has the same id on every page.
func (s *Site) labelID(prefix, name string) string {
	for _, n := range s.nodes {
		for _, l := range n.labels {
			if l.prefix == prefix && l.name == name {
				return l.id
			}
		}
	}
	return s.newID()
}

// labelsJSON is the labels as v2 shows them, those with the prefix or, if it is empty, all.
func (n *node) labelsJSON(prefix string) []object {
	results := []object{}
	for _, l := range n.labels {
		if prefix == "" || l.prefix == prefix {
			results = append(results, object{"id": l.id, "name": l.name, "prefix": l.prefix})
		}
	}
	return results
}

func getLabels(s *Site, c *call) reply {
	n, refusal := s.page(c)
	if refusal != nil {
		return *refusal
	}
	return v2List(s, c, n.labelsJSON(c.query.Get("prefix")))
}

// labelWrite is a label in a request.
type labelWrite struct {
	Prefix string `json:"prefix"`
	Name   string `json:"name"`
}

func (l labelWrite) valid() bool {
	return l.Name != "" && len(l.Name) <= 255 && !strings.ContainsAny(l.Name, " :;,?!()#*&^@") &&
		slices.Contains([]string{"global", "my", "team"}, l.Prefix)
}

// postLabels adds one label or a list of them and answers with all labels that the content then has.
func postLabels(s *Site, c *call) reply {
	n, refusal := s.editablePage(c)
	if refusal != nil {
		return *refusal
	}
	var labels []labelWrite
	if bytes.HasPrefix(bytes.TrimSpace(c.body), []byte("{")) {
		labels = make([]labelWrite, 1)
		refusal = decodeV2(c, &labels[0])
	} else {
		refusal = decodeV2(c, &labels)
	}
	if refusal != nil {
		return *refusal
	}
	for _, l := range labels {
		if !l.valid() {
			return v1Error(http.StatusBadRequest, "The label '"+l.Prefix+":"+l.Name+"' has invalid characters or an invalid prefix.")
		}
	}
	for _, l := range labels {
		s.addLabel(n, l.Prefix, l.Name)
	}
	return ok(n.labelsV1(c))
}

func deleteLabel(s *Site, c *call) reply {
	n, refusal := s.editablePage(c)
	if refusal != nil {
		return *refusal
	}
	name := c.vars["label"]
	if name == "" {
		name = c.query.Get("name")
	}
	if !n.removeLabel(name) {
		return v1Error(http.StatusNotFound, "The content does not have the label '"+name+"'.")
	}
	return reply{status: http.StatusNoContent}
}

// postVersion restores an old version of a page, as a new one.
func postVersion(s *Site, c *call) reply {
	n, refusal := s.editablePage(c)
	if refusal != nil {
		return *refusal
	}
	var in struct {
		OperationKey string `json:"operationKey"`
		Params       struct {
			VersionNumber int     `json:"versionNumber"`
			Message       *string `json:"message"`
			RestoreTitle  bool    `json:"restoreTitle"`
		} `json:"params"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	p := in.Params
	switch {
	case n.status != statusCurrent:
		return v1Error(http.StatusNotFound, "Only a current page has versions to restore.")
	case in.OperationKey != "restore" || p.Message == nil:
		return v1Error(http.StatusBadRequest, "The operationKey must be 'restore', with the params versionNumber and message.")
	case p.VersionNumber < 1 || p.VersionNumber > len(n.versions):
		return v1Error(http.StatusBadRequest, "The content does not have this version.")
	}
	old, title := n.versions[p.VersionNumber-1], n.title()
	if p.RestoreTitle {
		title = old.title
	}
	if s.titleTaken(n.space, title, n) {
		return v1Error(http.StatusBadRequest, "A page already exists with the same TITLE in this space")
	}
	s.addVersion(n, c.account, title, old.body, *p.Message)
	return ok(n.now().v1JSON(c))
}

func (v *version) v1JSON(c *call) object {
	return object{
		"by": v.author.person(c), "when": stamp(v.at), "friendlyWhen": v.at.UTC().Format(time.DateOnly),
		"message": v.message, "number": v.number, "minorEdit": false, "_expandable": object{"content": "", "collaborators": ""},
	}
}

// getRestrictions answers with the content's own restrictions; inherited ones do not show here.
func getRestrictions(s *Site, c *call) reply {
	n, refusal := s.page(c)
	if refusal != nil {
		return *refusal
	}
	return ok(object{
		"read":   s.restriction(c, "read", n.readers),
		"update": s.restriction(c, "update", n.editors),
		"_links": object{"self": c.base + c.path, "base": c.wiki(), "context": c.context()},
	})
}

func (s *Site) restriction(c *call, operation string, accountIDs []string) object {
	users := []object{}
	for _, id := range accountIDs {
		if a := s.accounts[id]; a != nil {
			users = append(users, a.person(c))
		}
	}
	return object{
		"operation": operation,
		"restrictions": object{
			"user":  object{"results": users, "start": 0, "limit": 100, "size": len(users), "_links": object{}},
			"group": object{"results": []object{}, "start": 0, "limit": 100, "size": 0, "_links": object{}},
		},
		"_expandable": object{"content": ""},
		"_links":      object{"self": c.base + c.path + "/" + operation},
	}
}

// postPermissionCheck tells whether somebody may read, update or delete content, inherited restrictions included.
func postPermissionCheck(s *Site, c *call) reply {
	var in struct {
		Subject struct {
			Type       string `json:"type"`
			Identifier string `json:"identifier"`
		} `json:"subject"`
		Operation string `json:"operation"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	if !slices.Contains([]string{"read", "update", "delete"}, in.Operation) {
		return v1Error(http.StatusBadRequest, "The operation '"+in.Operation+"' cannot be checked.")
	}
	subject := s.accounts[in.Subject.Identifier]
	if in.Subject.Type != "user" || subject == nil {
		return v1Error(http.StatusBadRequest, "The subject must be a user whom the site knows.")
	}
	if subject != c.account && !c.account.Admin {
		return v1Error(http.StatusForbidden, "Only an administrator can check the permissions of others.")
	}
	n := s.nodes[c.vars["page"]]
	if n == nil || !n.listed() {
		return v1Error(http.StatusNotFound, "There is no content with id '"+c.vars["page"]+"'.")
	}
	has := n.readable(subject)
	if in.Operation != "read" {
		has = n.editable(subject)
	}
	return ok(object{"hasPermission": has, "errors": []object{}, "_links": object{"self": c.base + c.path}})
}

// putMove moves a page beside or below another one, also across spaces. The version stays.
func putMove(s *Site, c *call) reply {
	n, refusal := s.editablePage(c)
	if refusal != nil {
		return *refusal
	}
	target := s.nodes[c.vars["target"]]
	if !n.listed() || target == nil || !target.listed() || !target.readable(c.account) {
		return v1Error(http.StatusNotFound, "Cannot find the content to move, or the target.")
	}
	if target.within(n) {
		return v1Error(http.StatusBadRequest, "A page cannot be moved beside or below itself.")
	}
	if target.space != n.space {
		if clash := s.titleClash(n, target.space); clash != "" {
			return v1Error(http.StatusBadRequest, "A page already exists with the title '"+clash+"' in the target's space.")
		}
	}
	parent, at := target.parent, 0
	switch c.vars["position"] {
	case "append":
		parent, at = target, -1
	case "before", "after":
	default:
		return v1Error(http.StatusBadRequest, "The position must be before, after or append.")
	}
	n.detach()
	switch c.vars["position"] {
	case "before":
		at = target.position()
	case "after":
		at = target.position() + 1
	}
	n.attach(target.space, parent, at)
	return ok(object{"pageId": n.id})
}

// expandable are the parts of v1 content that a request can expand and the site leaves folded.
func expandable() object {
	return object{
		"container": "", "metadata": "", "extensions": "", "operations": "", "children": "", "history": "", "ancestors": "",
		"body": "", "version": "", "descendants": "", "space": "", "restrictions": "", "childTypes": "",
	}
}

// v1JSON is the node as Confluence v1 shows it.
func (n *node) v1JSON(c *call, expand []string) object { return n.v1At(c, n.now(), expand) }

// v1At is the node at one of its versions, with the parts to expand.
func (n *node) v1At(c *call, v *version, expand []string) object {
	o := object{
		"id": n.id, "type": n.kind, "status": n.status, "title": v.title, "_expandable": expandable(),
		"_links": object{"self": c.wiki() + "/rest/api/content/" + n.id, "webui": n.webui(), "tinyui": "/x/" + n.id},
	}
	if v != n.now() {
		o["status"] = "historical"
	}
	folded := o["_expandable"].(object)
	for _, part := range expand {
		first, _, _ := strings.Cut(part, ".")
		switch first {
		case "version":
			o["version"] = v.v1JSON(c)
		case "space":
			o["space"] = n.space.v1JSON(c)
		case "ancestors":
			up := []object{}
			for _, a := range n.ancestors() {
				up = append(up, a.v1JSON(c, nil))
			}
			o["ancestors"] = up
		case "history":
			o["history"] = n.historyJSON(c)
		case "body":
			if part != "body.storage" {
				continue
			}
			o["body"] = object{"storage": object{"value": v.body, "representation": "storage", "_expandable": object{"content": "/rest/api/content/" + n.id}},
				"_expandable": object{"view": "", "export_view": "", "editor": "", "styled_view": ""}}
		case "metadata":
			o["metadata"] = object{"labels": n.labelsV1(c), "_expandable": object{"currentuser": "", "properties": "", "frontend": ""}}
		default:
			continue
		}
		delete(folded, first)
	}
	return o
}

// wiki is the address of Confluence.
func (c *call) wiki() string {
	if c.v2 {
		return c.base
	}
	return c.base + "/wiki"
}

// historyJSON is who made the content and who has worked on it.
func (n *node) historyJSON(c *call) object {
	people, ids := []object{}, []string{}
	for _, v := range n.versions {
		if !slices.Contains(ids, v.author.id) {
			people, ids = append(people, v.author.person(c)), append(ids, v.author.id)
		}
	}
	key := "userAccountIds"
	if c.v2 {
		key = "userKeys"
	}
	o := object{
		"latest": true, "createdBy": n.author.person(c), "createdDate": stamp(n.created), "lastUpdated": n.now().v1JSON(c),
		"contributors": object{"publishers": object{"users": people, key: ids}},
		"_expandable":  object{"previousVersion": "", "nextVersion": ""},
		"_links":       object{"self": c.wiki() + "/rest/api/content/" + n.id + "/history"},
	}
	if before := len(n.versions) - 2; before >= 0 {
		o["previousVersion"] = n.versions[before].v1JSON(c)
	}
	return o
}

// labelsV1 is the labels as v1 shows them.
func (n *node) labelsV1(c *call) object {
	results := []object{}
	for _, l := range n.labels {
		results = append(results, object{"id": l.id, "prefix": l.prefix, "name": l.name, "label": l.name})
	}
	return object{
		"results": results, "start": 0, "limit": 200, "size": len(results),
		"_links": object{"self": c.wiki() + "/rest/api/content/" + n.id + "/label", "base": c.wiki(), "context": c.context()},
	}
}

// context is the part of Confluence's address after the host.
func (c *call) context() string {
	if c.v2 {
		return ""
	}
	return "/wiki"
}

func (sp *space) v1JSON(c *call) object {
	return object{
		"id": json.Number(sp.id), "key": sp.key, "name": sp.name, "type": "global", "status": statusCurrent,
		"_expandable": object{"settings": "", "metadata": "", "operations": "", "permissions": "", "homepage": ""},
		"_links":      object{"self": c.wiki() + "/rest/api/space/" + sp.key, "webui": "/spaces/" + sp.key},
	}
}
