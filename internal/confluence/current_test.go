// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"errors"
	"fmt"
	"testing"

	"github.com/clawea/clawea/internal/gate"
)

// What Current says is what the connector takes, right after.
func TestCurrent(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	now := func(action, args string) string {
		t.Helper()
		b, err := h.c.Current(t.Context(), action, []byte(args))
		if err != nil {
			t.Fatalf("%s: %v", action, err)
		}
		return string(b)
	}
	page := args(`{"page_id":%q}`, h.deploy)
	if got := now("page.update", page); got != "1" {
		t.Fatalf("the version of a new page is %s", got)
	}
	for i, action := range []string{"page.update", "page.update", "page.edit", "page.move", "page.trash", "page.untrash"} {
		more := map[string]string{
			"page.update": fmt.Sprintf(`"body_storage":"<p>text %d</p>"`, i), "page.edit": `"edits":[{"op":"append","content":"<p>more</p>"}]`,
			"page.move": args(`"target_id":%q`, h.runbooks2), "page.trash": `"undoes":""`, "page.untrash": `"undoes":""`,
		}[action]
		h.want(h.do(action, args(`{"page_id":%q,"message":"why",%s,"based_on_version":%s}`, h.deploy, more, now(action, page))), "done")
	}
	e := h.do("page.comment.create", args(`{"page_id":%q,"body_storage":"<p>hm</p>","based_on_version":%s}`, h.deploy, now("page.comment.create", page)))
	h.want(e, "done")
	comment := args(`{"comment_id":%s}`, e.body["comment_id"])
	h.want(h.do("comment.delete", args(`{"comment_id":%s,"message":"why","based_on_version":%s}`, e.body["comment_id"], now("comment.delete", comment))), "done")
}

func TestCurrentRefuses(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	for _, c := range []struct{ action, args, code string }{
		{"page.get", args(`{"page_id":%q}`, h.deploy), "bad_argument"},
		{"page.archive", args(`{"page_id":%q}`, h.deploy), "bad_argument"},
		{"nothing", `{}`, "bad_argument"},
		{"page.update", `{}`, "bad_argument"},
		{"page.update", `{"page_id":"../1"}`, "bad_argument"},
		{"page.update", `[]`, "bad_argument"},
		{"page.update", `{"page_id":"999999999"}`, "not_found"},
		{"page.untrash", args(`{"page_id":%q}`, h.deploy), "not_found"},
		{"comment.delete", args(`{"page_id":%q}`, h.deploy), "bad_argument"},
		{"comment.delete", `{"comment_id":"999999999"}`, "not_found"},
	} {
		f := (*gate.Fault)(nil)
		if _, err := h.c.Current(t.Context(), c.action, []byte(c.args)); !errors.As(err, &f) || f.Code != c.code {
			t.Errorf("%s %s: got %v, want %s", c.action, c.args, err, c.code)
		}
	}
}
