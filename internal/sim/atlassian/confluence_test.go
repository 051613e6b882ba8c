// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPageUpdate(t *testing.T) {
	w := newWorld(t)
	other := w.AddSpace("OPS", "Operations")
	elsewhere := w.AddPage(PageSeed{Space: "OPS", Title: "Elsewhere"})
	page := func(extra string) string {
		return `{"id":"` + w.restart + `","status":"current","title":"Restart payments","body":{"representation":"storage","value":"<p>x</p>"}` + extra + `}`
	}
	tests := []struct {
		name, body string
		want       int
		says       string
	}{
		{"same version", page(`,"version":{"number":1}`), 409, "Version must be incremented when updating a page. Current Version: [1]. Provided version: [1]"},
		{"version too high", page(`,"version":{"number":3}`), 409, "Current Version: [1]. Provided version: [3]"},
		{"no version", page(``), 400, "version"},
		{"other id", strings.Replace(page(`,"version":{"number":2}`), w.restart, w.home, 1), 400, "does not match"},
		{"trash by status", strings.Replace(page(`,"version":{"number":2}`), "current", "trashed", 1), 400, "status"},
		{"other space", page(`,"version":{"number":2},"spaceId":"` + other + `"`), 400, "another space"},
		{"parent in other space", page(`,"version":{"number":2},"parentId":"` + elsewhere + `"`), 400, "another space"},
		{"below itself", page(`,"version":{"number":2},"parentId":"` + w.restart + `"`), 400, "below itself"},
		{"no such parent", page(`,"version":{"number":2},"parentId":"1"`), 404, "parent"},
		{"taken title", strings.Replace(page(`,"version":{"number":2}`), "Restart payments", "rUNBOOKS", 1), 400, "already exists"},
		{"not XML", strings.Replace(page(`,"version":{"number":2}`), "<p>x</p>", "<p>x", 1), 400, "xhtml"},
		{"closes too much", strings.Replace(page(`,"version":{"number":2}`), "<p>x</p>", "</x><x>", 1), 400, "xhtml"},
		{"other format", strings.Replace(page(`,"version":{"number":2}`), "storage", "wiki", 1), 400, "representation"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before, _ := w.Page(w.restart)
			a := w.raw.do("PUT", "/wiki/api/v2/pages/"+w.restart, test.body).want(t, test.want)
			if !strings.Contains(a.at("errors.0.title"), test.says) {
				t.Errorf("got %s, want it to say %q", a.text, test.says)
			}
			after, _ := w.Page(w.restart)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("a refused update had an effect:\n%s", diff)
			}
		})
	}

	a := w.writer.update(w.restart, "Restart payments", "<p>new</p>", 1).want(t, 409)
	if got := a.at("errors.0.code"); got != "CONFLICT" {
		t.Errorf("got code %q, want CONFLICT", got)
	}
	w.clock.advance(time.Hour)
	a = w.writer.do("PUT", "/wiki/api/v2/pages/"+w.restart, page(`,"version":{"number":2,"message":"why"},"parentId":"`+w.home+`"`)).want(t, 200)
	if got := a.at("version.number") + " " + a.at("version.message") + " " + a.at("parentId"); got != "2 why "+w.home {
		t.Errorf("got %q", got)
	}
	p, _ := w.Page(w.restart)
	if p.Versions[1].AuthorID != w.writer.id || p.ParentID != w.home || p.Body != "<p>x</p>" {
		t.Errorf("got %+v", p)
	}
}

