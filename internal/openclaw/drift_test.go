// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"strings"
	"testing"
)

// loosened is what c makes of nothing, with one value put in or taken out.
func loosened(t *testing.T, c *Config, path string, value any) []byte {
	t.Helper()
	b, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	d, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	if value == nil {
		d.cut(strings.Split(path, "."))
	} else if err := d.put(strings.Split(path, "."), value); err != nil {
		t.Fatal(err)
	}
	return d.text.Pack()
}

func driftsOf(t *testing.T, config []byte, c *Config) string {
	t.Helper()
	drifts, err := Compare(config, c)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range drifts {
		out = append(out, d.Path)
	}
	return strings.Join(out, " ")
}

// Whatever the plan sets is missed, by name, where it is otherwise.
func TestEverySettingIsMissed(t *testing.T) {
	c := plan(t, policies(t)["commands"], options())
	if got := driftsOf(t, loosened(t, c, "ui", map[string]any{"theme": "dark"}), c); got != "" {
		t.Fatalf("a plan drifts from itself: %s", got)
	}
	for _, s := range c.Settings {
		name := strings.ReplaceAll(s.Name(), "*", "main")
		if s.Rule == Unset {
			if got := driftsOf(t, loosened(t, c, name, true), c); got != name {
				t.Errorf("%s is set: drift %q", name, got)
			}
			continue
		}
		if got := driftsOf(t, loosened(t, c, name, nil), c); got != name {
			t.Errorf("%s is not set: drift %q", name, got)
		}
		if got := driftsOf(t, loosened(t, c, name, "another"), c); got != name {
			t.Errorf("%s is another: drift %q", name, got)
		}
	}
}

func TestDrift(t *testing.T) {
	c := plan(t, policies(t)["commands"], options())
	allow, deny := value(c, "tools.allow").([]any), value(c, "tools.deny").([]any)
	servers := map[string]any{"clawea": value(c, "mcp.servers").(map[string]any)["clawea"], "shell": map[string]any{"command": "sh"}}
	for _, k := range []struct {
		name, path string
		value      any
		want       string
	}{
		{"a tool more", "tools.allow", append(allow[:len(allow):len(allow)], "gateway"), "tools.allow"},
		{"a tool fewer", "tools.allow", allow[1:], ""},
		{"no tools, which is all", "tools.allow", []any{}, "tools.allow"},
		{"a group", "tools.allow", []any{"group:fs"}, "tools.allow"},
		{"every tool", "tools.allow", []any{"*"}, "tools.allow"},
		{"no list of texts", "tools.allow", []any{1.0}, "tools.allow"},
		{"one denied fewer", "tools.deny", deny[1:], "tools.deny"},
		{"one denied more", "tools.deny", append(deny[:len(deny):len(deny)], "edit"), ""},
		{"a group beside", "tools.alsoAllow", []any{"group:plugins"}, "tools.alsoAllow"},
		{"by sender", "tools.toolsBySender", map[string]any{"*": map[string]any{"alsoAllow": []any{"gateway"}}}, "tools.toolsBySender"},
		{"a server beside the house's", "mcp.servers", servers, "mcp.servers"},
		{"another way to a model", "models.providers.openai", map[string]any{"apiKey": "k"}, "models.providers"},
		{"other providers found", "models.mode", "merge", "models.mode"},
		{"elevated by an agent", "agents.entries.main.tools", map[string]any{"elevated": map[string]any{"enabled": true}}, "agents.entries.main.tools"},
		{"agents listed as they used to be", "agents.list", []any{map[string]any{"id": "main", "tools": map[string]any{"allow": []any{"*"}}}}, "agents.list"},
		{"no sandbox for an agent", "agents.entries.b.sandbox", map[string]any{"mode": "off"}, "agents.entries.b.sandbox"},
		{"another harness", "agents.entries.b.runtime", map[string]any{"type": "acp"}, "agents.entries.b.runtime"},
		{"a plugin more", "plugins.allow", []any{"clawea", "xai"}, "plugins.allow"},
		{"a plugin's folder more", "plugins.load.paths", []any{"/opt/clawea/openclaw", "/tmp/x"}, "plugins.load"},
		{"without the guard", "plugins.entries.clawea.enabled", false, "plugins.entries.clawea"},
		{"the guard hurried", "plugins.entries.clawea.hooks.timeoutMs", 1.0, "plugins.entries.clawea"},
		{"code mode", "tools.codeMode", true, "tools.codeMode"},
		{"host's folder in the sandbox", "agents.defaults.sandbox.docker.binds", []any{"/:/host"}, "agents.defaults.sandbox.docker.binds"},
		{"findings hidden", "security.audit.suppressions", []any{map[string]any{"checkId": "x"}}, "security.audit.suppressions"},
		{"programs for pictures", "tools.media.models", []any{map[string]any{"type": "cli", "command": "sh"}}, "tools.media"},
		{"another file", "tools.$include", "more.json", "tools.$include"},
		{"another file, deep", "agents.entries.main.identity", map[string]any{"$include": "x.json"}, "agents.entries.main.identity.$include"},
		{"what is not ours", "agents.entries.main.identity", map[string]any{"name": "Kim"}, ""},
	} {
		if got := driftsOf(t, loosened(t, c, k.path, k.value), c); got != k.want {
			t.Errorf("%s: drift %q, want %q", k.name, got, k.want)
		}
	}
}

func TestDriftHidesSecrets(t *testing.T) {
	c := plan(t, policies(t)["commands"], options())
	drifts, err := Compare(loosened(t, c, "models.providers.openai", map[string]any{"apiKey": "sk-1"}), c)
	if err != nil || len(drifts) != 1 || strings.Contains(drifts[0].String(), "sk-1") {
		t.Error(drifts, err)
	}
}
