// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/jira.md from the table")

// published is as much of the published description as the table is held to.
type published struct {
	Paths map[string]map[string]json.RawMessage `json:"paths"`
}

type publishedOperation struct {
	Deprecated bool `json:"deprecated"`
	Parameters []struct {
		Name string `json:"name"`
		In   string `json:"in"`
	} `json:"parameters"`
	Scopes []struct {
		State  string   `json:"state"`
		Scopes []string `json:"scopes"`
	} `json:"x-atlassian-oauth2-scopes"`
}

// granular are the scopes that the description lists beside the classic ones; the
// only ones, where it lists one kind.
func (o *publishedOperation) granular() []string {
	if len(o.Scopes) == 0 {
		return nil
	}
	return slices.Sorted(slices.Values(o.Scopes[len(o.Scopes)-1].Scopes))
}

// absent skips a test that needs what lies beside the repository, except when CI=true
// is set, where that is a failure.
func absent(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip("skipped: " + why)
}

func TestTableIsAsPublished(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "specs", string(atlassian.Jira3)+".json")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		absent(t, "no published description of Jira in "+path+": the table is not held to it")
	}
	if err != nil {
		t.Fatal(err)
	}
	spec := decoded[published](t, b)
	for _, o := range Operations() {
		if len(o.Endpoints) == 0 {
			t.Errorf("%s: makes no request", o.Name)
		}
		for _, e := range o.Endpoints {
			raw := spec.Paths[e.API.Prefix()+e.Path][strings.ToLower(e.Method)]
			if raw == nil {
				t.Errorf("%s: %s %s is not published", o.Name, e.Method, e.Path)
				continue
			}
			is := decoded[publishedOperation](t, raw)
			if is.Deprecated {
				t.Errorf("%s: %s %s is deprecated", o.Name, e.Method, e.Path)
			}
			for _, q := range e.Query {
				if !slices.ContainsFunc(is.Parameters, func(p struct {
					Name string `json:"name"`
					In   string `json:"in"`
				}) bool {
					return p.In == "query" && p.Name == q
				}) {
					t.Errorf("%s: %s %s has no %q in its query", o.Name, e.Method, e.Path, q)
				}
			}
			if diff := cmp.Diff(is.granular(), slices.Sorted(slices.Values(e.Scopes))); diff != "" {
				t.Errorf("%s: %s %s: %s", o.Name, e.Method, e.Path, diff)
			}
		}
	}
}

// TestTable holds the table to itself.
func TestTable(t *testing.T) {
	var names []string
	for _, r := range table() {
		if slices.Contains(names, r.Name) {
			t.Errorf("%s is there twice", r.Name)
		}
		names = append(names, r.Name)
		reads := r.Class == policy.Read || r.Class == policy.Search
		if r.Offered != (r.plan != nil) || r.Offered != (r.Description != "") || r.Title == "" || r.Limits == "" {
			t.Errorf("%s: half of the row is missing", r.Name)
		}
		if r.Offered && (r.Fields == "" || r.Evidence == "" || reads == (r.Undo != "")) {
			t.Errorf("%s: the row does not say what it shows or writes, what its receipts say, or how it is undone", r.Name)
		}
		if !r.Offered && r.Class != policy.Admin {
			t.Errorf("%s: not offered, but of the class %s", r.Name, r.Class)
		}
		if _, err := r.Schema(), error(nil); err != nil || !json.Valid(r.Schema()) {
			t.Errorf("%s: the schema is no JSON: %s", r.Name, r.Schema())
		}
		for _, e := range r.Endpoints {
			if changes := e.Method != http.MethodGet && !e.Safe; r.Offered && (changes != (e.Use != atlassian.ForReading) || reads && changes) {
				t.Errorf("%s: %s %s is sent by the credential for %s", r.Name, e.Method, e.Path, e.Use)
			}
		}
	}
	for _, e := range atlassian.Endpoints(Operations(), atlassian.ForWriting) {
		if e.Method == http.MethodDelete || strings.Contains(e.Path, "/bulk/") {
			t.Errorf("the writing credential may send %s %s", e.Method, e.Path)
		}
	}
	for _, e := range atlassian.Endpoints(Operations(), atlassian.ForUndoing) {
		if e.Method == http.MethodDelete && e.Path == api+issuePath {
			t.Error("the undoing credential may delete issues")
		}
	}
}

// TestPublishedPolicy holds the table to the policy that is given as an example:
// what it denies stays denied, under whatever name.
func TestPublishedPolicy(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "wpc", "jira.json"))
	if errors.Is(err, fs.ErrNotExist) {
		absent(t, "no policies in ../shared/wpc beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{actionSearch, actionGet, actionCreate, actionComment}
	for _, o := range Operations() {
		can := p.CanEver(policy.Action{Tool: tool, Name: o.Name, Class: o.Class})
		if can != slices.Contains(allowed, o.Name) {
			t.Errorf("%s: it can be allowed: %v", o.Name, can)
		}
	}
	for _, name := range []string{"project.admin", "issue.delete", "issue.bulk_edit", "workflow.transition"} {
		if !slices.ContainsFunc(Operations(), func(o atlassian.Operation) bool { return o.Name == name && !o.Offered }) {
			t.Errorf("%s, which the policy denies, is not on the table or is offered", name)
		}
	}
}

// TestTransitionWritesStatus shows what a policy needs that permits all of issue.*:
// the status must be among the fields that may be written, too, so that who denies
// workflow.transition, by the older name, has not let transitions in by accident.
func TestTransitionWritesStatus(t *testing.T) {
	h := newHouse(t)
	const args = `{"issue_key":"ENG-1","based_on":%q,"message":"m","transition_id":"11"}`
	h.policy = h.publish(`{"wpc_version":"v1","tool":"jira","connection_mode":["official_api"],
		"allow":{"projects":["ENG"],"operations":["issue.*"],"fields_write_allowlist":["summary"]},
		"deny":{"operations":["workflow.transition"]}}`)
	if _, _, err := h.do(actionTransition, fmt.Sprintf(args, h.version("ENG-1")), nil); code(err) != "denied" {
		t.Errorf("got %v", err)
	}
}

// TestDocs writes docs/jira.md from the table, or holds it to that.
func TestDocs(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "jira.md")
	want := manual()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	is, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(is)); diff != "" {
		t.Errorf("docs/jira.md is not what the table says; write it with go test ./internal/jira -run TestDocs -update: %s", diff)
	}
}

// TestTurns lets writes to one issue wait for one another, and no others.
func TestTurns(t *testing.T) {
	var turns turns
	a, b := &place{ID: "1"}, &place{ID: "2"}
	leave, err := turns.take(t.Context(), []*place{a, b, a})
	if err != nil {
		t.Fatal(err)
	}
	other, err := turns.take(t.Context(), []*place{{ID: "3"}})
	if err != nil {
		t.Fatal(err)
	}
	other()
	got := make(chan error, 1)
	go func() {
		second, err := turns.take(t.Context(), []*place{b})
		if err == nil {
			second()
		}
		got <- err
	}()
	select {
	case <-got:
		t.Fatal("two writes to one issue at once")
	case <-time.After(10 * time.Millisecond):
	}
	leave()
	if err := <-got; err != nil || len(turns.held) != 0 {
		t.Errorf("got %v, %d are held", err, len(turns.held))
	}
}
