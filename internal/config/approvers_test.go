// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/clawea/clawea/internal/sim/authenticator"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// public makes a public key whose bytes depend on seed alone, under any name.
func public(t *testing.T, name string, seed byte) string {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	text, err := note.NewEd25519VerifierKey(name, private.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestApproversSaysWhatIsWrong(t *testing.T) {
	ada, adaToo, carol, carolToo, dave := public(t, "ada", 1), public(t, "ada2", 1), public(t, "carol", 2), public(t, "carol2", 2), public(t, "dave", 3)
	house := func(sections string) string { return `{"authors": ["` + ada + `"], ` + sections + `}` }
	prod := func(q string) string { return house(`"environments": {"prod": ` + q + `}`) }
	for _, c := range []struct {
		name, text string
		at, says   string
	}{
		{"no environment", house(`"environments": {}`), "/environments", "has no environment"},
		{"name", house(`"environments": {"Prod": {"approvers": ["` + carol + `"], "required": 1}}`), "/environments", `"Prod" is not an environment's name`},
		{"name of nothing", house(`"environments": {"": {"approvers": ["` + carol + `"], "required": 1}}`), "/environments", `"" is not`},
		{"name like a path", house(`"environments": {"a/b": {"approvers": ["` + carol + `"], "required": 1}}`), "/environments", `"a/b" is not`},
		{"no approvers", prod(`{"required": 1}`), "/environments/prod", "has no approvers"},
		{"empty approvers", prod(`{"approvers": [], "required": 1}`), "/environments/prod", "has no approvers"},
		{"no number", prod(`{"approvers": ["` + carol + `"]}`), "/environments/prod", "does not say how many"},
		{"a number below one", prod(`{"approvers": ["` + carol + `"], "required": -1}`), "/environments/prod", "does not say how many"},
		{"half a person", prod(`{"approvers": ["` + carol + `"], "required": 1.5}`), "/environments/prod/required", ""},
		{"more than there are", prod(`{"approvers": ["` + carol + `"], "required": 2}`), "/environments/prod", "2 approvals are required, and 1 of the approvers"},
		{"an author makes it up", prod(`{"approvers": ["` + carol + `", "` + ada + `"], "required": 2}`), "/environments/prod", "1 of the approvers are not authors"},
		{"an author by another name makes it up", prod(`{"approvers": ["` + carol + `", "` + adaToo + `"], "required": 2}`), "/environments/prod", "1 of the approvers are not authors"},
		{"an approver twice", prod(`{"approvers": ["` + carol + `", "` + carol + `"], "required": 1}`), "/environments/prod/approvers/1", "twice"},
		{"an approver by two names", prod(`{"approvers": ["` + carol + `", "` + carolToo + `"], "required": 1}`), "/environments/prod", "by one name or two"},
		{"an approver that is no key", prod(`{"approvers": ["hush"], "required": 1}`), "/environments/prod/approvers/0", "not a public key"},
		{"unknown field", prod(`{"approvers": ["` + carol + `"], "required": 1, "require": 2}`), "/environments/prod/require", "unknown field"},

		{"break glass without approvers", house(`"break_glass": {"required": 1}`), "/break_glass", "has no approvers"},
		{"break glass by an author", house(`"break_glass": {"approvers": ["` + ada + `"], "required": 1}`), "/break_glass", "0 of the approvers are not authors"},
		{"break glass for ever", house(`"break_glass": {"approvers": ["` + carol + `"], "required": 1, "longest": "721h"}`), "/break_glass/longest", "more than 30 days"},
		{"break glass for no time", house(`"break_glass": {"approvers": ["` + carol + `"], "required": 1, "longest": "0s"}`), "/break_glass/longest", `"0s" is not a time`},
		{"break glass backwards", house(`"break_glass": {"approvers": ["` + carol + `"], "required": 1, "longest": "-1h"}`), "/break_glass/longest", `"-1h" is not a time`},
		{"break glass in fractions", house(`"break_glass": {"approvers": ["` + carol + `"], "required": 1, "longest": "1.5ms"}`), "/break_glass/longest", `is not a time`},
		{"break glass as a number", house(`"break_glass": {"approvers": ["` + carol + `"], "required": 1, "longest": 24}`), "/break_glass/longest", ""},
		{
			"break glass as easy as prod", house(`"environments": {"prod": {"approvers": ["` + carol + `", "` + dave + `"], "required": 2}},
				"break_glass": {"approvers": ["` + carol + `", "` + dave + `"], "required": 2}`),
			"/break_glass/required", "is 2, and prod requires 2 already",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.text)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			what, mend, two := strings.Cut(err.Error(), "\n")
			if !two || mend == "" || strings.Contains(mend, "\n") {
				t.Errorf("not two lines: %q", err)
			}
			if !strings.Contains(what, c.at+": ") || !strings.Contains(what, c.says) || strings.Contains(what, "hush") {
				t.Errorf("got %q, want it to say %q at %q", what, c.says, c.at)
			}
		})
	}
}

