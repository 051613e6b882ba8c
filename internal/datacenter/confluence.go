// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/clawea/clawea/internal/atlassian"
)

// The roots of Confluence's interfaces: Cloud's two, and those here.
const (
	cloud2   = "/wiki/api/v2"
	cloud1   = "/wiki/rest/api"
	content  = "/rest/api/content"
	spaces   = "/rest/api/space"
	versions = "/rest/experimental/content"
)

// The parts of content that are read with it.
const (
	pageParts    = "version,space,ancestors,history"
	commentParts = "version,history,container,ancestors,extensions,body.storage"
)

type confluence struct {
	rows table
	mu   sync.Mutex
	keys map[string]string // of spaces, by id: a key never changes here
}

// Confluence returns the driver for a Confluence site. It keeps the keys of the
// spaces that it has met.
func Confluence() atlassian.Driver {
	c := &confluence{keys: map[string]string{}}
	const page, foot = cloud2 + "/pages/{page}", cloud2 + "/footer-comments"
	c.rows = table{
		{method: "GET", path: page, do: c.readPage},
		{method: "GET", path: cloud2 + "/pages", do: c.readPages},
		{method: "GET", path: page + "/ancestors", do: c.readAncestors},
		{method: "GET", path: page + "/labels", do: readLabels},
		{method: "GET", path: page + "/direct-children", do: c.readChildren},
		{method: "GET", path: page + "/descendants", do: readBelow},
		{method: "GET", path: page + "/footer-comments", do: readFooter},
		{method: "GET", path: page + "/inline-comments", do: readInline},
		{method: "GET", path: page + "/attachments", do: readAttachments},
		{method: "GET", path: page + "/versions", do: readVersions},
		{method: "GET", path: page + "/properties", do: readProperties},
		{method: "GET", path: cloud2 + "/attachments/{attachment}", do: readAttachment},
		{method: "GET", path: cloud2 + "/spaces", do: c.readSpaces},
		{method: "GET", path: cloud2 + "/spaces/{space}", do: c.readSpace},
		{method: "GET", path: cloud2 + "/spaces/{space}/pages", do: c.readTitled},
		{method: "GET", path: foot, do: readAllComments},
		{method: "GET", path: foot + "/{comment}", do: readRemark},
		{method: "GET", path: foot + "/{comment}/children", do: readReplies},
		{method: "GET", path: cloud1 + "/search", do: searchContent},
		{method: "GET", path: cloud1 + "/content/{page}/restriction/byOperation", do: readRestrictions},
		{method: "GET", path: cloud1 + "/content/{page}/child/attachment/{attachment}/download", form: formDownload},

		{method: "POST", path: cloud2 + "/pages", form: c.formCreate, answer: c.answerPage},
		{method: "PUT", path: page, form: formUpdate, answer: c.answerPage},
		{method: "DELETE", path: page, form: formTrash},
		{method: "POST", path: page + "/properties", form: formProperty},
		{method: "POST", path: foot, form: formComment, answer: answerComment},
		{method: "DELETE", path: foot + "/{comment}", form: formUncomment},
		{method: "POST", path: cloud1 + "/content/{page}/label", form: formLabel},
		{method: "DELETE", path: cloud1 + "/content/{page}/label", form: formLabel},
		{method: "PUT", path: cloud1 + "/content/{page}/move/append/{target}", form: c.formMove, answer: answerMove},
		{method: "POST", path: cloud1 + "/content/{page}/version", form: c.formRestore, answer: answerRestore},
	}
	return c
}

// Do implements [atlassian.Driver].
func (c *confluence) Do(ctx context.Context, r *atlassian.Request, send atlassian.Send) (*atlassian.Response, error) {
	return c.rows.do(ctx, r, send)
}

// Form implements [atlassian.Driver].
func (c *confluence) Form(ctx context.Context, r *atlassian.Request, send atlassian.Send) (*atlassian.Request, error) {
	return c.rows.form(ctx, r, send)
}

// A person is somebody, or nobody any more.
type author struct {
	Username string `json:"username"`
	UserKey  string `json:"userKey"`
}

// account is what stands for Cloud's account id.
func (p author) account() string {
	if p.Username != "" {
		return p.Username
	}
	return p.UserKey
}

