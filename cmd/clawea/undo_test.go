// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/clawea/clawea/seal"
)

// callTool calls one tool with a token, and prints "done", or why not, and the
// receipt: tool TOKENFILE NAME ARGUMENTS.
func callTool(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: tool TOKENFILE NAME ARGUMENTS")
	}
	a, err := newAgent(context.Background(), ts.Getenv("CLAWEA_SERVER"), strings.TrimSpace(ts.ReadFile(args[0])), io.Discard)
	ts.Check(err)
	var said bytes.Buffer
	a.out = &said
	outcome, text, err := a.use(context.Background(), chatFunction{args[1], args[2]})
	ts.Check(errors.Join(err, a.session.Close()))
	fmt.Fprintf(ts.Stdout(), "%s %s\n%s", outcome, text, said.String())
}

// same fails unless two texts are equal: same A B.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || args[0] == "" {
		ts.Fatalf("usage: same A B")
	}
	if args[0] != args[1] {
		ts.Fatalf("%s is not %s", args[1], args[0])
	}
}

// meddle changes the title of a page behind the house's back, with the house's own
// account that writes: meddle DIR PAGE TITLE.
func meddle(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: meddle DIR PAGE TITLE")
	}
	dir := ts.MkAbs(args[0])
	site := regexp.MustCompile(`"site": "([^"]+)"`).FindStringSubmatch(ts.ReadFile(filepath.Join(dir, "clawea.hujson")))[1]
	send := func(method, path, account, secret string, body any) *http.Response {
		b, err := json.Marshal(body)
		ts.Check(err)
		req, err := http.NewRequest(method, site+path, bytes.NewReader(b))
		ts.Check(err)
		req.SetBasicAuth(account+"@demo.example", strings.TrimSpace(ts.ReadFile(filepath.Join(dir, "secrets", secret))))
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		ts.Check(err)
		if res.StatusCode != http.StatusOK {
			b, _ := io.ReadAll(res.Body)
			ts.Fatalf("%s %s: %s %s", method, path, res.Status, b)
		}
		return res
	}
	var page struct {
		Title   string                                   `json:"title"`
		Version struct{ Number int }                     `json:"version"`
		Body    struct{ Storage struct{ Value string } } `json:"body"`
	}
	path := "/wiki/api/v2/pages/" + args[1]
	res := send(http.MethodGet, path+"?body-format=storage", "reader", "atlassian-read", nil)
	defer res.Body.Close()
	ts.Check(json.NewDecoder(res.Body).Decode(&page))
	send(http.MethodPut, path, "writer", "atlassian-write", map[string]any{
		"id": args[1], "status": "current", "title": args[2], "body": map[string]string{"representation": "storage", "value": page.Body.Storage.Value},
		"version": map[string]any{"number": page.Version.Number + 1},
	}).Body.Close()
}

// A note is one line, and not a book; there is one whenever something is changed.
func TestCheckNote(t *testing.T) {
	for _, test := range []struct {
		note string
		dry  bool
		want string
	}{
		{"Undo, as Ada asked", false, ""},
		{"", true, ""},
		{"", false, "there is no note"},
		{"  ", false, "there is no note"},
		{"two\nlines", false, "of several lines"},
		{"bell\a", true, "of several lines"},
		{strings.Repeat("x", maxNote+1), false, "too long"},
	} {
		err := checkNote(test.note, test.dry)
		if test.want == "" {
			if err != nil {
				t.Errorf("%q: %v", test.note, err)
			}
			continue
		}
		if !errors.Is(err, errUsage) || !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%q: %v", test.note, err)
		}
	}
}

// What the demo prints can be copied into a shell.
func TestTyped(t *testing.T) {
	for arg, want := range map[string]string{
		"job": "job", "-key": "-key", "d/ada.key": "d/ada.key", "sha256:12ab": "sha256:12ab", "runbook-review-1.2": "runbook-review-1.2",
		"The drill was wrong": "'The drill was wrong'", "it's": `'it'\''s'`, "": "''", "$HOME": "'$HOME'", "a;b": "'a;b'", "*": "'*'", "~/x": "'~/x'", "é": "'é'",
	} {
		if got := typed(arg); got != want {
			t.Errorf("%s: %s, want %s", arg, got, want)
		}
	}
}

// What is known to stand in the way ends the command before it has changed anything:
// no policy is locked for nothing.
func TestHinderedBeginsNothing(t *testing.T) {
	const ready = `{"receipt":"job-1/1","seq":1,"call":"desk.post","state":"ready","tool":"desk.take"`
	for _, test := range []struct {
		name, paper string
		code        int
		says        string
	}{
		{"the job goes on", `"changes":[` + ready + `}]`, exitError, "error: job job-1 is not stopped"},
		{"no policy", `"stopped":true,"hindered":{"says":"there is none","hint":"name one"},"changes":[` + ready + `}]`, exitUsage, "error: there is none\nclawea: hint: name one\n"},
		{"no account", `"stopped":true,"changes":[` + ready + `,"hindered":{"says":"no account","hint":"configure one"}}]`, exitUsage, "error: job-1/1 cannot be undone so, and nothing is begun: no account\nclawea: hint: configure one\n"},
		{"no account for what comes later", `"stopped":true,"changes":[` + ready + `},{"receipt":"job-1/3","state":"later","hindered":{"says":"no account","hint":"configure one"}}]`, exitUsage, "error: job-1/3 cannot be undone so"},
		{"what comes later waits for what is blocked", `"stopped":true,"changes":[{"receipt":"job-1/3","state":"blocked"},{"receipt":"job-1/1","state":"later"}]`, exitFalse, "error: 2 of 2 changes of job-1 are not undone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				io.WriteString(w, `{"job":"job-1","undo_job":"undo-job-1","undo_policy":"`+seal.Sum([]byte("undo")).String()+`","lock":"it changed labels",`+test.paper+`}`)
			}))
			defer srv.Close()
			t.Setenv("OPERATOR", "operator-secret-0123456789abcdef")
			var out, errs bytes.Buffer
			e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(name string) string {
				return map[string]string{"CLAWEA_SERVER": srv.URL, "CLAWEA_OPERATOR": "env:OPERATOR"}[name]
			}}
			if got := report(e, run(t.Context(), e, []string{"job", "undo", "job-1", "-note", "Asked for by Ada"})); got != test.code || !strings.Contains(errs.String(), test.says) {
				t.Errorf("exit code %d, want %d\n%s%s", got, test.code, &out, &errs)
			}
			if strings.Contains(out.String(), "NOT NOW") {
				t.Errorf("said twice: %s", &out)
			}
			out.Reset()
			if err := run(t.Context(), e, []string{"job", "undo", "job-1", "-dry-run"}); err != nil || test.code != exitFalse && !strings.Contains(out.String(), "NOT NOW: ") {
				t.Errorf("a dry run: %v\n%s", err, &out)
			}
		})
	}
}
