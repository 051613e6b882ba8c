// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/change"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A drawer is a system with one sheet in it.
type drawer struct{}

func (drawer) Find(_ context.Context, _ *receipt.Receipt, c *receipt.Change) (*policy.Resource, error) {
	return c.Target, nil
}

func (drawer) Revert(_ context.Context, _ *receipt.Receipt, c *receipt.Change, after *policy.Resource) (*change.Step, error) {
	return &change.Step{Action: c.Undo.Action, Args: []byte(`{"sheet":"` + after.ID + `"}`), Says: "Take sheet " + after.ID + " out again"}, nil
}

func (drawer) History(_ context.Context, w change.Window) ([]change.Event, error) {
	return []change.Event{
		{Resource: policy.Resource{Type: "sheet", ID: "7", Version: "2"}, What: "read", At: w.From.Add(w.To.Sub(w.From) / 2), By: w.Accounts[0], Mark: "job-1/1"},
		{Resource: policy.Resource{Type: "sheet", ID: "8"}, What: "post", At: w.To, By: w.Accounts[0]},
	}, nil
}

// changing carries a call that changes sheet 7, and asks a person first if it
// goes out.
func (h *house) changing(raw string, a policy.Action) error { return h.change(raw, a, receipt.Done) }

// acts carries a call that changes sheet 7 and ends so.
func (h *house) acts(raw string, st receipt.Status) {
	h.t.Helper()
	if err := h.change(raw, read, st); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) change(raw string, a policy.Action, st receipt.Status) error {
	_, _, err := h.gate.Do(h.t.Context(), &token.Presentation{Raw: raw}, &gate.Request{Action: a, Text: []byte("{}"), Plan: func(context.Context, []policy.Bound) (*gate.Plan, error) {
		before := policy.Resource{Type: "sheet", ID: "7", Version: "1"}
		c := &policy.Call{Tool: a.Tool, Action: a.Name, Class: a.Class, Resources: []policy.Resource{before}}
		if a == post {
			c.Categories = []string{"external_send"}
		}
		return &gate.Plan{Call: c, Change: &receipt.Change{
			Summary: "Write sheet 7", Target: &before, Request: receipt.Request{Method: "PUT", Path: "/7"}, Undo: receipt.Undo{Action: "take"},
		}, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
			return &gate.Result{Outcome: receipt.Outcome{Status: st, Actor: "clerk", Target: &policy.Resource{Type: "sheet", ID: "7", Version: "2"}}}, nil
		}}, nil
	}})
	return err
}

