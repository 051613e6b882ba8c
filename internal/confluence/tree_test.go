// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
)

// treePolicy allows ENG and OPS, but not what lies below one page.
const treePolicy = `{
  "wpc_version": "1", "tool": "confluence",
  "resources": {"spaces_allowlist": ["ENG", "OPS"], "page_prefix_denylist": ["ENG/Runbooks/Deploy/Keys/"]},
  "actions": {"read": {"allowed": true, "include": ["attachments", "comments", "restrictions", "versions"]}, "write": {"allowed": true}, "admin": {"allowed": true}}
}`

// newTree is a house with a second space, and a page below Deploy that is denied.
func newTree(t *testing.T) (h *house, keys, ops string) {
	t.Helper()
	h = newHouse(t, spacePolicy, nil)
	h.site.AddSpace("OPS", "Operations")
	ops = h.site.AddPage(sim.PageSeed{Space: "OPS", Title: "Duty"})
	keys = h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.deploy, Title: "Keys"})
	h.policy = h.bind(treePolicy)
	return h, keys, ops
}

func TestMove(t *testing.T) {
	h, keys, ops := newTree(t)
	mark := len(h.site.Requests())
	below := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.hr, Title: "Bonus"})
	for _, test := range []struct{ name, page, target, want string }{
		{"what holds something denied", h.deploy, h.hr, "bad_argument"},
		{"what holds that", h.runbooks, h.hr, "bad_argument"},
		{"what is denied", keys, h.hr, "denied"},
		{"below what is denied", h.hr, keys, "denied"},
		{"into another space", h.hr, h.secret, "denied"},
		{"from another space", h.secret, h.hr, "denied"},
		{"a homepage", h.site.HomepageID("ENG"), ops, "bad_argument"},
		{"below itself", h.hr, h.hr, "bad_argument"},
		{"below what is below it", h.hr, below, "bad_argument"},
		{"where it is", h.rollback, h.runbooks, "done"}, // it lies in a folder there
		{"nowhere", h.hr, "424242", "not_found"},
	} {
		if e := h.move(test.page, test.target, 1); e.String() != test.want {
			t.Errorf("%s: got %s (%s), want %s", test.name, e, e.why, test.want)
		}
	}
	h.want(h.move(h.rollback, h.runbooks, 1), "no_change")
	h.want(h.move(h.hr, h.runbooks2, 2), "conflict")
	writes := 0
	for _, r := range h.site.Requests()[mark:] {
		if r.Method != "GET" {
			writes++
		}
	}
	if writes != 1 {
		t.Errorf("%d writes", writes)
	}
	e := h.move(h.hr, ops, 1)
	h.want(e, "done")
	if p := h.page(h.hr); p.SpaceKey != "OPS" || p.ParentID != ops || h.page(below).SpaceKey != "OPS" {
		t.Errorf("got %+v", p)
	}
	if len(e.call.Resources) != 2 || e.call.Resources[1].ID != ops || !strings.Contains(h.change.Summary, "OPS") {
		t.Errorf("call %+v, change %+v", e.call, h.change)
	}
	h.undoes("page.move")
	if p := h.page(h.hr); p.SpaceKey != "ENG" {
		t.Errorf("got %+v", p)
	}
}

// TestTargetMovesMeanwhile has the target leave between plan and act, and right before the request.
func TestTargetMovesMeanwhile(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	mark := len(h.site.Requests())
	h.want(h.move(h.deploy, h.hr, 1, func() { h.site.MovePage(h.hr, h.secret) }), "conflict")
	h.quiet(mark)

	h = newHouse(t, spacePolicy, nil)
	h.site.OnWrite(nil, func(sim.Request) { h.site.MovePage(h.hr, h.secret) })
	e := h.move(h.deploy, h.hr, 1)
	if h.want(e, "unconfirmed"); e.result.Outcome.Status != "done" {
		t.Errorf("outcome %+v", e.result.Outcome)
	}
}

func TestTrash(t *testing.T) {
	h, keys, _ := newTree(t)
	mark := len(h.site.Requests())
	h.want(h.trash(h.runbooks, 1), "bad_argument") // has children, and holds what is denied
	h.want(h.trash(keys, 1), "denied")
	h.want(h.trash(h.hr, 2), "conflict")
	h.want(h.trash(h.secret, 1), "denied")
	h.want(h.trash(h.hr, 1, func() { h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.hr, Title: "Bonus"}) }), "bad_argument")
	h.quiet(mark)
	e := h.trash(h.runbooks2, 1)
	h.want(e, "done")
	if e.call.Class != policy.Admin || e.call.Credential != "write" || h.page(h.runbooks2).Status != "trashed" {
		t.Errorf("call %+v", e.call)
	}
	h.want(h.trash(h.runbooks2, 1), "not_found")

	plain := newHouse(t, spacePolicy, nil)
	plain.want(plain.trash(plain.deploy, 1), "denied") // writing is allowed, administering is not
}

