// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// linkType is how two issues are related, in words for either end.
type linkType struct{ id, name, inward, outward string }

func linkTypes() []linkType {
	return []linkType{
		{"10000", "Blocks", "is blocked by", "blocks"},
		{"10001", "Cloners", "is cloned by", "clones"},
		{"10002", "Duplicate", "is duplicated by", "duplicates"},
		{"10003", "Relates", "relates to", "relates to"},
	}
}

func linkTypeNamed(idOrName string) (linkType, bool) {
	for _, t := range linkTypes() {
		if t.id == idOrName || strings.EqualFold(t.name, idOrName) {
			return t, true
		}
	}
	return linkType{}, false
}

func (t linkType) json(c *call) object {
	return object{"id": t.id, "name": t.name, "inward": t.inward, "outward": t.outward, "self": c.rest() + "/issueLinkType/" + t.id}
}

// issueLink is a link between two issues. Requests and answers call the issue that it goes from the inward one, since
// that is what the other end sees.
type issueLink struct {
	id       string
	kind     linkType
	from, to *issue
}

// cut takes a link off both its ends.
func (l *issueLink) cut() {
	for _, end := range []*issue{l.from, l.to} {
		end.links = slices.DeleteFunc(slices.Clone(end.links), func(other *issueLink) bool { return other == l })
	}
}

// linked is an issue as a link shows it.
func (i *issue) linked(c *call) object {
	return object{
		"id": i.id, "key": i.key, "self": i.self(c),
		"fields": object{"summary": i.summary, "status": i.status.json(c), "priority": i.priority.json(c), "issuetype": i.kind.json(c)},
	}
}

// linksJSON is the field issuelinks: of each link, the other end. Links to what the account may not see do not show.
func (i *issue) linksJSON(c *call) []object {
	list := []object{}
	for _, l := range i.links {
		o := object{"id": l.id, "self": c.rest() + "/issueLink/" + l.id, "type": l.kind.json(c)}
		other, side := l.to, "outwardIssue"
		if l.to.id == i.id {
			other, side = l.from, "inwardIssue"
		}
		if other.project.browsable(c.account) {
			o[side] = other.linked(c)
			list = append(list, o)
		}
	}
	return list
}

func getLinkTypes(_ *Site, c *call) reply {
	list := []object{}
	for _, t := range linkTypes() {
		list = append(list, t.json(c))
	}
	return ok(object{"issueLinkTypes": list})
}

// linkWrite is a link in a request.
type linkWrite struct {
	Type         reference       `json:"type"`
	InwardIssue  *reference      `json:"inwardIssue"`
	OutwardIssue *reference      `json:"outwardIssue"`
	Comment      json.RawMessage `json:"comment"`
}

// end finds one of the issues of a link.
func (s *Site) end(c *call, ref *reference) *issue {
	if ref == nil {
		return nil
	}
	return s.findIssue(c.account, ref.ID+ref.Key)
}

// postIssueLink links two issues. The answer does not say what the link's id is.
func postIssueLink(s *Site, c *call) reply {
	var in linkWrite
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	t, found := linkTypeNamed(in.Type.ID + in.Type.Name)
	from, to := s.end(c, in.InwardIssue), s.end(c, in.OutwardIssue)
	switch {
	case !found:
		return jiraError(http.StatusNotFound, "No issue link type with name '"+in.Type.Name+"' found.")
	case from == nil || to == nil:
		return jiraError(http.StatusNotFound, "Issue does not exist or you do not have permission to see it.")
	case from == to:
		return jiraError(http.StatusBadRequest, "You cannot link an issue to itself.")
	}
	if !isNull(in.Comment) {
		if problem := s.addComment(c, from, in.Comment); problem != "" {
			return jiraFieldErrors(map[string]string{"comment": problem})
		}
	}
	s.link(c.account, t, from, to)
	return reply{status: http.StatusCreated}
}

// link links two issues, once.
func (s *Site) link(by *account, t linkType, from, to *issue) *issueLink {
	for _, l := range from.links {
		if l.kind == t && l.from == from && l.to == to {
			return l
		}
	}
	l := &issueLink{s.newID(), t, from, to}
	from.links = append(slices.Clone(from.links), l)
	to.links = append(slices.Clone(to.links), l)
	s.note(by, from, changeItem{field: "Link", to: mark{to.key, "This issue " + t.outward + " " + to.key}})
	s.note(by, to, changeItem{field: "Link", to: mark{from.key, "This issue " + t.inward + " " + from.key}})
	return l
}

// linkFrom prepares the link that the write of an issue asks for, or tells what is wrong with it. It is made when all else
// went well.
func (s *Site) linkFrom(c *call, i *issue, raw json.RawMessage) (problem string) {
	var in linkWrite
	if json.Unmarshal(raw, &in) != nil {
		return notReference
	}
	t, found := linkTypeNamed(in.Type.ID + in.Type.Name)
	other, outward := s.end(c, in.OutwardIssue), true
	if other == nil {
		other, outward = s.end(c, in.InwardIssue), false
	}
	if !found || other == nil || other.id == i.id {
		return "The issue link has no valid type, or no valid inwardIssue or outwardIssue."
	}
	i.after = append(slices.Clone(i.after), func(self *issue) {
		if outward {
			s.link(c.account, t, self, other)
		} else {
			s.link(c.account, t, other, self)
		}
	})
	return ""
}

