// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A casesFile is what a policy's author expects of it. It stands beside the
// policy: NAME.test.json for NAME.json.
type casesFile struct {
	World caseWorld  `json:"world"`
	Cases []testCase `json:"cases"`
}

// A caseWorld says what names lead to. A name that it does not say leads to itself:
// its id is its name.
type caseWorld struct {
	Site  string            `json:"site"`  // whose ids they are
	Names map[string]string `json:"names"` // ids by name: "confluence:ENG/Runbooks/", "jira:ENG"
}

// A testCase is a call and what the policy should say to it.
type testCase struct {
	Name    string       `json:"name"`
	Call    caseCall     `json:"call"`
	Facts   policy.Facts `json:"facts"`
	Content string       `json:"content"` // the exact arguments, for conditions; facts.conditions, if said, are taken instead
	Answer  string       `json:"answer"`  // a person's answer to this very call: "yes", "no", or none
	Expect  string       `json:"expect"`  // "allow", "ask" or "deny"
	Clause  string       `json:"clause"`  // a clause that must be among the reasons
}

// A caseCall is a call as people write it. Of Confluence and Jira calls, what is
// left out is what a well-kept house does: the official API, the credential for
// the call's class, with the least privilege. A call by mcp_server goes through a server
// and a tool that are pinned, unless it says others.
type caseCall struct {
	policy.Call
	Touches []string `json:"touches"` // more resources, as TYPE:PATH: "page:ENG/Runbooks/Deploy", "issue:ENG/ENG-9"
}

