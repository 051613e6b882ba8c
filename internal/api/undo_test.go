// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/seal"
)

func TestUndo(t *testing.T) {
	var asked []string
	h := seal.Sum([]byte("undo"))
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.RequestURI)
		io.WriteString(w, `{"job":"a/b","undo_job":"undo-x","changes":[{"receipt":"x/1","seq":1,"state":"ready","tool":"wiki.restore","args":{"v":1}}]}`)
	})
	got, err := c.Undo(t.Context(), "a/b", 0, seal.Hash{})
	if err != nil || len(got.Changes) != 1 || string(got.Changes[0].Args) != `{"v":1}` || got.Changes[0].Tool != "wiki.restore" {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := c.Undo(t.Context(), "job-1", 7, h); err != nil {
		t.Fatal(err)
	}
	happened := true
	if _, err := c.Settle(t.Context(), "job-1", &api.Word{Seq: 7, Happened: &happened, Reason: "seen"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reconcile(t.Context(), "job-1", 90*time.Second); err != nil {
		t.Fatal(err)
	}
	want := []string{"GET /v1/jobs/a%2Fb/undo", "GET /v1/jobs/job-1/undo?policy=" + url.QueryEscape(h.String()) + "&seq=7", "POST /v1/jobs/job-1/settle", "GET /v1/jobs/job-1/reconcile?margin=1m30s"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}
