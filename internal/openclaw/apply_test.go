// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// small is a configuration of a few settings, one of each rule.
func small() *Config {
	return &Config{Settings: []Setting{
		{Path: []string{"tools", "allow"}, Value: []any{"read", "clawea__*"}, Rule: Within},
		{Path: []string{"tools", "deny"}, Value: []any{"exec"}, Rule: Holding},
		{Path: []string{"tools", "exec", "mode"}, Value: "deny"},
		{Path: []string{"mcp", "servers"}, Value: map[string]any{"clawea": map[string]any{"url": "https://house.example/mcp"}}},
		{Path: []string{"tools", "alsoAllow"}, Rule: Unset},
		{Path: []string{"agents", "entries", "*", "tools"}, Rule: Unset},
	}}
}

func TestApplyKeepsWhatIsNotOurs(t *testing.T) {
	for _, k := range []struct{ name, was, is, diff string }{
		{"nothing there", "", `{
  "tools": {
    "allow": [
      "read",
      "clawea__*"
    ],
    "deny": [
      "exec"
    ],
    "exec": {
      "mode": "deny"
    }
  },
  "mcp": {
    "servers": {
      "clawea": {
        "url": "https://house.example/mcp"
      }
    }
  }
}
`, `+ tools.allow: ["read", "clawea__*"]
+ tools.deny: ["exec"]
+ tools.exec.mode: "deny"
+ mcp.servers: {"clawea": {"url": "https://house.example/mcp"}}
`},
		{"comments, foreign keys, commas at the end", `// ours since 2024
{
  "ui": { "theme": "dark" }, // as Kim likes it
  "tools": {
    /* loose */ "allow": ["read", "exec", "clawea__*"],
    "deny": ["exec"], // never
    "alsoAllow": ["gateway"],
    "exec": { "timeoutSeconds": 60, "mode": "full" },
  },
  "mcp": { "servers": { "clawea": { "url": "https://house.example/mcp" } } }, // all right
  "agents": { "entries": { "main": { "name": "Main", "tools": { "allow": ["*"] } }, "other": { "name": "Other" } } },
}
`, `// ours since 2024
{
  "ui": { "theme": "dark" }, // as Kim likes it
  "tools": {
    /* loose */ "allow": [
      "read",
      "clawea__*"
    ],
    "deny": ["exec"],
    "exec": { "timeoutSeconds": 60, "mode": "deny" },
  },
  "mcp": { "servers": { "clawea": { "url": "https://house.example/mcp" } } }, // all right
  "agents": { "entries": { "main": { "name": "Main" }, "other": { "name": "Other" } } },
}
`, `- tools.allow: "exec"
- tools.exec.mode: "full"
+ tools.exec.mode: "deny"
- tools.alsoAllow: ["gateway"]
- agents.entries.main.tools: {"allow": ["*"]}
`},
		{"no comma at the end, a comment there", `{
  "logging": { "level": "info" } // quiet
}`, `{
  "logging": { "level": "info" }, // quiet
  "tools": {
    "allow": [
      "read",
      "clawea__*"
    ],
    "deny": [
      "exec"
    ],
    "exec": {
      "mode": "deny"
    }
  },
  "mcp": {
    "servers": {
      "clawea": {
        "url": "https://house.example/mcp"
      }
    }
  }
}`, `+ tools.allow: ["read", "clawea__*"]
+ tools.deny: ["exec"]
+ tools.exec.mode: "deny"
+ mcp.servers: {"clawea": {"url": "https://house.example/mcp"}}
`},
	} {
		merged, diff, err := Apply([]byte(k.was), small())
		if err != nil {
			t.Fatalf("%s: %v", k.name, err)
		}
		if d := cmp.Diff(k.is, string(merged)); d != "" {
			t.Errorf("%s:\n%s", k.name, d)
		}
		if d := cmp.Diff(k.diff, diff); d != "" {
			t.Errorf("%s: the difference:\n%s", k.name, d)
		}
	}
}

// Lists and maps of ours are replaced: nothing that was there makes them wider.
func TestApplyNeverMerges(t *testing.T) {
	was := `{"mcp":{"servers":{"clawea":{"url":"https://house.example/mcp"},"shell":{"command":"sh"}}},"tools":{"allow":["*","read"],"deny":[]}}`
	merged, diff, err := Apply([]byte(was), small())
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"shell", `"*"`} {
		if bytes.Contains(merged, []byte(word)) || !strings.Contains(diff, word) {
			t.Errorf("%s: merged %s, difference %s", word, merged, diff)
		}
	}
}

