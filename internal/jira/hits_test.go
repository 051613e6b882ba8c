// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/query"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/receipt"
	"github.com/google/go-cmp/cmp"
)

// logged collects what the connector logs from now on.
func (h *house) logged() *bytes.Buffer {
	b := new(bytes.Buffer)
	h.c.log = slog.New(slog.NewTextHandler(b, nil))
	return b
}

// searched is what a search shows: the keys, in order, and whether there are more.
func (h *house) searched(args string) ([]string, bool, *gate.Result) {
	h.t.Helper()
	_, result := h.did("issue.search", args)
	got := decoded[found](h.t, result.Body)
	keys := []string{}
	for _, v := range got.Issues {
		keys = append(keys, v.Key)
	}
	return keys, got.More, result
}

// stale lets the site's index find issues that have a security level meanwhile.
func (h *house) stale(keys ...string) (asked *[]string) {
	asked = new([]string)
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/search/jql") {
			return false
		}
		*asked = append(*asked, bodyOf(h.t, r))
		answer := httptest.NewRecorder()
		h.site.ServeHTTP(answer, r)
		v := decoded[map[string]any](h.t, answer.Body.Bytes())
		for _, hit := range v["issues"].([]any) {
			if i := hit.(map[string]any); slices.Contains(keys, i["key"].(string)) {
				i["fields"].(map[string]any)["security"] = map[string]any{"id": "10000", "name": "Board"}
			}
		}
		b, err := json.Marshal(v)
		if err != nil {
			h.t.Error(err)
		}
		reply(answer.Code, string(b))(w, r)
		return true
	})
	return asked
}

const swordfish = `{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"swordfish"}]}]}`

// TestSecuredIssuesAreNoAnswer asks whether a word stands in an issue that a security
// level hides, by what else is found.
func TestSecuredIssuesAreNoAnswer(t *testing.T) {
	for name, hide := range map[string]func(*house){
		"left out by the site": func(h *house) { h.site.SecureIssue("ENG-2", "Board") },
		"found by the index":   func(h *house) { h.stale("ENG-2") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.edit("ENG-2", h.writer, "description", swordfish)
			hide(h)
			for _, word := range []string{"swordfish", "marlin"} {
				for _, order := range []string{"asc", "desc"} {
					keys, more, _ := h.searched(`{"limit":1,"jql":"(key = ENG-2 and description ~ ` + word + `) or key = ENG-1 order by key ` + order + `"}`)
					if !cmp.Equal(keys, []string{"ENG-1"}) || more {
						t.Errorf("%s, %s: found %v, more %t", word, order, keys, more)
					}
				}
			}
			if keys, more, _ := h.searched(`{"limit":1,"jql":"order by key desc"}`); !cmp.Equal(keys, []string{"PLAT-1"}) || !more {
				t.Errorf("found %v, more %t", keys, more)
			}
			if keys, more, _ := h.searched(`{"limit":2,"jql":"order by key desc"}`); !cmp.Equal(keys, []string{"PLAT-1", "ENG-1"}) || more {
				t.Errorf("found %v, more %t", keys, more)
			}
		})
	}
}

// TestSecuredIssuesAllowed finds them where the house lets them be shown.
func TestSecuredIssuesAllowed(t *testing.T) {
	h := newHouse(t)
	h.site.SecureIssue("ENG-2", "Board")
	h.c.allowRestricted = true
	if keys, _, _ := h.searched(`{"jql":"project = ENG order by key"}`); !cmp.Equal(keys, []string{"ENG-1", "ENG-2"}) {
		t.Errorf("found %v", keys)
	}
}

