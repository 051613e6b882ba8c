// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/receipt"
	"github.com/google/go-cmp/cmp"
)

// onlyReading permits these fields to be read, and no others.
func onlyReading(fields string) string {
	return strings.Replace(widePolicy, `"fields_write_allowlist"`, `"fields_read_allowlist": [`+fields+`], "fields_write_allowlist"`, 1)
}

func TestComments(t *testing.T) {
	h := newWideHouse(t)
	for _, m := range []sim.CommentSeed{{Body: "one"}, {Body: "for few", Role: "Administrators"}, {Body: "inside", Internal: true}, {Body: "two"}, {Body: "three"}} {
		h.site.AddComment("ENG-1", m)
	}
	call, result := h.did(actionComments, `{"issue_key":"ENG-1","limit":2}`)
	type page struct {
		about
		Comments []viewedComment
		More     bool
	}
	bodies := func(p page) (out []string) {
		for _, m := range p.Comments {
			out = append(out, m.Body)
		}
		return out
	}
	got := decoded[page](t, result.Body)
	if diff := cmp.Diff([]string{"three", "two"}, bodies(got)); diff != "" || !got.More || !got.Untrusted || !cmp.Equal(call.Reads, []string{"comment"}) {
		t.Errorf("%s, %+v, %v", diff, got, call.Reads)
	}
	if m := got.Comments[0]; m.Author == nil || m.Created == "" || m.URL != h.c.site+"/browse/ENG-1?focusedCommentId="+m.ID || got.Source.URL != h.c.site+"/browse/ENG-1" {
		t.Errorf("the source is %+v of %+v", got.Source, m)
	}
	_, result = h.did(actionComments, `{"issue_key":"ENG-1","skip":2}`)
	if got = decoded[page](t, result.Body); !cmp.Equal(bodies(got), []string{"one"}) || got.More {
		t.Errorf("got %+v", got)
	}
}

// TestChangelog shows former values only of what may be read.
func TestChangelog(t *testing.T) {
	h := newWideHouse(t)
	h.edit("ENG-1", h.reader, "summary", `"second"`)
	h.edit("ENG-1", h.reader, "environment", `{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"secret environment"}]}]}`)
	h.did(actionLink, `{"issue_key":"ENG-1","phrase":"blocks","other_key":"PLAT-1","message":"m"}`)
	h.site.MoveIssue("ENG-1", "PLAT")
	h.edit("PLAT-2", h.reader, "summary", `"third"`)
	type page struct {
		about
		Changes []viewedEntry
		More    bool
	}
	read := func(args string) (page, string) {
		_, result := h.did(actionChangelog, args)
		return decoded[page](t, result.Body), string(result.Body)
	}
	h.edit("PLAT-2", h.reader, "description", `{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"hidden words"}]}]}`)
	got, text := read(`{"issue_key":"ENG-1"}`)
	if len(got.Changes) != 2 || got.Changes[1].Items[0] != (viewedItem{"summary", "second", "third"}) || got.Changes[1].Author.AccountID != h.reader || got.More {
		t.Errorf("got %+v", got.Changes)
	}
	for _, hidden := range []string{"secret environment", "Link", "PLAT-1", "ENG-1", "Engineering"} {
		if strings.Contains(text, hidden) {
			t.Errorf("%q is shown: %s", hidden, text)
		}
	}
	h.policy = h.publish(onlyReading(`"summary"`))
	if got, text = read(`{"issue_key":"PLAT-2"}`); len(got.Changes) != 1 || strings.Contains(text, "hidden words") {
		t.Errorf("got %s", text)
	}
	if got, _ = read(`{"issue_key":"PLAT-2","limit":1}`); len(got.Changes) != 1 || got.More || got.Changes[0].Items[0].To != "third" {
		t.Errorf("got %+v", got)
	}
	if got, _ = read(`{"issue_key":"PLAT-2","limit":1,"skip":1}`); len(got.Changes) != 0 || got.More {
		t.Errorf("got %+v", got)
	}
	if got, _ = read(`{"issue_key":"PLAT-2","skip":100}`); len(got.Changes) != 0 || got.More {
		t.Errorf("got %+v", got)
	}
	h.policy = h.publish(onlyReading(``))
	if _, _, err := h.do(actionChangelog, `{"issue_key":"PLAT-2"}`, nil); code(err) != "denied" {
		t.Errorf("nothing may be read: %v", err)
	}
}

