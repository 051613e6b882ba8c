// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// IssueSeed is an issue to begin with.
type IssueSeed struct {
	Project     string // key or id
	Type        string // name: Epic, Story, Task (if empty), Bug or Subtask
	Summary     string
	Description string // plain text, stored as an Atlassian document; none if empty
	Parent      string // key or id; an epic or, for a subtask, a standard issue
	Labels      []string
	Components  []string                   // names of components of the project
	Status      string                     // name: To Do (if empty), In Progress or Done
	Priority    string                     // name; Medium if empty
	Assignee    string                     // account id; nobody if empty
	Reporter    string                     // account id; the site's own account if empty
	Fields      map[string]json.RawMessage // custom fields by id
}

// CommentSeed is a comment on an issue to begin with.
type CommentSeed struct {
	Body     string // plain text, stored as an Atlassian document
	Author   string // account id; the site's own account if empty
	Role     string // the project role that may see the comment; all if empty
	Internal bool   // a note that the customers of a service desk do not see
}

// Issue is what the site knows of an issue.
type Issue struct {
	ID          string
	Key         string
	ProjectID   string
	ProjectKey  string
	Type        string // name
	Summary     string
	Description string          // as plain text
	Document    json.RawMessage // the description as it is stored; nil if there is none
	Status      string          // name
	Priority    string          // name
	ParentID    string
	Labels      []string // sorted
	Components  []string // names
	AssigneeID  string   // empty for nobody
	ReporterID  string
	CreatorID   string
	DueDate     string                     // yyyy-mm-dd
	Fields      map[string]json.RawMessage // custom fields by id
	Created     time.Time
	Updated     time.Time
	Changes     []Change                   // the oldest first
	Properties  map[string]json.RawMessage // entity properties by key
	Links       []Link
	RemoteLinks []string // addresses
}

// Link is a link between two issues: the one from reads as the type's outward text, as in "ENG-1 blocks ENG-2".
type Link struct {
	ID       string
	Type     string // name
	From, To string // keys
}

// Change is one changed field in an issue's changelog.
type Change struct {
	ID       string // of the changelog's entry, which several changes can share
	AuthorID string
	Field    string // as shown: summary, Key, the name of a custom field
	From, To string // as text
	At       time.Time
}

// AddProject adds a software project with the issue types Epic, Story, Task, Bug and Subtask, and returns its id.
func (s *Site) AddProject(key, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustBeFree(key)
	p := &project{id: s.newID(), key: key, name: name}
	for _, t := range []issueType{{name: "Epic", level: 1}, {name: "Story"}, {name: "Task"}, {name: "Bug"}, {name: "Subtask", level: -1}} {
		t.id = s.newID()
		p.types = append(p.types, &t)
	}
	s.projects[p.id] = p
	return p.id
}

// AddComponent adds a component to a project and returns its id.
func (s *Site) AddComponent(project, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustProject(project)
	m := &component{id: s.newID(), name: name}
	p.components = append(p.components, m)
	return m.id
}

// IssueTypeID returns the id of a project's issue type with this name. Every project has types of its own.
func (s *Site) IssueTypeID(project, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mustType(s.mustProject(project), name).id
}

// AddIssueType adds a standard issue type to a project and returns its id. Names need not be unique.
func (s *Site) AddIssueType(project, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustProject(project)
	t := &issueType{id: s.newID(), name: name}
	p.types = append(p.types, t)
	return t.id
}

// ShareIssueType makes another project use a project's issue type, under the same id, as company-managed projects do.
func (s *Site) ShareIssueType(project, name, with string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustProject(with)
	p.types = append(p.types, s.mustType(s.mustProject(project), name))
}

// RenameIssueType gives a project's issue type another name, under the same id.
func (s *Site) RenameIssueType(project, name, next string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustType(s.mustProject(project), name).name = next
}

// RemoveIssueType takes an issue type out of a project. Issues that have it keep it.
func (s *Site) RemoveIssueType(project, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustProject(project)
	gone := s.mustType(p, name)
	p.types = slices.DeleteFunc(p.types, func(t *issueType) bool { return t == gone })
}

// RestrictProject lets only these accounts see a project and its issues; without accounts, nobody.
func (s *Site) RestrictProject(project string, accountIDs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustProject(project).readers = append([]string{}, accountIDs...)
}

// RenameProjectKey gives a project, and so all its issues, new keys. The old keys still lead there.
func (s *Site) RenameProjectKey(project, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustBeFree(key)
	p := s.mustProject(project)
	p.oldKeys = append(p.oldKeys, p.key)
	p.key = key
	for _, i := range s.issues {
		if i.project == p {
			i.key = fmt.Sprintf("%s-%d", key, i.number)
			s.keys[i.key] = i
		}
	}
}

