// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/atlassian"
	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

func (h *house) update(id string, version int, body string, between ...func()) *end {
	h.t.Helper()
	return h.do("page.update", args(`{"page_id":%q,"based_on_version":%d,"body_storage":%q,"message":"why"}`, id, version, body), between...)
}

func (h *house) create(parent, title string, between ...func()) *end {
	h.t.Helper()
	return h.do("page.create", args(`{"parent_id":%q,"title":%q,"body_storage":"<p>new</p>","message":"why"}`, parent, title), between...)
}

func TestUpdate(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	e := h.update(h.deploy, 1, "<p>better</p>")
	h.want(e, "done")
	page, _ := h.site.Page(h.deploy)
	last := page.Versions[len(page.Versions)-1]
	if page.Body != "<p>better</p>" || page.Title != "Deploy" || last.Number != 2 || last.Message != "why (clawea job-1/1)" || last.AuthorID != h.writer {
		t.Errorf("got %+v", page)
	}
	want := receipt.Outcome{
		Status: receipt.Done, Code: "200", Actor: h.writer,
		Target: &policy.Resource{Type: "page", ID: h.deploy, Version: "2"},
	}
	if diff := cmp.Diff(want, e.result.Outcome); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if e.call.Resources[0].Version != "1" || !slices.Equal(e.call.Fields, []string{"body", "message"}) || e.call.Credential != "write" {
		t.Errorf("call %+v", e.call)
	}
	e = h.do("page.update", args(`{"page_id":%q,"based_on_version":2,"title":"Deployment","body_storage":"","message":"why"}`, h.deploy))
	h.want(e, "done")
	if page, _ := h.site.Page(h.deploy); page.Title != "Deployment" || page.Body != "" || !slices.Equal(e.call.Fields, []string{"body", "title", "message"}) {
		t.Errorf("got %+v by %+v", page, e.call)
	}
}

func TestCreate(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	e := h.create(h.runbooks, "Restart")
	h.want(e, "done")
	var got writing
	if err := json.Unmarshal(e.result.Body, &got); err != nil {
		t.Fatal(err)
	}
	page, ok := h.site.Page(got.Page.ID)
	if !ok || page.ParentID != h.runbooks || page.Title != "Restart" || page.Body != "<p>new</p>" || page.Status != "current" || page.OwnerID != h.writer || page.Readers != nil {
		t.Errorf("got %+v", page)
	}
	if r := e.call.Resources[0]; r.ID != h.runbooks || r.Version != "1" {
		t.Errorf("resource %+v, want the parent", r)
	}
	if target := e.result.Outcome.Target; target.ID != page.ID || target.Version != "1" {
		t.Errorf("target %+v", target)
	}
}

func TestWritesAreBounded(t *testing.T) {
	tests := []struct {
		name string
		do   func(h *house) *end
		want string
	}{
		{"update elsewhere", func(h *house) *end { return h.update(h.hr, 1, "") }, "denied"},
		{"update beside", func(h *house) *end { return h.update(h.runbooks2, 1, "") }, "denied"},
		{"update in another space", func(h *house) *end { return h.update(h.secret, 1, "") }, "denied"},
		{"create below a foreign parent", func(h *house) *end { return h.create(h.hr, "X") }, "denied"},
		{"create in another space", func(h *house) *end { return h.create(h.secret, "X") }, "denied"},
		{"create below nothing", func(h *house) *end { return h.create("424242", "X") }, "not_found"},
		{"old version", func(h *house) *end { h.site.EditPage(h.deploy, "", "<p>2</p>"); return h.update(h.deploy, 1, "") }, "conflict"},
		{"version to come", func(h *house) *end { return h.update(h.deploy, 2, "") }, "conflict"},
		{"trashed", func(h *house) *end { h.site.TrashPage(h.deploy); return h.update(h.deploy, 1, "") }, "not_found"},
		{"archived", func(h *house) *end {
			id := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: "Old", Status: "archived"})
			return h.update(id, 1, "")
		}, "not_current"},
		{"restricted", func(h *house) *end {
			h.site.RestrictRead(h.runbooks, h.reader, h.writer)
			return h.update(h.deploy, 1, "")
		}, "restricted"},
		{"create below restricted", func(h *house) *end {
			h.site.RestrictRead(h.runbooks, h.reader, h.writer)
			return h.create(h.deploy, "X")
		}, "restricted"},
		{"rename the policy's root", func(h *house) *end {
			return h.do("page.update", args(`{"page_id":%q,"based_on_version":1,"title":"Mine","body_storage":"","message":"why"}`, h.runbooks))
		}, "bad_argument"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t, prefixPolicy, nil)
			mark := len(h.site.Requests())
			h.want(test.do(h), test.want)
			h.quiet(mark)
		})
	}
}

