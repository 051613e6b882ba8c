// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
)

const api = "/rest/api/3"

var (
	digits     = regexp.MustCompile(`^[0-9]{1,19}$`)
	issueKey   = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,49}-[1-9][0-9]{0,11}$`)
	projectKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,49}$`)
)

// A project is as much of one as is needed.
type project struct {
	ID       string `json:"id"`
	Key      string `json:"key"`
	TypeKey  string `json:"projectTypeKey"`
	Archived bool   `json:"archived"`
	Deleted  bool   `json:"deleted"`
	// IssueTypes are there if the project itself was asked for, and not an issue of it.
	IssueTypes []issueType `json:"issueTypes"`
}

// valid tells whether Jira's own ids are of the form that paths, queries and
// policies take.
func (p *project) valid() bool { return p != nil && digits.MatchString(p.ID) && p.Key != "" }

// project reads the project with an id or key. A key that was given up leads to
// its project still.
func (c *Connector) project(ctx context.Context, idOrKey string) (*project, error) {
	p := new(project)
	res, err := c.get(ctx, api+"/project/"+atlassian.Segment(idOrKey), nil)
	if err == nil {
		err = res.Glance(p)
	}
	if err != nil {
		return nil, said(err, "the project "+idOrKey)
	}
	if !p.valid() || p.Deleted {
		return nil, fault("not_found", "the project %s is not there, or this account cannot see it; check the spelling", idOrKey)
	}
	return p, nil
}

// A place is where an issue is, of what type, and since when it is as it is.
type place struct {
	ID      string
	Key     string
	Project project
	Type    issueType // without an id if Jira does not tell
	Updated string    // "" if the version is of no matter
	open    bool      // the bounds of the call could allow it
}

// version names the state that the issue is in, for agents: what a change is based
// on. It does not say when that came to be, which not everybody may read.
func (p *place) version() string {
	sum := sha256.Sum256([]byte(p.ID + " " + p.Updated))
	return hex.EncodeToString(sum[:12])
}

// An issue is what Jira returns of one, as far as agents may have it.
type issue struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	Fields struct {
		Project     *project        `json:"project"`
		Security    json.RawMessage `json:"security"`
		Summary     string          `json:"summary"`
		Description json.RawMessage `json:"description"`
		Status      *named          `json:"status"`
		IssueType   *issueType      `json:"issuetype"`
		Priority    *named          `json:"priority"`
		Resolution  *named          `json:"resolution"`
		Labels      []string        `json:"labels"`
		Components  []named         `json:"components"`
		Assignee    *user           `json:"assignee"`
		Reporter    *user           `json:"reporter"`
		Creator     *user           `json:"creator"`
		Created     string          `json:"created"`
		Updated     string          `json:"updated"`
		DueDate     string          `json:"duedate"`
		Links       []issueLink     `json:"issuelinks"`
	} `json:"fields"`
}

type named struct {
	Name string `json:"name"`
}

type user struct {
	AccountID   string `json:"accountId"`
	DisplayName string `json:"displayName"`
}

// standing are the fields that say where an issue is, of what type, and who may
// see it. They are asked for in every read, since deciding needs them, and are
// shown to agents only like any other field.
func standing() []string { return []string{"project", "issuetype", "security", "updated"} }

// valid tells whether the issue says who it is and where.
func (i *issue) valid() bool {
	return digits.MatchString(i.ID) && issueKey.MatchString(i.Key) && i.Fields.Project.valid()
}

// restricted reports whether a security level hides the issue from some people.
func (i *issue) restricted() bool {
	return len(i.Fields.Security) > 0 && string(i.Fields.Security) != "null"
}

func (i *issue) place() *place {
	p := &place{ID: i.ID, Key: i.Key, Project: *i.Fields.Project, Updated: i.Fields.Updated}
	if i.Fields.IssueType.valid() {
		p.Type = *i.Fields.IssueType
	}
	return p
}

// withStanding are the fields to ask for in a read of some fields.
func withStanding(fields []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(append(standing(), fields...))))
}

// issue reads fields of the issue with an id or key, and where it is. A key
// that was given up by moving leads to the issue still.
func (c *Connector) issue(ctx context.Context, idOrKey string, fields []string) (*issue, *atlassian.Response, error) {
	return c.issueWith(ctx, idOrKey, fields, false)
}

// issueWith is issue, with our mark if that is wanted.
func (c *Connector) issueWith(ctx context.Context, idOrKey string, fields []string, marked bool) (*issue, *atlassian.Response, error) {
	i, res, err := c.anyIssue(ctx, idOrKey, fields, marked)
	if err == nil {
		err = c.unrestricted(i, idOrKey)
	}
	if err != nil {
		return nil, nil, err
	}
	return i, res, nil
}

// unrestricted refuses an issue that a security level hides from some people.
func (c *Connector) unrestricted(i *issue, asked string) error {
	if !i.restricted() || c.allowRestricted {
		return nil
	}
	return fault("restricted", "the issue %s is hidden from some people by a security level; ask a person to look at it", asked)
}

// anyIssue is issueWith, of restricted issues, too.
func (c *Connector) anyIssue(ctx context.Context, idOrKey string, fields []string, marked bool) (*issue, *atlassian.Response, error) {
	q := url.Values{"fields": {strings.Join(withStanding(fields), ",")}}
	if marked {
		q.Set("properties", propertyKey)
	}
	i := new(issue)
	what := "the issue " + idOrKey
	res, err := c.get(ctx, api+"/issue/"+atlassian.Segment(idOrKey), q)
	if err == nil {
		err = res.Glance(i)
	}
	switch {
	case err != nil:
		return nil, nil, said(err, what)
	case !i.valid():
		return nil, nil, fault("upstream", "Jira's answer does not say where %s is; try again later", what)
	}
	return i, res, nil
}

// locate finds where an issue is and reads nothing of its content.
func (c *Connector) locate(ctx context.Context, idOrKey string) (*place, error) {
	i, _, err := c.issue(ctx, idOrKey, nil)
	if err != nil {
		return nil, err
	}
	return i.place(), nil
}

// again holds an issue to where it was and how it was when the call was decided.
func (c *Connector) again(ctx context.Context, was *place) error {
	is, err := c.locate(ctx, was.ID)
	if err == nil {
		err = was.left(is)
	}
	if err == nil && was.Updated != "" && is.Updated != was.Updated {
		err = fault("conflict", "the issue %s changed meanwhile; read it again and repeat the call", was.Key)
	}
	return err
}

func (c *Connector) get(ctx context.Context, path string, q url.Values) (*atlassian.Response, error) {
	return c.read.Do(ctx, &atlassian.Request{Method: "GET", Path: path, Query: q})
}

// browse is the address at which people see an issue.
func (c *Connector) browse(key string) string { return c.site + "/browse/" + key }
