// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/seal"
)

// aBundle writes the bundle of a vector to a file, and reads it.
func aBundle(t *testing.T) (string, *bundle.Bundle) {
	t.Helper()
	a, err := txtar.ParseFile("../../testdata/vectors/bundle-2.1-good.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		if b, err := bundle.Read(f.Data); err == nil {
			path := filepath.Join(t.TempDir(), "job.bundle")
			if err := os.WriteFile(path, f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
			return path, b
		}
	}
	t.Fatal("the vector has no bundle")
	return "", nil
}

func exporting(t *testing.T, ctx context.Context, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(name string) string {
		if name == "CLAWEA_OPERATOR" {
			return "env:EXPORT_TEST_TOKEN"
		}
		return ""
	}}
	err = run(ctx, e, append([]string{"export", "ocsf"}, args...))
	return out.String(), errs.String(), err
}

func TestExportBundle(t *testing.T) {
	path, b := aBundle(t)
	out, _, err := exporting(t, t.Context(), path)
	if err != nil || strings.Count(out, "\n") != len(b.Receipts) || !strings.Contains(out, `"correlation_uid":"`+b.Job+`"`) {
		t.Errorf("%v\n%s", err, out)
	}
	file := filepath.Join(t.TempDir(), "out.jsonl")
	for range 2 {
		if _, _, err := exporting(t, t.Context(), "-o", file, path); err != nil {
			t.Fatal(err)
		}
	}
	twice, err := os.ReadFile(file)
	if err != nil || string(twice) != out+out {
		t.Errorf("it is not appended: %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, _, err := exporting(t, t.Context(), "-follow", path); !errors.Is(err, errUsage) {
		t.Errorf("a bundle is followed: %v", err)
	}
}

// From a daemon, page by page, each receipt once; -follow ends when it is interrupted.
func TestExportDaemon(t *testing.T) {
	_, b := aBundle(t)
	t.Setenv("EXPORT_TEST_TOKEN", strings.Repeat("t", 32))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	following := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, first := api.Followed{Receipts: []api.FollowedReceipt{}}, 0
		if after := r.URL.Query().Get("after"); after != "" {
			var n json.Number = json.Number(after[strings.IndexByte(after, '/')+1:])
			at, err := n.Int64()
			if err != nil {
				t.Error(err)
			}
			first = int(at)
		}
		for i := first; i < min(first+2, len(b.Receipts)); i++ {
			page.Receipts = append(page.Receipts, api.FollowedReceipt{Agent: "robot", Receipt: &b.Receipts[i]})
		}
		if len(page.Receipts) == 0 && following {
			stop()
		}
		body, err := seal.Marshal(&page)
		if err != nil {
			t.Error(err)
		}
		w.Write(body)
	}))
	defer s.Close()
	out, errs, err := exporting(t, ctx, "-server", s.URL)
	if err != nil || strings.Count(out, "\n") != len(b.Receipts) || !strings.Contains(errs, "go on with -since "+b.Job+"/") {
		t.Fatalf("%v\n%s\n%s", err, out, errs)
	}
	following = true
	rest, _, err := exporting(t, ctx, "-server", s.URL, "-follow", "-since", b.Job+"/1")
	if err != nil || rest != out[strings.IndexByte(out, '\n')+1:] {
		t.Errorf("followed: %v\n%s", err, rest)
	}
}
