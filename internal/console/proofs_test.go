// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/blobs"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/seal"
)

// newProofs is a desk of published bundles in a directory.
func newProofs(t testing.TB, h *house) *pulse.Desk {
	t.Helper()
	dir, err := blobs.NewDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	shelf, err := blobs.New(dir, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	x := &proof.Exporter{DB: h.DB, Policies: h.Policies, Ledger: h.ledger, Signer: h.gateKey, Now: time.Now, Log: h.Log}
	return pulse.New(pulse.Config{Blobs: shelf, Store: h.DB, Log: h.Log, Now: time.Now, Export: func(ctx context.Context, job string, texts bool) ([]byte, error) {
		if texts {
			return x.Export(ctx, job, proof.Everything)
		}
		return x.Export(ctx, job, proof.Nothing)
	}})
}

// publishes publishes the proof of job-1, with a link, by people with hostile names.
func (h *house) publishes() {
	h.t.Helper()
	desk := h.Proofs.(*pulse.Desk)
	var err error
	if h.published, err = desk.PublishJob(h.t.Context(), "job-1", "olga "+hostile, pulse.Disclosure{All: true}, pulse.Keep{}); err != nil {
		h.t.Fatal(err)
	}
	if _, err := desk.Share(h.t.Context(), h.published, "olga "+hostile, "Eve <script>alert(1)</script>", time.Now().Add(time.Hour), pulse.Disclosure{}); err != nil {
		h.t.Fatal(err)
	}
}

// checks reports whether a page is one that checks a bundle: they are not the console's.
func checks(page string) bool {
	return strings.HasPrefix(page, "/pulse/sha256:") && !strings.HasSuffix(page, "/about")
}

// submit sends a form as a person with roles, with their session's token.
func (h *house) submit(roles, path string, fields ...string) *reply {
	h.t.Helper()
	v := url.Values{"csrf": {"csrf-of-kim"}}
	for i := 0; i < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+path, strings.NewReader(v.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if roles != "-" {
		req.Header.Set("X-Roles", roles)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return &reply{res.StatusCode, res.Header, string(b)}
}

// A job's proof is published from its page, shared, held, released and deleted, each
// by those whose role it is.
func TestProofs(t *testing.T) {
	h, _ := lived(t)
	desk := h.Proofs.(*pulse.Desk)
	if a := h.get(Operator, "/jobs/job-1"); !strings.Contains(a.body, "Publish proof") {
		t.Error("an operator is not offered to publish")
	}
	if a := h.get(Auditor, "/jobs/job-1"); strings.Contains(a.body, "Publish proof") {
		t.Error("an auditor is offered to publish")
	}
	a := h.submit(Operator, "/jobs/job-1/publish", "disclose", "none", "until", "2099-01-01")
	at := a.header.Get("Location")
	if a.status != 303 || !regexp.MustCompile(`^/pulse/sha256:[0-9a-f]{64}/about$`).MatchString(at) {
		t.Fatalf("published: %d %s %s", a.status, at, a.body)
	}
	base := strings.TrimSuffix(at, "/about")
	if a := h.get(Operator, at); !strings.Contains(a.body, "2099-01-01 00:00:00 UTC") || !strings.Contains(a.body, "kim@house.test") {
		t.Errorf("its page: %s", a.body)
	}
	fresh := h.submit(all, base+"/share", "note", "Eve of Audit Ltd", "until", "", "disclose", "none")
	checkHeaders(t, base+"/share", fresh)
	checkPage(t, base+"/share", fresh.body)
	m := regexp.MustCompile(`<code id="fresh">(/share/[A-Za-z0-9_-]{43})</code>`).FindStringSubmatch(fresh.body)
	if fresh.status != 200 || m == nil {
		t.Fatalf("shared: %d %s", fresh.status, fresh.body)
	}
	if a := h.get(all, at); strings.Contains(a.body, m[1]) || !strings.Contains(a.body, "Eve of Audit Ltd") {
		t.Error("the address is shown twice")
	}
	shown := func() int {
		w := httptest.NewRecorder()
		desk.Handler(pulse.Doors{}).ServeHTTP(w, httptest.NewRequest("GET", m[1]+"/bundle", nil))
		return w.Code
	}
	link := seal.Sum([]byte(strings.TrimPrefix(m[1], "/share/")))
	if shown() != 200 {
		t.Error("the link leads nowhere")
	}
	if a := h.submit(Auditor, base+"/links/"+link.String()+"/end"); a.status != 303 || shown() != 404 {
		t.Errorf("ended: %d", a.status)
	}
	for i, c := range []struct {
		role, deed string
		fields     []string
		want       int
	}{
		{Operator, "hold", []string{"note", "case 7"}, 403},
		{Auditor, "hold", nil, 422},
		{Auditor, "hold", []string{"note", "case 7"}, 303},
		{Auditor, "hold", []string{"note", "again"}, 409},
		{Auditor, "delete", []string{"sure", "yes"}, 403},
		{Operator, "delete", []string{"sure", "yes"}, 409},
		{Auditor, "release", []string{"note", "closed"}, 303},
		{Operator, "delete", nil, 422},
		{Operator, "delete", []string{"sure", "yes", "note", "by order"}, 303},
		{Operator, "delete", []string{"sure", "yes"}, 404},
	} {
		if a := h.submit(c.role, base+"/"+c.deed, c.fields...); a.status != c.want {
			t.Errorf("%d: %s by %s: %d, want %d", i, c.deed, c.role, a.status, c.want)
		}
	}
	if a := h.get(Auditor, at); a.status != 200 || !strings.Contains(a.body, "by order") || strings.Contains(a.body, "Make a link") {
		t.Errorf("deleted: %s", a.body)
	}
	if a := h.get(Auditor, "/pulse"); strings.Count(a.body, `<th scope="row">`) != 2 {
		t.Errorf("the list: %s", a.body)
	}
}

// Who may not read texts lets nobody read them.
func TestDisclosing(t *testing.T) {
	h, _ := lived(t)
	for _, path := range []string{"/jobs/job-1", "/pulse/" + h.published.String() + "/about"} {
		if a := h.get(Operator, path); strings.Contains(a.body, `name="disclose"`) || !strings.Contains(a.body, "It discloses no texts") {
			t.Errorf("%s offers an operator texts", path)
		}
	}
	for _, path := range []string{"/jobs/job-1/publish", "/pulse/" + h.published.String() + "/share"} {
		for _, fields := range [][]string{{"note", "x", "disclose", "all"}, {"note", "x", "disclose", "some", "receipts", "1"}} {
			if a := h.submit(Operator, path, fields...); a.status != 422 || !strings.Contains(a.body, "Texts are not for your role") {
				t.Errorf("%s, %q: %d", path, fields, a.status)
			}
		}
		for _, fields := range [][]string{{"note", "x", "disclose", "some"}, {"note", "x", "disclose", "some", "receipts", "99"}, {"note", "x", "disclose", "odd"}} {
			if a := h.submit(Admin, path, fields...); a.status != 422 {
				t.Errorf("%s, %q: %d", path, fields, a.status)
			}
		}
	}
	a := h.submit(Admin, "/jobs/job-1/publish", "disclose", "some", "receipts", "1")
	id, err := seal.ParseHash(strings.TrimSuffix(strings.TrimPrefix(a.header.Get("Location"), "/pulse/"), "/about"))
	if err != nil {
		t.Fatal(a.status, err)
	}
	file, err := h.Proofs.(*pulse.Desk).Read(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := bundle.Read(file); err != nil || len(b.Disclosures) != 1 {
		t.Errorf("%d texts, want those of receipt 1: %v", len(b.Disclosures), err)
	}
	yes := context.WithValue(t.Context(), personKey{}, &Person{Roles: []string{Auditor}})
	no := context.WithValue(t.Context(), personKey{}, &Person{Roles: []string{Operator, Author}})
	if !MayProofs(yes) || !MayTexts(yes) || !MayProofs(no) || MayTexts(no) || MayProofs(t.Context()) || MayTexts(t.Context()) {
		t.Error("texts are for others than auditors, or proofs are")
	}
}

// A form from elsewhere does nothing; one that cannot be read is refused.
func TestProofFormsRefused(t *testing.T) {
	h, _ := lived(t)
	base := "/pulse/" + h.published.String()
	for _, path := range []string{"/jobs/job-1/publish", base + "/share", base + "/hold", base + "/release", base + "/delete", base + "/links/" + h.published.String() + "/end"} {
		if a := h.submit(all, path, "csrf", "another"); a.status != 409 || !strings.Contains(a.body, "he request does not come") {
			t.Errorf("%s from elsewhere: %d", path, a.status)
		}
		if a := h.submit("-", path); a.status != 303 || !strings.HasPrefix(a.header.Get("Location"), "/login") {
			t.Errorf("%s by nobody: %d", path, a.status)
		}
		if a := h.submit(Approver, path); a.status != 403 {
			t.Errorf("%s by an approver: %d", path, a.status)
		}
		if a := h.submit(all, path, "note", strings.Repeat("x", maxFields)); a.status != 400 {
			t.Errorf("%s with much: %d", path, a.status)
		}
	}
	for path, want := range map[string]int{
		"/jobs/nobody/publish": 404, "/jobs/job-2/publish": 409, "/pulse/nonsense/hold": 404, "/pulse/" + seal.Sum(nil).String() + "/hold": 404,
		base + "/links/nonsense/end": 404, base + "/release": 409,
	} {
		if a := h.submit(all, path, "note", "x"); a.status != want {
			t.Errorf("%s: %d, want %d\n%s", path, a.status, want, a.body)
		}
	}
	if a := h.submit(all, "/jobs/job-1/publish", "until", "soon"); a.status != 400 {
		t.Errorf("until soon: %d", a.status)
	}
	if a := h.submit(all, base+"/share", "note", "x", "until", "2020-01-01"); a.status != 422 {
		t.Errorf("until then: %d", a.status)
	}
	if a := h.get(all, "/pulse?before=x"); a.status != 400 {
		t.Errorf("a page of nothing: %d", a.status)
	}
	h.Proofs = nil
	if a := h.get(all, "/pulse"); a.status != 200 || !strings.Contains(a.body, "publishes no bundles") {
		t.Errorf("without the section: %d", a.status)
	}
	if a := h.get(all, "/jobs/job-1"); strings.Contains(a.body, "Publish proof") {
		t.Error("a house that publishes nothing offers it")
	}
	if a, b := h.submit(all, "/jobs/job-1/publish"), h.get(all, base+"/about"); a.status != 404 || b.status != 404 {
		t.Errorf("without the section: %d, %d", a.status, b.status)
	}
}

// What reads published bundles by role comes through the console's door.
func TestProofed(t *testing.T) {
	h, _ := lived(t)
	inside := h.Proofed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !MayProofs(r.Context()) {
			t.Error("somebody is let through who may not")
		}
		io.WriteString(w, "inside")
	}))
	for roles, want := range map[string]int{"-": 303, "": 403, "?": 503, Author: 403, Approver: 403, Operator: 200, Auditor: 200, Admin: 200} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/pulse/x", nil)
		if roles != "-" {
			r.Header["X-Roles"] = []string{roles}
		}
		inside.ServeHTTP(w, r)
		if w.Code != want || strings.Contains(w.Body.String(), "inside") != (want == 200) {
			t.Errorf("%q: %d, want %d", roles, w.Code, want)
		}
		if roles == "-" && w.Header().Get("Location") != "/login?back=%2Fpulse%2Fx" {
			t.Errorf("nobody is led to %s", w.Header().Get("Location"))
		}
	}
}
