// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package specs checks HTTP traffic against the specifications that Atlassian publishes for Jira and Confluence Cloud.
//
// It is a test helper. Put [Validator] between a client and a server: every request of the client and every response of
// the server that breaks the published specification fails the test. The specifications are not part of the repository;
// without them the test is skipped.
package specs

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// source is one published document, which is loaded when the first request for it comes: the Jira document alone takes a
// quarter of a second, and many seconds under the race detector on a busy machine.
type source struct {
	file   string
	server string // what the document's paths are relative to
	under  string // what the paths of its operations begin with
	router func() (routers.Router, error)
}

// sources are the published documents. Confluence v2 is read from the repaired copy, whose request bodies can be
// satisfied at all; see [repairs] for what is mended here.
var sources = [...]source{
	newSource("jira-platform-v3.json", "/", "/rest/"),
	newSource("confluence-v2.patched.json", "/wiki/api/v2", "/wiki/api/v2/"),
	newSource("confluence-v1.json", "/", "/wiki/rest/"),
}

func newSource(file, server, under string) source {
	return source{file, server, under, sync.OnceValues(func() (routers.Router, error) {
		dir, err := directory()
		if err != nil {
			return nil, err
		}
		return load(filepath.Join(dir, file), server)
	})}
}

// errAbsent says that the published documents are not on this machine.
var errAbsent = errors.New("published specifications not found")

// require skips the test when the documents are absent.
func require(t testing.TB) {
	t.Helper()
	if err := look(); err != nil {
		t.Skipf("%v; put them in ../shared/specs beside the repository to run this test", err)
	}
}

// look returns an error if one of the documents is absent.
func look() error {
	dir, err := directory()
	if err != nil {
		return err
	}
	for _, src := range sources {
		if !isThere(filepath.Join(dir, src.file)) {
			return fmt.Errorf("%w: no %s", errAbsent, src.file)
		}
	}
	return nil
}

// load reads one document and mends its known defects.
func load(file, server string) (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", filepath.Base(file), err)
	}
	// The published servers name hosts that a test server does not have.
	doc.Servers = openapi3.Servers{{URL: server}}
	for _, r := range repairs {
		if r.file == filepath.Base(file) {
			r.mend(doc)
		}
	}
	return gorillamux.NewRouter(doc)
}

// directory climbs from the working directory through every directory that holds go.mod, and returns the first
// ../shared/specs that is seen from one of them: modules nest, and only the outermost has the documents beside it.
func directory() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find working directory: %w", err)
	}
	for {
		specs := filepath.Join(dir, "..", "shared", "specs")
		if isThere(filepath.Join(dir, "go.mod")) && isThere(specs) {
			return specs, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("%w: no go.mod above the working directory has ../shared/specs", errAbsent)
		}
		dir = parent
	}
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Present tells whether the published specifications are on this machine. A test that has something to say without them
// asks this before it calls [Validator], which would skip it.
func Present() bool {
	return look() == nil
}

// route finds the operation that a request is for.
func route(r *http.Request) (*routers.Route, map[string]string, error) {
	for _, src := range sources {
		if !strings.HasPrefix(r.URL.Path, src.under) {
			continue
		}
		router, err := src.router()
		if err != nil {
			return nil, nil, err
		}
		return router.FindRoute(r)
	}
	return nil, nil, routers.ErrPathNotFound
}

// Scopes returns every granular OAuth scope that the published specification names for the operation a request with this
// method and path is for. Paths have values in the place of parameters: /rest/api/3/issue/10001. The test fails when no
// specification knows the operation.
func Scopes(t testing.TB, method, path string) []string {
	t.Helper()
	require(t)
	r, err := http.NewRequestWithContext(t.Context(), method, path, nil)
	if err != nil {
		t.Fatalf("scopes of %s %s: %v", method, path, err)
	}
	found, _, err := route(r)
	if err != nil {
		t.Fatalf("scopes of %s %s: %v", method, path, err)
	}
	return granular(found.Operation)
}

// granular reads the scopes of Atlassian's extension. The values are decoded JSON of a document from outside, so every
// step is checked and an unexpected shape yields nothing.
func granular(op *openapi3.Operation) []string {
	schemes, _ := op.Extensions["x-atlassian-oauth2-scopes"].([]any)
	var scopes []string
	for _, scheme := range schemes {
		entry, _ := scheme.(map[string]any)
		list, _ := entry["scopes"].([]any)
		for _, item := range list {
			if scope, ok := item.(string); ok {
				scopes = append(scopes, scope)
			}
		}
	}
	return scopes
}
