// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/clawea/clawea/policy"
)

// A Request is a call before it is put in a language's terms.
type Request struct {
	Operation string   `json:"operation"`
	Project   string   `json:"project"`
	Fields    []string `json:"fields,omitempty"`
}

// A Decider answers requests that Prepare has put in its terms. What can be done
// beforehand is done beforehand, for every language: policies are parsed and
// compiled, requests are built, entities are loaded.
type Decider interface {
	// Prepare returns a function that decides the request, and does nothing else.
	Prepare(Request) func() bool
}

// A Language is a way to write rules, and a program that decides by it.
type Language struct {
	Name string
	New  func(Rules) (Decider, error)
}

// Languages are those that are compared, a WPC first.
func Languages() []Language {
	return []Language{
		{"clawea", func(r Rules) (Decider, error) { return NewWPC(r.WPC()) }},
		{"cedar", func(r Rules) (Decider, error) { return NewCedar(r.Cedar()) }},
		{"cedar-sets", func(r Rules) (Decider, error) { return NewCedar(r.CedarSets()) }},
		{"opa", func(r Rules) (Decider, error) { return NewOPA(r.Rego()) }},
	}
}

// Prepared returns the calls of Calls(n), ready to be decided by l under Sized(n).
func (l Language) Prepared(n int) ([]func() bool, error) {
	d, err := l.New(Sized(n))
	if err != nil {
		return nil, fmt.Errorf("%s with %d clauses: %w", l.Name, n, err)
	}
	var calls []func() bool
	for _, r := range Calls(n) {
		calls = append(calls, d.Prepare(r))
	}
	return calls, nil
}

const site = "https://example.atlassian.net"

// NewWPC decides by a work policy contract, bound to ids.
func NewWPC(text string) (Decider, error) {
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	b := &policy.Binding{Policy: p.Hash(), At: time.Unix(0, 0).UTC()}
	for _, n := range p.Names() {
		b.Names = append(b.Names, policy.Bound{Name: n, Site: site, ID: "id-" + strings.TrimSuffix(n.Name, "/")})
	}
	if p, err = p.Bind(b); err != nil {
		return nil, err
	}
	return wpc{p}, nil
}

type wpc struct{ policy *policy.Policy }

func (d wpc) Prepare(r Request) func() bool {
	c := &policy.Call{
		Tool: "jira", Action: r.Operation, Class: policy.Write, Mode: "official_api", Credential: "write", Site: site,
		Resources: []policy.Resource{{Type: "issue", ID: "10001", Path: []policy.Place{{ID: "id-" + r.Project, Name: r.Project}}}},
		Fields:    r.Fields,
	}
	f := &policy.Facts{Now: time.Unix(1, 0).UTC()}
	return func() bool { return d.policy.Decide(c, f).Effect == policy.Allow }
}

// NewCedar decides by Cedar policies.
func NewCedar(text string) (Decider, error) {
	set, err := cedar.NewPolicySetFromBytes("policy.cedar", []byte(text))
	if err != nil {
		return nil, err
	}
	return cedarSet{set}, nil
}

type cedarSet struct{ policies *cedar.PolicySet }

func (d cedarSet) Prepare(r Request) func() bool {
	project, issue := cedar.NewEntityUID("Project", cedar.String(r.Project)), cedar.NewEntityUID("Issue", "10001")
	entities := cedar.EntityMap{
		project: {UID: project},
		issue:   {UID: issue, Parents: cedar.NewEntityUIDSet(project)},
	}
	fields := make([]cedar.Value, len(r.Fields))
	for i, f := range r.Fields {
		fields[i] = cedar.String(f)
	}
	request := cedar.Request{
		Principal: cedar.NewEntityUID("Agent", "runbook-agent"),
		Action:    cedar.NewEntityUID("Action", cedar.String(r.Operation)),
		Resource:  issue,
		Context:   cedar.NewRecord(cedar.RecordMap{"operation": cedar.String(r.Operation), "fields": cedar.NewSet(fields...)}),
	}
	return func() bool {
		decision, diagnostic := cedar.Authorize(d.policies, entities, request)
		if len(diagnostic.Errors) > 0 {
			panic(fmt.Sprint("cedar: ", diagnostic.Errors))
		}
		return decision == cedar.Allow
	}
}

// NewOPA decides by a Rego module, through a prepared query.
func NewOPA(text string) (Decider, error) {
	q, err := rego.New(rego.Query("data.clawea.allow"), rego.Module("policy.rego", text)).PrepareForEval(context.Background())
	if err != nil {
		return nil, err
	}
	return opa{q}, nil
}

type opa struct{ query rego.PreparedEvalQuery }

func (d opa) Prepare(r Request) func() bool {
	fields := make([]*ast.Term, len(r.Fields))
	for i, f := range r.Fields {
		fields[i] = ast.StringTerm(f)
	}
	input := ast.NewObject(
		ast.Item(ast.StringTerm("operation"), ast.StringTerm(r.Operation)),
		ast.Item(ast.StringTerm("project"), ast.StringTerm(r.Project)),
		ast.Item(ast.StringTerm("fields"), ast.ArrayTerm(fields...)),
	)
	ctx := context.Background()
	return func() bool {
		results, err := d.query.Eval(ctx, rego.EvalParsedInput(input))
		if err != nil {
			panic(fmt.Sprint("opa: ", err))
		}
		return results.Allowed()
	}
}
