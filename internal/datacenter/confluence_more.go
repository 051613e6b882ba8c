// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
)

// maxOfPage is how many comments or attachments of a page are looked through: they
// come oldest first here, and callers want the newest.
const maxOfPage = 2000

func readFooter(ctx context.Context, t *trip) (*atlassian.Response, error) {
	return remarksIn(ctx, t, "footer")
}

func readInline(ctx context.Context, t *trip) (*atlassian.Response, error) {
	return remarksIn(ctx, t, "inline", "resolved")
}

// remarksIn lists the comments of a page in these places, without replies, the
// newest first.
func remarksIn(ctx context.Context, t *trip, places ...string) (*atlassian.Response, error) {
	q := url.Values{"expand": {commentParts}, "location": places}
	found, res, err := whole[piece](ctx, t, contentPath(t.part[0], "child", "comment"), q, maxOfPage)
	if err != nil {
		return nil, err
	}
	var out []*shown
	for i := range found {
		f := &found[i]
		if f.Type == "comment" && slices.Contains(places, f.place()) && len(f.Ancestors) == 0 {
			out = append(out, f.comment(t.part[0]))
		}
	}
	slices.SortStableFunc(out, func(a, b *shown) int { return later(a.CreatedAt, b.CreatedAt) })
	return answer(res, list[*shown]{Results: append([]*shown{}, out[:min(len(out), number(t.Query, "limit", 25, 250))]...)})
}

// later puts the later of two times first.
func later(a, b string) int {
	x, errA := time.Parse(time.RFC3339, a)
	y, errB := time.Parse(time.RFC3339, b)
	if errA != nil || errB != nil {
		return strings.Compare(b, a)
	}
	return y.Compare(x)
}

// place is where a comment is: at the foot of the page, if it does not say.
func (f *piece) place() string {
	if f.Extensions.Location == "" {
		return "footer"
	}
	return f.Extensions.Location
}

// comment is content as one of Cloud's comments. Replies do not say their page there.
func (f *piece) comment(page string) *shown {
	out := &shown{
		ID: f.ID, Status: f.Status, CreatedAt: f.History.CreatedDate, PageID: page, Version: f.Version.shown(), Body: &shownBody{f.Body.Storage},
	}
	if out.CreatedAt == "" {
		out.CreatedAt = f.Version.When
	}
	if f.place() != "footer" {
		out.Resolution = f.Extensions.Resolution.Status
	}
	if n := len(f.Ancestors); n > 0 {
		out.PageID, out.CommentID = "", f.Ancestors[n-1].ID
	}
	return out
}

// remark reads a comment at the foot of a page.
func (t *trip) remark(ctx context.Context, id string) (*piece, *atlassian.Response, error) {
	f, res, err := t.read(ctx, id, "comment", url.Values{"expand": {commentParts}})
	if err == nil && f.place() != "footer" {
		err = gone(res)
	}
	return f, res, err
}

func readRemark(ctx context.Context, t *trip) (*atlassian.Response, error) {
	f, res, err := t.remark(ctx, t.part[0])
	if err != nil {
		return nil, err
	}
	page := ""
	if f.Container.Type == "page" {
		page = f.Container.ID
	}
	return answer(res, f.comment(page))
}

func readReplies(ctx context.Context, t *trip) (*atlassian.Response, error) {
	found, res, err := all[piece](ctx, t, contentPath(t.part[0], "child", "comment"), nil, number(t.Query, "limit", 25, 250))
	if err != nil {
		return nil, err
	}
	out := list[*shown]{Results: []*shown{}}
	for _, f := range found {
		out.Results = append(out.Results, &shown{ID: f.ID, Status: f.Status, CommentID: t.part[0]})
	}
	return answer(res, out)
}

// readAllComments lists the site's comments at the feet of pages, those that were
// changed last first. It is a search here, so it lags behind.
func readAllComments(ctx context.Context, t *trip) (*atlassian.Response, error) {
	start, err := begin(t)
	if err != nil {
		return nil, err
	}
	if t.Query.Get("sort") != "-modified-date" {
		return nil, notOffered("this order of comments")
	}
	limit := number(t.Query, "limit", 25, partSize)
	q := url.Values{
		"cql": {"type = comment order by lastmodified desc"}, "expand": {commentParts},
		"start": {strconv.Itoa(start)}, "limit": {strconv.Itoa(limit)},
	}
	var part list[piece]
	res, err := t.get(ctx, content+"/search", q, &part)
	if err != nil {
		return nil, err
	}
	out := list[*shown]{Results: []*shown{}}
	for i := range part.Results {
		f := &part.Results[i]
		if f.Type == "comment" && f.place() == "footer" {
			out.Results = append(out.Results, f.comment(f.Container.ID))
		}
	}
	if part.Links.Next != "" && len(part.Results) > 0 {
		out.Links = next(start + len(part.Results))
	}
	return answer(res, out)
}

// attachmentID is an attachment's id, which Cloud begins with att.
func attachmentID(id string) string { return "att" + strings.TrimPrefix(id, "att") }

func (f *piece) attachment(page string) *shown {
	size := f.Extensions.FileSize
	return &shown{ID: attachmentID(f.ID), Status: f.Status, Title: f.Title, PageID: page, MediaType: f.Extensions.MediaType, FileSize: &size, Version: f.Version.shown()}
}

