// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// bodyWrite is a page body in a request: either representation and value, or nested under the representation's name.
type bodyWrite struct {
	Representation string       `json:"representation"`
	Value          string       `json:"value"`
	Storage        *nestedWrite `json:"storage"`
}

type nestedWrite struct {
	Representation string `json:"representation"`
	Value          string `json:"value"`
}

// storage returns the body in storage format, or what is wrong with it.
func (b *bodyWrite) storage() (string, *reply) {
	text, format := b.Value, b.Representation
	if b.Storage != nil {
		text, format = b.Storage.Value, "storage"
	}
	if format != "storage" {
		refusal := v2Error(http.StatusBadRequest, "The site does not take the body representation '"+format+"'; use 'storage'.")
		return "", &refusal
	}
	if err := wellFormed(text); err != nil {
		refusal := v2Error(http.StatusBadRequest, "Error parsing xhtml: "+err.Error())
		return "", &refusal
	}
	return text, nil
}

// wellFormed checks that storage format is what it must be, an XML fragment.
func wellFormed(text string) error {
	d := xml.NewDecoder(strings.NewReader("<x>" + text + "</x>"))
	d.Entity = xml.HTMLEntity
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
			if depth == 0 && d.InputOffset() != int64(len("<x>"+text+"</x>")) {
				return errors.New("an element is closed that was not opened")
			}
		}
	}
}

// decodeV2 reads a request body.
func decodeV2(c *call, into any) *reply {
	if err := json.Unmarshal(c.body, into); err != nil {
		refusal := failure(c.path, http.StatusBadRequest, "The request body is not valid: "+err.Error())
		return &refusal
	}
	return nil
}

type pageCreate struct {
	SpaceID  string     `json:"spaceId"`
	Status   string     `json:"status"`
	Title    string     `json:"title"`
	ParentID string     `json:"parentId"`
	Body     *bodyWrite `json:"body"`
}

func postPage(s *Site, c *call) reply {
	var in pageCreate
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	if in.SpaceID == "" {
		return v2Error(http.StatusBadRequest, "Must specify spaceId.")
	}
	sp := s.spaces[in.SpaceID]
	if sp == nil {
		return v2Error(http.StatusNotFound, "Cannot find a space with id '"+in.SpaceID+"'.")
	}
	parent, refusal := s.newParent(c, sp, in.ParentID)
	if refusal != nil {
		return *refusal
	}
	n := &node{kind: kindPage, status: in.Status, space: sp, author: c.account}
	if n.status == "" {
		n.status = statusCurrent
	}
	if refusal := s.checkTitle(sp, n.status, in.Title, nil); refusal != nil {
		return *refusal
	}
	var body string
	if in.Body != nil {
		if body, refusal = in.Body.storage(); refusal != nil {
			return *refusal
		}
	}
	if c.query.Get("private") == "true" {
		n.readers, n.editors = []string{c.account.id}, []string{c.account.id}
	}
	s.addNode(n, in.Title, body)
	n.attach(sp, parent, -1)
	return written(c, n)
}

// newParent finds the parent for a page to be created: the one that is named, the homepage, or none.
func (s *Site) newParent(c *call, sp *space, id string) (*node, *reply) {
	root := c.query.Get("root-level") == "true"
	switch {
	case root && id != "":
		refusal := v2Error(http.StatusBadRequest, "A root level page cannot have a parentId.")
		return nil, &refusal
	case root, id == "" && (!sp.homepage.listed() || sp.homepage.space != sp):
		return nil, nil
	case id == "":
		return sp.homepage, nil
	}
	return s.parentIn(c, sp, id)
}

// parentIn finds a parent in a space.
func (s *Site) parentIn(c *call, sp *space, id string) (*node, *reply) {
	parent := s.nodes[id]
	if parent == nil || !parent.listed() || !parent.readable(c.account) {
		refusal := v2Error(http.StatusNotFound, "Cannot find the parent with id '"+id+"', or you may not view it.")
		return nil, &refusal
	}
	if parent.space != sp {
		refusal := v2Error(http.StatusBadRequest, "The parent with id '"+id+"' is in another space.")
		return nil, &refusal
	}
	return parent, nil
}