// TestChangelogFromElsewhere shows nothing of what an issue said before it came into
// its project, however far back that is asked for, and not that there is more.
func TestChangelogFromElsewhere(t *testing.T) {
	h := newWideHouse(t)
	for n := range 130 {
		h.edit("SECRET-1", h.writer, "summary", fmt.Sprintf(`"Nothing to see, %d"`, n))
	}
	key := h.site.MoveIssue("SECRET-1", "ENG")
	for n := range 120 {
		h.edit(key, h.writer, "summary", fmt.Sprintf(`"number %d"`, n))
	}
	seen := 0
	for skip := 0; skip <= 300; skip += 50 {
		_, result := h.did(actionChangelog, fmt.Sprintf(`{"issue_key":%q,"limit":50,"skip":%d}`, key, skip))
		got := decoded[struct {
			Changes []viewedEntry
			More    bool
		}](t, result.Body)
		for _, e := range got.Changes {
			if want := fmt.Sprintf("number %d", 119-seen); e.Items[0].To != want {
				t.Errorf("the change %d is %+v", seen, e)
			}
			seen++
		}
		if text := string(result.Body); strings.Contains(text, "pager company") || seen < 120 && strings.Contains(text, "Nothing") || strings.Contains(text, "to see, 128") {
			t.Errorf("shown: %s", text)
		}
		if got.More != (seen < 120) {
			t.Errorf("more at %d: %v", skip, got.More)
		}
	}
	if seen != 120 {
		t.Errorf("seen are %d", seen)
	}
	if _, _, err := h.do(actionChangelog, fmt.Sprintf(`{"issue_key":%q,"skip":5000}`, key), nil); code(err) != "bad_argument" {
		t.Errorf("too far back: %v", err)
	}
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/changelog") || r.URL.Query().Get("maxResults") == "1" {
			return false
		}
		reply(200, `{"values":[],"total":251,"isLast":true}`)(w, r)
		return true
	})
	if _, _, err := h.do(actionChangelog, fmt.Sprintf(`{"issue_key":%q}`, key), nil); code(err) != "upstream" {
		t.Errorf("a history with holes: %v", err)
	}
}

func TestMoved(t *testing.T) {
	for name, want := range map[entryItem]bool{
		{Field: "Key"}: true, {Field: "project", FieldID: "project"}: true, {Field: "Project"}: true, {Field: "issuekey", FieldID: "issuekey"}: true,
		{Field: "summary", FieldID: "summary"}: false, {Field: "Key", FieldID: "customfield_1"}: false, {}: false,
	} {
		if e := (&entry{Items: []entryItem{{Field: "x"}, name}}); e.moved() != want {
			t.Errorf("%+v: %v", name, !want)
		}
	}
}

func TestTransitions(t *testing.T) {
	h := newWideHouse(t)
	call, result := h.did(actionTransitions, `{"issue_key":"ENG-1"}`)
	got := decoded[struct {
		about
		Transitions []transition
	}](t, result.Body)
	if diff := cmp.Diff([]transition{{ID: "11", Name: "Start work", To: got.Transitions[0].To}}, got.Transitions); diff != "" || got.Transitions[0].To.Name != "In Progress" {
		t.Error(diff, got)
	}
	if !cmp.Equal(call.Reads, []string{"status"}) {
		t.Errorf("it reads %v", call.Reads)
	}
}

func TestMeta(t *testing.T) {
	h := newWideHouse(t)
	points := h.site.AddField("Story Points", sim.NumberField)
	type meta struct{ Fields []viewedMeta }
	for action, args := range map[string]string{actionCreatemeta: `{"project_key":"ENG","issue_type":"task"}`, actionEditmeta: `{"issue_key":"ENG-1"}`} {
		h.policy = h.publish(widePolicy)
		_, result := h.did(action, args)
		ids := map[string]viewedMeta{}
		for _, f := range decoded[meta](t, result.Body).Fields {
			ids[f.ID] = f
		}
		if f := ids["priority"]; ids[points].Type != "number" || ids["summary"].Name != "Summary" || len(f.Choices) != 5 || f.Choices[0].Name == "" {
			t.Errorf("%s: got %s", action, result.Body)
		}
		h.policy = h.publish(onlyReading(`"summary", "` + points + `"`))
		call, result := h.did(action, args)
		if got := decoded[meta](t, result.Body).Fields; len(got) != 2 || len(call.Reads) != 2 {
			t.Errorf("%s: got %+v, reads %v", action, got, call.Reads)
		}
	}
	if _, _, err := h.do(actionCreatemeta, `{"project_key":"SECRET","issue_type":"Task"}`, nil); code(err) != "denied" {
		t.Errorf("another project: %v", err)
	}
	if _, _, err := h.do(actionCreatemeta, `{"project_key":"ENG"}`, nil); code(err) != "bad_argument" {
		t.Errorf("no type: %v", err)
	}
}

