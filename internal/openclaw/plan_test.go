// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/policy"
)

var update = flag.Bool("update", false, "write the plans in testdata/plans anew")

// options are those of a house behind a sidecar.
func options() *Options {
	return &Options{
		API: Completions, BaseURL: "http://127.0.0.1:18080/secret/proxy/sim/v1", Models: []string{"small", "large"}, APIKey: "clawea",
		MCP: "http://127.0.0.1:18080/secret/mcp", Workspace: "/srv/agent", Gateway: "${OPENCLAW_GATEWAY_TOKEN}",
		Plugin: &PluginOptions{Folder: "/opt/clawea/openclaw", URL: "http://127.0.0.1:18080/secret", Secret: "/run/clawea/guard", Wait: 40 * time.Second},
	}
}

// A failing is a test, or one of rapid's.
type failing interface {
	Helper()
	Fatal(args ...any)
}

func parse(t failing, src string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func plan(t failing, src string, o *Options) *Config {
	t.Helper()
	c, err := Plan(parse(t, src), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// value is what c sets at a path; nil if nothing.
func value(c *Config, path string) any {
	for _, s := range c.Settings {
		if s.Name() == path {
			return s.Value
		}
	}
	return nil
}

func list(t failing, c *Config, path string) []string {
	t.Helper()
	var out []string
	for _, v := range value(c, path).([]any) {
		out = append(out, v.(string))
	}
	return out
}

// policies are the published shapes, one of this package's own, and the examples.
func policies(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"testdata/policies/*.json", "../../examples/policies/*.json"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, ".test.json") {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			out[strings.TrimSuffix(filepath.Base(file), ".json")] = string(b)
		}
	}
	return out
}

func TestPlans(t *testing.T) {
	for name, src := range policies(t) {
		t.Run(name, func(t *testing.T) {
			c := plan(t, src, options())
			got, err := c.JSON()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata/plans", name+".json")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("the plan is another one (-update writes it):\n%s", diff)
			}
		})
	}
}

// What of OpenClaw's tools a policy comes to.
func TestPicks(t *testing.T) {
	for _, k := range []struct{ name, src, allow string }{
		{"nothing said of tools", `{"wpc_version":"v1","model_route":{"allowed":["a"]}}`, ""},
		{"another tool's policy", `{"wpc_version":"v1","tool":"jira","tool_policy":{"allow":["read"]}}`, ""},
		{"by name", `{"wpc_version":"v1","tool_policy":{"allow":["exec","edit"]}}`, "edit exec"},
		{"by class, without what goes to strangers", `{"wpc_version":"v1","tool_policy":{"allow":["search"]}}`, "sessions_list sessions_search conversations_list agents_list"},
		{"deny wins", `{"wpc_version":"v1","tool_policy":{"allow":["exec","process","gateway"],"deny":["exec"]}}`, "process gateway"},
		{"write is denied, and leaves edit and apply_patch", `{"wpc_version":"v1","tool_policy":{"allow":["write","edit","apply_patch"],"deny":["write"]}}`, ""},
		{"a pattern", `{"wpc_version":"v1","tool_policy":{"allow":["apply_*"]}}`, "apply_patch"},
		{"both lists must allow", `{"wpc_version":"v1","tool_policy":{"allow":["exec","edit"]},"constraints":{"tool_policy":{"allow":["edit"]}}}`, "edit"},
		{"a person is asked", `{"wpc_version":"v1","tool_policy":{"allow":["exec"]},"approvals":{"required_for":["exec"]}}`, "exec"},
		{"a condition", `{"wpc_version":"v1","tool_policy":{"allow":["exec"]},"approvals":[{"when":"content.contains('x')","require":"human_approval"}]}`, "exec"},
		{"a ticket", `{"wpc_version":"v1","tool_policy":{"allow":["exec"]},"actions":{"write":{"allowed":true,"ticket_required":true}}}`, "exec"},
		{"an emergency", `{"wpc_version":"v1","tool_policy":{"allow":["exec"]},"break_glass":{"reason":"r","expires_at":"2026-01-01T00:00:00Z"}}`, "exec"},
		{"a model may not be offered it", `{"wpc_version":"v1","tool_policy":{"allow":["exec","edit"]},"model_route":{"tools_denylist":["exec"]}}`, "edit"},
		{"a model may be offered others", `{"wpc_version":"v1","tool_policy":{"allow":["exec","edit"]},"model_route":{"tools_allowlist":["exec","clawea__*"]}}`, "exec"},
		{"a bundled plugin that is not pinned", `{"wpc_version":"v1","tool_policy":{"allow":["browser","edit"]}}`, "edit"},
	} {
		c := plan(t, k.src, options())
		allow, deny := list(t, c, "tools.allow"), list(t, c, "tools.deny")
		if got := strings.Join(allow, " "); got != strings.TrimSpace(k.allow+" clawea__*") {
			t.Errorf("%s: allows %s", k.name, got)
		}
		own, err := Own()
		if err != nil {
			t.Fatal(err)
		}
		if len(allow)-1+len(deny) != len(own.Tools) {
			t.Errorf("%s: %d allowed and %d denied of %d tools", k.name, len(allow)-1, len(deny), len(own.Tools))
		}
	}
}

