// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

const (
	current = "current"
	global  = "global"
)

// The formats of bodies that are shown.
const (
	formatStorage = "storage"
	formatADF     = "atlas_doc_format"
)

// The shapes of Confluence's answers, with what we can say in them.
type (
	list[T any] struct { // of the second interface
		Results []T      `json:"results"`
		Links   struct{} `json:"_links"` // without next: there is one part
	}
	version struct {
		Number    int    `json:"number"`
		CreatedAt string `json:"createdAt,omitempty"`
		AuthorID  string `json:"authorId,omitempty"`
	}
	represented struct {
		Representation string `json:"representation"`
		Value          string `json:"value"`
	}
	wikiPage struct {
		ID        string                 `json:"id"`
		Status    string                 `json:"status"`
		Title     string                 `json:"title"`
		SpaceID   string                 `json:"spaceId"`
		ParentID  string                 `json:"parentId,omitempty"`
		CreatedAt string                 `json:"createdAt,omitempty"`
		Version   version                `json:"version"`
		Body      map[string]represented `json:"body"`
		Links     struct{}               `json:"_links"`
	}
	child struct {
		ID      string  `json:"id"`
		Status  string  `json:"status"`
		Title   string  `json:"title"`
		Type    string  `json:"type"`
		SpaceID string  `json:"spaceId"`
		Version version `json:"version"` // which Confluence leaves out: servers show 1 then, whatever it is
	}
	label struct {
		ID     string `json:"id,omitempty"`
		Name   string `json:"name"`
		Prefix string `json:"prefix"`
		Label  string `json:"label,omitempty"`
	}
	labels struct { // of the first interface
		Results []label  `json:"results"`
		Start   int      `json:"start"`
		Limit   int      `json:"limit"`
		Size    int      `json:"size"`
		Links   struct{} `json:"_links"`
	}
	attachment struct {
		ID        string  `json:"id"`
		Status    string  `json:"status"`
		Title     string  `json:"title"`
		PageID    string  `json:"pageId"`
		MediaType string  `json:"mediaType"`
		FileSize  int64   `json:"fileSize"`
		Version   version `json:"version"`
	}
	comment struct {
		ID               string                 `json:"id"`
		Status           string                 `json:"status"`
		Title            string                 `json:"title"`
		PageID           string                 `json:"pageId"`
		Version          version                `json:"version"`
		Body             map[string]represented `json:"body"`
		ResolutionStatus string                 `json:"resolutionStatus,omitempty"`
		Links            struct{}               `json:"_links"`
	}
	space struct {
		Key        string   `json:"key"`
		Name       string   `json:"name"` // its key: results do not say it
		Type       string   `json:"type"`
		Status     string   `json:"status"`
		Expandable struct{} `json:"_expandable"`
		Links      struct{} `json:"_links"`
	}
	content struct {
		ID      string         `json:"id"`
		Type    string         `json:"type"`
		Status  string         `json:"status"`
		Title   string         `json:"title"`
		Space   space          `json:"space"`
		Version contentVersion `json:"version"`
	}
	contentVersion struct {
		Number    int    `json:"number"`
		When      string `json:"when"`
		MinorEdit bool   `json:"minorEdit"` // which results do not say
	}
	hit struct {
		Content      content    `json:"content"`
		Title        string     `json:"title"`
		Excerpt      string     `json:"excerpt"`
		URL          string     `json:"url"`
		EntityType   string     `json:"entityType"`
		IconCSSClass string     `json:"iconCssClass"`
		LastModified string     `json:"lastModified"`
		Breadcrumbs  []struct{} `json:"breadcrumbs"`
	}
	found struct {
		Results        []hit    `json:"results"`
		Start          int      `json:"start"`
		Limit          int      `json:"limit"`
		Size           int      `json:"size"`
		TotalSize      int      `json:"totalSize"` // of what may be shown
		CQLQuery       string   `json:"cqlQuery"`
		SearchDuration int      `json:"searchDuration"`
		Links          struct{} `json:"_links"`
	}
)

func shownPage(p *seenPage) *wikiPage {
	return &wikiPage{
		ID: p.ID, Status: current, Title: p.Title, SpaceID: p.Space.ID, ParentID: p.ParentID, CreatedAt: p.CreatedAt,
		Version: version{Number: p.Version, CreatedAt: p.ModifiedAt}, Body: map[string]represented{},
	}
}

func shownComment(m *seenComment, page, format string) comment {
	return comment{
		ID: m.ID, Status: current, PageID: page, Version: version{m.Version, m.At, m.Author}, Body: bodyOf(m.Body, format), ResolutionStatus: m.State,
	}
}

// bodyOf is a body in the format that was asked for. Without one there is no body.
func bodyOf(storage, format string) map[string]represented {
	switch format {
	case formatStorage:
		return map[string]represented{format: {format, storage}}
	case formatADF:
		return map[string]represented{format: {format, string(documentOf(storage))}}
	}
	return map[string]represented{}
}
