// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/clawea/clawea/internal/openclaw/openclawtest"
	"github.com/clawea/clawea/policy"
)

// gatewayToken is what the plans' reference to a Gateway's token leads to.
const gatewayToken = "OPENCLAW_GATEWAY_TOKEN=0123456789abcdef0123456789abcdef01234567"

// realPlan is a plan for h, without Clawea's plugin, which is no part of this package.
func realPlan(t *testing.T, h *openclawtest.Home, src string) *Config {
	t.Helper()
	o := options()
	o.Workspace, o.Plugin = h.Workspace, nil
	return plan(t, src, o)
}

// say runs one command of OpenClaw and reads the JSON that it says.
func say(t *testing.T, h *openclawtest.Home, v any, args ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	out, err := h.Command(ctx, []string{gatewayToken}, args...).Output()
	if err != nil {
		t.Fatalf("openclaw %v: %v\n%s", args, err, out)
	}
	if err := json.Unmarshal(out, v, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("openclaw %v: %v\n%s", args, err, out)
	}
}

// OpenClaw takes every plan, without a warning.
func TestOpenClawTakesPlans(t *testing.T) {
	h := openclawtest.Find(t).Home(t)
	for name, src := range policies(t) {
		b, err := realPlan(t, h, src).JSON()
		if err != nil {
			t.Fatal(err)
		}
		h.Write(t, b)
		var said struct {
			Valid    bool
			Warnings []any
		}
		if say(t, h, &said, "config", "validate", "--json"); !said.Valid || len(said.Warnings) > 0 {
			t.Errorf("%s: %+v", name, said)
		}
	}
}

// What people are told to do with a configuration in JSON5 makes one that can be read, and says the same.
func TestOpenClawWritesJSON(t *testing.T) {
	h := openclawtest.Find(t).Home(t)
	five := []byte("// mine\n{ tools: {deny: ['exec'], }, gateway: {port: 0x4A00, auth: {mode: 'token', token: '${OPENCLAW_GATEWAY_TOKEN}'}} }\n")
	_, err := read(five)
	if err == nil {
		t.Fatal("JSON5 is read")
	}
	_, hint, _ := strings.Cut(err.Error(), ": openclaw ")
	hint, _, _ = strings.Cut(hint, ";")
	h.Write(t, five)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	if out, err := h.Command(ctx, []string{gatewayToken}, strings.Fields(hint)...).CombinedOutput(); err != nil {
		t.Fatalf("openclaw %s: %v\n%s", hint, err, out)
	}
	text, err := Load(h.Config)
	if err != nil {
		t.Fatal(err)
	}
	plain := mustRead(t, text)
	want := map[string]any{"tools": map[string]any{"deny": []any{"exec"}}, "gateway": map[string]any{"port": 18944, "auth": map[string]any{"mode": "token", "token": "${OPENCLAW_GATEWAY_TOKEN}"}}}
	for name, v := range want {
		if !same(plain[name], v) {
			t.Errorf("%s is %v, was %v", name, plain[name], v)
		}
	}
}

// OpenClaw's own audit finds nothing in a plan that lets much happen.
func TestOpenClawAudits(t *testing.T) {
	h := openclawtest.Find(t).Home(t)
	b, err := realPlan(t, h, policies(t)["commands"]).JSON()
	if err != nil {
		t.Fatal(err)
	}
	h.Write(t, b)
	var said struct {
		Summary  struct{ Critical, Warn, Info int }
		Findings []struct {
			CheckID  string `json:"checkId"`
			Severity string
		}
	}
	say(t, h, &said, "security", "audit", "--json")
	if said.Summary.Critical != 0 || said.Summary.Info == 0 {
		t.Errorf("%+v", said)
	}
}

