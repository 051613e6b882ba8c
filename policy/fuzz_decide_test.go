// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/internal/vectors"
	"github.com/clawea/clawea/seal"
)

// FuzzDecide decides any call under any policy in the light of any facts: there
// is always one answer with a reason, always the same, also by the policy's
// canonical form, by the minimal call and by the plain way to decide.
func FuzzDecide(f *testing.F) {
	paths, _ := filepath.Glob("../testdata/vectors/policy-*.txtar")
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if files := vectors.Files(a); files["call.json"] != nil {
			f.Add(files["policy.json"], bytes.TrimSpace(files["binding.json"]), files["call.json"], files["facts.json"])
		}
	}
	f.Fuzz(func(t *testing.T, wpc, binding, call, facts []byte) {
		p, err := Parse(wpc)
		if err != nil {
			return
		}
		canonical, err := seal.Canonical(wpc)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(canonical)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ParseBinding(binding)
		if err != nil || b.Policy != p.Hash() {
			b = bindingFor(p)
		}
		if p, err = p.Bind(b); err != nil {
			return
		}
		if again, err = again.Bind(b); err != nil {
			t.Fatal(err)
		}
		c, fs := new(Call), new(Facts)
		if seal.Unmarshal(call, c) != nil || seal.Unmarshal(facts, fs) != nil {
			return
		}
		decideAny(t, p, again, c, fs)
	})
}

func decideAny(t *testing.T, p, again *Policy, c *Call, f *Facts) {
	d := p.Decide(c, f)
	if len(d.Reasons) == 0 || d.Policy != p.Hash() || d.Effect > Allow {
		t.Fatalf("decision = %+v", d)
	}
	if diff := cmp.Diff(d, again.Decide(c, f)); diff != "" {
		t.Fatalf("decided again, it is otherwise:\n%s", diff)
	}
	if diff := cmp.Diff(d, oracle{p}.Decide(c, f)); diff != "" {
		t.Fatalf("decided the plain way, it is otherwise:\n%s", diff)
	}
	minimal := p.Minimal(c)
	if diff := cmp.Diff(d, p.Decide(minimal, minimalFacts(p, c, f))); diff != "" {
		t.Fatalf("the recorded call decides otherwise:\n%s", diff)
	}
	if diff := cmp.Diff(minimal, p.Minimal(minimal)); diff != "" {
		t.Fatalf("the recorded call is not the least:\n%s", diff)
	}
	if d.Effect != Deny && !p.CanEver(Action{c.Tool, c.Action, c.Class}) {
		t.Fatalf("%v of %s, which CanEver rules out", d.Effect, c.Name())
	}
	if d.Effect == Allow && c.Unresolved != "" {
		t.Fatal("a call that could not be resolved is allowed")
	}
	narrowed, err := p.Narrow(Grant{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := narrowed.Decide(c, f).Effect; got != Deny {
		t.Fatalf("%v under the empty grant", got)
	}
}