func TestPageReads(t *testing.T) {
	w := newWorld(t)
	w.EditPage(w.restart, "", "<p>second</p>")
	v1 := w.reader.get("/wiki/api/v2/pages/"+w.restart+"?version=1&body-format=storage").want(t, 200)
	if !strings.Contains(v1.at("body.storage.value"), "payments") || v1.at("status") != "historical" || v1.at("version.number") != "1" {
		t.Errorf("version 1: got %s", v1.text)
	}
	now := w.reader.get("/wiki/api/v2/pages/"+w.restart+"?body-format=storage").want(t, 200)
	want := []string{w.restart, "current", "Restart payments", w.eng, w.runbooks, "page", "<p>second</p>", "2"}
	got := []string{now.at("id"), now.at("status"), now.at("title"), now.at("spaceId"), now.at("parentId"), now.at("parentType"), now.at("body.storage.value"), now.at("version.number")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	w.reader.get("/wiki/api/v2/pages/"+w.restart+"?version=3").want(t, 404)
	w.reader.get("/wiki/api/v2/pages/"+w.restart+"?body-format=view").want(t, 400)
	w.reader.get("/wiki/api/v2/pages/"+w.folder).want(t, 404) // a folder is not a page
	w.reader.get("/wiki/api/v2/folders/"+w.restart).want(t, 404)
	w.raw.get("/wiki/api/v2/pages/abc").want(t, 400)

	deep := w.AddPage(PageSeed{Space: "ENG", Parent: w.folder, Title: "Deep"})
	up := w.reader.get("/wiki/api/v2/pages/"+deep+"/ancestors").want(t, 200)
	if got, want := up.column("results", "id"), w.home+" "+w.runbooks+" "+w.folder; got != want {
		t.Errorf("ancestors: got %s, want %s", got, want)
	}
	if got := up.column("results", "type"); got != "page page folder" {
		t.Errorf("types of ancestors: got %s", got)
	}
	near := w.reader.get("/wiki/api/v2/pages/"+deep+"/ancestors?limit=1").want(t, 200)
	if got := near.column("results", "id"); got != w.folder {
		t.Errorf("nearest ancestor: got %s, want %s", got, w.folder)
	}
	if got := w.reader.get("/wiki/api/v2/pages/"+w.home+"/descendants?depth=1").column("results", "id"); got != w.runbooks {
		t.Errorf("descendants at depth 1: got %s", got)
	}
	if got := w.reader.get("/wiki/api/v2/pages/"+w.runbooks+"/descendants?depth=3").column("results", "id"); got != w.restart+" "+w.folder+" "+deep {
		t.Errorf("descendants: got %s", got)
	}
}

func TestPageCreate(t *testing.T) {
	w := newWorld(t)
	body := func(title, extra string) string {
		return `{"spaceId":"` + w.eng + `","status":"current","title":"` + title + `","body":{"representation":"storage","value":"<p>x</p>"}` + extra + `}`
	}
	a := w.writer.do("POST", "/wiki/api/v2/pages", body("Under the homepage", "")).want(t, 200)
	if got := a.at("parentId") + " " + a.at("version.number"); got != w.home+" 1" {
		t.Errorf("got parent and version %s", got)
	}
	a = w.writer.do("POST", "/wiki/api/v2/pages?root-level=true", body("At the root", "")).want(t, 200)
	if got := a.at("parentId"); got != "" {
		t.Errorf("got parent %s, want none", got)
	}
	a = w.writer.do("POST", "/wiki/api/v2/pages", body("In a folder", `,"parentId":"`+w.folder+`"`)).want(t, 200)
	if got := a.at("parentType"); got != "folder" {
		t.Errorf("got parent type %s, want folder", got)
	}
	w.writer.do("POST", "/wiki/api/v2/pages", body("In a folder", "")).want(t, 400) // titles are unique in the space, not the parent
	w.writer.do("POST", "/wiki/api/v2/pages", body(strings.Repeat("x", 256), "")).want(t, 400)
	w.raw.do("POST", "/wiki/api/v2/pages", body("", "")).want(t, 400)
	w.writer.do("POST", "/wiki/api/v2/pages", strings.Replace(body("y", ""), w.eng, "1", 1)).want(t, 404)
	draft := w.writer.do("POST", "/wiki/api/v2/pages", strings.Replace(body("In a folder", ""), "current", "draft", 1)).want(t, 200).at("id")
	w.reader.get("/wiki/api/v2/pages/"+draft+"?get-draft=true").want(t, 404) // drafts are their author's own
	w.writer.get("/wiki/api/v2/pages/"+draft+"?get-draft=true").want(t, 200)
	w.writer.get("/wiki/api/v2/pages/"+draft).want(t, 404)
}

func TestTrash(t *testing.T) {
	w := newWorld(t)
	child := w.AddPage(PageSeed{Space: "ENG", Parent: w.restart, Title: "Detail"})
	w.rollback.do("DELETE", "/wiki/api/v2/pages/"+w.restart, "").want(t, 204)
	if p, _ := w.Page(w.restart); p.Status != "trashed" {
		t.Errorf("got status %s, want trashed", p.Status)
	}
	if p, _ := w.Page(child); p.ParentID != w.runbooks {
		t.Errorf("got parent %s of the orphan, want %s", p.ParentID, w.runbooks)
	}
	w.reader.get("/wiki/api/v2/pages/"+w.restart).want(t, 404)
	if got := w.reader.get("/wiki/api/v2/pages/"+w.restart+"?status=trashed").want(t, 200).at("status"); got != "trashed" {
		t.Errorf("got status %s", got)
	}
	if list := w.reader.get("/wiki/api/v2/pages?space-id=" + w.eng); strings.Contains(list.column("results", "id"), w.restart) {
		t.Error("a trashed page is in the default list")
	}
	if hits := w.reader.cql(`title = "Restart payments"`); hits != "" {
		t.Errorf("a trashed page is found: %s", hits)
	}
	w.rollback.do("DELETE", "/wiki/api/v2/pages/"+w.restart, "").want(t, 404)
	w.writer.do("PUT", "/wiki/api/v2/pages/"+w.restart+"/title", `{"status":"current","title":"x"}`).want(t, 404)

	// Its title is free meanwhile; then it cannot come back.
	usurper := w.AddPage(PageSeed{Space: "ENG", Title: "Restart payments"})
	w.writer.update(w.restart, "Restart payments", "<p>ignored</p>", 2).want(t, 400)
	w.TrashPage(usurper)
	w.writer.update(w.restart, "Ignored too", "<p>ignored</p>", 1).want(t, 409)
	w.writer.update(w.restart, "Ignored too", "<p>ignored</p>", 2).want(t, 200)
	p, _ := w.Page(w.restart)
	if p.Status != "current" || p.Title != "Restart payments" || strings.Contains(p.Body, "ignored") || p.ParentID != w.runbooks || len(p.Versions) != 2 {
		t.Errorf("got %+v after the restore", p)
	}

	// If its parent went to another space, it comes back below the homepage of its own.
	w.AddSpace("OPS", "Operations")
	w.TrashPage(w.restart)
	w.MovePage(w.runbooks, w.HomepageID("OPS"))
	w.writer.update(w.restart, "Restart payments", "", 3).want(t, 200)
	if p, _ := w.Page(w.restart); p.SpaceKey != "ENG" || p.ParentID != w.home {
		t.Errorf("got space %s and parent %s, want ENG and %s", p.SpaceKey, p.ParentID, w.home)
	}

	w.rollback.do("DELETE", "/wiki/api/v2/pages/"+w.restart+"?purge=true", "").want(t, 400)
	w.rollback.do("DELETE", "/wiki/api/v2/pages/"+w.restart, "").want(t, 204)
	w.rollback.do("DELETE", "/wiki/api/v2/pages/"+w.restart+"?purge=true", "").want(t, 204)
	if _, there := w.Page(w.restart); there {
		t.Error("a purged page is there")
	}
}

// cql returns the ids of what a query finds, in order.
func (c *client) cql(query string) string {
	c.t.Helper()
	return c.get("/wiki/rest/api/content/search?limit=250&cql="+url.QueryEscape(query)).want(c.t, 200).column("results", "id")
}

func TestReadRestrictionsAreInherited(t *testing.T) {
	w := newWorld(t)
	w.RestrictRead(w.runbooks, w.writer.id)
	for _, id := range []string{w.runbooks, w.restart} {
		for _, path := range []string{"", "/ancestors", "/direct-children", "/descendants", "/versions", "/labels", "/footer-comments"} {
			w.reader.get("/wiki/api/v2/pages/"+id+path).want(t, 404)
		}
	}
	w.reader.get("/wiki/api/v2/folders/"+w.folder).want(t, 404)
	w.writer.get("/wiki/api/v2/pages/"+w.restart).want(t, 200)
	for _, list := range []answer{
		w.reader.get("/wiki/api/v2/pages"), w.reader.get("/wiki/api/v2/spaces/" + w.eng + "/pages"),
		w.reader.get("/wiki/api/v2/pages/" + w.home + "/direct-children"), w.reader.get("/wiki/api/v2/pages/" + w.home + "/descendants"),
		w.reader.get("/wiki/rest/api/content/search?cql=space%3DENG"),
	} {
		ids := strings.Fields(list.want(t, 200).column("results", "id"))
		if slices.Contains(ids, w.runbooks) || slices.Contains(ids, w.restart) || slices.Contains(ids, w.folder) {
			t.Errorf("a restricted page is listed: %v", ids)
		}
	}
	if total := w.reader.get("/wiki/rest/api/search?cql=space%3DENG").at("totalSize"); total != "1" {
		t.Errorf("got total %s, want 1: the total must not count what is not seen", total)
	}
	if got := w.reader.do("POST", "/wiki/rest/api/content/"+w.restart+"/permission/check", check(w.reader.id)).want(t, 200).at("hasPermission"); got != "false" {
		t.Errorf("got permission %s, want false", got)
	}
	// The restriction of the ancestor does not show at the page itself.
	w.RestrictRead(w.runbooks, w.writer.id, w.reader.id)
	a := w.reader.get("/wiki/rest/api/content/"+w.restart+"/restriction/byOperation").want(t, 200)
	if got := a.at("read.restrictions.user.size"); got != "0" {
		t.Errorf("got %s readers at the page, want 0", got)
	}
	a = w.reader.get("/wiki/rest/api/content/"+w.runbooks+"/restriction/byOperation").want(t, 200)
	if got := a.at("read.restrictions.user.size"); got != "2" {
		t.Errorf("got %s readers at the ancestor, want 2", got)
	}
	w.writer.update(w.restart, "Restart payments", "<p/>", 2).want(t, 200)
	w.RestrictEdit(w.restart)
	w.writer.update(w.restart, "Restart payments", "<p/>", 3).want(t, 403)
}

func check(account string) string {
	return `{"subject":{"type":"user","identifier":"` + account + `"},"operation":"read"}`
}

func TestPermissionCheck(t *testing.T) {
	w := newWorld(t)
	w.RestrictRead(w.runbooks, w.all.id, w.writer.id)
	target := "/wiki/rest/api/content/" + w.restart + "/permission/check"
	if got := w.all.do("POST", target, check(w.reader.id)).want(t, 200).at("hasPermission"); got != "false" {
		t.Errorf("reader: got %s, want false: the restriction is inherited", got)
	}
	if got := w.all.do("POST", target, check(w.writer.id)).want(t, 200).at("hasPermission"); got != "true" {
		t.Errorf("writer: got %s, want true", got)
	}
	w.reader.do("POST", target, check(w.writer.id)).want(t, 403) // only administrators ask about others
	w.all.do("POST", target, check("712020:nobody")).want(t, 400)
}

func TestPaging(t *testing.T) {
	w := newWorld(t)
	var want []string
	for _, title := range strings.Fields("a b c d e f g") {
		want = append(want, w.AddPage(PageSeed{Space: "ENG", Parent: w.folder, Title: title}))
	}
	for _, first := range []string{
		"/wiki/api/v2/folders/" + w.folder + "/direct-children?limit=3",
		"/wiki/rest/api/content/search?limit=3&cql=parent%3D" + w.folder,
	} {
		var got []string
		pages := 0
		for target := first; target != ""; pages++ {
			a := w.reader.get(target).want(t, 200)
			got = append(got, strings.Fields(a.column("results", "id"))...)
			target = a.at("_links.next")
			if strings.HasPrefix(first, "/wiki/api/v2") && target != "" && !strings.Contains(a.header.Get("Link"), "<"+target+`>; rel="next"`) {
				t.Errorf("got Link %q, want it to hold %s", a.header.Get("Link"), target)
			}
			if strings.HasPrefix(first, "/wiki/rest") && target != "" {
				target = "/wiki" + target // v1 links are relative to the context
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || pages != 3 {
			t.Errorf("%s: %d pages (-want +got):\n%s", first, pages, diff)
		}
	}
	next := w.reader.get("/wiki/api/v2/pages?limit=2").at("_links.next")
	w.raw.get(next).want(t, 400)                                               // a cursor is of one account
	w.reader.get(strings.Replace(next, "/pages?", "/spaces?", 1)).want(t, 400) // of one path
	w.reader.get(next+"&title=x").want(t, 400)                                 // of one question
	w.reader.get(next).want(t, 200)
	w.clock.advance(8 * 24 * time.Hour)
	w.reader.get(next).want(t, 400) // and of one week
	w.reader.get("/wiki/api/v2/pages?limit=2&cursor=made-up").want(t, 400)
}

func TestLabels(t *testing.T) {
	w := newWorld(t)
	target := "/wiki/rest/api/content/" + w.restart + "/label"
	a := w.rollback.do("POST", target, `[{"prefix":"global","name":"Queue"},{"prefix":"global","name":"ops"}]`).want(t, 200)
	if got := a.column("results", "name"); got != "ops queue" {
		t.Errorf("got labels %q, want the whole set in lower case", got)
	}
	w.rollback.do("POST", target, `[{"prefix":"global","name":"two words"}]`).want(t, 400)
	w.rollback.do("DELETE", target+"?name=ops", "").want(t, 204)
	w.rollback.do("DELETE", target+"?name=ops", "").want(t, 404)
	if got := w.reader.get("/wiki/api/v2/pages/"+w.restart+"/labels").column("results", "name"); got != "queue" {
		t.Errorf("got labels %q, want queue", got)
	}
	w.AddLabel(w.restart, "my", "Later")
	w.AddLabel(w.restart, "global", "ops")
	labels := "/wiki/api/v2/pages/" + w.restart + "/labels"
	if all, global := w.reader.get(labels).column("results", "name"), w.reader.get(labels+"?prefix=global").column("results", "name"); all != "queue later ops" || global != "queue ops" {
		t.Errorf("got labels %q and global labels %q", all, global)
	}
	w.RemoveLabel(w.restart, "queue")
	if got := w.reader.get(labels).column("results", "name"); got != "later ops" {
		t.Errorf("got labels %q without the one taken off", got)
	}
}

func TestRestoreVersion(t *testing.T) {
	w := newWorld(t)
	w.EditPage(w.restart, "", "<p>bad</p>")
	w.RenamePage(w.restart, "Bad title")
	restore := func(params string) string { return `{"operationKey":"restore","params":` + params + `}` }
	target := "/wiki/rest/api/content/" + w.restart + "/version"
	w.raw.do("POST", target, restore(`{"versionNumber":1}`)).want(t, 400)
	w.rollback.do("POST", target, restore(`{"versionNumber":9,"message":"x"}`)).want(t, 400)
	a := w.rollback.do("POST", target, restore(`{"versionNumber":1,"message":"undo","restoreTitle":true}`)).want(t, 200)
	if got := a.at("number") + " " + a.at("message"); got != "4 undo" {
		t.Errorf("got %q, want a new version 4", got)
	}
	p, _ := w.Page(w.restart)
	if p.Title != "Restart payments" || p.Body != p.Versions[0].Body {
		t.Errorf("got %q %q", p.Title, p.Body)
	}
}

func TestMove(t *testing.T) {
	w := newWorld(t)
	w.AddSpace("OPS", "Operations")
	target := w.AddPage(PageSeed{Space: "OPS", Title: "Target"})
	detail := w.AddPage(PageSeed{Space: "ENG", Parent: w.restart, Title: "Detail"})
	move := func(id, position, to string) answer {
		return w.all.do("PUT", "/wiki/rest/api/content/"+id+"/move/"+position+"/"+to, "")
	}
	move(w.restart, "append", detail).want(t, 400)
	move(w.restart, "append", target).want(t, 200)
	for _, id := range []string{w.restart, detail} {
		if p, _ := w.Page(id); p.SpaceKey != "OPS" || len(p.Versions) != 1 {
			t.Errorf("got space %s and %d versions", p.SpaceKey, len(p.Versions))
		}
	}
	move(detail, "before", target).want(t, 200)
	if got := w.reader.get("/wiki/api/v2/pages/"+w.HomepageID("OPS")+"/direct-children").column("results", "title"); got != "Detail Target" {
		t.Errorf("got order %q, want Detail Target", got)
	}
	clash := w.AddPage(PageSeed{Space: "ENG", Title: "target"})
	move(clash, "append", target).want(t, 400)
}

func TestComments(t *testing.T) {
	w := newWorld(t)
	body := func(page string) string {
		return `{"pageId":"` + page + `","body":{"representation":"storage","value":"<p>note</p>"}}`
	}
	w.writer.do("POST", "/wiki/api/v2/footer-comments", body("1")).want(t, 404)
	id := w.writer.do("POST", "/wiki/api/v2/footer-comments", body(w.restart)).want(t, 201).at("id")
	p, _ := w.Page(w.restart)
	want := []Comment{{ID: id, AuthorID: w.writer.id, Body: "<p>note</p>", At: w.clock.Now()}}
	if diff := cmp.Diff(want, p.Comments); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
	a := w.reader.get("/wiki/api/v2/pages/"+w.restart+"/footer-comments?body-format=storage").want(t, 200)
	if got := a.at("results.0.body.storage.value"); got != "<p>note</p>" {
		t.Errorf("got %q", got)
	}
	w.rollback.do("DELETE", "/wiki/api/v2/footer-comments/"+id, "").want(t, 204)
	w.reader.get("/wiki/api/v2/footer-comments/"+id).want(t, 404)
}

func TestSpaceKeysChange(t *testing.T) {
	w := newWorld(t)
	w.RenameSpaceKey("ENG", "PLATFORM")
	if got := w.reader.get("/wiki/api/v2/spaces?keys=ENG").want(t, 200).at("results.#"); got != "0" {
		t.Errorf("got %s spaces with the old key, want 0", got)
	}
	usurper := w.AddSpace("ENG", "Somebody else's")
	if got := w.reader.get("/wiki/api/v2/spaces?keys=ENG").want(t, 200).at("results.0.id"); got != usurper {
		t.Errorf("got space %s, want the new one", got)
	}
	if got := w.reader.get("/wiki/api/v2/spaces/"+w.eng).want(t, 200).at("key"); got != "PLATFORM" {
		t.Errorf("got key %s, want PLATFORM", got)
	}
}

func TestDrafts(t *testing.T) {
	w := newWorld(t)
	draft := w.AddPage(PageSeed{Space: "ENG", Title: "Plan", Status: "draft", Author: w.writer.id})
	save := func(status string, version int) answer {
		return w.writer.do("PUT", "/wiki/api/v2/pages/"+draft, fmt.Sprintf(
			`{"id":%q,"status":%q,"title":"Plan B","body":{"representation":"storage","value":"<p/>"},"version":{"number":%d}}`, draft, status, version))
	}
	save("draft", 2).want(t, 409)
	save("draft", 1).want(t, 200)
	w.writer.get("/wiki/api/v2/pages/"+draft).want(t, 404)
	save("current", 1).want(t, 200)
	p, _ := w.Page(draft)
	if p.Status != "current" || p.Title != "Plan B" || len(p.Versions) != 1 {
		t.Errorf("got %+v after publishing", p)
	}
	save("draft", 2).want(t, 200) // is kept beside the published page
	w.EditPage(draft, "", "<p>of another</p>")
	save("current", 2).want(t, 409)
	if p, _ := w.Page(draft); p.Draft == nil || p.Draft.Body != "<p/>" || p.Body != "<p>of another</p>" || p.Status != "current" {
		t.Errorf("got %+v with a draft %+v", p, p.Draft)
	}
	save("current", 3).want(t, 200)
	if p, _ := w.Page(draft); p.Draft != nil {
		t.Errorf("got the draft %+v after publishing", p.Draft)
	}
	other := w.AddPage(PageSeed{Space: "ENG", Title: "Scrap", Status: "draft", Author: w.all.id})
	w.rollback.do("DELETE", "/wiki/api/v2/pages/"+other+"?draft=true", "").want(t, 404)
	w.all.do("DELETE", "/wiki/api/v2/pages/"+other, "").want(t, 400)
	w.all.do("DELETE", "/wiki/api/v2/pages/"+other+"?draft=true", "").want(t, 204)
	if _, there := w.Page(other); there {
		t.Error("a deleted draft is there")
	}
}

func TestPageLists(t *testing.T) {
	w := newWorld(t)
	ops := w.AddSpace("OPS", "Operations")
	w.clock.advance(time.Hour)
	a := w.AddPage(PageSeed{Space: "OPS", Title: "Apples"})
	archived := w.AddPage(PageSeed{Space: "OPS", Title: "Bananas", Status: "archived"})
	trashed := w.AddPage(PageSeed{Space: "OPS", Title: "Cherries"})
	w.TrashPage(trashed)
	w.EditPage(w.restart, "", "<p>newer</p>")
	opsHome := w.HomepageID("OPS")
	tests := []struct{ query, want string }{
		{"/pages?space-id=" + ops, opsHome + " " + a + " " + archived},
		{"/pages?space-id=" + ops + "&status=trashed", trashed},
		{"/pages?space-id=" + ops + "&status=current&status=trashed&sort=-title", opsHome + " " + trashed + " " + a},
		{"/pages?title=Apples", a},
		{"/pages?title=apples", ""},
		{"/pages?id=" + a + "&id=" + w.restart + "&id=" + w.folder, w.restart + " " + a},
		{"/pages?sort=created-date&limit=2", w.home + " " + w.runbooks},
		{"/pages?sort=-modified-date&space-id=" + w.eng, w.restart + " " + w.home + " " + w.runbooks},
		{"/spaces/" + ops + "/pages?depth=root", opsHome},
		{"/spaces?ids=" + ops + "&ids=" + w.eng + "&sort=-key", ops + " " + w.eng},
		{"/spaces?sort=name&status=current", w.eng + " " + ops},
		{"/spaces?keys=eng", ""},
		{"/spaces?status=archived", ""},
	}
	for _, test := range tests {
		if got := w.reader.get("/wiki/api/v2"+test.query).want(t, 200).column("results", "id"); got != test.want {
			t.Errorf("%s: got %q, want %q", test.query, got, test.want)
		}
	}
	for _, missing := range []string{"/spaces/1", "/spaces/1/pages", "/folders/1"} {
		w.reader.get("/wiki/api/v2"+missing).want(t, 404)
	}
	for _, bad := range []string{"/pages?limit=0", "/pages?body-format=view", "/spaces/abc", "/folders/abc"} {
		w.raw.get("/wiki/api/v2"+bad).want(t, 400)
	}
}

func TestVersions(t *testing.T) {
	w := newWorld(t)
	w.EditPage(w.restart, w.writer.id, "<p>2</p>")
	w.RenamePage(w.restart, "Restart")
	target := "/wiki/api/v2/pages/" + w.restart + "/versions"
	a := w.reader.get(target+"?body-format=storage").want(t, 200)
	if got := a.column("results", "number") + " " + a.at("results.1.page.body.storage.value") + " " + a.at("results.1.authorId"); got != "3 2 1 <p>2</p> "+w.writer.id {
		t.Errorf("got %s", got)
	}
	if got := w.reader.get(target+"?sort=modified-date").want(t, 200).column("results", "number"); got != "1 2 3" {
		t.Errorf("got %s, want the oldest first", got)
	}
	a = w.reader.get(target+"/2").want(t, 200)
	if got := a.at("prevVersion") + " " + a.at("nextVersion"); got != "1 3" {
		t.Errorf("got neighbours %s", got)
	}
	w.reader.get(target+"/4").want(t, 404)
	rename := func(status, title string) answer {
		return w.writer.do("PUT", "/wiki/api/v2/pages/"+w.restart+"/title", `{"status":"`+status+`","title":"`+title+`"}`)
	}
	rename("current", "Runbooks").want(t, 400)
	rename("draft", "x").want(t, 404)
	if got := rename("current", "Restart all").want(t, 200).at("version.number"); got != "4" {
		t.Errorf("got version %s after renaming, want 4: there is no version check", got)
	}
}