func readAttachments(ctx context.Context, t *trip) (*atlassian.Response, error) {
	found, res, err := t.attachments(ctx, t.part[0])
	if err != nil {
		return nil, err
	}
	out := make([]*shown, 0, len(found))
	for i := range found {
		out = append(out, found[i].attachment(t.part[0]))
	}
	slices.SortStableFunc(out, func(a, b *shown) int { return later(a.Version.CreatedAt, b.Version.CreatedAt) })
	return answer(res, list[*shown]{Results: out[:min(len(out), number(t.Query, "limit", 25, 250))]})
}

// attachments lists those of a page.
func (t *trip) attachments(ctx context.Context, page string) ([]piece, *atlassian.Response, error) {
	return whole[piece](ctx, t, contentPath(page, "child", "attachment"), url.Values{"expand": {"version,extensions"}}, maxOfPage)
}

// readAttachment reads an attachment by its id, and which page it is on.
func readAttachment(ctx context.Context, t *trip) (*atlassian.Response, error) {
	f := new(piece)
	res, err := t.get(ctx, contentPath(t.part[0]), url.Values{"expand": {"version,container,extensions"}}, f)
	switch {
	case err != nil:
		return nil, err
	case f.Type != "attachment" || attachmentID(f.ID) != attachmentID(t.part[0]) || f.Container.Type != "page":
		return nil, gone(res)
	}
	return answer(res, f.attachment(f.Container.ID))
}

// formDownload finds under which name an attachment is: its download goes by that.
func formDownload(ctx context.Context, t *trip) (*atlassian.Request, error) {
	found, res, err := t.attachments(ctx, t.part[0])
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(found, func(f piece) bool { return attachmentID(f.ID) == attachmentID(t.part[1]) })
	if i < 0 {
		return nil, gone(res)
	}
	if strings.ContainsAny(found[i].Title, "/\\") {
		return nil, notOffered("an attachment of this name")
	}
	path := "/download/attachments/" + atlassian.Segment(t.part[0]) + "/" + atlassian.Segment(found[i].Title)
	return &atlassian.Request{Method: "GET", Path: path, Query: url.Values{"version": {t.Query.Get("version")}}}, nil
}

// readVersions lists the versions of a page, the newest first.
func readVersions(ctx context.Context, t *trip) (*atlassian.Response, error) {
	start, err := begin(t)
	if err != nil {
		return nil, err
	}
	var part list[version]
	q := url.Values{"start": {strconv.Itoa(start)}, "limit": {strconv.Itoa(number(t.Query, "limit", 25, 250))}}
	res, err := t.get(ctx, versions+"/"+atlassian.Segment(t.part[0])+"/version", q, &part)
	if err != nil {
		return nil, err
	}
	out := list[*shownVersion]{Results: []*shownVersion{}}
	for i := range part.Results {
		if i > 0 && part.Results[i-1].Number <= part.Results[i].Number {
			return nil, strange(res) // callers stop at the first that is too old
		}
		out.Results = append(out.Results, part.Results[i].shown())
	}
	if part.Links.Next != "" && len(part.Results) > 0 {
		out.Links = next(start + len(part.Results))
	}
	return answer(res, out)
}

// readProperties reads a property of a page by its key.
func readProperties(ctx context.Context, t *trip) (*atlassian.Response, error) {
	type property struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	}
	key := t.Query.Get("key")
	if key == "" {
		return nil, notOffered("a list of properties")
	}
	var p property
	res, err := t.get(ctx, contentPath(t.part[0], "property", atlassian.Segment(key)), nil, &p)
	if err == nil {
		return answer(res, list[property]{Results: []property{p}})
	}
	if !is(err, atlassian.NotFound) {
		return nil, err
	}
	_, res, err = t.read(ctx, t.part[0], "page", nil) // or is it the page that is not there?
	if err != nil {
		return nil, err
	}
	return answer(res, list[property]{Results: []property{}})
}

// readRestrictions reads a page's own restrictions.
func readRestrictions(ctx context.Context, t *trip) (*atlassian.Response, error) {
	parts := "read.restrictions.user,read.restrictions.group,update.restrictions.user,update.restrictions.group"
	res, err := t.send(ctx, &atlassian.Request{Method: "GET", Path: contentPath(t.part[0], "restriction", "byOperation"), Query: url.Values{"expand": {parts}}})
	if err != nil {
		return nil, err
	}
	body, err := each(res.Body, 0, nameReader)
	if err != nil {
		return nil, strange(res)
	}
	out := *res
	out.Body = body
	return &out, nil
}

// nameReader gives a person of a restriction an account id.
func nameReader(o object) error {
	if p := (author{text(o["username"]), text(o["userKey"])}); o["accountId"] == nil && p.account() != "" {
		o["accountId"] = quoted(p.account())
	}
	return nil
}

// searchContent asks for a page of hits.
func searchContent(ctx context.Context, t *trip) (*atlassian.Response, error) {
	start, err := begin(t)
	if err != nil {
		return nil, err
	}
	q := url.Values{"start": {strconv.Itoa(start)}}
	for _, key := range []string{"cql", "limit", "includeArchivedSpaces", "excerpt"} {
		if v := t.Query.Get(key); v != "" {
			q.Set(key, v)
		}
	}
	var part list[json.RawMessage]
	res, err := t.get(ctx, "/rest/api/search", q, &part)
	if err != nil {
		return nil, err
	}
	out := list[json.RawMessage]{Results: append([]json.RawMessage{}, part.Results...)}
	if part.Links.Next != "" && len(part.Results) > 0 {
		out.Links = next(start + len(part.Results))
	}
	return answer(res, out)
}