// Without the plugin nobody asks the house about single calls, so what hangs on these is off.
func TestPicksWithoutThePlugin(t *testing.T) {
	const tools = `{"wpc_version":"v1","tool_policy":{"allow":["exec","ls"]}`
	for rest, want := range map[string]string{
		``:                                       "ls exec",
		`,"approvals":{"required_for":["exec"]}`: "ls",
		`,"approvals":[{"when":"content.contains('x')","require":"human_approval"}]`: "",
		`,"actions":{"write":{"allowed":true,"max_writes_per_job":3}}`:               "ls",
		`,"actions":{"write":{"allowed":true,"ticket_required":true}}`:               "ls exec",
		`,"agent_runtime":{"heartbeat_seconds":30}`:                                  "",
		`,"sandbox_expectations":{"tools_run_in_sandbox":true}`:                      "ls exec",
		`,"model_route":{"tools_denylist":["exec"]}`:                                 "ls",
	} {
		with, without := options(), options()
		without.Plugin = nil
		c := plan(t, tools+rest+"}", without)
		if got := strings.Join(list(t, c, "tools.allow"), " "); got != strings.TrimSpace(want+" clawea__*") {
			t.Errorf("%s: allows %s, want %s", rest, got, want)
		}
		if full := value(c, "tools.exec.mode") == "full"; full != strings.Contains(want, "exec") {
			t.Errorf("%s: commands run without a word: %t", rest, full)
		}
		off := len(list(t, c, "tools.allow")) < len(list(t, plan(t, tools+rest+"}", with), "tools.allow"))
		if told := strings.Contains(strings.Join(c.Notes, "\n"), "asked about single calls"); told != off {
			t.Errorf("%s: told %t, off %t: %q", rest, told, off, c.Notes)
		}
	}
}

func TestSandbox(t *testing.T) {
	for _, k := range []struct{ src, mode, access, host string }{
		{`{"wpc_version":"v1"}`, "off", "rw", "gateway"},
		{`{"wpc_version":"v1","sandbox_expectations":{"tools_run_in_sandbox":true}}`, "all", "rw", "sandbox"},
		{`{"wpc_version":"v1","sandbox_expectations":{"workspace_access":"ro"}}`, "all", "ro", "sandbox"},
		{`{"wpc_version":"v1","sandbox_expectations":{"workspace_access":"rw"}}`, "off", "rw", "gateway"},
		{`{"wpc_version":"v1","constraints":{"sandbox":{"required":true,"workspaceAccess":"none"}}}`, "all", "none", "sandbox"},
		{`{"wpc_version":"v1","constraints":{"sandbox":{"workspaceAccess":"ro"}},"sandbox_expectations":{"workspace_access":"none"}}`, "all", "none", "sandbox"},
	} {
		c := plan(t, k.src, options())
		got := fmt.Sprint(value(c, "agents.defaults.sandbox.mode"), value(c, "agents.defaults.sandbox.workspaceAccess"), value(c, "tools.exec.host"))
		if want := fmt.Sprint(k.mode, k.access, k.host); got != want {
			t.Errorf("%s: %s, want %s", k.src, got, want)
		}
	}
}