// TestSearchReadsOn reads on where hits are left out, and refuses where that does
// not come to an end.
func TestSearchReadsOn(t *testing.T) {
	h := newHouse(t)
	var hidden []string
	for n := range 60 {
		h.site.AddIssue(sim.IssueSeed{Project: "PLAT", Summary: "Nr " + strconv.Itoa(n)})
		if n != 5 && n != 58 {
			hidden = append(hidden, fmt.Sprintf("PLAT-%d", n+2))
		}
	}
	log := h.logged()
	asked := h.stale(hidden...)
	keys, more, result := h.searched(`{"limit":10,"jql":"summary ~ nr order by key"}`)
	if !cmp.Equal(keys, []string{"PLAT-7", "PLAT-60"}) || more || result.Outcome.Code != "filtered" || len(*asked) != 2 {
		t.Errorf("found %v, more %t, code %s, in %d parts", keys, more, result.Outcome.Code, len(*asked))
	}
	if keys, more, _ := h.searched(`{"limit":1,"jql":"summary ~ nr order by key desc"}`); !cmp.Equal(keys, []string{"PLAT-60"}) || !more {
		t.Errorf("of one, found %v, more %t", keys, more)
	}
	if s := log.String(); !strings.Contains(s, "hits of a search were left out") || strings.Contains(s, "incident") {
		t.Errorf("the log says %s", s)
	}
	var parts []int
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/search/jql") {
			return false
		}
		parts = append(parts, decoded[struct{ MaxResults int }](t, []byte(bodyOf(t, r))).MaxResults)
		reply(200, `{"isLast":false,"nextPageToken":"t","issues":[]}`)(w, r)
		return true
	})
	_, result, err := h.do("issue.search", `{"limit":2,"jql":"summary ~ nr order by key"}`, nil)
	if code(err) != "bad_query" || result.Body != nil || result.Outcome.Status != receipt.Failed {
		t.Errorf("%v, %+v", err, result)
	}
	if want := append([]int{3}, slices.Repeat([]int{maxHits + 1}, maxHitParts-1)...); !cmp.Equal(parts, want) {
		t.Errorf("asked for %v, want %v", parts, want)
	}
}

// TestHitsComeOnce lets an index that changes meanwhile give a hit twice.
func TestHitsComeOnce(t *testing.T) {
	h := newHouse(t)
	hit := func(n string) string {
		return `{"id":"` + n + `","key":"ENG-` + n + `","fields":{"project":{"id":"` + h.eng + `","key":"ENG"}}}`
	}
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case !strings.HasSuffix(r.URL.Path, "/search/jql"):
			return false
		case strings.Contains(bodyOf(t, r), `"nextPageToken":"t"`):
			reply(200, `{"isLast":true,"issues":[`+hit("2")+`,`+hit("3")+`]}`)(w, r)
		default:
			reply(200, `{"isLast":false,"nextPageToken":"t","issues":[`+hit("1")+`,`+hit("2")+`]}`)(w, r)
		}
		return true
	})
	if keys, more, _ := h.searched(`{"limit":3,"jql":""}`); !cmp.Equal(keys, []string{"ENG-1", "ENG-2", "ENG-3"}) || more {
		t.Errorf("found %v, more %t", keys, more)
	}
}

// TestIncidents tells who runs the house where things are elsewhere than they ought to be.
func TestIncidents(t *testing.T) {
	h := newHouse(t)
	log := h.logged()
	h.once("POST", "/search/jql", reply(200, `{"isLast":true,"issues":[
		{"id":"77","key":"SECRET-1","fields":{"summary":"foreign","project":{"id":"`+h.secret+`","key":"SECRET"}}},
		{"id":"a\nb","key":"ENG-8","fields":{}}]}`))
	if keys, _, _ := h.searched(`{"jql":""}`); len(keys) != 0 {
		t.Errorf("found %v", keys)
	}
	if s := log.String(); !strings.Contains(s, `level=ERROR msg="incident: a search found issues outside of its bound" receipt=j/1 target="[77 `) || !strings.Contains(s, "code=filtered") || strings.Count(s, "incident") != 1 {
		t.Errorf("the log says %s", s)
	}
	log.Reset()
	h.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "POST" || !strings.HasSuffix(r.URL.Path, "/comment") {
			return false
		}
		h.site.ServeHTTP(w, r)
		h.site.MoveIssue("ENG-1", "SECRET")
		return true
	})
	_, result, err := h.do("issue.comment.create", `{"issue_key":"ENG-1","body":"x"}`, nil)
	if code(err) != "outside" || result.Outcome.Status != receipt.Done || result.Outcome.Code != "outside" {
		t.Fatalf("%v, %+v", err, result)
	}
	if s := log.String(); !strings.Contains(s, `level=ERROR msg="incident: a change is not where it was allowed" receipt=j/2 target=[`+result.Outcome.Target.ID+`] code=outside`) {
		t.Errorf("the log says %s", s)
	}
}

