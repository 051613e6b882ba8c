// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// Orders to revoke are in force at once, are recorded, and name who gave them.
func TestRevocations(t *testing.T) {
	h := newHouse(t)
	p, issued := h.open()
	asked, err := h.call(issued.Token, post, "a letter")
	if err == nil {
		t.Fatal("not asked")
	}
	got := into[api.Revoked](t, h.post("/v1/revocations", `{"kind":"action","target":"desk:write","reason":"a slip"}`))
	if got.By != "olga" || got.Reason != "a slip" || got.ID == 0 || len(got.Jobs) != 1 || len(got.Cancelled) != 1 || got.Cancelled[0] != asked.Asks {
		t.Errorf("%+v", got)
	}
	h.wantState(asked.Asks, "cancelled", 0)
	if _, err := h.call(issued.Token, post, "a letter"); !errors.Is(err, token.ErrActionRevoked) {
		t.Errorf("stopped: %v", err)
	}
	if _, err := h.call(issued.Token, read, "a page"); err != nil {
		t.Errorf("another action: %v", err)
	}
	list := into[api.Revocations](t, h.get("/v1/revocations"))
	if len(list.Revocations) != 1 || list.Revocations[0].ID != got.ID {
		t.Errorf("%+v", list)
	}
	lifted := into[api.Revoked](t, h.post(fmt.Sprintf("/v1/revocations/%d/lift", got.ID), ""))
	if lifted.Lifted == nil || lifted.LiftedBy != "olga" {
		t.Errorf("%+v", lifted)
	}
	h.wantProblem(h.post(fmt.Sprintf("/v1/revocations/%d/lift", got.ID), ""), 409, "conflict")
	if again, err := h.call(issued.Token, post, "a letter"); err == nil || again.Asks == asked.Asks {
		t.Errorf("the old question is asked again: %v", err)
	}
	if list := into[api.Revocations](t, h.get("/v1/revocations")); len(list.Revocations) != 0 {
		t.Errorf("in force: %+v", list)
	}
	if list := into[api.Revocations](t, h.get("/v1/revocations?all=true")); len(list.Revocations) != 1 {
		t.Errorf("all: %+v", list)
	}
	for _, job := range []string{"job-1", receipt.Journal} {
		kinds := ""
		for _, e := range into[api.Receipts](t, h.get("/v1/jobs/"+job+"/receipts")).Receipts {
			r, err := receipt.Parse(e.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if r.Revocation != nil {
				kinds += string(r.Kind) + " "
			}
		}
		if kinds != "revoked restored " {
			t.Errorf("job %s: %s", job, kinds)
		}
	}
	h.wantProblem(h.post("/v1/cst", `{"agent":"robot","job":"house","policy":"`+p.Hash.String()+`"}`), 422, "not_issued")
}

func TestRevocationsRefused(t *testing.T) {
	h := newHouse(t)
	h.open()
	for order, want := range map[string]string{
		`{"kind":"job","target":"nobody"}`:                            "404 not_found",
		`{"kind":"token","target":"nobody"}`:                          "404 not_found",
		`{"kind":"job","target":"../x"}`:                              "400 bad_argument",
		`{"kind":"policy","target":"` + seal.Sum(nil).String() + `"}`: "404 not_found",
		`{"kind":"policy","target":"x"}`:                              "400 bad_argument",
		`{"kind":"action","target":"jria:write"}`:                     "400 bad_argument", // means nothing that there is
		`{"kind":"action","target":"a b"}`:                            "400 bad_argument",
		`{"kind":"all","target":"x"}`:                                 "400 bad_argument",
		`{"kind":"everyone"}`:                                         "400 bad_argument",
		`{"kind":"all","reason":"two\nlines"}`:                        "400 bad_argument",
		`{"kind":"all","reason":"` + strings.Repeat("x", 2000) + `"}`: "400 bad_argument",
		`{"kind":"all","more":1}`:                                     "400 bad_json",
		`{"kind":"job","target":"house"}`:                             "409 conflict",
	} {
		var status int
		var code string
		fmt.Sscanf(want, "%d %s", &status, &code)
		h.wantProblem(h.post("/v1/revocations", order), status, code)
	}
	h.wantProblem(h.post("/v1/revocations/x/lift", ""), 400, "bad_argument")
	h.wantProblem(h.post("/v1/revocations/99/lift", ""), 404, "not_found")
	if a := h.do("", "POST", "/v1/revocations", `{"kind":"all"}`); a.status != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", a.status)
	}
}

// A client sees and stops the jobs that it ordered, and no others.
func TestOrderer(t *testing.T) {
	h := newHouse(t)
	h.open()
	h.exec(`UPDATE job SET client = 'ci' WHERE id = 'job-1'`)
	as := func(id, secret, method, path, body string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, h.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(id, secret)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for _, c := range []struct {
		id, secret, method, path string
		want                     int
	}{
		{"ci", clientSecret, "GET", "/v1/jobs/job-1", 200},
		{"ci", clientSecret, "GET", "/v1/jobs/job-1/receipts", 200},
		{"other", clientSecret + "x", "GET", "/v1/jobs/job-1", 401},
		{"ci", "wrong", "GET", "/v1/jobs/job-1", 401},
		{"ci", clientSecret, "GET", "/v1/jobs/house", 401},
		{"ci", clientSecret, "GET", "/v1/jobs/nobody", 401},
		{"ci", clientSecret, "GET", "/v1/jobs", 401},
		{"ci", clientSecret, "POST", "/v1/revocations", 401},
		{"other", clientSecret + "x", "POST", "/v1/jobs/job-1/revoke", 401},
		{"ci", clientSecret, "POST", "/v1/jobs/job-1/revoke", 200},
	} {
		if got := as(c.id, c.secret, c.method, c.path, `{"reason":""}`); got != c.want {
			t.Errorf("%s %s by %s: %d, want %d", c.method, c.path, c.id, got, c.want)
		}
	}
	list := into[api.Revocations](t, h.get("/v1/revocations"))
	if len(list.Revocations) != 1 || list.Revocations[0].By != "ci" {
		t.Errorf("%+v", list)
	}
}

func TestRoutes(t *testing.T) {
	h := newHouse(t)
	if got := string(h.do("", "GET", "/v1/routes", "").body); strings.TrimSpace(got) != `{"mcp":true,"routes":[{"dialect":"openai","name":"sim"}]}` {
		t.Errorf("%s", got)
	}
}