func TestUndo(t *testing.T) {
	h := newHouse(t)
	_, issued := h.open()
	h.UndoPolicy = seal.Sum([]byte("undo"))
	if err := h.changing(issued.Token, read); err != nil {
		t.Fatal(err)
	}
	got := into[api.Undo](t, h.get("/v1/jobs/job-1/undo"))
	if len(got.Changes) != 1 || time.Since(got.Changes[0].At) > time.Minute {
		t.Fatalf("%+v", got)
	}
	got.Changes[0].At = time.Time{}
	want := &api.Undo{Job: "job-1", UndoJob: "undo-job-1", Policy: h.UndoPolicy, Changes: []api.Change{{
		Receipt: "job-1/1", Seq: 1, Call: "desk.read", Summary: "Write sheet 7", Target: &policy.Resource{Type: "sheet", ID: "7", Version: "2"},
		State: "ready", Tool: "desk.take", Args: []byte(`{"sheet":"7"}`), Says: "Take sheet 7 out again",
	}}, Hindered: &api.Hindrance{
		Says: "the policy to undo under is not published in this house: " + h.UndoPolicy.String(),
		Hint: "publish it, or name another with -policy HASH; list what there is with: clawea wpc list",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if one := into[api.Undo](t, h.get("/v1/jobs/job-1/undo?seq=1")); len(one.Changes) != 1 {
		t.Errorf("one: %+v", one)
	}
	if none := into[api.Undo](t, h.get("/v1/jobs/job-1/undo?seq=2")); none.Changes == nil || len(none.Changes) != 0 {
		t.Errorf("none: %+v", none)
	}
	if err := h.DB.CreateJob(t.Context(), store.Job{ID: "undo-job-1", Agent: "undo", Policy: h.UndoPolicy, Client: "olga", Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
	h.post("/v1/jobs/job-1/revoke", `{}`)
	for query, want := range map[string]string{"": "undo-job-1", "?policy=" + seal.Sum([]byte("another")).String(): "undo-2-job-1"} {
		if got := into[api.Undo](t, h.get("/v1/jobs/job-1/undo"+query)); !got.Stopped || got.UndoJob != want {
			t.Errorf("%s: stopped %v, in %s, want %s", query, got.Stopped, got.UndoJob, want)
		}
	}
	for _, query := range []string{"?seq=0", "?seq=-1", "?seq=x", "?policy=x"} {
		h.wantProblem(h.get("/v1/jobs/job-1/undo"+query), 400, "bad_argument")
	}
	if p := h.wantProblem(h.get("/v1/jobs/job-9/undo"), 404, "not_found"); p.Title+": "+p.Detail != `there is no such thing: job "job-9"` {
		t.Errorf("%v", p)
	}
	h.wantProblem(h.do("", "GET", "/v1/jobs/job-1/undo", ""), 401, "unauthorized")
}

// What is known to stand in the way of undoing is said before anything is begun: a
// policy that is none, or not any more, or never allows a step; a house that has no
// account for it; what is revoked.
func TestHindered(t *testing.T) {
	h := newHouse(t)
	own, issued := h.open()
	if err := h.changing(issued.Token, read); err != nil {
		t.Fatal(err)
	}
	publish := func(name, allow string) seal.Hash {
		text := `{"policy_name":"` + name + `","tool_policy":{"allow":["` + allow + `"]},"wpc_version":"v1"}`
		return into[api.Policy](t, h.post("/v1/wpc", h.signed(text, h.ada))).Hash
	}
	good, other, gone := publish("good", "desk.take"), publish("other", "desk.read"), publish("gone", "desk.*")
	h.exec(`UPDATE policy SET binding = X'00' WHERE hash = ?`, gone.String())
	plan := func(under seal.Hash) *api.Undo {
		path := "/v1/jobs/job-1/undo"
		if !under.IsZero() {
			path += "?policy=" + under.String()
		}
		return into[api.Undo](t, h.get(path))
	}
	want := func(name string, p *api.Undo, whole, step string) {
		t.Helper()
		for _, x := range []struct {
			got  *api.Hindrance
			want string
		}{{p.Hindered, whole}, {p.Changes[0].Hindered, step}} {
			if (x.got == nil) != (x.want == "") || x.got != nil && (!strings.HasPrefix(x.got.Says, x.want) || x.got.Hint == "") {
				t.Errorf("%s: %+v, want %q", name, x.got, x.want)
			}
		}
	}
	want("a policy that allows it", plan(good), "", "")
	want("no policy", plan(seal.Hash{}), "there is no policy to undo under", "")
	want("one that is not published", plan(seal.Sum([]byte("x"))), "the policy to undo under is not published", "")
	want("one that does not verify", plan(gone), "the policy to undo under does not verify", "")
	want("one that does not allow it", plan(other), "", "the policy to undo under never allows desk.take")
	want("the job's own", plan(own.Hash), "", "the policy to undo under never allows desk.take")

	order := into[api.Revoked](t, h.post("/v1/revocations", `{"kind":"action","target":"desk.take"}`))
	want("an action that is revoked", plan(good), "", "nothing is undone while this is revoked: action:desk.take")
	lift := func(id int64) { into[api.Revoked](t, h.post(fmt.Sprintf("/v1/revocations/%d/lift", id), "")) }
	lift(order.ID)
	for _, kind := range []string{`"agent","target":"undo"`, `"policy","target":"` + good.String() + `"`, `"all","target":""`} {
		order := into[api.Revoked](t, h.post("/v1/revocations", `{"kind":`+kind+`}`))
		want(kind, plan(good), "nothing is undone while this is revoked: ", "")
		lift(order.ID)
	}
	h.UndoTools = nil
	want("no account", plan(good), "", "this house has no account that takes changes to desk back")
	want("no account and no policy", plan(seal.Hash{}), "there is no policy to undo under", "this house has no account")
}

// A person's word is taken from operators only, with a reason, and the log says
// whose it was.
func TestSettleCall(t *testing.T) {
	h := newHouse(t)
	_, issued := h.open()
	h.acts(issued.Token, receipt.Unknown)
	const path = "/v1/jobs/job-1/settle"
	for _, body := range []string{`{"seq":1,"happened":true}`, `{"seq":1,"reason":"seen"}`, `{"happened":true,"reason":"seen"}`, `{"seq":1,"happened":true,"reason":"two\nlines"}`} {
		h.wantProblem(h.post(path, body), 400, "bad_argument")
	}
	h.wantProblem(h.do("Bearer "+issued.Token, "POST", path, `{"seq":1,"happened":true,"reason":"seen"}`), 401, "unauthorized")
	if p := h.wantProblem(h.post(path, `{"seq":5,"happened":true,"reason":"seen"}`), 404, "not_found"); !strings.Contains(p.Hint, "JOB/SEQ") || strings.Contains(p.Error(), "not found") {
		t.Errorf("%v", p)
	}
	got := into[api.Call](t, h.post(path, `{"seq":1,"happened":true,"reason":"seen there"}`))
	if got.Opened == nil || got.Closed == nil {
		t.Errorf("%+v", got)
	}
	for _, want := range []string{"receipt=job-1/1", "by=olga", `reason="seen there"`, "happened=true"} {
		if !strings.Contains(h.log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, h.log)
		}
	}
	h.wantProblem(h.post(path, `{"seq":1,"happened":true,"reason":"again"}`), 409, "conflict")
}

// What was there before a change is for operators, and not for the client that
// ordered the job.
func TestProofWithoutChanges(t *testing.T) {
	h := newHouse(t)
	p, _ := h.open()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"ci"}, "client_secret": {clientSecret},
		"authorization_details": {`[{"type":"clawea_wpc","policy_hash":"` + p.Hash.String() + `","job":"theirs-1"}]`}}
	res, err := http.PostForm(h.url+"/oauth/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	h.acts(got.AccessToken, receipt.Done)
	disclosed := func(who string) (texts []string) {
		b, err := bundle.Read(h.do(who, "GET", "/v1/jobs/theirs-1/proof?disclose=all", "").body)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range b.Disclosures {
			texts = append(texts, string(d.Text))
		}
		return texts
	}
	theirs := disclosed("Basic " + base64.StdEncoding.EncodeToString([]byte("ci:"+clientSecret)))
	if len(theirs) == 0 || strings.Contains(strings.Join(theirs, ""), "Write sheet 7") {
		t.Errorf("the client reads %q", theirs)
	}
	if all := disclosed("Bearer " + secret); len(all) != len(theirs)+1 || !strings.Contains(strings.Join(all, ""), "Write sheet 7") {
		t.Errorf("an operator reads %q", all)
	}
}

func TestReconcile(t *testing.T) {
	h := newHouse(t)
	_, issued := h.open()
	if none := into[api.Reconciliation](t, h.get("/v1/jobs/job-1/reconcile")); none.Agreeing || len(none.Notes) != 1 || none.From.IsZero() || none.Strange == nil {
		t.Errorf("of accounts that nobody knows yet: %+v", none)
	}
	if err := h.changing(issued.Token, read); err != nil {
		t.Fatal(err)
	}
	got := into[api.Reconciliation](t, h.get("/v1/jobs/job-1/reconcile?margin=1m"))
	if got.Agreeing || got.To.Sub(got.From) < 2*time.Minute || got.To.Sub(got.From) > 3*time.Minute {
		t.Errorf("%+v", got)
	}
	if len(got.Matches) != 1 || got.Matches[0].Receipt != "job-1/1" || len(got.Strange) != 1 || got.Strange[0].Resource.ID != "8" || got.Strange[0].By != "clerk" {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]api.Accounts{{Tool: "desk", IDs: []string{"clerk"}}}, got.Accounts); diff != "" {
		t.Error(diff)
	}
	for _, query := range []string{"?margin=x", "?margin=-1s", "?margin=25h"} {
		h.wantProblem(h.get("/v1/jobs/job-1/reconcile"+query), 400, "bad_argument")
	}
	h.wantProblem(h.get("/v1/jobs/job-9/reconcile"), 404, "not_found")
	h.wantProblem(h.do("", "GET", "/v1/jobs/job-1/reconcile", ""), 401, "unauthorized")
}

// A question is shown with what its call will change, as the receipt commits to it.
func TestQuestionShowsChange(t *testing.T) {
	h := newHouse(t)
	_, issued := h.open()
	waits := (*gate.Pending)(nil)
	if err := h.changing(issued.Token, post); !errors.As(err, &waits) {
		t.Fatal(err)
	}
	q := into[api.Question](t, h.get("/v1/approvals/"+waits.Receipt.Asks))
	if q.Change == nil || !seal.Commit(q.Change.Salt, q.Change.Text).Equal(waits.Receipt.Call.Change) {
		t.Fatalf("%+v", q)
	}
	c, err := receipt.ParseChange(q.Change.Text)
	if err != nil || c.Summary != "Write sheet 7" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := h.call(issued.Token, post, "x"); !errors.As(err, &waits) {
		t.Fatal(err)
	}
	if a := h.get("/v1/approvals/" + waits.Receipt.Asks); bytes.Contains(a.body, []byte(`"change"`)) || a.status != 200 {
		t.Errorf("a call without one: %s", a.body)
	}
}
