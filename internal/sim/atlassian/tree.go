// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"slices"
	"strings"
	"time"
)

// Kinds and statuses of content.
const (
	kindPage   = "page"
	kindFolder = "folder"

	statusCurrent  = "current"
	statusDraft    = "draft"
	statusArchived = "archived"
	statusTrashed  = "trashed"
)

type space struct {
	id       string
	key      string
	name     string
	created  time.Time
	homepage *node
	roots    []*node
}

// node is a page or folder. A trashed node has left its parent's children but remembers its parent.
type node struct {
	id       string
	kind     string
	status   string
	space    *space
	parent   *node // nil at the root of the space
	children []*node
	author   *account
	owner    *account
	created  time.Time
	versions []version // the last is the present one
	draft    *version  // of a published page: what somebody has written and not published; nil for nothing
	labels   []label
	readers  []string // account ids; nil lets everybody read
	editors  []string // account ids; nil lets everybody edit

	properties []*contentProperty
}

type version struct {
	number  int
	title   string
	body    string // storage format
	message string
	author  *account
	at      time.Time
}

type label struct {
	id     string
	prefix string
	name   string
}

func (n *node) now() *version { return &n.versions[len(n.versions)-1] }

func (n *node) title() string { return n.now().title }

// addVersion makes the next version of the node.
func (s *Site) addVersion(n *node, by *account, title, body, message string) {
	n.versions = append(n.versions, version{
		number: len(n.versions) + 1, title: title, body: body, message: message, author: by, at: s.now(),
	})
}

// ancestors returns the node's ancestors, the highest first.
func (n *node) ancestors() []*node {
	var up []*node
	for p := n.parent; p != nil; p = p.parent {
		up = append(up, p)
	}
	slices.Reverse(up)
	return up
}

// within tells whether the node is root or below it.
func (n *node) within(root *node) bool {
	for p := n; p != nil; p = p.parent {
		if p == root {
			return true
		}
	}
	return false
}

// readable tells whether the account may see the node. Read restrictions are inherited: one on any ancestor counts.
// Drafts are their author's own.
func (n *node) readable(a *account) bool {
	if n.status == statusDraft && n.author != a {
		return false
	}
	for p := n; p != nil; p = p.parent {
		if p.readers != nil && !slices.Contains(p.readers, a.id) {
			return false
		}
	}
	return true
}

// editable tells whether the account may change the node. Edit restrictions are not inherited.
func (n *node) editable(a *account) bool {
	return n.readable(a) && (n.editors == nil || slices.Contains(n.editors, a.id))
}

// listed tells whether the node is in lists and search results that do not ask for other statuses.
func (n *node) listed() bool { return n.status == statusCurrent || n.status == statusArchived }

// siblings is the list of children that the node is in or, if trashed, was in.
func (n *node) siblings() *[]*node {
	if n.parent != nil {
		return &n.parent.children
	}
	return &n.space.roots
}

// position is the node's place among its siblings, from 0; -1 if it has left them.
func (n *node) position() int { return slices.Index(*n.siblings(), n) }

// detach takes the node, with all below it, out of its parent.
func (n *node) detach() {
	list := n.siblings()
	*list = slices.DeleteFunc(*list, func(sibling *node) bool { return sibling == n })
}

// attach puts the node, with all below it, under a new parent (nil for the root of the space) at a position; a position
// out of range is the end.
func (n *node) attach(sp *space, parent *node, position int) {
	n.parent = parent
	n.rehome(sp)
	list := n.siblings()
	if position < 0 || position > len(*list) {
		position = len(*list)
	}
	*list = slices.Insert(*list, position, n)
}

func (n *node) rehome(sp *space) {
	n.space = sp
	for _, child := range n.children {
		child.rehome(sp)
	}
}

// trash moves the node to the trash. What was below it stays, under its parent.
func (n *node) trash() {
	at := n.position()
	n.detach()
	orphans := n.children
	n.children = nil
	for i, child := range orphans {
		child.attach(n.space, n.parent, at+i)
	}
	n.status = statusTrashed
}

// restore takes the node out of the trash, to its old parent if that is still there, in the same space.
func (n *node) restore() {
	parent := n.parent
	if parent == nil || parent.status == statusTrashed || parent.space != n.space {
		parent = n.space.homepage
	}
	if parent == n || parent.status == statusTrashed || parent.space != n.space {
		parent = nil // the homepage itself was trashed, or moved away
	}
	n.status = statusCurrent
	n.attach(n.space, parent, -1)
}

// titleTaken tells whether another page or folder of the space has the title. Titles are unique in a space, whatever the
// parent; the trash and drafts do not count.
func (s *Site) titleTaken(sp *space, title string, except *node) bool {
	for _, n := range s.nodes {
		if n != except && n.space == sp && n.listed() && strings.EqualFold(n.title(), title) {
			return true
		}
	}
	return false
}

// titleClash returns the first title below and with n that is taken in the space, or "".
func (s *Site) titleClash(n *node, sp *space) string {
	if s.titleTaken(sp, n.title(), n) {
		return n.title()
	}
	for _, child := range n.children {
		if clash := s.titleClash(child, sp); clash != "" {
			return clash
		}
	}
	return ""
}

// sortedNodes returns all nodes by id, the oldest first.
func (s *Site) sortedNodes() []*node {
	list := make([]*node, 0, len(s.nodes))
	for _, n := range s.nodes {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *node) int { return compareIDs(a.id, b.id) })
	return list
}

// compareIDs orders numeric ids by their value.
func compareIDs(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