func TestApprovers(t *testing.T) {
	ada, carol, dave, erin := public(t, "ada", 1), public(t, "carol", 2), public(t, "dave", 3), public(t, "erin", 4)
	c, err := load(t, `{"authors": ["`+ada+`"],
		"environments": {"dev": {"approvers": ["`+ada+`", "`+carol+`"], "required": 1}, "prod": {"approvers": ["`+carol+`", "`+dave+`"], "required": 2}},
		"break_glass": {"approvers": ["`+carol+`", "`+dave+`", "`+erin+`"], "required": 3}}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Emergency(); got == nil || got.Longest != 24*time.Hour || c.BreakGlass.Seconds() != 86400 {
		t.Errorf("emergency %+v, %d seconds", got, c.BreakGlass.Seconds())
	}
	p, err := policy.Parse([]byte(`{"environment":"prod","wpc_version":"v1"}`))
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]seal.Verifier{}
	house := policy.Publishers{Authors: Verifiers(c.Authors), Environments: c.Quorums(), BreakGlass: c.Emergency()}
	for _, k := range house.Keys() {
		keys[k.Name()] = k
	}
	if _, err := house.Check(p, []seal.Verifier{keys["ada"], keys["carol"]}, time.Now()); !errors.Is(err, policy.ErrApprovals) {
		t.Errorf("one of two: %v", err)
	}
	if _, err := house.Check(p, []seal.Verifier{keys["ada"], keys["carol"], keys["dave"]}, time.Now()); err != nil {
		t.Errorf("two of two: %v", err)
	}
}

// People's passkeys are listed as their other keys are.
func TestPasskeysListed(t *testing.T) {
	passkey := func(name string, seed byte) string {
		a, err := authenticator.New(bytes.NewReader(bytes.Repeat([]byte{seed}, 64)), name, "house.test", seal.ES256)
		if err != nil {
			t.Fatal(err)
		}
		return a.Public
	}
	kim, lee, kimPhone := passkey("kim@house.test", 1), passkey("lee@house.test", 2), passkey("Kim@house.test", 3)
	c, err := load(t, `{"authors": ["`+kim+`"], "people": ["`+lee+`"], "environments": {"prod": {"approvers": ["`+lee+`", "`+kimPhone+`"], "required": 1}}}`)
	if err != nil || len(c.Quorums()) != 1 || c.Authors[0].Name() != "kim@house.test" {
		t.Fatal(c, err)
	}
	_, err = load(t, `{"authors": ["`+kim+`"], "environments": {"prod": {"approvers": ["`+lee+`", "`+kimPhone+`"], "required": 2}}}`)
	if err == nil || !strings.Contains(err.Error(), "1 of the approvers are not authors") {
		t.Errorf("an author's other passkey: %v", err)
	}
}

// A file that says nothing of approvals has a house without environments.
func TestWithoutApprovers(t *testing.T) {
	for _, text := range []string{`{}`, `{"environments": null, "break_glass": null}`} {
		c, err := load(t, text)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Quorums()) != 0 || c.Emergency() != nil {
			t.Errorf("%s: %v, %v", text, c.Quorums(), c.Emergency())
		}
	}
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{"24h": 24 * time.Hour, "90m": 90 * time.Minute, "1h30m": 90 * time.Minute, "1s": time.Second, "": 0, "1": 0, "day": 0, "500ms": 0} {
		var s Span
		err := s.UnmarshalText([]byte(text))
		if (err == nil) != (want != 0) || time.Duration(s) != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
		if err != nil {
			continue
		}
		b, err := s.MarshalText()
		var again Span
		if err != nil || again.UnmarshalText(b) != nil || again != s {
			t.Errorf("%q is written as %q", text, b)
		}
	}
}
