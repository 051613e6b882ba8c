// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

const extended = `{"agent_runtime":{"plugins_allowlist":["clawea"],"skills_allowlist":["@acme/notes"]},"tool_policy":{"allow":["exec"]},"wpc_version":"v1"}`

func extension(kind, name, of string) policy.Extension {
	return policy.Extension{Kind: kind, Name: name, Digest: seal.Sum([]byte(of))}
}

// A policy that lists plugins and skills is published with each of them as it is, or not.
func TestPublishExtensions(t *testing.T) {
	plugin, skill := extension(policy.Plugin, "clawea", "1"), extension(policy.Skill, "@acme/notes", "2")
	for _, test := range []struct {
		name  string
		given []policy.Extension
		says  string // "": it is published
	}{
		{"none", nil, `how the plugin "clawea" is`},
		{"one of two", []policy.Extension{plugin}, `how the skill "@acme/notes" is`},
		{"another", []policy.Extension{plugin, skill, extension(policy.Plugin, "other", "3")}, `lists no "plugin" "other"`},
		{"of another kind", []policy.Extension{plugin, extension(policy.Plugin, "@acme/notes", "2")}, `lists no "plugin" "@acme/notes"`},
		{"twice", []policy.Extension{plugin, skill, plugin}, "twice"},
		{"without a digest", []policy.Extension{plugin, {Kind: policy.Skill, Name: "@acme/notes"}}, "no digest"},
		{"both, in any order", []policy.Extension{skill, plugin}, ""},
	} {
		h := newHouse(t)
		paper := signed(t, extended, h.ada)
		e, err := h.Publish(t.Context(), paper, test.given...)
		if test.says != "" {
			var x *registry.ExtensionError
			if !errors.Is(err, registry.ErrRefused) || !errors.As(err, &x) || !strings.Contains(x.Msg, test.says) || x.Hint == "" {
				t.Errorf("%s: got %v, want %q", test.name, err, test.says)
			}
			if err := h.Known(t.Context(), paper.Hash()); err == nil {
				t.Errorf("%s: it is published", test.name)
			}
			continue
		}
		if want := []policy.Extension{plugin, skill}; err != nil || !slices.Equal(e.Policy.Extensions(), want) {
			t.Fatalf("%s: %v", test.name, err)
		}
		for _, again := range [][]policy.Extension{nil, {plugin, skill}} { // nothing is said against what is published
			if _, err := h.Publish(t.Context(), paper, again...); err != nil {
				t.Errorf("again, with %v: %v", again, err)
			}
		}
		if _, err := h.Publish(t.Context(), paper, plugin, extension(policy.Skill, "@acme/notes", "changed")); !errors.Is(err, registry.ErrRefused) || !strings.Contains(err.Error(), "published already") {
			t.Errorf("again, with a changed skill: %v", err)
		}
		if e, err := h.Entry(t.Context(), paper.Hash()); err != nil || !slices.Equal(e.Policy.Extensions(), []policy.Extension{plugin, skill}) {
			t.Errorf("then it has %v, %v", e, err)
		}
	}
	h := newHouse(t)
	if _, err := h.Publish(t.Context(), signed(t, other, h.ada), plugin); !errors.Is(err, registry.ErrRefused) {
		t.Errorf("a policy that lists none: %v", err)
	}
}

// What the policy says of a plugin itself, its signers have signed: whoever publishes it need not
// say it again, and cannot say otherwise.
func TestPublishSignedExtensions(t *testing.T) {
	plugin, skill := extension(policy.Plugin, "clawea", "1"), extension(policy.Skill, "@acme/notes", "2")
	text := strings.Replace(extended, `"clawea"`, `"clawea@`+plugin.Digest.String()+`"`, 1)
	h := newHouse(t)
	if _, err := h.Publish(t.Context(), signed(t, text, h.ada), skill, extension(policy.Plugin, "clawea", "another")); !errors.Is(err, registry.ErrRefused) || !strings.Contains(err.Error(), "not as the policy says") {
		t.Errorf("another plugin: %v", err)
	}
	e, err := h.Publish(t.Context(), signed(t, text, h.ada), skill)
	if err != nil || !slices.Equal(e.Policy.Extensions(), []policy.Extension{plugin, skill}) {
		t.Fatalf("%v", err)
	}
}

