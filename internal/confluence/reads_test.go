// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/atlassian"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
)

// read decodes what a call returned.
func read[T any](h *house, e *end) T {
	h.t.Helper()
	h.want(e, "done")
	var got T
	if e.result == nil {
		return got
	}
	if err := json.Unmarshal(e.result.Body, &got); err != nil {
		h.t.Fatal(err)
	}
	var all struct {
		Untrusted bool   `json:"untrusted"`
		Source    source `json:"source"`
	}
	if err := json.Unmarshal(e.result.Body, &all); err != nil || !all.Untrusted || all.Source.Site == "" || all.Source.PageID == "" ||
		all.Source.Version == 0 || all.Source.URL == "" || all.Source.Author == "" {
		h.t.Errorf("%s does not say where it is from: %s", e.call.Name(), e.result.Body)
	}
	return got
}

func TestGetNamesBlocks(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	h.site.EditPage(h.deploy, h.undoer, `<p>one</p><ac:structured-macro ac:name="expand"><ac:rich-text-body><p>two</p></ac:rich-text-body></ac:structured-macro>`)
	got := read[reading](h, h.get(h.deploy))
	var kinds []string
	for _, b := range got.Blocks {
		kinds = append(kinds, b.Kind)
		if b.Name == "" || !strings.Contains(got.Body, b.Begins) || b.Begins == "" {
			t.Errorf("block %+v", b)
		}
	}
	if !slices.Equal(kinds, []string{"p", "ac:structured-macro", "p"}) || got.Source.Author != h.undoer {
		t.Errorf("blocks %v, source %+v", kinds, got.Source)
	}
	h.site.EditPage(h.deploy, "", `<p>broken`)
	if got := read[reading](h, h.get(h.deploy)); got.Blocks != nil || got.Body != "<p>broken" {
		t.Errorf("got %+v", got)
	}
}

func TestChildren(t *testing.T) {
	h := newHouse(t, `{"wpc_version":"1","tool":"confluence","resources":{"spaces_allowlist":["ENG"],"page_prefix_denylist":["ENG/Runbooks/Deploy/"]},
		"actions":{"read":{"allowed":true,"include":["attachments","comments","restrictions","versions"]}}}`, nil)
	ours := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Ours", Body: "<p/>"})
	hidden := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Hidden", Body: "<p/>"})
	h.site.RestrictRead(hidden, h.reader)
	h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Old", Status: "archived"})
	e := h.do("page.children", args(`{"page_id":%q}`, h.runbooks))
	got := read[listing](h, e)
	if len(got.Pages) != 1 || got.Pages[0].ID != ours || got.More || e.result.Outcome.Used["pages"] != 1 || e.call.Uses["pages"] != defaultHits {
		t.Errorf("got %+v, used %v", got, e.result.Outcome.Used)
	}
	h.want(h.do("page.children", args(`{"page_id":%q}`, h.deploy)), "denied")
	h.want(h.do("page.children", args(`{"page_id":%q}`, h.secret)), "denied")
	more := h.do("page.children", args(`{"page_id":%q,"limit":1}`, h.site.HomepageID("ENG")))
	if got := read[listing](h, more); len(got.Pages) != 1 || !got.More {
		t.Errorf("got %+v", got)
	}
}

func TestVersions(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	h.want(h.update(h.deploy, 1, "<p>two</p>"), "done")
	h.site.EditPage(h.deploy, "", "<p>three</p>")
	got := read[history](h, h.do("page.versions", args(`{"page_id":%q}`, h.deploy)))
	if len(got.Versions) != 3 || got.Versions[0].Number != 3 || got.Versions[1].Receipt != "job-1/1" || got.Versions[1].Author != h.writer || got.More {
		t.Errorf("got %+v", got)
	}
	if got := read[history](h, h.do("page.versions", args(`{"page_id":%q,"limit":2}`, h.deploy))); len(got.Versions) != 2 || !got.More {
		t.Errorf("got %+v", got)
	}
	for n, body := range []string{"<p>How to deploy the alpha service.</p>", "<p>two</p>", "<p>three</p>"} {
		got := read[reading](h, h.do("page.version", args(`{"page_id":%q,"version":%d}`, h.deploy, n+1)))
		if got.Body != body || got.Page.Version != n+1 || got.Source.Version != n+1 || got.Blocks != nil || got.Page.ParentID != h.runbooks {
			t.Errorf("version %d: %+v", n+1, got)
		}
	}
	h.want(h.do("page.version", args(`{"page_id":%q,"version":4}`, h.deploy)), "not_found")
	h.want(h.do("page.version", args(`{"page_id":%q,"version":1}`, h.hr)), "denied")
	h.want(h.do("page.version", args(`{"page_id":%q,"version":1}`, h.deploy), func() { h.site.MovePage(h.deploy, h.hr) }), "conflict")
}

// TestReadsOfTheirOwn says: a tool list can deny what else there is of pages.
func TestReadsOfTheirOwn(t *testing.T) {
	h := newHouse(t, `{"wpc_version":"1","tool":"confluence","resources":{"spaces_allowlist":["ENG"]},"actions":{"read":{"allowed":true,"include":["attachments","comments","restrictions","versions"]}},
		"tool_policy":{"allow":["confluence.page.get"]}}`, nil)
	h.want(h.get(h.deploy), "done")
	for _, action := range []string{"page.version", "page.versions", "page.comments", "page.attachments", "page.restrictions", "page.labels", "page.children"} {
		given := args(`{"page_id":%q}`, h.deploy)
		if action == "page.version" {
			given = args(`{"page_id":%q,"version":1}`, h.deploy)
		}
		h.want(h.do(action, given), "denied")
	}
}

