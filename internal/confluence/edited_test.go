// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/change"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// firsts lets the read credential see comments as they were written, which the
// simulated site does not show once they were edited.
type firsts struct{ kept map[string][]byte }

func (f *firsts) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	id := strings.TrimPrefix(r.URL.Path, v2+"/footer-comments/")
	if err != nil || res.StatusCode != http.StatusOK || f.kept[id] == nil || r.URL.Query().Get("version") != "1" {
		return res, err
	}
	if err := res.Body.Close(); err != nil {
		return nil, err
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(f.kept[id])), -1
	return res, nil
}

// editComment has an account change a comment, and keeps how it was written.
func (h *house) editComment(f *firsts, id, who, body string) {
	h.t.Helper()
	m, err := h.c.getComment(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	if f.kept[id], err = json.Marshal(m); err != nil {
		h.t.Fatal(err)
	}
	client, err := atlassian.New(atlassian.Config{BaseURL: h.c.write.BaseURL(), Credential: func(context.Context) (atlassian.Credential, error) {
		return atlassian.Basic(who+"@example.com", who[:1]+"-token"), nil
	}})
	if err != nil {
		h.t.Fatal(err)
	}
	r := &atlassian.Request{Method: http.MethodPut, Path: v2 + "/footer-comments/" + id, Body: []byte(fmt.Sprintf(
		`{"version":{"number":%d},"body":{"representation":"storage","value":%q}}`, m.Version.Number+1, body))}
	if _, err := client.Do(h.t.Context(), r); err != nil {
		h.t.Fatal(err)
	}
}

// showFirsts makes the connector read through f.
func (h *house) showFirsts() *firsts {
	h.t.Helper()
	f := &firsts{map[string][]byte{}}
	h.c.read = connectOver(h.t, h.c.write.BaseURL(), "reader", "r-token", f)
	return f
}

// editor adds somebody who edits, and returns the account.
func (h *house) editor() string {
	return h.site.AddAccount(sim.Account{Email: "editor@example.com", Token: "e-token", Name: "Editor", Scopes: sim.WriterScopes()})
}

// TestCommentApprovalHolds says: what others write on a page leaves the change that a
// comment on it is, and the call, as they were when a person was asked.
func TestCommentApprovalHolds(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	h.site.CommentPage(h.deploy, h.writer, told) // ours, and it stays
	was, _ := h.planned(1)
	for i := range 30 {
		h.site.CommentPage(h.deploy, h.reader, fmt.Sprintf("<p>%d</p>", i))
	}
	f := h.showFirsts()
	h.editor()
	h.editComment(f, h.site.CommentPage(h.deploy, h.reader, "<p>typo</p>"), "editor", "<p>mended</p>")
	h.site.CommentPage(h.deploy, h.reader, told) // and even the same
	is, _ := h.planned(2)
	a, errA := was.Change.Marshal()
	b, errB := is.Change.Marshal()
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("the change was\n%s, %v\nand is\n%s, %v", a, errA, b, errB)
	}
	if was.Call.Digest() != is.Call.Digest() {
		t.Errorf("the call was\n%+v\nand is\n%+v", was.Call, is.Call)
	}
}

// TestCommentEdited says: a comment that was edited is found by what was written
// first, and where Confluence does not show that, nobody guesses.
func TestCommentEdited(t *testing.T) {
	tests := map[string]struct {
		author func(h *house) string
		body   string
		before bool // long before the call was opened
		shown  bool
		want   string
	}{
		"ours":                       {author: func(h *house) string { return h.writer }, body: told, shown: true, want: "one"},
		"ours, not shown":            {author: func(h *house) string { return h.writer }, body: told, want: "error"},
		"somebody's":                 {author: func(h *house) string { return h.reader }, body: "<p>else</p>", shown: true},
		"somebody's, not shown":      {author: func(h *house) string { return h.reader }, body: "<p>else</p>", want: "error"},
		"the same, by somebody else": {author: func(h *house) string { return h.reader }, body: told, shown: true, want: "error"},
		"long before":                {author: func(h *house) string { return h.writer }, body: "<p>old</p>", before: true},
	}
	for name, test := range tests {
		h := newHouse(t, fullPolicy, nil)
		f := h.showFirsts()
		h.editor()
		p, opened := h.planned(99)
		id := h.site.CommentPage(h.deploy, test.author(h), test.body)
		h.editComment(f, id, "editor", "<p>mended</p>")
		if !test.shown {
			clear(f.kept)
		}
		if test.before {
			opened.At = opened.At.Add(time.Hour)
		}
		found, err := h.c.Find(t.Context(), opened, p.Change)
		got := ""
		switch {
		case err != nil:
			got = "error"
		case found != nil:
			got = "one"
			if found.ID != id || found.Version != "1" {
				t.Errorf("%s: %+v", name, found)
			}
		}
		if got != test.want {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}

// TestCommentLongBefore says: an equal comment of long ago, which a change does not
// remember, is not taken for one that was never sent.
func TestCommentLongBefore(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	p, opened := h.planned(99)
	h.site.CommentPage(h.deploy, h.writer, told)
	opened.At = opened.At.Add(time.Hour)
	if found, err := h.c.Find(t.Context(), opened, p.Change); found != nil || err != nil {
		t.Errorf("found %+v, %v", found, err)
	}
}

// TestHistoryEdited says: of a comment that was edited since, history has who wrote it
// and who edited it, as far as Confluence shows that.
func TestHistoryEdited(t *testing.T) {
	for _, shown := range []bool{true, false} {
		h := newHouse(t, fullPolicy, nil)
		f := h.showFirsts()
		editor := h.editor()
		from := time.Now().Add(-time.Second)
		h.want(h.comment(h.deploy, told), "done")
		ours := h.end.result.Outcome.Target.ID
		h.editComment(f, ours, "editor", "<p>mended</p>")
		theirs := h.site.CommentPage(h.deploy, h.reader, "<p>theirs</p>")
		h.editComment(f, theirs, "writer", "<p>with our account, around the house</p>")
		strange := h.site.CommentPage(h.deploy, h.writer, "<p>around the house</p>")
		h.editComment(f, strange, "editor", "<p>and mended</p>")
		if !shown {
			clear(f.kept)
		}
		events, err := h.c.History(t.Context(), change.Window{
			Accounts: []string{h.writer}, From: from, To: time.Now().Add(time.Second), Made: []policy.Resource{{Type: "comment", ID: ours, Version: "1"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range events {
			line := e.What + " " + e.Resource.ID + "@" + e.Resource.Version + " by " + e.By
			if e.Edited != nil && !e.Edited.At.IsZero() {
				line += ", edited by " + e.Edited.By
			}
			if e.At.IsZero() != (e.By == "") {
				t.Errorf("%+v", e)
			}
			got = append(got, line)
		}
		want := []string{
			"page.comment.create " + ours + "@1 by " + h.writer + ", edited by " + editor,
			"comment.update " + theirs + "@2 by " + h.writer,
			"page.comment.create " + strange + "@1 by " + h.writer + ", edited by " + editor,
		}
		if !shown {
			want = []string{"page.comment.create " + ours + "@1 by , edited by " + editor, want[1]}
		}
		if diff := cmp.Diff(want, got, cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("shown %v: %s", shown, diff)
		}
	}
}
