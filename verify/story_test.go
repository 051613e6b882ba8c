// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

const bigPolicy = `{
	"wpc_version": "v1",
	"policy_name": "runbook-keeper",
	"tool": ["confluence", "jira"],
	"resources": {"spaces_allowlist": ["ENG"], "page_prefix_allowlist": ["ENG/Runbooks/"]},
	"actions": {
		"read": {"allowed": true, "max_pages_per_job": 50},
		"search": {"allowed": true, "query_filters_required": ["space"]},
		"write": {"allowed": false, "approval_gate": "required"},
		"admin": {"allowed": false}
	},
	"attestation": {"require_gateway_receipts": true},
	"allow": {"projects": ["ENG"], "operations": ["issue.get", "issue.create"], "fields_write_allowlist": ["summary"]},
	"deny": {"fields_write_denylist": ["assignee"]},
	"sandbox_expectations": {"tools_run_in_sandbox": true},
	"model_route": {"allowed": ["sim-openai"]},
	"token_requirements": {"cst_ttl_seconds_max": 900},
	"approvals": [{"when": "content.contains('SECURITY:')", "require": "human_approval"}]
}`

const smallPolicy = `{"wpc_version": "v1", "tool_policy": {"allow": ["repo.diff"]}}`

var (
	pageGet    = policy.Action{Tool: "confluence", Name: "page.get", Class: policy.Read}
	pageSearch = policy.Action{Tool: "confluence", Name: "search", Class: policy.Search}
	pageUpdate = policy.Action{Tool: "confluence", Name: "page.update", Class: policy.Write}
	spaceAdmin = policy.Action{Tool: "confluence", Name: "space.permissions", Class: policy.Admin}
	issueMake  = policy.Action{Tool: "jira", Name: "issue.create", Class: policy.Write}
	chat       = policy.Action{Tool: "model", Name: "chat.completions", Class: policy.Model}
	diff       = policy.Action{Tool: "repo", Name: "diff", Class: policy.Read}

	catalog = []policy.Action{pageGet, pageSearch, pageUpdate, spaceAdmin, issueMake, chat, diff}
)

func page(id, title string) policy.Resource {
	return policy.Resource{Type: "page", ID: id, Version: "7", Path: []policy.Place{
		{ID: "id:ENG", Name: "ENG"}, {ID: "id:ENG/Runbooks", Name: "Runbooks"}, {ID: id, Name: title},
	}}
}

var (
	project   = policy.Resource{Type: "project", ID: "id:ENG", Path: []policy.Place{{ID: "id:ENG", Name: "ENG"}}}
	elsewhere = policy.Resource{Type: "page", ID: "9", Path: []policy.Place{{ID: "id:HR", Name: "HR"}, {ID: "9", Name: "Salaries"}}}
)

// request asks for an action; res is what acting on it comes to.
func request(a policy.Action, text string, c policy.Call, res *gate.Result, err error) *gate.Request {
	c.Tool, c.Action, c.Class = a.Tool, a.Name, a.Class
	if a.Tool != "model" {
		c.Site = site
	}
	return &gate.Request{Action: a, Text: []byte(text), Plan: func(context.Context, []policy.Bound) (*gate.Plan, error) {
		return &gate.Plan{Call: &c, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) { return res, err }}, nil
	}}
}

func done(body string, used map[string]int) *gate.Result {
	return &gate.Result{Body: []byte(body), Outcome: receipt.Outcome{Status: receipt.Done, Code: "200", Used: used}}
}

// do carries a call through the gate and fails the test unless the error is as
// wanted: nil, or a value of the wanted type.
func (h *house) do(raw string, req *gate.Request, want error) {
	h.t.Helper()
	_, _, err := h.gate.Do(context.Background(), show(raw), req)
	ok := false
	switch want.(type) {
	case nil:
		ok = err == nil
	case *gate.Denied:
		ok = errors.As(err, new(*gate.Denied))
	case *gate.Pending:
		ok = errors.As(err, new(*gate.Pending))
	case *gate.Refused:
		ok = errors.As(err, new(*gate.Refused))
	default:
		ok = errors.Is(err, want)
	}
	if !ok {
		h.t.Fatalf("%s: got %v, want %T", req.Action, err, want)
	}
}

const bigJob = "job-big"

// The receipts of the big job, by number.
const (
	readOpened, readClosed = 1, 2
	adminDenied            = 3
	writeAsked             = 4
	writeAskedAgain        = 5
	writeOpened            = 6
	writeClosed            = 7
	issueAsked             = 8
	issueRejected          = 9
	modelOpened            = 10
	modelClosed            = 11
	awayDenied             = 12
	secretAsked            = 13
	emptyOpened            = 14
	emptyClosed            = 15
	tokenExpired           = 16
	searchOpened           = 17
	searchClosed           = 18
	lostOpened             = 19
	tokenRevoked           = 20
	bigLength              = 20
)

