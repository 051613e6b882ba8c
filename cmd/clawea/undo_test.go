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
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
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

// A note is one line, and not a book.
func TestCheckNote(t *testing.T) {
	if got, err := checkNote("Undo, as Ada asked"); err != nil || got != "Undo, as Ada asked" {
		t.Errorf("%q, %v", got, err)
	}
	for _, s := range []string{"two\nlines", "bell\a", strings.Repeat("x", maxNote+1)} {
		if _, err := checkNote(s); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", s, err)
		}
	}
}