// checkTitle refuses a status and title that a page of the space, other than except, cannot have. Drafts may have any.
func (s *Site) checkTitle(sp *space, status, title string, except *node) *reply {
	var text string
	switch {
	case status != statusCurrent && status != statusDraft:
		text = "Provided value {" + status + "} for 'status' is not one of current, draft."
	case status == statusDraft:
		return nil
	case strings.TrimSpace(title) == "":
		text = "The title of a published page must be specified."
	case len([]rune(title)) > 255:
		text = "The title is longer than 255 characters."
	case s.titleTaken(sp, title, except):
		text = "A page with this title already exists: A page already exists with the same TITLE in this space"
	default:
		return nil
	}
	refusal := v2Error(http.StatusBadRequest, text)
	return &refusal
}

// written answers a write with the page as it is now.
func written(c *call, n *node) reply {
	o := n.json(n.now())
	o["_links"].(object)["base"] = c.base + "/wiki"
	o["body"] = object{"storage": object{"representation": "storage", "value": n.now().body}}
	return ok(o)
}

type pageUpdate struct {
	ID       string     `json:"id"`
	Status   string     `json:"status"`
	Title    string     `json:"title"`
	SpaceID  string     `json:"spaceId"`
	ParentID string     `json:"parentId"`
	OwnerID  string     `json:"ownerId"`
	Body     *bodyWrite `json:"body"`
	Version  *struct {
		Number  int    `json:"number"`
		Message string `json:"message"`
	} `json:"version"`
}

// check refuses an update that lacks something or does not fit the page.
func (in *pageUpdate) check(n *node) *reply {
	var text string
	switch {
	case in.ID != n.id:
		text = "The id in the body does not match the id in the path."
	case in.Status != statusCurrent && in.Status != statusDraft:
		text = "Provided value {" + in.Status + "} for 'status' is not one of current, draft."
	case in.Body == nil:
		text = "The body must be specified."
	case in.Version == nil:
		text = "The version must be specified."
	case in.SpaceID != "" && in.SpaceID != n.space.id:
		text = "A page cannot be moved to another space by an update."
	default:
		return nil
	}
	refusal := v2Error(http.StatusBadRequest, text)
	return &refusal
}

// expected is the version number that an update must carry: the next one, but drafts stay at 1.
func (n *node) expected() int {
	if n.status == statusDraft {
		return 1
	}
	return n.now().number + 1
}

func putPage(s *Site, c *call) reply {
	n, refusal := s.editablePage(c)
	if refusal != nil {
		return *refusal
	}
	var in pageUpdate
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	if refusal := in.check(n); refusal != nil {
		return *refusal
	}
	if in.Version.Number != n.expected() {
		return v2Error(http.StatusConflict, fmt.Sprintf(
			"Version must be incremented when updating a page. Current Version: [%d]. Provided version: [%d]",
			n.now().number, in.Version.Number))
	}
	switch {
	case n.status == statusTrashed:
		return s.restorePage(c, n, in.Version.Message)
	case in.Status == statusDraft && n.status != statusDraft:
		return s.draftPage(c, n, &in)
	}
	return s.updatePage(c, n, &in)
}

// draftPage keeps what is not to be published yet beside a published page, in the place of what was kept before.
func (s *Site) draftPage(c *call, n *node, in *pageUpdate) reply {
	body, refusal := in.Body.storage()
	if refusal != nil {
		return *refusal
	}
	n.draft = &version{number: in.Version.Number, title: in.Title, body: body, message: in.Version.Message, author: c.account, at: s.now()}
	o := n.json(n.draft)
	o["status"] = statusDraft
	o["_links"].(object)["base"] = c.base + "/wiki"
	o["body"] = object{"storage": object{"representation": "storage", "value": body}}
	return ok(o)
}

