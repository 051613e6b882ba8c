// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// PageSeed is a page to begin with.
type PageSeed struct {
	Space  string // key or id
	Parent string // id of a page or folder; the space's homepage if empty
	Title  string
	Body   string   // storage format
	Labels []string // global labels
	Author string   // account id; the site's own account if empty
	Status string   // current (if empty), draft or archived
}

// FolderSeed is a folder to begin with.
type FolderSeed struct {
	Space  string // key or id
	Parent string // id of a page or folder; the space's homepage if empty
	Title  string
}

// Page is what the site knows of a page or folder.
type Page struct {
	ID        string
	Type      string // page or folder
	Status    string // current, draft, archived, trashed
	Title     string
	SpaceID   string
	SpaceKey  string
	ParentID  string   // empty at the root of the space
	Ancestors []string // ids, the highest first
	Body      string   // storage format
	Labels    []string // sorted
	OwnerID   string
	Readers   []string  // account ids of the page's own read restriction; nil if there is none
	Versions  []Version // the oldest first
	Comments  []Comment // footer comments, the oldest first
	Inline    []Comment // inline comments, the oldest first
	Draft     *Version  // of a published page: what is not published yet; nil for nothing

	Properties map[string]json.RawMessage // content properties by key
}

// Version is one version of a page.
type Version struct {
	Number   int // from 1
	Title    string
	Body     string
	Message  string
	AuthorID string
	At       time.Time
}

// Comment is a comment on a page (its body in storage format) or an issue (its body as plain text).
type Comment struct {
	ID       string
	AuthorID string
	Body     string
	At       time.Time
}

// AddSpace adds a space with a homepage and returns the space's id.
func (s *Site) AddSpace(key, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spaceByKey(key) != nil {
		panic("atlassian: there is a space with the key " + key)
	}
	sp := &space{id: s.newID(), key: key, name: name, created: s.now()}
	s.spaces[sp.id] = sp
	sp.homepage = s.addNode(&node{kind: kindPage, status: statusCurrent, space: sp, author: s.system}, name+" Home", "")
	sp.homepage.attach(sp, nil, -1)
	return sp.id
}

// HomepageID returns the id of a space's homepage.
func (s *Site) HomepageID(space string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mustSpace(space).homepage.id
}

// RenameSpaceKey gives a space a new key. The old key leads nowhere and can be given to another space.
func (s *Site) RenameSpaceKey(space, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spaceByKey(key) != nil {
		panic("atlassian: there is a space with the key " + key)
	}
	s.mustSpace(space).key = key
}

// AddPage adds a page and returns its id.
func (s *Site) AddPage(p PageSeed) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	author := s.author(p.Author)
	status := p.Status
	if status == "" {
		status = statusCurrent
	}
	n := &node{kind: kindPage, status: status, space: s.mustSpace(p.Space), author: author}
	s.plant(n, p.Parent, p.Title, p.Body)
	for _, name := range p.Labels {
		s.addLabel(n, "global", name)
	}
	return n.id
}

// AddFolder adds a folder and returns its id.
func (s *Site) AddFolder(f FolderSeed) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := &node{kind: kindFolder, status: statusCurrent, space: s.mustSpace(f.Space), author: s.system}
	s.plant(n, f.Parent, f.Title, "")
	return n.id
}

func (s *Site) plant(n *node, parent, title, body string) {
	if n.listed() && s.titleTaken(n.space, title, nil) {
		panic(fmt.Sprintf("atlassian: the space %s has a page %q", n.space.key, title))
	}
	above := n.space.homepage
	if parent != "" {
		above = s.mustNode(parent)
	}
	if above.space != n.space || above.status == statusTrashed {
		panic("atlassian: the parent " + above.id + " is in the trash or in another space")
	}
	s.addNode(n, title, body)
	n.attach(n.space, above, -1)
}

// addNode gives a node its id and first version.
func (s *Site) addNode(n *node, title, body string) *node {
	n.id = s.newID()
	n.owner = n.author
	n.created = s.now()
	s.addVersion(n, n.author, title, body, "")
	s.nodes[n.id] = n
	return n
}

// RestrictRead lets only these accounts read a page or folder and everything below it; without accounts, nobody.
func (s *Site) RestrictRead(id string, accountIDs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustNode(id).readers = append([]string{}, accountIDs...)
}

// RestrictEdit lets only these accounts edit a page, but not what is below it; without accounts, nobody.
func (s *Site) RestrictEdit(id string, accountIDs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustNode(id).editors = append([]string{}, accountIDs...)
}

