// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/blobs"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/seal"
)

// newPulse is the desk of a house's published bundles.
func newPulse(t testing.TB, s *Server) *pulse.Desk {
	t.Helper()
	dir, err := blobs.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	shelf, err := blobs.New(dir, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return pulse.New(pulse.Config{
		Blobs: shelf, Store: s.DB, Log: s.Log, Now: time.Now,
		Export: func(ctx context.Context, job string, texts bool) ([]byte, error) {
			if texts {
				return s.Proofs.Export(ctx, job, proof.Everything)
			}
			return s.Proofs.Export(ctx, job, proof.Nothing)
		},
	})
}

// publishes is a house with a job of two receipts.
func publishes(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	_, issued := h.open()
	if _, err := h.call(issued.Token, read, `{"page":"confidential"}`); err != nil {
		t.Fatal(err)
	}
	return h
}

// shared is the bundle that a link shows.
func (h *house) shared(address string) *bundle.Bundle {
	h.t.Helper()
	w := httptest.NewRecorder()
	h.Pulse.Handler(pulse.Doors{}).ServeHTTP(w, httptest.NewRequest("GET", strings.TrimPrefix(address, h.Origin)+"/bundle", nil))
	if w.Code != http.StatusOK {
		return nil
	}
	b, err := bundle.Read(w.Body.Bytes())
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func TestPublications(t *testing.T) {
	h := publishes(t)
	p := into[api.Publication](t, h.post("/v1/publications", `{"job":"job-1","disclose":"all"}`))
	if p.Job != "job-1" || p.By != "olga" || p.Until != nil || p.Address != "https://house.test/pulse/"+p.ID.String() || len(p.Events) != 1 || p.Events[0].What != "published" {
		t.Errorf("published: %+v", p)
	}
	path := "/v1/publications/" + p.ID.String()
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	share := func(disclose string) *api.ShareLink {
		return into[api.ShareLink](t, h.post(path+"/share", fmt.Sprintf(`{"note":"Eve of Audit Ltd","until":%q,"disclose":%q}`, soon, disclose)))
	}
	for disclose, want := range map[string]int{"": 0, "1": 1, "all": 2} {
		if b := h.shared(share(disclose).Address); b == nil || len(b.Disclosures) != want {
			t.Errorf("%q discloses %+v, want %d", disclose, b, want)
		}
	}
	link := share("none")
	if log := h.log.String(); strings.Contains(log, strings.TrimPrefix(link.Address, "https://house.test/share/")) {
		t.Error("the log has a link's secret")
	}
	if a := h.get(path); strings.Contains(string(a.body), "/share/") {
		t.Errorf("the address is told twice: %s", a.body)
	}
	if a := h.post("/v1/publications/links/"+link.ID.String()+"/end", ""); a.status != 200 || h.shared(link.Address) != nil {
		t.Errorf("ended: %d %s", a.status, a.body)
	}
	h.wantProblem(h.post("/v1/publications/links/"+link.ID.String()+"/end", ""), 404, "not_found")
	now := into[api.Publication](t, h.post(path+"/hold", `{"note":"case 7"}`))
	if now.HeldBy != "olga" || now.Links != 3 || len(now.Shares) != 4 {
		t.Errorf("held: %+v", now)
	}
	h.wantProblem(h.post(path+"/hold", `{"note":"again"}`), 409, "conflict")
	h.wantProblem(h.post(path+"/delete", `{}`), 409, "held")
	into[api.Publication](t, h.post(path+"/release", `{"note":"closed"}`))
	gone := into[api.Publication](t, h.post(path+"/delete", `{"note":"by order"}`))
	var deeds []string
	for _, e := range gone.Events {
		deeds = append(deeds, e.What+" by "+e.By)
	}
	if got := strings.Join(deeds, ", "); gone.Deleted == nil || got != "published by olga, shared by olga, shared by olga, shared by olga, shared by olga, unshared by olga, held by olga, released by olga, deleted by olga" {
		t.Errorf("on record: %s", got)
	}
	h.wantProblem(h.post(path+"/share", `{"note":"x","until":"`+soon+`"}`), 404, "not_found")
}

func TestPublishFile(t *testing.T) {
	h := publishes(t)
	file, err := h.Proofs.Export(t.Context(), "job-1", proof.Everything)
	if err != nil {
		t.Fatal(err)
	}
	p := into[api.Publication](t, h.post("/v1/publications/file?until=2099-01-01T00:00:00Z", string(file)))
	if p.ID != seal.Sum(file) || p.Until == nil || p.Until.Year() != 2099 {
		t.Errorf("published: %+v", p)
	}
	into[api.Publication](t, h.post("/v1/publications", `{"job":"job-1"}`))
	first := into[api.Publications](t, h.get("/v1/publications?limit=1"))
	rest := into[api.Publications](t, h.get("/v1/publications?limit=1&before="+first.Next))
	if len(first.Publications) != 1 || len(rest.Publications) != 1 || rest.Next != "" || rest.Publications[0].ID != p.ID {
		t.Errorf("listed: %+v, %+v", first, rest)
	}
}

// What makes no sense is refused in two lines, and a house without the section says so.
func TestPublicationsRefused(t *testing.T) {
	h := publishes(t)
	id := seal.Sum([]byte("none")).String()
	for _, c := range []struct {
		path, body string
		status     int
		code       string
	}{
		{"/v1/publications", `{"job":"nobody"}`, 404, "not_found"},
		{"/v1/publications", `{"job":"job-1","disclose":"some"}`, 422, "not_published"},
		{"/v1/publications", `{"job":"job-1","disclose":"9"}`, 422, "not_published"},
		{"/v1/publications", `{"job":"job-1","until":"2020-01-01T00:00:00Z"}`, 422, "not_published"},
		{"/v1/publications", `{"job":"job-1","why":1}`, 400, "bad_json"},
		{"/v1/publications/file", `{}`, 422, "not_published"},
		{"/v1/publications/file?until=soon", `{}`, 400, "bad_argument"},
		{"/v1/publications/" + id + "/hold", `{"note":"x"}`, 404, "not_found"},
		{"/v1/publications/" + id + "/hold", `{}`, 422, "not_published"},
		{"/v1/publications/" + id + "/hold", `{"note":"a\u0007b"}`, 422, "not_published"},
		{"/v1/publications/" + id + "/share", `{"note":"x","until":"2020-01-01T00:00:00Z"}`, 422, "not_published"},
		{"/v1/publications/nonsense/hold", `{"note":"x"}`, 400, "bad_argument"},
		{"/v1/publications/links/nonsense/end", ``, 400, "bad_argument"},
	} {
		h.wantProblem(h.post(c.path, c.body), c.status, c.code)
	}
	for _, query := range []string{"limit=0", "limit=x", "limit=100000", "before=1", "before=x." + id, "before=-1." + id} {
		h.wantProblem(h.get("/v1/publications?"+query), 400, "bad_argument")
	}
	h.Pulse = nil
	for _, path := range []string{"/v1/publications", "/v1/publications/file", "/v1/publications/" + id + "/hold", "/v1/publications/" + id + "/share", "/v1/publications/links/" + id + "/end"} {
		h.wantProblem(h.post(path, `{}`), 404, "no_publications")
	}
	for _, path := range []string{"/v1/publications", "/v1/publications/" + id} {
		h.wantProblem(h.get(path), 404, "no_publications")
	}
}

// The client speaks to these routes.
func TestPublicationsClient(t *testing.T) {
	h := publishes(t)
	c := &api.Client{URL: h.url, Token: func() (string, error) { return secret, nil }}
	ctx := t.Context()
	file, err := h.Proofs.Export(ctx, "job-1", proof.Nothing)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.PublishFile(ctx, file, time.Time{}, true)
	if err != nil || p.ID != seal.Sum(file) {
		t.Fatalf("%+v %v", p, err)
	}
	if p, err := c.PublishJob(ctx, &api.PublicationOrder{Job: "job-1", Disclose: "1", Until: time.Now().Add(time.Hour)}); err != nil || p.Until == nil {
		t.Errorf("%+v %v", p, err)
	}
	if list, err := c.Publications(ctx, "", 1); err != nil || len(list.Publications) != 1 || list.Next == "" {
		t.Errorf("%+v %v", list, err)
	}
	l, err := c.Share(ctx, p.ID, &api.ShareOrder{Note: "Eve", Until: time.Now().Add(time.Hour)})
	if err != nil || h.shared(l.Address) == nil {
		t.Fatalf("%+v %v", l, err)
	}
	if err := c.Unshare(ctx, l.ID); err != nil || h.shared(l.Address) != nil {
		t.Error(err)
	}
	for _, do := range []func(context.Context, seal.Hash, string) (*api.Publication, error){c.HoldPublication, c.ReleasePublication, c.DeletePublication} {
		if _, err := do(ctx, p.ID, "case 7"); err != nil {
			t.Error(err)
		}
	}
	got, err := c.Publication(ctx, p.ID)
	if err != nil || got.Deleted == nil || len(got.Events) != 6 || len(got.Shares) != 1 || got.Shares[0].Ended == nil {
		b, _ := json.Marshal(got)
		t.Errorf("%s %v", b, err)
	}
}