// restorePage takes a page out of the trash; whatever else the update says is ignored.
func (s *Site) restorePage(c *call, n *node, message string) reply {
	if s.titleTaken(n.space, n.title(), n) {
		return v2Error(http.StatusBadRequest, "A page already exists with the same TITLE in this space")
	}
	n.restore()
	s.addVersion(n, c.account, n.title(), n.now().body, message)
	return written(c, n)
}

func (s *Site) updatePage(c *call, n *node, in *pageUpdate) reply {
	body, refusal := in.Body.storage()
	if refusal != nil {
		return *refusal
	}
	if refusal := s.checkTitle(n.space, in.Status, in.Title, n); refusal != nil {
		return *refusal
	}
	parent := n.parent
	if in.ParentID != "" && (parent == nil || parent.id != in.ParentID) {
		if parent, refusal = s.parentIn(c, n.space, in.ParentID); refusal != nil {
			return *refusal
		}
		if parent.within(n) {
			return v2Error(http.StatusBadRequest, "A page cannot be moved below itself.")
		}
	}
	owner := n.owner
	if in.OwnerID != "" {
		if owner = s.accounts[in.OwnerID]; owner == nil {
			return v2Error(http.StatusBadRequest, "No account has the id '"+in.OwnerID+"'.")
		}
	}
	if parent != n.parent {
		n.detach()
		n.attach(n.space, parent, -1)
	}
	n.owner = owner
	if n.status == statusDraft {
		n.versions = nil // publishing and saving a draft both stay at version 1
	}
	n.status = in.Status
	n.draft = nil // publishing takes the place of what was not published yet
	s.addVersion(n, c.account, in.Title, body, in.Version.Message)
	return written(c, n)
}

// editablePage is page for writes: 404 if the account may not see the page, 403 if it may only look.
func (s *Site) editablePage(c *call) (*node, *reply) {
	n, refusal := s.page(c)
	if refusal != nil {
		return nil, refusal
	}
	if !n.editable(c.account) {
		denied := failure(c.path, http.StatusForbidden, "You may not edit the content with id '"+n.id+"'.")
		return nil, &denied
	}
	return n, nil
}

// putTitle renames a page. It has no version check.
func putTitle(s *Site, c *call) reply {
	n, refusal := s.editablePage(c)
	if refusal != nil {
		return *refusal
	}
	var in struct {
		Status string `json:"status"`
		Title  string `json:"title"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	if in.Status != n.status {
		return v2Error(http.StatusNotFound, "Cannot find a page with id '"+n.id+"' and status '"+in.Status+"'.")
	}
	if refusal := s.checkTitle(n.space, n.status, in.Title, n); refusal != nil {
		return *refusal
	}
	s.addVersion(n, c.account, in.Title, n.now().body, "")
	return written(c, n)
}

// deletePage moves a page to the trash; a draft, or with purge a page in the trash, is gone for good.
func deletePage(s *Site, c *call) reply {
	n, refusal := s.editablePage(c)
	if refusal != nil {
		return *refusal
	}
	purge, draft := c.query.Get("purge") == "true", c.query.Get("draft") == "true"
	switch {
	case draft && n.draft != nil:
		n.draft = nil
	case draft != (n.status == statusDraft):
		return v2Error(http.StatusBadRequest, "The parameter draft=true is for drafts, and drafts need it.")
	case draft:
		n.detach()
		delete(s.nodes, n.id)
	case purge && n.status != statusTrashed:
		return v2Error(http.StatusBadRequest, "Only a page in the trash can be purged.")
	case purge:
		s.purge(n)
	case n.status == statusTrashed:
		return v2Error(http.StatusNotFound, "The page with id '"+n.id+"' is in the trash.")
	default:
		n.trash()
	}
	return reply{status: http.StatusNoContent}
}

func (s *Site) purge(n *node) {
	for _, comment := range s.commentsOn(n) {
		delete(s.comments, comment.id)
	}
	for _, a := range s.attachmentsOf(n) {
		delete(s.attachments, a.id)
	}
	delete(s.nodes, n.id)
}
