// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// What happens in the house is posted where the configuration says.
func TestReceiptsArePosted(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "house.db"))
	var mu sync.Mutex
	var got strings.Builder
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if _, err := io.Copy(&got, r.Body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(srv.Close)
	w.write("hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
	w.more = `"export": {"webhooks": [{"name": "siem", "url": "` + srv.URL + `", "secret": "file:hook", "allow_private": true, "interval": "1s"}]},`
	h := w.start()
	defer h.shut()
	s := h.agent(h.issue(h.publish(), "job-1").Token)
	if status, body := tool(t, s, "confluence.page.get", `{"page_id":"`+w.page+`"}`); status != "done" {
		t.Fatalf("%s: %s", status, body)
	}
	lines := func() string {
		mu.Lock()
		defer mu.Unlock()
		return got.String()
	}
	for range 1500 {
		if strings.Contains(lines(), "closed done confluence.page.get") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if all := lines(); !strings.Contains(all, `"message":"allow confluence.page.get"`) || !strings.Contains(all, `"message":"closed done confluence.page.get"`) || strings.Contains(all, "Promote the replica") {
		t.Errorf("posted:\n%s\n%s", all, h.log.String())
	}
}