func TestRefusedByTheSite(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	e := h.create(h.runbooks, "Salaries") // taken, elsewhere in the space
	h.want(e, "bad_argument")
	if e.result.Outcome.Status != receipt.Failed || e.result.Outcome.Actor != h.writer {
		t.Errorf("outcome %+v", e.result.Outcome)
	}
	h.site.RestrictEdit(h.deploy, h.reader)
	e = h.update(h.deploy, 1, "")
	h.want(e, "forbidden")
	if e.result.Outcome.Status != receipt.Failed {
		t.Errorf("outcome %+v", e.result.Outcome)
	}
}

// TestChangedBetweenPlanAndAct has people change the page after the decision, before the first look of the act.
func TestChangedBetweenPlanAndAct(t *testing.T) {
	changes := map[string]func(h *house){
		"edited":     func(h *house) { h.site.EditPage(h.deploy, "", "<p>theirs</p>") },
		"renamed":    func(h *house) { h.site.RenamePage(h.deploy, "Deploy!") },
		"moved":      func(h *house) { h.site.MovePage(h.deploy, h.hr) },
		"root moved": func(h *house) { h.site.MovePage(h.runbooks, h.hr) },
	}
	for name, change := range changes {
		for _, action := range []string{"update", "create"} {
			h := newHouse(t, prefixPolicy, nil)
			mark := len(h.site.Requests())
			var e *end
			if action == "update" {
				e = h.update(h.deploy, 1, "<p>ours</p>", func() { change(h) })
			} else {
				e = h.create(h.deploy, "New", func() { change(h) })
			}
			if e.String() != "conflict" || e.result.Outcome.Status != receipt.Failed || e.result.Outcome.Code != "conflict" {
				t.Errorf("%s, %s: got %s with %+v", action, name, e, e.result.Outcome)
			}
			h.quiet(mark)
		}
	}
}

// TestChangedAtTheSameMoment has people come in between the last look and the write itself.
func TestChangedAtTheSameMoment(t *testing.T) {
	tests := []struct {
		name    string
		change  func(h *house)
		code    string
		status  receipt.Status
		outcome string
	}{
		{"edited", func(h *house) { h.site.EditPage(h.deploy, "", "<p>theirs</p>") }, "conflict", receipt.Failed, "conflict"},
		{"moved", func(h *house) { h.site.MovePage(h.deploy, h.hr) }, "unconfirmed", receipt.Done, "unconfirmed"},
		{"root moved", func(h *house) { h.site.MovePage(h.runbooks, h.hr) }, "unconfirmed", receipt.Done, "unconfirmed"},
	}
	for _, test := range tests {
		h := newHouse(t, prefixPolicy, nil)
		h.site.OnWrite(nil, func(sim.Request) { test.change(h) })
		e := h.update(h.deploy, 1, "<p>ours</p>")
		if e.code != test.code || e.result.Outcome.Status != test.status || e.result.Outcome.Code != test.outcome {
			t.Errorf("%s: got %s (%s) with %+v", test.name, e, e.why, e.result.Outcome)
		}
		if test.status == receipt.Done && (e.result.Outcome.Target == nil || e.result.Outcome.Target.Version != "2" || e.result.Body != nil) {
			t.Errorf("%s: target %+v", test.name, e.result.Outcome.Target)
		}
		page, _ := h.site.Page(h.deploy)
		if test.name == "edited" && page.Body != "<p>theirs</p>" {
			t.Errorf("the other editor's text is lost: %s", page.Body)
		}
	}
}

