// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/confluence"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/jira"
	"github.com/clawea/clawea/internal/tools"
	"github.com/clawea/clawea/policy"
)

// A shelf only has tools.
type shelf []string

func (shelf) Name() string { return "shelf" }

func (s shelf) Tools() []gate.Tool {
	var out []gate.Tool
	for _, name := range s {
		tool, action, _ := strings.Cut(name, ".")
		out = append(out, gate.Tool{Action: policy.Action{Tool: tool, Name: action, Class: policy.Read}, Schema: []byte(`{"type":"object"}`)})
	}
	return out
}

func (shelf) Plan(context.Context, string, []byte, []policy.Bound) (*gate.Plan, error) {
	return nil, &gate.Fault{Code: "not_offered", Msg: "nothing\nnothing"}
}

// A tool that some client could not call, or that another's name would reach, is
// not served.
func TestNamesApart(t *testing.T) {
	for name, test := range map[string]struct {
		shelf shelf
		says  string
	}{
		"apart":                {shelf{"a.b", "a.c", "a-b.c"}, ""},
		"dot and underscore":   {shelf{"a.b.c", "a.b_c"}, "tools a.b.c and a.b_c would both be called a_b_c"},
		"across tools":         {shelf{"a.b.c", "a_b.c"}, "would both be called a_b_c"},
		"twice":                {shelf{"a.b", "a.b"}, "would both be called a_b"},
		"64 characters":        {shelf{"a." + strings.Repeat("b", 62)}, ""},
		"65 characters":        {shelf{"a." + strings.Repeat("b", 63)}, "cannot be listed"},
		"no letter of a name":  {shelf{"a.b/c"}, "cannot be listed"},
		"not a letter of ours": {shelf{"a.bé"}, "cannot be listed"},
		"blank":                {shelf{"a.b c"}, "cannot be listed"},
	} {
		_, err := tools.New(new(gate.Gate), &gate.Door{}, []tools.Connector{test.shelf}, nil, tools.Waits{}, "test", slog.New(slog.DiscardHandler))
		if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// masked are names of arguments that clients take for secrets: OpenClaw keeps *** in
// their place, and shows the model that in the next turn. An issue's key is called
// issue_key for that.
var masked = regexp.MustCompile(`(?i)^(key|(.*_)?(api|access|private|signing|encryption)_?key|(.*_)?(tokens?|secrets?|passw(or)?d|passphrase|credentials?|authorization|auth|cookie|bearer|pin|otp))$`)

// No tool of the house's has an argument that clients mask, and none has a name
// that leaves no room for a client's prefix.
func TestNamesSurvive(t *testing.T) {
	wiki, err := confluence.New(confluence.Config{Site: "https://example.atlassian.net", Read: new(atlassian.Client)})
	if err != nil {
		t.Fatal(err)
	}
	args := map[string]bool{}
	for _, tool := range append(wiki.Tools(), jira.New(jira.Config{Site: "https://example.atlassian.net"}).Tools()...) {
		if tool.Unoffered {
			continue
		}
		if room := 64 - len("mcp__clawea__"); len(tool.Listed()) > room {
			t.Errorf("%s: clients that put mcp__clawea__ before it cut it", tool.Listed())
		}
		var schema any
		if err := json.Unmarshal(tool.Schema, &schema); err != nil {
			t.Fatal(err)
		}
		arguments(schema, args)
	}
	if len(args) < 40 {
		t.Errorf("only %d arguments were found", len(args))
	}
	for _, name := range slices.Sorted(maps.Keys(args)) {
		if masked.MatchString(name) {
			t.Errorf("clients mask an argument called %q", name)
		}
	}
}

// arguments collects the names of all properties in a schema, however deep.
func arguments(schema any, into map[string]bool) {
	switch v := schema.(type) {
	case map[string]any:
		if properties, ok := v["properties"].(map[string]any); ok {
			for name := range properties {
				into[name] = true
			}
		}
		for _, inner := range v {
			arguments(inner, into)
		}
	case []any:
		for _, inner := range v {
			arguments(inner, into)
		}
	}
}