func wpcTest(_ context.Context, c *call) error {
	if err := c.parse(1, 2); err != nil {
		return err
	}
	_, p, err := parseWPC(c.args[0])
	if err != nil {
		return err
	}
	path := strings.TrimSuffix(c.args[0], ".json") + ".test.json"
	if len(c.args) == 2 {
		path = c.args[1]
	}
	file := new(casesFile)
	if err := readStrict(path, file); err != nil {
		return err
	}
	if len(file.Cases) == 0 {
		return fmt.Errorf("%s has no cases\nadd some: spec/policy.md says what a call and its facts are", path)
	}
	if p, err = file.World.bind(p); err != nil {
		return err
	}
	failed := 0
	for i, k := range file.Cases {
		if k.Name == "" || !slices.Contains([]string{"allow", "ask", "deny"}, k.Expect) || !slices.Contains([]string{"", "yes", "no"}, k.Answer) {
			return fmt.Errorf("%s: case %d (%q) says too little\nwant a name; expect: allow, ask or deny; and no answer but yes or no", path, i+1, k.Name)
		}
		if !c.runCase(p, &file.World, &k) {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cases failed\nmend the policy, or the cases in %s", failed, len(file.Cases), path)
	}
	fmt.Fprintf(c.stdout, "ok: %d cases\n", len(file.Cases))
	return nil
}

// runCase decides one case and reports whether the policy says what it should.
func (c *call) runCase(p *policy.Policy, w *caseWorld, k *testCase) bool {
	_, d := k.decide(p, w)
	ok := d.Effect.String() == k.Expect &&
		(k.Clause == "" || slices.ContainsFunc(d.Reasons, func(r policy.Reason) bool { return r.Clause == k.Clause }))
	word := "ok"
	if !ok {
		word = "FAIL"
	}
	fmt.Fprintf(c.stdout, "%-4s  %s\n", word, clean(k.Name))
	if ok {
		return true
	}
	want := k.Expect
	if k.Clause != "" {
		want += " by " + k.Clause
	}
	fmt.Fprintf(c.stdout, "      want %s, got %s\n", clean(want), d.Effect)
	for _, r := range d.Reasons {
		fmt.Fprintf(c.stdout, "      %s\n", clean(r.String()))
	}
	return false
}

// decide puts the case's call in full and decides it.
func (k *testCase) decide(p *policy.Policy, w *caseWorld) (*policy.Call, policy.Decision) {
	asked, f := w.fill(&k.Call), k.Facts
	if f.Conditions == nil {
		f.Conditions = p.Conditions(asked, &f, []byte(k.Content))
	}
	if k.Answer != "" {
		f.Approvals = append(slices.Clone(f.Approvals), policy.Approval{
			ID: "answer", Call: asked.Digest(), By: "a person", Yes: k.Answer == "yes", At: f.Now, Expires: f.Now.Add(time.Hour),
		})
	}
	return asked, p.Decide(asked, &f)
}

const defaultSite = "https://example.atlassian.net"

// bind binds p's names to what they lead to in w.
func (w *caseWorld) bind(p *policy.Policy) (*policy.Policy, error) {
	b := &policy.Binding{Policy: p.Hash()}
	for _, n := range p.Names() {
		b.Names = append(b.Names, policy.Bound{Name: n, Site: cmp.Or(w.Site, defaultSite), ID: w.id(n.Tool, strings.TrimSuffix(n.Name, "/"))})
	}
	if p.Upstream() {
		b.Servers = []policy.Server{standIn()}
	}
	return p.Bind(b)
}

// standIn is a server that cases' calls go through which do not say through which.
func standIn() policy.Server {
	return policy.Server{Name: "server", Identity: seal.Sum([]byte("server")), Tools: []policy.PinnedTool{{Name: "tool", Definition: seal.Sum([]byte("tool"))}}}
}

// id is what a name leads to: a space's or project's key, or titles from there
// on, joined by slashes.
func (w *caseWorld) id(tool, name string) string {
	return cmp.Or(w.Names[tool+":"+name], w.Names[tool+":"+name+"/"], name)
}

// fill puts a call in full: ids where it has names, and what is left out.
func (w *caseWorld) fill(k *caseCall) *policy.Call {
	out := k.Call
	out.Class = cmp.Or(out.Class, policy.ClassOf(out.Tool, out.Action))
	out.Resources = slices.Clone(out.Resources)
	for _, t := range k.Touches {
		out.Resources = append(out.Resources, touched(t))
	}
	for i := range out.Resources {
		w.fillResource(out.Tool, &out.Resources[i])
	}
	if out.Tool == "confluence" || out.Tool == "jira" {
		out.Site = cmp.Or(out.Site, w.Site, defaultSite)
		out.Mode = cmp.Or(out.Mode, "official_api")
		out.Privilege = cmp.Or(out.Privilege, "least")
		out.Credential = cmp.Or(out.Credential, credentialFor(out.Class))
	}
	if s := standIn(); out.Mode == "mcp_server" && out.Server.IsZero() && out.Definition.IsZero() {
		out.Server, out.Definition = s.Identity, s.Tools[0].Definition
	}
	return &out
}

// credentialFor is the credential that calls of a class are made with.
func credentialFor(class policy.Class) string {
	if class == policy.Read || class == policy.Search {
		return "read"
	}
	return "write"
}

// touched reads TYPE:PATH. Issues and what models are asked through are in
// nothing or only in their project; all else is a place of its own.
func touched(s string) policy.Resource {
	typ, path, _ := strings.Cut(s, ":")
	if typ == "route" || typ == "model" {
		return policy.Resource{Type: typ, ID: path}
	}
	r := policy.Resource{Type: typ}
	for step := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		r.Path = append(r.Path, policy.Place{Name: step})
	}
	if typ == "issue" {
		last := len(r.Path) - 1
		r.ID, r.Path = r.Path[last].Name, r.Path[:last]
	}
	return r
}

// fillResource gives ids to the steps of r's path that have names only.
func (w *caseWorld) fillResource(tool string, r *policy.Resource) {
	r.Path = slices.Clone(r.Path)
	name := ""
	for i := range r.Path {
		step := &r.Path[i]
		name = strings.TrimPrefix(name+"/"+step.Name, "/")
		step.ID = cmp.Or(step.ID, w.id(tool, name))
	}
	if n := len(r.Path); r.ID == "" && n > 0 {
		r.ID = r.Path[n-1].ID
	}
}