// bigStory is a job in which everything happens once.
func bigStory(t testing.TB) *house {
	h := newHouse(t)
	p := h.publish(bigPolicy)
	one := h.mint(p, bigJob, "token-1", 10*time.Minute, nil)
	args := policy.Call{Resources: []policy.Resource{page("11", "Restart the queue")}, Uses: map[string]int{"pages": 5}}
	h.do(one, request(pageGet, `{"id":"11"}`, args, done("a page", map[string]int{"pages": 1}), nil), nil)
	h.do(one, request(spaceAdmin, `{}`, policy.Call{}, nil, nil), &gate.Denied{})

	update := request(pageUpdate, `{"id":"11","body":"new"}`, policy.Call{Resources: []policy.Resource{page("11", "Restart the queue")}}, done("ok", nil), nil)
	h.do(one, update, &gate.Pending{})
	h.do(one, update, &gate.Pending{})
	h.answer(h.ann, "job-big.4", true)
	h.do(one, update, nil)

	issue := request(issueMake, `{"summary":"s"}`, policy.Call{Resources: []policy.Resource{project}, Fields: []string{"summary"}}, done("ENG-1", nil), nil)
	h.do(one, issue, &gate.Pending{})
	h.answer(h.ben, "job-big.8", false)
	h.do(one, issue, &gate.Denied{})

	model := policy.Call{Resources: []policy.Resource{{Type: "route", ID: "sim-openai"}, {Type: "model", ID: "gpt-sim"}}, Uses: map[string]int{"tokens": 1000}}
	h.do(one, request(chat, `{"messages":[]}`, model, nil, errTimeout), errTimeout)
	h.do(one, request(pageGet, `{"id":"9"}`, policy.Call{Resources: []policy.Resource{elsewhere}, Uses: map[string]int{"pages": 1}}, nil, nil), &gate.Denied{})
	h.do(one, request(pageGet, `{"id":"11","note":"SECURITY: x"}`, args, nil, nil), &gate.Pending{})
	h.answer(h.ann, "job-big.13", true) // and the agent never comes back
	empty := done("nothing there", map[string]int{})
	empty.Outcome.Status, empty.Outcome.Code = receipt.Failed, "404"
	h.do(one, request(pageGet, `{"id":"12"}`, policy.Call{Resources: []policy.Resource{page("12", "Gone")}, Uses: map[string]int{"pages": 1}}, empty, nil), nil)

	h.now = h.now.Add(time.Hour)
	h.do(one, request(pageGet, `{"id":"11"}`, args, nil, nil), &gate.Refused{})
	two := h.mint(p, bigJob, "token-2", 15*time.Minute, nil)
	search := policy.Call{Resources: []policy.Resource{page("id:ENG/Runbooks", "")}, Filters: []string{"space"}, Uses: map[string]int{"pages": 20}}
	search.Resources[0].Path = search.Resources[0].Path[:2]
	h.do(two, request(pageSearch, `{"cql":"type=page"}`, search, done("[]", map[string]int{"pages": 0}), nil), nil)
	h.book.full = true
	h.do(two, request(pageGet, `{"id":"13"}`, policy.Call{Resources: []policy.Resource{page("13", "Lost")}, Uses: map[string]int{"pages": 1}}, done("lost", nil), nil), gate.ErrUnclosed)
	h.revoked["token-2"] = true
	h.do(two, request(pageGet, `{"id":"11"}`, args, nil, nil), &gate.Refused{})
	return h
}

var errTimeout = errors.New("timeout")

const smallJob = "job-small"

// smallStory is one call of a job with a small policy, and its bundle.
func smallStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	raw := h.mint(h.publish(smallPolicy), smallJob, "t1", time.Minute, nil)
	h.do(raw, request(diff, "d", policy.Call{}, done("r", nil), nil), nil)
	return h, h.export(smallJob, 2)
}

// approvedStory is a page's change that waited for a person, and its bundle.
func approvedStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	p := h.publish(`{"actions": {"write": {"allowed": false, "approval_gate": "required"}}, "resources": {"spaces_allowlist": ["ENG"]}, "wpc_version": "v1"}`)
	raw := h.mint(p, smallJob, "t1", time.Minute, nil)
	write := request(pageUpdate, `{"id":"11"}`, policy.Call{Resources: []policy.Resource{page("11", "x")}}, done("ok", nil), nil)
	h.do(raw, write, &gate.Pending{})
	h.answer(h.ann, smallJob+".1", true)
	h.do(raw, write, nil)
	return h, h.export(smallJob, 3)
}