func TestElevated(t *testing.T) {
	for src, off := range map[string]bool{
		`{"wpc_version":"v1"}`: true,
		`{"wpc_version":"v1","constraints":{"sandbox":{"required":true}}}`:         true,
		`{"wpc_version":"v1","constraints":{"sandbox":{"elevated_exec":"deny"}}}`:  true,
		`{"wpc_version":"v1","constraints":{"sandbox":{"elevated_exec":"allow"}}}`: false,
	} {
		if got := value(plan(t, src, options()), "tools.elevated") != nil; got != off {
			t.Errorf("%s: elevated execution is off: %t", src, got)
		}
	}
}

func TestPinnedExtensions(t *testing.T) {
	o := options()
	o.Extensions = []policy.Extension{{Kind: policy.Plugin, Name: "browser"}, {Kind: policy.Plugin, Name: "memory-core"}, {Kind: policy.Skill, Name: "github"}}
	c := plan(t, `{"wpc_version":"v1","tool_policy":{"allow":["browser","memory_get"]}}`, o)
	for path, want := range map[string]string{
		"tools.allow": "[memory_get browser clawea__*]", "plugins.allow": "[browser clawea memory-core]", "plugins.slots": "map[memory:memory-core]",
		"agents.defaults.skills": "[github]", "skills.allowBundled": "[github]", "plugins.load": "map[paths:[/opt/clawea/openclaw]]",
	} {
		if got := fmt.Sprint(value(c, path)); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

// To OpenClaw an empty list of plugins means all that it comes with.
func TestNoPlugins(t *testing.T) {
	o := options()
	o.Plugin = nil
	if on := value(plan(t, `{"wpc_version":"v1"}`, o), "plugins.enabled"); on != false {
		t.Errorf("without a plugin to load, plugins are enabled: %v", on)
	}
}

func TestNotes(t *testing.T) {
	o := options()
	o.APIKey = "${CST_TOKEN}"
	for src, want := range map[string]string{
		`{"wpc_version":"v1","tool_policy":{"allow":["exec"]}}`:                                                      "commands find in their environment",
		`{"wpc_version":"v1","tool_policy":{"allow":["exec"]},"sandbox_expectations":{"tools_run_in_sandbox":true}}`: "tools run in a sandbox",
		`{"wpc_version":"v1","tool_policy":{"allow":["browser"]}}`:                                                   "they stay off: browser",
		`{"wpc_version":"v1","tool_policy":{"allow":["edit"]}}`:                                                      "",
	} {
		notes := plan(t, src, o).Notes
		if got := strings.Join(notes, "\n"); len(notes) > 1 || !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", src, got, want)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, k := range []struct {
		says  string
		spoil func(*Options)
	}{
		{"no dialect", func(o *Options) { o.API = "ollama" }},
		{"no address", func(o *Options) { o.BaseURL = "file:///etc/passwd" }},
		{"no address", func(o *Options) { o.MCP = "http://user:pass@127.0.0.1/mcp" }},
		{"no address", func(o *Options) { o.MCP = "http://127.0.0.1/${SECRET}/mcp" }},
		{"no model", func(o *Options) { o.Models = nil }},
		{"without a key", func(o *Options) { o.APIKey = "" }},
		{"no absolute path of a workspace", func(o *Options) { o.Workspace = "agent" }},
		{"no absolute path of a plugin", func(o *Options) { o.Plugin.Folder = "guard" }},
		{"take 10m20s over a call", func(o *Options) { o.Plugin.Wait = 10 * time.Minute }},
		{"take -40s over a call", func(o *Options) { o.Plugin.Wait = -time.Minute }},
		{"is no extension", func(o *Options) { o.Extensions = []policy.Extension{{Kind: "hook", Name: "a"}} }},
		{"is no extension", func(o *Options) { o.Extensions = []policy.Extension{{Kind: policy.Skill, Name: "../a"}} }},
	} {
		o := options()
		k.spoil(o)
		_, err := Plan(parse(t, `{"wpc_version":"v1"}`), o)
		if err == nil || !strings.Contains(err.Error(), k.says) || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("want an error of two lines that says %q, got %v", k.says, err)
		}
	}
	if _, err := Plan(&policy.Policy{}, options()); err == nil {
		t.Error("planned from no policy")
	}
}

// A tool is allowed if and only if the gate could let a call of it happen, and no
// other tool is ever offered.
func TestPlanIsTheGates(t *testing.T) {
	own, err := Own()
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, tool := range own.Tools {
		words = append(words, tool.Name)
	}
	words = append(words, "read", "search", "write", "admin", "*", "sessions_*", "shell")
	entry := rapid.SampledFrom(words)
	rapid.Check(t, func(t *rapid.T) {
		allow, deny := rapid.SliceOfN(entry, 0, 4).Draw(t, "allow"), rapid.SliceOfN(entry, 0, 4).Draw(t, "deny")
		src := fmt.Sprintf(`{"wpc_version":"v1","tool_policy":{"allow":%s,"deny":%s}}`, quoted(allow), quoted(deny))
		p := parse(t, src)
		c, err := Plan(p, options())
		if err != nil {
			t.Fatal(err)
		}
		offered := list(t, c, "tools.allow")
		for _, tool := range own.Tools {
			f := &policy.Facts{Now: time.Unix(1_800_000_000, 0)}
			gate := p.Decide(&policy.Call{Tool: tool.Name, Class: tool.Class}, f).Effect != policy.Deny
			if got := slices.Contains(offered, tool.Name); got != (gate && tool.Plugin == "") {
				t.Errorf("%s: offered %t, the gate lets it happen %t", tool.Name, got, gate)
			}
		}
		if !slices.Contains(offered, "clawea__*") {
			t.Error("a list that is empty means every tool to OpenClaw")
		}
	})
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range slices.Compact(slices.Sorted(slices.Values(words))) {
		out[i] = fmt.Sprintf("%q", w)
	}
	return "[" + strings.Join(slices.DeleteFunc(out, func(s string) bool { return s == "" }), ",") + "]"
}

func TestCatalogueRefused(t *testing.T) {
	for _, src := range []string{
		`{"openclaw":"1","tools":[{"name":"a","class":"model","group":"g"}]}`,
		`{"openclaw":"1","tools":[{"name":"a","class":"read","group":"g"},{"name":"a","class":"read","group":"g"}]}`,
		`{"openclaw":"1","tools":[{"name":"A","class":"read","group":"g"}]}`,
		`{"openclaw":"1","tools":[{"name":"a","class":"read","group":"g","more":1}]}`,
		`[]`,
	} {
		if _, err := ReadCatalogue([]byte(src)); err == nil {
			t.Errorf("%s is read", src)
		}
	}
}

func FuzzReadCatalogue(f *testing.F) {
	f.Add([]byte(`{"openclaw":"1","tools":[{"name":"a","class":"read","group":"g"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ReadCatalogue(b)
		if err != nil {
			return
		}
		for _, tool := range c.Tools {
			if !isName(tool.Name) || tool.Class == "" {
				t.Errorf("%+v is read", tool)
			}
		}
	})
}