// A piece is content as the site shows it.
type piece struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Status string `json:"status"`
	Title  string `json:"title"`
	Space  struct {
		ID  int64  `json:"id"`
		Key string `json:"key"`
	} `json:"space"`
	Ancestors []struct {
		ID string `json:"id"`
	} `json:"ancestors"`
	Container struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	} `json:"container"`
	History struct {
		CreatedBy   author `json:"createdBy"`
		CreatedDate string `json:"createdDate"`
	} `json:"history"`
	Version version `json:"version"`
	Body    struct {
		Storage body `json:"storage"`
	} `json:"body"`
	Extensions struct {
		Location   string `json:"location"`
		MediaType  string `json:"mediaType"`
		FileSize   int64  `json:"fileSize"`
		Resolution struct {
			Status string `json:"status"`
		} `json:"resolution"`
	} `json:"extensions"`
}

type version struct {
	Number  int    `json:"number"`
	Message string `json:"message"`
	Minor   bool   `json:"minorEdit"`
	When    string `json:"when"`
	By      author `json:"by"`
}

type body struct {
	Value          string `json:"value"`
	Representation string `json:"representation"`
}

// A shown is content as Cloud shows it.
type shown struct {
	ID         string        `json:"id"`
	Status     string        `json:"status"`
	Title      string        `json:"title,omitempty"`
	Type       string        `json:"type,omitempty"`
	SpaceID    string        `json:"spaceId,omitempty"`
	ParentID   string        `json:"parentId,omitempty"`
	ParentType string        `json:"parentType,omitempty"`
	AuthorID   string        `json:"authorId,omitempty"`
	CreatedAt  string        `json:"createdAt,omitempty"`
	PageID     string        `json:"pageId,omitempty"`
	CommentID  string        `json:"parentCommentId,omitempty"`
	Resolution string        `json:"resolutionStatus,omitempty"`
	MediaType  string        `json:"mediaType,omitempty"`
	FileSize   *int64        `json:"fileSize,omitempty"`
	Version    *shownVersion `json:"version,omitempty"`
	Body       *shownBody    `json:"body,omitempty"`
}

type shownVersion struct {
	Number    int    `json:"number"`
	Message   string `json:"message"`
	Minor     bool   `json:"minorEdit"`
	AuthorID  string `json:"authorId"`
	CreatedAt string `json:"createdAt"`
}

type shownBody struct {
	Storage body `json:"storage"`
}

func (v *version) shown() *shownVersion {
	return &shownVersion{v.Number, v.Message, v.Minor, v.By.account(), v.When}
}

// page is content as one of Cloud's pages.
func (f *piece) page(withBody bool) *shown {
	out := &shown{
		ID: f.ID, Status: f.Status, Title: f.Title, SpaceID: strconv.FormatInt(f.Space.ID, 10),
		AuthorID: f.History.CreatedBy.account(), CreatedAt: f.History.CreatedDate, Version: f.Version.shown(),
	}
	if n := len(f.Ancestors); n > 0 {
		out.ParentID, out.ParentType = f.Ancestors[n-1].ID, "page"
	}
	if withBody {
		out.Body = &shownBody{f.Body.Storage}
	}
	return out
}

// met keeps the key of a space.
func (c *confluence) met(id int64, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id > 0 && key != "" && len(c.keys) < maxSpaces {
		c.keys[strconv.FormatInt(id, 10)] = key
	}
}

func (c *confluence) known(id string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key, ok := c.keys[id]
	return key, ok
}

func (c *confluence) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.keys, id)
}

// contentPath is the path of a piece of content.
func contentPath(id string, more ...string) string {
	return strings.Join(append([]string{content, atlassian.Segment(id)}, more...), "/")
}

// read reads a piece of content that must be of a type.
func (t *trip) read(ctx context.Context, id, typ string, query url.Values) (*piece, *atlassian.Response, error) {
	f := new(piece)
	res, err := t.get(ctx, contentPath(id), query, f)
	switch {
	case err != nil:
		return nil, nil, err
	case f.ID != id:
		return nil, nil, strange(res)
	case f.Type != typ: // what is not of the type is not there
		return nil, nil, gone(res)
	}
	return f, res, nil
}