// TestLinks shows no links to where the policy does not lead.
func TestLinks(t *testing.T) {
	h := newWideHouse(t)
	h.did(actionLink, `{"issue_key":"ENG-1","phrase":"is blocked by","other_key":"PLAT-1","message":"m"}`)
	h.did(actionLink, `{"issue_key":"ENG-1","phrase":"relates to","other_key":"ENG-2","message":"m"}`)
	h.site.MoveIssue("ENG-2", "SECRET")
	type page struct{ Links []viewedLink }
	call, result := h.did(actionLinks, `{"issue_key":"ENG-1"}`)
	got := decoded[page](t, result.Body).Links
	if len(got) != 1 || got[0].Phrase != "is blocked by" || got[0].Other.Key != "PLAT-1" || got[0].Other.Summary != "Upgrade the pager" || len(call.Resources) != 4 {
		t.Errorf("got %+v, touching %+v", got, call.Resources)
	}
	if strings.Contains(string(result.Body), "SECRET") || strings.Contains(string(result.Body), "Disk") {
		t.Errorf("a link elsewhere is shown: %s", result.Body)
	}
	h.policy = h.publish(onlyReading(`"issuelinks"`))
	if _, result = h.did(actionLinks, `{"issue_key":"ENG-1"}`); strings.Contains(string(result.Body), "pager") {
		t.Errorf("a summary is shown: %s", result.Body)
	}
	h.policy = h.publish(widePolicy)
	_, result, err := h.do(actionLinks, `{"issue_key":"ENG-1"}`, func() { h.site.MoveIssue("PLAT-1", "SECRET") })
	if err != nil || len(decoded[page](t, result.Body).Links) != 0 {
		t.Errorf("moved meanwhile: %v, %s", err, result.Body)
	}
}

func TestAttachments(t *testing.T) {
	h := newWideHouse(t)
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Query().Get("fields"), attachmentField) {
			return false
		}
		reply(200, `{"id":"`+h.issue("ENG-1").ID+`","key":"ENG-1","fields":{"updated":"x","project":{"id":"`+h.eng+`","key":"ENG"},
			"issuetype":{"id":"`+h.site.IssueTypeID("ENG", "Task")+`","name":"Task"},
			"attachment":[{"id":"1","filename":"a.png","mimeType":"image/png","size":3,"created":"2026","content":"https://elsewhere/x","author":{"accountId":"a","displayName":"Ann"}}]}}`)(w, r)
		return true
	})
	call, result := h.did(actionAttachments, `{"issue_key":"ENG-1"}`)
	got := decoded[struct{ Attachments []viewedAttachment }](t, result.Body).Attachments
	want := []viewedAttachment{{ID: "1", Name: "a.png", Type: "image/png", Size: 3, Author: &viewedUser{"a", "Ann"}, Created: "2026"}}
	if diff := cmp.Diff(want, got); diff != "" || strings.Contains(string(result.Body), "elsewhere") || !cmp.Equal(call.Reads, []string{"attachment"}) {
		t.Errorf("%s: %s", diff, result.Body)
	}
}

// TestReadsElsewhere tries each read where it must not lead.
func TestReadsElsewhere(t *testing.T) {
	for _, action := range []string{actionComments, actionChangelog, actionTransitions, actionEditmeta, actionLinks, actionAttachments} {
		h := newWideHouse(t)
		try := func(args string, between func()) (*gate.Result, string) {
			_, result, err := h.do(action, args, between)
			return result, code(err)
		}
		if _, got := try(`{"issue_key":"SECRET-1"}`, nil); got != "denied" {
			t.Errorf("%s in another project: %s", action, got)
		}
		if _, got := try(`{"issue_key":"ENG-99"}`, nil); got != "not_found" {
			t.Errorf("%s of what is not there: %s", action, got)
		}
		if _, got := try(`{"issue_key":"ENG-1","expand":"renderedBody"}`, nil); got != "bad_argument" {
			t.Errorf("%s with expand: %s", action, got)
		}
		if _, got := try(`{"issue_key":"ENG-1","fields":["*all"]}`, nil); got != "bad_argument" {
			t.Errorf("%s with fields: %s", action, got)
		}
		result, got := try(`{"issue_key":"ENG-1"}`, func() { h.site.MoveIssue("ENG-1", "SECRET") })
		if got != "outside" || result.Outcome.Status != receipt.Failed || result.Body != nil {
			t.Errorf("%s of what was moved meanwhile: %s", action, got)
		}
		for _, r := range h.site.Requests() {
			if r.Account != h.reader {
				t.Errorf("%s: %s %s by %s", action, r.Method, r.Path, r.Account)
			}
		}
		secured := `{"id":"1","key":"ENG-1","fields":{"updated":"x","security":{"id":"1","name":"Few"},"project":{"id":"` + h.eng + `","key":"ENG"}}}`
		h.once("GET", "/issue/ENG-1", reply(200, secured))
		if _, got := try(`{"issue_key":"ENG-1"}`, nil); got != "restricted" && got != "not_found" {
			t.Errorf("%s of what is secured: %s", action, got)
		}
	}
}
