// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package story_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/story"
	"github.com/clawea/clawea/verify"
)

// What the agent ran in is told, and what its program says of itself, with the texts behind.
func TestAttested(t *testing.T) {
	file, trust := vector(t, named("3.25-attested"))
	s := tell(t, file, trust)
	if len(s.Attestations) != 1 || len(s.Traces) != 1 || len(s.Policies[0].Extensions) != 2 {
		t.Fatalf("%+v, %+v", s.Attestations, s.Traces)
	}
	a := s.Attestations[0]
	if a.Unread != "" || a.Program != "openclaw, OpenClaw 2026.9.6 (eb377ac)" || a.Agent != "agent-1" || a.Launcher != "launcher" || a.Policy != s.Policies[0].Hash || !a.Until.After(a.At) {
		t.Errorf("%+v", a)
	}
	if !slices.Equal(a.Extensions, s.Policies[0].Extensions) || !strings.HasPrefix(a.Extensions[0], "plugin clawea (sha256:") || !slices.Equal(a.Tools, []string{"exec", "send"}) {
		t.Errorf("%q, %q", a.Extensions, a.Tools)
	}
	if len(a.Around) != 5 || a.Around[0] != "its tools run in a sandbox" || a.Around[1] != "it does not run with elevated rights" || a.Around[2] != "it reads the workspace" ||
		!strings.HasPrefix(a.Around[3], "a plugin asks the house about the program's own tools: sha256:") {
		t.Errorf("%q", a.Around)
	}
	if d := cmp.Diff([]string{"security audit ended with 0"}, a.Checks); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]story.Text{{Of: "What the check said: security audit", State: story.Disclosed, Text: `{"summary":{"critical":0}}`, Size: 26}}, a.Texts); d != "" {
		t.Error(d)
	}
	x := s.Traces[0]
	want := []string{
		"its own tool exec: 1 ran, 0 were kept back", "its own tool send: 0 ran, 1 were kept back", "its own tool web_search: 0 ran, 1 were kept back", "models: 1 ran, 0 were kept back",
		"the house's tool confluence_page_get: 1 ran, 0 were kept back", "the house's tool confluence_page_gone: 1 ran, 0 were kept back", "the house's tool repo_diff: 1 ran, 0 were kept back",
	}
	if d := cmp.Diff(want, x.Calls); d != "" || x.Attestation != a.Hash || x.Program != a.Program || len(x.Texts) != 1 || x.Texts[0].State != story.Disclosed {
		t.Errorf("%+v\n%s", x, d)
	}
	file, trust = vector(t, named("3.25-redacted"))
	s = tell(t, file, trust)
	if s.Attestations[0].Texts[0].State != story.Redacted || s.Traces[0].Texts[0].State != story.Redacted {
		t.Errorf("%+v, %+v", s.Attestations[0].Texts, s.Traces[0].Texts)
	}
}

// What no launcher has signed whom the reader trusts is not told.
func TestUnattested(t *testing.T) {
	for name, tt := range map[string]struct{ attestation, trace string }{
		"3.25-launcher-not-trusted": {"it is not signed by a launcher whom you trust", "it is not signed by a launcher whom you trust"},
		"3.25-by-another-name":      {"it is signed, and is no attestation of who signed it", ""},
		"3.26-malformed":            {"", "it is signed, and is no trace of who signed it"},
	} {
		file, trust := vector(t, named(name))
		s := tell(t, file, trust)
		if d := cmp.Diff(story.Attestation{Number: 1, Unread: tt.attestation}, s.Attestations[0]); (d == "") != (tt.attestation != "") {
			t.Errorf("%s: %s", name, d)
		}
		if d := cmp.Diff(story.Trace{Number: 1, Unread: tt.trace}, s.Traces[0]); (d == "") != (tt.trace != "") {
			t.Errorf("%s: %s", name, d)
		}
	}
	file, _ := vector(t, named("3.25-attested"))
	s := tell(t, file, &verify.Trust{House: "house.example"})
	if s.Attestations[0].Unread == "" || s.Traces[0].Unread == "" {
		t.Errorf("told to who trusts nobody: %+v, %+v", s.Attestations, s.Traces)
	}
	claims, err := story.Claim(file)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(claims.Keys, func(k story.Claimed) bool {
		return k.For == "launchers" && len(k.Keys) == 1 && strings.HasPrefix(k.Keys[0], "launcher+")
	}) {
		t.Errorf("%+v", claims.Keys)
	}
}
