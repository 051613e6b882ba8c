// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/examples"
)

// A listener is a program that is told of questions by webhook.
type listener struct {
	mu   sync.Mutex
	told []string // "EVENT APPROVAL GROUPS"
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var n struct {
		Type string
		Data struct {
			Approval string
			Asked    []string
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, fmt.Sprint(n.Type, " ", n.Data.Approval, " ", n.Data.Asked))
}

// heard waits until l was told something.
func (l *listener) heard(t *testing.T, what string) {
	t.Helper()
	for range 1500 {
		l.mu.Lock()
		ok := slices.Contains(l.told, what)
		l.mu.Unlock()
		if ok {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Fatalf("not told %q, but %q", what, l.told)
}

// Channels with groups hear of the questions that ask these groups, as the policy
// says; of one that asks nobody in particular all hear.
func TestNoticesByGroup(t *testing.T) {
	w := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "house.db"))
	channels, hooks := map[string]*listener{"wiki-owners": {}, "dba": {}}, []string{}
	w.write("hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
	for group, l := range channels {
		srv := httptest.NewServer(l)
		t.Cleanup(srv.Close)
		hooks = append(hooks, fmt.Sprintf(`{"name": %q, "groups": [%q], "url": %q, "secret": "file:hook", "allow_private": true}`, group, group, srv.URL))
	}
	w.more = `"notify": {"webhooks": [` + strings.Join(hooks, ", ") + `]},`
	h := w.start()
	defer h.shut()
	b, err := examples.Policies.ReadFile("policies/runbook-agent.json")
	if err != nil {
		t.Fatal(err)
	}
	update := `{"page_id":"` + w.page + `","based_on_version":1,"message":"Correct it","body_storage":"<p>Promote it with pg_promote.</p>"}`
	ask := func(job, approvers string) string {
		wpc := strings.Replace(string(b), `"purpose"`, `"approvers": `+approvers+`, "purpose"`, 1)
		p, err := h.client.Publish(t.Context(), h.signed(wpc))
		if err != nil {
			t.Fatal(err)
		}
		status, id := tool(t, h.agent(h.issue(p.Hash, job).Token), "confluence.page.update", update)
		if status != "waiting" {
			t.Fatalf("%s: %s", status, id)
		}
		return id
	}
	wiki, anyone := ask("job-1", `[{"groups": ["wiki-owners"]}]`), ask("job-2", `[{}]`)
	channels["wiki-owners"].heard(t, "approval.asked "+wiki+" [wiki-owners]")
	channels["wiki-owners"].heard(t, "approval.asked "+anyone+" []")
	channels["dba"].heard(t, "approval.asked "+anyone+" []")
	channels["dba"].mu.Lock()
	defer channels["dba"].mu.Unlock()
	for _, told := range channels["dba"].told {
		if strings.Contains(told, wiki) {
			t.Errorf("who is not asked is told %q", told)
		}
	}
}