// issueLink finds the link of the path, between two issues that the account may see.
func (s *Site) issueLink(c *call) (*issueLink, *reply) {
	for _, i := range s.issues {
		for _, l := range i.links {
			if l.id == c.vars["link"] && l.from.project.browsable(c.account) && l.to.project.browsable(c.account) {
				return l, nil
			}
		}
	}
	refusal := jiraError(http.StatusNotFound, "No issue link with id '"+c.vars["link"]+"' exists.")
	return nil, &refusal
}

func getIssueLink(s *Site, c *call) reply {
	l, refusal := s.issueLink(c)
	if refusal != nil {
		return *refusal
	}
	return ok(object{
		"id": l.id, "self": c.rest() + "/issueLink/" + l.id, "type": l.kind.json(c),
		"inwardIssue": l.from.linked(c), "outwardIssue": l.to.linked(c),
	})
}

func deleteIssueLink(s *Site, c *call) reply {
	l, refusal := s.issueLink(c)
	if refusal != nil {
		return *refusal
	}
	l.cut()
	s.note(c.account, l.from, changeItem{field: "Link", from: mark{l.to.key, "This issue " + l.kind.outward + " " + l.to.key}})
	s.note(c.account, l.to, changeItem{field: "Link", from: mark{l.from.key, "This issue " + l.kind.inward + " " + l.from.key}})
	return reply{status: http.StatusNoContent}
}

// remoteLink is a link from an issue to somewhere else.
type remoteLink struct {
	id           string
	globalID     string
	relationship string
	application  json.RawMessage
	object       remoteObject
}

type remoteObject struct {
	URL     string          `json:"url"`
	Title   string          `json:"title"`
	Summary string          `json:"summary,omitempty"`
	Icon    json.RawMessage `json:"icon,omitempty"`
	Status  json.RawMessage `json:"status,omitempty"`
}

func (r *remoteLink) json(c *call, i *issue) object {
	o := object{"id": json.Number(r.id), "self": i.self(c) + "/remotelink/" + r.id, "object": r.object}
	if r.globalID != "" {
		o["globalId"] = r.globalID
	}
	if r.relationship != "" {
		o["relationship"] = r.relationship
	}
	if !isNull(r.application) {
		o["application"] = r.application
	}
	return o
}

func getRemoteLinks(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	wanted, list := c.query.Get("globalId"), []object{}
	for _, r := range i.remote {
		if wanted == "" {
			list = append(list, r.json(c, i))
		} else if wanted == r.globalID {
			return ok(r.json(c, i))
		}
	}
	if wanted != "" {
		return jiraError(http.StatusNotFound, "No remote link with this global id exists.")
	}
	return ok(list)
}

// postRemoteLink makes a link, or changes the one with the same global id.
func postRemoteLink(s *Site, c *call) reply {
	i, refusal := s.issue(c)
	if refusal != nil {
		return *refusal
	}
	var in struct {
		GlobalID     string          `json:"globalId"`
		Relationship string          `json:"relationship"`
		Application  json.RawMessage `json:"application"`
		Object       remoteObject    `json:"object"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	if target, err := url.Parse(in.Object.URL); err != nil || !target.IsAbs() || in.Object.Title == "" {
		return jiraFieldErrors(map[string]string{"url": "'object' needs a 'title' and a valid 'url'."})
	}
	r := &remoteLink{id: s.newID(), globalID: in.GlobalID, relationship: in.Relationship, application: in.Application, object: in.Object}
	status := http.StatusCreated
	at := slices.IndexFunc(i.remote, func(other *remoteLink) bool { return in.GlobalID != "" && other.globalID == in.GlobalID })
	if at >= 0 {
		r.id, status = i.remote[at].id, http.StatusOK
		i.remote = slices.Delete(slices.Clone(i.remote), at, at+1)
	}
	i.remote = append(slices.Clone(i.remote), r)
	s.note(c.account, i, changeItem{field: "RemoteIssueLink", to: mark{r.id, r.title()}})
	return reply{status: status, body: object{"id": json.Number(r.id), "self": i.self(c) + "/remotelink/" + r.id}}
}

func (r *remoteLink) title() string {
	return "This issue links to " + strconv.Quote(r.object.Title)
}

// remoteLink finds the remote link of the path and its place.
func (s *Site) remoteLink(c *call) (*issue, int, *reply) {
	i, refusal := s.issue(c)
	if refusal != nil {
		return nil, 0, refusal
	}
	at := slices.IndexFunc(i.remote, func(r *remoteLink) bool { return r.id == c.vars["link"] })
	if at < 0 {
		missing := jiraError(http.StatusNotFound, "No remote link with id '"+c.vars["link"]+"' exists.")
		return nil, 0, &missing
	}
	return i, at, nil
}

func getRemoteLink(s *Site, c *call) reply {
	i, at, refusal := s.remoteLink(c)
	if refusal != nil {
		return *refusal
	}
	return ok(i.remote[at].json(c, i))
}

func deleteRemoteLink(s *Site, c *call) reply {
	i, at, refusal := s.remoteLink(c)
	if refusal != nil {
		return *refusal
	}
	r := i.remote[at]
	i.remote = slices.Delete(slices.Clone(i.remote), at, at+1)
	s.note(c.account, i, changeItem{field: "RemoteIssueLink", from: mark{r.id, r.title()}})
	return reply{status: http.StatusNoContent}
}