func TestApplyHidesSecrets(t *testing.T) {
	c := &Config{Settings: []Setting{{Path: []string{"models", "providers"}, Value: map[string]any{"p": map[string]any{"apiKey": "${CST_TOKEN}"}}}, {Path: []string{"gateway", "auth", "token"}, Value: "new"}, {Path: []string{"mcp", "url"}, Value: "http://127.0.0.1:18080/kept-to-itself/mcp"}}}
	_, diff, err := Apply([]byte(`{"models":{"providers":{"p":{"apiKey":"sk-1","headers":{"X-A":"x-1"},"baseUrl":"https://kim:s-1@p.example/v1?k=s-2"}}},"gateway":{"auth":{"token":"t-1"}},
		"mcp":{"url":{"a":{"command":"npx","args":["--api","s-3"]},"b":{"url":"https://m.example/sse?k=s-4"},"c":{"url":"https://c.example/a@b"}}}}`), c)
	if err != nil {
		t.Fatal(err)
	}
	want := `- models.providers: {"p": {"apiKey": "(hidden)", "baseUrl": "https://(hidden)@p.example/v1?(hidden)", "headers": {"X-A": "(hidden)"}}}
+ models.providers: {"p": {"apiKey": "${CST_TOKEN}"}}
- gateway.auth.token: "(hidden)"
+ gateway.auth.token: "(hidden)"
- mcp.url: {"a": {"args": ["(hidden)", "(hidden)"], "command": "npx"}, "b": {"url": "https://m.example/sse?(hidden)"}, "c": {"url": "https://c.example/a@b"}}
+ mcp.url: "http://127.0.0.1:18080/(hidden)"
`
	if d := cmp.Diff(want, diff); d != "" {
		t.Error(d)
	}
}

func TestApplyRefuses(t *testing.T) {
	for _, k := range []struct{ says, src string }{
		{"line 1, column 2", `{tools: {}}`},
		{"line 1, column 2", `{'tools': {}}`},
		{"line 2", "{\n \"a\": 0x10}"},
		{"duplicate", `{"tools":{},"tools":{"allow":["*"]}}`},
		{"UTF-8", "{\"a\":\"\xff\"}"},
		{"unmarshal JSON array", `[]`},
		{"no object", `null`},
		{"tools comes from another file", `{"tools":{"$include":"./t.json5"}}`},
		{"the configuration comes from another file", `{"$include":["a.json5"]}`},
		{"more than 20000 objects and lists", "// " + strings.Repeat("]", 100_000) + "\n" + strings.Repeat("[", 100_000)},
		{"carriage return", "{ // loose\r\"tools\":{\"alsoAllow\":[\"*\"]}\n}"},
		{"invalid character '\\u2028' in line comment", "{ // loose\u2028\"tools\":{\"alsoAllow\":[\"*\"]}\n}"},
		{"longer than", strings.Repeat(" ", MaxConfig+1)},
	} {
		merged, diff, err := Apply([]byte(k.src), small())
		if err == nil || !strings.Contains(err.Error(), k.says) || strings.Count(err.Error(), "\n") != 1 || merged != nil || diff != "" {
			t.Errorf("%.40q: want an error of two lines that says %q, got %v", k.src, k.says, err)
		}
	}
}

// Whatever was there: it is as planned afterwards, and a second time nothing changes.
func checkApply(t interface{ Fatalf(string, ...any) }, src []byte, c *Config) {
	merged, diff, err := Apply(src, c)
	if err != nil {
		return
	}
	drifts, err := Compare(merged, c)
	if err != nil || len(drifts) > 0 {
		t.Fatalf("%s\nbecomes\n%s\nwhich drifts: %v %v", src, merged, drifts, err)
	}
	again, more, err := Apply(merged, c)
	if err != nil || more != "" || !bytes.Equal(again, merged) {
		t.Fatalf("%s\na second time:\n%s %v", merged, more, err)
	}
	if diff == "" && !bytes.Equal(merged, src) {
		t.Fatalf("%s\nchanges without a word:\n%s", src, merged)
	}
}

func TestApplyProperty(t *testing.T) {
	c := plan(t, policies(t)["commands"], options())
	var names []string
	for _, s := range c.Settings {
		names = append(names, s.Path...)
	}
	rapid.Check(t, func(t *rapid.T) {
		var value func(depth int) string
		value = func(depth int) string {
			if depth == 0 || rapid.Bool().Draw(t, "leaf") {
				return rapid.SampledFrom([]string{"true", "false", "null", "[]", `["exec"]`, `"full"`, "{}", "1", "{ // c\n}", "[1,]"}).Draw(t, "value")
			}
			var out strings.Builder
			out.WriteString("{")
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID).Draw(t, "names") {
				out.WriteString(rapid.SampledFrom([]string{"", "\n", " // c\n", "/* c */"}).Draw(t, "extra"))
				out.WriteString(`"` + name + `": ` + value(depth-1) + ",")
			}
			return strings.TrimSuffix(out.String(), rapid.SampledFrom([]string{",", "x"}).Draw(t, "comma")) + "}"
		}
		src := value(5)
		if src[0] != '{' {
			t.Skip()
		}
		checkApply(t, []byte(src), c)
	})
}

func FuzzApply(f *testing.F) {
	for _, src := range []string{"", "{}", `{"tools":{"allow":["*"],},}`, "{/* a */\"tools\":null // b\n}", `{"agents":{"entries":{"a":{"tools":{}}}}}`, `{"a":{"$include":"b"}}`, `{tools:1}`} {
		f.Add([]byte(src))
	}
	c := small()
	f.Fuzz(func(t *testing.T, b []byte) { checkApply(t, b, c) })
}
