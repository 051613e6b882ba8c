// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"net/http"
	"slices"
	"strconv"
)

// What is used of the results of our actions (internal/confluence).
type (
	seenSource struct {
		Author string `json:"author"`
	}
	seenPage struct {
		ID    string `json:"id"`
		Title string `json:"title"`
		Space struct {
			ID  string `json:"id"`
			Key string `json:"key"`
		} `json:"space"`
		ParentID   string `json:"parent_id"`
		Version    int    `json:"version"`
		CreatedAt  string `json:"created_at"`
		ModifiedAt string `json:"modified_at"`
	}
	seenReading struct { // page.get, page.version
		Page      seenPage   `json:"page"`
		Body      string     `json:"body"`
		Truncated bool       `json:"truncated"`
		Source    seenSource `json:"source"`
	}
	seenListing struct { // page.children
		Pages []seenPage `json:"pages"`
		More  bool       `json:"more"`
	}
	seenLabels struct { // page.labels, page.label.add, page.label.remove
		Labels []string `json:"labels"`
	}
	seenComments struct { // page.comments
		Comments []seenComment `json:"comments"`
		More     bool          `json:"more"`
	}
	seenComment struct {
		ID      string `json:"id"`
		Kind    string `json:"kind"`
		Author  string `json:"author"`
		At      string `json:"at"`
		Version int    `json:"version"`
		Body    string `json:"body"`
		State   string `json:"state"`
	}
	seenAttachments struct { // page.attachments
		Attachments []struct {
			ID        string `json:"id"`
			Name      string `json:"name"`
			MediaType string `json:"media_type"`
			Size      int64  `json:"size"`
			Version   int    `json:"version"`
			At        string `json:"at"`
			Author    string `json:"author"`
		} `json:"attachments"`
		More bool `json:"more"`
	}
	seenHits struct { // page.search
		Results []struct {
			Page    seenPage `json:"page"`
			Excerpt string   `json:"excerpt"`
		} `json:"results"`
	}
)

// getPage shows a page: as the call's own change has left it, if it has changed it,
// and as page.get and page.version read it otherwise.
func (c *wiki) getPage(w http.ResponseWriter, r *http.Request) {
	id, format := r.PathValue("id"), r.URL.Query().Get("body-format")
	if !slices.Contains([]string{"", formatStorage, formatADF}, format) {
		c.stage.refuse(w, http.StatusBadRequest, "bodies are shown as storage and as atlas_doc_format only")
		return
	}
	if made := c.after(id); made != nil && format == "" && !r.URL.Query().Has("version") {
		answer(w, http.StatusOK, shownPage(made))
		return
	}
	action, args, same := pageGet, map[string]any{"page_id": id}, c.is(id)
	if v := r.URL.Query().Get("version"); r.URL.Query().Has("version") {
		n, err := strconv.Atoi(v)
		if err != nil {
			c.stage.refuse(w, http.StatusBadRequest, "version is not a number")
			return
		}
		action, args["version"], same = pageVersion, n, same && n == c.planned.Version
	}
	var got seenReading
	if err := c.read(action, same, args, &got); err != nil {
		c.stage.fail(w, err)
		return
	}
	out := shownPage(&got.Page)
	out.Version.AuthorID = got.Source.Author
	out.Body = bodyOf(got.Body, format)
	c.stage.omit(got.Truncated && format != "", "The end of page "+id+" is not shown: it is longer than is shown of one.")
	answer(w, http.StatusOK, out)
}

// after is the page as the change of this call has left it, or nil.
func (c *wiki) after(id string) *seenPage {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil || c.made.ID != id {
		return nil
	}
	return c.made
}

// maxAbove is how far up ancestors are looked for.
const maxAbove = 10

// getAncestors goes up from a page, by a read of each. It ends below what may not be
// read.
func (c *wiki) getAncestors(w http.ResponseWriter, r *http.Request) {
	type ancestor struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	above, id := []ancestor{}, r.PathValue("id")
	for range maxAbove {
		var got seenReading
		if err := c.read(pageGet, c.is(id), map[string]any{"page_id": id}, &got); err != nil {
			if len(above) > 0 {
				above = above[1:] // which is the one that may not be read
				break
			}
			c.stage.fail(w, err)
			return
		}
		if id = got.Page.ParentID; !isID(id) {
			break
		}
		above = slices.Insert(above, 0, ancestor{id, "page"})
	}
	answer(w, http.StatusOK, list[ancestor]{Results: above})
}