// AddIssue adds an issue and returns its id.
func (s *Site) AddIssue(seed IssueSeed) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mustProject(seed.Project)
	i := s.blank(p, s.author(seed.Reporter))
	i.kind = s.mustType(p, orElse(seed.Type, "Task"))
	must(setSummary(s, i, mustJSON(seed.Summary)))
	if seed.Description != "" {
		i.description = s.text(seed.Description)
	}
	i.status = known(statusNamed(orElse(seed.Status, "To Do")))
	i.priority = known(priorityNamed(orElse(seed.Priority, "Medium")))
	for _, l := range seed.Labels {
		must(editLabel(i, "add", l))
	}
	for _, name := range seed.Components {
		must(editComponent(i, "add", name))
	}
	if seed.Assignee != "" {
		i.assignee = s.author(seed.Assignee)
	}
	if seed.Parent != "" {
		must(setParent(s, i, mustJSON(reference{ID: s.mustIssue(seed.Parent).id})))
	}
	for id, raw := range seed.Fields {
		must(s.mustField(id).set(s, i, raw))
	}
	s.publish(i)
	return i.id
}

// AddComment adds a comment to an issue and returns the comment's id.
func (s *Site) AddComment(issue string, seed CommentSeed) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.mustIssue(issue)
	m := &issueComment{id: s.newID(), author: s.author(seed.Author), body: s.text(seed.Body), at: s.now(), internal: seed.Internal,
		properties: make(map[string]json.RawMessage)}
	if seed.Role != "" {
		m.visibility = &visibility{Type: "role", Value: seed.Role, Identifier: seed.Role}
	}
	i.comments = append(slices.Clone(i.comments), m)
	i.updated = s.now()
	return m.id
}

// EditIssue sets fields of an issue by id, in the form of the REST interface, as the account (the site's own if empty).
func (s *Site) EditIssue(issue, accountID string, fields map[string]json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.mustIssue(issue)
	next := i.clone()
	for id, raw := range fields {
		must(s.mustField(id).set(s, next, raw))
	}
	s.replace(s.author(accountID), i, next)
}

// SecureIssue puts an issue under a security level, or under none. The level only shows: all who see the project see the
// issue still.
func (s *Site) SecureIssue(issue, level string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.mustIssue(issue)
	next := i.clone()
	next.level = level
	s.replace(s.author(""), i, next)
}

// MoveIssue moves an issue and its subtasks to another project, where it gets a new key; the old key keeps leading to it.
// It returns the new key.
func (s *Site) MoveIssue(idOrKey, project string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, p := s.mustIssue(idOrKey), s.mustProject(project)
	if i.project == p {
		panic("atlassian: the issue " + i.key + " is in this project already")
	}
	s.moveIssue(s.system, i, p, s.mustType(p, i.kind.name))
	return i.key
}

// moveIssue moves an issue and its subtasks to another project.
func (s *Site) moveIssue(by *account, i *issue, p *project, t *issueType) {
	if i.parent != nil && i.parent.kind.level > 0 {
		i.parent = nil
	}
	for at, moved := range append([]*issue{i}, s.subtasks(i)...) {
		next := moved.clone()
		next.kind = t
		if at > 0 {
			next.kind = s.mustType(p, moved.kind.name)
		}
		next.components = nil
		p.lastNumber++
		next.project, next.number = p, p.lastNumber
		next.key = fmt.Sprintf("%s-%d", p.key, next.number)
		s.replace(by, moved, next)
		s.keys[moved.key] = moved
	}
}

// Issue returns a snapshot of an issue, by id or any key it ever had, and whether there is one.
func (s *Site) Issue(idOrKey string) (Issue, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.issueNamed(idOrKey)
	if i == nil {
		return Issue{}, false
	}
	snapshot := Issue{
		ID: i.id, Key: i.key, ProjectID: i.project.id, ProjectKey: i.project.key, Type: i.kind.name, Summary: i.summary,
		Description: docText(i.description), Document: slices.Clone(i.description), Status: i.status.name,
		Priority: i.priority.name, ParentID: markParent(i).id, Labels: slices.Clone(i.labels),
		AssigneeID: s.field("assignee").mark(i).id, ReporterID: s.field("reporter").mark(i).id, CreatorID: i.creator.id,
		DueDate: i.due, Fields: i.clone().extra, Properties: i.clone().properties, Created: i.created, Updated: i.updated,
	}
	for _, l := range i.links {
		snapshot.Links = append(snapshot.Links, Link{l.id, l.kind.name, l.from.key, l.to.key})
	}
	for _, r := range i.remote {
		snapshot.RemoteLinks = append(snapshot.RemoteLinks, r.object.URL)
	}
	for _, m := range i.components {
		snapshot.Components = append(snapshot.Components, m.name)
	}
	for _, ch := range i.history {
		for _, item := range ch.items {
			snapshot.Changes = append(snapshot.Changes, Change{ch.id, ch.author.id, item.field, item.from.text, item.to.text, ch.at})
		}
	}
	return snapshot, true
}

// Comments returns the comments on an issue, by id or any key it ever had, the oldest first.
func (s *Site) Comments(idOrKey string) []Comment {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.issueNamed(idOrKey)
	if i == nil {
		return nil
	}
	var list []Comment
	for _, m := range i.comments {
		list = append(list, Comment{m.id, m.author.id, docText(m.body), m.at})
	}
	return list
}