// TestSearchOfText looks for words that stand only in comments, which are not for all.
func TestSearchOfText(t *testing.T) {
	h := newHouse(t)
	h.site.AddComment("ENG-1", sim.CommentSeed{Body: "The password is swordfish", Internal: true})
	h.site.AddComment("ENG-1", sim.CommentSeed{Body: "Layoffs on tuesday", Role: "Administrators"})
	for jql, want := range map[string][]string{
		"key = ENG-1 and text ~ swordfish": {}, "key = ENG-1 and text ~ tuesday": {}, "not text ~ swordfish and key = ENG-1": {"ENG-1"},
		"text ~ pager order by key": {"ENG-1", "PLAT-1"}, "text ~ night": {"ENG-1"}, "text ~ full or text ~ night order by key": {"ENG-1", "ENG-2"},
	} {
		if keys, _, _ := h.searched(`{"jql":"` + jql + `"}`); !cmp.Equal(keys, want) {
			t.Errorf("%s finds %v, want %v", jql, keys, want)
		}
	}
	for _, jql := range []string{"comment ~ swordfish", "textfields ~ swordfish", "environment ~ swordfish"} {
		if _, _, err := h.do("issue.search", `{"jql":"`+jql+`"}`, nil); code(err) != "bad_query" {
			t.Errorf("%s: %v", jql, err)
		}
	}
	for _, r := range []readable{{}, {allowed: []string{"summary", "description", "status"}}, {hidden: []string{"status"}}, {hidden: []string{"Description"}}, {allowed: []string{"summary"}}} {
		both := r.may("summary") && r.may("description")
		d := r.narrow(query.JQL())
		if f, ok := d.Fields["text"]; ok != both || ok && !cmp.Equal(f.Over, textFields()) || !ok && d.Denied["text"] == "" {
			t.Errorf("where %+v may be read, text is %+v", r, f)
		}
	}
}

// TestHiddenCommentsDoNotCount reads comments between others that are not shown.
func TestHiddenCommentsDoNotCount(t *testing.T) {
	h := newWideHouse(t)
	type page struct {
		Comments []viewedComment
		More     bool
	}
	read := func(action, args string) (bodies string, more bool) {
		_, result := h.did(action, args)
		got := decoded[page](t, result.Body)
		var list []string
		for _, m := range got.Comments {
			list = append(list, m.Body)
		}
		return strings.Join(list, " "), got.More
	}
	hide := func(n int) {
		for range n {
			h.site.AddComment("ENG-1", sim.CommentSeed{Body: "hidden", Internal: true})
		}
	}
	hide(3)
	if got, more := read(actionComments, `{"issue_key":"ENG-1","limit":1}`); got != "" || more {
		t.Errorf("of hidden ones: %q, more %t", got, more)
	}
	for _, body := range []string{"one", "two", "three"} {
		h.site.AddComment("ENG-1", sim.CommentSeed{Body: body})
		hide(20)
	}
	for args, want := range map[string]string{
		`"limit":1`: "three true", `"limit":3`: "three two one false", `"limit":1,"skip":1`: "two true", `"limit":1,"skip":2`: "one false", `"skip":3`: " false",
		`"limit":2`: "three two true",
	} {
		got, more := read(actionComments, `{"issue_key":"ENG-1",`+args+`}`)
		if got := fmt.Sprint(got, " ", more); got != want {
			t.Errorf("%s: got %q, want %q", args, got, want)
		}
	}
	for args, want := range map[string]string{`"comments":1`: "three", `"comments":2`: "two three"} {
		if got, _ := read("issue.get", `{"issue_key":"ENG-1",`+args+`}`); got != want {
			t.Errorf("%s: got %q, want %q", args, got, want)
		}
	}
	hide(70)
	if got, more := read(actionComments, `{"issue_key":"ENG-1","limit":1}`); got != "three" || !more {
		t.Errorf("behind 90 hidden ones: %q, more %t", got, more)
	}
	h.talkative(2100, 50, func(n int) string { return saying(n, h.reader, time.Now(), n != 2050) })
	if _, result, err := h.do(actionComments, `{"issue_key":"ENG-1","limit":1}`, nil); code(err) != "bad_argument" || result.Body != nil {
		t.Errorf("among more than are looked through: %v", err)
	}
	if _, result, err := h.do("issue.get", `{"issue_key":"ENG-1","comments":1}`, nil); code(err) != "bad_argument" || result.Body != nil {
		t.Errorf("with more than are looked through: %v", err)
	}
}

