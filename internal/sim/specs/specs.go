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
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// source is one published document: the file it is in and the path prefix its operations are served under.
type source struct {
	file   string
	prefix string
}

// sources are the published documents. Confluence v2 is read from the repaired copy, whose request bodies can be
// satisfied at all; see [repairs] for what is mended here.
var sources = [...]source{
	{file: "jira-platform-v3.json", prefix: "/"},
	{file: "confluence-v2.patched.json", prefix: "/wiki/api/v2"},
	{file: "confluence-v1.json", prefix: "/"},
}

// book is the loaded documents, each with its router.
type book struct {
	routers []routers.Router
}

// library loads the documents once in a process: the Jira document alone takes a quarter of a second.
var library = sync.OnceValues(load)

// errAbsent says that the published documents are not on this machine.
var errAbsent = errors.New("published specifications not found")

// open returns the loaded documents, or skips the test when they are absent.
func open(t testing.TB) *book {
	t.Helper()
	b, err := library()
	if errors.Is(err, errAbsent) {
		t.Skipf("%v; put them in ../shared/specs beside the repository to run this test", err)
	}
	if err != nil {
		t.Fatalf("load specifications: %v", err)
	}
	return b
}

func load() (*book, error) {
	dir, err := directory()
	if err != nil {
		return nil, err
	}
	b := new(book)
	for _, src := range sources {
		router, err := src.load(dir)
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", src.file, err)
		}
		b.routers = append(b.routers, router)
	}
	return b, nil
}

func (src source) load(dir string) (routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(dir, src.file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %v", errAbsent, err)
	}
	if err != nil {
		return nil, err
	}
	// The published servers name hosts that a test server does not have.
	doc.Servers = openapi3.Servers{{URL: src.prefix}}
	for _, r := range repairs {
		if r.file == src.file {
			r.mend(doc)
		}
	}
	return gorillamux.NewRouter(doc)
}

// directory climbs from the working directory to the one that holds go.mod and returns ../shared/specs seen from there.
func directory() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find working directory: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("%w: no go.mod above the working directory", errAbsent)
		}
		dir = parent
	}
	specs := filepath.Join(dir, "..", "shared", "specs")
	if _, err := os.Stat(specs); err != nil {
		return "", fmt.Errorf("%w: %v", errAbsent, err)
	}
	return specs, nil
}

// route finds the operation that a request is for.
func (b *book) route(r *http.Request) (*routers.Route, map[string]string, error) {
	var err error
	for _, router := range b.routers {
		route, params, found := router.FindRoute(r)
		if found == nil {
			return route, params, nil
		}
		// A path that one document knows with other methods says more than "not found".
		if err == nil || !errors.Is(found, routers.ErrPathNotFound) {
			err = found
		}
	}
	return nil, nil, err
}

// Scopes returns every granular OAuth scope that the published specification names for the operation a request with this
// method and path is for. Paths have values in the place of parameters: /rest/api/3/issue/10001. The test fails when no
// specification knows the operation.
func Scopes(t testing.TB, method, path string) []string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, path, nil)
	if err != nil {
		t.Fatalf("scopes of %s %s: %v", method, path, err)
	}
	route, _, err := open(t).route(r)
	if err != nil {
		t.Fatalf("scopes of %s %s: %v", method, path, err)
	}
	return granular(route.Operation)
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
