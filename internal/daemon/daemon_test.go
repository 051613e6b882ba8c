// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/internal/sim/model"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// onBoth runs f over each database.
func onBoth(t *testing.T, f func(t *testing.T, store string)) {
	t.Run("sqlite", func(t *testing.T) { f(t, "sqlite:clawea.db") })
	t.Run("postgres", func(t *testing.T) { f(t, pgtest.New(t)) })
}

// A small story over HTTP, and again after the house has been shut for a night.
func TestStory(t *testing.T) {
	onBoth(t, func(t *testing.T, store string) {
		w := newWorld(t, store)
		h := w.start()
		p := h.publish()
		issued := h.issue(p, "job-1")
		s := h.agent(issued.Token)
		if status, body := tool(t, s, "confluence.page.get", `{"page_id":"`+w.page+`"}`); status != "done" || !strings.Contains(body, "Promote the replica.") {
			t.Fatalf("%s: %s", status, body)
		}
		if status, _ := tool(t, s, "jira.issue.delete", `{"issue":"ENG-1"}`); status != "denied" {
			t.Errorf("deleting: %s", status)
		}
		if status, body := h.ask(issued.Token); status != http.StatusOK || !strings.Contains(body, "message_stop") {
			t.Errorf("the model: %d %s", status, body)
		}
		update := `{"page_id":"` + w.page + `","based_on_version":1,"message":"Correct it","body_storage":"<p>Promote it with pg_promote.</p>"}`
		status, question := tool(t, s, "confluence.page.update", update)
		if status != "waiting" {
			t.Fatalf("a write: %s %s", status, question)
		}
		h.shut()

		h = w.start()
		h.yes(question)
		s = h.agent(issued.Token)
		if status, body := tool(t, s, "confluence.page.update", update); status != "done" {
			t.Fatalf("after a yes: %s %s", status, body)
		}
		if page, _ := w.site.Page(w.page); len(page.Versions) != 2 || !strings.Contains(page.Body, "pg_promote") {
			t.Errorf("the page: %+v", page)
		}
		r := h.verified("job-1", p)
		if diff := cmp.Diff(verify.Calls{Allowed: 3, Denied: 1, Asked: 1}, r.Calls); diff != "" {
			t.Error(diff)
		}
		for name, secret := range secrets {
			if strings.Contains(h.log.String(), secret) {
				t.Errorf("the log holds the secret %s", name)
			}
		}
		if strings.Contains(h.log.String(), issued.Token) {
			t.Error("the log holds a CST")
		}
	})
}

// Two daemons on one database are one house: what is revoked at one is refused
// at the other at once, and the chain that both write stays whole.
func TestTwoDaemons(t *testing.T) {
	w := newWorld(t, pgtest.New(t))
	one, two := w.start(), w.start()
	p := one.publish()
	issued := one.issue(p, "job-1")
	doomed := two.issue(p, "job-1")
	var agents sync.WaitGroup
	for _, h := range []*house{one, two} {
		for range 2 {
			agents.Go(func() {
				for range 4 {
					res, err := h.message(t.Context(), issued.Token)
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
						t.Errorf("%d, %v", res.StatusCode, err)
					}
					res.Body.Close()
				}
			})
		}
	}
	agents.Wait()
	if status, _ := two.ask(doomed.Token); status != http.StatusOK {
		t.Fatalf("before it is revoked: %d", status)
	}
	if _, err := one.client.Revoke(t.Context(), doomed.Claims.ID, "lost"); err != nil {
		t.Fatal(err)
	}
	if status, body := two.ask(doomed.Token); status != http.StatusUnauthorized {
		t.Errorf("after it is revoked at the other: %d %s", status, body)
	}
	for _, h := range []*house{one, two} {
		r := h.verified("job-1", p)
		if diff := cmp.Diff(verify.Calls{Allowed: 17, Refused: 1}, r.Calls); diff != "" {
			t.Error(diff)
		}
		for _, f := range r.Findings {
			if f.Level != verify.Pass {
				t.Errorf("found %+v", f)
			}
		}
	}
}