// TestRequestsOnTheWire pins what a write may ever send.
func TestRequestsOnTheWire(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	var bodies []string
	h.c.write = h.through(func(r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(strings.NewReader(string(b)))
		bodies = append(bodies, r.Method+" "+r.URL.RequestURI()+" "+string(b))
	})
	h.want(h.update(h.deploy, 1, "<p>x</p>"), "done")
	e := h.create(h.deploy, "New")
	h.want(e, "done")
	made := e.result.Outcome.Target.ID
	space, _ := h.site.Page(h.deploy)
	want := []string{
		`PUT /wiki/api/v2/pages/` + h.deploy + ` {"body":{"representation":"storage","value":"<p>x</p>"},"id":"` + h.deploy + `","status":"current","title":"Deploy","version":{"message":"why (clawea job-1/1)","number":2}}`,
		`POST /wiki/api/v2/pages {"body":{"representation":"storage","value":"<p>new</p>"},"parentId":"` + h.deploy + `","spaceId":"` + space.SpaceID + `","status":"current","title":"New"}`,
		`POST /wiki/api/v2/pages/` + made + `/properties {"key":"clawea","value":{"receipt":"job-1/2"}}`,
	}
	if diff := cmp.Diff(want, bodies); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// through is the write credential's client with a look at every request on its way.
func (h *house) through(look func(*http.Request)) *atlassian.Client {
	h.t.Helper()
	return h.over(roundTrip(func(r *http.Request) (*http.Response, error) {
		look(r)
		return http.DefaultTransport.RoundTrip(r)
	}))
}

func (h *house) over(rt http.RoundTripper) *atlassian.Client {
	h.t.Helper()
	return connectOver(h.t, h.c.write.BaseURL(), "writer", "w-token", rt)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWriteWithoutAnAnswer(t *testing.T) {
	reply := func(status int, media, body string) roundTrip {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {media}}, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
	}
	tests := []struct {
		name   string
		rt     roundTrip
		code   string
		status receipt.Status
	}{
		{"cut off", func(*http.Request) (*http.Response, error) { return nil, errors.New("reset") }, "uncertain", receipt.Unknown},
		{"bad gateway", reply(502, "text/html", "<html>"), "uncertain", receipt.Unknown},
		{"nonsense", reply(200, "application/json", `{"id":"x"}`), "uncertain", receipt.Unknown},
		{"not JSON", reply(200, "text/html", `<html>`), "uncertain", receipt.Unknown},
		{"redirect", reply(307, "text/html", ``), "uncertain", receipt.Unknown},
		{"refused", reply(403, "application/json", `{}`), "forbidden", receipt.Failed},
		{"quota", func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 429, Header: http.Header{"Ratelimit-Reason": {"jira-quota-tenant-based"}}, Body: http.NoBody}, nil
		}, "rate_limited", receipt.Failed},
	}
	for _, test := range tests {
		h := newHouse(t, prefixPolicy, nil)
		sent := 0
		h.c.write = h.over(roundTrip(func(r *http.Request) (*http.Response, error) { sent++; return test.rt(r) }))
		e := h.update(h.deploy, 1, "<p>x</p>")
		if e.code != test.code || e.result.Outcome.Status != test.status || sent != 1 {
			t.Errorf("%s: got %s (%s) with %+v after %d requests", test.name, e, e.why, e.result.Outcome, sent)
		}
	}
}

