// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
)

const aPage = `{"page":{"id":"7","title":"Deploy","space":{"id":"1","key":"ENG"},"parent_id":"6","version":3,"created_at":"2026-01-02T03:04:05Z","modified_at":"2026-01-02T03:04:05Z"},` +
	`"body":"<p>text</p>","format":"storage","truncated":true,"untrusted":true,"source":{"site":"https://example.atlassian.net","author":"acc"}}`

func newStage(t testing.TB, c *Call) *Stage {
	t.Helper()
	s, err := New("confluence", c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(s *Stage, method, path, body string) (int, string) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

// What a server sees of a failure is our sentence, with a status that it knows.
func TestConfluenceFailures(t *testing.T) {
	for code, want := range map[string]int{"not_found": 404, "conflict": 409, "bad_query": 400, "bad_argument": 400, "forbidden": 403, "": 403} {
		refusal := errors.New("denied: page 7 is secret")
		if code != "" {
			refusal = &gate.Fault{Code: code, Msg: "no; ask somebody"}
		}
		s := newStage(t, &Call{
			Action: "page.update", Args: []byte(`{"page_id":"7"}`),
			Read:    func(string, []byte) ([]byte, error) { return nil, refusal },
			Perform: func() ([]byte, error) { return nil, refusal },
		})
		for _, r := range [][3]string{
			{"GET", "/wiki/api/v2/pages/7", ""}, {"GET", "/wiki/api/v2/pages/7/ancestors", ""}, {"GET", "/wiki/api/v2/pages/7/children", ""},
			{"GET", "/wiki/api/v2/pages/7/labels", ""}, {"GET", "/wiki/api/v2/pages/7/attachments", ""}, {"GET", "/wiki/api/v2/pages/7/inline-comments", ""},
			{"GET", "/wiki/rest/api/search?cql=a", ""}, {"PUT", "/wiki/api/v2/pages/7", `{"id":"7","status":"current","title":"t"}`},
		} {
			got, body := ask(s, r[0], r[1], r[2])
			if got != want || strings.Contains(body, "secret") {
				t.Errorf("%s: %s %s: got %d %s, want %d", code, r[0], r[1], got, body, want)
			}
		}
	}
}

// A read is made once, a server's own reads come to an end, and what is left out is
// told.
func TestConfluenceReadsAreBounded(t *testing.T) {
	reads := 0
	s := newStage(t, &Call{Action: "page.get", Args: []byte(`{"page_id":"7"}`), Result: []byte(aPage), Read: func(string, []byte) ([]byte, error) {
		reads++
		return []byte(aPage), nil
	}})
	for range 3 {
		if got, body := ask(s, "GET", "/wiki/api/v2/pages/7?body-format=storage", ""); got != 200 || !strings.Contains(body, "acc") {
			t.Fatalf("got %d %s", got, body)
		}
		ask(s, "GET", "/wiki/api/v2/pages/6/labels", "")
	}
	if reads != 1 {
		t.Errorf("%d reads for three of the same", reads)
	}
	if left := s.Omitted(); len(left) != 1 || !strings.Contains(left[0], "page 7") {
		t.Errorf("omitted %q", left)
	}
	for id := range 2 * maxReads {
		ask(s, "GET", "/wiki/api/v2/pages/"+strconv.Itoa(100+id), "")
	}
	if reads != maxReads {
		t.Errorf("a server made %d reads, and may make %d", reads, maxReads)
	}
	if got, _ := ask(s, "GET", "/wiki/api/v2/pages/7", ""); got != 200 {
		t.Errorf("the call's own page: got %d", got)
	}
}

// A chain that leads in circles is not followed for ever.
func TestConfluenceAncestorsInCircles(t *testing.T) {
	s := newStage(t, &Call{Action: "page.get", Args: []byte(`{"page_id":"7"}`), Result: []byte(aPage), Read: func(string, []byte) ([]byte, error) {
		return []byte(strings.NewReplacer(`"id":"7"`, `"id":"6"`, `"parent_id":"6"`, `"parent_id":"7"`).Replace(aPage)), nil
	}})
	got, body := ask(s, "GET", "/wiki/api/v2/pages/7/ancestors", "")
	var out list[struct{ ID string }]
	if err := json.Unmarshal([]byte(body), &out); err != nil || got != 200 || len(out.Results) != maxAbove {
		t.Errorf("got %d, %d ancestors, %v", got, len(out.Results), err)
	}
}

// Arguments that cannot be read have no target, so that no write is for them.
func TestConfluenceWithoutTarget(t *testing.T) {
	for _, args := range []string{"", "null", `{"page_id":7}`, `{}`, `[]`} {
		for _, action := range []string{"page.update", "page.create", "page.comment.create", "page.label.add", "page.move", "page.trash"} {
			s := newStage(t, &Call{Action: action, Args: []byte(args), Perform: func() ([]byte, error) { return []byte(aPage), nil }})
			for _, r := range [][3]string{
				{"PUT", "/wiki/api/v2/pages/7", `{"id":"7","status":"current"}`}, {"POST", "/wiki/api/v2/pages", `{"status":"current"}`},
				{"POST", "/wiki/api/v2/footer-comments", `{}`}, {"POST", "/wiki/rest/api/content/7/label", `[{}]`},
				{"POST", "/cgraphql", `[{"operationName":"MovePageMutation","query":"movePageAppend"}]`}, {"DELETE", "/wiki/api/v2/pages/7", ""},
			} {
				if got, _ := ask(s, r[0], r[1], r[2]); got != http.StatusForbidden || s.Performed() {
					t.Errorf("%s of %s: %s %s: got %d", action, args, r[0], r[1], got)
				}
			}
		}
	}
}

// Whatever the request, a write of the call's is asked for only by the ways that
// lead to its target, and what is read is of pages that can be.
func FuzzConfluenceRouter(f *testing.F) {
	for _, s := range [][3]string{
		{"PUT", "/wiki/api/v2/pages/7", `{"id":"7","status":"current"}`}, {"PUT", "/wiki/api/v2/pages/7", `{"id":"8","status":"current"}`},
		{"PUT", "/wiki/api/v2/pages/8", `{"id":"7","status":"current"}`}, {"PUT", "/wiki/api/v2/pages/%37", `{"id":"7","status":"current"}`},
		{"PUT", "/wiki/api/v2/x/../pages/7", `{"id":"7","status":"current"}`}, {"PUT", "/wiki/api/v2/pages/7?status=draft", `{"id":"7","status":"current"}`},
		{"PUT", "/WIKI/api/v2/pages/7", ``}, {"GET", "/wiki/api/v2/pages/8%2f..%2f7", ``}, {"GET", "//wiki//api/v2/pages/7", ``},
		{"DELETE", "/wiki/api/v2/pages/7?purge=true", ``}, {"GET", "/wiki/rest/api/search?cql=a&cql=b", ``}, {"GET", "/wiki/api/v2/pages/7/ancestors", ``},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		r, err := http.NewRequest(method, "http://127.0.0.1", strings.NewReader(body))
		if err != nil {
			return
		}
		if r.URL, err = r.URL.Parse(target); err != nil || r.URL.Host != "127.0.0.1" {
			return
		}
		s := newStage(t, &Call{
			Action: "page.update", Args: []byte(`{"page_id":"7"}`),
			Perform: func() ([]byte, error) { return []byte(aPage), nil },
			Read: func(action string, args []byte) ([]byte, error) {
				var a targets
				if err := json.Unmarshal(args, &a); err != nil || action != pageSearch && !isID(a.PageID) {
					t.Errorf("%s %s reads %s %s", method, target, action, args)
				}
				return []byte(aPage), nil
			},
		})
		s.ServeHTTP(httptest.NewRecorder(), r)
		if s.Performed() && (r.Method != http.MethodPut || r.URL.Path != "/wiki/api/v2/pages/7" || r.URL.RawQuery != "" || !strings.Contains(body, "7")) {
			t.Errorf("%s %s %s made the change", method, target, body)
		}
	})
}