// A draft carries how its plugins and skills are; without that nobody publishes it, and what
// people may have looked at does not change.
func TestDraftExtensions(t *testing.T) {
	h := newGoverned(t)
	d, ctx := h.drafts(), t.Context()
	text := strings.Replace(prod, `{"`, `{"agent_runtime":{"plugins_allowlist":["clawea"]},"`, 1)
	b, err := seal.Canonical([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	text = string(b)
	plugin := extension(policy.Plugin, "clawea", "1")
	_, err = d.Propose(ctx, bare(text), "ada", extension(policy.Plugin, "other", "1"))
	refused(t, "another plugin", err, `lists no "plugin" "other"`)
	id, err := d.Propose(ctx, signed(t, text, h.ada, h.carol, h.erin), "ada")
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Publish(ctx, id, "olga")
	refused(t, "without its plugin", err, "clawea wpc propose -extensions FILE")
	for range 2 {
		if _, err := d.Propose(ctx, bare(text), "bo", plugin); err != nil {
			t.Fatal(err)
		}
	}
	_, err = d.Propose(ctx, bare(text), "bo", extension(policy.Plugin, "clawea", "2"))
	refused(t, "with a changed plugin", err, "discard the draft")
	if draft, err := d.Draft(ctx, id); err != nil || !slices.Equal(draft.Extensions, []policy.Extension{plugin}) {
		t.Fatalf("%+v, %v", draft, err)
	}
	entry, err := d.Publish(ctx, id, "olga")
	if err != nil || !slices.Equal(entry.Policy.Extensions(), []policy.Extension{plugin}) {
		t.Fatalf("%+v, %v", entry, err)
	}
}

// What a draft lacks is said of its plugins and skills as well, and nothing is published that was
// not shown to whoever publishes.
func TestDraftExtensionsAreShown(t *testing.T) {
	h := newGoverned(t)
	d, ctx := h.drafts(), t.Context()
	text := strings.Replace(prod, `{"`, `{"agent_runtime":{"plugins_allowlist":["clawea"]},"`, 1)
	b, err := seal.Canonical([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	paper := signed(t, string(b), h.ada, h.carol, h.erin)
	one, other := extension(policy.Plugin, "clawea", "1"), extension(policy.Plugin, "clawea", "2")
	state := func() (lacks, shown string) {
		t.Helper()
		draft, err := d.Draft(ctx, paper.Hash())
		if err != nil {
			t.Fatal(err)
		}
		xs, err := draft.Pins()
		if (err != nil) != (len(draft.Lacks()) > 0) {
			t.Errorf("it lacks %q: %v", draft.Lacks(), err)
		}
		return strings.Join(draft.Lacks(), "; "), registry.Shown(nil, xs)
	}
	propose := func(xs ...policy.Extension) {
		t.Helper()
		if _, err := d.Propose(ctx, paper, "ada", xs...); err != nil {
			t.Fatal(err)
		}
	}
	propose()
	lacks, nothing := state()
	if !strings.Contains(lacks, `how the plugin "clawea" is`) {
		t.Errorf("it lacks %q", lacks)
	}
	propose(one) // by the same paper, signed as it was
	if lacks, _ := state(); lacks != "" {
		t.Errorf("it lacks %q", lacks)
	}
	if err := d.Discard(ctx, paper.Hash(), "ada"); err != nil {
		t.Fatal(err)
	}
	propose(one)
	lacks, shown := state()
	if lacks != "" || shown == "" {
		t.Errorf("it lacks %q, and shows %q", lacks, shown)
	}
	if err := d.Discard(ctx, paper.Hash(), "ada"); err != nil {
		t.Fatal(err)
	}
	propose(other)
	for _, was := range []string{shown, nothing} {
		_, err := d.PublishShown(ctx, paper.Hash(), "olga", was)
		refused(t, "what was shown is not so now", err, "not what you were shown")
	}
	_, now := state()
	if e, err := d.PublishShown(ctx, paper.Hash(), "olga", now); err != nil || !slices.Equal(e.Policy.Extensions(), []policy.Extension{other}) {
		t.Fatalf("%+v, %v", e, err)
	}
}