// TestSearchFindsWhatWasWritten names to Jira's late index the issues that the job has just changed.
func TestSearchFindsWhatWasWritten(t *testing.T) {
	h := newHouse(t)
	asked := h.stale()
	h.did("issue.comment.create", `{"issue_key":"ENG-2","body":"x"}`)
	_, result := h.did("issue.create", `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"New"}}`)
	h.searched(`{"jql":"summary ~ new"}`)
	want := `"reconcileIssues":[` + h.issue("ENG-2").ID + `,` + result.Outcome.Target.ID + `]`
	if !strings.Contains((*asked)[len(*asked)-1], want) {
		t.Errorf("sent %s, want %s", (*asked)[len(*asked)-1], want)
	}
}

func TestWrittenLog(t *testing.T) {
	var l writtenLog
	now := time.Unix(1_000_000, 0)
	if got := l.recently("a", now); got != nil {
		t.Errorf("nothing is remembered as %v", got)
	}
	l.note("a", now, "3", "x", "1")
	l.note("a", now.Add(time.Minute), "1", "2")
	if got := l.recently("a", now.Add(time.Minute)); !cmp.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("got %v", got)
	}
	if got := l.recently("a", now.Add(writtenLife+time.Second)); !cmp.Equal(got, []int64{1, 2}) {
		t.Errorf("later: %v", got)
	}
	if got := l.recently("b", now); got != nil {
		t.Errorf("another job's: %v", got)
	}
	for n := range 2 * maxWritten {
		l.note("a", now, strconv.Itoa(n))
	}
	if got := l.recently("a", now); len(got) != maxWritten || got[0] != maxWritten {
		t.Errorf("of many: %v", got)
	}
	for n := range maxWriters + 5 {
		l.note("job "+strconv.Itoa(n), now, "1")
	}
	if len(l.byJob) > maxWriters {
		t.Errorf("%d jobs are remembered", len(l.byJob))
	}
	l.note("c", now.Add(writtenLife+time.Second), "1")
	if len(l.byJob) != 1 {
		t.Errorf("%d jobs are remembered after their time", len(l.byJob))
	}
}

// TestHiddenChangesDoNotCount reads a history among changes of what is not shown.
func TestHiddenChangesDoNotCount(t *testing.T) {
	h := newWideHouse(t)
	h.edit("ENG-1", h.writer, "summary", `"one"`)
	h.edit("ENG-1", h.writer, "summary", `"two"`)
	for n := range 250 {
		h.site.SecureIssue("ENG-1", "Board "+strconv.Itoa(n))
	}
	h.site.SecureIssue("ENG-1", "")
	for args, want := range map[string]string{
		`"limit":1`: "two true", `"limit":2`: "two one false", `"limit":1,"skip":1`: "one false", `"limit":5,"skip":2`: "false",
	} {
		_, result := h.did(actionChangelog, `{"issue_key":"ENG-1",`+args+`}`)
		got := decoded[struct {
			Changes []viewedEntry
			More    bool
		}](t, result.Body)
		said := ""
		for _, e := range got.Changes {
			said += e.Items[0].To + " "
		}
		if said += strconv.FormatBool(got.More); said != want {
			t.Errorf("%s: got %q, want %q", args, said, want)
		}
	}
	for n := range historyPage * historyPages {
		h.site.SecureIssue("ENG-1", "Board "+strconv.Itoa(n))
	}
	h.site.SecureIssue("ENG-1", "")
	if _, result, err := h.do(actionChangelog, `{"issue_key":"ENG-1"}`, nil); code(err) != "bad_argument" || result.Body != nil {
		t.Errorf("among more than are read: %v", err)
	}
}
