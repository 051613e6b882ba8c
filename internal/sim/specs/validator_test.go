// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package specs

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recorder is a test that remembers its failures instead of failing.
type recorder struct {
	testing.TB
	faults []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// answer replies with a fixed status and JSON body.
func answer(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestValidator(t *testing.T) {
	const issues = `{"issues":[{"id":"10001"}],"isLast":true}`
	const page = `{"id":"7","status":"current","title":"T","spaceId":"1","body":{"representation":"storage","value":"<p/>"},"version":{"number":2}}`
	tests := []struct {
		name    string
		method  string
		target  string
		body    string
		status  int
		reply   string
		want    string // part of the only fault; empty for none
		several bool
	}{
		{"good search", "POST", "/rest/api/3/search/jql", `{"jql":"project = ENG"}`, 200, issues, "", false},
		{"closed body", "POST", "/rest/api/3/search/jql", `{"jql":"project = ENG","startAt":1}`, 200, issues, "startAt", false},
		{"total in reply", "POST", "/rest/api/3/search/jql", `{"jql":"project = ENG"}`, 200, `{"issues":[],"total":3}`, "total", false},
		{"wrong type in body", "POST", "/rest/api/3/search/jql", `{"jql":"a = b","maxResults":"5"}`, 200, issues, "maxResults", false},
		{"query key", "GET", "/rest/api/3/issue/ENG-1?feilds=summary", "", 200, `{"id":"1"}`, "feilds", false},
		{"query key array", "GET", "/rest/api/3/search/jql?jql=a%3Db&fields=summary&fields=status", "", 200, issues, "", false},
		{"removed operation", "GET", "/rest/api/3/search?jql=a%3Db", "", 410, `{}`, "deprecated", true},
		{"unknown path", "GET", "/rest/api/3/nonsense", "", 404, `{}`, "no matching operation", false},
		{"unknown method", "PUT", "/wiki/api/v2/pages", `{}`, 405, `{}`, "not allowed", false},
		{"legacy content", "GET", "/wiki/rest/api/content/7", "", 410, `{}`, "no matching operation", false},
		{"Jira date", "GET", "/rest/api/3/issue/ENG-1/comment/1", "", 200, `{"id":"1","created":"2026-01-02T15:04:05.000+0000"}`, "", false},
		{"good page update", "PUT", "/wiki/api/v2/pages/7", page, 200, `{"id":"7","status":"current"}`, "", false},
		{"version conflict", "PUT", "/wiki/api/v2/pages/7", page, 409, `{"errors":[{"status":409,"code":"CONFLICT","title":"x"}]}`, "", false},
		{"no version", "PUT", "/wiki/api/v2/pages/7", `{"id":"7","status":"current","title":"T","body":{"representation":"storage","value":""}}`, 200, `{"id":"7"}`, "version", false},
		{"page id not a number", "GET", "/wiki/api/v2/pages/abc", "", 404, `{}`, "id", false},
		{"numeric id in reply", "GET", "/wiki/api/v2/pages/7", "", 200, `{"id":7}`, "id", false},
		{"draft among children", "GET", "/wiki/api/v2/pages/7/direct-children", "", 200, `{"results":[{"id":"8","status":"draft"}]}`, "", false},
		{"empty field", "GET", "/rest/api/3/issue/ENG-1", "", 200, `{"id":"1","fields":{"assignee":null}}`, "", false},
		{"null id", "GET", "/rest/api/3/issue/ENG-1", "", 200, `{"id":null}`, "id", false},
		{"no content", "PUT", "/rest/api/3/issue/ENG-1", `{"fields":{}}`, 204, "", "", false},
		{"rate limit", "GET", "/wiki/api/v2/pages/7", "", 429, `{}`, "", false},
		{"undocumented status", "GET", "/wiki/api/v2/pages/7", "", 302, `{}`, "status is not supported", false},
		{"v1 search without query", "GET", "/wiki/rest/api/search", "", 400, `{}`, "cql", false},
		{"given link", "GET", "/wiki/rest/api/search?cql=type%3Dpage&next=true&cursor=x", "", 400, `{}`, "", false},
		{"given link elsewhere", "GET", "/wiki/api/v2/pages?next=true", "", 200, `{}`, "next", false},
		{"restore without message", "POST", "/wiki/rest/api/content/7/version", `{"operationKey":"restore","params":{"versionNumber":1}}`, 200, `{"number":2,"when":"2026-01-02T15:04:05.000Z","minorEdit":false}`, "message", false},
		{"tenant info", "GET", "/_edge/tenant_info", "", 200, `{"cloudId":"x"}`, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rec := &recorder{TB: t}
			h := Validator(rec, answer(test.status, test.reply))
			r := httptest.NewRequest(test.method, test.target, strings.NewReader(test.body))
			if test.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != test.status || w.Body.String() != test.reply {
				t.Errorf("got %d %s, want the reply of the server: %d %s", w.Code, w.Body, test.status, test.reply)
			}
			if test.want == "" {
				if len(rec.faults) != 0 {
					t.Errorf("got faults %q, want none", rec.faults)
				}
				return
			}
			if len(rec.faults) == 0 || !test.several && len(rec.faults) != 1 {
				t.Fatalf("got faults %q, want one", rec.faults)
			}
			for _, part := range []string{test.want, test.method, strings.Split(test.target, "?")[0]} {
				if !strings.Contains(rec.faults[0], part) {
					t.Errorf("fault %q does not say %q", rec.faults[0], part)
				}
			}
		})
	}
}

func TestValidatorPassesRequestUnchanged(t *testing.T) {
	const body = `{"jql":"project = ENG"}`
	var got string
	h := Validator(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = r.URL.RequestURI() + " " + string(b)
		answer(200, `{"issues":[]}`).ServeHTTP(w, r)
	}))
	r := httptest.NewRequest("POST", "/rest/api/3/search/jql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if want := "/rest/api/3/search/jql " + body; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestScopes(t *testing.T) {
	if got := Scopes(t, "PUT", "/wiki/api/v2/pages/1"); !slices.Contains(got, "write:page:confluence") {
		t.Errorf("got %q, want write:page:confluence among them", got)
	}
	if got := Scopes(t, "DELETE", "/rest/api/3/issue/10001"); !slices.Contains(got, "delete:issue:jira") {
		t.Errorf("got %q, want delete:issue:jira among them", got)
	}
}