func TestComments(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	first := h.site.CommentPage(h.deploy, h.undoer, "<p>first</p>")
	second := h.site.CommentPage(h.deploy, "", "<p>second</p>")
	got := read[discussion](h, h.do("page.comments", args(`{"page_id":%q}`, h.deploy)))
	ids := []string{}
	for _, m := range got.Comments {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []string{first, second}) || got.Comments[0].Kind != "footer" || got.More {
		t.Errorf("got %+v", got)
	}
	if got := read[discussion](h, h.do("page.comments", args(`{"page_id":%q,"limit":1}`, h.deploy))); len(got.Comments) != 1 || !got.More {
		t.Errorf("got %+v", got)
	}
	h.want(h.do("page.comments", args(`{"page_id":%q}`, h.hr)), "denied")
}

func TestLabelsAndRestrictionsAreRead(t *testing.T) {
	h := newHouse(t, prefixPolicy, func(c *Config) { c.AllowRestricted = true })
	h.site.AddLabel(h.deploy, "global", "b")
	h.site.AddLabel(h.deploy, "global", "a")
	h.site.AddLabel(h.deploy, "my", "mine")
	if got := read[labelling](h, h.do("page.labels", args(`{"page_id":%q}`, h.deploy))); !slices.Equal(got.Labels, []string{"a", "b"}) {
		t.Errorf("labels %v", got.Labels)
	}
	h.site.RestrictRead(h.runbooks, h.reader)
	h.site.RestrictEdit(h.deploy, h.writer)
	got := read[restricting](h, h.do("page.restrictions", args(`{"page_id":%q}`, h.deploy)))
	if len(got.Restrictions) != 2 || got.Restrictions[0].PageID != h.runbooks || !slices.Equal(got.Restrictions[0].Read.Accounts, []string{h.reader}) ||
		got.Restrictions[1].Read != nil || !slices.Equal(got.Restrictions[1].Update.Accounts, []string{h.writer}) {
		t.Errorf("got %+v", got.Restrictions)
	}
	h.c.allowRestricted = false
	h.want(h.do("page.restrictions", args(`{"page_id":%q}`, h.deploy)), "restricted")
}

func TestAttachments(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	add := func(page, name, media, data string) string {
		return h.site.AddAttachment(sim.AttachmentSeed{Page: page, Name: name, MediaType: media, Data: []byte(data)})
	}
	text := add(h.deploy, "steps.txt", "text/plain", "one\ntwo\n")
	image := add(h.deploy, "map.png", "image/png", "\x89PNG\xff")
	large := add(h.deploy, "large.png", "image/png", strings.Repeat("x", maxBinary+1))
	liar := add(h.deploy, "liar.txt", "text/plain", strings.Repeat("\xff", maxBinary+1))
	foreign := add(h.hr, "pay.txt", "text/plain", "secret")

	got := read[collection](h, h.do("page.attachments", args(`{"page_id":%q}`, h.deploy)))
	if len(got.Attachments) != 4 || got.More {
		t.Errorf("got %+v", got)
	}
	h.c.read = h.fetching(strings.TrimPrefix(h.media.URL, "http://"))
	get := func(page, id string) *end {
		return h.do("attachment.get", args(`{"page_id":%q,"attachment_id":%q}`, page, id))
	}
	if got := read[holding](h, get(h.deploy, text)); got.Text != "one\ntwo\n" || got.Base64 != "" || got.Attachment.Name != "steps.txt" {
		t.Errorf("got %+v", got)
	}
	if got := read[holding](h, get(h.deploy, strings.TrimPrefix(image, "att"))); got.Text != "" || got.Base64 != "iVBOR/8=" {
		t.Errorf("got %+v", got)
	}
	h.want(get(h.deploy, large), "too_large")
	h.want(get(h.deploy, liar), "too_large")
	h.want(get(h.deploy, foreign), "not_found") // another page's
	h.want(get(h.hr, foreign), "denied")
	h.want(get(h.deploy, "att1/../2"), "bad_argument")
	for _, r := range h.site.MediaRequests() {
		if r.Authorization != "" || r.Cookie != "" {
			t.Errorf("the media host was sent credentials: %+v", r)
		}
	}
	if len(h.site.MediaRequests()) == 0 {
		t.Error("nothing was fetched")
	}
	h.c.read = h.fetching("other.example") // the host of the redirect is on no list
	h.want(get(h.deploy, text), "upstream")
}

// fetching is the read credential's client, which may be sent on to one host.
func (h *house) fetching(host string) *atlassian.Client {
	h.t.Helper()
	c, err := atlassian.New(atlassian.Config{
		BaseURL: h.c.read.BaseURL(), MediaHosts: []string{host}, Endpoints: atlassian.Endpoints(Operations(), atlassian.ForReading),
		Credential: func(context.Context) (atlassian.Credential, error) {
			return atlassian.Basic("reader@example.com", "r-token"), nil
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}