// What cannot be in a database is refused as such by either, not as trouble.
func TestOddNames(t *testing.T) {
	onBoth(t, func(t *testing.T, store string) {
		h := newWorld(t, store).start()
		issued := h.issue(h.publish(), "job-1")
		for name, do := range map[string]func() error{
			"job":      func() error { _, err := h.client.Job(t.Context(), "a\x00b"); return err },
			"receipts": func() error { _, err := h.client.Receipts(t.Context(), "\xff"); return err },
			"token":    func() error { _, err := h.client.Record(t.Context(), "\x00"); return err },
			"question": func() error { _, err := h.client.Question(t.Context(), "';--\x00"); return err },
			"long":     func() error { _, err := h.client.Job(t.Context(), strings.Repeat("a", 5000)); return err },
			"reason":   func() error { _, err := h.client.Revoke(t.Context(), issued.Claims.ID, "a\x00b"); return err },
			"policy": func() error {
				_, err := h.client.Publish(t.Context(), h.signed(`{"policy_name":"a\u0000b","wpc_version":"v1"}`))
				return err
			},
		} {
			var p *api.Problem
			if err := do(); !errors.As(err, &p) || p.Status >= 500 {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// kinds says what a job's chain holds, read from the open database.
func (h *house) kinds(job string) string {
	h.t.Helper()
	list, err := h.db.Receipts(context.Background(), job)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		r, err := receipt.Parse(e.Payload)
		if err != nil {
			h.t.Fatal(err)
		}
		if r.Kind == receipt.Closed {
			out = append(out, fmt.Sprintf("closed %s %s", r.Outcome.Status, r.Outcome.Code))
		} else {
			out = append(out, "opened "+r.Decision.Effect.String())
		}
	}
	return strings.Join(out, ", ")
}

// A stop takes nothing new, and lets a stream run to its end.
func TestStopLetsFinish(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	w.script = func(model.Conversation) model.Reply { return model.Reply{Text: strings.Repeat(text+" ", 6)} }
	h := w.start()
	res, err := h.message(t.Context(), h.issue(h.publish(), "job-1").Token)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	first := make([]byte, 1)
	if _, err := io.ReadFull(res.Body, first); err != nil {
		t.Fatal(err)
	}
	h.stop()
	for h.log.String() == "" || !strings.Contains(h.log.String(), "stopping") {
		time.Sleep(time.Millisecond)
	}
	rest, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(rest), "message_stop") {
		t.Errorf("cut off: %v after %d bytes", err, len(rest))
	}
	if err := <-h.served; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(h.url + "/healthz"); err == nil {
		t.Error("it still answers")
	}
	if got := h.kinds("job-1"); got != "opened allow, closed done 200" {
		t.Errorf("the book holds %q", got)
	}
	h.served <- nil
	h.shut()
}

// What does not come to an end is cut off, and its receipt says so.
func TestStopCutsOff(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	w.script = func(model.Conversation) model.Reply { return model.Reply{Text: text, Fault: model.Stall, After: 3} }
	h := w.start()
	h.grace = 3 * time.Second // and as long again for the receipt
	res, err := h.message(t.Context(), h.issue(h.publish(), "job-1").Token)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	begun := time.Now()
	h.stop()
	if err := <-h.served; err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	if got := h.kinds("job-1"); !strings.HasPrefix(got, "opened allow, closed aborted") {
		t.Errorf("the book holds %q", got)
	}
	h.served <- nil
	h.shut()
}

// A listener that breaks ends the daemon with an error.
func TestListenerBreaks(t *testing.T) {
	h := newWorld(t, "sqlite:clawea.db").start()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := h.Serve(t.Context(), ln); err == nil || !strings.HasPrefix(err.Error(), "serve: ") {
		t.Errorf("got %v", err)
	}
}

// Models spell a tool's name with underscores: no two names may then be one.
func TestNames(t *testing.T) {
	h := newWorld(t, "sqlite:clawea.db").start()
	c, err := config.Load(filepath.Join(h.dir, "clawea.hujson"))
	if err != nil {
		t.Fatal(err)
	}
	systems, err := connect(c, h.Daemon.db, h.Daemon.log)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, a := range catalog(systems, h.others) {
		spelled := strings.ReplaceAll(a.String(), ".", "_")
		if seen[spelled] != "" {
			t.Errorf("%s and %s are both %s", a, seen[spelled], spelled)
		}
		seen[spelled] = a.String()
	}
	if len(seen) < 10 || len(systems.resolvers) != 2 {
		t.Errorf("the house can do %v", seen)
	}
}

// Without connections a house has models only, and policies that name pages are
// not published there.
func TestBareHouse(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	h := w.start()
	c, err := config.Load(filepath.Join(h.dir, "clawea.hujson"))
	if err != nil {
		t.Fatal(err)
	}
	c.Confluence, c.Jira = nil, nil
	systems, err := connect(c, h.Daemon.db, h.Daemon.log)
	if err != nil || len(systems.list) != 0 {
		t.Fatalf("%v, %v", systems, err)
	}
	for _, a := range catalog(systems, h.others) {
		if a.Tool != "model" {
			t.Errorf("it can do %s", a)
		}
	}
}

// An unpublished policy, an unreachable site: the client hears it, in two parts.
func TestSiteDown(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	w.siteURL = "http://127.0.0.1:1"
	h := w.start()
	_, err := h.client.Issue(t.Context(), &api.Order{Agent: "robot", Job: "job-1", Policy: seal.Sum(nil)})
	var p *api.Problem
	if !errors.As(err, &p) || p.Code != "not_found" {
		t.Errorf("got %v", err)
	}
	if list, err := h.client.Policies(t.Context()); err != nil || len(list.Policies) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// A secret that cannot be read is told of when the daemon starts, and not when somebody needs it first.
func TestSecretsThatAreNotThere(t *testing.T) {
	w := newWorld(t, "sqlite:house.db")
	if h := w.start(); strings.Contains(h.log.String(), "secrets cannot be read") {
		t.Errorf("they all can:\n%s", h.log.String())
	}
	h := w.startFrom(func(text string) string { return strings.Replace(text, "file:operator", "file:nowhere", 1) })
	if log := h.log.String(); !strings.Contains(log, "secrets cannot be read") || !strings.Contains(log, "/operators/0/token") {
		t.Errorf("nothing is said of the operator's token:\n%s", log)
	}
}
