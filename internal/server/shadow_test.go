// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// candidate is wpc without its question, and a word to tell it apart.
func candidate(word string) string {
	return `{"policy_name":"` + word + `","tool_policy":{"allow":["desk.read","desk.post"]},"wpc_version":"v1"}`
}

// publish publishes a candidate and returns its hash.
func (h *house) publish(word string) seal.Hash {
	h.t.Helper()
	return into[api.Policy](h.t, h.post("/v1/wpc", h.signed(candidate(word), h.ada))).Hash
}

func body(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// A candidate is started, listed, asked about each call, and stopped.
func TestShadow(t *testing.T) {
	h := newHouse(t)
	h.gate.Shadows = h.DB
	p, issued := h.open()
	c := h.publish("candidate")
	at := "/v1/wpc/" + p.Hash.String() + "/shadow"
	list := into[api.Shadows](t, h.post(at, body(api.Shadowing{Candidate: c})))
	if len(list.Shadows) != 1 || list.Shadows[0].Candidate != c || time.Since(list.Shadows[0].Since) > time.Minute {
		t.Errorf("%+v", list)
	}
	if shown := into[api.Policy](t, h.get("/v1/wpc/"+p.Hash.String())); len(shown.Shadows) != 1 || shown.Shadows[0].Candidate != c {
		t.Errorf("shown: %+v", shown.Shadows)
	}
	r, _ := h.call(issued.Token, post, "a letter")
	if r.Decision.Effect != policy.Ask || len(r.Shadow) != 1 || r.Shadow[0].Decision == nil || r.Shadow[0].Decision.Effect != policy.Allow {
		t.Errorf("%+v", r)
	}
	h.exec(`UPDATE policy SET binding = X'00' WHERE hash = ?`, c.String())
	if r, _ := h.call(issued.Token, read, "x"); r.Kind != receipt.Closed { // as allowed as ever
		t.Errorf("%+v", r)
	}
	list = into[api.Shadows](t, h.post(at, body(api.Shadowing{Candidate: c, Stop: true})))
	if len(list.Shadows) != 0 {
		t.Errorf("%+v", list)
	}
	if r, _ := h.call(issued.Token, post, "a letter"); r.Shadow != nil {
		t.Errorf("it is asked after its end: %+v", r.Shadow)
	}
}

func TestShadowRefused(t *testing.T) {
	h := newHouse(t)
	p, _ := h.open()
	c := h.publish("candidate")
	at, nobody := "/v1/wpc/"+p.Hash.String()+"/shadow", seal.Sum(nil)
	h.wantProblem(h.post("/v1/wpc/x/shadow", body(api.Shadowing{Candidate: c})), 400, "bad_argument")
	h.wantProblem(h.post("/v1/wpc/"+nobody.String()+"/shadow", body(api.Shadowing{Candidate: c})), 404, "not_found")
	h.wantProblem(h.post(at, body(api.Shadowing{Candidate: nobody})), 404, "not_found")
	h.wantProblem(h.post(at, body(api.Shadowing{Candidate: p.Hash})), 400, "bad_argument")
	h.wantProblem(h.post(at, body(api.Shadowing{Candidate: c, Stop: true})), 404, "not_found")
	h.wantProblem(h.post(at, `{"candidate":1}`), 400, "bad_json")
	for i := range store.MaxShadows {
		into[api.Shadows](t, h.post(at, body(api.Shadowing{Candidate: h.publish(fmt.Sprint("candidate ", i))})))
	}
	h.wantProblem(h.post(at, body(api.Shadowing{Candidate: c})), 409, "too_many")
	h.exec(`UPDATE policy SET binding = X'00' WHERE hash = ?`, c.String())
	h.wantProblem(h.post(at, body(api.Shadowing{Candidate: c})), 409, "policy_unusable")
}

func TestReplay(t *testing.T) {
	h := newHouse(t)
	_, issued := h.open()
	asked, _ := h.call(issued.Token, post, "a letter")
	if _, err := h.call(issued.Token, read, "x"); err != nil {
		t.Fatal(err)
	}
	page := into[api.Replayed](t, h.post("/v1/wpc/replay", body(api.Replay{Policy: candidate("new")})))
	if page.Calls != 2 || len(page.Differences) != 1 || page.Next != nil || page.Names == nil {
		t.Fatalf("%+v", page)
	}
	d := page.Differences[0]
	if d.Job != "job-1" || d.Seq != asked.Seq || !d.At.Equal(asked.At) || d.Call != "desk.post" || d.Was.Effect != policy.Ask || d.Would.Decision.Effect != policy.Allow {
		t.Errorf("%+v", d)
	}
	for name, r := range map[string]api.Replay{
		"later":       {Policy: candidate("new"), Since: time.Now().Add(time.Hour)},
		"another job": {Policy: candidate("new"), Job: "job-2"},
		"behind all":  {Policy: candidate("new"), After: &api.Mark{At: time.Now(), Job: "job-1", Seq: 99}},
	} {
		if page := into[api.Replayed](t, h.post("/v1/wpc/replay", body(r))); page.Calls != 0 || page.Differences == nil {
			t.Errorf("%s: %+v", name, page)
		}
	}
	if list := into[api.Policies](t, h.get("/v1/wpc")); len(list.Policies) != 1 {
		t.Errorf("replaying has published something: %+v", list)
	}
}

func TestReplayRefused(t *testing.T) {
	h := newHouse(t)
	lost := strings.Replace(candidate("x"), `{`, `{"resources":{"spaces_allowlist":["ENG"]},`, 1)
	for want, r := range map[string]api.Replay{
		"400 bad_json":           {Policy: "{\n\"allow_all\":true}"},
		"422 not_bound":          {Policy: lost}, // this house is not connected to Confluence
		"400 bad_argument":       {Policy: candidate("x"), Names: []policy.Bound{{ID: "1", Site: "s"}}},
		"400 bad_argument ":      {Policy: candidate("x"), Job: "../x\x00"},
		"400 bad_argument after": {Policy: candidate("x"), After: &api.Mark{Job: "\x00"}},
	} {
		var status int
		var code string
		fmt.Sscanf(want, "%d %s", &status, &code)
		h.wantProblem(h.post("/v1/wpc/replay", body(r)), status, code)
	}
}
