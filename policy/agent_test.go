// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/clawea/clawea/seal"
)

const agentPolicy = `{"wpc_version":"v1","agent_runtime":{"plugins_allowlist":[LIST]}}`

func TestExtensionsAreListedOnce(t *testing.T) {
	d := "sha256:" + strings.Repeat("b2", 32)
	for list, says := range map[string]string{
		`"ledger", "@acme/ledger"`:                        "",
		`"ledger@` + d + `", "@acme/mail"`:                "",
		`"ledger", "ledger@` + d + `"`:                    "listed before",
		`"ledger@sha256:b2"`:                              "not a plugin's name",
		`"ledger@sha256:` + strings.Repeat("0", 64) + `"`: "a digest of zeros",
		`"ledger@` + strings.ToUpper(d) + `"`:             "not a plugin's name",
		`"ledger@` + d + `", "led ger@` + d + `"`:         "not a plugin's name",
	} {
		_, err := Parse([]byte(strings.Replace(agentPolicy, "LIST", list, 1)))
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", list, err, says)
		}
	}
}

// What is loaded is what the policy was published with, or there is no token.
func TestCheckExtensions(t *testing.T) {
	p, err := Parse([]byte(strings.Replace(agentPolicy, "LIST", `"ledger"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	one, other := seal.Sum([]byte("1")), seal.Sum([]byte("2"))
	ledger := Extension{Plugin, "ledger", one}
	if err := p.CheckExtensions([]Extension{ledger}); !errors.Is(err, ErrExtension) {
		t.Errorf("without a binding: %v", err)
	}
	if p, err = p.Bind(&Binding{Policy: p.Hash(), Names: []Bound{}, Extensions: []Extension{ledger}}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		loaded []Extension
		ok     bool
	}{
		{nil, true},
		{[]Extension{ledger}, true},
		{[]Extension{{Plugin, "ledger", other}}, false},
		{[]Extension{ledger, {Plugin, "mail", one}}, false},
		{[]Extension{{Skill, "triage", one}}, true}, // the policy does not speak of skills
	} {
		if err := p.CheckExtensions(test.loaded); (err == nil) != test.ok {
			t.Errorf("%v: %v", test.loaded, err)
		}
	}
	if err := new(Policy).CheckExtensions([]Extension{ledger}); err != nil {
		t.Errorf("a policy that says nothing: %v", err)
	}
}

// What a runtime may load is compared as lists, whatever the extensions are called: one
// called "any" is not any, and one called "none" is not none.
func TestExtensionChanges(t *testing.T) {
	parse := func(list string) *Policy {
		p, err := Parse([]byte(strings.Replace(`{"wpc_version":"v1","agent_runtime":{"attestation_required":true,"skills_allowlist":[LIST]}}`, `,"skills_allowlist":[LIST]`, list, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const all, none, one, two, other = ``, `,"skills_allowlist":[]`, `,"skills_allowlist":["NAME"]`, `,"skills_allowlist":["a","NAME"]`, `,"skills_allowlist":["b"]`
	for _, name := range []string{"any", "none", "null"} {
		for _, test := range []struct {
			was, is string
			want    ChangeKind // "": none
		}{
			{all, all, ""}, {all, none, Tightened}, {all, one, Tightened}, {none, all, Loosened}, {none, none, ""}, {none, one, Loosened},
			{one, all, Loosened}, {one, none, Tightened}, {one, one, ""}, {one, two, Loosened}, {two, one, Tightened}, {one, other, Changed},
		} {
			was, is := strings.Replace(test.was, "NAME", name, 1), strings.Replace(test.is, "NAME", name, 1)
			changes := extensionChanges(parse(was), parse(is))
			if (len(changes) == 0) != (test.want == "") || len(changes) > 1 {
				t.Errorf("%s to %s: %v", was, is, changes)
				continue
			}
			for _, c := range changes {
				if c.Kind != test.want || c.Widens != (test.want != Tightened) || c.Was == c.Is || !strings.HasPrefix(c.Says, "skills of the agent's runtime: ") {
					t.Errorf("%s to %s: %+v", was, is, c)
				}
			}
		}
	}
}
