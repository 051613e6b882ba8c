// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// attachment is a file at a page.
type attachment struct {
	id      string
	page    *node
	name    string
	media   string // type
	data    []byte
	version version
	fileID  string
}

// AttachmentSeed is a file to begin with.
type AttachmentSeed struct {
	Page      string // id
	Name      string
	MediaType string // application/octet-stream if empty
	Data      []byte
	Author    string // account id; the site's own account if empty
}

// MediaRequest is a request to the host that attachments are downloaded from.
type MediaRequest struct {
	Path          string
	Authorization string // a client that sends its credentials here gives them away
	Cookie        string
}

// AddAttachment adds a file to a page and returns its id, such as att10042.
func (s *Site) AddAttachment(seed AttachmentSeed) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &attachment{
		id: "att" + s.newID(), page: s.mustNode(seed.Page), name: seed.Name, media: orElse(seed.MediaType, "application/octet-stream"),
		data: slices.Clone(seed.Data), fileID: newUUID(),
		version: version{number: 1, author: s.author(seed.Author), at: s.now()},
	}
	s.attachments[a.id] = a
	return a.id
}

// Media is the other host, which serves the files of attachments to whoever has a link: a signed one, good for a minute.
// Serve it at [Config.MediaURL].
func (s *Site) Media() http.Handler { return http.HandlerFunc(s.serveMedia) }

// MediaRequests returns the log of all requests to the other host so far, oldest first.
func (s *Site) MediaRequests() []MediaRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.media)
}

func (s *Site) serveMedia(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.media = append(s.media, MediaRequest{r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Cookie")})
	expires, signature, _ := strings.Cut(r.URL.Query().Get("token"), ".")
	until, err := time.Parse(time.RFC3339, expires)
	for _, a := range s.attachments {
		if r.Method == http.MethodGet && err == nil && s.now().Before(until) && r.URL.Path == "/file/"+a.fileID+"/binary" && signature == s.sign(a, expires) {
			w.Header().Set("Content-Type", a.media)
			w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", a.name))
			// A client that went away is its own affair.
			_, _ = w.Write(a.data)
			return
		}
	}
	http.Error(w, "forbidden", http.StatusForbidden)
}

func (s *Site) sign(a *attachment, expires string) string {
	return base64.RawURLEncoding.EncodeToString(s.mac([]byte(expires), a.fileID))
}

// attachmentsOf returns the files of a page, the oldest first.
func (s *Site) attachmentsOf(n *node) []*attachment {
	var list []*attachment
	for _, a := range s.attachments {
		if a.page == n {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b *attachment) int { return compareIDs(a.id, b.id) })
	return list
}

func (a *attachment) download() string {
	return "/download/attachments/" + a.page.id + "/" + url.PathEscape(a.name) + "?version=1"
}

func (a *attachment) json() object {
	webui := "/pages/viewpageattachments.action?pageId=" + a.page.id
	return object{
		"id": a.id, "status": statusCurrent, "title": a.name, "createdAt": stamp(a.version.at), "pageId": a.page.id,
		"mediaType": a.media, "mediaTypeDescription": "File", "comment": "", "fileId": a.fileID, "fileSize": len(a.data),
		"webuiLink": webui, "downloadLink": a.download(), "version": a.version.json(),
		"_links": object{"webui": webui, "download": a.download()},
	}
}

func getAttachments(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	results := []object{}
	for _, a := range s.attachmentsOf(n) {
		name, media := c.query.Get("filename"), c.query.Get("mediaType")
		if (name == "" || name == a.name) && (media == "" || media == a.media) {
			results = append(results, a.json())
		}
	}
	return v2List(s, c, results)
}

// attachment finds the attachment of the path, at a page that the account may see.
func (s *Site) attachment(c *call) (*attachment, *reply) {
	id := c.vars["attachment"]
	a := s.attachments["att"+strings.TrimPrefix(id, "att")]
	if a == nil || !a.page.listed() || !a.page.readable(c.account) || c.vars["page"] != "" && c.vars["page"] != a.page.id {
		refusal := failure(c.path, http.StatusNotFound, "Cannot find an attachment with id '"+id+"'.")
		return nil, &refusal
	}
	return a, nil
}

func getAttachment(s *Site, c *call) reply {
	a, refusal := s.attachment(c)
	if refusal != nil {
		return *refusal
	}
	o := a.json()
	o["_links"].(object)["base"] = c.base + "/wiki"
	return ok(o)
}

// deleteAttachment takes a file away.
func deleteAttachment(s *Site, c *call) reply {
	a, refusal := s.attachment(c)
	if refusal != nil {
		return *refusal
	}
	if !a.page.editable(c.account) {
		return v2Error(http.StatusForbidden, "You may not edit the content with id '"+a.page.id+"'.")
	}
	delete(s.attachments, a.id)
	return reply{status: http.StatusNoContent}
}

// getDownload sends the client to the other host.
func getDownload(s *Site, c *call) reply {
	a, refusal := s.attachment(c)
	if refusal != nil {
		return *refusal
	}
	return s.toMedia(a)
}

// getNamedDownload is the download by the name of the file, which is what links give.
func getNamedDownload(s *Site, c *call) reply {
	n, refusal := s.listedPage(c)
	if refusal != nil {
		return *refusal
	}
	for _, a := range s.attachmentsOf(n) {
		if a.name == c.vars["name"] {
			return s.toMedia(a)
		}
	}
	return v1Error(http.StatusNotFound, "The page has no such attachment.")
}

func (s *Site) toMedia(a *attachment) reply {
	host := strings.TrimSuffix(s.config.MediaURL, "/")
	if host == "" {
		host = "https://media.invalid"
	}
	expires := s.now().Add(time.Minute).UTC().Format(time.RFC3339)
	q := url.Values{"token": {expires + "." + s.sign(a, expires)}, "name": {a.name}}
	return reply{status: http.StatusFound, header: http.Header{"Location": {host + "/file/" + a.fileID + "/binary?" + q.Encode()}}}
}
