// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/verify"
)

// limitFiles bounds the size of files that this process writes, as a full disk
// would; zero lifts the bound. Go ignores the signal that comes with the error.
func limitFiles(t *testing.T, size uint64) {
	t.Helper()
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		t.Fatal(err)
	}
	if l.Cur = size; size == 0 || size > l.Max {
		l.Cur = l.Max
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		t.Fatal(err)
	}
}

// On a full disk nothing is carried, the agents are told so, and nothing is
// half written; with room again, the house goes on where it was.
func TestFullDisk(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	h := w.start()
	p := h.publish()
	issued := h.issue(p, "job-1")
	s := h.agent(issued.Token)
	get := `{"page_id":"` + w.page + `"}`
	if status, body := tool(t, s, "confluence.page.get", get); status != "done" {
		t.Fatalf("%s: %s", status, body)
	}
	h.verified("job-1", p) // the log has it all
	before := h.kinds("job-1")
	reads := len(w.site.Requests())

	wal, err := os.Stat(filepath.Join(w.dir, "clawea.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { limitFiles(t, 0) })
	limitFiles(t, uint64(wal.Size()))
	for range 2 {
		if status, body := h.ask(issued.Token); status != http.StatusServiceUnavailable || strings.Contains(body, "sqlite") {
			t.Errorf("the model: %d %s", status, body)
		}
		if status, _ := tool(t, s, "confluence.page.get", get); status != "unavailable" {
			t.Errorf("a tool: %s", status)
		}
	}
	if _, err := h.client.Revoke(t.Context(), issued.Claims.ID, "x"); err == nil {
		t.Error("a revocation that is not written is told as done")
	}
	limitFiles(t, 0)

	for _, r := range w.site.Requests()[reads:] {
		if r.Method != http.MethodGet {
			t.Errorf("the site was written to: %s %s", r.Method, r.Path)
		}
	}
	if got := h.kinds("job-1"); got != before {
		t.Errorf("the book holds %q, and held %q", got, before)
	}
	if !strings.Contains(h.log.String(), "level=ERROR") {
		t.Error("the operator's log does not say it")
	}
	if status, body := h.ask(issued.Token); status != http.StatusOK {
		t.Errorf("with room again: %d %s", status, body)
	}
	if diff := cmp.Diff(verify.Calls{Allowed: 2}, h.verified("job-1", p).Calls); diff != "" {
		t.Error(diff)
	}
}
