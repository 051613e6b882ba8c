// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/seal"
)

// fetch gets a page as nobody.
func (h *house) fetch(path string) (int, http.Header, []byte) {
	h.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(h.url + path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, res.Header, b
}

// worked is a house with a job of a call.
func (w *world) worked() (*house, seal.Hash) {
	h := w.start()
	p := h.publish()
	s := h.agent(h.issue(p, "job-1").Token)
	if status, _ := tool(w.t, s, "confluence.page.get", `{"page_id":"`+w.page+`"}`); status != "done" {
		w.t.Fatalf("the call: %s", status)
	}
	return h, p
}

// Without being told, a house on SQLite publishes into a directory beside its database:
// for those who are logged in, and for strangers with a link.
func TestPulse(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	h, _ := w.worked()
	p, err := h.client.PublishJob(t.Context(), &api.PublicationOrder{Job: "job-1", Disclose: "all"})
	if err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(w.dir, "pulse", "*", "*")); err != nil || len(files) != 1 {
		t.Errorf("kept in %q, %v", files, err)
	}
	for _, path := range []string{"/pulse/" + p.ID.String(), "/pulse/" + p.ID.String() + "/bundle", "/pulse/" + p.ID.String() + "/about", "/pulse"} {
		if status, header, _ := h.fetch(path); status != 303 || !strings.HasPrefix(header.Get("Location"), "/login?back=%2Fpulse") {
			t.Errorf("%s: %d %s", path, status, header.Get("Location"))
		}
	}
	l, err := h.client.Share(t.Context(), p.ID, &api.ShareOrder{Note: "Eve", Until: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(l.Address, h.login.Origin())
	status, header, b := h.fetch(path + "/bundle")
	if shared, err := bundle.Read(b); status != 200 || err != nil || shared.Job != "job-1" || len(shared.Disclosures) != 0 {
		t.Errorf("shared: %d %v", status, err)
	}
	if header.Get("Referrer-Policy") != "no-referrer" || header.Get("Cache-Control") != "no-store" || header.Get("X-Robots-Tag") == "" {
		t.Errorf("shared: %v", header)
	}
	if err := h.client.Unshare(t.Context(), l.ID); err != nil {
		t.Error(err)
	}
	for _, path := range []string{path, "/share/nonsense"} { // alike, as pages of the house
		if status, header, b := h.fetch(path); status != 404 || !strings.Contains(string(b), "There is no such bundle here") || !strings.Contains(string(b), "<h1>") || header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d %s", path, status, b)
		}
	}
	if status, _, _ := h.fetch("/assets/pulse/nothing.js"); status != 404 {
		t.Errorf("no asset: %d", status)
	}
	if secret := strings.TrimPrefix(path, "/share/"); strings.Contains(h.log.String(), secret) {
		t.Error("the log holds a link's secret")
	}
}

// Bundles whose time was over while the house was shut are deleted when it opens, but
// for those that are held.
func TestPulseSweeps(t *testing.T) {
	w := newWorld(t, "sqlite:clawea.db")
	h, _ := w.worked()
	var one, two *api.Publication
	for life := 1500 * time.Millisecond; ; life *= 2 { // so long that this machine is done within it
		soon := time.Now().Add(life)
		publish := func(o *api.PublicationOrder) (*api.Publication, error) {
			o.Job, o.Until = "job-1", soon
			return h.client.PublishJob(t.Context(), o)
		}
		var err1, err2, err3 error
		one, err1 = publish(&api.PublicationOrder{})
		two, err2 = publish(&api.PublicationOrder{Disclose: "all"})
		if two != nil {
			_, err3 = h.client.HoldPublication(t.Context(), two.ID, "case 7")
		}
		h.shut()
		if left := time.Until(soon); left > 0 {
			if err := errors.Join(err1, err2, err3); err != nil {
				t.Fatal(err)
			}
			time.Sleep(left + 10*time.Millisecond)
			break
		}
		h = w.start()
	}
	h = w.start()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		p, err := h.client.Publication(t.Context(), one.ID)
		if err == nil && p.Deleted != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not deleted: %+v %v", p, err)
		}
	}
	if p, err := h.client.Publication(t.Context(), two.ID); err != nil || p.Deleted != nil {
		t.Errorf("what is held: %+v %v", p, err)
	}
}

// On PostgreSQL nothing is published until it is said where; S3 is reached when
// something is, and its trouble is the daemon's to know.
func TestPulseElsewhere(t *testing.T) {
	w := newWorld(t, pgtest.New(t))
	h, _ := w.worked()
	_, err := h.client.PublishJob(t.Context(), &api.PublicationOrder{Job: "job-1"})
	if p := (*api.Problem)(nil); !errors.As(err, &p) || p.Code != "no_publications" || !strings.Contains(p.Hint, "pulse") {
		t.Errorf("without the section: %v", err)
	}
	if status, _, _ := h.fetch("/share/" + strings.Repeat("A", 43)); status != 401 && status != 404 && status != 303 {
		t.Errorf("without the section: %d", status)
	}
	h.shut()

	var asked atomic.Int64
	s3 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIA-of-the-house/") || !strings.HasPrefix(r.URL.Path, "/proofs/house/") {
			t.Errorf("asked for %s by %s", r.URL.Path, r.Header.Get("Authorization"))
		}
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>a stranger's text</Message></Error>")
	}))
	defer s3.Close()
	w.write("access", "AKIA-of-the-house\n")
	w.write("secret", "s3-secret-0123456789\n")
	w.more = `"pulse": {"keep_days": 7, "s3": {"endpoint": "` + s3.URL + `", "bucket": "proofs", "prefix": "house/", "access_key": "file:access", "secret_key": "file:secret"}},`
	h = w.start()
	if asked.Load() != 0 {
		t.Error("opening the house asks the storage")
	}
	_, err = h.client.PublishJob(t.Context(), &api.PublicationOrder{Job: "job-1"})
	if p := (*api.Problem)(nil); !errors.As(err, &p) || p.Code != "internal" || strings.Contains(err.Error(), "Denied") {
		t.Errorf("refused: %v", err)
	}
	if log := h.log.String(); !strings.Contains(log, "AccessDenied") || strings.Contains(log, "stranger") || strings.Contains(log, "s3-secret") {
		t.Error("the log does not say what is wrong, or says too much")
	}
	if _, err := os.Stat(filepath.Join(w.dir, "pulse")); err == nil {
		t.Error("there is a directory")
	}
}