func TestUntrash(t *testing.T) {
	untrash := func(h *house, id string) *end {
		return h.do("page.untrash", args(`{"page_id":%q,"based_on_version":1,"message":"back"}`, id))
	}
	h := newHouse(t, fullPolicy, nil)
	h.want(untrash(h, h.deploy), "not_found") // it is not in the trash
	h.site.TrashPage(h.deploy)
	h.site.TrashPage(h.rollback) // lay in a folder
	h.site.TrashPage(h.secret)
	h.want(untrash(h, h.rollback), "not_found")
	h.want(untrash(h, h.secret), "denied")
	e := untrash(h, h.deploy)
	h.want(e, "done")
	if p := h.page(h.deploy); p.ParentID != h.runbooks || p.Versions[1].Message != "back (clawea "+h.opened.Name()+")" || p.Body != "<p>How to deploy the alpha service.</p>" {
		t.Errorf("got %+v", p)
	}
	h.site.TrashPage(h.deploy)
	h.want(untrash(h, h.deploy), "conflict") // it is at version 2
	h.site.TrashPage(h.runbooks)
	h.want(untrash(h, h.deploy), "not_found") // its parent is gone
}

// TestUntrashHoldsThePageItself says: what only some may read, or what lacks the label that the policy wants, stays in the trash.
func TestUntrashHoldsThePageItself(t *testing.T) {
	full := strings.Replace(labelPolicy, `"write": {"allowed": true}`, `"write": {"allowed": true}, "admin": {"allowed": true}`, 1)
	untold := func(path string) func(h *house, id string) {
		return func(h *house, id string) {
			h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
				if strings.HasSuffix(r.URL.Path, "/content/"+id+path) || strings.HasSuffix(r.URL.Path, "/pages/"+id+path) {
					return `{}`, 404
				}
				return body, 0
			})
		}
	}
	restrict := func(h *house, id string) { h.site.RestrictRead(id, h.reader, h.writer, h.undoer) }
	for _, test := range []struct {
		name            string
		before, between func(h *house, id string)
		want            string
	}{
		{"as it should be", nil, nil, "done"},
		{"restricted", restrict, nil, "restricted"},
		{"restricted meanwhile", nil, restrict, "restricted"},
		{"restrictions that are not told", untold("/restriction/byOperation"), nil, "restricted"},
		{"another label", func(h *house, id string) { h.site.RemoveLabel(id, "public"); h.site.AddLabel(id, "global", "other") }, nil, "denied"},
		{"no label any more", nil, func(h *house, id string) { h.site.RemoveLabel(id, "public") }, "conflict"},
		{"labels that are not told", untold("/labels"), nil, "not_found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newLabelledHouse(t, full)
			id := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.deploy, Title: "Theirs", Body: "<p>x</p>", Labels: []string{"public"}})
			h.site.TrashPage(id)
			if test.before != nil {
				test.before(h, id)
			}
			e := h.do("page.untrash", args(`{"page_id":%q,"based_on_version":1,"message":"back"}`, id), func() {
				if test.between != nil {
					test.between(h, id)
				}
			})
			h.want(e, test.want)
			if status := h.page(id).Status; (status == "current") != (test.want == "done") {
				t.Errorf("the page is %s", status)
			}
			if test.want == "done" && !slices.Equal(e.call.Resources[0].Labels, []string{"public"}) {
				t.Errorf("the call is %+v", e.call)
			}
		})
	}
}

func TestLabelsOfPoliciesAreLeftAlone(t *testing.T) {
	h := newLabelledHouse(t, labelPolicy)
	h.want(h.label("remove", h.deploy, "public"), "outside")
	h.want(h.label("add", h.deploy, "agents"), "outside")
	h.want(h.label("add", h.deploy, "other"), "done")
	h.want(h.label("add", h.deploy, "other"), "no_change")
	h.want(h.label("remove", h.deploy, "nothing"), "no_change")
	h.want(h.label("add", h.hr, "public"), "denied")
	e := h.do("page.label.add", args(`{"page_id":%q,"label":"third"}`, h.deploy), func() { h.site.AddLabel(h.deploy, "global", "theirs") })
	h.want(e, "conflict")
	for _, bad := range []string{"", "Two", "a b", "a,b", "a\u202eb", strings.Repeat("x", 256)} {
		h.want(h.label("add", h.deploy, bad), "bad_argument")
	}
}

func TestCommentOnPage(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	h.want(h.comment(h.deploy, "<p>fine</p>"), "done")
	if p := h.page(h.deploy); len(p.Comments) != 1 || p.Comments[0].Body != "<p>fine</p>" || p.Comments[0].AuthorID != h.writer {
		t.Errorf("got %+v", p.Comments)
	}
	mark := len(h.site.Requests())
	h.want(h.comment(h.hr, "<p>x</p>"), "denied")
	h.want(h.comment(h.deploy, " "), "bad_argument")
	h.want(h.comment(h.deploy, `<ac:link><ri:user ri:account-id="1"/></ac:link>`), "bad_argument")
	h.want(h.do("page.comment.create", args(`{"page_id":%q,"body_storage":"x","based_on_version":2}`, h.deploy)), "conflict")
	h.quiet(mark)
}

func TestCommentDelete(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	id := h.site.CommentPage(h.deploy, "", "<p>x</p>")
	foreign := h.site.CommentPage(h.secret, "", "<p>x</p>")
	answer := connectAny(t, h.c.write.BaseURL())
	if _, err := answer.Do(t.Context(), reply(id)); err != nil {
		t.Fatal(err)
	}
	remove := func(id string) *end { return h.do("comment.delete", args(`{"comment_id":%q,"message":"why"}`, id)) }
	h.want(remove(foreign), "denied")
	h.want(remove("424242"), "not_found")
	h.want(remove(id), "bad_argument") // it has a reply
	h.want(h.do("comment.delete", args(`{"comment_id":%q,"message":"why","based_on_version":2}`, h.site.CommentPage(h.deploy, "", "<p>y</p>"))), "conflict")
}