func TestHangUpDuringWrite(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h.site.OnWrite(nil, func(sim.Request) { cancel() })
	plan, err := h.c.Plan(ctx, "page.update", []byte(args(`{"page_id":%q,"based_on_version":1,"body_storage":"<p>x</p>","message":"why"}`, h.deploy)), h.policy.Bounds("confluence"))
	if err != nil {
		t.Fatal(err)
	}
	opened := &receipt.Receipt{Job: "job-1", Seq: 1, At: time.Now(), Call: plan.Call}
	res, err := plan.Act(ctx, opened)
	if err != nil || res.Outcome.Status != receipt.Done || res.Outcome.Code != "200" {
		t.Errorf("got %+v, %v; want the write seen through", res, err)
	}
	res, err = plan.Act(ctx, opened)
	if !errors.Is(err, context.Canceled) || res.Outcome.Status != receipt.Failed {
		t.Errorf("hung up before: got %+v, %v", res, err)
	}
}

func TestWriteDisabled(t *testing.T) {
	h := newHouse(t, prefixPolicy, func(c *Config) { c.Write = nil })
	mark := len(h.site.Requests())
	h.want(h.update(h.deploy, 1, ""), "write_disabled")
	h.want(h.create(h.deploy, "X"), "write_disabled")
	if len(h.site.Requests()) != mark {
		t.Error("the site was asked")
	}
}

func TestArgumentsOfWrites(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	mark := len(h.site.Requests())
	tests := []struct{ action, args, says string }{
		{"page.create", `{"title":"x","body_storage":""}`, "parent_id"},
		{"page.create", `{"parent_id":"7","body_storage":""}`, "title"},
		{"page.create", `{"parent_id":"7","title":" x","body_storage":""}`, "title"},
		{"page.create", `{"parent_id":"7","title":"x\u202ey","body_storage":""}`, "title"},
		{"page.create", `{"parent_id":"7","title":"` + strings.Repeat("x", 256) + `","body_storage":""}`, "title"},
		{"page.create", `{"parent_id":"7","title":"x","body_storage":"<script>"}`, "<script>"},
		{"page.create", `{"parent_id":"7","title":"x","body_storage":"","spaceId":"8"}`, `"spaceId"`},
		{"page.create", `{"parent_id":"7","title":"x","body_storage":"","status":"draft"}`, `"status"`},
		{"page.create", `{"parent_id":"7","title":"x","body_storage":"","message":"a\nb"}`, "message"},
		{"page.update", `{"page_id":"7","based_on_version":1}`, "body_storage"},
		{"page.update", `{"page_id":"7","body_storage":""}`, "based_on_version"},
		{"page.update", `{"page_id":"7","based_on_version":-1,"body_storage":""}`, "based_on_version"},
		{"page.update", `{"page_id":"7","based_on_version":2147483647,"body_storage":""}`, "based_on_version"},
		{"page.update", `{"page_id":"7","based_on_version":1.5,"body_storage":""}`, "based_on_version"},
		{"page.update", `{"page_id":"7","based_on_version":1,"body_storage":""}`, "message"},
		{"page.update", `{"page_id":"7","based_on_version":1,"body_storage":"","parentId":"8"}`, `"parentId"`},
		{"page.update", `{"page_id":"7","based_on_version":1,"body_storage":"","ownerId":"8"}`, `"ownerId"`},
		{"page.update", `{"page_id":"7","based_on_version":1,"body_storage":"","title":""}`, "title"},
		{"page.update", `{"page_id":"7","based_on_version":1,"body_storage":"","message":"` + strings.Repeat("x", 501) + `"}`, "message"},
	}
	for _, test := range tests {
		e := h.do(test.action, test.args)
		if e.code != "bad_argument" || !strings.Contains(e.why, test.says) {
			t.Errorf("%s: got %s (%s), want bad_argument that says %s", test.args, e, e.why, test.says)
		}
	}
	if len(h.site.Requests()) != mark {
		t.Error("the site was asked")
	}
}