// MovePage moves a page or folder, with all below it, to the end of a new parent, which may be in another space. The
// version stays. A page in the trash comes back.
func (s *Site) MovePage(id, parent string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, to := s.mustNode(id), s.mustNode(parent)
	if to.within(n) {
		panic("atlassian: a page cannot be moved below itself")
	}
	if to.status == statusTrashed {
		panic("atlassian: a page cannot be moved into the trash")
	}
	if clash := s.titleClash(n, to.space); clash != "" {
		panic(fmt.Sprintf("atlassian: the space %s has a page %q", to.space.key, clash))
	}
	if n.status == statusTrashed {
		n.status = statusCurrent
	}
	n.detach()
	n.attach(to.space, to, -1)
}

// TrashPage moves a page to the trash. The pages below it go up to its parent.
func (s *Site) TrashPage(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustNode(id).trash()
}

// RenamePage gives a page or folder a new title, as a new version by the site's own account.
func (s *Site) RenamePage(id, title string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.mustNode(id)
	if n.listed() && s.titleTaken(n.space, title, n) {
		panic(fmt.Sprintf("atlassian: the space %s has a page %q", n.space.key, title))
	}
	s.addVersion(n, s.system, title, n.now().body, "")
}

// EditPage gives a page a new body in storage format, as a new version by the account (the site's own if empty).
func (s *Site) EditPage(id, accountID, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.mustNode(id)
	s.addVersion(n, s.author(accountID), n.title(), body, "")
}

// AddLabel puts a label on a page or folder. Its prefix is global, or my or team for one that is not everybody's.
func (s *Site) AddLabel(id, prefix, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addLabel(s.mustNode(id), prefix, name)
}

// RemoveLabel takes a label off a page or folder, whatever its prefix.
func (s *Site) RemoveLabel(id, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustNode(id).removeLabel(name)
}

// Page returns a snapshot of a page or folder, whatever its status, and whether there is one with this id.
func (s *Site) Page(id string) (Page, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[id]
	if n == nil {
		return Page{}, false
	}
	p := Page{
		ID: n.id, Type: n.kind, Status: n.status, Title: n.title(), SpaceID: n.space.id, SpaceKey: n.space.key,
		Body: n.now().body, Labels: n.labelNames(), OwnerID: n.owner.id, Readers: slices.Clone(n.readers),
	}
	if n.parent != nil {
		p.ParentID = n.parent.id
	}
	for _, a := range n.ancestors() {
		p.Ancestors = append(p.Ancestors, a.id)
	}
	for _, v := range n.versions {
		p.Versions = append(p.Versions, Version{v.number, v.title, v.body, v.message, v.author.id, v.at})
	}
	if d := n.draft; d != nil {
		p.Draft = &Version{d.number, d.title, d.body, d.message, d.author.id, d.at}
	}
	for _, c := range s.commentsOn(n) {
		list := &p.Comments
		if c.inline {
			list = &p.Inline
		}
		*list = append(*list, Comment{c.id, c.author.id, c.now().body, c.now().at})
	}
	for _, property := range n.properties {
		if p.Properties == nil {
			p.Properties = make(map[string]json.RawMessage)
		}
		p.Properties[property.key] = slices.Clone(property.value)
	}
	return p, true
}

// CommentPage adds a footer comment to a page, as the account (the site's own if empty), and returns the comment's id.
func (s *Site) CommentPage(page, accountID, body string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	comment := &pageComment{id: s.newID(), page: s.mustNode(page), author: s.author(accountID)}
	comment.versions = []version{{number: 1, body: body, author: comment.author, at: s.now()}}
	s.comments[comment.id] = comment
	return comment.id
}

// DraftPage keeps a new body beside a published page, as the account (the site's own if empty), without publishing it.
func (s *Site) DraftPage(id, accountID, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.mustNode(id)
	n.draft = &version{number: n.now().number + 1, title: n.title(), body: body, author: s.author(accountID), at: s.now()}
}

func (n *node) labelNames() []string {
	var names []string
	for _, l := range n.labels {
		names = append(names, l.name)
	}
	slices.Sort(names)
	return names
}

func (s *Site) spaceByKey(key string) *space {
	for _, sp := range s.spaces {
		if strings.EqualFold(sp.key, key) {
			return sp
		}
	}
	return nil
}

func (s *Site) mustSpace(keyOrID string) *space {
	if sp := s.spaces[keyOrID]; sp != nil {
		return sp
	}
	if sp := s.spaceByKey(keyOrID); sp != nil {
		return sp
	}
	panic("atlassian: no space has the key or id " + keyOrID)
}

func (s *Site) mustNode(id string) *node {
	n := s.nodes[id]
	if n == nil {
		panic("atlassian: no page or folder has the id " + id)
	}
	return n
}