// In a run of OpenClaw the model is asked at the house's address only, and is offered
// what the plan allows and nothing else.
func TestOpenClawOffersWhatIsPlanned(t *testing.T) {
	h := openclawtest.Find(t).Home(t)
	var mu sync.Mutex
	var offered []string
	var others []string
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var asked struct {
			Tools []struct{ Function struct{ Name string } }
		}
		if r.URL.Path != "/proxy/sim/v1/chat/completions" || r.Header.Get("Clawea-Job") != "job-1" || json.UnmarshalRead(r.Body, &asked, json.MatchCaseInsensitiveNames(true)) != nil {
			others = append(others, r.Method+" "+r.URL.Path)
			http.NotFound(w, r)
			return
		}
		for _, tool := range asked.Tools {
			offered = append(offered, tool.Function.Name)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, `data: {"id":"c-1","object":"chat.completion.chunk","created":1,"model":"small","choices":[{"index":0,"delta":{"role":"assistant","content":"done"},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
	}))
	defer model.Close()
	o := options()
	o.Workspace, o.Plugin, o.Gateway = h.Workspace, nil, ""
	o.BaseURL, o.MCP, o.Headers = model.URL+"/proxy/sim/v1", model.URL+"/mcp", map[string]string{"Clawea-Job": "job-1"}
	c := plan(t, `{"wpc_version":"v1","tool_policy":{"allow":["read","edit","exec","memory_*"],"deny":["process"]},"model_route":{"tools_denylist":["transcripts","sessions_*"]}}`, o)
	b, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	h.Write(t, b)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		others = append(others, r.Method+" elsewhere")
		http.NotFound(w, r)
	}))
	defer elsewhere.Close()
	lay(t, h.State, map[string]string{"agents/main/agent/models.json": fmt.Sprintf( // where an agent's own file could lead
		`{"providers":{"clawproxy":{"baseUrl":%[1]q,"apiKey":"k","api":"openai-completions","models":[{"id":"small","name":"small"}]},"openai":{"baseUrl":%[1]q,"apiKey":"k","models":[]}}}`, elsewhere.URL+"/v1")})
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	if out, err := h.Command(ctx, nil, "agent", "--local", "--agent", "main", "--message", "say done", "--json").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	mu.Lock()
	defer mu.Unlock()
	allowed := list(t, c, "tools.allow")
	for _, name := range offered {
		if !slices.Contains(allowed, name) {
			t.Errorf("the model is offered %s", name)
		}
	}
	for _, name := range []string{"read", "ls", "edit", "exec"} {
		if !slices.Contains(offered, name) {
			t.Errorf("the model is not offered %s; it has %v", name, offered)
		}
	}
	for _, other := range others {
		if !strings.HasSuffix(other, " /mcp") {
			t.Errorf("asked for %s", other)
		}
	}
}

// checked checks h's configuration, with OpenClaw's own view.
func checked(t *testing.T, h *openclawtest.Home, c *Config, pinned []policy.Extension) *Report {
	t.Helper()
	getenv := func(name string) string {
		if value, ok := strings.CutPrefix(gatewayToken, name+"="); ok {
			return value
		}
		return os.Getenv(name)
	}
	r, err := Check(t.Context(), &Checkup{Plan: c, Pinned: pinned, Config: h.Config, State: h.State, Workspace: h.Workspace, Program: []string{h.Node, h.Script}, Getenv: getenv}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A configuration as planned passes, and OpenClaw's answers are all on record.
func TestCheckWithOpenClaw(t *testing.T) {
	h := openclawtest.Find(t).Home(t)
	c := realPlan(t, h, policies(t)["commands"])
	b, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	h.Write(t, b)
	r := checked(t, h, c, nil)
	if !r.OK {
		t.Errorf("%v", r.Drifts)
	}
	var asked []string
	for _, said := range r.Commands {
		asked = append(asked, strings.Join(said.Command, " "))
		if said.Fault != "" || said.Summary == "" || said.Bytes == 0 || said.Output.IsZero() {
			t.Errorf("%+v", said)
		}
	}
	if want := "--version, config get tools --json, config validate --json, security audit --json, sandbox explain --json, plugins list --json, policy check --json"; strings.Join(asked, ", ") != want {
		t.Errorf("asked %v", asked)
	}
}

// What is loosened is found in the file, and by OpenClaw itself.
func TestCheckFindsWithOpenClaw(t *testing.T) {
	h := openclawtest.Find(t).Home(t)
	c := realPlan(t, h, policies(t)["policy-as-code"])
	b, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	d, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	for path, value := range map[string]any{
		"tools.elevated":               map[string]any{"enabled": true, "allowFrom": map[string]any{"telegram": []any{"*"}}},
		"agents.defaults.sandbox.mode": "off",
		"tools.sandbox.tools.allow":    []any{"*"},
		"mcp.servers.shell":            map[string]any{"command": "sh"},
		"plugins.enabled":              true,
		"gateway.auth.token":           "${NOWHERE}",
	} {
		if err := d.put(strings.Split(path, "."), value); err != nil {
			t.Fatal(err)
		}
	}
	h.Write(t, d.text.Pack())
	lay(t, h.Workspace, map[string]string{"skills/evil/SKILL.md": "---\nname: evil\ndescription: d\n---\n"})
	r := checked(t, h, c, nil)
	found := map[string]Severity{}
	for _, d := range r.Drifts {
		found[d.Path] = d.Severity
	}
	for _, path := range []string{
		"tools.elevated", "agents.defaults.sandbox.mode", "tools.sandbox", "mcp.servers", "plugins.enabled", "gateway.auth.token", // in the file; the last also by validate
		filepath.Join(h.Workspace, "skills/evil"),                                                                                       // on the disk
		"audit tools.elevated.allowFrom.telegram.wildcard", "sandbox.mode", "sandbox.tools.allow", "elevated.enabled", "plugin browser", // by OpenClaw
		"policy check policy/mcp-unapproved-server", "policy check policy/sandbox-mode-unapproved", "policy check policy/tools-elevated-enabled",
	} {
		if found[path] == "" {
			t.Errorf("%s is not found", path)
		}
	}
	if r.OK || t.Failed() {
		t.Errorf("ok: %t; %v", r.OK, r.Drifts)
	}
}

// The catalogue has every tool of the release that it names.
func TestCatalogueIsWhole(t *testing.T) {
	dir := filepath.Dir(openclawtest.Find(t).Script)
	own, err := Own()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for _, tool := range own.Tools {
		known[tool.Name] = tool.Plugin
	}
	var release struct{ Version string }
	readJSON(t, filepath.Join(dir, "package.json"), &release)
	if release.Version != own.Release {
		t.Fatalf("the catalogue is of %s, this is %s", own.Release, release.Version)
	}
	count := 0
	for pattern, name := range map[string]*regexp.Regexp{
		"dist/tool-catalog-*.mjs":                  regexp.MustCompile(`(?m)^\t\tid: "([a-z_]+)",\n\t\tdescription`),
		"dist/core-tool-factory-descriptors-*.mjs": regexp.MustCompile(`(?m)^\t\tname: "([a-z_]+)"`),
	} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, files, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range name.FindAllStringSubmatch(string(b), -1) {
				if _, ok := known[m[1]]; !ok {
					t.Errorf("%s has %s, the catalogue has not", filepath.Base(file), m[1])
				}
				count++
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d names are found: this release has them elsewhere", count)
	}
	manifests, err := filepath.Glob(filepath.Join(dir, "dist/extensions/*/openclaw.plugin.json"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	for _, file := range manifests {
		var m struct {
			ID        string
			Contracts struct{ Tools []string }
		}
		readJSON(t, file, &m)
		for _, tool := range m.Contracts.Tools {
			if known[tool] != m.ID {
				t.Errorf("%s is a tool of the bundled plugin %s; the catalogue has plugin %q", tool, m.ID, known[tool])
			}
		}
	}
}

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(file, err)
	}
}
