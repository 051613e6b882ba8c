// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
)

// What few clients should ever call: it changes who may see what, or many pages at once.

// restrictionWrite is a restriction in a request.
type restrictionWrite struct {
	Operation    string `json:"operation"`
	Restrictions struct {
		User json.RawMessage `json:"user"` // a list, or an object with the list as results
	} `json:"restrictions"`
}

// accounts are those that a restriction lets in.
func (in *restrictionWrite) accounts() []string {
	type subject struct {
		AccountID string `json:"accountId"`
		Username  string `json:"username"`
	}
	var list []subject
	if bytes.HasPrefix(bytes.TrimSpace(in.Restrictions.User), []byte("{")) {
		var page struct {
			Results []subject `json:"results"`
		}
		_ = json.Unmarshal(in.Restrictions.User, &page) // what is no list lets nobody in
		list = page.Results
	} else {
		_ = json.Unmarshal(in.Restrictions.User, &list)
	}
	ids := []string{}
	for _, one := range list {
		ids = append(ids, one.AccountID+one.Username)
	}
	return ids
}

// putRestrictions sets the restrictions of content (PUT) or adds to them (POST).
func putRestrictions(s *Site, c *call) reply {
	n, refusal := s.editablePage(c)
	if refusal != nil {
		return *refusal
	}
	var in []restrictionWrite
	if bytes.HasPrefix(bytes.TrimSpace(c.body), []byte("{")) {
		var page struct {
			Results []restrictionWrite `json:"results"`
		}
		refusal = decodeV2(c, &page)
		in = page.Results
	} else {
		refusal = decodeV2(c, &in)
	}
	if refusal != nil {
		return *refusal
	}
	if c.method == http.MethodPut {
		n.readers, n.editors = nil, nil
	}
	for _, one := range in {
		switch one.Operation {
		case "read":
			n.readers = append(n.readers, one.accounts()...)
		case "update":
			n.editors = append(n.editors, one.accounts()...)
		default:
			return v1Error(http.StatusBadRequest, "The operation '"+one.Operation+"' cannot be restricted.")
		}
	}
	return ok(s.restrictionsJSON(c, n))
}

func deleteRestrictions(s *Site, c *call) reply {
	n, refusal := s.editablePage(c)
	if refusal != nil {
		return *refusal
	}
	n.readers, n.editors = nil, nil
	return ok(s.restrictionsJSON(c, n))
}

func getRestrictionList(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	return ok(s.restrictionsJSON(c, n))
}

func (s *Site) restrictionsJSON(c *call, n *node) object {
	return object{
		"results": []object{s.restriction(c, "read", n.readers), s.restriction(c, "update", n.editors)},
		"start":   0, "limit": 100, "size": 2, "restrictionsHash": "",
		"_links": object{"self": c.base + c.path, "base": c.wiki(), "context": c.context()},
	}
}

// task answers with a long-running task, which here has ended already.
func (s *Site) task(c *call) reply {
	id := s.newID()
	s.tasks[id] = object{"id": id, "successful": true, "percentageComplete": 100}
	return reply{status: http.StatusAccepted, body: object{
		"id": id, "links": object{"status": "/rest/api/longtask/" + id},
	}}
}

// postArchive archives many pages.
func postArchive(s *Site, c *call) reply {
	var in struct {
		Pages []struct {
			ID json.Number `json:"id"`
		} `json:"pages"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	for _, p := range in.Pages {
		n := s.nodes[p.ID.String()]
		if n == nil || n.status != statusCurrent || !n.editable(c.account) {
			return v1Error(http.StatusBadRequest, "The page with id '"+p.ID.String()+"' cannot be archived.")
		}
	}
	for _, p := range in.Pages {
		s.nodes[p.ID.String()].status = statusArchived
	}
	return s.task(c)
}

// deletePageTree moves a page and all below it to the trash.
func deletePageTree(s *Site, c *call) reply {
	n, refusal := s.editablePage(c)
	if refusal != nil {
		return *refusal
	}
	for len(n.children) > 0 {
		leaf := n.children[len(n.children)-1]
		for len(leaf.children) > 0 {
			leaf = leaf.children[len(leaf.children)-1]
		}
		leaf.trash()
	}
	n.trash()
	return s.task(c)
}

// postCopy copies one page below another, or to the root of a space.
func postCopy(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	var in struct {
		CopyLabels  bool   `json:"copyLabels"`
		PageTitle   string `json:"pageTitle"`
		Destination struct {
			Type  string `json:"type"`
			Value string `json:"value"`
		} `json:"destination"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	sp, parent := s.spaceByKey(in.Destination.Value), s.nodes[in.Destination.Value]
	switch {
	case in.Destination.Type == "space" && sp != nil:
		parent = nil
	case in.Destination.Type == "parent_page" && parent != nil && parent.listed() && parent.readable(c.account):
		sp = parent.space
	default:
		return v1Error(http.StatusBadRequest, "The site copies to a space or a parent_page that is there.")
	}
	title := orElse(in.PageTitle, n.title())
	if s.titleTaken(sp, title, nil) {
		return v1Error(http.StatusBadRequest, "A page already exists with the same TITLE in this space")
	}
	made := s.addNode(&node{kind: kindPage, status: statusCurrent, space: sp, author: c.account}, title, n.now().body)
	made.attach(sp, parent, -1)
	if in.CopyLabels {
		made.labels = slices.Clone(n.labels)
	}
	rep := ok(made.v1JSON(c, c.expansions("")))
	rep.header = http.Header{"Content-Type": {"application/json;charset=UTF-8"}}
	return rep
}

// ArchivePage archives a page: it stays where it is, out of search results.
func (s *Site) ArchivePage(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustNode(id).status = statusArchived
}
