// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/receipt"
)

// window is an hour ago and a day from there, for these accounts.
func window(accounts ...string) change.Window {
	from := time.Now().Add(-time.Hour)
	return change.Window{Accounts: accounts, From: from, To: from.Add(24 * time.Hour)}
}

// TestHistoryOfLinksOfMoved says: a link is one, and the same, whatever keys its ends
// get and whether it is there still.
func TestHistoryOfLinksOfMoved(t *testing.T) {
	tests := map[string]struct {
		move  func(h *house)
		shown bool // both ends still lie where the policy and the accounts get
	}{
		"the first":          {func(h *house) { h.site.MoveIssue("ENG-1", "PLAT") }, true},
		"the second":         {func(h *house) { h.site.MoveIssue("PLAT-1", "ENG") }, true},
		"both":               {func(h *house) { h.site.MoveIssue("ENG-1", "PLAT"); h.site.MoveIssue("PLAT-1", "ENG") }, true},
		"there and back":     {func(h *house) { h.site.MoveIssue("ENG-1", "PLAT"); h.site.MoveIssue("ENG-1", "ENG") }, true},
		"a project's key":    {func(h *house) { h.site.RenameProjectKey("ENG", "CORE") }, false},
		"to where it is not": {func(h *house) { h.site.MoveIssue("PLAT-1", "SECRET"); h.site.RestrictProject("SECRET", h.writer) }, false},
	}
	for name, test := range tests {
		h := newWideHouse(t)
		h.c.pause = 0
		link := func(other string) deed {
			return h.deed(actionLink, `{"issue_key":"ENG-1","phrase":"blocks","other_key":"`+other+`","message":"m"}`)
		}
		link("ENG-2")
		d := link("PLAT-1")
		was := h.links()
		test.move(h)
		is := h.links()
		if diff := cmp.Diff(was, is); len(is) != len(was) || diff != "" && name != "to where it is not" {
			t.Errorf("%s: %s", name, diff)
		}
		if !test.shown {
			continue
		}
		s := h.step(d)
		h.agent = receipt.Undoer
		h.did(s.Action, string(s.Args))
		is = h.links()
		if len(is) != len(was)+1 || is[len(was)] != actionUnlink+" issue "+h.undoer {
			t.Errorf("%s, and taken back: %q, and before %q", name, is, was)
		}
	}
}

// links is what history tells of what the house did, each in words.
func (h *house) links() (out []string) {
	h.t.Helper()
	events, err := h.c.History(h.t.Context(), window(h.writer, h.undoer))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range events {
		says := e.What + " " + e.Resource.Type + " " + e.By
		if e.Resource.Type == "link" {
			says += " " + e.Resource.ID
		}
		out = append(out, says)
	}
	return out
}

// saying is a comment as Jira tells of it.
func saying(n int, author string, at time.Time, hidden bool) string {
	stamp := at.UTC().Format("2006-01-02T15:04:05.000-0700")
	return fmt.Sprintf(`{"id":"%d","author":{"accountId":%q},"created":%q,"updated":%q,"jsdPublic":%t,"body":{"type":"doc","version":1,"content":[]}}`,
		9000+n, author, stamp, stamp, !hidden)
}

// talkative lets ENG-1 have so many comments, of which the site gives out at most so
// many at once: the newest first, each by how many are newer.
func (h *house) talkative(total, most int, one func(n int) string) {
	path := "/issue/" + h.issue("ENG-1").ID + "/comment"
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, path) {
			return strings.Contains(r.URL.Path, "/properties/") && notThere(w, r)
		}
		q := r.URL.Query()
		start, _ := strconv.Atoi(q.Get("startAt"))
		asked, err := strconv.Atoi(q.Get("maxResults"))
		if err != nil || q.Get("orderBy") != "-created" {
			h.t.Errorf("asked for %s", r.URL.RawQuery)
		}
		var list []string
		for n := start; n < min(start+min(asked, most), total); n++ {
			list = append(list, one(n))
		}
		reply(200, fmt.Sprintf(`{"startAt":%d,"maxResults":%d,"total":%d,"comments":[%s]}`, start, asked, total, strings.Join(list, ",")))(w, r)
		return true
	})
}

func notThere(w http.ResponseWriter, r *http.Request) bool {
	reply(404, `{"errorMessages":["not found"],"errors":{}}`)(w, r)
	return true
}

// TestHistoryOfManyComments says: history has all comments of its time, or none.
func TestHistoryOfManyComments(t *testing.T) {
	base := time.Now().Truncate(time.Second)
	tests := map[string]struct {
		total, most int
		ours        int           // how many are newer than ours
		goes        time.Duration // the window, backwards
		told        int
		err         bool
	}{
		"few":                                 {3, 50, 2, time.Hour, 1, false},
		"in small parts":                      {130, 20, 129, time.Hour, 1, false},
		"as many as are read":                 {2000, 50, 1999, time.Hour, 1, false},
		"more in the window than are read":    {2100, 50, 2099, time.Hour, 0, true},
		"more, and ours among those":          {2100, 50, 3, time.Hour, 0, true},
		"more before the window":              {2100, 50, 3, time.Minute, 1, false},
		"none given of those that there are":  {60, 0, 3, time.Hour, 0, true},
		"ours before the window, told of not": {2100, 50, 90, time.Minute, 0, false},
	}
	for name, test := range tests {
		h := newWideHouse(t)
		h.talkative(test.total, test.most, func(n int) string {
			author := h.reader
			if n == test.ours {
				author = h.writer
			}
			return saying(n, author, base.Add(-time.Duration(n)*time.Second), false)
		})
		w := change.Window{Accounts: []string{h.writer}, From: base.Add(-test.goes), To: base.Add(time.Hour)}
		events, err := h.c.History(t.Context(), w)
		if len(events) != test.told || (err != nil) != test.err {
			t.Errorf("%s: %d events, %v", name, len(events), err)
		}
	}
}