// TestRepairsAreDocumented keeps every repair explained and aimed at a document that is read.
func TestRepairsAreDocumented(t *testing.T) {
	require(t)
	for _, r := range repairs {
		if r.file == "" || r.defect == "" || r.mend == nil {
			t.Errorf("repair %+v is not documented", r)
		}
		if !slices.ContainsFunc(sources[:], func(s source) bool { return s.file == r.file }) {
			t.Errorf("repair of %s: no such document", r.file)
		}
	}
}

// TestLook climbs from places that have no specifications near them.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	below := filepath.Join(dir, "repository", "internal")
	if err := os.MkdirAll(below, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	if err := look(); !errors.Is(err, errAbsent) {
		t.Errorf("without go.mod: got %v, want %v", err, errAbsent)
	}
	if err := os.WriteFile(filepath.Join(dir, "repository", "go.mod"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := look(); !errors.Is(err, errAbsent) {
		t.Errorf("without specifications: got %v, want %v", err, errAbsent)
	}
	want := filepath.Join(dir, "shared", "specs")
	if err := os.MkdirAll(want, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := look(); !errors.Is(err, errAbsent) {
		t.Errorf("without files: got %v, want %v", err, errAbsent)
	}
	for _, src := range sources {
		if err := os.WriteFile(filepath.Join(want, src.file), []byte("not a document"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := look(); err != nil || !Present() {
		t.Errorf("with files: got %v and %v", err, Present())
	}
	if _, err := load(filepath.Join(want, sources[0].file), "/"); err == nil || errors.Is(err, errAbsent) {
		t.Errorf("a document that is none: got %v, want an error about it", err)
	}
}