func (c *wiki) getChildren(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	var got seenListing
	if err := c.read(pageChildren, c.is(id), map[string]any{"page_id": id, "limit": mostResults}, &got); err != nil {
		c.stage.fail(w, err)
		return
	}
	c.stage.omit(got.More, "More pages lie right below page "+id+" than are shown.")
	out := list[child]{Results: []child{}}
	for _, p := range got.Pages {
		out.Results = append(out.Results, child{
			ID: p.ID, Status: current, Title: p.Title, Type: "page", SpaceID: p.Space.ID, Version: version{Number: p.Version, CreatedAt: p.ModifiedAt},
		})
	}
	answer(w, http.StatusOK, out)
}

func (c *wiki) getLabels(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	var got seenLabels
	if err := c.read(pageLabels, c.is(id), map[string]any{"page_id": id}, &got); err != nil {
		c.stage.fail(w, err)
		return
	}
	out := list[label]{Results: []label{}}
	for _, name := range got.Labels {
		out.Results = append(out.Results, label{Name: name, Prefix: global})
	}
	answer(w, http.StatusOK, out)
}

func (c *wiki) getAttachments(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	var got seenAttachments
	if err := c.read(pageAttachments, c.is(id), map[string]any{"page_id": id, "limit": mostResults}, &got); err != nil {
		c.stage.fail(w, err)
		return
	}
	c.stage.omit(got.More, "Page "+id+" has more attachments than are shown.")
	out := list[attachment]{Results: []attachment{}}
	for _, a := range got.Attachments {
		out.Results = append(out.Results, attachment{
			ID: a.ID, Status: current, Title: a.Name, PageID: id, MediaType: a.MediaType, FileSize: a.Size,
			Version: version{Number: a.Version, CreatedAt: a.At, AuthorID: a.Author},
		})
	}
	answer(w, http.StatusOK, out)
}

// getComments shows the comments of a kind, without replies: page.comments has none.
func (c *wiki) getComments(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		got, err := c.comments(id)
		if err != nil {
			c.stage.fail(w, err)
			return
		}
		c.stage.omit(got.More, "Page "+id+" has more comments than are shown; these are the newest.")
		out := list[comment]{Results: []comment{}}
		for _, m := range got.Comments {
			if m.Kind == kind {
				out.Results = append(out.Results, shownComment(&m, id, r.URL.Query().Get("body-format")))
			}
		}
		answer(w, http.StatusOK, out)
	}
}

func (c *wiki) comments(page string) (*seenComments, error) {
	got := new(seenComments)
	return got, c.read(pageComments, c.is(page), map[string]any{"page_id": page, "limit": mostResults}, got)
}

// getReplies shows none of a comment that the call shows, and knows no others.
func (c *wiki) getReplies(w http.ResponseWriter, r *http.Request) {
	if c.stage.call.Action != pageComments {
		c.nothing(w, r)
		return
	}
	got, err := c.comments(c.planned.PageID)
	if err != nil {
		c.stage.fail(w, err)
		return
	}
	if !slices.ContainsFunc(got.Comments, func(m seenComment) bool { return m.ID == r.PathValue("id") }) {
		c.nothing(w, r)
		return
	}
	c.stage.omit(true, "Replies to comments are not shown.")
	answer(w, http.StatusOK, list[comment]{Results: []comment{}})
}

// search shows what page.search finds. The call's own query was read, bounded and
// carried out: if the call is a search, what the server asks for in its own words
// is not asked again. In other calls it is a search under the policy, by itself.
func (c *wiki) search(w http.ResponseWriter, r *http.Request) {
	cql := r.URL.Query().Get("cql")
	args := map[string]any{"limit": mostResults}
	own := c.stage.call.Action == pageSearch
	if !own {
		args["cql"] = cql
	}
	var got seenHits
	if err := c.read(pageSearch, own, args, &got); err != nil {
		c.stage.fail(w, err)
		return
	}
	out := found{CQLQuery: cql, Limit: mostResults, Size: len(got.Results), TotalSize: len(got.Results), Results: []hit{}}
	for _, h := range got.Results {
		p := &h.Page
		out.Results = append(out.Results, hit{
			Content: content{
				ID: p.ID, Type: "page", Status: current, Title: p.Title, Space: space{Key: p.Space.Key, Name: p.Space.Key, Type: global, Status: current},
				Version: contentVersion{Number: p.Version, When: p.ModifiedAt},
			},
			Title: p.Title, Excerpt: h.Excerpt, URL: "/spaces/" + p.Space.Key + "/pages/" + p.ID, EntityType: "content", LastModified: p.ModifiedAt,
			Breadcrumbs: []struct{}{},
		})
	}
	answer(w, http.StatusOK, out)
}
